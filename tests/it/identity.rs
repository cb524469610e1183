//! Records that name objects by what is known of them: resolved by an inventory from Ralph or an export, never guessed.

use serde_json::{Value, json};

use crate::harness::{Ext, RALPH_TOKEN as TOKEN, Ralph, Redis, always};
use std::time::Duration;

/// An extension that resolves by `ralph`, every second anew.
pub fn resolving(redis: &Redis, ralph: &Ralph) -> Ext {
    let ext = Ext::new(redis).set("identity.kind", "ralph").set("identity.url", ralph.url());
    let ext = ext.set("identity.token_file", "token").set("identity.refresh", "1s").set("identity.page_size", 3);
    ext.write("token", &format!("{TOKEN}\n"));
    ext
}

pub fn about(matching: Value, load: u64) -> Value {
    json!({"match": matching, "content": {"load": load}})
}

pub fn ids(redis: &Redis) -> Vec<String> {
    redis.objects("hwinfo").into_keys().collect()
}

/// Ten servers, 1 to 10.
pub fn ten() -> Ralph {
    let ralph = Ralph::start();
    for id in 1..=10 {
        let card =
            json!([{"mac": format!("00:11:22:33:44:{id:02x}"), "ipaddress": {"address": format!("10.0.0.{id}")}}]);
        let more = json!({"sn": format!("SN-{id}"), "ethernet": card, "ipaddresses": [format!("10.0.0.{id}")]});
        ralph.add_server(id, &format!("web{id:02}.example.com"), &more);
    }
    ralph
}

#[test]
fn every_key_leads_to_its_object() {
    let (redis, ralph) = (Redis::start(), ten());
    ralph
        .objects()
        .rows
        .push(("cloud-hosts", json!({"id": 90, "object_type": "cloudhost", "host_id": "vm-90", "hostname": ""})));
    let ext = resolving(&redis, &ralph);
    let outcome = ext.once_with(&[
        about(json!({"hostname": "WEB01.example.com."}), 1),
        about(json!({"sn": "sn-2"}), 2),
        about(json!({"barcode": "DC3"}), 3),
        about(json!({"mac": "0011.2233.4404"}), 4),
        about(json!({"ip": ["127.0.0.1", "10.0.0.5"]}), 5),
        about(json!({"id": 6}), 6),
        about(json!({"host_id": "vm-90"}), 90),
        json!({"id": 7, "content": {"load": 7}}),
    ]);
    outcome.expect(0).counts(&[("written", 8), ("failed", 0), ("unmatched", 0)]);
    assert_eq!(ids(&redis), ["1", "2", "3", "4", "5", "6", "7", "90"]);
    assert_eq!(redis.object("hwinfo", "4").content()["load"], 4);
}

#[test]
fn what_is_not_known_is_told_and_never_guessed() {
    let (redis, ralph) = (Redis::start(), ten());
    ralph.add_server(11, "twin.example.com", &json!({}));
    ralph.add_server(12, "twin.example.com", &json!({}));
    ralph.add_server(13, "old.example.com", &json!({"status": "liquidated"}));
    let ext = resolving(&redis, &ralph);
    let records = [
        about(json!({"hostname": "web01.example.com"}), 1),
        about(json!({"hostname": "twin.example.com"}), 2),
        about(json!({"sn": "sn-2", "ip": "10.0.0.3"}), 3),
        about(json!({"hostname": "nobody.example.com"}), 4),
        about(json!({"hostname": "old.example.com"}), 5),
    ];
    let outcome = ext.once_with(&records).expect(0);
    outcome.counts(&[("written", 1), ("failed", 0), ("unmatched", 4)]);
    assert_eq!(outcome.json()["complete"], true, "{}", outcome.stderr);
    assert_eq!(ids(&redis), ["1"]);
    let told = &redis.descriptor("hwinfo")["unmatched"];
    assert_eq!(told["by_reason"], json!({"ambiguous": 2, "decommissioned": 1, "unknown": 1}));
    let outcome = ext.verb(&["unmatched"]).expect(1);
    for line in
        ["4 unmatched: 2 ambiguous", "hostname twin.example.com is that of 11 and 12", "no object has hostname nobody"]
    {
        assert!(outcome.stdout.contains(line), "{line}: {}", outcome.stdout);
    }
    assert_eq!(ext.verb(&["--output", "json", "unmatched", "hwinfo"]).expect(1).json()["count"], 4);
    // A match that is none is the extension's fault.
    let outcome = ext.once_with(&[about(json!({"name": "x"}), 1)]).expect(1);
    outcome.counts(&[("failed", 1), ("unmatched", 0), ("removed", 0)]);
}

