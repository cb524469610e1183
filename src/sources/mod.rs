//! Sources: what it means to fetch records. They cut records and hand them on; they must not parse them, nor know what
//! becomes of them.
//!
//! | kind | what one fetch is | ends as |
//! |---|---|---|
//! | `file` | a file (NDJSON or one JSON array) or a directory read to its end | complete, if it did not change meanwhile |
//! | `exec` | one run of a command | complete, if its exit status is 0 |
//! | `stream` | the life of a command | open |
//! | `push` | whatever is handed in while the process runs | never |
//! | `stdin` | standard input to its end | open, or complete with `source.complete` |
//! | `events` | entries of a Redis Stream, each acknowledged when it is taken | never |
//! | `http` | all pages of a list, or a request for each object | complete, or unchanged (304) |
//! | `sql` | the rows of a query | complete, or a delta with `source.sql.full_every` |

mod array;
mod child;
mod cut;
mod directory;
mod document;
mod error;
mod events;
mod exec;
mod file;
mod http;
mod lines;
mod peek;
mod pump;
mod push;
mod rows;
mod sink;
mod sql;
mod stdin;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod watch;

use std::{future::Future, pin::Pin};

pub use child::foresee;
pub use error::SourceError;
pub use events::Events;
pub use push::{Feed, Inbox, Push, Unconfirmed, push};
pub use sink::Sink;
pub use watch::Watch;

use crate::{
    model::Ending,
    process,
    settings::{self, Limits, Secret, SourceKind},
};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where records come from.
pub trait Source: Send {
    /// One fetch: a snapshot (file, exec, stdin), or the life of a stream. Dropping the future cancels it: a command is
    /// stopped with all its children.
    ///
    /// # Errors
    /// Whatever was handed over before an error is a delta, not a snapshot.
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>>;

    /// Not all of what the last fetch gave stands in Redis: the next one must hand all of it over, whatever a validator
    /// (an `ETag`, a time of change) says.
    fn forget(&mut self) {}

    /// The next fetch is to ask for these objects only, and ends as a delta. False where the source has no single ones: then
    /// it fetches all.
    fn narrow(&mut self, ids: &[String]) -> bool {
        let _ = ids;
        false
    }

    /// Resolves when something changed that a fetch would see, also when that was before the call, but after the last
    /// fetch began; never where there is nothing to watch. May be dropped at any time without losing a change.
    fn changed<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        Box::pin(std::future::pending())
    }

    /// Whether a fetch is a long-lived stream of deltas, to be started again with back-off and not on an interval.
    fn is_stream(&self) -> bool {
        false
    }

    /// What it is, for people: `exec ./facts.sh`, `file /x/y.ndjson`.
    fn describe(&self) -> String;

    /// Waits until what a cancelled fetch left behind has ended, a few seconds at most: a command that was told to stop
    /// may clean up. To be awaited before the process ends; without it the command is killed at once.
    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What a source has to know beside its settings.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Passwords and URLs of Redis: no environment variable that holds one of them reaches a child.
    pub secrets: Vec<Secret>,
    /// Whether somebody will wait on [`Source::changed`]; `once` does not, and saves the watch.
    pub watch: bool,
}

impl Options {
    /// For a service with this Redis. A password that was read from `redis.password_file` has to be added.
    pub fn new(redis: &settings::Redis, watch: bool) -> Self {
        Self { secrets: process::secrets_of(redis), watch }
    }
}

/// Builds the source that `settings` ask for. Starts nothing but the watch of a file.
///
/// # Errors
/// [`SourceError::Settings`] when the command or the path is missing.
pub fn build(settings: &settings::Source, limits: &Limits, options: &Options) -> Result<Box<dyn Source>, SourceError> {
    let max_line = max_line(limits);
    Ok(match settings.kind {
        SourceKind::File => Box::new(file::File::new(settings, max_line, options.watch)?),
        SourceKind::Exec => Box::new(exec::Exec::new(settings, max_line, &options.secrets)?),
        SourceKind::Stream => Box::new(stream::Stream::new(settings, max_line, &options.secrets)?),
        SourceKind::Push => {
            return Err(SourceError::Settings {
                problem: "source.kind = \"push\" is for `ralphext run`, which listens for what is pushed".into(),
                hint: "for one pass, pipe records in: ralphext once --source stdin",
            });
        }
        SourceKind::Events => {
            return Err(SourceError::Settings {
                problem: "source.kind = \"events\" is for `ralphext run`: a stream has no end".into(),
                hint: "for one pass, pipe records in: ralphext once --source stdin",
            });
        }
        SourceKind::Stdin => Box::new(stdin::Stdin::new(settings, max_line)),
        SourceKind::Http => Box::new(http::Http::new(settings, max_line, options.watch)?),
        SourceKind::Sql => Box::new(sql::Sql::new(settings, max_line)?),
    })
}

/// Longest record text in bytes that could still hold content within the limits: JSON may spell each byte of a text in
/// six (`\u0041`), base64 takes 4 for 3, and the other members need some room. Longer ones are skipped unheld.
pub fn max_line(limits: &Limits) -> usize {
    let text = limits.max_content.as_usize().saturating_mul(6);
    let binary = limits.max_binary.as_usize().div_ceil(3).saturating_mul(4);
    text.max(binary).saturating_add(4096)
}
