//! Why a text has no canonical form. It must not know how it was read.

use std::fmt::Write as _;

use crate::model::{Fault, FaultKind};

/// Why JSON text was refused, and where.
///
/// [`FaultKind::NotJson`]: the text breaks RFC 8259. [`FaultKind::NotCanonical`]: it is JSON, but outside what RFC 8785
/// can hold without loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalError {
    /// [`FaultKind::NotJson`] or [`FaultKind::NotCanonical`].
    pub kind: FaultKind,
    /// The cause in words, naming the value.
    pub reason: String,
    /// RFC 6901 pointer to the value in question; empty for the whole text.
    pub pointer: String,
    /// Byte in the text, from 0.
    pub offset: usize,
}

impl std::fmt::Display for CanonicalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)?;
        if !self.pointer.is_empty() {
            write!(f, " at {}", self.pointer)?;
        }
        write!(f, " (byte {})", self.offset)
    }
}

impl std::error::Error for CanonicalError {}

impl From<CanonicalError> for Fault {
    fn from(error: CanonicalError) -> Self {
        Self::new(error.kind, error.to_string())
    }
}

/// A cause without its words: small, so that the reading of good text pays nothing for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// Something else should stand here.
    Expected(&'static str),
    /// A control character that had to be escaped.
    Control,
    /// No escape of RFC 8259, section 7.
    Escape,
    /// Half of a surrogate pair.
    Surrogate,
    /// A name that its object has already.
    Duplicate,
    /// Deeper than [`super::MAX_DEPTH`].
    TooDeep,
    /// Digits beyond a double's precision, in an integer. Holds the number's length in bytes.
    Rounded(usize),
    /// Too large, or too close to zero, for a double. Holds the number's length in bytes.
    Range(usize),
}

/// Where and why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) offset: usize,
    pub(super) problem: Problem,
}

impl Stop {
    pub(super) fn expected(offset: usize, what: &'static str) -> Self {
        Self { offset, problem: Problem::Expected(what) }
    }
}

/// Puts a stop into words.
#[cold]
pub(super) fn explain(text: &str, stop: Stop, pointer: String) -> CanonicalError {
    let Stop { offset, problem } = stop;
    let rest = text.get(offset..).unwrap_or_default();
    let number = |len: usize| shorten(rest.get(..len).unwrap_or(rest));
    let reason = match problem {
        Problem::Expected(what) => match rest.chars().next() {
            None => format!("the text ends where {what} should stand"),
            Some(_) if rest.starts_with("NaN") || rest.starts_with("Infinity") || rest.starts_with("-Infinity") => {
                format!(
                    "{} is no JSON number",
                    number(rest.find(|c: char| c != '-' && !c.is_alphabetic()).unwrap_or(9))
                )
            }
            Some(c) => format!("expected {what}, found {c:?}"),
        },
        Problem::Control => {
            format!("{:?} must be escaped in a string", rest.chars().next().unwrap_or_default())
        }
        Problem::Escape => format!("{:?} is no JSON escape", rest.chars().take(6).collect::<String>()),
        Problem::Surrogate => {
            format!("{:?} is half of a surrogate pair", rest.chars().take(6).collect::<String>())
        }
        Problem::Duplicate => "a name stands twice in one object".to_owned(),
        Problem::TooDeep => format!("arrays and objects are nested more than {} deep", super::MAX_DEPTH),
        Problem::Rounded(len) => {
            format!("the integer {} does not fit a double exactly (RFC 8785): write it as a string", number(len))
        }
        Problem::Range(len) => {
            format!("the number {} is outside the range of a double (RFC 8785): write it as a string", number(len))
        }
    };
    let kind = match problem {
        Problem::Expected(_) | Problem::Control | Problem::Escape | Problem::TooDeep => FaultKind::NotJson,
        Problem::Surrogate | Problem::Duplicate | Problem::Rounded(_) | Problem::Range(_) => FaultKind::NotCanonical,
    };
    CanonicalError { kind, reason, pointer, offset }
}

/// At most 40 characters of a number: its first ones, and how many there are.
fn shorten(number: &str) -> String {
    let mut short: String = number.chars().take(40).collect();
    if short.len() < number.len() {
        // Writing to a String cannot fail.
        let _ = write!(short, "... ({} characters)", number.chars().count());
    }
    short
}
