//! What the engine tells of several inputs in descriptor and metrics. It must not know how they are merged.

use std::collections::BTreeMap;

use super::board::{Board, Sum};
use crate::{
    pipeline::{
        engine::{Engine, Kind},
        now,
        report::PassReport,
    },
    registry::{InputState, LastError, ServiceStatus, Stamp},
};

/// Longest message in the descriptor, in characters.
const MESSAGE: usize = 500;
/// Examples of failed objects in the descriptor.
const EXAMPLES: usize = 20;

impl Engine {
    /// How each of several inputs is, for the source that is made of them.
    pub fn inputs(&self) -> Option<Board> {
        self.inputs.clone()
    }

    /// Whether it writes, and so what several inputs tell is kept.
    pub fn keeps(&self) -> bool {
        self.kind != Kind::Plan
    }

    /// As [`Engine::note`], for a service of several inputs: it is as well as they are, and as old as the oldest of them.
    pub(in crate::pipeline) fn note_inputs(&mut self, report: &PassReport) {
        let Some(board) = self.inputs.clone() else { return };
        let now = now().unix_ms;
        let Sum { as_of, success, error, failed, failed_objects, unmatched, inputs } = board.sum(now);
        self.follow(success);
        self.meter_inputs(&inputs, now);
        let max_failed = self.settings.limits.max_failed;
        let failing = if self.is_too_stale() { ServiceStatus::Stale } else { ServiceStatus::Failing };
        let d = &mut self.descriptor;
        d.counts.failed += failed;
        d.failed_objects.extend(failed_objects);
        d.failed_objects.truncate(EXAMPLES);
        if unmatched.count > 0 {
            d.unmatched = Some(unmatched);
        }
        d.inputs = inputs;
        if as_of > 0 {
            (d.as_of, self.baseline.as_of) = (Some(Stamp(as_of)), as_of);
        }
        if success > 0 {
            d.last_success_at = Some(Stamp(success));
        }
        let of_pass = report.public(max_failed).filter(|_| !report.interrupted);
        let since = error.as_ref().map(|e| e.since);
        match error.map(|e| e.message).or(of_pass) {
            None => (d.status, d.last_error) = (ServiceStatus::Ok, None),
            Some(message) => {
                let before = d.last_error.as_ref().map(|e| e.since);
                let message = message.chars().take(MESSAGE).collect();
                let since = since.or(before).unwrap_or(Stamp(now));
                (d.status, d.last_error) = (failing, Some(LastError { at: Stamp(now), since, message }));
            }
        }
        self.publish();
    }

    /// One of several inputs was well at `success`: that keeps alive what they have together.
    fn follow(&mut self, success: u64) {
        self.baseline.last_success_at = self.baseline.last_success_at.max(success);
        let (failures, refusals) = self.inputs.as_ref().map(Board::take_counts).unwrap_or_default();
        for kind in failures {
            self.live.metrics.source_failures.of(kind).add(1);
        }
        for is_zero in refusals {
            self.live.metrics.shrink_refusals.of(if is_zero { "none" } else { "some" }).add(1);
        }
    }

    /// Whether the descriptor has something to say of inputs that it does not say yet.
    pub(in crate::pipeline) fn has_news_of_inputs(&self) -> bool {
        self.inputs.as_ref().is_some_and(|board| board.is_due(now().unix_ms))
    }

    /// What keeps the content alive while nothing is told: that an input is well.
    pub(in crate::pipeline) fn listen_to_inputs(&mut self) {
        if let Some(board) = &self.inputs {
            let now = now().unix_ms;
            let Sum { success, inputs, .. } = board.sum(now);
            self.follow(success);
            self.meter_inputs(&inputs, now);
        }
    }

    /// How each input is, in the metrics.
    fn meter_inputs(&self, inputs: &BTreeMap<String, InputState>, now: u64) {
        let (metrics, since) = (&self.live.metrics, self.live.watch().borrow().since.0);
        for (name, input) in inputs {
            let source = self.settings.source.inputs.get(name);
            // One that tells changes need not say anything, unless it was asked to.
            let promised = source.and_then(|source| source.stale_after());
            let age_s = now.saturating_sub(input.as_of.map_or(since, |at| at.0)) as f64 / 1000.0;
            let is_stale = promised.is_some_and(|promised| age_s > promised.as_secs_f64());
            metrics.input_success.set(name, input.last_success_at.map(|at| at.0 as f64 / 1000.0));
            metrics.input_failed.set(name, Some(input.failed as f64));
            metrics.input_stale.set(name, Some(f64::from(u8::from(is_stale))));
        }
    }
}