#[test]
fn what_an_ambiguous_record_may_be_about_stays() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph);
    let records: Vec<Value> =
        (1..=4).map(|id| about(json!({"hostname": format!("web{id:02}.example.com")}), id)).collect();
    ext.once_with(&records).expect(0).counts(&[("written", 4)]);
    // Another host gets the name of the first: nobody knows any more whose data it is. The fourth is gone.
    ralph.add_server(20, "web01.example.com", &json!({}));
    let outcome = ext.once_with(&records[..3]).expect(0);
    outcome.counts(&[("written", 0), ("unmatched", 1), ("removed", 1)]);
    assert_eq!(ids(&redis), ["1", "2", "3"]);
    // One that has left Ralph goes.
    ralph.remove(2);
    let outcome = ext.once_with(&records[..3]).expect(0);
    outcome.counts(&[("removed", 1)]);
    assert_eq!(ids(&redis), ["1", "3"]);
}

#[test]
fn while_ralph_is_away_what_is_known_persists() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph).set("identity.cache", "inventory.cache");
    let records: Vec<Value> = (1..=4).map(|id| about(json!({"sn": format!("SN-{id}")}), id)).collect();
    ralph.objects().away = true;
    let outcome = ext.once_with(&records).expect(0);
    outcome.counts(&[("written", 0), ("unmatched", 4), ("removed", 0)]);
    assert_eq!(outcome.json()["complete"], false);
    assert_eq!(redis.descriptor("hwinfo")["unmatched"]["by_reason"], json!({"no_inventory": 4}));
    ralph.objects().away = false;
    ext.once_with(&records).expect(0).counts(&[("written", 4), ("unmatched", 0)]);
    // A new process, without Ralph: its cache knows them.
    ralph.objects().away = true;
    let changed: Vec<Value> = (1..=4).map(|id| about(json!({"sn": format!("SN-{id}")}), id + 1)).collect();
    ext.once_with(&changed).expect(0).counts(&[("written", 4), ("unmatched", 0)]);
    ext.once_with(&changed[..3]).expect(0).counts(&[("removed", 1)]);
    assert_eq!(ids(&redis), ["1", "2", "3"]);
    let secret = std::fs::read_to_string(ext.path("inventory.cache")).expect("the cache");
    assert!(!secret.contains(TOKEN));
}

#[test]
fn a_sidecar_learns_what_is_new_in_ralph() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph).briskly();
    ext.source(&[about(json!({"sn": "SN-1"}), 1), about(json!({"sn": "SN-77"}), 77)]);
    let mut sidecar = ext.run();
    sidecar.wait_until("the known one is there", || ids(&redis) == ["1"]);
    sidecar.wait_until("the other one is told", || redis.descriptor("hwinfo")["unmatched"]["count"] == 1);
    let before = ralph.requests();
    ralph.add_server(77, "new.example.com", &json!({"sn": "SN-77", "modified": "2026-11-29T00:00:00.000001"}));
    sidecar.wait_until("it is found", || ids(&redis) == ["1", "77"]);
    sidecar.wait_until("nothing is unmatched", || redis.descriptor("hwinfo")["unmatched"].is_null());
    // Five models, a look each second: pages of everything would be many more.
    assert!(ralph.requests() - before < 5 * 40, "{}", ralph.requests() - before);
    // A token that is changed needs no restart.
    ralph.objects().token = "another".into();
    ext.write("token", "another");
    ralph.add_server(78, "newer.example.com", &json!({"sn": "SN-78", "modified": "2026-11-29T00:00:00.000002"}));
    ext.source(&[
        about(json!({"sn": "SN-1"}), 1),
        about(json!({"sn": "SN-77"}), 77),
        about(json!({"sn": "SN-78"}), 78),
    ]);
    sidecar.wait_until("that one, too", || ids(&redis) == ["1", "77", "78"]);
    sidecar.stop().expect(0);
}

