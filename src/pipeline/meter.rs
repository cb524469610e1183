//! What is counted anyway, brought into the metrics once a batch or pass. It must not count by itself.

use std::time::Duration;

use tracing::warn;

use super::{
    engine::{Engine, Kind},
    ledger::Ledger,
    report::{Outcome, PassReport},
};
use crate::{identity::Reason, settings::SourceKind, store::StoreError, telemetry::metrics::ServiceMetrics};

/// From this many objects on, and from this many times as many, growth is worth a word.
const GROWN: (u64, u64) = (20, 5);

/// How many objects there are, by state.
pub(super) fn objects(metrics: &ServiceMetrics, ledger: &Ledger) {
    metrics.objects.of("sound").set_count(ledger.len() - ledger.broken());
    metrics.objects.of("broken").set_count(ledger.broken());
    metrics.value_bytes.set_count(ledger.bytes() as usize);
}

impl Engine {
    /// Tells probes and metrics what the descriptor says, and how old its content is.
    pub(super) fn tell_live(&self) {
        self.live.describes(&self.descriptor);
        self.live.ages(&self.descriptor, self.is_too_stale());
    }

    /// Redis failed: the content grows older meanwhile.
    pub(super) fn meter_failure(&self, error: &StoreError) {
        self.live.failed(error);
        self.live.ages(&self.descriptor, self.is_too_stale());
    }

    /// Brings up to date what handler and ledger have counted.
    pub(super) fn meter(&self) {
        let metrics = &self.live.metrics;
        let totals = self.handler.totals();
        metrics.skipped.follow(totals.skipped);
        metrics.markup_removed.follow(totals.markup_removed);
        for (reason, count) in totals.writes.each() {
            metrics.write_reasons.of(reason.as_str()).follow(count);
        }
        for (kind, count) in &self.handler.faults.totals {
            metrics.faults.of(kind).follow(*count);
        }
        metrics.failed_objects.set_count(self.handler.faults.count as usize);
        let unmatched = &self.handler.unmatched.records().by_reason;
        for reason in Reason::ALL.map(Reason::as_str) {
            metrics.unmatched.of(reason).set_count(unmatched.get(reason).map_or(0, |count| *count as usize));
        }
        objects(metrics, &self.handler.ledger);
    }

    /// A complete snapshot has `objects`, where there were `usual` before. It is believed, and the way back will look like
    /// an outage: somebody should know.
    pub(super) fn meter_growth(&self, usual: u64, objects: u64) {
        let (least, times) = GROWN;
        if self.kind == Kind::Plan || usual < least || objects < usual.saturating_mul(times) {
            return;
        }
        self.live.metrics.growths.add(1);
        let hint = "if that is wrong, mend the source; the way back has to be confirmed for limits.shrink_confirm";
        warn!(service = self.service(), objects, usual, hint, "far more objects than usual: {objects}, not {usual}");
    }

    /// A pass ended, or a stream's snapshot.
    pub(super) fn meter_pass(&self, report: &PassReport) {
        self.live.passed(report, Outcome::of(report, self.settings.limits.max_failed));
        // A stream's pass is its life.
        if self.settings.source.kind != SourceKind::Stream {
            self.live.metrics.pass_duration.observe(Duration::from_millis(report.summary.duration_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        decision::WriteReason, model::FaultKind, pipeline::report::Outcome, store::FailureClass,
        telemetry::metrics::words_of,
    };

    /// That what is counted by a word has a series from the start, instead of ending up under `other`.
    #[track_caller]
    fn holds(metric: &str, words: impl IntoIterator<Item = &'static str>) {
        let mut words: Vec<_> = words.into_iter().collect();
        let mut known = words_of(metric).into_owned();
        words.sort_unstable();
        known.sort_unstable();
        assert_eq!(words, known, "{metric}");
    }

    #[test]
    fn the_catalogue_names_every_word_that_is_counted() {
        holds("ralphext_write_reasons_total", WriteReason::ALL.map(WriteReason::as_str));
        holds("ralphext_object_faults_total", FaultKind::ALL.map(FaultKind::as_str));
        holds("ralphext_redis_failures_total", FailureClass::ALL.map(FailureClass::as_str));
        holds("ralphext_passes_total", Outcome::ALL.map(Outcome::as_str));
        holds("ralphext_source_failures_total", crate::sources::SourceError::KINDS.into_iter().chain(["silent"]));
    }
}
