//! Why a fetch failed, for people: object, value, cause once, hint. It must not know what a failed fetch leads to.

use std::{io, path::PathBuf, time::Duration};

/// Why a fetch did not end well. Whatever it had handed over before is a delta; nothing is removed.
///
/// The text is one line, and a second one, `hint: ...`, that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The settings do not make a source.
    #[error("{problem}\nhint: {hint}")]
    Settings {
        /// What is missing or too much, with its key.
        problem: String,
        /// What to write.
        hint: &'static str,
    },
    /// A command could not be started.
    #[error("cannot run {command}: {cause}\nhint: {hint}")]
    Spawn {
        /// The program and its arguments.
        command: String,
        /// What is missing, or not executable.
        cause: String,
        /// What to do.
        hint: String,
    },
    /// A command ended with another status than 0, or was killed.
    #[error("{command} ended with {status}{}\nhint: {hint}", last_line(.stderr))]
    Exit {
        /// The program and its arguments.
        command: String,
        /// `exit status 3` or `signal 9 (SIGKILL)`.
        status: String,
        /// Its last line on standard error.
        stderr: Option<String>,
        /// What to do.
        hint: &'static str,
    },
    /// A command took too long; it and its children were stopped.
    #[error("{command} did not end within {}{}\nhint: raise source.timeout, or make the command give up by itself", seconds(.after), last_line(.stderr))]
    TimedOut {
        /// The program and its arguments.
        command: String,
        /// The time allowed.
        after: Duration,
        /// Its last line on standard error.
        stderr: Option<String>,
    },
    /// A file or directory is not there.
    #[error("{} does not exist\nhint: {hint}", .path.display())]
    Missing {
        /// The file or directory.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// Reading failed.
    #[error("cannot read {what}: {cause}\nhint: {hint}")]
    Io {
        /// The file, directory or pipe.
        what: String,
        /// The cause; not repeated by `source()`.
        cause: io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// A JSON array that ended before its closing bracket.
    #[error(
        "{origin} is cut off: its JSON array ends after element {elements} without a closing bracket\nhint: write to a temporary name and rename it when it is whole"
    )]
    Truncated {
        /// What was read.
        origin: String,
        /// Whole elements seen.
        elements: u64,
    },
    /// A JSON document without the array that the records should be in.
    #[error(
        "{origin} {problem}: source.items = {pointer:?}\nhint: look at it with `jq`, and write where the array of objects is, as in /data/alerts"
    )]
    NoItems {
        /// What was read.
        origin: String,
        /// `source.items`.
        pointer: String,
        /// What it is or has instead.
        problem: &'static str,
    },
    /// Nothing at all came, which is no answer: an outage looks the same.
    #[error("{origin} {problem}\nhint: {hint}")]
    Nothing {
        /// What was read or run.
        origin: String,
        /// What it did not do.
        problem: &'static str,
        /// How to say that there are no objects.
        hint: &'static str,
    },
    /// A database refused, failed, or did not answer.
    #[error("{problem}{}\nhint: {hint}", cause_of(.cause))]
    Database {
        /// The word for the kind: `database` or `timed_out`.
        kind: &'static str,
        /// What failed, and where; no password.
        problem: String,
        /// What the database says of it, or its connection.
        cause: Option<String>,
        /// What to do.
        hint: &'static str,
    },
    /// A file that is no table, or not the one that is wanted.
    #[error("{} {problem}\nhint: {hint}", .path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What it is or has instead.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// A Redis Stream could not be read.
    #[error("{problem}\nhint: {hint}")]
    Events {
        /// What failed.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// A server did not answer as it should.
    #[error("{problem}\nhint: {hint}")]
    Http {
        /// Which one, and what it did.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// Items could not be made records of: too many of them are to be collected, or nobody knows whether these are all.
    #[error("{problem}\nhint: {hint}")]
    Mapping {
        /// What there is too much or too little of.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// What several inputs said last cannot be kept.
    #[error("{problem}\nhint: {hint}")]
    Spool {
        /// What failed, and where.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// One of several inputs failed.
    #[error("{problem}\nhint: {hint}")]
    Input {
        /// The kind of the failure.
        kind: &'static str,
        /// The input, and what happened.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// Whoever takes the records is gone: the pass was given up.
    #[error("the pass was given up\nhint: see the error before this one")]
    Closed,
}

impl SourceError {
    /// Every word that [`SourceError::kind`] may give.
    pub const KINDS: [&str; 17] = [
        "settings",
        "spawn",
        "exit",
        "timed_out",
        "missing",
        "io",
        "truncated",
        "nothing",
        "no_items",
        "http",
        "events",
        "table",
        "database",
        "mapping",
        "spool",
        "input",
        "closed",
    ];

    /// The word for its kind in JSON output and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Settings { .. } => "settings",
            Self::Spawn { .. } => "spawn",
            Self::Exit { .. } => "exit",
            Self::TimedOut { .. } => "timed_out",
            Self::Missing { .. } => "missing",
            Self::Io { .. } => "io",
            Self::Truncated { .. } => "truncated",
            Self::Nothing { .. } => "nothing",
            Self::NoItems { .. } => "no_items",
            Self::Http { .. } => "http",
            Self::Events { .. } => "events",
            Self::Table { .. } => "table",
            Self::Database { kind, .. } => kind,
            Self::Mapping { .. } => "mapping",
            Self::Spool { .. } => "spool",
            Self::Input { kind, .. } => kind,
            Self::Closed => "closed",
        }
    }

    /// What happened, in one line, without the hint.
    pub fn message(&self) -> String {
        let text = self.to_string();
        text.split("\nhint: ").next().unwrap_or_default().to_owned()
    }

    /// [`SourceError::message`] without what the command said on standard error, or the database: fit for the descriptor,
    /// which many may read.
    pub fn public(&self) -> String {
        let message = self.message();
        let end = [LAST_WORDS, ITS_CAUSE].iter().filter_map(|words| message.find(words)).min();
        message[..end.unwrap_or(message.len())].to_owned()
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let text = self.to_string();
        text.split("\nhint: ").nth(1).unwrap_or_default().to_owned()
    }

    pub(super) fn io(what: impl Into<String>, cause: io::Error) -> Self {
        let hint = match cause.kind() {
            io::ErrorKind::PermissionDenied => "let the user that ralphext runs as read it",
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => "check source.path",
            _ => "try to read it by hand as the same user",
        };
        Self::Io { what: what.into(), cause, hint }
    }
}

/// Between a message and the last line of a command's standard error.
const LAST_WORDS: &str = "; its last words: ";

/// Between a message and what a database says.
const ITS_CAUSE: &str = "; it says: ";

fn cause_of(cause: &Option<String>) -> String {
    cause.as_ref().map(|cause| format!("{ITS_CAUSE}{cause}")).unwrap_or_default()
}

fn last_line(stderr: &Option<String>) -> String {
    stderr.as_ref().map(|line| format!("{LAST_WORDS}{line}")).unwrap_or_default()
}

fn seconds(duration: &Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}
