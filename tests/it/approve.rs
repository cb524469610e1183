//! A refused shrink that an operator approves: for its size, once, under a running sidecar too, whatever else writes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::harness::{Ext, Outcome, Redis, eventually, record, records};

const BASELINE: &str = "ralphext:v1:hwinfo:@baseline";

/// A service of thirty objects whose source has `left`, which was refused.
fn refused(left: u64) -> (Redis, Ext) {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(30, 1)).expect(0);
    ext.once_with(&records(left, 1)).expect(3).counts(&[("removed", 0), ("kept", 30 - left)]);
    (redis, ext)
}

fn approve(ext: &Ext) -> Outcome {
    ext.verb(&["-o", "json", "approve-shrink", "hwinfo", "--yes"])
}

#[test]
fn once_removes_what_was_approved_and_nothing_beyond_it() {
    let (redis, ext) = refused(20);
    ext.once().expect(3).says(&["`ralphext approve-shrink hwinfo`"]);
    let error = redis.descriptor("hwinfo")["last_error"]["message"].to_string();
    assert!(error.contains("10 of 30") && error.contains("ralphext approve-shrink hwinfo"), "{error}");

    let told = approve(&ext).expect(0);
    told.counts(&[("vanished", 10), ("objects", 20), ("baseline", 30)]);
    ext.once_with(&records(4, 1)).expect(3).says(&["what was approved (10) does not cover it"]);
    assert_eq!(redis.objects("hwinfo").len(), 30);
    ext.once_with(&records(20, 1)).expect(0).counts(&[("removed", 10), ("kept", 0)]);
    assert_eq!(redis.objects("hwinfo").len(), 20);
    assert!(redis.descriptor("hwinfo")["last_error"].is_null());

    ext.once_with(&records(12, 1)).expect(3).counts(&[("removed", 0)]);
    approve(&ext).expect(0);
    ext.once_with(&records(20, 1)).expect(0);
    ext.once_with(&records(12, 1)).expect(3).counts(&[("removed", 0)]);
    assert_eq!(redis.objects("hwinfo").len(), 20, "what recovered in between needs a new word");
}

#[test]
fn zero_is_approved_in_so_many_words() {
    let (redis, ext) = refused(20);
    ext.write("objects.ndjson", "[]");
    ext.once().expect(3).says(&["`ralphext approve-shrink hwinfo --to-zero`"]);
    approve(&ext).expect(2).says(&["30", "--to-zero"]);
    ext.once().expect(3);
    ext.verb(&["approve-shrink", "hwinfo", "--yes", "--to-zero"]).expect(0);
    ext.once().expect(0).counts(&[("removed", 30)]);
    assert_eq!(redis.count("hwinfo"), 0);

    let (_redis, ext) = refused(20);
    ext.verb(&["approve-shrink", "hwinfo", "--yes", "--to-zero"]).expect(2).says(&["20 objects"]);
}

#[test]
fn there_has_to_be_something_to_approve_and_somebody_to_ask() {
    let (redis, ext) = refused(20);
    let table = ext.verb(&["approve-shrink", "hwinfo"]).expect(2);
    table.says(&["--yes"]);
    for word in ["10 objects would be deleted", "20 would stay", "refused for"] {
        assert!(table.stdout.contains(word), "{word}: {table}");
    }
    ext.once().expect(3);
    ext.once_with(&records(30, 1)).expect(0);
    approve(&ext).expect(1).says(&["nothing of hwinfo is refused", "hint"]);
    // Only a user with more rights can tell that it does not exist.
    Ext::at(&redis.url()).verb(&["approve-shrink", "nobody", "--yes"]).expect(1).says(&["nobody", "hint"]);
    ext.verb(&["approve-shrink", "Hw Info", "--yes"]).expect(2);
    redis.cmd::<()>(&["SET", BASELINE, "nonsense"]);
    approve(&ext).expect(1).says(&["cannot be read"]);
    assert_eq!(redis.get(BASELINE).as_deref(), Some("nonsense"), "it is the writer's to mend");
    Ext::at(&Redis::nowhere()).verb(&["approve-shrink", "hwinfo", "--yes"]).expect(4).says(&["hint"]);
}

#[test]
fn a_running_sidecar_sees_an_approval_at_its_next_pass() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(30, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    ext.source(&records(20, 1));
    sidecar.wait_until_says("approve-shrink hwinfo");
    approve(&ext).expect(0);
    sidecar.wait_for_objects(&redis, "hwinfo", 20);
    sidecar.wait_until_says("it was approved");
    sidecar.wait_until("nothing is refused any more", || redis.descriptor("hwinfo")["status"] == "ok");
    sidecar.stop().expect(0);
}

