//! Traces of what services do, as OpenTelemetry has them (OTLP in its JSON form). It must not know who measures, nor how they
//! travel.
//!
//! A service hands a [`Trace`] to its [`Tracer`], which puts it into a bounded queue or drops it: nothing ever waits for a
//! collector. Without a collector there is no queue, and nothing is measured.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::metrics::ServiceMetrics;

/// Traces that wait to be sent.
const QUEUE: usize = 64;
/// Longest text in a span, in characters.
const LONGEST: usize = 500;

/// One stretch of time.
#[derive(Debug, Clone)]
pub struct Span {
    /// What was done: `pass`, `fetch`.
    pub name: &'static str,
    /// When it began and ended.
    pub from: Instant,
    /// See `from`.
    pub to: Instant,
    /// What is to be known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// The value of an attribute.
#[derive(Debug, Clone)]
pub enum Attribute {
    /// A word.
    Text(String),
    /// A number.
    Count(u64),
    /// Yes or no.
    Flag(bool),
}

/// A pass of a service, with its parts.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The whole.
    pub root: Span,
    /// What it is made of; parts may overlap.
    pub parts: Vec<Span>,
}

/// A trace on its way, with whose it is.
#[derive(Debug)]
pub struct Told {
    service: String,
    instance: String,
    trace: Trace,
    metrics: Arc<ServiceMetrics>,
}

impl Told {
    /// It will not be sent.
    pub fn lost(&self) {
        self.metrics.traces_lost.add(1);
    }

    /// It was sent.
    pub fn sent(&self) {
        self.metrics.traces_sent.add(1);
    }
}

/// The end of the queue that services hold.
pub type Queue = mpsc::Sender<Told>;

/// A queue for all services of a process.
pub fn queue() -> (Queue, mpsc::Receiver<Told>) {
    mpsc::channel(QUEUE)
}

/// Takes the traces of one service.
#[derive(Debug)]
pub struct Tracer {
    queue: Queue,
    service: String,
    instance: String,
    metrics: Arc<ServiceMetrics>,
}

impl Tracer {
    /// For `service`, as this `instance` of its writer.
    pub fn new(queue: Queue, service: &str, instance: &str, metrics: Arc<ServiceMetrics>) -> Self {
        Self { queue, service: service.to_owned(), instance: instance.to_owned(), metrics }
    }

    /// Hands one over; without room it is dropped, and counted.
    pub fn tell(&self, trace: Trace) {
        let (service, instance) = (self.service.clone(), self.instance.clone());
        let told = Told { service, instance, trace, metrics: self.metrics.clone() };
        if let Err(mpsc::error::TrySendError::Full(told) | mpsc::error::TrySendError::Closed(told)) =
            self.queue.try_send(told)
        {
            told.lost();
        }
    }
}

/// The body of a request that carries `traces`: `ExportTraceServiceRequest` of OTLP 1, in the JSON form of protobuf with ids in
/// hexadecimal, as OTLP wants them.
pub fn request(traces: &[Told]) -> Value {
    let clock = Clock { at: Instant::now(), unix_ns: unix_ns() };
    let resources: Vec<Value> = traces
        .iter()
        .map(|told| {
            let resource = [
                ("service.name", told.service.as_str()),
                ("service.namespace", "ralphext"),
                ("service.instance.id", told.instance.as_str()),
                ("service.version", env!("CARGO_PKG_VERSION")),
            ];
            let attributes: Vec<Value> =
                resource.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect();
            json!({
                "resource": {"attributes": attributes},
                "scopeSpans": [{
                    "scope": {"name": "ralphext", "version": env!("CARGO_PKG_VERSION")},
                    "spans": spans(&told.trace, &clock),
                }],
            })
        })
        .collect();
    json!({ "resourceSpans": resources })
}

fn spans(trace: &Trace, clock: &Clock) -> Vec<Value> {
    // All zeros would be no id.
    let trace_id = format!("{:032x}", fastrand::u128(1..));
    let id = || format!("{:016x}", fastrand::u64(1..));
    let root = id();
    let own = std::iter::once(span(&trace.root, &trace_id, &root, None, clock));
    own.chain(trace.parts.iter().map(|part| span(part, &trace_id, &id(), Some(&root), clock))).collect()
}

