//! What a source said of the objects that it was asked for, brought into the ledger and to Redis. It must not know who wished.

use std::time::{Duration, Instant};

use super::Told;
use crate::{
    model::{Fetched, Version},
    pipeline::{engine::Engine, handle::Handler, repeat::FILLED},
};

impl Engine {
    /// Takes an answer; what it says is no part of a snapshot, and says nothing of other objects.
    pub(super) async fn take_told(&mut self, told: Told) {
        if let Some(filler) = &mut self.fill.filler {
            filler.is_busy = false;
        }
        let now = Instant::now();
        let Told { term, ids, items, failed } = told;
        if term != self.fill.term {
            return;
        }
        if let Some(why) = failed {
            return self.filler_failed(ids, &why, now);
        }
        self.filler_is_well(now);
        let before: Vec<Version> = ids.iter().map(|id| version(&self.handler, id)).collect();
        ids.iter().for_each(|id| self.handler.begin_fill_of(id));
        let refused = self.take_items(items);
        // What was said of an object is visible before it may be missed again.
        self.flush().await;
        for (id, before) in ids.iter().zip(before) {
            let slot = self.handler.ledger.find(id);
            let is_named = slot.is_some_and(|slot| self.handler.ledger.seen(slot) == FILLED);
            let is_refused = refused.iter().any(|other| other == id);
            let outcome = match (is_refused, is_named) {
                (true, _) => "refused",
                (_, true) if version(&self.handler, id) != before => "written",
                (_, true) => "unchanged",
                _ => "absent",
            };
            let is_left_alone = matches!(outcome, "refused" | "absent");
            if is_left_alone && slot.is_some_and(|slot| self.handler.ledger.is_broken(slot)) {
                // Whether it is gone is for a whole pass to say.
                self.fill.wants_pass = true;
            }
            let Some(gate) = &mut self.fill.gate else { continue };
            let since = gate.done(id);
            if is_left_alone {
                gate.hold(id, Duration::MAX, now);
            }
            self.live.metrics.fills.of(outcome).add(1);
            if let Some(since) = since.filter(|_| outcome == "written") {
                self.live.metrics.fill_duration.observe(since.elapsed());
            }
        }
        if let Some(gate) = &mut self.fill.gate {
            self.live.metrics.fill_unknown.set_count(gate.held(now));
        }
        self.meter();
    }

    /// Whose content was refused.
    fn take_items(&mut self, items: Vec<Fetched>) -> Vec<String> {
        let handler = &mut self.handler;
        let (in_snapshot, ended, heal_up_to) = (handler.in_snapshot, handler.ended, handler.heal_up_to);
        let (objects, unnamed) = (handler.counts.objects, handler.counts.unnamed);
        (handler.in_snapshot, handler.filled.is_on, handler.heal_up_to) = (false, true, Version(u64::MAX));
        let recent = handler.faults.recent.replace(Vec::new());
        for item in items {
            // What is unmatched, or kept for its sake, is of snapshots.
            if matches!(
                item,
                Fetched::Block { .. } | Fetched::Document(_) | Fetched::Broken { .. } | Fetched::Same { .. }
            ) {
                handler.take(item, crate::pipeline::now());
            }
        }
        let refused = std::mem::replace(&mut handler.faults.recent, recent).unwrap_or_default();
        (handler.in_snapshot, handler.filled.is_on, handler.ended) = (in_snapshot, false, ended);
        handler.heal_up_to = heal_up_to;
        (handler.counts.objects, handler.counts.unnamed) = (objects, unnamed);
        refused.into_iter().filter_map(|refusal| refusal.object_id).collect()
    }
}

fn version(handler: &Handler, id: &str) -> Version {
    handler.ledger.find(id).map_or(Version(0), |slot| handler.ledger.written(slot).0)
}
