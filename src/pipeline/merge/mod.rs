//! A source made of several inputs: what each has for an object is kept in the spool, and the object's content is what they
//! have for it together. It must not know which sources the inputs are, nor Redis.
//!
//! Each input has a handler of its own, with the rules of the engine's: what did not change costs nothing. What changed is
//! committed to the spool and only then handed on, merged. So the content of an object follows from what the spool holds,
//! in whatever order the inputs told it.

mod board;
mod desk;
mod guarding;
mod input;
mod record;
mod runner;
#[cfg(test)]
mod tests;
mod told;

use std::{path::Path, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc, task::block_in_place};
use tracing::info;

pub use board::Board;
use desk::Desk;
pub(super) use record::record;
use runner::Runner;

use super::spooling::lock;
use crate::{
    model::Ending,
    settings::Settings,
    sources::{BoxFuture, Sink, Source, SourceError},
    spool::{Scratch, Spool, SpoolError},
};

/// Items that wait between the inputs and the desk: blocks of up to 256 KiB.
const QUEUE: usize = 2;

/// What the merged source is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merging {
    /// The inputs are asked again and again, and their changes are handed on as they come.
    Run,
    /// Each input is asked once, and then all that there is is handed on: a snapshot.
    Once,
    /// The same, on a copy of the spool.
    Dry,
    /// The same, and without the spool where a sidecar has it: for somebody who only wants to see.
    Look,
}

impl Merging {
    fn is_on_copy(self) -> bool {
        matches!(self, Self::Dry | Self::Look)
    }
}

/// An input's name and its source; none where it contributes only what the spool has of it.
pub type Named = (String, Option<Box<dyn Source>>);

/// See the module.
struct Merged {
    shown: String,
    runners: Vec<Runner>,
    desk: Desk,
    merging: Merging,
    settings: Settings,
    board: Board,
    scratch: Option<Scratch>,
}

/// The source of the service of `settings`, whose engine has `board`.
pub fn merged(inputs: Vec<Named>, settings: &Settings, board: Board, merging: Merging) -> Box<dyn Source> {
    let shown: Vec<String> = inputs
        .iter()
        .map(|(name, source)| match source {
            Some(source) => format!("{name} ({})", source.describe()),
            None => format!("{name} (the spool)"),
        })
        .collect();
    let desk = Desk::new(settings, board.clone(), merging);
    let runners = inputs.into_iter().filter_map(|(name, source)| {
        let at = desk.position(&name)?;
        Some(Runner::new(at, &name, source?, settings, desk.settled(at)))
    });
    let runners = runners.collect();
    let (shown, settings) = (shown.join(", "), settings.clone());
    Box::new(Merged { shown, runners, desk, merging, settings, board, scratch: None })
}

impl Merged {
    async fn run(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        if self.merging.is_on_copy() {
            self.open_scratch()?;
        }
        self.desk.begin()?;
        let (tx, news) = mpsc::channel(QUEUE);
        let forever = self.merging == Merging::Run;
        let running: FuturesUnordered<_> =
            self.runners.iter_mut().map(|runner| runner.run(forever, tx.clone())).collect();
        drop(tx);
        let all = async {
            running.collect::<()>().await;
            Ok(())
        };
        let ((), ending) = tokio::try_join!(all, self.desk.work(news, sink))?;
        Ok(ending)
    }

    /// A copy of the spool in place of the spool.
    fn open_scratch(&mut self) -> Result<(), SourceError> {
        self.close_scratch();
        let folder = self.settings.source.spool.clone().unwrap_or_default();
        let mut copied = Scratch::of(&folder, self.settings.name(), Duration::ZERO);
        if copied.as_ref().is_err_and(SpoolError::is_in_use) && self.merging == Merging::Look {
            let service = self.settings.name().as_str();
            info!(service, "a running sidecar has the spool open: what was pushed is not shown");
            copied = Scratch::of(Path::new(""), self.settings.name(), Duration::ZERO);
        }
        let (scratch, spool): (Scratch, Spool) = copied.map_err(|e| failed(&e))?;
        self.scratch = Some(scratch);
        *lock(self.board.spool()) = Some(spool);
        Ok(())
    }

    fn close_scratch(&mut self) {
        if self.merging.is_on_copy() {
            *lock(self.board.spool()) = None;
            self.scratch = None;
        }
    }
}

impl Drop for Merged {
    fn drop(&mut self) {
        self.close_scratch();
    }
}

/// The spool cannot be used.
fn failed(e: &SpoolError) -> SourceError {
    let hint = if e.is_in_use() {
        "a sidecar of this service runs here and has it open: ask that one (`ralphext status`), or stop it first"
    } else {
        e.hint()
    };
    SourceError::Spool { problem: e.to_string(), hint }
}

/// Does `work` with the spool, which may take its time.
fn with<T>(board: &Board, work: impl FnOnce(&Spool) -> Result<T, SpoolError>) -> Result<T, SourceError> {
    let spool = lock(board.spool());
    let Some(spool) = spool.as_ref() else {
        return Err(SourceError::Spool {
            problem: "there is no spool to keep in what the inputs tell".to_owned(),
            hint: "see the log before this line; source.spool has to be a directory that can be written to",
        });
    };
    block_in_place(|| work(spool)).map_err(|e| failed(&e))
}

impl Source for Merged {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn is_stream(&self) -> bool {
        self.merging == Merging::Run
    }

    fn describe(&self) -> String {
        format!("inputs {}", self.shown)
    }

    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let closing: FuturesUnordered<_> = self.runners.iter_mut().map(Runner::close).collect();
            closing.collect::<()>().await;
            self.close_scratch();
        })
    }
}
