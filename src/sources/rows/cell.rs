//! One cell as JSON: exact, or as text. It must not know which column it is in.
//!
//! A number that a double cannot hold as it is written (an id beyond 2^53, a long decimal, 1e400) becomes a string with its
//! digits: RFC 8785, and every reader in JavaScript, would round it.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

/// As many significant digits as any double keeps.
const SAFE_DIGITS: usize = 15;

/// The value of one column in one row.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sources) enum Cell<'a> {
    /// NULL; an empty cell of a spreadsheet.
    Null,
    /// True or false.
    Bool(bool),
    /// A number as JSON writes it, of any length.
    Number(Cow<'a, str>),
    /// A double; those that are no JSON number become `"NaN"`, `"Infinity"`, `"-Infinity"`.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// JSON text that is known to be valid.
    Json(Cow<'a, str>),
    /// Bytes: base64.
    Bytes(Cow<'a, [u8]>),
}

impl Cell<'_> {
    pub(super) fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Json(text) => text.trim() == "null",
            _ => false,
        }
    }

    /// Takes text for JSON, where it is.
    pub(in crate::sources) fn read_json(&mut self) {
        if let Self::Text(text) = self
            && serde_json::from_str::<&RawValue>(text).is_ok()
        {
            *self = Self::Json(std::mem::take(text));
        }
    }

    /// The cell as JSON.
    pub(super) fn push_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
            Self::Number(literal) => push_number(out, literal),
            Self::Float(double) if double.is_finite() => {
                out.extend_from_slice(ryu_js::Buffer::new().format_finite(*double).as_bytes());
            }
            Self::Float(double) => push_text(out, float_word(*double)),
            Self::Text(text) => push_text(out, text),
            Self::Json(text) => push_exact(out, text),
            Self::Bytes(bytes) => push_text(out, &STANDARD.encode(bytes)),
        }
    }

    /// The cell as a record's content of the type `media`: text that is a JSON object or array is one, unless the type says
    /// that it is something else.
    pub(super) fn push_content(&self, out: &mut Vec<u8>, media: Option<&str>) {
        let Self::Text(text) = self else { return self.push_json(out) };
        let is_json = match media {
            Some(media) => matches!(media, "json" | "card") || media.ends_with("/json") || media.ends_with("+json"),
            None => text.trim_start().starts_with(['{', '[']),
        };
        if is_json && serde_json::from_str::<&RawValue>(text).is_ok() {
            push_exact(out, text);
        } else {
            push_text(out, text);
        }
    }

    /// The cell as text without white space around it; none where there is nothing.
    pub(super) fn text(&self) -> Option<String> {
        let text = match self {
            Self::Null => return None,
            Self::Text(text) | Self::Number(text) => text.trim().to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Float(double) if double.is_finite() => ryu_js::Buffer::new().format_finite(*double).to_owned(),
            Self::Float(double) => float_word(*double).to_owned(),
            Self::Json(text) => match serde_json::from_str::<String>(text) {
                Ok(text) => text.trim().to_owned(),
                Err(_) if self.is_null() => return None,
                Err(_) => text.trim().to_owned(),
            },
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).trim().to_owned(),
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// True or false, if it is either.
    pub(super) fn truth(&self) -> Option<bool> {
        let Some(text) = self.text() else { return Some(false) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "0" => Some(false),
            _ => None,
        }
    }

    /// For messages.
    pub(super) fn shown(&self) -> String {
        let text = self.text().unwrap_or_else(|| "NULL".to_owned());
        match text.char_indices().nth(60) {
            Some((at, _)) => format!("{:?}...", &text[..at]),
            None => format!("{text:?}"),
        }
    }
}

fn float_word(double: f64) -> &'static str {
    match double {
        d if d.is_nan() => "NaN",
        d if d > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

/// `text` as a JSON string.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    let is_plain = !text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\');
    if is_plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing a string to memory does not fail.
        let _ = serde_json::to_writer(out, text);
    }
}

/// A number literal as it is, or as a string where a double would not hold it; anything else as a string.
fn push_number(out: &mut Vec<u8>, literal: &str) {
    let is_number = || serde_json::from_str::<&RawValue>(literal).is_ok_and(|raw| raw.get().as_bytes()[0] != b'"');
    if is_exact(literal) && is_number() {
        out.extend_from_slice(literal.as_bytes());
    } else {
        push_text(out, literal);
    }
}

/// JSON text with every number in it that a double would not hold as a string.
fn push_exact(out: &mut Vec<u8>, json: &str) {
    let bytes = json.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                out.extend_from_slice(&bytes[start..at]);
            }
            b'-' | b'0'..=b'9' => {
                let part = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                at += bytes[at..].iter().take_while(|b| part(b)).count();
                match json.get(start..at) {
                    Some(literal) if !is_exact(literal) => push_text(out, literal),
                    _ => out.extend_from_slice(&bytes[start..at]),
                }
            }
            _ => {
                let more = bytes[at..].iter().take_while(|b| !matches!(b, b'"' | b'-' | b'0'..=b'9')).count();
                at += more;
                out.extend_from_slice(&bytes[start..at]);
            }
        }
    }
}

