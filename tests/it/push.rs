//! Extensions that push: each answer is true, whatever happens to Redis, and nothing that was answered is lost.

/// Each answer is as the published description says, whatever is sent.
mod described;
/// Who dies in the middle of a request.
mod torn;

use serde_json::json;

use crate::harness::{Ext, Pusher, Redis, Running, always, ndjson, record, records};

fn pushing(redis: &Redis) -> (Ext, Pusher) {
    let ext = Ext::brisk(redis).unset("source.path").set("source.kind", "push").set("source.listen", "unix:push.sock");
    let pusher = Pusher::Unix(ext.path("push.sock"));
    (ext, pusher)
}

fn started(ext: &Ext, pusher: &Pusher) -> Running {
    let mut sidecar = ext.run();
    sidecar.wait_until("it writes", || pusher.is_there() && pusher.ask("GET /v1/status", &[], b"").status == 200);
    sidecar
}

fn snapshot(count: u64, rev: u64) -> String {
    format!("{}{{\"end\": true}}\n", ndjson(&records(count, rev)))
}

#[test]
fn what_was_answered_is_in_redis() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let sidecar = started(&ext, &pusher);
    let content = json!({"cpu": "Xeon",
        "ram": 256});
    pusher.put("4711", &content).expect(200).counts(&[("written", 1), ("refused", 0)]);
    assert_eq!(*redis.object("hwinfo", "4711").content(), content);
    pusher.put("4711", &content).expect(200).counts(&[("written", 0), ("unchanged", 1)]);
    let html = b"<p>Row <script>x()</script>3</p>";
    pusher.ask("PUT /v1/objects/data_center.rack.12", &["Content-Type: text/html; charset=utf-8"], html).expect(200);
    assert_eq!(redis.object("hwinfo", "data_center.rack.12").content(), "<p>Row 3</p>");
    pusher.ask("PUT /v1/objects/9", &["Content-Type: application/pdf"], b"%PDF\xff").expect(200);
    assert_eq!(redis.object("hwinfo", "9").content(), "JVBERv8=");
    let changes = format!("{}{{\"id\":9,\"deleted\":true}}\n", ndjson(&records(50, 1)));
    let told = pusher.ask("PATCH /v1/objects", &[], changes.as_bytes()).expect(200);
    told.counts(&[("written", 50), ("removed", 1), ("refused", 0)]);
    assert_eq!(redis.count("hwinfo"), 51, "9 was changed, and then removed");
    pusher.ask("DELETE /v1/objects/4711", &[], b"").expect(200).counts(&[("removed", 1)]);
    pusher.ask("DELETE /v1/objects/4711", &[], b"").expect(200).counts(&[("removed", 0)]);
    assert_eq!(redis.count("hwinfo"), 50);
    sidecar.stop().expect(0);
    assert!(!pusher.is_there(), "the socket is gone with the sidecar");
}

#[test]
fn what_is_refused_is_told_and_holds_up_nothing() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let ext = ext.set("limits.max_content", "1KiB");
    let sidecar = started(&ext, &pusher);
    let large = json!("x".repeat(2000));
    let told = pusher.put("1", &large).expect(422);
    assert_eq!(told.json["refusals"][0]["kind"], "too_large");
    let lines =
        format!("{}nonsense\n{{\"id\":\"a:b\",\"content\":1}}\n{}", ndjson(&[record(2, 1)]), ndjson(&[record(3, 1)]));
    let told = pusher.ask("PATCH /v1/objects", &[], lines.as_bytes()).expect(200);
    let told = told.counts(&[("written", 2), ("refused", 2)]);
    assert_eq!(told.json["refusals"].as_array().expect("a list").len(), 2);
    for (request, body, status) in [
        ("PUT /v1/objects/a:b", &b"1"[..], 422),
        ("PUT /v1/objects/7", b"{\"a\":", 422),
        ("PUT /v1/objects/7", &[b'7'; 2 << 20], 413),
        ("PATCH /v1/objects", b"{\"end\": true}\n", 422),
        ("POST /v1/objects/7", b"1", 405),
        ("GET /", b"", 404),
    ] {
        let told = pusher.ask(request, &[], body).expect(status);
        assert!(told.json["error"].is_string() && told.json["hint"].is_string(), "{request}: {told:?}");
    }
    assert_eq!(redis.count("hwinfo"), 2);
    sidecar.stop().expect(0);
}

