//! What Redis lost is written again at a bounded rate, the oldest first; and a service keeps within its memory.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Ext, Redis, Watch, record, records};

#[test]
fn the_oldest_values_are_restored_first_and_not_faster_than_allowed() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("recovery.max_rate", 200);
    // In the file's order the newer ones come first.
    let both = |rev: u64| (1001..=2000).map(|id| record(id, rev)).chain(records(1000, 1)).collect::<Vec<Value>>();
    ext.source(&both(1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 2000);
    ext.source(&both(2));
    sidecar.wait_until("the newer half is newer", || {
        redis.raw_objects("hwinfo").values().filter(|raw| raw.contains("\"revision\":2")).count() == 1000
    });
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    let before = redis.objects("hwinfo");

    let watch = Watch::start(&redis);
    let lost = Instant::now();
    redis.flush();
    sidecar.wait_for_objects(&redis, "hwinfo", 2000);
    // A slow machine takes longer, none can be faster: but for the first bursts, 200 a second.
    assert!(lost.elapsed() > Duration::from_secs(4), "all were back after {:?}", lost.elapsed());
    let set = watch.on_objects(&redis, "hwinfo", &["set"]);
    assert_eq!(set.len(), 2000, "each is written once");
    let newer = |key: &str| key.rsplit(':').next().and_then(|id| id.parse::<u64>().ok()).is_some_and(|id| id > 1000);
    let first_newer = set.iter().position(|e| newer(&e.key)).expect("the newer ones are restored, too");
    assert_eq!(first_newer, 1000, "the older half comes first");
    for (id, envelope) in redis.objects("hwinfo") {
        assert!(envelope.version() > before[&id].version(), "{id}");
        assert_eq!(envelope.content(), before[&id].content(), "{id}");
    }
    sidecar.stop().expect(0);
}

#[test]
fn a_service_keeps_within_max_total_and_its_last_good_content_stays() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_content", "4KiB").set("limits.max_total", "20KiB");
    let outcome = ext.once_with(&records(100, 1)).expect(1);
    let written = outcome.n("written");
    assert!((20..60).contains(&written), "{outcome}");
    assert_eq!(outcome.n("failed"), 100 - written);
    assert_eq!(outcome.json()["faults"], json!({"no_room": 100 - written}));
    outcome.says(&["limits.max_total", "20KiB"]);
    let bytes: usize = redis.raw_objects("hwinfo").values().map(String::len).sum();
    assert!(bytes <= 20 * 1024, "{bytes}");

    ext.once().expect(1).counts(&[("written", 0), ("removed", 0)]);
    let mut changed = records(100, 1);
    changed[0] = json!({"id": 1, "content": "x".repeat(3000)});
    changed[1] = json!({"id": 2, "content": {"smaller": true}});
    ext.once_with(&changed).expect(1).counts(&[("removed", 0)]);
    assert_eq!(redis.object("hwinfo", "1").content()["revision"], 1, "what does not fit leaves what was there");
    assert_eq!(redis.object("hwinfo", "2").content()["smaller"], true, "what becomes smaller always fits");
}
