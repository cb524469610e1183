//! A source that fails, hangs, or suddenly says nothing deletes nothing.

use std::{fs, path::Path};

use crate::harness::{Ext, Outcome, Redis, Running, Watch, eventually, ndjson, record, records};

/// A server with 30 objects of an `exec` source that went well once.
fn grown() -> (Redis, Ext) {
    let redis = Redis::start();
    let ext = Ext::new(&redis).script("exec", "cat facts.ndjson");
    ext.write("facts.ndjson", &ndjson(&records(30, 1)));
    ext.once().expect(0).counts(&[("written", 30)]);
    (redis, ext)
}

#[track_caller]
fn failed(redis: &Redis, ext: &Ext, words: &[&str]) -> Outcome {
    let before = redis.objects("hwinfo");
    let watch = Watch::start(redis);
    let outcome = ext.once().expect(3);
    outcome.counts(&[("removed", 0)]);
    assert_eq!(outcome.json()["complete"], false);
    assert!(outcome.json()["error"].is_string() || outcome.json()["error"].is_object(), "{outcome}");
    outcome.says(words);
    outcome.says(&["hint"]);
    assert!(watch.on_objects(redis, "hwinfo", &["del", "unlink", "expired"]).is_empty());
    let after = redis.objects("hwinfo");
    assert!(before.keys().all(|id| after.contains_key(id)), "objects are missing");
    outcome
}

#[test]
fn know8_a_source_that_fails_halfway_removes_nothing() {
    let (redis, mut ext) = grown();
    ext.rescript("head -n 15 facts.ndjson\necho 'disk on fire' >&2\nexit 3");
    failed(&redis, &ext, &["source.sh", "exit status 3", "disk on fire"]);
    ext.rescript("head -n 15 facts.ndjson\nkill -9 $$");
    failed(&redis, &ext, &["signal 9"]);
    ext.rescript("cat facts.ndjson");
    ext.once().expect(0).counts(&[("written", 0), ("objects", 30)]);
}

#[test]
fn know8_a_source_that_prints_nothing_removes_nothing() {
    let (redis, mut ext) = grown();
    ext.rescript("exit 0");
    failed(&redis, &ext, &["source.sh"]);
    ext.rescript("printf '\\n\\n  \\n'");
    failed(&redis, &ext, &["source.sh"]);
}

#[test]
fn know8_a_source_that_hangs_is_stopped_with_its_children() {
    let (redis, ext) = grown();
    let mut ext = ext.set("source.timeout", "1s");
    ext.rescript("head -n 15 facts.ndjson\nsleep 600 &\necho $! > child\nwait");
    failed(&redis, &ext, &["1s", "source.timeout"]);
    let child = fs::read_to_string(ext.path("child")).expect("the child's number");
    eventually("the hanging child is gone", || !alive(child.trim()));
}

fn alive(pid: &str) -> bool {
    let state = fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    state.is_ok_and(|s| !s.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

#[test]
fn know8_a_command_or_file_that_is_not_there_removes_nothing() {
    let (redis, ext) = grown();
    let ext = ext.set("source.command", serde_json::json!(["/no/such/program"]));
    failed(&redis, &ext, &["/no/such/program"]);

    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(30, 1)).expect(0);
    fs::remove_file(ext.path("objects.ndjson")).expect("it is there");
    failed(&redis, &ext, &["objects.ndjson", "does not exist"]);
}

#[test]
fn know8_an_empty_file_is_no_answer() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(30, 1)).expect(0);
    ext.write("objects.ndjson", "");
    failed(&redis, &ext, &["objects.ndjson"]);
    ext.write("objects.ndjson", "[{\"id\":1,\"content\":{}},");
    failed(&redis, &ext, &["objects.ndjson", "cut off"]);
}

