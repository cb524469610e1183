//! Names of services and objects, as the key grammar allows them. It must not know how keys are built.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest object id in bytes.
pub const MAX_OBJECT_ID: usize = 128;
/// Longest service name in bytes.
pub const MAX_SERVICE: usize = 63;

/// Why a text is no service name or object id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// Longer than the key grammar allows.
    #[error("it has {len} bytes, at most {max} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest allowed, in bytes.
        max: usize,
    },
    /// Its first character is outside the grammar.
    #[error("it must not begin with {0:?}")]
    BadStart(char),
    /// A later character is outside the grammar.
    #[error("{0:?} is not allowed in it")]
    BadChar(char),
}

/// A service's name, `[a-z][a-z0-9-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ServiceName(String);

impl ServiceName {
    /// Checks `text` against the grammar.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        check(
            &text,
            MAX_SERVICE,
            |c| c.is_ascii_lowercase(),
            |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        )?;
        Ok(Self(text))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ServiceName {
    fn deserialize<D: serde::Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let text = String::deserialize(de)?;
        Self::new(text.clone()).map_err(|e| serde::de::Error::custom(format!("{text:?} is no service name: {e}")))
    }
}

/// An object's id, `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`: a Ralph primary key (`4711`), or
/// `<app_label>.<model>.<pk>` for models with an id space of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ObjectId(String);

impl ObjectId {
    /// Checks `text` against the grammar.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        Self::check(&text)?;
        Ok(Self(text))
    }

    /// Checks without keeping: the hot path borrows its ids.
    pub fn check(text: &str) -> Result<(), IdError> {
        check(
            text,
            MAX_OBJECT_ID,
            |c| c.is_ascii_alphanumeric(),
            |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
        )
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &str, max: usize, first: impl Fn(char) -> bool, rest: impl Fn(char) -> bool) -> Result<(), IdError> {
    let mut chars = text.chars();
    let start = chars.next().ok_or(IdError::Empty)?;
    if text.len() > max {
        return Err(IdError::TooLong { len: text.len(), max });
    }
    if !first(start) {
        return Err(IdError::BadStart(start));
    }
    match chars.find(|c| !rest(*c)) {
        Some(c) => Err(IdError::BadChar(c)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_of_ids() {
        for good in ["4711", "data_center.rack.12", "A", "a-b_c.d", &"9".repeat(128)] {
            assert!(ObjectId::new(good).is_ok(), "{good}");
        }
        for bad in ["", ":", "a:b", "@lease", "a{b}", "a*", "-a", ".a", "ą", "a b", &"9".repeat(129)] {
            assert!(ObjectId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn grammar_of_services() {
        for good in ["hwinfo", "a", "a-1", &"a".repeat(63)] {
            assert!(ServiceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Hw", "1a", "a_b", "a.b", "-a", &"a".repeat(64)] {
            assert!(ServiceName::new(bad).is_err(), "{bad}");
        }
    }
}
