//! What an object's content is made of before it is sealed. It must not know templates, hashing or Redis.

use std::borrow::Cow;

/// A media type, lower-case, without parameters (RFC 9110, section 8.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContentType(Cow<'static, str>);

impl ContentType {
    /// Free JSON.
    pub const JSON: Self = Self(Cow::Borrowed("application/json"));
    /// The card of `schemas/card.v1.schema.json`.
    pub const CARD: Self = Self(Cow::Borrowed("application/vnd.ralphext.card+json"));
    /// Sanitised HTML.
    pub const HTML: Self = Self(Cow::Borrowed("text/html"));
    /// Markdown: rendered to HTML before it is sealed, never stored.
    pub const MARKDOWN: Self = Self(Cow::Borrowed("text/markdown"));
    /// Plain text.
    pub const TEXT: Self = Self(Cow::Borrowed("text/plain"));

    /// Reads `type/subtype`; the words `json`, `card`, `html`, `markdown` and `text` are short for the usual ones.
    ///
    /// Parameters are refused: everything is UTF-8. So are types that a browser would run (XML, SVG, scripts): nothing
    /// sanitises them.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "json" | "application/json" => Self::JSON,
            "card" | "application/vnd.ralphext.card+json" => Self::CARD,
            "html" | "text/html" => Self::HTML,
            "markdown" | "text/markdown" => Self::MARKDOWN,
            "text" | "text/plain" => Self::TEXT,
            other => {
                let (kind, sub) = other.split_once('/')?;
                let token = |s: &str| {
                    !s.is_empty()
                        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".+-_".contains(&b))
                };
                // Types that a browser would run or render without our sanitiser.
                let active = ["xml", "javascript", "ecmascript", "xhtml"].iter().any(|word| sub.contains(word));
                if other.len() > 100 || active || !token(kind) || !token(sub) {
                    return None;
                }
                Self(Cow::Owned(other.to_owned()))
            }
        })
    }

    /// `type/subtype`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its content is a JSON value of its own in the envelope.
    pub fn is_json(&self) -> bool {
        *self == Self::JSON || *self == Self::CARD
    }

    /// How its content stands in the envelope.
    pub fn encoding(&self) -> Encoding {
        if self.is_json() {
            Encoding::Json
        } else if self.0.starts_with("text/") {
            Encoding::Utf8
        } else {
            Encoding::Base64
        }
    }
}

/// How the envelope's `content` field holds the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// A JSON value.
    Json,
    /// A JSON string holding the text.
    Utf8,
    /// A JSON string holding base64 (RFC 4648, section 4) of the bytes.
    Base64,
}

impl Encoding {
    /// The envelope's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Utf8 => "utf-8",
            Self::Base64 => "base64",
        }
    }
}

/// Rendered, sanitised content, ready to be sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Content<'a> {
    /// Its media type.
    pub content_type: ContentType,
    /// For [`Encoding::Json`] the JSON text as the source gave it (not canonical yet); for [`Encoding::Utf8`] the
    /// text itself; for [`Encoding::Base64`] the base64 text.
    pub body: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        assert_eq!(ContentType::parse("card"), Some(ContentType::CARD));
        assert_eq!(ContentType::parse("application/pdf").map(|t| t.encoding()), Some(Encoding::Base64));
        assert_eq!(ContentType::parse("text/csv").map(|t| t.encoding()), Some(Encoding::Utf8));
        for bad in [
            "",
            "pdf",
            "Text/HTML",
            "text/html; charset=utf-8",
            "a/b/c",
            "/x",
            "image/svg+xml",
            "text/xml",
            "text/javascript",
        ] {
            assert_eq!(ContentType::parse(bad), None, "{bad}");
        }
    }
}
