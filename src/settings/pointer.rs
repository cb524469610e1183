//! Pointers into items, and texts with pointers in braces, as people write them. It must not look into items.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Stands for the name of the file that an item came from.
const FILE_NAME: &str = "@name";

/// Where something stands in an item: an RFC 6901 pointer, the bare name of a column or member, or `@name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointer {
    text: String,
    tokens: Vec<String>,
}

impl Pointer {
    /// Reads `text`; what is wrong with it in words that follow it.
    ///
    /// # Errors
    /// When it is empty, or a `~` stands alone in it (RFC 6901, section 3).
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("\"\" is no pointer; write such as \"/asset/id\", or a column's name".into());
        }
        let tokens = match text.strip_prefix('/') {
            None => vec![text.to_owned()],
            Some(rest) => {
                if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
                    return Err(format!(
                        "in the pointer {text:?} a ~ stands alone; write ~0 for ~ and ~1 for / in a name"
                    ));
                }
                rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
            }
        };
        Ok(Self { text: text.to_owned(), tokens })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names (or numbers, of elements) on the way, unescaped.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Whether it stands for the file's name.
    pub fn is_file_name(&self) -> bool {
        self.text == FILE_NAME
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text in which `{pointer}` stands for what an item has there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placeholders {
    text: String,
    parts: Vec<Part>,
}

/// A part of such a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// What the item has there.
    Value(Pointer),
    /// `{#}`: how many items there are.
    Count,
}

impl Placeholders {
    /// Reads `text`; what is wrong with it in words.
    ///
    /// # Errors
    /// When a brace is not closed, or opens nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(format!("in {text:?} a }} closes nothing; write }}}} for the brace itself"));
            }
            let Some((inner, after)) = rest.split_once('}') else {
                return Err(format!("in {text:?} a {{ is not closed; write {{{{ for the brace itself"));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(if inner == "#" { Part::Count } else { Part::Value(Pointer::parse(inner)?) });
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// By what items are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Where it stands.
    pub pointer: Pointer,
    /// The greatest first.
    pub reverse: bool,
}

impl SortKey {
    fn parse(text: &str) -> Result<Self, String> {
        let pointer = text.strip_prefix('-').unwrap_or(text);
        Ok(Self { pointer: Pointer::parse(pointer)?, reverse: pointer.len() < text.len() })
    }

    fn as_str(&self) -> Cow<'_, str> {
        let pointer = self.pointer.as_str();
        if self.reverse { format!("-{pointer}").into() } else { pointer.into() }
    }
}

/// Serialises as its text, and reads that text.
macro_rules! as_text {
    ($type:ty, $title:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, ser: S) -> Result<S::Ok, S::Error> {
                ser.serialize_str(&self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(de)?).map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "title": $title, "type": "string", "x-free": true })
            }
        }
    };
}

as_text!(Pointer, "pointer");
as_text!(Placeholders, "text");
as_text!(SortKey, "pointer");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers() {
        let tokens = |text: &str| Pointer::parse(text).map(|p| p.tokens().to_vec());
        assert_eq!(tokens("/a~1b/~0/0/"), Ok(["a/b", "~", "0", ""].map(String::from).to_vec()));
        assert_eq!(tokens("a/b~c"), Ok(vec!["a/b~c".to_owned()]));
        assert_eq!(tokens("~01"), Ok(vec!["~01".to_owned()]));
        assert_eq!(tokens("/~01"), Ok(vec!["~1".to_owned()]));
        assert!(tokens("").is_err() && tokens("/a~").is_err() && tokens("/~2").is_err());
        assert!(Pointer::parse("@name").is_ok_and(|p| p.is_file_name()));
    }

    #[test]
    fn texts_with_placeholders() {
        let parts = |text: &str| Placeholders::parse(text).map(|p| p.parts().to_vec());
        let value = |text: &str| Part::Value(Pointer::parse(text).expect("a pointer"));
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(parts("{#} alerts on {/labels/x}"), Ok(vec![Part::Count, text(" alerts on "), value("/labels/x")]));
        assert_eq!(parts("{{{a}}}"), Ok(vec![text("{"), value("a"), text("}")]));
        assert_eq!(parts(""), Ok(vec![]));
        for bad in ["{", "}", "a{}", "x {a", "{/a~}"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
