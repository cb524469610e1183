//! The catalogue of metrics: what there is, and what each means, in one place. It must not know who counts, nor HTTP.
//!
//! The doc comment of an entry *is* its help text, in `/metrics` and in `docs/reference/metrics.md`. The numbers are plain
//! atomics, moved once a batch or pass; the handle of a service ([`ServiceMetrics`]) travels as a value.

mod bridge;
mod process;
mod reference;
mod text;
mod values;

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use self::{
    bridge::BridgeMetrics,
    reference::metrics_reference,
    text::Format,
    values::{By, Counter, Gauge, Histogram, Named},
};
use self::{
    process::{PROCESS, Process},
    text::{Samples, Text},
    values::Family,
};

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Times in buckets.
    Histogram,
    /// Always 1: what matters are its labels.
    Info,
}

impl Kind {
    /// The word for it in both formats.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// One entry of the catalogue.
#[derive(Debug)]
pub struct Entry {
    /// The name of its samples (a histogram's without `_bucket`, `_sum`, `_count`).
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The name of its own label, beside `service`.
    pub label: Option<&'static str>,
    /// The values of that label.
    pub words: &'static [&'static str],
    help: &'static str,
}

impl Entry {
    /// What it means, on one line.
    pub fn help(&self) -> String {
        self.help.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The family's name in OpenMetrics.
    fn family(&self) -> &'static str {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }

    /// Its unit, as its name says.
    fn unit(&self) -> Option<&'static str> {
        ["seconds", "bytes"].into_iter().find(|unit| self.family().ends_with(&format!("_{unit}")))
    }
}

/// The first of what is given.
macro_rules! first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}

