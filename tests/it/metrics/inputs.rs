//! Several inputs, each told apart: in metrics, in the API, on the page. It must not know how they are merged.

use std::fs;

use serde_json::{Value, json};

use crate::{
    api::described,
    harness::{Ext, Pusher, Redis, Scrape, ndjson, talk},
};

/// Facts from a file and alerts from another, each on its own schedule, with a page on a unix socket.
fn two(redis: &Redis) -> (Ext, Pusher) {
    let ext = Ext::brisk(redis).unset("source.path").unset("source.kind").unset("source.interval");
    let path = |name: &str| ext.path(name).display().to_string();
    let (facts, alerts) = (path("facts.ndjson"), path("alerts.ndjson"));
    let ext = ext
        .set("source.spool", "spool")
        .set("source.inputs.facts.kind", "file")
        .set("source.inputs.facts.path", facts)
        .set("source.inputs.facts.interval", "1s")
        .set("source.inputs.alerts.kind", "file")
        .set("source.inputs.alerts.path", alerts)
        .set("source.inputs.alerts.interval", "1s")
        .set("admin.page_listen", "unix:page.sock");
    let page = Pusher::Unix(ext.path("page.sock"));
    (ext, page)
}

fn records(ids: std::ops::RangeInclusive<u64>) -> String {
    ndjson(&ids.map(|id| json!({"id": id, "content": {"n": id}})).collect::<Vec<Value>>())
}

#[test]
fn each_input_is_told_in_metrics_api_and_page() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--with", "peers"]);
    let (ext, page) = two(&redis);
    ext.write("facts.ndjson", &records(1..=5));
    ext.write("alerts.ndjson", &records(1..=3));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 5);
    let of = |input| [("input", input)];
    for input in ["facts", "alerts"] {
        sidecar.wait_for_metric("ralphext_input_last_success_timestamp_seconds", &of(input), |n| n > 1.7e9);
        sidecar.wait_for_metric("ralphext_input_stale", &of(input), |n| n == 0.0);
    }

    // One record of one of them cannot be taken.
    ext.write("alerts.ndjson", &format!("{}{{\"id\":3,\"contents\":1}}\n", records(1..=2)));
    sidecar.wait_for_metric("ralphext_input_failed_objects", &of("alerts"), |n| n == 1.0);
    assert_eq!(sidecar.scrape().value("ralphext_input_failed_objects", &of("facts")), 0.0);

    // One of them fails for good: the service goes on with the other, and somebody has to be told.
    fs::remove_file(ext.path("alerts.ndjson")).expect("it is there");
    sidecar.wait_for_metric("ralphext_input_stale", &of("alerts"), |n| n == 1.0);
    let scrape = sidecar.scrape();
    assert_eq!(scrape.value("ralphext_input_stale", &of("facts")), 0.0);
    let success = |input| scrape.value("ralphext_input_last_success_timestamp_seconds", &of(input));
    assert!(success("facts") > success("alerts"));

    let status = page.ask("GET /api/v1/status", &[], b"").expect(200);
    described("get", "/api/v1/status", &status);
    let inputs = &status.json["services"][0]["inputs"];
    assert_eq!((&inputs["facts"]["objects"], inputs["facts"].get("last_error")), (&json!(5), None), "{inputs}");
    assert!(inputs["alerts"]["last_error"]["message"].to_string().contains("alerts.ndjson"), "{inputs}");
    // The page of all services tells what the descriptor says of them.
    let mut ui = crate::harness::Running::spawn(&mut ext.command(&["ui", "--listen", "127.0.0.1:0"]), None);
    ui.wait_until_says("the page is served: 127.0.0.1:");
    let port = ui.port();
    let ask =
        |path: &str| talk(port, &format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")).expect("an answer").body;
    let told = Scrape::parse(&ask("/metrics"));
    assert!(told.of("hwinfo", "ralphext_input_last_success_timestamp_seconds", &of("facts")).is_some());
    assert!(told.of("hwinfo", "ralphext_input_failed_objects", &of("alerts")).is_some());
    let page = ask("/s/hwinfo");
    for words in [
        "<h2>Inputs</h2>",
        "<th scope=\"row\">alerts</th>",
        "alerts.ndjson does not exist",
        "<th scope=\"row\">facts</th>",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    ui.stop().expect(0);

    ext.write("alerts.ndjson", &records(1..=3));
    sidecar.wait_for_metric("ralphext_input_stale", &of("alerts"), |n| n == 0.0);
    sidecar.stop().expect(0);
}

#[test]
fn inputs_cannot_be_asked_for_one_object_and_say_so() {
    let redis = Redis::start();
    let (ext, page) = two(&redis);
    ext.write("facts.ndjson", &records(1..=5));
    ext.write("alerts.ndjson", &records(1..=3));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 5);
    sidecar.wait_until("the page is there", || page.try_ask("GET /api/v1/status", &[], b"").is_ok());
    let answered = page.ask("POST /api/v1/objects/2:refresh", &[], b"").expect(409);
    described("post", "/api/v1/objects/{id}:refresh", &answered);
    assert!(answered.json["error"].to_string().contains("cannot be asked"), "{answered:?}");
    assert_eq!(redis.object("hwinfo", "2").content(), &json!({"alerts": {"n": 2}, "facts": {"n": 2}}));
    sidecar.stop().expect(0);
}
