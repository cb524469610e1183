//! Data as it comes (`source.map`): items become records, groups and cards without a script, and what is wrong is said.

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Ext, Redis, Running, eventually};

fn content(redis: &Redis, id: &str) -> Value {
    redis.object("hwinfo", id).json["content"].clone()
}

fn alert(host: u32, name: &str, severity: &str, state: &str) -> Value {
    json!({
        "labels": {"alertname": name, "instance": format!("{host}:9100"), "severity": severity},
        "annotations": {"summary": format!("{name} on {host}")}, "state": state, "activeAt": "2026-11-25T05:00:00.5Z", "value": "1e+00",
    })
}

/// Alerts, grouped by the host that is an id here.
fn alerts(redis: &Redis) -> Ext {
    Ext::new(redis)
        .set("source.map.id.from", "/labels/instance")
        .set("source.map.id.transform", json!(["strip_port"]))
        .set("source.map.where.'/state'", json!(["firing"]))
        .set("source.map.group", true)
        .set("source.map.card.title", "{#} alerts")
        .set("source.map.card.status.from", "/labels/severity")
        .set("source.map.card.status.values.page", "critical")
        .set("source.map.card.timeline.at", "/activeAt")
        .set("source.map.card.timeline.text", "{/annotations/summary}")
}

#[test]
fn grouped_items_are_cards_and_an_upstream_that_shuffles_writes_nothing() {
    let redis = Redis::start();
    let ext = alerts(&redis);
    let mut all = vec![
        alert(1, "Load", "warning", "firing"),
        alert(2, "Load", "warning", "firing"),
        alert(1, "Disk", "page", "firing"),
        alert(3, "Disk", "page", "resolved"),
    ];
    ext.once_with(&all).expect(0).counts(&[("written", 2), ("objects", 2)]);
    let card = content(&redis, "1");
    assert_eq!((&card["title"], &card["status"]), (&json!("2 alerts"), &json!("critical")));
    let texts: Vec<_> = card["timeline"].as_array().expect("events").iter().map(|event| &event["text"]).collect();
    assert_eq!(texts, ["Disk on 1", "Load on 1"], "the worst first");
    assert_eq!(redis.object("hwinfo", "1").json["content_type"], "application/vnd.ralphext.card+json");
    all.reverse();
    ext.once_with(&all).expect(0).counts(&[("written", 0), ("skipped", 2)]);
    all.remove(1);
    ext.once_with(&all).expect(0).counts(&[("written", 1), ("skipped", 1)]);
    assert_eq!(content(&redis, "1")["status"], "warning");
}

#[test]
fn too_many_items_and_an_unknown_end_are_no_snapshot() {
    let redis = Redis::start();
    let mut ext = alerts(&redis);
    let all: Vec<Value> = (1..=40).map(|host| alert(host, "Load", "warning", "firing")).collect();
    ext.once_with(&all).expect(0).counts(&[("written", 40)]);
    ext.change("source.map.group_max", "2KiB");
    let outcome = ext.once().expect(3);
    outcome.counts(&[("removed", 0), ("written", 0)]);
    outcome.says(&["have more bytes than source.map.group_max (2KiB) lets be collected", "raise source.map.group_max"]);
    let ext = ext.unset("source.map.group_max").unset("source.path").set("source.kind", "stdin");
    let line = all[0].to_string();
    let outcome = ext.pipe(&["--output", "json", "once"], &line).expect(3);
    outcome.says(&["did not say that it was complete", "last, or write source.complete = true"]);
    let outcome = ext.pipe(&["--output", "json", "once"], &format!("{line}\n{{\"end\": true}}\n"));
    outcome.says(&["delete 39 of 40"]);
    assert_eq!(redis.count("hwinfo"), 40);
}

