//! Traces of passes: what a collector gets is what OTLP says it has to be, and no collector holds a pass up.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Asked, Body, Ext, Redis, Reply, Web, eventually, free_port, records};

/// A span as the collector got it, with the service that its resource names.
#[derive(Debug, Clone)]
struct Span {
    service: String,
    json: Value,
}

impl Span {
    fn name(&self) -> &str {
        self.json["name"].as_str().expect("a name")
    }

    fn ns(&self, name: &str) -> u64 {
        self.json[name].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name}: {}", self.json))
    }

    fn attribute(&self, name: &str) -> Value {
        attributes(&self.json["attributes"]).remove(name).unwrap_or(Value::Null)
    }
}

/// Attributes as `KeyValue` has them in the JSON form: 64-bit numbers are texts there.
fn attributes(list: &Value) -> BTreeMap<String, Value> {
    let pair = |one: &Value| {
        let value = one["value"].as_object().expect("a value");
        assert_eq!(value.len(), 1, "one of a oneof: {one}");
        let (kind, value) = value.iter().next().expect("a value");
        let value = match kind.as_str() {
            "stringValue" => value.as_str().map(Value::from),
            "boolValue" => value.as_bool().map(Value::from),
            "intValue" => value.as_str().and_then(|text| text.parse::<i64>().ok()).map(Value::from),
            _ => None,
        };
        (one["key"].as_str().expect("a key").to_owned(), value.unwrap_or_else(|| panic!("{one}")))
    };
    list.as_array().expect("attributes").iter().map(pair).collect()
}

fn is_id(text: &Value, digits: usize) -> bool {
    let text = text.as_str().unwrap_or_default();
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
}