#[test]
fn rows_that_cannot_be_shown_are_skipped_and_what_they_hide_stays() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph);
    let records: Vec<Value> = (1..=5).map(|id| about(json!({"sn": format!("SN-{id}")}), id)).collect();
    ext.once_with(&records).expect(0).counts(&[("written", 5)]);
    ralph.objects().broken = vec![3];
    // In a new process the third one is known to nobody; and the fifth one has no data any more.
    let outcome = ext.once_with(&records[..4]).expect(0);
    outcome.counts(&[("unmatched", 1), ("removed", 1), ("skipped", 3)]);
    assert_eq!(ids(&redis), ["1", "2", "3", "4"]);
    assert!(outcome.stderr.contains("cannot be read and are skipped"), "{}", outcome.stderr);
}

#[test]
fn tokens_and_permissions_are_told_clearly() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph);
    ext.write("token", "s3cret-wrong");
    let outcome = ext.once_with(&[about(json!({"sn": "SN-1"}), 1)]).expect(0);
    assert!(outcome.stderr.contains("answers 401 Unauthorized"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("Ralph does not know the token"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("s3cret"), "{}", outcome.stderr);
}

#[test]
fn an_export_is_as_good() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("identity.kind", "file").set("identity.path", "inventory.ndjson");
    ext.write(
        "inventory.ndjson",
        "{\"id\":4711,\"model\":\"data_center.DataCenterAsset\",\"hostname\":\"web01.example.com\",\"sn\":\"A1\"}\n{\"id\":4712,\"hostname\":\"web02\"}\n",
    );
    let outcome =
        ext.once_with(&[about(json!({"hostname": "web01.example.com"}), 1), about(json!({"hostname": "web02"}), 2)]);
    outcome.expect(0).counts(&[("written", 2), ("unmatched", 0)]);
    assert_eq!(ids(&redis), ["4711", "4712"]);
}

#[test]
fn a_storm_that_clears_to_zero_leaves_no_alarm() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph).set("source.absent", "empty").set("source.empty.summary", "No alerts.");
    let ext = ext.set("content.content_type", "card").briskly();
    let alarm = |id: u64| json!({"match": {"sn": format!("SN-{id}")}, "content": {"title": "Alerts", "status": "critical", "summary": "disk"}});
    ext.source(&(1..=10).map(alarm).collect::<Vec<_>>());
    let mut sidecar = ext.run();
    let status = |id: &str| redis.objects("hwinfo").get(id).map(|e| e.content()["status"].clone());
    sidecar
        .wait_until("all alarms are there", || (1..=10).all(|id| status(&id.to_string()) == Some(json!("critical"))));
    ext.write("objects.ndjson", "{\"end\": true}\n");
    sidecar.wait_until("all is clear", || (1..=10).all(|id| status(&id.to_string()) == Some(json!("ok"))));
    assert_eq!(redis.object("hwinfo", "3").content()["summary"], "No alerts.");
    let descriptor = redis.descriptor("hwinfo");
    assert_eq!(
        (&descriptor["status"], &descriptor["last_error"]),
        (&json!("ok"), &Value::Null),
        "no shrink was refused"
    );
    // A host that is new in Ralph is well, too.
    ralph.add_server(11, "new.example.com", &json!({"modified": "2026-11-29T00:00:00.000001"}));
    sidecar.wait_until("it has its card", || status("11") == Some(json!("ok")));
    // While Ralph is away nothing is made up, and nothing is lost.
    ralph.objects().away = true;
    ext.source(&[alarm(2)]);
    sidecar.wait_until("an alarm is seen", || status("2") == Some(json!("critical")));
    always("nobody else is lost", Duration::from_secs(2), || ids(&redis).len() == 11);
    sidecar.stop().expect(0);
}

