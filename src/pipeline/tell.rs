//! What a service's passes say in the log: each pass, and each trouble once. It must not decide anything.

use std::time::Instant;

use tracing::{debug, error, info, warn};

use super::{
    engine::{Engine, Kind},
    report::PassReport,
    told::Say,
};

impl Engine {
    /// Says what a pass did, and whether the source is well.
    pub(super) fn log(&mut self, report: &PassReport) {
        self.log_trouble(report);
        self.meter_pass(report);
        let (service, s) = (self.service(), &report.summary);
        info!(
            service,
            complete = s.complete,
            delta = report.delta,
            objects = s.objects,
            written = s.written,
            renewed = s.renewed,
            skipped = s.skipped,
            removed = s.removed,
            failed = s.failed,
            unmatched = s.unmatched,
            bytes_written = s.bytes_written,
            duration_ms = s.duration_ms,
            "pass finished"
        );
    }

    /// A cause that stays is told when it begins and when it changes, not at every pass; and when it is over.
    pub(super) fn log_trouble(&mut self, report: &PassReport) {
        let (service, now) = (self.settings.name().as_str(), Instant::now());
        // The cause without what changes from pass to pass: last words of a command, numbers of objects.
        let cause = match (&report.public_error, &report.refused) {
            (Some(error), _) => error.as_str(),
            (None, Some(_)) if report.summary.objects == 0 => "nothing",
            (None, Some(_)) => "shrink",
            (None, None) if report.store_error.is_some() || report.interrupted => return,
            (None, None) => {
                if let Say::Over { times } = self.trouble.well(now) {
                    info!(service, times, "the source is well again");
                }
                return;
            }
        };
        let say = self.trouble.failed(cause, now);
        let refused_hint = report.refused_hint();
        let (message, hint) = match &report.source_error {
            Some(text) => text.split_once("\nhint: ").unwrap_or((text, "see the log before this line")),
            None => (report.refused.as_deref().unwrap_or_default(), refused_hint.as_str()),
        };
        match (say, &report.source_error) {
            (Say::Recurs, _) => {
                error!(
                    service,
                    error = message,
                    hint,
                    "the source fails now and then; not told again until it is over"
                );
            }
            (Say::Begins, Some(_)) => error!(service, error = message, hint, "the source failed"),
            (Say::Begins, None) => error!(service, error = message, hint, "vanished objects were kept"),
            _ => debug!(service, error = message, "the source still fails"),
        }
    }

    /// Says that others wrote to keys of objects that the source does not have.
    pub(super) fn tell_foreign(&self, keys: usize) {
        if self.kind != Kind::Plan {
            let hint = "something else writes below this service's prefix; give ralphext a Redis user of its own";
            warn!(service = self.service(), keys, hint, "removed keys that no writer put there: {keys}");
        }
    }
}
