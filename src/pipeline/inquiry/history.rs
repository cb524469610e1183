//! What was decided of late about which object, and whoever listens to it: the last few thousand decisions, without skips.
//! It must not decide.

use std::collections::VecDeque;

use serde::Serialize;
use tokio::sync::broadcast;
use xxhash_rust::xxh3::xxh3_64;

use crate::{decision::WriteReason, model::UnixMs, pipeline::handle::Handler, registry::Stamp};

/// Decisions that are remembered, 32 bytes each.
const REMEMBERED: usize = 8192;
/// Decisions of one object that are told.
const TOLD: usize = 20;
/// Changes that wait for a listener; one that is further behind misses some, and is told so.
const BEHIND: usize = 1024;

/// What can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// To write the value.
    Write(WriteReason),
    /// To remove the key.
    Remove,
    /// To refuse the record.
    Refuse(&'static str),
    /// A renewal found that the value is gone, or another's.
    Lost,
}

impl Decided {
    /// The word for it: a reason to write, `removed`, `refused` or `lost`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write(reason) => reason.as_str(),
            Self::Remove => "removed",
            Self::Refuse(_) => "refused",
            Self::Lost => "lost",
        }
    }
}

/// A decision about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Decision {
    /// When.
    pub at: Stamp,
    /// What: `new`, `changed`, `healed` or `expired` (the value was written, for that reason), `removed`, `refused`, or `lost`.
    pub decision: &'static str,
    /// Why a record was refused, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "&str")]
    pub kind: Option<&'static str>,
    /// Number of the pass, from the start of the process.
    pub pass: u32,
}

/// A change that Redis has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The object.
    pub id: String,
    /// The version that was written; none where the key was removed.
    pub version: Option<u64>,
    /// When Redis had it.
    pub at: UnixMs,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: UnixMs,
    /// Hash of the id: slots are used again.
    who: u64,
    slot: u32,
    pass: u32,
    decided: Decided,
}

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    changes: Option<broadcast::Sender<Change>>,
}

impl History {
    /// Begins to remember.
    pub(super) fn switch_on(&mut self) -> broadcast::Sender<Change> {
        self.changes.get_or_insert_with(|| broadcast::Sender::new(BEHIND)).clone()
    }

    /// Takes note of a decision about the object `id`, which has `slot` in the ledger.
    pub fn note(&mut self, slot: Option<u32>, id: &str, decided: Decided, pass: u32) {
        if self.changes.is_none() {
            return;
        }
        if self.entries.len() >= REMEMBERED {
            self.entries.pop_front();
        }
        let (at, who) = (crate::pipeline::now().unix_ms, xxh3_64(id.as_bytes()));
        self.entries.push_back(Entry { at, who, slot: slot.unwrap_or(u32::MAX), pass, decided });
    }

    /// The last decisions about `id`, newest first.
    pub(super) fn of(&self, id: &str) -> Vec<Decision> {
        let who = xxh3_64(id.as_bytes());
        self.entries.iter().rev().filter(|entry| entry.who == who).take(TOLD).map(Entry::told).collect()
    }
}

impl Entry {
    fn told(&self) -> Decision {
        let kind = match self.decided {
            Decided::Refuse(kind) => Some(kind),
            _ => None,
        };
        Decision { at: Stamp(self.at), decision: self.decided.as_str(), kind, pass: self.pass }
    }
}

impl Handler {
    /// The last decisions, newest first, of objects that are still there.
    pub(super) fn recent(&self, limit: usize) -> Vec<(String, Decision)> {
        let named = |entry: &Entry| {
            let slot = Some(entry.slot).filter(|slot| *slot < self.ledger.slots() && self.ledger.is_used(*slot))?;
            let id = self.ledger.id(slot).as_ref().to_owned();
            (xxh3_64(id.as_bytes()) == entry.who).then(|| (id, entry.told()))
        };
        self.history.entries.iter().rev().filter_map(named).take(limit).collect()
    }

    /// A renewal found the values of `slot` missing, or another's.
    pub fn note_lost(&mut self, slot: u32) {
        let id = self.ledger.id(slot).as_ref().to_owned();
        self.history.note(Some(slot), &id, Decided::Lost, self.pass);
    }

    /// Redis has what was written and removed: whoever listens is told.
    pub fn announce(&self, sets: &[u32], removes: &[u32]) {
        let Some(changes) = self.history.changes.as_ref().filter(|changes| changes.receiver_count() > 0) else {
            return;
        };
        let at = crate::pipeline::now().unix_ms;
        let all = sets.iter().map(|slot| (slot, true)).chain(removes.iter().map(|slot| (slot, false)));
        for (slot, is_set) in all.filter(|(slot, _)| self.ledger.is_used(**slot)) {
            let version = is_set.then(|| self.ledger.written(*slot).0.0);
            // Nobody listens any more: nothing to tell.
            let _ = changes.send(Change { id: self.ledger.id(*slot).as_ref().to_owned(), version, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_tells_the_newest_first() {
        let mut history = History::default();
        history.note(Some(1), "7", Decided::Remove, 1);
        assert!(history.of("7").is_empty(), "nobody asked for it");
        let _changes = history.switch_on();
        for pass in 0..REMEMBERED as u32 * 2 {
            history.note(Some(1), if pass % 2 == 0 { "7" } else { "8" }, Decided::Refuse("too_large"), pass);
        }
        assert_eq!(history.entries.len(), REMEMBERED);
        let told = history.of("7");
        assert_eq!((told.len(), told[0].pass, told[0].kind), (TOLD, REMEMBERED as u32 * 2 - 2, Some("too_large")));
    }
}
