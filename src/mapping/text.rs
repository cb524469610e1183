//! Texts with placeholders, filled from an item; URLs among them. It must not know what they are for.

use std::fmt::Write as _;

use super::pick::{Picked, Plan, Slot};
use crate::settings::{Part, Placeholders};

/// Longest URL of a card, in characters.
const MAX_URL: usize = 2000;

/// A text, ready to be filled.
#[derive(Debug)]
pub(super) struct Text(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Plain(String),
    Value(Slot),
    Count,
}

impl Text {
    pub(super) fn new(text: &Placeholders, plan: &mut Plan) -> Self {
        let pieces = text.parts().iter().map(|part| match part {
            Part::Text(text) => Piece::Plain(text.clone()),
            Part::Value(pointer) => Piece::Value(plan.slot(pointer)),
            Part::Count => Piece::Count,
        });
        Self(pieces.collect())
    }

    /// The text for `item`, one of `count`; none where something in it is missing, or nothing is left.
    pub(super) fn fill(&self, item: &Picked<'_>, count: usize) -> Option<String> {
        self.build(item, count, true)
    }

    /// The text with nothing in place of what is missing.
    pub(super) fn fill_anyway(&self, item: &Picked<'_>, count: usize) -> Option<String> {
        self.build(item, count, false)
    }

    fn build(&self, item: &Picked<'_>, count: usize, whole: bool) -> Option<String> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Count => drop(write!(out, "{count}")),
                Piece::Value(slot) => match item.first(&[*slot]) {
                    Some(value) => out.push_str(&value.text()),
                    None if whole => return None,
                    None => {}
                },
            }
        }
        let text = out.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The URL for `item`: values are percent-encoded (RFC 3986, section 2.1), but for one that it begins with. None where
    /// something is missing, or it is nothing that a card may link to.
    pub(super) fn url(&self, item: &Picked<'_>, count: usize) -> Option<String> {
        let mut out = String::new();
        for (at, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Plain(text) => out.push_str(text),
                Piece::Count => drop(write!(out, "{count}")),
                Piece::Value(slot) => {
                    let value = item.first(&[*slot])?;
                    let text = value.text();
                    if at == 0 { out.push_str(text.trim()) } else { encode(text.trim(), &mut out) }
                }
            }
        }
        is_link(&out).then_some(out)
    }
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}

/// As cards are checked: a scheme that a browser opens without running anything.
fn is_link(url: &str) -> bool {
    let web = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_whole = match (web, url.strip_prefix("mailto:")) {
        (Some(rest), _) => !rest.is_empty() && !rest.starts_with(['/', '?', '#']),
        (None, Some(rest)) => !rest.is_empty(),
        (None, None) => false,
    };
    let is_clean = !url.chars().any(|c| c.is_whitespace() || c.is_ascii_control());
    is_whole && is_clean && url.chars().count() <= MAX_URL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, item: &str) -> [Option<String>; 3] {
        let mut plan = Plan::default();
        let text = Text::new(&Placeholders::parse(text).expect("a text"), &mut plan);
        let picked = plan.pick(item, None).expect("JSON");
        [text.fill(&picked, 3), text.fill_anyway(&picked, 3), text.url(&picked, 3)]
    }

    #[test]
    fn values_are_put_in() {
        let [whole, anyway, _] = filled("{#} on {/a/b}: {x}", r#"{"a": {"b": "web1"}, "x": 1.0}"#);
        assert_eq!((whole.as_deref(), anyway.as_deref()), (Some("3 on web1: 1"), Some("3 on web1: 1")));
        let [whole, anyway, _] = filled("{a} and {b}", r#"{"a": "", "b": 2}"#);
        assert_eq!((whole.as_deref(), anyway.as_deref()), (None, Some("and 2")));
        assert_eq!(filled("{a}", "{}"), [None, None, None]);
    }

    #[test]
    fn urls_are_encoded_and_checked() {
        let url = |text: &str, item: &str| filled(text, item)[2].clone();
        let item = r#"{"q": "a b&c/ł", "u": "https://x/y?z=1", "bad": "javascript:alert(1)"}"#;
        assert_eq!(url("https://g/?q={q}", item).as_deref(), Some("https://g/?q=a%20b%26c%2F%C5%82"));
        assert_eq!(url("{u}", item).as_deref(), Some("https://x/y?z=1"));
        assert_eq!(url("{u}&h={q}", item).as_deref(), Some("https://x/y?z=1&h=a%20b%26c%2F%C5%82"));
        assert_eq!((url("{bad}", item), url("https://g/{none}", item), url("/local", item)), (None, None, None));
    }
}
