//! One bad object never holds up the others: counted, named with file and line, and its last good content stays.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Ext, Redis, Watch, ndjson, record, records};

/// The lines (from 1) that [`spoil`] breaks.
const BROKEN: [usize; 5] = [100, 250, 500, 777, 1000];

/// A thousand records, five of them broken in different ways.
fn spoil() -> String {
    let mut lines: Vec<String> = ndjson(&records(1000, 1)).lines().map(str::to_owned).collect();
    let broken = [
        "this is no JSON {".to_owned(),
        r#"{"content":{"name":"nobody"}}"#.to_owned(),
        r#"{"id":"dc:rack:12","content":{}}"#.to_owned(),
        format!(r#"{{"id":777,"content":"{}"}}"#, "x".repeat(1 << 20)),
        r#"{"id":1000,"content":{"load":NaN}}"#.to_owned(),
    ];
    for (line, text) in BROKEN.into_iter().zip(broken) {
        lines[line - 1] = text;
    }
    lines.join("\n") + "\n"
}

fn kinds(summary: &Value) -> BTreeSet<&str> {
    summary["faults"].as_object().expect("faults").keys().map(String::as_str).collect()
}

#[test]
fn know7_five_broken_of_a_thousand_are_told_and_the_others_written() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.write("objects.ndjson", &spoil());
    let outcome = ext.once().expect(0);
    outcome.counts(&[("written", 995), ("failed", 5), ("removed", 0)]);
    assert_eq!(redis.objects("hwinfo").len(), 995);
    let summary = outcome.json();
    assert_eq!(summary["complete"], false, "a garbled line might have been any object");
    let faults = summary["faults"].as_object().expect("faults");
    assert_eq!(faults.values().filter_map(Value::as_u64).sum::<u64>(), 5, "{faults:?}");
    let told = kinds(&summary);
    assert!(["not_json", "no_id", "bad_id", "too_large"].iter().all(|k| told.contains(k)), "{told:?}");

    let reasons: BTreeSet<&str> = BROKEN
        .into_iter()
        .map(|line| {
            let place = format!("objects.ndjson:{line}");
            let of_line =
                |l: &&str| l.split(&place).nth(1).is_some_and(|r| !r.starts_with(|c: char| c.is_ascii_digit()));
            let log = outcome.stderr.lines().find(of_line);
            log.unwrap_or_else(|| panic!("the log does not name {place}: {outcome}"))
                .split(&place)
                .nth(1)
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(reasons.len(), 5, "five different reasons: {reasons:#?}");
    assert!(outcome.stderr.len() < 50_000, "the log does not repeat a mebibyte of content");
}

#[test]
fn know7_the_same_is_exit_1_where_no_failure_is_allowed() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_failed", "0%");
    ext.write("objects.ndjson", &spoil());
    let outcome = ext.once().expect(1);
    outcome.counts(&[("written", 995), ("failed", 5), ("removed", 0)]);
    outcome.says(&["max_failed"]);
    assert_eq!(redis.objects("hwinfo").len(), 995);
}

#[test]
fn a_snapshot_with_a_broken_line_removes_nothing() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(1000, 1)).expect(0);
    let before = redis.raw_objects("hwinfo");
    let watch = Watch::start(&redis);
    ext.write("objects.ndjson", &spoil());
    ext.once().expect(0).counts(&[("written", 0), ("failed", 5), ("removed", 0)]);
    watch.assert_untouched(&redis, "hwinfo");
    assert_eq!(redis.raw_objects("hwinfo"), before);
}

#[test]
fn a_bad_object_keeps_its_last_good_content_and_the_rest_goes_on() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("limits.max_failed", "50%").set("content.ttl", "4s");
    ext.source(&records(5, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 5);
    let good = redis.object("hwinfo", "3");
    let mut text = ndjson(&[record(1, 2), record(2, 2)]);
    text.push_str("{\"id\":3,\"content\":{\"revision\":NaN}}\n");
    text.push_str(&ndjson(&[record(4, 2), record(5, 2)]));
    ext.write("objects.ndjson", &text);
    sidecar.wait_until("the four others changed", || {
        redis.raw_objects("hwinfo").values().filter(|raw| raw.contains("\"revision\":2")).count() == 4
    });
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(redis.object("hwinfo", "3"), good, "still there after more than its TTL");
    let named = sidecar.stderr().lines().filter(|line| line.contains("objects.ndjson:3")).count();
    assert_eq!(named, 1, "named once, not once a pass:\n{}", sidecar.stderr());

    ext.source(&records(5, 3));
    sidecar.wait_until("it is well again", || {
        redis.raw_objects("hwinfo").values().filter(|raw| raw.contains("\"revision\":3")).count() == 5
    });
    sidecar.stop().expect(0);
}

#[test]
fn more_ways_to_be_wrong_each_have_a_name() {
    let cases = [
        (r#"[1,2]"#, "not_json"),
        (r#"{"id":1}"#, "no_content"),
        (r#"{"id":true,"content":1}"#, "bad_id"),
        (r#"{"id":"@lease","content":1}"#, "bad_id"),
        (r#"{"id":1,"content":1,"contents":2}"#, "bad_field"),
        (r#"{"id":1,"content":{"a":1,"a":2}}"#, "not_canonical"),
        (r#"{"id":1,"content":"\ud800"}"#, "not_canonical"),
        (r#"{"id":1,"content":1,"content_type":"Text/HTML"}"#, "bad_type"),
        (r#"{"id":1,"content":{"a":1},"content_type":"text/plain"}"#, "bad_type"),
        (r#"{"match":{"hostname":"a"},"content":1}"#, "unresolved"),
    ];
    for (line, kind) in cases {
        let redis = Redis::start();
        let ext = Ext::new(&redis).set("limits.max_failed", "100%");
        ext.write("objects.ndjson", &format!("{}{line}\n", ndjson(&[record(7, 1)])));
        let outcome = ext.once().expect(0);
        outcome.counts(&[("written", 1), ("failed", 1), ("removed", 0)]);
        assert_eq!(kinds(&outcome.json()), BTreeSet::from([kind]), "{line}: {outcome}");
        outcome.says(&["objects.ndjson:2"]);
    }
}

#[test]
fn limits_max_content_bounds_what_is_shown_and_a_huge_line_is_not_held() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_content", "1KiB").set("limits.max_failed", "100%");
    let line = |id: u64, size: usize| format!("{{\"id\":{id},\"content\":\"{}\"}}\n", "x".repeat(size));
    let text = [line(1, 1000), line(2, 2000), line(3, 64 << 20), line(4, 10)].concat();
    ext.write("objects.ndjson", &text);
    let outcome = ext.once().expect(0);
    outcome.counts(&[("written", 2), ("failed", 2)]);
    assert_eq!(kinds(&outcome.json()), BTreeSet::from(["too_large"]));
    outcome.says(&["objects.ndjson:2", "objects.ndjson:3"]);
    assert_eq!(redis.objects("hwinfo").into_keys().collect::<Vec<_>>(), ["1", "4"]);
}