#[test]
fn a_snapshot_is_the_whole_truth_only_with_its_end() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let sidecar = started(&ext, &pusher);
    let told = pusher.snapshot(&snapshot(100, 1)).expect(200).counts(&[("written", 100), ("removed", 0)]);
    assert_eq!(told.json["complete"], true);
    pusher.snapshot(&snapshot(95, 1)).expect(200).counts(&[("written", 0), ("unchanged", 95), ("removed", 5)]);
    assert_eq!(redis.count("hwinfo"), 95);
    let told = pusher.snapshot(&ndjson(&records(90, 2))).expect(422).counts(&[("written", 90), ("removed", 0)]);
    assert_eq!(told.json["complete"], false);
    assert_eq!(redis.count("hwinfo"), 95, "without its end it is a change");
    let told = pusher.snapshot(&snapshot(20, 2)).expect(200);
    assert!(told.json["kept"].as_str().expect("why").contains("max_shrink"), "{told:?}");
    assert_eq!(redis.count("hwinfo"), 95, "too much gone at once is not believed");

    // One that breaks off removes nothing, and the next one begins anew.
    let open = pusher.open_snapshot(&ndjson(&records(3, 3)));
    pusher.put("1000", &json!({"meanwhile": true})).expect(200).counts(&[("written", 1)]);
    pusher.snapshot(&snapshot(95, 1)).expect(409);
    drop(open);
    let mut last = 409;
    crate::harness::eventually("the next snapshot may begin", || {
        let mut all = records(95, 2);
        all.push(json!({"id": 1000, "content": {"meanwhile": true}}));
        last = pusher.snapshot(&format!("{}{{\"end\": true}}\n", ndjson(&all))).status;
        last != 409
    });
    assert_eq!((last, redis.count("hwinfo")), (200, 96));

    // A change while a snapshot is under way is part of the truth, and newer than what the snapshot says.
    let open = pusher.open_snapshot(&ndjson(&records(95, 2)));
    pusher.put("2000", &json!({"new": true})).expect(200).counts(&[("written", 1)]);
    assert_eq!(open.end(&format!("{}{{\"end\":true}}\n", ndjson(&[json!({"id": 1000, "content": 1})]))), 200);
    assert_eq!(redis.count("hwinfo"), 97);
    sidecar.stop().expect(0);
}

#[test]
fn without_redis_nothing_is_confirmed_and_after_a_loss_a_snapshot_is_wanted() {
    let mut redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let mut sidecar = started(&ext, &pusher);
    pusher.snapshot(&snapshot(30, 1)).expect(200);
    redis.kill();
    let told = pusher.put("1", &json!({"lost": "perhaps"})).expect(503);
    assert!(told.head.to_ascii_lowercase().contains("retry-after"), "{told:?}");
    assert!(told.json["hint"].as_str().expect("a hint").contains("try again"));
    redis.restart();
    sidecar.wait_until("it writes again, and wants to be told", || {
        let told = pusher.ask("GET /v1/status", &[], b"");
        told.status == 200 && told.json["resync"] == true
    });
    let told = pusher.put("5", &json!({"only": "this"})).expect(200);
    assert_eq!(told.json["resync"], true, "one object is not all of them");
    let told = pusher.snapshot(&snapshot(30, 1)).expect(200);
    assert_eq!(told.json["resync"], false);
    assert_eq!(redis.objects("hwinfo").len(), 30);
    assert_eq!(pusher.ask("GET /v1/status", &[], b"").json["resync"], false);
    sidecar.stop().expect(0);
}

#[test]
fn with_a_spool_it_is_taken_while_redis_is_away_and_survives_a_crash() {
    let mut redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let ext = ext.set("source.spool", "spool");
    let sidecar = started(&ext, &pusher);
    pusher.snapshot(&snapshot(30, 1)).expect(200);
    redis.kill();
    let changes = format!("{}{{\"id\":2,\"deleted\":true}}\nnonsense\n", ndjson(&[record(1, 2), record(31, 1)]));
    let told = pusher.ask("PATCH /v1/objects", &[], changes.as_bytes()).expect(202);
    told.counts(&[("spooled", 3), ("refused", 1)]);
    sidecar.kill();
    redis.restart();
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    sidecar.wait_until("what was taken is there", || redis.object("hwinfo", "1").content()["revision"] == 2);
    let there = redis.objects("hwinfo");
    assert!(there.contains_key("31") && !there.contains_key("2"), "{:?}", there.keys());
    assert_eq!(pusher.ask("GET /v1/status", &[], b"").json["resync"], false, "the spool has all of it");
    redis.flush();
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    sidecar.stop().expect(0);
}

