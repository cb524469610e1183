//! The contract with readers: the keyspace, the head, the published schemas, judged by independent code.

use serde_json::{Value, json};

use crate::harness::{Ext, Redis, Schema, ndjson, records};

#[test]
fn the_keyspace_is_the_published_one_and_nothing_else() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&[records(2, 1), vec![json!({"id": "data_center.rack.12", "content": "x"})]].concat());
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    let expected = [
        ("ralphext:v1", "zset", false),
        ("ralphext:v1:hwinfo", "string", true),
        ("ralphext:v1:hwinfo:1", "string", true),
        ("ralphext:v1:hwinfo:2", "string", true),
        ("ralphext:v1:hwinfo:@baseline", "string", false),
        ("ralphext:v1:hwinfo:@canary", "string", false),
        ("ralphext:v1:hwinfo:@fence", "string", false),
        ("ralphext:v1:hwinfo:@lease", "string", true),
        ("ralphext:v1:hwinfo:data_center.rack.12", "string", true),
    ];
    assert_eq!(redis.keys(), expected.map(|(key, ..)| key));
    for (key, kind, expires) in expected {
        assert_eq!(redis.cmd::<String>(&["TYPE", key]), kind, "{key}");
        assert_eq!(redis.cmd::<i64>(&["PTTL", key]) > 0, expires, "{key}");
    }
    let score: String = redis.cmd(&["ZSCORE", "ralphext:v1", "hwinfo"]);
    assert!(score.parse::<f64>().expect("a number") > 1.7e12, "unix ms: {score}");
    sidecar.stop().expect(0);
}

#[test]
fn the_descriptor_fits_its_schema_in_good_and_bad_times() {
    let redis = Redis::start();
    let schema = Schema::load("service.v1");
    let ext = Ext::new(&redis).unset("service").set("service.name", "hwinfo").set("service.title", "Hardware facts");
    let ext = ext.set("service.models", json!(["data_center.DataCenterAsset"])).set("service.owner", "dc-tools");
    let ext = ext.set("service.docs_url", "https://docs.example.net/hwinfo").set("content.ttl", "1h");
    ext.once_with(&records(30, 1)).expect(0);
    let good = redis.descriptor("hwinfo");
    schema.check("the descriptor after a good pass", &good);
    assert_eq!(good["title"], "Hardware facts");
    assert_eq!(good["models"], json!(["data_center.DataCenterAsset"]));
    for field in ["as_of", "heartbeat_at", "last_success_at", "writer"] {
        assert!(!good[field].is_null(), "{field} is missing: {good:#}");
    }
    assert!(redis.cmd::<i64>(&["PTTL", "ralphext:v1:hwinfo"]) >= 3_500_000, "it lives at least as long as its content");

    ext.once_with(&records(10, 1));
    schema.check("the descriptor after a refused shrink", &redis.descriptor("hwinfo"));
    ext.write("objects.ndjson", &format!("{}nonsense\n", ndjson(&records(30, 1))));
    ext.once();
    schema.check("the descriptor after a bad record", &redis.descriptor("hwinfo"));
    std::fs::remove_file(ext.path("objects.ndjson")).expect("it is there");
    ext.once().expect(3);
    let bad = redis.descriptor("hwinfo");
    schema.check("the descriptor after a failed source", &bad);
    assert!(bad["last_error"].to_string().contains("objects.ndjson"), "{bad:#}");
    assert!(!bad["last_success_at"].is_null(), "a failure does not make the last success forgotten: {bad:#}");
}

