//! What the inventory tells to whoever asks, what records that are pushed become by it, and that nothing is concluded from
//! what it does not tell.

use serde_json::{Value, json};

use crate::{
    harness::{Ext, Pusher, Ralph, Redis, Running, ndjson},
    identity::{about, alarm, alarmed, ids, resolving, ten, with_status},
};

fn of(ids: std::ops::RangeInclusive<u64>) -> Vec<Value> {
    ids.map(|id| about(json!({"sn": format!("SN-{id}")}), id)).collect()
}

fn pushing(redis: &Redis, ralph: &Ralph) -> (Ext, Pusher) {
    let ext = resolving(redis, ralph).briskly().unset("source.path").set("source.kind", "push");
    let ext = ext.set("source.listen", "unix:push.sock").set("source.spool", "spool");
    let pusher = Pusher::Unix(ext.path("push.sock"));
    (ext, pusher)
}

fn wait_for(sidecar: &mut Running, pusher: &Pusher) {
    sidecar.wait_until("it writes", || pusher.try_ask("GET /v1/status", &[], b"").is_ok_and(|told| told.status == 200));
}

#[test]
fn nothing_is_concluded_from_a_model_that_may_not_be_viewed() {
    let (redis, ralph) = (Redis::start(), ten());
    ralph.objects().rows.push(("virtual-servers", json!({"id": 50, "object_type": "virtualserver", "sn": "SN-50"})));
    let ext = resolving(&redis, &ralph);
    let all: Vec<Value> = of(1..=3).into_iter().chain(of(50..=50)).collect();
    ext.once_with(&all).expect(0).counts(&[("written", 4)]);
    ralph.objects().forbidden = vec!["virtual-servers"];
    let outcome = ext.once_with(&all[..2]).expect(0);
    outcome.counts(&[("removed", 0), ("unmatched", 2)]);
    outcome.says(&["answers 403 Forbidden", "the permission to view virtual.VirtualServer", "identity.models"]);
    // With a cache the others are known, and so is that one.
    ralph.objects().forbidden.clear();
    let ext = ext.set("identity.cache", "inventory.cache");
    ext.once_with(&all).expect(0).counts(&[("unmatched", 0)]);
    ralph.objects().forbidden = vec!["virtual-servers"];
    ext.once_with(&all).expect(0).counts(&[("unmatched", 0), ("removed", 0)]);
    assert_eq!(ids(&redis), ["1", "2", "3", "50"]);
}

#[test]
fn nothing_is_concluded_from_rows_in_another_order() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph);
    ext.once_with(&of(1..=5)).expect(0).counts(&[("written", 5)]);
    ralph.objects().is_shuffled = true;
    let outcome = ext.once_with(&of(1..=3)).expect(0);
    outcome.counts(&[("removed", 0), ("unmatched", 3)]);
    outcome.says(&["the rows do not come in the order of their ids", "hint"]);
    assert_eq!((outcome.json()["complete"].clone(), ids(&redis).len()), (json!(false), 5));
}

#[test]
fn pages_that_shift_while_they_are_read_hide_nobody() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph);
    // Three rows a page. After each of the first pages one of its rows goes, and the rest moves up.
    ralph.objects().leaving = vec![1, 4, 2];
    let all: Vec<Value> = of(3..=3).into_iter().chain(of(5..=10)).collect();
    ext.once_with(&all).expect(0).counts(&[("written", 7), ("unmatched", 0)]);
    assert_eq!(ralph.objects().leaving, Vec::<u64>::new(), "they did not shift");
    // A row in front that was not there: nobody is read twice as another.
    ralph.add_server(1, "new.example.com", &json!({"sn": "SN-1"}));
    let outcome = ext.once_with(&all).expect(0);
    outcome.counts(&[("written", 0), ("unmatched", 0), ("removed", 0)]);
}