/// A struct with one field for each metric, and the list of them.
macro_rules! catalogue {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident;
        $(
            $(#[doc = $help:literal])+
            $field:ident: $type:ty = $name:literal $(, $label:literal in $words:expr)?;
        )+
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $Name {
            service: String,
            $($(#[doc = $help])+ pub $field: $type,)+
        }

        /// Every metric of a service, in the order in which they are told.
        pub const CATALOGUE: &[Entry] = &[$(Entry {
            name: $name,
            kind: <$type as Family>::KIND,
            label: first!($(Some($label),)? None),
            words: first!($($words,)? &[]),
            help: concat!($($help, "\n"),+),
        }),+];

        impl $Name {
            /// For `service`; everything stands at its beginning.
            pub fn new(service: &str) -> Self {
                Self { service: service.to_owned(), $($field: Family::build(first!($($words,)? &[])),)+ }
            }

            /// The families in the catalogue's order.
            fn families(&self) -> [&dyn Tell; CATALOGUE.len()] {
                [$(&self.$field),+]
            }
        }
    };
}

/// [`Family::tell`], without the kind.
trait Tell {
    fn tell_all(&self, samples: &mut Samples<'_>);
    fn is_known(&self) -> bool;
}

impl<T: Family> Tell for T {
    fn tell_all(&self, samples: &mut Samples<'_>) {
        self.tell(samples, None);
    }

    fn is_known(&self) -> bool {
        self.is_moved()
    }
}

catalogue! {
    /// The metrics of one service. Whoever counts holds it in an [`Arc`].
    pub struct ServiceMetrics;

    /// Objects of the service that are known to be in Redis, by state: `sound`, or `broken` (missing, overwritten or
    /// not confirmed; written again by the next pass that confirms them).
    objects: By<Gauge> = "ralphext_objects", "state" in &["sound", "broken"];
    /// Objects that the last pass could not take. Their last good content stays, so they are among `ralphext_objects` too.
    failed_objects: Gauge = "ralphext_failed_objects";

    /// Records of the last pass that are about no object of the inventory, by reason; no failures.
    unmatched: By<Gauge> = "ralphext_unmatched_records", "reason" in
        &["unknown", "ambiguous", "decommissioned", "no_inventory"];
    /// Values that Redis confirmed as written.
    written: Counter = "ralphext_values_written_total";
    /// Values found to need writing, by reason: no key yet, other content, a key that was lost or overwritten, a TTL that
    /// ran out. One whose batch fails is counted again when it is tried again.
    write_reasons: By<Counter> = "ralphext_write_reasons_total", "reason" in &["new", "changed", "healed", "expired"];
    /// Bytes of all values of the service, about; the bound is `limits.max_total`.
    value_bytes: Gauge = "ralphext_values_bytes";
    /// `limits.max_total`: objects beyond it are refused (`no_room`).
    value_bytes_max: Gauge = "ralphext_values_limit_bytes";
    /// Bytes of the values that Redis confirmed as written.
    written_bytes: Counter = "ralphext_written_bytes_total";
    /// TTLs extended, each after a look at the value.
    renewed: Counter = "ralphext_values_renewed_total";
    /// Objects that a pass left alone, as their content is the same.
    skipped: Counter = "ralphext_values_skipped_total";
    /// Keys removed: the object vanished or was deleted.
    removed: Counter = "ralphext_values_removed_total";

    /// Change events told: writes, removals and changes of status; only with `events.kind`.
    change_events: Counter = "ralphext_change_events_total";
    /// Values that were not as they were written when a renewal or a keyspace event made look: gone (evicted, deleted), or
    /// overwritten by somebody else.
    lost: By<Counter> = "ralphext_values_lost_total", "found" in &["missing", "overwritten"];

    /// Passes by outcome: `complete` (a whole snapshot, or all of a stream's); `delta` (all that changed since the last pass,
    /// with `source.sql.full_every`); `partial` (what came was taken, nothing removed: a record did not tell its object, or
    /// the source emits changes only); `too_many_failed` (more than `limits.max_failed`); `source_failed`; `refused_shrink`
    /// (too much vanished to be believed); `redis_failed`; `lease_lost`; `interrupted` (stopped).
    passes: By<Counter> = "ralphext_passes_total", "outcome" in &[
        "complete", "delta", "partial", "too_many_failed", "source_failed", "refused_shrink", "redis_failed", "lease_lost",
        "interrupted",
    ];
    /// How long passes took, from the source's start to the last confirmed batch; not for a `stream`, which has none.
    pass_duration: Histogram = "ralphext_pass_duration_seconds";
    /// How long the source took to tell all that it has, or to fail, the time that it waited for a slow Redis included; not for
    /// sources that tell changes.
    fetch_duration: Histogram = "ralphext_fetch_duration_seconds";
    /// From when a changed object came in to when Redis had confirmed it, and so readers could see it; of a batch, its first one.
    change_visible: Histogram = "ralphext_change_visible_seconds";
    /// When the last pass ended, unix time.
    last_pass: Gauge = "ralphext_last_pass_timestamp_seconds";
    /// When the last good pass began, unix time; also from before a restart.
    last_success: Gauge = "ralphext_last_success_timestamp_seconds";
    /// From when the content is: when the source last told all of it, unix time.
    as_of: Gauge = "ralphext_as_of_timestamp_seconds";
    /// 1 while the content is older than the service promises (`stale_after` in the descriptor).
    stale: Gauge = "ralphext_content_stale";
    /// 1 while the source has failed for longer than `content.max_stale`, so that keys are left to expire.
    renewals_stopped: Gauge = "ralphext_renewals_stopped";

    /// Records and files that could not be taken, by kind of cause; `duplicate` is an id twice in one snapshot with
    /// different content, `not_json` a garbled line.
    faults: By<Counter> = "ralphext_object_faults_total", "kind" in &[
        "not_json", "no_id", "bad_id", "bad_field", "no_content", "too_large", "no_room", "not_canonical", "bad_type",
        "render", "unreadable", "duplicate", "unresolved",
    ];
    /// Objects of the inventory that records are matched with; only with `[identity]`.
    inventory_objects: Gauge = "ralphext_inventory_objects";
    /// When the inventory was confirmed last, be it by a look at what is new, unix time: its age is what has passed since.
    inventory_checked: Gauge = "ralphext_inventory_checked_timestamp_seconds";
    /// Looks at the place of the inventory that failed; what is known stays, and nothing counts as gone after
    /// `identity.max_age`.
    inventory_failures: Counter = "ralphext_inventory_refresh_failures_total";
    /// Elements, attributes and classes that the sanitiser removed from HTML, each time content was rendered.
    markup_removed: Counter = "ralphext_markup_removed_total";
    /// Failures of the source as a whole, by kind; `nothing` is a source that said nothing at all, `silent` a stream that
    /// did not speak for `source.expect_every`.
    source_failures: By<Counter> = "ralphext_source_failures_total", "kind" in &[
        "settings", "spawn", "exit", "timed_out", "missing", "io", "truncated", "nothing", "no_items", "http", "table",
        "events", "mapping", "database", "spool", "input",
        "closed", "silent",
    ];
    /// 1 while the source is left alone for `source.breaker_pause` between two tries, as it failed too often in a row.
    circuit_open: Gauge = "ralphext_source_circuit_open";
    /// 1 while what a `stream` says can be kept in the spool, 0 while it cannot; only with `source.spool`.
    spool_usable: Gauge = "ralphext_spool_usable";
    /// Complete snapshots whose vanished objects were kept, by what would have been left: `some`, or `none` (an empty
    /// answer).
    shrink_refusals: By<Counter> = "ralphext_shrink_refusals_total", "left" in &["some", "none"];
    /// Complete snapshots with at least five times as many objects as there were before. They are taken.
    growths: Counter = "ralphext_sudden_growths_total";

    /// 1 while this process is the service's writer.
    lease_held: Gauge = "ralphext_lease_held";
    /// 1 while this process stands by behind another writer. Neither this nor `ralphext_lease_held`: it cannot reach Redis.
    standby: Gauge = "ralphext_standby";
    /// 1 while the service's writer says that it lives, 0 when three of its heartbeats were missed. Told by `ralphext ui` only,
    /// from the descriptor, so also of sidecars that are dead; not of services that are written now and then.
    writer_alive: Gauge = "ralphext_writer_alive";
    /// When the service's writer last said that it lives, unix time; told by `ralphext ui` only.
    heartbeat: Gauge = "ralphext_heartbeat_timestamp_seconds";
    /// The epoch under which this process writes, or last wrote; it grows with every takeover.
    epoch: Gauge = "ralphext_epoch";
    /// Times that this process became the writer: at its start, after a failure of Redis, or by taking over.
    leases_acquired: Counter = "ralphext_lease_acquisitions_total";
    /// Times that another writer took over from this process.
    leases_lost: Counter = "ralphext_lease_losses_total";

    /// Failed uses of Redis that ended a pass or a try to become the writer, by class.
    redis_failures: By<Counter> = "ralphext_redis_failures_total", "class" in &[
        "unreachable", "timed_out", "credentials", "permission", "read_only", "failed_over", "full", "loading", "fenced", "data_lost",
        "settings", "wrong_type", "server",
    ];
    /// Times that Redis was found flushed or rolled back; what differs is then written again.
    data_losses: Counter = "ralphext_data_losses_total";
    /// 1 while the server tells of lost and changed keys, 0 while it does not; only with `verify.keyspace_events`.
    hearing: Gauge = "ralphext_keyspace_events";
    /// Objects that were computed as a reader missed or requested them, by outcome: `absent` (the source has no such object),
    /// `refused` (its record could not be taken), `failed` (the source did). Only with `[fill]`, as all that follow with `fill`.
    fills: By<Counter> = "ralphext_fills_total", "outcome" in &["written", "unchanged", "absent", "refused", "failed"];
    /// Misses and requests that led to nothing, by reason: `unknown` (the source did not know the id of late, or cannot be
    /// asked), `limit` (`fill.max_rate`), `lost` (they came faster than they could be looked at, or the list was too long).
    fill_ignored: By<Counter> = "ralphext_fill_ignored_total", "reason" in &["unknown", "limit", "lost"];
    /// Ids that are left alone, since the source does not know them or their content was refused.
    fill_unknown: Gauge = "ralphext_fill_unknown_ids";
    /// Servers on which readers are listened to, and the list of requests, by state.
    fill_servers: By<Gauge> = "ralphext_fill_servers", "state" in &["heard", "deaf"];
    /// From a miss or request to the sending of the value.
    fill_duration: Histogram = "ralphext_fill_duration_seconds";
    /// From the sending of a batch to its confirmation by Redis.
    batch_duration: By<Histogram> = "ralphext_redis_batch_duration_seconds", "kind" in &["write", "renew"];
    /// Batches that wait or are under way to Redis; at their bound the source is slowed down.
    batches_in_flight: Gauge = "ralphext_redis_batches_in_flight";

    /// When each of several inputs was last well, unix time; only with `source.inputs`.
    input_success: Named<Gauge> = "ralphext_input_last_success_timestamp_seconds", "input" in &[];
    /// Objects of which each of several inputs could not be taken; only with `source.inputs`.
    input_failed: Named<Gauge> = "ralphext_input_failed_objects", "input" in &[];
    /// 1 while one of several inputs has told nothing for longer than its schedule promises, be the others well; only with
    /// `source.inputs`.
    input_stale: Named<Gauge> = "ralphext_input_stale", "input" in &[];
    /// Traces of passes that the collector took; only with `telemetry.otlp`.
    traces_sent: Counter = "ralphext_traces_sent_total";
    /// Traces of passes that were dropped: the collector did not take them, or not in time.
    traces_lost: Counter = "ralphext_traces_lost_total";
}

impl ServiceMetrics {
    /// Another process writes now: what this one knew of the content is no longer told.
    pub fn forget(&self) {
        for state in ["sound", "broken"] {
            self.objects.of(state).unset();
        }
        let gauges = [&self.failed_objects, &self.value_bytes, &self.last_success, &self.as_of, &self.stale];
        gauges.into_iter().for_each(Gauge::unset);
        [&self.input_success, &self.input_failed, &self.input_stale].into_iter().for_each(Named::clear);
        let gauges = [&self.renewals_stopped, &self.circuit_open, &self.hearing, &self.spool_usable];
        gauges.into_iter().for_each(Gauge::unset);
    }
}

/// Which program this is.
const BUILD: Entry = Entry {
    name: "ralphext_build_info",
    kind: Kind::Info,
    label: None,
    words: &[],
    help: "The program's version, as label `version`; always 1.",
};

/// All metrics of a process.
#[derive(Debug)]
pub struct Metrics {
    services: Vec<Arc<ServiceMetrics>>,
    process: Process,
}

impl Default for Metrics {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { services: Vec::new(), process: Process { started: now } }
    }
}

impl Metrics {
    /// The metrics of one more service.
    pub fn service(&mut self, name: &str) -> Arc<ServiceMetrics> {
        let service = Arc::new(ServiceMetrics::new(name));
        self.services.push(service.clone());
        service
    }

    /// Of services only what was set, for whoever does not count itself.
    pub fn render_known(&self, format: Format) -> String {
        self.text(format, true)
    }

    /// Everything, for a scrape.
    pub fn render(&self, format: Format) -> String {
        self.text(format, false)
    }

    fn text(&self, format: Format, only_known: bool) -> String {
        let mut text = Text::new(format);
        text.head(&BUILD);
        text.samples(&BUILD, Some(("version", env!("CARGO_PKG_VERSION")))).push("", None, None, 1);
        let services: Vec<_> = self.services.iter().map(|service| (&*service.service, service.families())).collect();
        for (at, entry) in CATALOGUE.iter().enumerate() {
            text.head(entry);
            for (service, families) in services.iter().filter(|(_, families)| !only_known || families[at].is_known()) {
                families[at].tell_all(&mut text.samples(entry, Some(("service", service))));
            }
        }
        for (entry, value) in PROCESS.iter().zip(self.process.values()) {
            text.head(entry);
            if let Some(value) = value {
                text.samples(entry, None).push("", None, None, value);
            }
        }
        text.finish()
    }
}

/// Every entry there is, in the order of [`Metrics::render`].
fn entries() -> impl Iterator<Item = &'static Entry> {
    static FIRST: Entry = BUILD;
    static LAST: [Entry; PROCESS.len()] = PROCESS;
    std::iter::once(&FIRST).chain(CATALOGUE).chain(&LAST)
}

/// The words of the label of the metric `name`, so that whoever counts by it can be held to them.
pub fn words_of(name: &str) -> Cow<'static, [&'static str]> {
    entries().find(|entry| entry.name == name).map_or(Cow::Owned(Vec::new()), |entry| Cow::Borrowed(entry.words))
}

#[cfg(test)]
mod tests;