#[test]
fn a_running_sidecars_descriptor_fits_too_and_shows_a_heartbeat() {
    let redis = Redis::start();
    let schema = Schema::load("service.v1");
    let ext = Ext::brisk(&redis);
    ext.source(&records(3, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let first = redis.descriptor("hwinfo");
    sidecar.wait_until("the heart beats", || redis.descriptor("hwinfo")["heartbeat_at"] != first["heartbeat_at"]);
    let log = sidecar.stop().expect(0);
    let last = redis.descriptor("hwinfo");
    schema.check("a running sidecar's descriptor", &first);
    schema.check("a stopped sidecar's descriptor", &last);
    assert_ne!(first["status"], last["status"], "a stop on purpose is told: {log}");
}

#[test]
fn the_head_ends_within_224_bytes_for_the_longest_names() {
    let redis = Redis::start();
    let (service, id) = ("s".repeat(63), "9".repeat(128));
    redis.grant(&[&service]);
    let ext = Ext::of(&redis, &service);
    ext.once_with(&[json!({"id": id, "content": {"a": "b".repeat(100_000)}})]).expect(0);
    let found = redis.objects(&service);
    let hash = found[&id].json["hash"].as_str().expect("a hash").to_owned();
    let head: String = redis.cmd(&["GETRANGE", &format!("ralphext:v1:{service}:{id}"), "0", "223"]);
    assert!(head.contains(&format!("\"hash\":\"{hash}\"")), "{head}");
}

#[test]
fn records_of_every_shape_fit_their_schema_and_what_is_refused_does_not() {
    let schema = Schema::load("record.v1");
    for record in records(2, 1) {
        schema.check("a record", &record);
    }
    for good in [
        json!({"id": "data_center.rack.12", "content": null}),
        json!({"id": 1, "deleted": true}),
        json!({"id": 1, "content": "x", "content_type": "text/plain"}),
        json!({"match": {"hostname": "a"}, "content": {}}),
        json!({"begin": true}),
        json!({"end": true}),
    ] {
        schema.check("a good record", &good);
    }
    for bad in [
        json!({"content": 1}),
        json!({"id": 1}),
        json!({"id": "a:b", "content": 1}),
        json!({"id": 1, "content": 1, "contents": 2}),
        json!([1]),
        json!({"end": "yes"}),
    ] {
        assert!(!schema.allows(&bad), "{bad}");
    }
}

#[test]
fn every_schema_is_2020_12_and_its_examples_fit() {
    for name in ["envelope.v1", "record.v1", "service.v1", "card.v1", "config"] {
        let schema = Schema::load(name);
        let text: Value = serde_json::from_str(&Schema::text(name)).expect("JSON");
        let examples = text["examples"].as_array().unwrap_or_else(|| panic!("{name} has no examples"));
        assert!(!examples.is_empty(), "{name}");
        for example in examples {
            schema.check("an example", example);
        }
        assert!(!schema.allows(&json!({"no such field": 1})), "{name} allows anything");
    }
}

#[test]
fn content_is_stored_in_canonical_form_and_hashed_as_others_would() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("content.ignore", json!(["/at", "/deep/0/x", "/a~1b"]));
    ext.once_with(&[
        json!({"id": 1, "content": {"at": 1, "b": [1.0, 1e21, 1e-7, -0.0, 123_456_789.5], "a": "\u{7f}\u{2028}\"\\/\n\u{1}é😀"}}),
        json!({"id": 2, "content": {"deep": [{"x": 1, "y": 2}], "a/b": 3, "": 0}}),
        json!({"id": 3, "content": {"😀": 1, "\u{fb33}": 2, "é": 3, "e": 4}}),
        json!({"id": 4, "content": "text with \"quotes\" and \u{0} and 😀"}),
        json!({"id": 5, "content": [[], {}, "", null, true, 0]}),
        json!({"id": 6, "content": 9_007_199_254_740_991_i64}),
    ])
    .expect(0)
    .counts(&[("written", 6), ("failed", 0)]);
    assert_eq!(redis.objects_ignoring("hwinfo", &["/at", "/deep/0/x", "/a~1b"]).len(), 6);
}

#[test]
fn the_committed_inventory_is_what_a_reader_may_expect() {
    let redis = Redis::start();
    let card = Schema::load("card.v1");
    let ext = Ext::new(&redis);
    let path = crate::harness::repository().join("examples/inventory/inventory.ndjson");
    let ext = ext.set("source.path", path.display().to_string());
    let outcome = ext.once().expect(0);
    outcome.counts(&[("failed", 0)]);
    let objects = redis.objects("hwinfo");
    assert!(objects.len() >= 100, "a few hundred objects");
    let of = |t: &str| objects.values().filter(|e| e.content_type() == t).collect::<Vec<_>>();
    assert!(!of("application/json").is_empty() && !of("text/html").is_empty());
    let cards = of("application/vnd.ralphext.card+json");
    assert!(!cards.is_empty());
    cards.iter().for_each(|e| card.check("a card of the inventory", e.content()));
    ext.once().expect(0).counts(&[("written", 0)]);
}
