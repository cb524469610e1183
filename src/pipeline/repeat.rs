//! Content that a source knows to be what it was, without telling it again, and content that it tells twice. It must not know
//! how the source knows.

use super::handle::{Handler, Now};
use crate::model::{Digest, Fault, FaultKind};

/// Stands for a pass's number: the object was told since the running pass began, when it was asked for.
///
/// The ledger keeps 31 bits, all of which set stand for an empty slot.
pub(super) const FILLED: u32 = 0x7fff_fffe;

/// Objects that were told since the running pass began, as they were asked for.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// What is being handled now was asked for, and belongs to no snapshot.
    pub(super) is_on: bool,
    slots: Vec<u32>,
}

impl Handler {
    /// The object in `slot` is named.
    pub(super) fn see(&mut self, slot: u32) {
        if self.filled.is_on && self.ledger.seen(slot) != FILLED {
            self.filled.slots.push(slot);
        }
        self.ledger.set_seen(slot, if self.filled.is_on { FILLED } else { self.pass });
    }

    /// The object `id` was asked for, and what is said of it comes next.
    pub(super) fn begin_fill_of(&mut self, id: &str) {
        self.faults.forgive(id);
        if let Some(slot) = self.ledger.find(id) {
            // The same bytes as last time are no reason to look at nothing.
            self.ledger.set_raw(slot, 0);
            if self.ledger.seen(slot) == FILLED {
                self.ledger.set_seen(slot, self.pass);
            }
        }
    }

    /// A pass begins: what was told in between has to be named by it like everything else.
    pub(super) fn end_filled(&mut self) {
        for slot in std::mem::take(&mut self.filled.slots) {
            if self.ledger.is_used(slot) && self.ledger.seen(slot) == FILLED {
                self.ledger.set_seen(slot, self.pass.saturating_sub(1));
            }
        }
    }

    /// The source has nothing else than in the pass before, which took all of it.
    pub fn confirm_all(&mut self) {
        let slots: Vec<u32> = self.ledger.iter().collect();
        for slot in &slots {
            self.ledger.set_seen(*slot, self.pass);
        }
        self.faults.repeat();
        self.unmatched.repeat();
        self.counts.objects = self.named_before;
        self.counts.skipped = self.named_before.saturating_sub(self.faults.count);
    }

    /// The running pass asks for `ids` only: what the one before said of others holds, and absence says nothing.
    pub fn begin_narrow(&mut self, ids: &[String]) {
        self.faults.repeat();
        self.unmatched.repeat();
        ids.iter().for_each(|id| self.faults.forgive(id));
        self.in_snapshot = false;
    }

    /// Such a pass is over: the source named as many objects as before.
    pub fn end_narrow(&mut self) {
        self.counts.objects = self.named_before;
    }

    /// The source says that the object has what it had. One that does not stand in Redis as it should is fetched anew by
    /// the next pass, whose source is told to forget.
    pub(super) fn same(&mut self, id: &str, now: Now) {
        if let Some((place, fault)) = self.failing.object(id) {
            return self.fault(&place, Some(id), &fault);
        }
        // What it has is not known, so nothing can be said of what is not named.
        let Some(slot) = self.ledger.find(id) else {
            self.counts.unnamed += 1;
            return;
        };
        if !self.confirm(slot, now) {
            self.ledger.set_seen(slot, self.pass);
            self.counts.objects += 1;
        }
    }

    /// Refuses the second of two different contents of the object in `slot`.
    pub(super) fn check_duplicate(&self, slot: u32, id: &str, digest: &Digest) -> Result<(), Fault> {
        let again = self.in_snapshot && self.ledger.seen(slot) == self.pass;
        if !again || self.ledger.written(slot).1 == digest.prefix() {
            return Ok(());
        }
        let why = self.again.as_ref().filter(|(known, _)| known == id).map(|(_, why)| format!(": {why}"));
        let why = why.unwrap_or_default();
        let reason = format!("{id} stands twice in this snapshot, with different content; the first one is kept{why}");
        Err(Fault::new(FaultKind::Duplicate, reason))
    }
}
