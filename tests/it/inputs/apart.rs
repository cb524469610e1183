//! Several inputs where something else is different as well.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use super::{commands, content, facts, started, two};
use crate::harness::{Redis, always, ndjson};

#[test]
fn a_lost_spool_removes_nothing_that_was_pushed_before() {
    let redis = Redis::start();
    let (ext, pusher) = two(&redis);
    ext.write("facts.ndjson", &facts(1..=20, 8));
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 20);
    let lines: Vec<Value> = (20..=23).map(|id| json!({"id": id, "content": "up"})).collect();
    pusher.ask("PATCH /v1/objects", &[], ndjson(&lines).as_bytes()).expect(200).counts(&[("written", 4)]);
    assert_eq!(pusher.ask("GET /v1/status", &[], b"").json["resync"], false);
    sidecar.stop().expect(0);
    fs::remove_dir_all(ext.path("spool")).expect("it was there");
    let mut sidecar = started(&ext, &pusher);
    let told = || redis.descriptor("hwinfo")["inputs"]["facts"]["objects"] == 20;
    sidecar.wait_until("the facts are known again", told);
    assert_eq!(pusher.ask("GET /v1/status", &[], b"").json["resync"], true);
    sidecar.stop().expect(0);
    let mut sidecar = started(&ext, &pusher);
    assert_eq!(pusher.put("21", &json!("down")).expect(200).json["resync"], true, "also after a restart");
    always("nothing is gone", Duration::from_millis(1500), || redis.count("hwinfo") == 23);
    let lines = ndjson(&[json!({"id": 20, "content": "up"}), json!({"id": 21, "content": "down"})]);
    let told = pusher.snapshot(&format!("{lines}{{\"end\": true}}\n")).expect(200);
    assert_eq!((&told.json["complete"], &told.json["resync"]), (&json!(true), &json!(false)));
    sidecar.wait_for_objects(&redis, "hwinfo", 21);
    sidecar.stop().expect(0);
}

#[test]
fn streams_that_fall_silent_and_objects_named_by_what_is_known_of_them() {
    let redis = Redis::start();
    let ext = commands(&redis);
    ext.write("inventory.ndjson", "{\"id\": 1, \"hostname\": \"web01\"}\n{\"id\": 2, \"hostname\": \"web02\"}\n");
    ext.write("facts.ndjson", "{\"match\": {\"hostname\": \"web01\"}, \"content\": {\"cpus\": 8}}\n{\"match\": {\"hostname\": \"no\"}, \"content\": 1}\n");
    ext.write("costs.ndjson", "{\"host\": \"web02\", \"eur\": 5}\n");
    let inventory = ext.path("inventory.ndjson").display().to_string();
    let stream = "echo '{\"id\": 2, \"content\": \"up\"}'; sleep 100";
    let ext = ext
        .set("identity.kind", "file")
        .set("identity.path", inventory)
        .set("source.inputs.costs.map.match.hostname", "/host")
        .set("source.inputs.costs.map.content.eur", "/eur")
        .set("source.inputs.facts.absent", "empty")
        .set("source.inputs.status.kind", "stream")
        .set("source.inputs.status.command", json!(["/bin/sh", "-c", stream]))
        .set("source.inputs.status.expect_every", "2s");
    let mut sidecar = ext.run();
    let clear = json!({"title": "All clear", "status": "ok", "summary": "Nothing to report."});
    let both = json!({"costs": {"eur": 5}, "facts": clear, "status": "up"});
    sidecar.wait_until("all are merged", || redis.count("hwinfo") == 2 && content(&redis, "2") == both);
    assert_eq!(content(&redis, "1"), json!({"facts": {"cpus": 8}}));
    sidecar.wait_until("one is unmatched", || redis.descriptor("hwinfo")["unmatched"]["count"] == 1);
    let error = || redis.descriptor("hwinfo")["last_error"]["message"].as_str().unwrap_or_default().to_owned();
    sidecar.wait_until("its silence is told", || error().contains("input status: it is silent for longer"));
    assert_eq!(content(&redis, "2"), both);
    sidecar.stop().expect(0);
}

#[test]
fn too_much_that_no_input_has_any_more_is_not_removed_at_once() {
    let redis = Redis::start();
    let ext = commands(&redis);
    ext.write("facts.ndjson", &facts(1..=10, 8));
    ext.write("costs.ndjson", &facts(11..=30, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    sidecar.stop().expect(0);
    let keys = ["kind", "command", "interval"].map(|key| format!("source.inputs.costs.{key}"));
    let alone = keys.iter().fold(ext, |ext, key| ext.unset(key));
    let mut sidecar = alone.run();
    let error = || redis.descriptor("hwinfo")["last_error"]["message"].as_str().unwrap_or_default().to_owned();
    sidecar.wait_until("it is refused", || error().contains("refused to delete 20 of 30"));
    always("and stays refused", Duration::from_millis(1500), || {
        error().contains("refused") && redis.count("hwinfo") == 30
    });
    alone.verb(&["approve-shrink", "hwinfo", "--yes"]).expect(0);
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    sidecar.wait_until("all is well", || redis.descriptor("hwinfo")["status"] == "ok");
    sidecar.stop().expect(0);
}