#[test]
fn know8_a_failing_source_is_told_and_its_objects_kept_by_a_running_sidecar() {
    let redis = Redis::start();
    let mut ext = Ext::brisk(&redis).script("exec", "cat facts.ndjson").set("content.ttl", "4s");
    ext.write("facts.ndjson", &ndjson(&records(30, 1)));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    ext.rescript("head -n 3 facts.ndjson; echo 'disk on fire' >&2; exit 7");
    sidecar.wait_until("the descriptor tells the cause", || {
        redis.descriptor("hwinfo")["last_error"].to_string().contains("exit status 7")
    });
    let watch = Watch::start(&redis);
    crate::harness::always("all 30 are there, longer than their TTL", std::time::Duration::from_secs(8), || {
        redis.count("hwinfo") == 30
    });
    watch.assert_untouched(&redis, "hwinfo");
    ext.write("facts.ndjson", &ndjson(&records(30, 2)));
    ext.rescript("cat facts.ndjson");
    sidecar.wait_until("the source is believed again", || {
        redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":2"))
    });
    sidecar.wait_until("the descriptor is well again", || {
        let now = redis.descriptor("hwinfo");
        now["last_error"].is_null() || !now["status"].to_string().contains("error")
    });
    sidecar.stop().expect(0);
}

#[test]
fn once_keeps_content_alive_while_its_source_fails() {
    let (redis, mut ext) = grown();
    for id in 1..=30 {
        redis.cmd::<()>(&["PEXPIRE", &format!("ralphext:v1:hwinfo:{id}"), "60000"]);
    }
    ext.rescript("exit 3");
    failed(&redis, &ext, &["exit status 3"]);
    for id in 1..=30 {
        let left: i64 = redis.cmd(&["PTTL", &format!("ralphext:v1:hwinfo:{id}")]);
        assert!(left > 3_600_000, "{id} was not renewed: {left} ms");
    }
}

#[test]
fn after_max_stale_the_keys_are_left_to_expire() {
    let redis = Redis::start();
    let ext =
        Ext::brisk(&redis).script("exec", "cat facts.ndjson").set("content.ttl", "3s").set("content.max_stale", "4s");
    ext.write("facts.ndjson", &ndjson(&[record(1, 1), record(2, 1)]));
    let mut sidecar: Running = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    fs::remove_file(ext.path("facts.ndjson")).expect("it is there");
    sidecar.wait_for_objects(&redis, "hwinfo", 0);
    let descriptor = redis.descriptor("hwinfo");
    assert!(!descriptor["last_error"].is_null(), "{descriptor:#}");
    ext.write("facts.ndjson", &ndjson(&[record(1, 1), record(2, 1)]));
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    sidecar.stop().expect(0);
}

/// A server with two objects that another process wrote, whose baseline is gone; the source does not work any more.
fn orphaned(descriptor_too: bool) -> (Redis, Ext) {
    let redis = Redis::start();
    let mut ext =
        Ext::brisk(&redis).script("exec", "cat facts.ndjson").set("content.ttl", "3s").set("content.max_stale", "4s");
    ext.write("facts.ndjson", &ndjson(&[record(1, 1), record(2, 1)]));
    ext.once().expect(0);
    ext.rescript("exit 3");
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:@baseline"]);
    if descriptor_too {
        redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo"]);
    }
    (redis, ext)
}

#[test]
fn without_a_baseline_max_stale_counts_from_the_descriptors_last_success() {
    let (redis, ext) = orphaned(false);
    let mut sidecar: Running = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 0);
    sidecar.wait_until("the descriptor says so", || redis.descriptor("hwinfo")["status"] == "stale");
    let descriptor = redis.descriptor("hwinfo");
    assert!(descriptor["last_success_at"].is_string() && descriptor["as_of"].is_string(), "{descriptor:#}");
    sidecar.stop().expect(0);
}

#[test]
fn without_any_success_max_stale_counts_from_the_first_start() {
    let (redis, ext) = orphaned(true);
    let mut sidecar: Running = ext.run();
    sidecar.wait_until("the baseline tells since when", || {
        redis.get("ralphext:v1:hwinfo:@baseline").is_some_and(|text| text.contains("\"waiting_since\":1"))
    });
    assert_eq!(redis.count("hwinfo"), 2, "kept alive at first");
    sidecar.wait_for_objects(&redis, "hwinfo", 0);
    sidecar.wait_until("the descriptor says so", || redis.descriptor("hwinfo")["status"] == "stale");
    sidecar.stop().expect(0);

    let (redis, ext) = orphaned(true);
    let begun = std::time::Instant::now();
    while redis.count("hwinfo") > 0 {
        ext.once().expect(3);
        assert!(begun.elapsed() < crate::harness::DEADLINE, "`once` after `once` keeps them alive for ever");
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
}
