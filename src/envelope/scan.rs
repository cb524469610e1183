//! Strings of JSON text: where plain bytes end, what an escape means, how RFC 8785 writes a character.
//! It must not know objects or arrays.

use super::error::{Problem, Stop};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES << 7;

/// Marks (high bit) the bytes of `word` that are `"`, `\` or below 0x20; the lowest mark is exact.
#[inline(always)]
fn specials(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    // In each byte: x - 1 borrows for x = 0, x - 0x20 for x < 0x20; bytes that had the high bit before are no hits.
    let hits = (quote.wrapping_sub(ONES) & !quote)
        | (slash.wrapping_sub(ONES) & !slash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    hits & HIGHS
}

/// The first position from `at` on whose byte may not stand for itself in a string (`"`, `\`, control characters), or
/// the text's length.
#[inline(always)]
pub(super) fn plain_end(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let hits = specials(u64::from_le_bytes(*chunk));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|b| *b >= 0x20 && *b != b'"' && *b != b'\\') {
        at += 1;
    }
    at
}

/// Reads the escape whose backslash stands at `at`: its character, and the position after it.
///
/// Refuses lone surrogates, which have no UTF-8 (RFC 8785, section 3.2.2.2).
pub(super) fn unescape(text: &[u8], at: usize) -> Result<(char, usize), Stop> {
    let simple = match text.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(text, at),
        _ => return Err(Stop { offset: at, problem: Problem::Escape }),
    };
    Ok((simple, at + 2))
}

fn unescape_unicode(text: &[u8], at: usize) -> Result<(char, usize), Stop> {
    let lone = Stop { offset: at, problem: Problem::Surrogate };
    let first = hex4(text, at)?;
    if !(0xD800..0xE000).contains(&first) {
        return char::from_u32(first).map(|c| (c, at + 6)).ok_or(lone);
    }
    if first >= 0xDC00 || text.get(at + 6) != Some(&b'\\') || text.get(at + 7) != Some(&b'u') {
        return Err(lone);
    }
    let second = hex4(text, at + 6)?;
    if !(0xDC00..0xE000).contains(&second) {
        return Err(lone);
    }
    char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).map(|c| (c, at + 12)).ok_or(lone)
}

/// The four hexadecimal digits of the `\uXXXX` at `at`.
fn hex4(text: &[u8], at: usize) -> Result<u32, Stop> {
    let digits = text.get(at + 2..at + 6).ok_or(Stop { offset: at, problem: Problem::Escape })?;
    digits.iter().try_fold(0, |sum, b| {
        let digit = char::from(*b).to_digit(16).ok_or(Stop { offset: at, problem: Problem::Escape })?;
        Ok(sum * 16 + digit)
    })
}

/// Appends `c` as RFC 8785, section 3.2.2.2, writes it within a string.
pub(super) fn push_char(out: &mut Vec<u8>, c: char) {
    let short = match c {
        '"' => b'"',
        '\\' => b'\\',
        '\u{8}' => b'b',
        '\t' => b't',
        '\n' => b'n',
        '\u{c}' => b'f',
        '\r' => b'r',
        c if c < ' ' => {
            let low = c as u8;
            let digit = b"0123456789abcdef"[usize::from(low & 15)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + (low >> 4), digit]);
            return;
        }
        c => {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends `text` as a canonical JSON string, quotes included.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut from = 0;
    loop {
        let at = plain_end(bytes, from);
        out.extend_from_slice(&bytes[from..at]);
        let Some(special) = bytes.get(at) else { break };
        push_char(out, char::from(*special));
        from = at + 1;
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_end_finds_the_first_special_byte(text in proptest::collection::vec(any::<u8>(), 0..40), at in 0usize..40) {
            let at = at.min(text.len());
            let slow = text[at..].iter().position(|b| *b < 0x20 || *b == b'"' || *b == b'\\').map_or(text.len(), |p| at + p);
            prop_assert_eq!(plain_end(&text, at), slow);
        }

        #[test]
        fn strings_read_back(text in any::<String>()) {
            let mut out = Vec::new();
            push_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn control_characters_take_their_short_forms() {
        let mut out = Vec::new();
        push_string(&mut out, "\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{7f}\u{1f}\u{8}\t\u{c}\r");
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\\u001f\\b\\t\\f\\r\"");
    }
}
