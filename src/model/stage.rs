//! What a source hands to the pipeline. It must not know any particular source.

use std::{
    fmt,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use super::{Confirm, ContentType, Fault, SharedTally};

/// Where a record came from, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A file's path, `stdin`, or a command's name.
    pub origin: Arc<str>,
    /// Line in it (or element number of a JSON array), from 1; 0 where there is none.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { f.write_str(&self.origin) } else { write!(f, "{}:{}", self.origin, self.line) }
    }
}

/// One record's text within a [`Block`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// See [`Place::line`].
    pub line: u64,
}

impl Span {
    /// Its bytes' range in [`Block::data`].
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Many record texts, cut but not parsed: bytes are read once and borrowed from here on.
#[derive(Debug, Default)]
pub struct Block {
    /// The bytes as read.
    pub data: Vec<u8>,
    /// The records in `data`, in order, without blank lines and line ends.
    pub records: Vec<Span>,
}

/// One file of a directory source: the whole file is the content.
#[derive(Debug)]
pub struct Document {
    /// The file's stem.
    pub id: String,
    /// By the file's extension.
    pub content_type: ContentType,
    /// The file's bytes.
    pub data: Vec<u8>,
    /// The file.
    pub place: Place,
}

/// A record that names an object by what is known of it, and leads to none.
#[derive(Debug)]
pub struct Unmatched {
    /// Where it stands.
    pub place: Place,
    /// What it knows, as JSON, shortened.
    pub matching: String,
    /// Why it leads to none, in a word.
    pub reason: &'static str,
    /// The same in a sentence.
    pub why: String,
    /// It may be about any object, so the snapshot removes nothing.
    pub hides: bool,
    /// Ids of objects that it may be about.
    pub keep: Vec<String>,
}

/// One of several inputs told all that it has: may its parts go that it did not name?
pub struct Vanishing {
    /// The input.
    pub input: Arc<str>,
    /// Objects that it names.
    pub present: u64,
    /// Those of them that it did not have before.
    pub new: u64,
    /// Objects that it had before and does not name.
    pub vanished: u64,
    /// Takes the answer, which is why not; dropped, they may not go.
    pub reply: Box<dyn FnOnce(Result<(), String>) + Send + Sync>,
}

impl fmt::Debug for Vanishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vanishing")
            .field("input", &self.input)
            .field("vanished", &self.vanished)
            .finish_non_exhaustive()
    }
}

/// What a source emits, in order.
#[derive(Debug)]
pub enum Fetched {
    /// Record texts, all from one origin.
    Block {
        /// See [`Place::origin`].
        origin: Arc<str>,
        /// The texts.
        block: Block,
    },
    /// A whole file as one object.
    Document(Document),
    /// The object has what it had the last time it was told, as the source knows without telling it again.
    Same {
        /// The object.
        id: String,
    },
    /// The next record is about the object `id`, as one before it in this snapshot was.
    Again {
        /// The object.
        id: String,
        /// By what each of them is about it.
        why: String,
    },
    /// A record about an object that nobody knows.
    Unmatched(Box<Unmatched>),
    /// Objects with numeric ids in these ranges may be what such records are about.
    Keep(Vec<RangeInclusive<u64>>),
    /// Something that is no record; the snapshot it is in removes nothing.
    Broken {
        /// Where.
        place: Place,
        /// The object's id, where it could be told.
        id: Option<String>,
        /// Why.
        fault: Fault,
    },
    /// The source is quiet for now: what was handed over should become visible.
    Idle,
    /// The snapshot under way broke off: it was a delta, and removes nothing.
    BrokenOff,
    /// An input wants to know whether it may shrink.
    Vanishing(Vanishing),
    /// One of the others, from someone who waits for an answer.
    Asked(Box<Fetched>, SharedTally),
    /// Such a one has said all, and now waits.
    Confirm(Confirm),
}

/// How a fetch ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The whole truth was told: absence means gone.
    Complete,
    /// What changed since the last fetch was told, all of it; what is gone was not looked for.
    Delta,
    /// The source knows that it would tell what it told last time, and handed nothing over.
    Unchanged,
    /// The input ended; it was complete only if its last record was `{"end": true}`.
    Open,
}
