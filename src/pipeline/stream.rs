//! What is different about a source that tells changes: its snapshots within, its quiet moments, its silence. It must not
//! know how a pass ends.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{engine::Engine, link::Booked, report::PassReport};
use crate::settings::{HumanDuration, SourceKind};

/// How well a stream is heard.
#[derive(Debug)]
pub(super) struct Hearing {
    begun: Instant,
    last: Instant,
}

impl Hearing {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), last: Instant::now() }
    }

    /// Something was said, be it a heartbeat.
    pub(super) fn heard(&mut self) {
        self.last = Instant::now();
    }
}

/// What the end of a stream's snapshot led to.
#[derive(Debug)]
pub(super) struct SnapshotEnd {
    /// Objects that it did not name, removed.
    pub(super) removed: u64,
    /// Why they were kept.
    pub(super) kept: Option<String>,
}

impl Engine {
    /// Whether the source tells changes, as its kind says.
    pub(super) fn is_stream(&self) -> bool {
        self.settings.source.tells_changes()
    }

    /// Whether somebody pushes, be it into a stream, who can be told but not started anew.
    pub(super) fn is_push(&self) -> bool {
        matches!(self.settings.source.kind, SourceKind::Push | SourceKind::Events)
    }

    /// A stream is quiet, and all that it said is on its way: that is as good as a stream's pass gets. Told once a second.
    pub(super) async fn note_stream(&mut self) {
        let now = super::now().unix_ms;
        if self.inputs.is_some() {
            if !self.handler.in_snapshot && self.has_news_of_inputs() {
                self.link.settle(&mut self.handler).await;
                self.note_pass_of_stream(now);
                self.announce_status().await;
            }
            return;
        }
        let told = self.descriptor.as_of.map_or(0, |as_of| as_of.0);
        if self.handler.in_snapshot {
            return;
        }
        // It may stay quiet for long: what is not told now is told a moment later.
        self.owes_note = now.saturating_sub(told) < 1000 && !self.silent;
        if self.owes_note {
            return;
        }
        self.silent = false;
        self.link.settle(&mut self.handler).await;
        if self.refused_snapshot {
            // Its last snapshot is not believed: a quiet moment does not make that good.
            return self.keep_count();
        }
        let report = self.note_pass_of_stream(now);
        self.announce_status().await;
        self.log_trouble(&report);
    }

    fn note_pass_of_stream(&mut self, now: u64) -> PassReport {
        let mut report = PassReport { started_at: now, whole: true, ..PassReport::default() };
        self.finish(&mut report, false, Duration::ZERO);
        self.note(&report);
        report
    }

    /// The next heartbeat tells how many objects there are.
    fn keep_count(&mut self) {
        self.descriptor.counts.objects = self.handler.ledger.len() as u64;
        if let Some(pulse) = &self.pulse {
            pulse.vitals.send_replace(self.vitals());
        }
    }

    /// A stream said that its snapshot is complete; it goes on with deltas.
    pub(super) async fn end_of_stream_snapshot(&mut self) -> SnapshotEnd {
        self.handler.ended = false;
        self.flush().await;
        let mut report = PassReport { started_at: super::now().unix_ms, ..PassReport::default() };
        let before = self.handler.counts.removes;
        if self.handler.in_snapshot && self.handler.counts.unnamed == 0 {
            report.refused = self.remove_vanished(&mut report.summary).await;
        }
        let removed = self.handler.counts.removes - before;
        self.handler.in_snapshot = false;
        self.link.settle(&mut self.handler).await;
        let complete = report.refused.is_none();
        self.refused_snapshot = !complete;
        self.inputs.iter().for_each(|board| board.refuse(report.refused.clone()));
        report.whole = true;
        self.finish(&mut report, complete, Duration::ZERO);
        self.note(&report);
        self.announce_status().await;
        if let Err(e) = self.save_baseline().await {
            self.link.failed.get_or_insert(e);
        }
        self.log(&report);
        self.link.booked = Booked::default();
        self.handler.begin(false);
        self.resync &= self.link.failed.is_some();
        SnapshotEnd { removed, kept: report.refused }
    }

    /// Values of a stream are missing or overwritten: the spool tells them again. False when there is none, so that the
    /// stream has to do it.
    pub(super) fn retell_lost(&mut self) -> bool {
        let lost = std::mem::take(&mut self.link.booked.lost);
        let service = self.settings.name().clone();
        let retold = self.replay_lost();
        if self.is_push() && !retold {
            if !std::mem::replace(&mut self.resync, true) {
                warn!(
                    service = service.as_str(),
                    lost, "values are missing or overwritten; a whole snapshot is wanted"
                );
            }
            return true;
        }
        match retold {
            _ if !self.lost_lines.take() => {}
            true => info!(service = service.as_str(), lost, "values are missing or overwritten; the spool has them"),
            false => warn!(
                service = service.as_str(),
                lost, "values are missing or overwritten; the stream is started anew to say them again"
            ),
        }
        retold
    }

    /// What is due of a running stream from time to time.
    pub(super) async fn attend(&mut self, hearing: &Hearing) {
        self.listen(hearing);
        self.replay_owed();
        if self.owes_note {
            self.note_stream().await;
        }
    }

    /// Judges a running stream by what was heard of it: it confirms what stands in Redis, unless it is silent for longer
    /// than `source.expect_every`.
    fn listen(&mut self, hearing: &Hearing) {
        if self.inputs.is_some() {
            return self.listen_to_inputs();
        }
        let silent = hearing.last.elapsed();
        match self.settings.source.expect_every {
            Some(expected) if silent > expected.0 => self.tell_silence(expected),
            Some(_) => self.baseline.last_success_at = super::now().unix_ms - silent.as_millis() as u64,
            // A command that lives and has said something is no failing source, however long it is silent.
            None => {
                let lives =
                    self.handler.counts.objects > 0 || hearing.begun.elapsed() > self.settings.source.backoff_max.0;
                if lives {
                    self.baseline.last_success_at = super::now().unix_ms;
                }
            }
        }
    }

    fn tell_silence(&mut self, expected: HumanDuration) {
        if std::mem::replace(&mut self.silent, true) {
            return;
        }
        let cause = format!("the stream is silent for longer than source.expect_every ({expected})");
        let hint = "hint: is it still working? let it print {\"heartbeat\": true} when there is nothing new";
        self.live.metrics.source_failures.of("silent").add(1);
        let report = PassReport {
            started_at: super::now().unix_ms,
            source_error: Some(format!("{cause}\n{hint}")),
            public_error: Some(cause),
            ..PassReport::default()
        };
        self.note(&report);
        self.log_trouble(&report);
    }
}
