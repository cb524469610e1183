//! A change, an addition, a removal: exactly that and nothing else is written; also after a restart.

use crate::harness::{Ext, Redis, Watch, record, records};

#[test]
fn know3_one_changed_one_added_one_removed() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(100, 1)).expect(0).counts(&[("written", 100)]);
    let before = redis.objects("hwinfo");

    let watch = Watch::start(&redis);
    let mut now = records(101, 1);
    now[41] = record(42, 2);
    now.remove(16);
    let outcome = ext.once_with(&now).expect(0);
    outcome.counts(&[("objects", 100), ("written", 2), ("removed", 1), ("failed", 0)]);

    let after = redis.objects("hwinfo");
    assert!(after["42"].version() > before["42"].version());
    assert_ne!(after["42"].json["hash"], before["42"].json["hash"]);
    assert_eq!(after["42"].content()["revision"], 2);
    assert!(after.contains_key("101") && !after.contains_key("17"));
    for (id, envelope) in after.iter().filter(|(id, _)| !["42", "101"].contains(&id.as_str())) {
        assert_eq!(envelope.raw, before[id].raw, "{id}");
    }
    let mut set: Vec<String> = watch.on_objects(&redis, "hwinfo", &["set"]).into_iter().map(|e| e.key).collect();
    set.sort();
    assert_eq!(set, ["ralphext:v1:hwinfo:101", "ralphext:v1:hwinfo:42"]);
    let gone = watch.on_objects(&redis, "hwinfo", &["del", "unlink"]);
    assert_eq!(gone.into_iter().map(|e| e.key).collect::<Vec<_>>(), ["ralphext:v1:hwinfo:17"]);
}

#[test]
fn know3_a_running_sidecar_follows_its_file() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(100, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 100);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let before = redis.objects("hwinfo");

    let watch = Watch::start(&redis);
    let mut now = records(101, 1);
    now[41] = record(42, 2);
    now.remove(16);
    ext.source(&now);
    sidecar.wait_until("change, addition and removal arrived", || {
        let there = redis.raw_objects("hwinfo");
        there.contains_key("101") && !there.contains_key("17") && there["42"].contains("\"revision\":2")
    });
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    assert!(redis.object("hwinfo", "42").version() > before["42"].version());
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]).len(), 2);
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["del", "unlink"]).len(), 1);
    sidecar.stop().expect(0);
}

#[test]
fn what_vanished_during_a_restart_is_removed_and_nothing_else_written() {
    for crash in [false, true] {
        let redis = Redis::start();
        let ext = Ext::brisk(&redis);
        ext.source(&records(50, 1));
        let mut sidecar = ext.run();
        sidecar.wait_for_objects(&redis, "hwinfo", 50);
        sidecar.wait_for_passes(&redis, "hwinfo", 1);
        if crash {
            sidecar.kill();
        } else {
            sidecar.stop().expect(0);
        }

        let mut now = records(50, 1);
        now.remove(9);
        ext.source(&now);
        let watch = Watch::start(&redis);
        let mut sidecar = ext.run();
        sidecar.wait_until("object 10 is gone", || redis.get("ralphext:v1:hwinfo:10").is_none());
        sidecar.wait_for_passes(&redis, "hwinfo", 1);
        assert_eq!(redis.objects("hwinfo").len(), 49);
        assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]), [], "after a crash: {crash}");
        assert_eq!(watch.on_objects(&redis, "hwinfo", &["del", "unlink"]).len(), 1, "after a crash: {crash}");
        sidecar.stop().expect(0);
    }
}

#[test]
fn an_id_twice_with_different_content_is_told_and_the_first_is_kept() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_failed", "50%");
    let twice = [record(1, 1), record(2, 1), record(1, 2)];
    let outcome = ext.once_with(&twice).expect(0);
    assert_eq!(outcome.json()["faults"]["duplicate"], 1);
    outcome.says(&["objects.ndjson:3", "twice"]);
    assert_eq!(redis.object("hwinfo", "1").content()["revision"], 1);
    let watch = Watch::start(&redis);
    ext.once().expect(0);
    assert_eq!(redis.object("hwinfo", "1").content()["revision"], 1);
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]), [], "it does not flap");
}

#[test]
fn a_prefix_of_ones_own_keeps_to_itself() {
    let redis = Redis::start();
    redis.cmd::<()>(&["SET", "session:abc", "keep me"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:other:1", "keep me"]);
    redis.grant(&["hwinfo", "--set", "redis.prefix=cmdb-tabs"]);
    let ext = Ext::new(&redis).set("redis.prefix", "cmdb-tabs");
    ext.once_with(&records(30, 1)).expect(0);
    assert!(redis.get("cmdb-tabs:v1:hwinfo:30").is_some());
    ext.once_with(&records(29, 1)).expect(0).counts(&[("removed", 1)]);
    let keys = redis.keys();
    assert_eq!(keys.iter().filter(|k| k.starts_with("ralphext")).collect::<Vec<_>>(), ["ralphext:v1:other:1"]);
    assert_eq!(redis.get("session:abc").as_deref(), Some("keep me"));
}