#[test]
fn check_and_doctor_look_at_the_inventory() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph);
    ext.source(&of(1..=1));
    let outcome = ext.verb(&["check", "--connect"]).expect(0);
    for words in ["the inventory http://", "has 10 objects (", "10 data_center.DataCenterAsset"] {
        assert!(outcome.stdout.contains(words), "{words}: {outcome}");
    }
    let json = ext.verb(&["-o", "json", "check", "--connect"]).expect(0).json();
    assert_eq!(json[0]["inventory"]["objects"]["data_center.DataCenterAsset"], 10, "{json}");
    assert!(ext.verb(&["doctor"]).expect(0).stdout.contains("inventory: http://"));
    ralph.objects().forbidden = vec!["clusters"];
    ext.verb(&["check", "--connect"]).expect(1).says(&[
        "403",
        "let Ralph give the token's user",
        "data_center.Cluster",
    ]);
    let told = ext.verb(&["doctor"]).expect(1).stdout;
    assert!(told.contains("403") && told.contains("let Ralph give the token's user"), "{told}");
    ext.write("token", "s3cret-wrong");
    ext.verb(&["check", "--connect"]).expect(1).says(&["401", "Ralph does not know the token"]);
    assert!(!ext.verb(&["check", "--connect"]).all().contains("s3cret"));
    let ext = ["url", "token_file", "page_size"].iter().fold(ext, |ext, key| ext.unset(&format!("identity.{key}")));
    let ext = ext.set("identity.kind", "file").set("identity.path", "inventory.ndjson");
    ext.verb(&["check", "--connect"]).expect(1).says(&["inventory.ndjson", "hint"]);
    ext.write("inventory.ndjson", "{\"id\":1,\"model\":\"virtual.CloudHost\",\"sn\":\"a\"}\n{\"id\":2,\"sn\":\"b\"}\n");
    let told = ext.verb(&["check", "--connect"]).expect(0).stdout;
    assert!(told.contains("has 2 objects (1 cloudhost, 1 without a model)"), "{told}");
}

#[test]
fn unmatched_can_ask_now_without_redis() {
    let ralph = ten();
    let ext = Ext::at(&Redis::nowhere()).set("identity.kind", "ralph").set("identity.url", ralph.url());
    let ext = ext.set("identity.token_file", "token");
    ext.write("token", crate::harness::RALPH_TOKEN);
    ext.source(&[about(json!({"sn": "SN-1"}), 1), about(json!({"sn": "SN-77"}), 77)]);
    let outcome = ext.verb(&["unmatched", "--live"]).expect(1);
    assert!(outcome.stdout.contains("1 unmatched: 1 unknown") && outcome.stdout.contains("SN-77"), "{outcome}");
    ralph.add_server(77, "new.example.com", &json!({"sn": "SN-77"}));
    assert_eq!(ext.verb(&["-o", "json", "unmatched", "hwinfo", "--live"]).expect(0).json()["count"], 0);
    ext.verb(&["unmatched", "tickets", "--live"]).expect(2).says(&["tickets", "hint"]);
    std::fs::remove_file(ext.path("objects.ndjson")).expect("the source");
    ext.verb(&["unmatched", "--live"]).expect(3).says(&["objects.ndjson", "hint"]);
    ext.unset("identity.kind")
        .unset("identity.url")
        .unset("identity.token_file")
        .verb(&["unmatched", "--live"])
        .expect(2);
}

#[test]
fn an_object_that_is_matched_twice_is_told_by_both_matches() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph);
    let (first, second) = (json!({"hostname": "web01.example.com"}), json!({"sn": "SN-1"}));
    let outcome = ext.once_with(&[
        about(json!({"sn": "SN-2"}), 2),
        about(first.clone(), 1),
        json!({"id": 3, "content": {"load": 3}}),
        about(second.clone(), 7),
        about(json!({"sn": "SN-4"}), 4),
        about(json!({"sn": "sn-4"}), 4),
    ]);
    outcome.counts(&[("written", 4), ("failed", 1), ("unmatched", 0)]);
    let told = outcome.stderr.replace("\\\"", "\"");
    assert!(told.contains(&format!("it is the object of {first}, and of {second}")), "{outcome}");
    assert_eq!(redis.object("hwinfo", "1").content()["load"], 1);
}

