//! What is gone: removed by a record, or not named by a snapshot. It must not decide whether a shrink is believed.

use super::{
    handle::Handler,
    inquiry::Decided,
    plan::{Output, Planned},
    repeat::FILLED,
};
use crate::{events::Reason, spool::PartChange};

/// Slots that a snapshot did not name.
#[derive(Debug, Default)]
pub struct Vanished {
    /// Objects.
    pub objects: Vec<u32>,
    /// Keys in objects' places that never held a value of ours, as far as is known.
    pub foreign: Vec<u32>,
}

impl Handler {
    pub(super) fn remove(&mut self, id: &str) {
        self.counts.objects += 1;
        if let Some(slot) = self.ledger.find(id) {
            self.remove_slot(slot, Reason::Deleted);
        } else {
            // The spool may know it.
            self.kept.iter_mut().for_each(|kept| kept.remove(id));
            self.counts.skipped += 1;
        }
    }

    /// Puts the removal of an object into the batch; its entry goes when the receipt comes.
    pub fn remove_slot(&mut self, slot: u32, why: Reason) {
        let id = self.ledger.id(slot).as_ref().to_owned();
        if let Some(kept) = &mut self.kept {
            kept.remove(&id);
        }
        self.counts.removes += 1;
        self.history.note(Some(slot), &id, Decided::Remove, self.pass);
        self.removed.iter_mut().for_each(|removed| removed.push((slot, id.clone())));
        match &mut self.output {
            Output::Batches { builder, .. } => {
                builder.remove(slot, &id);
                builder.announce(|out| self.teller.removed(out, &id, why, super::now().unix_ms));
                self.output.flush(&mut self.clock, true);
                // Broken until then: content that comes meanwhile is written, not taken for unchanged.
                self.ledger.set_broken(slot);
            }
            Output::Plan(plan) => {
                plan.add(Planned::remove(id));
                self.ledger.remove(slot);
            }
            Output::Parts(parts) => {
                parts.push(PartChange::remove(&id));
                self.ledger.remove(slot);
            }
        }
    }

    /// What stands in objects' places and the running snapshot did not name; 4 bytes for each.
    pub fn vanished(&self) -> Vanished {
        let is_named = |slot: u32| matches!(self.ledger.seen(slot), seen if seen == self.pass || seen == FILLED);
        let gone = self.ledger.iter().filter(|slot| !is_named(*slot));
        let (foreign, objects) = gone.partition(|slot| self.ledger.is_foreign(*slot));
        Vanished { objects, foreign }
    }
}
