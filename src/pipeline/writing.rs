//! A value on its way into the batch: its version, its bytes, its event. It must not decide whether it is written.

use tracing::debug;

use super::{
    announcing::reason,
    handle::{Handler, Now},
    plan::Output,
};
use crate::{
    decision::WriteReason,
    model::{Digest, Version},
    spool::PartChange,
};

impl Handler {
    /// Puts the value prepared last into the batch, and behind it the event that tells of it.
    pub(super) fn write(&mut self, slot: u32, id: &str, (digest, why): (&Digest, WriteReason), raw: u64, now: Now) {
        let version = self.version(slot, now);
        let len = self.sealer.envelope_len(id, version, self.epoch);
        match &mut self.output {
            Output::Batches { builder, .. } => {
                let (sealer, epoch) = (&self.sealer, self.epoch);
                builder.set(slot, id, len, |out| sealer.write(out, id, version, epoch, now.unix_ms));
                let (teller, why) = (&self.teller, reason(why));
                builder.announce(|out| teller.written(out, id, version, digest, why, now.unix_ms));
                self.output.flush(&mut self.clock, true);
            }
            Output::Parts(parts) => parts.push(PartChange::put(id, digest.prefix(), self.sealer.content())),
            Output::Plan(_) => {}
        }
        self.counts.set += 1;
        if !self.removed_markup.is_empty() {
            let (service, removed) = (self.service.as_str(), &self.removed_markup);
            debug!(service, object_id = id, %removed, "the sanitiser removed from {id}: {removed}");
        }
        self.ledger.set_written(slot, version, digest.prefix(), raw, now.tick.saturating_add(self.ttl_ticks));
    }

    /// The version of a value that is about to be put into the batch.
    ///
    /// The values of a batch become visible at once, so they share one: the clock does not run ahead of the wall clock, and
    /// who begins with nothing but that (everything lost, the process restarted) does not fall behind. An object that stands
    /// in the batch already gets a greater one.
    fn version(&mut self, slot: u32, now: Now) -> Version {
        let last = self.clock.last();
        if self.output.has_values() && self.ledger.written(slot).0 < last { last } else { self.clock.next(now.unix_ms) }
    }
}