fn only(of: &Value, known: &[&str]) {
    let unknown: Vec<_> = of.as_object().expect("an object").keys().filter(|k| !known.contains(&k.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?} in {of}");
}

/// The spans of an `ExportTraceServiceRequest`; panics where it is none.
fn spans(asked: &Asked) -> Vec<Span> {
    assert_eq!((asked.path.as_str(), asked.header("content-type")), ("/v1/traces", "application/json"));
    let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
    only(&body, &["resourceSpans"]);
    let mut found = Vec::new();
    for resource in body["resourceSpans"].as_array().expect("resources") {
        only(resource, &["resource", "scopeSpans", "schemaUrl"]);
        let of = attributes(&resource["resource"]["attributes"]);
        assert_eq!(of["service.namespace"], "ralphext");
        for scope in resource["scopeSpans"].as_array().expect("scopes") {
            only(scope, &["scope", "spans", "schemaUrl"]);
            for span in scope["spans"].as_array().expect("spans") {
                const KNOWN: [&str; 9] = [
                    "traceId",
                    "spanId",
                    "parentSpanId",
                    "name",
                    "kind",
                    "startTimeUnixNano",
                    "endTimeUnixNano",
                    "attributes",
                    "status",
                ];
                only(span, &KNOWN);
                assert!(is_id(&span["traceId"], 32) && is_id(&span["spanId"], 16), "{span}");
                assert!(span["parentSpanId"].is_null() || is_id(&span["parentSpanId"], 16), "{span}");
                assert_eq!(span["kind"], 1, "SPAN_KIND_INTERNAL");
                let service = of["service.name"].as_str().expect("a name").to_owned();
                let span = Span { service, json: span.clone() };
                assert!(span.ns("startTimeUnixNano") <= span.ns("endTimeUnixNano"), "{span:?}");
                attributes(&span.json["attributes"]);
                found.push(span);
            }
        }
    }
    found
}

fn all(collector: &Web) -> Vec<Span> {
    collector.seen().iter().flat_map(spans).collect()
}

fn taking() -> Web {
    Web::start(|_| Reply::json("{\"partialSuccess\":{}}"))
}

#[test]
fn a_pass_is_a_trace_of_its_parts() {
    let redis = Redis::start();
    let collector = taking();
    let ext = Ext::brisk(&redis).set("telemetry.otlp", collector.url("")).set("telemetry.otlp_token_file", "token");
    ext.write("token", "correct-horse-battery\n");
    ext.source(&records(40, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_metric("ralphext_traces_sent_total", &[], |n| n >= 1.0);
    let spans = all(&collector);
    let pass = spans.iter().find(|span| span.name() == "pass").expect("a pass");
    assert!(pass.json["parentSpanId"].is_null() && pass.service == "hwinfo", "{pass:?}");
    assert_eq!((pass.attribute("ralphext.objects"), pass.attribute("ralphext.written")), (40.into(), 40.into()));
    assert_eq!((pass.attribute("ralphext.outcome"), &pass.json["status"]["code"]), ("complete".into(), &1.into()));
    let parts: Vec<&Span> = spans.iter().filter(|span| span.json["parentSpanId"] == pass.json["spanId"]).collect();
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    assert_eq!(names, ["fetch", "handle", "write", "remove"]);
    for part in &parts {
        assert_eq!(part.json["traceId"], pass.json["traceId"]);
        let (from, to) = (part.ns("startTimeUnixNano"), part.ns("endTimeUnixNano"));
        assert!(
            pass.ns("startTimeUnixNano") <= from && to <= pass.ns("endTimeUnixNano"),
            "{part:?} is not within {pass:?}"
        );
    }
    assert_eq!(parts[2].attribute("ralphext.batches"), 1);
    assert_eq!(collector.seen()[0].header("authorization"), "Bearer correct-horse-battery");

    // A pass that fails says so, and why; a pass is a trace of its own each time.
    std::fs::remove_file(ext.path("objects.ndjson")).expect("it is there");
    let failed = |span: &Span| span.name() == "fetch" && span.json["status"]["code"] == 2;
    eventually("a failure is traced", || all(&collector).iter().any(failed));
    let spans = all(&collector);
    let fetch = spans.iter().find(|span| failed(span)).expect("waited for");
    assert_eq!(fetch.attribute("ralphext.error.kind"), "missing");
    assert!(fetch.json["status"]["message"].to_string().contains("objects.ndjson does not exist"), "{fetch:?}");
    let passes: Vec<&Value> = spans.iter().filter(|s| s.name() == "pass").map(|s| &s.json["traceId"]).collect();
    let distinct: std::collections::BTreeSet<String> = passes.iter().map(ToString::to_string).collect();
    assert!(passes.len() > 1 && distinct.len() == passes.len(), "{passes:?}");
    sidecar.stop().expect(0);
}

#[test]
fn once_is_traced_before_it_ends_and_plan_is_not() {
    let redis = Redis::start();
    let collector = taking();
    let ext = Ext::new(&redis).set("telemetry.otlp", format!("{}/of/ours/v1/traces", collector.url("")));
    ext.source(&records(5, 1));
    ext.verb(&["plan"]).expect(0);
    assert!(collector.paths().is_empty(), "{:?}", collector.paths());
    ext.once().expect(0).counts(&[("written", 5)]);
    assert_eq!(collector.paths(), ["/of/ours/v1/traces"], "a path of its own stays");
}

#[test]
fn a_collector_that_is_away_or_stands_still_holds_up_nothing() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("telemetry.otlp", format!("http://127.0.0.1:{}", free_port()));
    ext.source(&records(5, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_metric("ralphext_traces_lost_total", &[], |n| n >= 3.0);
    assert_eq!(sidecar.scrape().value("ralphext_traces_sent_total", &[]), 0.0);
    let told = sidecar.stop().expect(0).stderr;
    assert_eq!(told.matches("traces cannot be sent").count(), 1, "{told}");

    let silent = Web::start(|_| Reply::of(200, "application/json", Body::Stalled(Vec::new())));
    let ext = Ext::brisk(&redis).set("telemetry.otlp", silent.url(""));
    ext.source(&records(6, 1));
    let mut sidecar = ext.run();
    sidecar.wait_until("it was asked", || !silent.paths().is_empty());
    ext.source(&records(9, 1));
    sidecar.wait_for_objects(&redis, "hwinfo", 9);
    sidecar.stop().expect(0);
    drop(silent);

    let refusing = Web::start(|_| Reply::status(400));
    let ext = Ext::new(&redis).set("telemetry.otlp", refusing.url(""));
    ext.once_with(&records(7, 1)).expect(0).says(&["400", "traces cannot be sent"]);
}

#[test]
fn an_address_that_is_none_never_starts() {
    let redis = Redis::start();
    for (address, words) in [
        ("127.0.0.1:4318", "it is no address of a collector"),
        ("https://user:pw@c.example.com", "an address with a password in it is logged"),
    ] {
        let ext = Ext::new(&redis).set("telemetry.otlp", address);
        ext.verb(&["check"]).expect(2).says(&["telemetry.otlp", words]);
    }
}
