//! Whatever happens to the keys, they come back; and they live no longer than their writer allows.

use std::time::Duration;

use crate::harness::{Ext, Redis, Watch, always, eventually, records};

#[test]
fn know5_after_flushall_everything_is_back_with_greater_versions() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(300, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 300);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    for _ in 0..2 {
        let before = redis.objects("hwinfo");
        redis.flush();
        sidecar.wait_for_objects(&redis, "hwinfo", 300);
        let after = redis.objects("hwinfo");
        for (id, envelope) in &after {
            assert!(envelope.version() > before[id].version(), "{id}");
            assert_eq!(envelope.content(), before[id].content(), "{id}");
        }
        sidecar.wait_until("the descriptor and the index are back", || {
            !redis.descriptor("hwinfo").is_null() && redis.keys().contains(&"ralphext:v1".to_owned())
        });
    }
    sidecar.stop().expect(0);
}

#[test]
fn know6_keys_of_a_still_source_live_on_unwritten_until_the_writer_dies() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("content.ttl", "4s");
    ext.source(&records(200, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 200);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let before = redis.raw_objects("hwinfo");
    let watch = Watch::start(&redis);
    always("all 200 keys are there", Duration::from_secs(30), || redis.count("hwinfo") == 200);
    watch.assert_untouched(&redis, "hwinfo");
    assert_eq!(redis.raw_objects("hwinfo"), before);

    sidecar.kill();
    for id in before.keys() {
        let left: i64 = redis.cmd(&["PTTL", &format!("ralphext:v1:hwinfo:{id}")]);
        assert!((-2..=4000).contains(&left) && left != -1, "{id} would live {left} ms after its writer");
    }
    eventually("all keys are gone", || redis.count("hwinfo") == 0);
    assert!(!redis.descriptor("hwinfo").is_null(), "the descriptor outlives the content, to tell why it is gone");
}

#[test]
fn a_key_deleted_or_overwritten_by_hand_is_healed_by_the_next_verification() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("verify.every", "1s");
    ext.source(&records(50, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 50);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let before = redis.objects("hwinfo");
    let watch = Watch::start(&redis);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:7"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:8", "not ours"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:9", &before["10"].raw]);
    sidecar.wait_until("all three are as they were", || {
        let now = redis.raw_objects("hwinfo");
        ["7", "8", "9"].iter().all(|id| {
            let hash = before[*id].json["hash"].as_str().expect("a hash");
            now.get(*id).is_some_and(|raw| raw.contains(hash))
        })
    });
    for (id, envelope) in redis.objects("hwinfo") {
        assert_eq!(envelope.content(), before[&id].content());
        assert!(envelope.version() >= before[&id].version());
    }
    let set = watch.on_objects(&redis, "hwinfo", &["set"]);
    let ours = set.iter().filter(|e| [":7", ":8", ":9"].iter().any(|end| e.key.ends_with(end))).count();
    assert_eq!((set.len(), ours), (5, 5), "two by hand, three by the sidecar: {set:?}");
}

#[test]
fn a_new_process_heals_what_was_deleted_or_overwritten_by_hand() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(50, 1)).expect(0);
    let before = redis.objects("hwinfo");
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:7"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:8", "not ours"]);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:9"]);
    redis.cmd::<()>(&["LPUSH", "ralphext:v1:hwinfo:9", "not even a string"]);
    ext.once().expect(0).counts(&[("written", 3), ("removed", 0), ("objects", 50)]);
    let after = redis.objects("hwinfo");
    assert_eq!(after.len(), 50);
    for (id, envelope) in after {
        assert_eq!(envelope.content(), before[&id].content());
    }
}

#[test]
fn once_renews_what_has_run_down_without_writing_it() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("content.ttl", "1h");
    ext.once_with(&records(20, 1)).expect(0);
    for id in 1..=10 {
        redis.cmd::<()>(&["PEXPIRE", &format!("ralphext:v1:hwinfo:{id}"), "60000"]);
    }
    let watch = Watch::start(&redis);
    ext.once().expect(0).counts(&[("written", 0), ("renewed", 10)]);
    watch.assert_untouched(&redis, "hwinfo");
    for id in 1..=20 {
        let left: i64 = redis.cmd(&["PTTL", &format!("ralphext:v1:hwinfo:{id}")]);
        assert!((3_000_000..=3_600_000).contains(&left), "{id}: {left} ms");
    }
}

#[test]
fn a_key_that_lost_its_ttl_gets_one_again() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(3, 1)).expect(0);
    redis.cmd::<()>(&["PERSIST", "ralphext:v1:hwinfo:2"]);
    ext.once().expect(0);
    let left: i64 = redis.cmd(&["PTTL", "ralphext:v1:hwinfo:2"]);
    assert!(left > 0, "{left}");
}