/// Alarms for these of ten objects that are all in alarm, and the card of those that are clear.
pub fn alarmed(redis: &Redis, ralph: &Ralph) -> Ext {
    let ext = resolving(redis, ralph).set("source.absent", "empty").set("content.content_type", "card");
    let ext = ext.set("limits.max_failed", "90%").set("identity.cache", "inventory.cache");
    ext.once_with(&(1..=10).map(alarm).collect::<Vec<_>>()).expect(0).counts(&[("written", 10)]);
    ext
}

pub fn alarm(id: u64) -> Value {
    json!({"match": {"sn": format!("SN-{id}")}, "content": {"title": "Alerts", "status": "critical"}})
}

/// Ids of the objects with this status.
pub fn with_status(redis: &Redis, status: &str) -> Vec<String> {
    redis.objects("hwinfo").into_iter().filter(|(_, e)| e.content()["status"] == status).map(|(id, _)| id).collect()
}

#[test]
fn a_record_that_cannot_be_read_lets_nobody_be_clear() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = alarmed(&redis, &ralph);
    // The first three have alarms that cannot be read, each for a reason of its own.
    let broken = [
        r#"{"match":{"sn":"SN-1"},"contnet":{"title":"Alerts","status":"critical"}}"#,
        r#"{"match":{"sn":"SN-2"},"content":{"title":"Alerts","status":"critical""#,
        r#"{"match":{"serial":"SN-3"},"content":{"title":"Alerts","status":"critical"}}"#,
    ];
    for record in broken {
        ext.write("objects.ndjson", &format!("{record}\n{}\n", alarm(4)));
        ext.once().expect(0).counts(&[("failed", 1), ("written", 0), ("removed", 0)]);
        assert_eq!(with_status(&redis, "critical").len(), 10, "{record}");
    }
    ext.once_with(&[alarm(4)]).expect(0).counts(&[("written", 9), ("removed", 0)]);
    assert_eq!(with_status(&redis, "critical"), ["4"]);
}

#[test]
fn an_end_that_is_told_makes_clear_as_well_and_removes_nothing_while_ralph_is_away() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = alarmed(&redis, &ralph).set("identity.max_age", "1s");
    let told = format!("{}\n{{\"end\":true}}\n", alarm(4));
    let words = ["--output", "json", "once", "--source", "stdin"];
    ext.pipe(&words, &told).expect(0).counts(&[("written", 9), ("removed", 0)]);
    assert_eq!((with_status(&redis, "critical"), ids(&redis).len()), (vec!["4".to_owned()], 10));
    ralph.objects().away = true;
    std::thread::sleep(Duration::from_millis(1500));
    let told = format!("{}\n{{\"end\":true}}\n", alarm(5));
    let outcome = ext.pipe(&words, &told).expect(0);
    outcome.counts(&[("written", 1), ("removed", 0)]);
    assert_eq!((outcome.json()["complete"].clone(), ids(&redis).len()), (json!(false), 10));
}

#[test]
fn a_stream_goes_by_what_is_known_now() {
    let (redis, ralph) = (Redis::start(), ten());
    ralph.objects().away = true;
    let record = about(json!({"sn": "SN-77"}), 1);
    let ext = resolving(&redis, &ralph).briskly();
    let ext = ext.script("stream", &format!("while :; do echo '{record}'; sleep 0.2; done"));
    let mut sidecar = ext.run();
    let reason = |word| redis.descriptor("hwinfo")["unmatched"]["by_reason"][word].is_u64();
    sidecar.wait_until("nothing is known yet", || reason("no_inventory"));
    ralph.objects().away = false;
    sidecar.wait_until("it is not known", || reason("unknown"));
    ralph.add_server(77, "new.example.com", &json!({"sn": "SN-77", "modified": "2026-11-29T00:00:00.000001"}));
    sidecar.wait_until("it is found", || ids(&redis) == ["77"]);
    sidecar.stop().expect(0);
}
