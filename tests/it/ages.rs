//! How old content may become before it counts as older than promised, and that what a source said last is told. It must not
//! look at anything but the descriptor.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Ext, Redis, eventually, records};

/// How old the content is, and may become, in seconds.
fn age(redis: &Redis) -> (f64, f64) {
    let descriptor = redis.descriptor("hwinfo");
    let as_of = descriptor["as_of"].as_str().expect("a moment");
    let as_of = humantime::parse_rfc3339(as_of).expect("a moment");
    let age = std::time::SystemTime::now().duration_since(as_of).unwrap_or_default();
    (age.as_secs_f64(), descriptor["stale_after"].as_f64().expect("seconds"))
}

#[test]
fn passes_that_take_long_are_not_late_for_that() {
    let redis = Redis::start();
    // From the beginning of one pass to the end of the next there are 3 s; three intervals and the time limit are 2.1 s.
    let ext = Ext::brisk(&redis).script("exec", "sleep 1.4\ncat objects.ndjson\necho '{\"end\": true}'");
    let ext = ext.set("source.interval", "200ms").set("source.timeout", "1500ms");
    ext.source(&records(3, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    let mut oldest: f64 = 0.0;
    crate::harness::always("it is no older than it promises", Duration::from_secs(6), || {
        let (age, promised) = age(&redis);
        oldest = oldest.max(age);
        age <= promised
    });
    assert!(oldest > 2.1, "the content was {oldest} s old at the most: this shows nothing");
    sidecar.stop().expect(0);
}

#[test]
fn what_fails_just_before_a_stream_falls_quiet_is_told() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).unset("source.path").set("source.kind", "events");
    let ext = ext.set("source.events.stream", "told").set("source.events.url", redis.url());
    let mut sidecar = ext.run();
    let add = |fields: &[&str]| redis.cmd::<String>(&[&["XADD", "told", "*"], fields].concat());
    let told = |name: &str| redis.descriptor("hwinfo").pointer(name).cloned().unwrap_or(Value::Null);
    for round in 1..=3_u64 {
        add(&["id", &round.to_string(), "content", "{\"load\":1}"]);
        sidecar.wait_until("the good one is told", || told("/counts/objects") == round);
        // Within a second of that, and nothing after it.
        add(&["id", &format!("{round}:bad"), "content", "{}"]);
        eventually("the bad one is told", || {
            told("/failed_objects/0/place") != Value::Null && told("/counts/failed") != 0
        });
    }
    sidecar.stop().expect(0);
}
