//! Why one object could not be taken: the cause that logs, `explain` and the summary name. It must not log.

use std::fmt;

use super::Place;

/// The kinds of cause, for counting and for logging once per change of cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// The text is no JSON, or no JSON object.
    NotJson,
    /// A record without an id.
    NoId,
    /// An id outside the key grammar.
    BadId,
    /// A field that records do not have, or one of a wrong type.
    BadField,
    /// A record with neither content nor `deleted`.
    NoContent,
    /// Larger than `limits.max_content` (or `limits.max_binary`).
    TooLarge,
    /// There is no room for it within `limits.max_total`.
    NoRoom,
    /// Content that has no canonical form (RFC 8785): a number out of range, a lone surrogate, a name twice.
    NotCanonical,
    /// A content type that is none, or that does not fit the content.
    BadType,
    /// Content that could not be rendered.
    Render,
    /// A file that could not be read.
    Unreadable,
    /// The same id twice in one snapshot, with different content.
    Duplicate,
    /// `match` in place of `id`, which no identity is configured for.
    Unresolved,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NotJson,
        Self::NoId,
        Self::BadId,
        Self::BadField,
        Self::NoContent,
        Self::TooLarge,
        Self::NoRoom,
        Self::NotCanonical,
        Self::BadType,
        Self::Render,
        Self::Unreadable,
        Self::Duplicate,
        Self::Unresolved,
    ];

    /// The word for it in logs, JSON output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NoId => "no_id",
            Self::BadId => "bad_id",
            Self::BadField => "bad_field",
            Self::NoContent => "no_content",
            Self::TooLarge => "too_large",
            Self::NoRoom => "no_room",
            Self::NotCanonical => "not_canonical",
            Self::BadType => "bad_type",
            Self::Render => "render",
            Self::Unreadable => "unreadable",
            Self::Duplicate => "duplicate",
            Self::Unresolved => "unresolved",
        }
    }
}

/// One bad object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Kind of the cause.
    pub kind: FaultKind,
    /// The cause in words, naming the value; no trailing full stop.
    pub reason: String,
}

impl Fault {
    /// A fault of `kind` with `reason` in words.
    pub fn new(kind: FaultKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// The fault together with where it was found, for people.
    pub fn at(&self, place: &Place) -> String {
        format!("{place}: {self}")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
