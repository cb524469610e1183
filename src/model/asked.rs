//! Records that somebody waits for an answer about: what became of them, and how to say so. It must not know who asks.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Most refusals that are told one by one.
const REFUSALS: usize = 100;

/// One record that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The object, where it could be told.
    pub object_id: Option<String>,
    /// Kind of the cause, see [`super::FaultKind::as_str`].
    pub kind: &'static str,
    /// The cause in words.
    pub reason: String,
}

/// What became of the records of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Values written.
    pub written: u64,
    /// Objects that have this content already.
    pub unchanged: u64,
    /// Objects removed, also those that a snapshot did not name.
    pub removed: u64,
    /// Records refused.
    pub refused: u64,
    /// The first of them.
    pub refusals: Vec<Refusal>,
    /// Why objects that a snapshot did not name were kept.
    pub kept: Option<String>,
    /// The records belong to a snapshot, whose end would mean that what they did not name is gone.
    pub is_snapshot: bool,
    /// That end was there.
    pub is_complete: bool,
    /// Items of the request that were handled.
    pub items: u64,
    /// Items that came of them on their way, beside the one that each was.
    pub split: u64,
    /// Who sent them has been told something else than what would come of those that are not handled yet: they are dropped, as
    /// they would come over what was said since.
    pub is_abandoned: bool,
    /// The stretch of work in which the first of them was; what was handled in another one is not known to be in Redis.
    pub stretch: Option<u64>,
}

impl Tally {
    /// One more record was refused.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS {
            self.refusals.push(refusal);
        }
    }

    /// Whether all of the `sent` items were handled.
    pub fn has_all(&self, sent: u64) -> bool {
        self.items == sent + self.split
    }
}

/// A tally that is written on one side and read on the other.
#[derive(Debug, Clone, Default)]
pub struct SharedTally(Arc<Mutex<Tally>>);

impl SharedTally {
    /// The tally; to be held for a moment only.
    pub fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What became of its records; all that was written is in Redis.
    pub tally: Tally,
    /// Redis lost what nobody here can restore: a whole snapshot is wanted.
    pub resync: bool,
}

/// The end of a request: to be answered when everything before it is in Redis. Dropped, it says that this is not known.
pub struct Confirm {
    /// Of the request's records.
    pub tally: SharedTally,
    /// Takes the answer.
    pub reply: Box<dyn FnOnce(Answer) + Send + Sync>,
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirm").field("tally", &self.tally).finish_non_exhaustive()
    }
}