/// Whether the double next to `literal` prints as the same number.
fn is_exact(literal: &str) -> bool {
    let has_exponent = literal.bytes().any(|b| matches!(b, b'e' | b'E'));
    if !has_exponent && literal.bytes().filter(u8::is_ascii_digit).count() <= SAFE_DIGITS {
        return true;
    }
    let Ok(double) = literal.parse::<f64>() else { return false };
    double.is_finite() && decimal(literal).is_some_and(|exact| decimal(&format!("{double:e}")) == Some(exact))
}

/// The significant digits of a number and the power of ten of the first one; sign left out. No digits for zero.
fn decimal(literal: &str) -> Option<(Vec<u8>, i64)> {
    let (mantissa, exponent) = match literal.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.trim_start_matches('+').parse::<i64>().ok()?),
        None => (literal, 0),
    };
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let Some(first) = digits.iter().position(|d| *d != b'0') else { return Some((Vec::new(), 0)) };
    let last = digits.iter().rposition(|d| *d != b'0').unwrap_or(first);
    let power = exponent.checked_add(whole.len() as i64)?.checked_sub(first as i64)?;
    Some((digits[first..=last].to_vec(), power))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(cell: &Cell<'_>) -> String {
        let mut out = Vec::new();
        cell.push_json(&mut out);
        String::from_utf8(out).expect("JSON is text")
    }

    #[test]
    fn numbers_that_a_double_holds_stay_numbers_and_others_become_text() {
        for exact in [
            "0",
            "-0",
            "4711",
            "9007199254740992",
            "-1.5",
            "0.1",
            "0.30000000000000004",
            "1e3",
            "1E+22",
            "12.50",
            "5e-324",
        ] {
            assert_eq!(json(&Cell::Number(exact.into())), exact);
            assert_eq!(json(&Cell::Json(format!("[{exact}]").into())), format!("[{exact}]"));
        }
        for text in
            ["9007199254740993", "12345678901234567890", "0.1234567890123456789", "1e400", "1e-400", "NaN", "0x1", ""]
        {
            assert_eq!(json(&Cell::Number(text.into())), format!("\"{text}\""), "{text}");
        }
        let nested = r#"{"a9007199254740993":[9007199254740993,"9007199254740993\"",-1.0000000000000000001,{"b":2}]}"#;
        let expected =
            r#"{"a9007199254740993":["9007199254740993","9007199254740993\"","-1.0000000000000000001",{"b":2}]}"#;
        assert_eq!(json(&Cell::Json(nested.into())), expected);
        assert_eq!(json(&Cell::Float(f64::NEG_INFINITY)), r#""-Infinity""#);
        assert_eq!(json(&Cell::Float(4711.0)), "4711");
        assert_eq!(json(&Cell::Bytes(b"\x00\xff"[..].into())), r#""AP8=""#);
    }

    #[test]
    fn content_is_json_where_it_looks_like_it_and_nothing_says_otherwise() {
        let content = |text: &str, media: Option<&str>| {
            let mut out = Vec::new();
            Cell::Text(text.into()).push_content(&mut out, media);
            String::from_utf8(out).expect("JSON is text")
        };
        assert_eq!(content(r#" {"a":1}"#, None), r#" {"a":1}"#);
        assert_eq!(content("[link](x)", None), r#""[link](x)""#);
        assert_eq!(content("4711", None), r#""4711""#);
        assert_eq!(content("4711", Some("json")), "4711");
        assert_eq!(content("[1]", Some("text/plain")), r#""[1]""#);
        assert_eq!(content("{broken", Some("card")), r#""{broken""#);
    }

    proptest! {
        #[test]
        fn every_double_and_every_short_number_is_exact(double in any::<f64>(), int in -(1i64 << 53)..=(1i64 << 53)) {
            prop_assume!(double.is_finite());
            let exact = [double.to_string(), format!("{double:e}"), int.to_string()].map(|literal| is_exact(&literal));
            prop_assert_eq!(exact, [true; 3]);
        }

        #[test]
        fn a_number_that_stays_one_is_not_rounded(literal in "-?[1-9][0-9]{0,24}(\\.[0-9]{1,24})?(e-?[0-9]{1,3})?") {
            let out = json(&Cell::Number(literal.clone().into()));
            if out == literal {
                let double: f64 = literal.parse().expect("a number");
                prop_assert_eq!(decimal(&format!("{double:e}")), decimal(&literal));
            } else {
                prop_assert_eq!(out, format!("\"{}\"", literal));
            }
        }

        #[test]
        fn any_text_becomes_a_json_string(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&json(&Cell::Text(text.clone().into()))).ok(), Some(text));
        }
    }
}
