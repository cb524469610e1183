//! The order of an object's members: names by UTF-16 code units (RFC 8785, section 3.2.3). It must not know values.

use std::cmp::Ordering;

use super::scan::unescape;

/// One member of an object that is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// The first eight bytes of the name, for comparing in one step; zeros behind a shorter one.
    prefix: u64,
    /// Where its name stands in the source text, without quotes.
    name: (usize, usize),
    /// Whether the name is ASCII without escapes, so that its bytes sort as its UTF-16 code units do.
    plain: bool,
    /// Where the member begins in the output, with its name's quote.
    pub(super) at: usize,
    /// One past its last byte in the output; known when its object ends.
    pub(super) end: usize,
}

impl Member {
    /// A member whose name stands at `name` in `text`; `escaped` if there is a backslash in it.
    #[inline(always)]
    pub(super) fn new(text: &[u8], name: (usize, usize), escaped: bool, at: usize) -> Self {
        let bytes = &text[name.0..name.1];
        let prefix = match text.get(name.0..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(chunk) if bytes.len() >= 8 => u64::from_be_bytes(*chunk),
            // The closing quote and more stand behind the name: cut them off.
            Some(chunk) if !bytes.is_empty() => u64::from_be_bytes(*chunk) & (u64::MAX << (64 - 8 * bytes.len())),
            Some(_) => 0,
            None => bytes.iter().fold((0, 56), |(sum, shift), b| (sum | u64::from(*b) << shift, shift - 8)).0,
        };
        Self { prefix, name, plain: !escaped && bytes.is_ascii(), at, end: 0 }
    }

    /// Where its name begins in the source text.
    pub(super) fn offset(&self) -> usize {
        self.name.0 - 1
    }

    /// Order of the names.
    #[inline(always)]
    pub(super) fn compare(&self, other: &Self, text: &[u8]) -> Ordering {
        if self.plain && other.plain {
            // Bytes of plain names are never zero, so a padded prefix sorts a shorter name first, as it should be.
            self.prefix.cmp(&other.prefix).then_with(|| self.bytes(text).cmp(other.bytes(text)))
        } else {
            self.units(text).cmp(other.units(text))
        }
    }

    fn bytes<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.name.0..self.name.1]
    }

    /// Characters of the name. Empty from an impossible escape or byte on: both were refused before.
    pub(super) fn chars<'a>(&self, text: &'a [u8]) -> impl Iterator<Item = char> + use<'a> {
        let bytes = self.bytes(text);
        let mut at = 0;
        std::iter::from_fn(move || {
            let (c, next) = match bytes.get(at)? {
                b'\\' => unescape(bytes, at).ok()?,
                first => {
                    let len = match first {
                        0..0x80 => 1,
                        0x80..0xE0 => 2,
                        0xE0..0xF0 => 3,
                        _ => 4,
                    };
                    (std::str::from_utf8(bytes.get(at..at + len)?).ok()?.chars().next()?, at + len)
                }
            };
            at = next;
            Some(c)
        })
    }

    fn units<'a>(&self, text: &'a [u8]) -> impl Iterator<Item = u16> + use<'a> {
        self.chars(text).flat_map(|c| {
            let mut units = [0; 2];
            let len = c.encode_utf16(&mut units).len();
            units.into_iter().take(len)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(a: &str, b: &str) -> Ordering {
        let text = format!("\"{a}\"{b}");
        let names = ((1, 1 + a.len()), (a.len() + 2, text.len()));
        let member = |name| Member::new(text.as_bytes(), name, text[name.0..name.1].contains('\\'), 0);
        member(names.0).compare(&member(names.1), text.as_bytes())
    }

    #[test]
    fn names_sort_by_utf16_units() {
        let sorted = [
            "",
            "\\u0000",
            "\\r",
            "!",
            "1",
            "a",
            "aaaaaaaa",
            "aaaaaaaab",
            "ab",
            "\u{80}",
            "\u{f6}",
            "\u{20ac}",
            "\u{1f600}",
            "\u{fb33}",
            "\u{ffff}",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(order(a, b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        assert_eq!(order("a", "\\u0061"), Ordering::Equal);
        assert_eq!(order("\\ud83d\\ude00", "\u{1f600}"), Ordering::Equal);
    }
}
