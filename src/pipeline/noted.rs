//! What of a pass stands in the descriptor and the baseline. It must not know how a pass works.

use std::time::Duration;

use super::{
    engine::{Engine, Kind},
    report::{PassReport, Summary},
};
use crate::registry::{Counts, LastError, ServiceStatus, Stamp};

impl Engine {
    /// Takes a pass into the descriptor and the baseline.
    pub(super) fn note(&mut self, report: &PassReport) {
        let now = super::now().unix_ms;
        let max_failed = self.settings.limits.max_failed;
        let failing = if self.is_too_stale() { ServiceStatus::Stale } else { ServiceStatus::Failing };
        let d = &mut self.descriptor;
        d.counts = Counts { objects: self.handler.ledger.len() as u64, failed: report.summary.failed };
        d.last_pass = Some(report.last_pass());
        d.failed_objects.clone_from(&report.failed_objects);
        let unmatched = self.handler.unmatched.records();
        d.unmatched = (unmatched.count > 0).then(|| unmatched.clone());
        if report.unfinished {
            return self.publish();
        }
        if self.inputs.is_some() {
            return self.note_inputs(report);
        }
        let d = &mut self.descriptor;
        if report.is_good(max_failed) {
            d.last_success_at = Some(Stamp(report.started_at));
            if report.whole {
                d.as_of = d.last_success_at;
                self.baseline.as_of = report.started_at;
                let took = Duration::from_millis(report.summary.duration_ms);
                let promised = self.settings.source.stale_after_passes_of(took).filter(|_| self.kind == Kind::Run);
                d.stale_after = promised.map_or(d.stale_after, |promised| promised.as_secs_f64());
            }
            d.status = ServiceStatus::Ok;
            d.last_error = None;
            self.baseline.last_success_at = report.started_at;
        } else if let Some(message) = report.public(max_failed).filter(|_| !report.interrupted) {
            let since = d.last_error.as_ref().map_or(Stamp(now), |e| e.since);
            let message = message.chars().take(500).collect();
            d.last_error = Some(LastError { at: Stamp(now), since, message });
            d.status = failing;
        }
        self.publish();
    }

    /// Sums up in `report` what a pass did that took so long.
    pub(super) fn finish(&mut self, report: &mut PassReport, complete: bool, took: Duration) {
        self.handler.faults.end(self.settings.name().as_str());
        self.handler.unmatched.end(self.settings.name().as_str());
        let (counts, booked, faults) = (&self.handler.counts, &self.link.booked, &self.handler.faults);
        let planned = self.plan().map(|plan| (plan.writes, plan.removes));
        let (written, removed) = planned.unwrap_or((booked.written, booked.removed));
        report.store_error = self.link.failed.clone();
        report.lost = booked.lost;
        report.failed_objects.clone_from(&faults.examples);
        report.summary = Summary {
            service: self.service().to_owned(),
            complete: complete && report.refused.is_none() && report.store_error.is_none(),
            objects: counts.objects,
            written,
            renewed: if planned.is_some() { self.handler.renewals.len() as u64 } else { booked.renewed },
            skipped: counts.skipped,
            removed,
            failed: faults.count,
            unmatched: self.handler.unmatched.records().count,
            bytes_written: booked.bytes_written,
            duration_ms: took.as_millis() as u64,
            faults: faults.by_kind.clone(),
            kept: report.summary.kept,
            error: None,
        };
        report.summary.error = report.error(self.settings.limits.max_failed);
        self.meter();
    }
}