#[test]
fn over_tcp_it_takes_a_token_and_only_loopback() {
    let redis = Redis::start();
    let port = 20_000 + std::process::id() % 10_000;
    let address = format!("127.0.0.1:{port}");
    let (ext, _) = pushing(&redis);
    let ext = ext.set("source.listen", address.as_str());
    ext.verb(&["check"]).expect(2).says(&["source.listen", "token", "hint"]);
    let ext = ext.set("source.token_file", "token");
    ext.write("token", "correct-horse-battery\n");
    let pusher = Pusher::Tcp(address);
    let mut sidecar = ext.run();
    sidecar.wait_until("it listens", || pusher.is_there());
    for headers in [&[][..], &["Authorization: Bearer wrong-horse-battery"], &["Authorization: Bearer "]] {
        pusher.ask("PUT /v1/objects/1", headers, b"1").expect(401);
    }
    let token = ["Authorization: Bearer correct-horse-battery"];
    sidecar.wait_until("it writes", || pusher.ask("PUT /v1/objects/1", &token, b"1").status == 200);
    ext.write("token", "another-token-from-now\n");
    pusher.ask("PUT /v1/objects/1", &token, b"2").expect(401);
    pusher.ask("PUT /v1/objects/1", &["Authorization: Bearer another-token-from-now"], b"2").expect(200);
    let said = sidecar.stop().expect(0).stderr;
    assert!(!said.contains("correct-horse"), "{said}");
    let open = ext.set("source.listen", "0.0.0.0:9783");
    open.verb(&["check"]).expect(2).says(&["loopback", "hint"]);
}

#[test]
fn a_pusher_that_falls_silent_is_told_and_a_heartbeat_is_enough() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let ext = ext.set("source.expect_every", "2s");
    let mut sidecar = started(&ext, &pusher);
    pusher.put("1", &json!(1)).expect(200);
    sidecar.wait_until("its silence is told", || redis.descriptor("hwinfo")["status"] == "failing");
    pusher.ask("POST /v1/heartbeat", &[], b"").expect(200);
    sidecar.wait_until("it is heard", || redis.descriptor("hwinfo")["status"] == "ok");
    sidecar.stop().expect(0);
}

#[test]
fn a_killed_sidecar_s_socket_is_taken_over_and_a_living_one_s_is_not() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let first = started(&ext, &pusher);
    first.kill();
    let mut second = ext.run();
    second.wait_until("it writes", || pusher.is_there() && pusher.ask("GET /v1/status", &[], b"").status == 200);
    let third = ext.run().finish(crate::harness::DEADLINE);
    assert_eq!(third.code, 2, "{third}");
    third.says(&["source.listen", "hint"]);
    always("the second goes on", std::time::Duration::from_secs(1), || pusher.put("1", &json!(1)).status == 200);
    second.stop().expect(0);
}

#[test]
fn once_and_test_say_that_push_is_for_run() {
    let redis = Redis::start();
    let (ext, _) = pushing(&redis);
    for verb in ["once", "plan", "test"] {
        let outcome = ext.verb(&[verb]);
        assert!(outcome.code == 2 || outcome.code == 3, "{verb}: {outcome}");
        outcome.says(&["push", "hint"]);
    }
    ext.pipe(&["once", "--source", "stdin"], &ndjson(&records(3, 1))).expect(0);
    assert_eq!(redis.count("hwinfo"), 3);
}

#[test]
fn what_looks_unchanged_is_not_confirmed_by_who_was_taken_over() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    // Its own heartbeat does not tell it.
    let ext = ext.set("writer.lease", "120s").set("writer.heartbeat", "40s");
    let sidecar = started(&ext, &pusher);
    let content = json!({"load": 1});
    pusher.put("1", &content).expect(200).counts(&[("written", 1)]);
    pusher.put("1", &content).expect(200).counts(&[("unchanged", 1)]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@lease", "another-writer", "PX", "600000"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@fence", "99999999999999"]);
    pusher.put("1", &content).expect(503);
    sidecar.kill();
}
