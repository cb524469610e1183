//! What is told of the bridge to rq, which is a process of its own with metrics of its own. It must not know rq.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    BUILD, By, Counter, Entry, Format, Gauge, Histogram, Kind,
    process::{PROCESS, Process},
    text::Text,
    values::Family,
};

/// How jobs end.
pub const OUTCOMES: &[&str] =
    &["done", "failed", "timed_out", "refused", "unknown", "stopped", "retried", "dropped", "put_back"];

const fn entry(name: &'static str, kind: Kind, label: Option<&'static str>, help: &'static str) -> Entry {
    let words = if label.is_some() { OUTCOMES } else { &[] };
    Entry { name, kind, label, words, help }
}

/// The catalogue, in the order in which it is told.
pub(super) const BRIDGE: [Entry; 5] = [
    entry(
        "ralphext_bridge_jobs_total",
        Kind::Counter,
        Some("outcome"),
        "Jobs that ended here: `refused` are those whose data is no plain call (a hostile pickle, say), `unknown` name a \
         function that is not served, `dropped` were cancelled or taken over while they ran, `put_back` go on elsewhere \
         as the process ended.",
    ),
    entry(
        "ralphext_bridge_job_duration_seconds",
        Kind::Histogram,
        None,
        "How long jobs took, from their begin to their end.",
    ),
    entry("ralphext_bridge_waiting", Kind::Gauge, None, "Jobs that wait in the queue."),
    entry(
        "ralphext_bridge_recovered_total",
        Kind::Counter,
        None,
        "Jobs of dead workers that were put back or failed here.",
    ),
    entry("ralphext_bridge_running", Kind::Gauge, None, "Jobs that are under way."),
];

/// The numbers of one queue.
#[derive(Debug)]
pub struct QueueMetrics {
    queue: String,
    /// By [`OUTCOMES`].
    pub jobs: By<Counter>,
    /// How long they took.
    pub took: Histogram,
    /// How many wait.
    pub waiting: Gauge,
}

/// The numbers of a bridge.
#[derive(Debug)]
pub struct BridgeMetrics {
    queues: Vec<Arc<QueueMetrics>>,
    /// Jobs of dead workers.
    pub recovered: Counter,
    /// How many are under way.
    pub running: Gauge,
    process: Process,
}

impl BridgeMetrics {
    /// Nothing was counted yet.
    pub fn new(queues: &[String]) -> Self {
        let queue = |queue: &String| QueueMetrics {
            queue: queue.clone(),
            jobs: By::build(OUTCOMES),
            took: Histogram::default(),
            waiting: Gauge::default(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self {
            queues: queues.iter().map(|name| Arc::new(queue(name))).collect(),
            recovered: Counter::default(),
            running: Gauge::default(),
            process: Process { started: now },
        }
    }

    /// Those of the queue `name`, which is one of those that it was made with.
    pub fn queue(&self, name: &str) -> Option<&QueueMetrics> {
        self.queues.iter().find(|queue| queue.queue == name).map(|queue| &**queue)
    }

    /// Everything, for a scrape.
    pub fn render(&self, format: Format) -> String {
        let mut text = Text::new(format);
        text.head(&BUILD);
        text.samples(&BUILD, Some(("version", env!("CARGO_PKG_VERSION")))).push("", None, None, 1);
        for (at, entry) in BRIDGE.iter().enumerate() {
            text.head(entry);
            for queue in &self.queues {
                let mut samples = text.samples(entry, Some(("queue", &queue.queue)));
                match at {
                    0 => queue.jobs.tell(&mut samples, None),
                    1 => queue.took.tell(&mut samples, None),
                    2 => queue.waiting.tell(&mut samples, None),
                    _ => break,
                }
            }
            match at {
                3 => self.recovered.tell(&mut text.samples(entry, None), None),
                4 => self.running.tell(&mut text.samples(entry, None), None),
                _ => {}
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
