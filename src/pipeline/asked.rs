//! Requests whose sender waits until what they wrote is in Redis. It must not know how they came.

use std::collections::VecDeque;

use super::{engine::Engine, merge::Board, stream::SnapshotEnd};
use crate::{
    model::{Answer, Confirm, Fetched, SharedTally},
    store::FailureClass,
};

/// Requests that wait for their answer.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The stretch of work between two failures of Redis.
    stretch: u64,
    /// Their last batch is not sent yet; with the number of jobs that were when they ended.
    unsent: Vec<(u64, Confirm)>,
    /// To be answered after so many receipts.
    sent: VecDeque<(u64, Confirm)>,
}

impl Asked {
    /// Redis failed, or will be written to anew: whatever waits is not known to be there, and is told so by being dropped.
    pub(super) fn begin_stretch(&mut self) {
        self.stretch += 1;
        self.unsent.clear();
        self.sent.clear();
    }

    /// All batches so far are sent; `jobs` in all.
    fn all_sent(&mut self, jobs: u64) {
        self.sent.extend(self.unsent.drain(..).map(|(_, confirm)| (jobs, confirm)));
    }
}

impl Engine {
    /// Takes records that somebody waits for an answer about.
    pub(super) async fn take_asked(&mut self, item: Fetched, tally: &SharedTally) {
        let before = self.handler.counts;
        self.handler.faults.recent = Some(Vec::new());
        // A change that comes in between belongs to no snapshot: it is not the second of its name there.
        let in_snapshot = self.handler.in_snapshot;
        let is_snapshot = tally.lock().is_snapshot;
        self.handler.in_snapshot &= is_snapshot;
        self.handler.only_changes = !is_snapshot;
        let is_idle = self.take_item(item);
        self.handler.only_changes = false;
        if !is_snapshot {
            self.handler.in_snapshot = in_snapshot;
        }
        let refused = self.handler.faults.recent.take().unwrap_or_default();
        let after = self.handler.counts;
        {
            let mut tally = tally.lock();
            tally.items += 1;
            let stretch = *tally.stretch.get_or_insert(self.asked.stretch);
            if stretch != self.asked.stretch {
                // Never again the number that the sender expects.
                tally.items = u64::MAX / 2;
            }
            tally.written += after.set - before.set;
            tally.removed += after.removes - before.removes;
            tally.unchanged += after.skipped - before.skipped;
            for one in refused {
                tally.refuse(one);
            }
        }
        if let Some(SnapshotEnd { removed, kept }) = self.after_item(is_idle).await {
            let mut tally = tally.lock();
            tally.removed += removed;
            tally.kept = kept;
            tally.is_complete = true;
        }
    }

    /// A request is over; it is answered when all before it is in Redis.
    pub(super) fn confirm_later(&mut self, confirm: Confirm) {
        self.asked.unsent.push((self.link.jobs(), confirm));
    }

    /// What the source said so far is on its way: its requests are answered with the last receipt. Where one led to nothing that
    /// was sent, the fence is asked: what looks unchanged is so for the writer only.
    pub(super) async fn confirm_sent(&mut self) {
        let jobs = self.link.jobs();
        if self.asked.unsent.iter().any(|(before, _)| *before == jobs) {
            self.link.look(&mut self.handler).await;
        }
        self.asked.all_sent(self.link.jobs());
    }

    /// Answers whoever need not wait any more.
    pub(super) fn answer(&mut self) {
        if let Some(failed) = &self.link.failed {
            if failed.class == FailureClass::Fenced {
                // Another sidecar writes: what went into the spool here would not come to Redis.
                self.close_spool();
            }
            return self.asked.begin_stretch();
        }
        let done = self.link.done();
        while let Some((_, confirm)) = self.asked.sent.pop_front_if(|(jobs, _)| *jobs <= done) {
            let tally = confirm.tally.lock().clone();
            if tally.stretch.is_none_or(|stretch| stretch == self.asked.stretch) {
                let resync = self.resync || self.inputs.as_ref().is_some_and(Board::has_lost);
                (confirm.reply)(Answer { tally, resync });
            }
        }
    }
}