#[test]
fn an_object_that_has_no_data_any_more_is_clear_and_not_gone() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = alarmed(&redis, &ralph);
    let mut all: Vec<String> = (1..=4).chain(8..=10).map(|id| alarm(id).to_string()).collect();
    all.extend(
        [
            r#"{"match":{"sn":"SN-5"},"deleted":true}"#,
            r#"{"id":6,"deleted":true}"#,
            r#"{"deleted":true,"id":"7"}"#,
            r#"{"id":99,"deleted":true}"#,
        ]
        .map(str::to_owned),
    );
    ext.write("objects.ndjson", &(all.join("\n") + "\n"));
    ext.once().expect(0).counts(&[("written", 3), ("removed", 0), ("failed", 0)]);
    assert_eq!(with_status(&redis, "ok"), ["5", "6", "7"]);
    assert_eq!(ids(&redis).len(), 10, "nobody has the object 99");
    // One that Ralph does not have any more goes.
    ralph.remove(6);
    std::fs::remove_file(ext.path("inventory.cache")).expect("the cache");
    ext.once().expect(0).counts(&[("written", 0), ("removed", 1)]);
    assert!(!ids(&redis).contains(&"6".to_owned()));
}

#[test]
fn what_the_spool_takes_while_redis_is_away_is_resolved() {
    let (mut redis, ralph) = (Redis::start(), ten());
    let (ext, pusher) = pushing(&redis, &ralph);
    let mut sidecar = ext.run();
    wait_for(&mut sidecar, &pusher);
    pusher.ask("PATCH /v1/objects", &[], ndjson(&of(1..=2)).as_bytes()).expect(200).counts(&[("written", 2)]);
    redis.kill();
    let all = [about(json!({"sn": "SN-3"}), 3), about(json!({"sn": "SN-99"}), 9), about(json!({"x": 1}), 1)];
    let text = format!("{}{{\"match\":{{\"sn\":\"SN-2\"}},\"deleted\":true}}\n", ndjson(&all));
    let told = pusher.ask("PATCH /v1/objects", &[], text.as_bytes()).expect(202);
    let told = told.counts(&[("spooled", 2), ("refused", 2)]);
    assert!(told.json["refusals"].to_string().contains("no object has sn sn-99"), "{told:?}");
    redis.restart();
    sidecar.wait_until("what was taken is there", || ids(&redis) == ["1", "3"]);
    sidecar.stop().expect(0);
    // Without an inventory nobody can say whose it is: it is to be sent again.
    redis.kill();
    ralph.objects().away = true;
    let mut sidecar = ext.run();
    sidecar.wait_until("it listens", || pusher.is_there());
    pusher.ask("PATCH /v1/objects", &[], ndjson(&of(4..=4)).as_bytes()).expect(503);
    sidecar.kill();
}

#[test]
fn pushed_records_are_resolved_and_answered_one_by_one() {
    let (redis, ralph) = (Redis::start(), ten());
    let (ext, pusher) = pushing(&redis, &ralph);
    let mut sidecar = ext.run();
    wait_for(&mut sidecar, &pusher);
    let known = |id: u64| about(json!({"sn": format!("SN-{id}")}), id);
    // Ralph is not asked for every one: some may come before the inventory.
    let all = [
        known(1),
        about(json!({"sn": "SN-99"}), 99),
        known(2),
        json!({"id": 7, "content": 7}),
        about(json!({"x": 1}), 1),
    ];
    let told = pusher.ask("PATCH /v1/objects", &[], ndjson(&all).as_bytes()).expect(200);
    told.counts(&[("written", 3), ("refused", 2)]);
    assert_eq!(ids(&redis), ["1", "2", "7"]);
    sidecar.stop().expect(0);
}
