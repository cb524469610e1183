//! One value of an item, as text and as JSON. It must not know which one.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A value that says something: null and empty texts say nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    /// As it is spelt.
    Number(&'a str),
    Bool(bool),
    /// An object or array, as JSON text.
    Nested(&'a str),
}

impl<'a> Scalar<'a> {
    /// Reads JSON text that is known to be well-formed.
    pub(super) fn read(raw: &'a str) -> Option<Self> {
        Some(match raw.as_bytes().first()? {
            b'"' => {
                let text = string(raw)?;
                if text.trim().is_empty() {
                    return None;
                }
                Self::Text(text)
            }
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            b'n' => return None,
            b'{' | b'[' => Self::Nested(raw),
            _ => Self::Number(raw),
        })
    }

    /// Its text for people and for ids: `4711.0`, as spreadsheets have it, is `4711`; a list of values has commas.
    pub(super) fn text(&self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => whole(number).into(),
            Self::Bool(true) => "true".into(),
            Self::Bool(false) => "false".into(),
            Self::Nested(raw) => list(raw).map_or(Cow::Borrowed(*raw), Cow::Owned),
        }
    }
}

/// A JSON string's text; none where it is no Unicode (a lone surrogate).
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.get(1..raw.len().checked_sub(1)?)?;
    if inner.contains('\\') { serde_json::from_str::<String>(raw).ok().map(Cow::Owned) } else { Some(inner.into()) }
}

fn whole(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        _ => number,
    }
}

/// The values of an array that has nothing else.
fn list(raw: &str) -> Option<String> {
    let values: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
    let texts = values.iter().map(|value| match Scalar::read(value.get()) {
        Some(Scalar::Nested(_)) => None,
        Some(scalar) => Some(scalar.text()),
        None => Some("".into()),
    });
    let texts: Vec<_> = texts.collect::<Option<_>>()?;
    Some(texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", "))
}

/// Appends `text` as a JSON string.
pub(super) fn quote(text: &str, out: &mut Vec<u8>) {
    // Writing into memory does not fail, and a text is always JSON.
    let _ = serde_json::to_writer(out, text);
}

/// Appends `text` as a JSON string of at most `max` characters.
pub(super) fn quote_cut(text: &str, max: usize, out: &mut Vec<u8>) {
    quote(&cut(text, max), out);
}

/// `text`, or its beginning and an ellipsis: at most `max` characters.
pub(super) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max || text.char_indices().nth(max).is_none() {
        return text.into();
    }
    let end = text.char_indices().nth(max - 1).map_or(text.len(), |(at, _)| at);
    format!("{}\u{2026}", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let text = |raw: &'static str| Scalar::read(raw).map(|scalar| scalar.text().into_owned());
        for (raw, shown) in [
            (r#""web1""#, "web1"),
            (r#""\u0142""#, "ł"),
            ("4711", "4711"),
            ("4711.0", "4711"),
            ("4711.50", "4711.50"),
            ("1e3", "1e3"),
            ("false", "false"),
            (r#"["a", 1.0, null, true]"#, "a, 1, true"),
            (r#"[{"a":1}]"#, r#"[{"a":1}]"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(text(raw).as_deref(), Some(shown), "{raw}");
        }
        for nothing in ["null", r#""""#, r#"" \n""#, r#""\ud800""#] {
            assert_eq!(text(nothing), None, "{nothing}");
        }
        assert_eq!((cut("ąęć", 3), cut("ąęćó", 3)), ("ąęć".into(), "ąę…".into()));
    }
}
