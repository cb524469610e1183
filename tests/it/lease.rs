//! One writer at a time: a second one waits or leaves, one that was taken over cannot write.

use std::time::Duration;

use crate::harness::{Ext, Redis, Watch, always, records, signal};

const LEASE: &str = "ralphext:v1:hwinfo:@lease";
const FENCE: &str = "ralphext:v1:hwinfo:@fence";

fn fence(redis: &Redis) -> u64 {
    redis.get(FENCE).expect("a fence").parse().expect("a number")
}

/// Takes the service over as another writer would, and keeps it.
fn take_over(redis: &Redis) -> u64 {
    let epoch = fence(redis) + 1_000_000;
    redis.cmd::<()>(&["SET", FENCE, &epoch.to_string()]);
    redis.cmd::<()>(&["SET", LEASE, "another-writer", "PX", "600000"]);
    epoch
}

#[test]
fn once_leaves_with_5_where_a_run_holds_the_lease() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let holder = redis.get(LEASE).expect("a lease");
    let left: i64 = redis.cmd(&["PTTL", LEASE]);
    assert!((1..=3000).contains(&left), "{left} ms");

    let watch = Watch::start(&redis);
    let other = Ext::brisk(&redis);
    let outcome = other.once_with(&records(10, 2)).expect(5);
    outcome.counts(&[("written", 0), ("removed", 0)]);
    outcome.says(&["lease", "hint"]);
    watch.assert_untouched(&redis, "hwinfo");
    assert_eq!(redis.get(LEASE), Some(holder));

    sidecar.stop().expect(0);
    assert_eq!(redis.get(LEASE), None, "a stopped writer hands its lease back");
    other.once().expect(0).counts(&[("written", 10)]);
    assert_eq!(redis.get(LEASE), None, "so does once");
}

#[test]
fn a_second_sidecar_stands_by_and_takes_over() {
    for crash in [true, false] {
        let redis = Redis::start();
        let ext = Ext::brisk(&redis);
        ext.source(&records(10, 1));
        let mut first = ext.run();
        first.wait_for_objects(&redis, "hwinfo", 10);
        let epoch = fence(&redis);
        let other = Ext::brisk(&redis);
        other.source(&records(10, 2));
        let mut second = other.run();
        first.wait_for_passes(&redis, "hwinfo", 4);
        assert_eq!(fence(&redis), epoch, "the fence changes only by a takeover");
        assert!(redis.objects("hwinfo").values().all(|e| e.content()["revision"] == 1));

        if crash {
            first.kill();
        } else {
            first.stop().expect(0);
        }
        second.wait_until("the second one's content is there", || {
            redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":2"))
        });
        assert!(fence(&redis) > epoch);
        assert!(redis.objects("hwinfo").values().all(|e| e.epoch() == fence(&redis)));
        second.stop().expect(0);
    }
}

#[test]
fn a_writer_with_a_stolen_fence_writes_nothing_until_the_lease_is_its_own_again() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("verify.every", "1s").set("content.ttl", "10s");
    ext.source(&records(40, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 40);
    sidecar.wait_for_passes(&redis, "hwinfo", 2);

    let epoch = take_over(&redis);
    let watch = Watch::start(&redis);
    ext.source(&records(39, 2));
    std::thread::sleep(Duration::from_secs(4));
    let touched = watch.on_objects(&redis, "hwinfo", &["set", "del", "unlink", "expire"]);
    assert_eq!(touched, [], "neither written, deleted nor renewed");
    assert_eq!(fence(&redis), epoch);
    assert_eq!(redis.get(LEASE).as_deref(), Some("another-writer"));

    redis.cmd::<()>(&["DEL", LEASE]);
    sidecar.wait_until("it has the lease again and catches up", || {
        let there = redis.raw_objects("hwinfo");
        there.len() == 39 && there.values().all(|raw| raw.contains("\"revision\":2"))
    });
    assert!(redis.objects("hwinfo").values().all(|e| e.epoch() > epoch));
    sidecar.stop().expect(0);
}

#[test]
fn a_writer_stopped_in_the_middle_of_a_pass_cannot_go_on_after_a_takeover() {
    let redis = Redis::start();
    let slow = Ext::brisk(&redis).set("redis.batch_commands", 20).set("redis.max_in_flight", "1MiB");
    slow.source(&records(100_000, 1));
    let mut stopped = slow.run();
    stopped.wait_until("it is in the middle", || redis.cmd::<u64>(&["DBSIZE"]) > 500);
    signal(stopped.pid(), "STOP");
    let so_far = redis.count("hwinfo");
    assert!(so_far < 100_000, "it was stopped too late to prove anything");
    std::thread::sleep(Duration::from_secs(4));

    // The other's snapshot is smaller; this is about the fence, not the shrink guard.
    let other = Ext::brisk(&redis).set("limits.max_shrink", "100%");
    other.once_with(&records(500, 2)).expect(0).counts(&[("written", 500)]);
    take_over(&redis);
    let watch = Watch::start(&redis);
    let before = redis.count("hwinfo");
    signal(stopped.pid(), "CONT");
    always("nothing changes", Duration::from_secs(4), || redis.count("hwinfo") == before);
    watch.assert_untouched(&redis, "hwinfo");
    let there = redis.raw_objects("hwinfo");
    assert!((1..=500).all(|id| there[&id.to_string()].contains("\"revision\":2")));
}

#[test]
fn sigterm_in_the_middle_of_a_pass_leaves_whole_values_and_no_lease() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("redis.batch_commands", 20);
    ext.source(&records(100_000, 1));
    let mut sidecar = ext.run();
    sidecar.wait_until("it is in the middle", || redis.cmd::<u64>(&["DBSIZE"]) > 500);
    sidecar.stop().expect(0);
    assert_eq!(redis.get(LEASE), None);
    let there = redis.objects("hwinfo");
    assert!(there.len() > 400);
    ext.once().expect(0).counts(&[("written", 100_000 - there.len() as u64)]);
}
