//! A key's version never goes back, and equal versions mean equal bytes: over a wall clock that was set back too.

use crate::harness::{Ext, Redis, record, records};

/// An hour in milliseconds: how far the wall clock "was set back" since the last write.
const HOUR: u64 = 3_600_000;

#[test]
fn the_canary_is_a_floor_for_versions() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(5, 1)).expect(0);
    let canary: String = redis.get("ralphext:v1:hwinfo:@canary").expect("a canary");
    let highest = redis.objects("hwinfo").values().map(|e| e.version()).max().expect("objects");
    assert_eq!(canary.parse::<u64>().expect("a number"), highest, "the canary holds the highest version");

    let ahead = highest + HOUR;
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@canary", &ahead.to_string()]);
    ext.once_with(&records(5, 2)).expect(0).counts(&[("written", 5)]);
    for (id, envelope) in redis.objects("hwinfo") {
        assert!(envelope.version() > ahead, "{id}: {} after {ahead}", envelope.version());
    }
}

#[test]
fn the_heads_are_a_floor_for_versions_where_the_canary_is_lost() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(5, 1)).expect(0);
    let old = redis.object("hwinfo", "3");
    let ahead = old.version() + HOUR;
    let raw = old.raw.replace(&format!("\"version\":{}", old.version()), &format!("\"version\":{ahead}"));
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:3", &raw, "PX", "3600000"]);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:@canary"]);
    ext.once_with(&records(5, 2)).expect(0);
    for (id, envelope) in redis.objects("hwinfo") {
        assert!(envelope.version() > ahead, "{id}: {} after {ahead}", envelope.version());
    }
}

#[test]
fn every_change_has_a_version_of_its_own() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    let mut last = 0;
    for rev in 1..=5 {
        ext.once_with(&[record(1, rev)]).expect(0).counts(&[("written", 1)]);
        let now = redis.object("hwinfo", "1").version();
        assert!(now > last, "{now} after {last}");
        last = now;
    }
}

#[test]
fn epochs_grow_with_every_writer() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(2, 1)).expect(0);
    let first = redis.object("hwinfo", "1").epoch();
    let fence =
        |redis: &Redis| redis.get("ralphext:v1:hwinfo:@fence").expect("a fence").parse::<u64>().expect("a number");
    assert_eq!(fence(&redis), first);
    ext.once_with(&records(2, 2)).expect(0);
    assert!(redis.object("hwinfo", "1").epoch() > first);
    let ahead = fence(&redis) + HOUR;
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@fence", &ahead.to_string()]);
    ext.once_with(&records(2, 3)).expect(0);
    assert_eq!(redis.object("hwinfo", "1").epoch(), ahead + 1, "max(previous + 1, now)");
    assert_eq!(redis.cmd::<i64>(&["PTTL", "ralphext:v1:hwinfo:@fence"]), -1);
}
