//! A source that keeps failing is left alone for a while, and a stream that falls silent is told.

use std::{fs, time::Duration};

use crate::harness::{Ext, Redis, always};

/// Counts its runs, and fails until the file `well` is there.
const COUNTING: &str = "echo x >> runs\n[ -e well ] || exit 3\necho '{\"id\": 1, \"content\": {\"a\": 1}}'";

fn runs(ext: &Ext) -> usize {
    fs::read_to_string(ext.path("runs")).map_or(0, |text| text.lines().count())
}

#[test]
fn a_source_that_keeps_failing_is_left_alone() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis)
        .script("exec", COUNTING)
        .set("source.backoff_min", "50ms")
        .set("source.breaker_failures", 3)
        .set("source.breaker_pause", "1h");
    let mut sidecar = ext.run();
    sidecar.wait_until("it failed three times", || runs(&ext) == 3);
    always("it is not asked again", Duration::from_secs(3), || runs(&ext) == 3);
    sidecar.wait_until("the descriptor says so", || redis.descriptor("hwinfo")["status"] == "failing");
    let said = sidecar.stop().expect(0).stderr;
    assert_eq!(said.matches("3 times in a row").count(), 1, "{said}");
}

#[test]
fn one_success_ends_it() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis)
        .script("exec", COUNTING)
        .set("source.backoff_min", "50ms")
        .set("source.breaker_failures", 2)
        .set("source.breaker_pause", "2s");
    let mut sidecar = ext.run();
    sidecar.wait_until("it was tried again after the circuit opened", || runs(&ext) >= 4);
    ext.write("well", "");
    sidecar.wait_for_objects(&redis, "hwinfo", 1);
    sidecar.wait_until("all is well", || redis.descriptor("hwinfo")["status"] == "ok");
    let so_far = runs(&ext);
    sidecar.wait_until("it is asked every interval again", || runs(&ext) >= so_far + 3);
    sidecar.stop().expect(0);
}

#[test]
fn a_stream_that_falls_silent_is_told_until_it_is_heard_again() {
    let redis = Redis::start();
    let script = "echo '{\"id\": 1, \"content\": {\"a\": 1}}'\n\
                  while [ ! -e speak ]; do sleep 0.1; done\n\
                  while :; do echo '{\"heartbeat\": true}'; sleep 0.2; done";
    let ext = Ext::brisk(&redis).script("stream", script).set("source.expect_every", "2s");
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 1);
    sidecar.wait_until("its silence is told", || redis.descriptor("hwinfo")["status"] == "failing");
    let error = redis.descriptor("hwinfo")["last_error"]["message"].as_str().expect("a message").to_owned();
    assert!(error.contains("source.expect_every (2s)"), "{error}");
    ext.write("speak", "");
    sidecar.wait_until("a heartbeat is enough", || redis.descriptor("hwinfo")["status"] == "ok");
    always("and keeps it well", Duration::from_secs(3), || redis.descriptor("hwinfo")["status"] == "ok");
    let said = sidecar.stop().expect(0).stderr;
    assert_eq!(said.matches("silent for longer").count(), 1, "told once: {said}");
    assert_eq!(redis.count("hwinfo"), 1);
}

#[test]
fn only_a_stream_has_something_to_be_expected() {
    let redis = Redis::start();
    let outcome = Ext::new(&redis).set("source.expect_every", "5m").verb(&["check"]).expect(2);
    outcome.says(&["source.expect_every", "hint"]);
}