#[test]
fn a_bad_item_is_told_with_its_place_pointer_and_value() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("source.map.id", "Asset no").set("source.map.content.vendor", "Vendor");
    ext.source(&[
        json!({"Asset no": 1, "Vendor": "Dell"}),
        json!({"Asset no": "a:b"}),
        json!({"Vendor": "HP"}),
        json!(7),
    ]);
    let outcome = ext.once().expect(1);
    outcome.counts(&[("written", 1), ("failed", 3)]);
    outcome.says(&[
        "objects.ndjson:2",
        "Asset no gives the id \\\"a:b\\\"",
        "objects.ndjson:3",
        "it has nothing at Asset no",
    ]);
    assert_eq!(content(&redis, "1"), json!({"vendor": "Dell"}));
    let shown = ext.verb(&["test"]);
    assert!(shown.stdout.contains("{\"vendor\":\"Dell\"}") && shown.stdout.contains("4 records, 3 refused"), "{shown}");
}

#[test]
fn a_running_sidecar_maps_every_pass() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("source.map.id", "/id").set("source.map.content", "/payload");
    ext.source(&[json!({"id": 1, "payload": {"a": 1}})]);
    let running = ext.run();
    eventually("the object is there", || redis.count("hwinfo") == 1);
    ext.source(&[json!({"id": 1, "payload": {"a": 2}}), json!({"id": 2, "payload": []})]);
    eventually("the change is there", || redis.count("hwinfo") == 2 && content(&redis, "1") == json!({"a": 2}));
    drop(running);
}

#[test]
fn what_cannot_be_mapped_is_refused_by_check_with_its_line() {
    let redis = Redis::start();
    let base = |map: &str| {
        let ext = Ext::new(&redis);
        let text = format!("service = \"hwinfo\"\nsource.kind = \"file\"\nsource.path = \"x\"\n[source.map]\n{map}\n");
        ext.write("map.toml", &text);
        let mut command = ext.bare(&["-c", "map.toml", "check"]);
        Running::spawn(&mut command, None).finish(DEADLINE)
    };
    for (map, words) in [
        ("", &["map.toml:4", "neither id nor match says which object"][..]),
        ("id = \"/a\"\nmatch.sn = \"b\"", &["map.toml:5: source.map.id = \"/a\"", "match says too"]),
        ("id = \"/a~\"", &["map.toml:5: source.map.id = \"/a~\"", "a ~ stands alone"]),
        ("id = { form = \"/a\" }", &["map.toml:5: source.map.id", "unknown field `form`"]),
        ("id = \"a\"\ncard.title = \"{a\"", &["map.toml:6: source.map.card.title", "is not closed"]),
        (
            "id = \"a\"\n[source.map.card]\ntitle = \"x\"\nfields = [\n{ label = \"a\", from = \"b\" },\n{ label = \"c\" },\n]",
            &["map.toml:10: source.map.card.fields[1]", "missing field `from`"],
        ),
        ("id = \"a\"\nsort = [\"b\"]", &["source.map.sort", "nothing is collected"]),
        ("id = \"a\"\nmatch.hostnam = \"b\"", &["there is no such key; the nearest is source.map.match.hostname"]),
        (
            "id = \"a\"\ncard = { title = \"x\", status = { values = { a = \"ok\" } } }",
            &["a status needs from or by_date"],
        ),
        ("id = \"a\"\ncard = { title = \"x\", status = \"fine\" }", &["\"fine\" is no status"]),
    ] {
        let outcome = base(map).expect(2);
        outcome.says(words);
        outcome.says(&["hint: "]);
    }
    let ext = Ext::new(&redis).script("stream", "true").set("source.map.id", "a").set("source.map.group", true);
    ext.verb(&["check"])
        .expect(2)
        .says(&["items are collected until a snapshot is complete, and kind stream tells changes"]);
    let ext = Ext::new(&redis).unset("source.path").set("source.kind", "push").set("source.map.id", "a");
    ext.verb(&["check"]).expect(2).says(&["kind push has no use for it"]);
}
