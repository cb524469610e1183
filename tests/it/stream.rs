//! Long-running commands that print deltas: seen while they run, started again when they end.

use std::fs;

use crate::harness::{Ext, Redis, Running, ndjson, record, records};

/// Prints whatever file `next` holds, as often as one appears; ends when `stop` appears; notes each start.
const SCRIPT: &str = "echo started >> starts
while [ ! -e stop ]; do
  if [ -e next ]; then cat next; rm next; fi
  sleep 0.05
done
rm stop
exit ${CODE:-0}";

fn tell(sidecar: &mut Running, ext: &Ext, text: &str) {
    ext.write("next", text);
    let taken = ext.path("next");
    sidecar.wait_until("the command printed it", || !taken.exists());
}

fn starts(ext: &Ext) -> usize {
    fs::read_to_string(ext.path("starts")).unwrap_or_default().lines().count()
}

#[test]
fn deltas_are_visible_while_the_command_runs() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).script("stream", SCRIPT);
    let mut sidecar = ext.run();
    tell(&mut sidecar, &ext, &ndjson(&records(30, 1)));
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    tell(&mut sidecar, &ext, &ndjson(&[record(3, 2)]));
    sidecar.wait_until("a delta is visible", || redis.object("hwinfo", "3").content()["revision"] == 2);
    assert_eq!(redis.objects("hwinfo").len(), 30, "a delta says nothing of the others");
    tell(&mut sidecar, &ext, "{\"id\":7,\"deleted\":true}\n");
    sidecar.wait_for_objects(&redis, "hwinfo", 29);
    assert!(!redis.objects("hwinfo").contains_key("7"));
    assert_eq!(starts(&ext), 1);
    let log = sidecar.stop().expect(0);
    assert!(!log.stderr.contains("panicked"), "{log}");
}

#[test]
fn a_command_that_ends_is_started_again_and_removes_nothing() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).script("stream", SCRIPT).set("source.env.CODE", "3");
    let ext = ext.set("source.backoff_min", "100ms").set("source.backoff_max", "1s");
    let mut sidecar = ext.run();
    tell(&mut sidecar, &ext, &ndjson(&records(30, 1)));
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    ext.write("stop", "");
    sidecar.wait_until("it is started again", || starts(&ext) == 2);
    sidecar.wait_until_says("exit status 3");
    tell(&mut sidecar, &ext, &ndjson(&[record(31, 1)]));
    sidecar.wait_for_objects(&redis, "hwinfo", 31);
    sidecar.stop().expect(0);
}

#[test]
fn a_stream_may_tell_whole_snapshots() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).script("stream", SCRIPT);
    let mut sidecar = ext.run();
    let snapshot = |count| format!("{{\"begin\":true}}\n{}{{\"end\":true}}\n", ndjson(&records(count, 1)));
    tell(&mut sidecar, &ext, &snapshot(30));
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    tell(&mut sidecar, &ext, &snapshot(28));
    sidecar.wait_for_objects(&redis, "hwinfo", 28);
    sidecar.stop().expect(0);
}

#[test]
fn content_of_a_silent_stream_stays_alive_and_comes_back() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).script("stream", SCRIPT).set("content.ttl", "4s");
    let mut sidecar = ext.run();
    tell(&mut sidecar, &ext, &ndjson(&records(10, 1)));
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    let before = redis.raw_objects("hwinfo");
    crate::harness::always("all ten are there", std::time::Duration::from_secs(8), || redis.count("hwinfo") == 10);
    assert_eq!(redis.raw_objects("hwinfo"), before);
    sidecar.stop().expect(0);
}

#[test]
fn the_command_and_its_children_end_with_the_sidecar() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).script("stream", "sleep 600 &\necho $! > child\nwait");
    let mut sidecar = ext.run();
    sidecar.wait_until("the command runs", || fs::read_to_string(ext.path("child")).is_ok_and(|p| p.ends_with('\n')));
    let child = fs::read_to_string(ext.path("child")).expect("the child's number");
    sidecar.stop().expect(0);
    crate::harness::eventually("the child is gone", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        stat.map_or(true, |s| s.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
    });
}

#[test]
fn a_key_that_a_silent_stream_lost_comes_back() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis)
        .set("verify.every", "300ms")
        .set("source.backoff_min", "100ms")
        .script("stream", "echo '{\"id\":1,\"content\":1}'; echo '{\"id\":2,\"content\":2}'; sleep 600");
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    let other = redis.get("ralphext:v1:hwinfo:2");
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:1"]);
    sidecar.wait_until("it is back", || redis.get("ralphext:v1:hwinfo:1").is_some());
    assert_eq!(redis.get("ralphext:v1:hwinfo:2"), other, "the other was not written again");
    sidecar.stop().expect(0);
}