#[test]
fn no_approval_is_lost_however_often_the_writer_saves_its_memory() {
    let redis = Redis::start();
    let ext = Arc::new(Ext::brisk(&redis).set("source.interval", "200ms"));
    ext.source(&records(30, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    let (count, over) = (Arc::new(AtomicU64::new(30)), Arc::new(AtomicBool::new(false)));
    // A source that is written again all the time: pass after pass, each of which saves the baseline.
    let busy = std::thread::spawn({
        let (ext, count, over) = (ext.clone(), count.clone(), over.clone());
        move || {
            while !over.load(Ordering::Relaxed) {
                ext.source(&records(count.load(Ordering::Relaxed), 1));
                std::thread::sleep(Duration::from_millis(3));
            }
        }
    });
    let saved = redis.get(BASELINE);
    for _ in 0..25 {
        count.store(20, Ordering::Relaxed);
        eventually("something is refused, and approved", || approve(&ext).code == 0);
        sidecar.wait_for_objects(&redis, "hwinfo", 20);
        count.store(30, Ordering::Relaxed);
        sidecar.wait_for_objects(&redis, "hwinfo", 30);
    }
    over.store(true, Ordering::Relaxed);
    busy.join().expect("the source");
    assert_ne!(redis.get(BASELINE), saved);
    sidecar.stop().expect(0);
}

#[test]
fn once_keeps_alive_what_it_was_refused_to_delete() {
    let (redis, ext) = refused(20);
    for id in 15..=30 {
        redis.cmd::<()>(&["PEXPIRE", &format!("ralphext:v1:hwinfo:{id}"), "60000"]);
    }
    ext.once().expect(3).counts(&[("renewed", 16), ("written", 0)]);
    for id in 1..=30 {
        let left: i64 = redis.cmd(&["PTTL", &format!("ralphext:v1:hwinfo:{id}")]);
        assert!(left > 80_000_000, "{id}: {left} ms");
    }
}

#[test]
fn what_is_deleted_in_so_many_words_is_no_shrink() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(30, 1)).expect(0);
    let mut told = records(18, 1);
    told.extend((19..=30).map(|id| serde_json::json!({"id": id, "deleted": true})));
    let outcome = ext.once_with(&told).expect(0);
    outcome.counts(&[("removed", 12), ("kept", 0)]);
    assert_eq!(redis.objects("hwinfo").len(), 18);
}

#[test]
fn others_in_place_of_what_stood_are_a_shrink_too() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(30, 1)).expect(0);
    let strangers: Vec<_> = (1001..=1300).map(|id| record(id, 1)).collect();
    ext.once_with(&strangers).expect(3).says(&["30 of 30"]);
    assert_eq!(redis.objects("hwinfo").len(), 330, "kept, and the new ones are there");
}

#[test]
fn a_memory_that_somebody_overwrote_stops_nobody() {
    for broken in ["nonsense", "\\xff\\xfe", "{\"peaks\":[[9,9]],\"clock\":18446744073709551615}", "list"] {
        let redis = Redis::start();
        let ext = Ext::new(&redis);
        ext.once_with(&records(30, 1)).expect(0);
        redis.cmd::<()>(&["DEL", BASELINE]);
        match broken {
            "list" => redis.cmd::<()>(&["LPUSH", BASELINE, "x"]),
            "\\xff\\xfe" => redis.cmd::<()>(&["SETBIT", BASELINE, "0", "1"]),
            text => redis.cmd::<()>(&["SET", BASELINE, text]),
        }
        ext.once_with(&records(20, 1)).expect(3).says(&["10 of 30"]);
        let memory: serde_json::Value = serde_json::from_str(&redis.get(BASELINE).expect("a baseline")).expect("JSON");
        assert!(memory["refused"].is_object(), "{broken}: {memory}");
        approve(&ext).expect(0);
        ext.once().expect(0).counts(&[("removed", 10)]);
    }
}

/// The short form of `guard/tests/endurance.rs`, on a real server with a new process each time: shrinks by 19 % and zeros.
#[test]
fn a_hundred_processes_do_not_wear_the_guard_down() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(200, 1)).expect(0);
    let mut random = fastrand::Rng::with_seed(8);
    let mut stands = 200;
    for pass in 0..100 {
        let outcome = match random.u32(0..4) {
            0 => {
                ext.write("objects.ndjson", "[]");
                ext.once()
            }
            1 => ext.once_with(&records(stands, 1)),
            _ => ext.once_with(&records(stands - stands * 19 / 100, 1)),
        };
        match outcome.code {
            0 => stands = outcome.n("objects"),
            code => assert_eq!(code, 3, "{outcome}"),
        }
        if pass % 10 == 9 {
            // As after a crash: nobody handed the lease back.
            redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@lease", "somebody-else", "PX", "1"]);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(redis.count("hwinfo") as u64, stands);
        assert!(stands >= 160, "pass {pass}: {stands} are left");
    }
    assert!(stands < 200, "it shrank as far as it may");
}
