//! A pass as a trace: when it was fetched, handled, written. It must not know where traces go.

use std::time::{Duration, Instant};

use super::{
    engine::Engine,
    report::{Outcome, PassReport, Summary},
};
use crate::{
    model::Ending,
    sources::SourceError,
    telemetry::traces::{Attribute, Queue, Span, Trace, Tracer},
};

/// From the first to the last of many short pieces of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    from: Instant,
    to: Instant,
    busy: Duration,
    count: u64,
}

/// One more piece that took so long and has just ended.
pub(super) fn extend(stretch: &mut Option<Stretch>, took: Duration) {
    let to = Instant::now();
    let from = to.checked_sub(took).unwrap_or(to);
    let one = stretch.get_or_insert(Stretch { from, to, busy: Duration::ZERO, count: 0 });
    one.to = to;
    one.busy += took;
    one.count += 1;
}

impl Stretch {
    fn span(self, name: &'static str, pieces: &'static str) -> Span {
        let busy = Attribute::Count(self.busy.as_millis() as u64);
        let attributes = vec![(pieces, Attribute::Count(self.count)), ("busy_ms", busy)];
        Span { name, from: self.from, to: self.to, attributes, error: None }
    }
}

/// What was measured of the running pass; kept only where traces are wanted.
#[derive(Debug)]
pub(super) struct Measured {
    begun: Instant,
    fetch: Option<Span>,
    pub(super) handled: Option<Stretch>,
    remove: Option<Span>,
}

impl Engine {
    /// Each pass is traced from now on.
    pub fn trace_into(&mut self, queue: Queue) {
        let metrics = self.live.metrics.clone();
        self.live.tracer = Some(Tracer::new(queue, self.settings.name().as_str(), &self.token, metrics));
    }

    /// Begins to measure, if anybody wants to know.
    pub(super) fn measure(&mut self) {
        let begun = Instant::now();
        self.live.measured =
            self.live.tracer.is_some().then_some(Measured { begun, fetch: None, handled: None, remove: None });
    }

    /// The source has told all since `from`, or failed.
    pub(super) fn fetched(
        &mut self,
        from: Instant,
        result: Result<Ending, SourceError>,
    ) -> Option<Result<Ending, SourceError>> {
        if !self.is_stream() {
            self.live.metrics.fetch_duration.observe(from.elapsed());
        }
        if let Some(measured) = &mut self.live.measured {
            let failed = result.as_ref().err();
            let kind = failed.map(|e| ("error.kind", Attribute::Text(e.kind().to_owned())));
            let source = ("source", Attribute::Text(self.settings.source.kind_word().to_owned()));
            let attributes = std::iter::once(source).chain(kind).collect();
            let error = failed.map(SourceError::public);
            measured.fetch = Some(Span { name: "fetch", from, to: Instant::now(), attributes, error });
        }
        Some(result)
    }

    /// A complete snapshot has ended: removes what vanished, unless the guard refuses.
    pub(super) async fn remove_measured(&mut self, summary: &mut Summary) -> Option<String> {
        let from = Instant::now();
        let refused = self.remove_vanished(summary).await;
        if let Some(measured) = &mut self.live.measured {
            let error = refused.clone();
            measured.remove = Some(Span { name: "remove", from, to: Instant::now(), attributes: vec![], error });
        }
        refused
    }

    /// The pass has ended like this: hands its trace on.
    pub(super) fn trace(&mut self, report: &PassReport) {
        let (Some(measured), Some(tracer)) = (self.live.measured.take(), &self.live.tracer) else { return };
        let max_failed = self.settings.limits.max_failed;
        let (s, outcome) = (&report.summary, Outcome::of(report, max_failed).as_str());
        let counts = [
            ("objects", s.objects),
            ("written", s.written),
            ("renewed", s.renewed),
            ("skipped", s.skipped),
            ("removed", s.removed),
            ("failed", s.failed),
            ("bytes_written", s.bytes_written),
        ];
        let mut attributes = vec![
            ("service", Attribute::Text(self.service().to_owned())),
            ("outcome", Attribute::Text(outcome.to_owned())),
            ("complete", Attribute::Flag(s.complete)),
        ];
        attributes.extend(counts.map(|(name, count)| (name, Attribute::Count(count))));
        let to = Instant::now();
        let root = Span { name: "pass", from: measured.begun, to, attributes, error: report.error(max_failed) };
        let booked = &self.link.booked;
        let parts = [
            measured.fetch,
            measured.handled.map(|stretch| stretch.span("handle", "items")),
            booked.writes.map(|stretch| stretch.span("write", "batches")),
            booked.renewals.map(|stretch| stretch.span("renew", "batches")),
            measured.remove,
        ];
        tracer.tell(Trace { root, parts: parts.into_iter().flatten().collect() });
    }
}