fn span(span: &Span, trace_id: &str, id: &str, parent: Option<&str>, clock: &Clock) -> Value {
    let attributes: Vec<Value> = span
        .attributes
        .iter()
        .map(|(key, value)| {
            // 64-bit numbers are texts in this form.
            let value = match value {
                Attribute::Text(text) => json!({"stringValue": clip(text)}),
                Attribute::Count(count) => json!({"intValue": count.to_string()}),
                Attribute::Flag(flag) => json!({"boolValue": flag}),
            };
            json!({"key": format!("ralphext.{key}"), "value": value})
        })
        .collect();
    let mut out = json!({
        "traceId": trace_id,
        "spanId": id,
        "name": span.name,
        // SPAN_KIND_INTERNAL
        "kind": 1,
        "startTimeUnixNano": clock.unix_ns(span.from).to_string(),
        "endTimeUnixNano": clock.unix_ns(span.to).to_string(),
        "attributes": attributes,
        // STATUS_CODE_OK, or STATUS_CODE_ERROR
        "status": span.error.as_ref().map_or(json!({"code": 1}), |e| json!({"code": 2, "message": clip(e)})),
    });
    if let (Some(parent), Some(members)) = (parent, out.as_object_mut()) {
        members.insert("parentSpanId".to_owned(), parent.into());
    }
    out
}

fn clip(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// What the wall clock said at some moment, so that a step of it bends no span.
struct Clock {
    at: Instant,
    unix_ns: u64,
}

impl Clock {
    fn unix_ns(&self, moment: Instant) -> u64 {
        let before = u64::try_from(self.at.saturating_duration_since(moment).as_nanos()).unwrap_or(0);
        self.unix_ns.saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn told(trace: Trace) -> (Told, Arc<ServiceMetrics>) {
        let metrics = Arc::new(ServiceMetrics::new("hwinfo"));
        let told = Told { service: "hwinfo".into(), instance: "h-1".into(), trace, metrics: metrics.clone() };
        (told, metrics)
    }

    fn span(name: &'static str, error: Option<&str>) -> Span {
        let to = Instant::now();
        let attributes = vec![("objects", Attribute::Count(u64::MAX)), ("complete", Attribute::Flag(true))];
        Span { name, from: to - Duration::from_millis(20), to, attributes, error: error.map(str::to_owned) }
    }

    #[test]
    fn parts_belong_to_their_pass() {
        let trace = Trace { root: span("pass", Some("no")), parts: vec![span("fetch", None), span("write", None)] };
        let text = request(&[told(trace).0]);
        let scope = &text["resourceSpans"][0]["scopeSpans"][0];
        let spans = scope["spans"].as_array().expect("spans");
        assert_eq!(spans.len(), 3);
        for part in &spans[1..] {
            assert_eq!((&part["traceId"], &part["parentSpanId"]), (&spans[0]["traceId"], &spans[0]["spanId"]));
            assert_ne!(part["spanId"], spans[0]["spanId"]);
        }
        assert_eq!(spans[0]["attributes"][0]["value"]["intValue"], u64::MAX.to_string());
        assert_eq!(spans[0]["status"], json!({"code": 2, "message": "no"}));
        let ns = |name: &str| spans[0][name].as_str().and_then(|text| text.parse::<u64>().ok()).expect("a number");
        assert_eq!(ns("endTimeUnixNano") - ns("startTimeUnixNano"), 20_000_000);
    }

    #[test]
    fn without_room_a_trace_is_dropped_and_counted() {
        let (queue, waiting) = queue();
        let metrics = Arc::new(ServiceMetrics::new("hwinfo"));
        let tracer = Tracer::new(queue, "hwinfo", "h-1", metrics.clone());
        let trace = Trace { root: span("pass", None), parts: vec![] };
        for _ in 0..QUEUE + 3 {
            tracer.tell(trace.clone());
        }
        assert_eq!(metrics.traces_lost.get(), 3);
        drop(waiting);
        tracer.tell(trace);
        assert_eq!(metrics.traces_lost.get(), 4);
    }
}
