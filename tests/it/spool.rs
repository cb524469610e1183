//! With a spool, what a stream said survives crashes of the sidecar and losses in Redis, without being said again.

use std::fs;

use serde_json::json;

use crate::harness::{Ext, Redis, Running, Watch, ndjson, record, records, signal};

/// Says everything at its very first start only; afterwards whatever file `next` holds.
const ONCE: &str = "[ -e starts ] || cat all
echo started >> starts
while :; do
  if [ -e next ]; then cat next; rm next; fi
  sleep 0.05
done";

fn spooling(redis: &Redis) -> Ext {
    let ext = Ext::brisk(redis).script("stream", ONCE).set("source.spool", "spool").set("source.backoff_min", "50ms");
    ext.write("all", &ndjson(&records(60, 1)));
    ext
}

fn starts(ext: &Ext) -> usize {
    fs::read_to_string(ext.path("starts")).unwrap_or_default().lines().count()
}

fn tell(sidecar: &mut Running, ext: &Ext, text: &str) {
    ext.write("next", text);
    let taken = ext.path("next");
    sidecar.wait_until("the command printed it", || !taken.exists());
}

#[test]
fn a_flush_is_healed_out_of_the_spool() {
    let redis = Redis::start();
    let ext = spooling(&redis);
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 60);
    tell(&mut sidecar, &ext, &format!("{}{{\"id\":7,\"deleted\":true}}\n", ndjson(&[record(3, 2)])));
    sidecar.wait_for_objects(&redis, "hwinfo", 59);
    sidecar.wait_until("the change is there", || redis.object("hwinfo", "3").content()["revision"] == 2);
    let before = redis.objects("hwinfo");
    redis.flush();
    sidecar.wait_for_objects(&redis, "hwinfo", 59);
    for (id, envelope) in redis.objects("hwinfo") {
        assert!(envelope.version() > before[&id].version(), "{id}");
        assert_eq!(envelope.content(), before[&id].content(), "{id}");
    }
    sidecar.stop().expect(0);
}

#[test]
fn a_single_lost_key_is_healed_without_starting_the_stream_anew() {
    let redis = Redis::start();
    let ext = spooling(&redis).set("verify.every", "500ms");
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 60);
    let before = redis.raw_objects("hwinfo");
    let watch = Watch::start(&redis);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:5"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:6", "not ours"]);
    sidecar.wait_until("both are back", || {
        let now = redis.raw_objects("hwinfo");
        now.len() == 60 && ["5", "6"].iter().all(|id| now[*id].contains("\"revision\":1") && now[*id] != before[*id])
    });
    assert_eq!(starts(&ext), 1);
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]).len(), 3, "one by hand, two by the sidecar");
    sidecar.stop().expect(0);
}

#[test]
fn a_killed_sidecar_knows_it_all_again_also_when_redis_lost_it_meanwhile() {
    let redis = Redis::start();
    let ext = spooling(&redis);
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 60);
    tell(
        &mut sidecar,
        &ext,
        &ndjson(&[json!({"id": "data_center.rack.9", "content": "<b>x</b>", "content_type": "html"})]),
    );
    sidecar.wait_for_objects(&redis, "hwinfo", 61);
    sidecar.kill();
    redis.flush();
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 61);
    assert_eq!(redis.object("hwinfo", "data_center.rack.9").content(), "<b>x</b>");

    // Nothing lost: nothing is written.
    sidecar.kill();
    let watch = Watch::start(&redis);
    let sidecar = ext.run();
    let mut sidecar = sidecar;
    sidecar.wait_until("it is started", || starts(&ext) == 3);
    tell(&mut sidecar, &ext, &ndjson(&[record(1000, 1)]));
    sidecar.wait_for_objects(&redis, "hwinfo", 62);
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]).len(), 1);
    sidecar.stop().expect(0);
}

#[test]
fn a_spool_that_is_behind_does_not_bring_old_content_back() {
    let redis = Redis::start();
    let ext = spooling(&redis);
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 60);
    sidecar.stop().expect(0);
    // Another sidecar, elsewhere, knows better.
    let other = Ext::new(&redis);
    other.once_with(&records(60, 2)).expect(0).counts(&[("written", 60)]);
    let mut sidecar = ext.run();
    sidecar.wait_until("it is started", || starts(&ext) == 2);
    tell(&mut sidecar, &ext, &ndjson(&[record(1000, 1)]));
    sidecar.wait_for_objects(&redis, "hwinfo", 61);
    let newer = redis.objects("hwinfo").values().filter(|e| e.content()["revision"] == 2).count();
    assert_eq!(newer, 60);
    sidecar.stop().expect(0);
}

#[test]
fn a_standby_does_not_need_the_spool_that_the_writer_has_open() {
    let redis = Redis::start();
    let ext = spooling(&redis);
    let mut first = ext.run();
    first.wait_for_objects(&redis, "hwinfo", 60);
    let mut second = ext.run();
    second.wait_until_says("standing by");
    signal(first.pid(), "KILL");
    second.wait_until("it took over", || second_started(&ext));
    tell(&mut second, &ext, &ndjson(&[record(1000, 1)]));
    second.wait_for_objects(&redis, "hwinfo", 61);
    redis.flush();
    second.wait_for_objects(&redis, "hwinfo", 61);
    second.stop().expect(0);
}

fn second_started(ext: &Ext) -> bool {
    starts(ext) == 2
}

#[test]
fn a_folder_that_cannot_be_used_is_told_and_the_stream_goes_on() {
    let redis = Redis::start();
    let ext = spooling(&redis);
    ext.write("spool", "a file, not a folder");
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 60);
    assert_eq!(sidecar.scrape().value("ralphext_spool_usable", &[]), 0.0);
    let said = sidecar.stop().expect(0).stderr;
    assert_eq!(said.matches("there is no spool").count(), 1, "{said}");
    assert!(said.contains("source.spool has to be a directory"), "{said}");
}
