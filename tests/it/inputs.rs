//! Several inputs for one service: merged per object, each with its own freshness, schedule and guard.

/// Spools that are lost, streams, identity, and what nobody has any more.
mod apart;

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::harness::{Ext, Pusher, Redis, Running, Watch, always, ndjson};

/// Facts from a file, status by push.
fn two(redis: &Redis) -> (Ext, Pusher) {
    let ext = Ext::brisk(redis).unset("source.path").unset("source.kind").unset("source.interval");
    let facts = ext.path("facts.ndjson").display().to_string();
    let ext = ext
        .set("source.spool", "spool")
        .set("source.inputs.facts.kind", "file")
        .set("source.inputs.facts.path", facts)
        .set("source.inputs.facts.interval", "1s")
        .set("source.inputs.status.kind", "push")
        .set("source.inputs.status.listen", "unix:push.sock");
    let pusher = Pusher::Unix(ext.path("push.sock"));
    (ext, pusher)
}

fn facts(ids: impl IntoIterator<Item = u64>, cpus: u64) -> String {
    let records: Vec<Value> = ids.into_iter().map(|id| json!({"id": id, "content": {"cpus": cpus}})).collect();
    ndjson(&records)
}

fn started(ext: &Ext, pusher: &Pusher) -> Running {
    let mut sidecar = ext.run();
    sidecar.wait_until("it writes", || pusher.is_there() && pusher.ask("GET /v1/status", &[], b"").status == 200);
    sidecar
}

fn content(redis: &Redis, id: &str) -> Value {
    redis.object("hwinfo", id).content().clone()
}

#[test]
fn facts_from_a_file_and_status_by_push_are_one_object() {
    let redis = Redis::start();
    let (ext, pusher) = two(&redis);
    ext.write("facts.ndjson", &facts(1..=30, 8));
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    assert_eq!(content(&redis, "7"), json!({"facts": {"cpus": 8}}));

    pusher.put("7", &json!({"up": true})).expect(200).counts(&[("written", 1), ("refused", 0)]);
    assert_eq!(content(&redis, "7"), json!({"facts": {"cpus": 8}, "status": {"up": true}}));
    pusher.put("7", &json!({"up": true})).expect(200).counts(&[("written", 0), ("unchanged", 1)]);
    pusher.put("99", &json!("new")).expect(200).counts(&[("written", 1)]);
    assert_eq!(content(&redis, "99"), json!({"status": "new"}));

    ext.write("facts.ndjson", &facts((1..=30).filter(|id| *id != 7), 9));
    sidecar.wait_until("the facts changed", || content(&redis, "8") == json!({"facts": {"cpus": 9}}));
    sidecar.wait_until("its part is gone", || content(&redis, "7") == json!({"status": {"up": true}}));
    pusher.ask("DELETE /v1/objects/7", &[], b"").expect(200).counts(&[("removed", 1)]);
    pusher.ask("DELETE /v1/objects/7", &[], b"").expect(200).counts(&[("removed", 0), ("unchanged", 1)]);
    assert_eq!(redis.count("hwinfo"), 30);

    let told = pusher.ask("PUT /v1/objects/8", &["Content-Type: text/html"], b"<p>x</p>").expect(422);
    assert_eq!(told.json["refusals"][0]["kind"], "bad_type");
    assert_eq!(content(&redis, "8"), json!({"facts": {"cpus": 9}}));

    let descriptor = redis.descriptor("hwinfo");
    assert_eq!((&descriptor["status"], &descriptor["writer"]["source"]), (&json!("ok"), &json!("inputs")));
    assert_eq!(descriptor["inputs"]["facts"]["objects"], 29);
    assert!(descriptor["inputs"]["status"]["as_of"].is_string(), "{descriptor}");
    let status = ext.verb(&["status"]).expect(0).stdout;
    for words in ["input facts", "29 objects, as of", "input status"] {
        assert!(status.contains(words), "{words} is not in\n{status}");
    }
    sidecar.stop().expect(0);
}

#[test]
fn a_pushed_snapshot_is_the_whole_truth_of_its_input_alone() {
    let redis = Redis::start();
    let (ext, pusher) = two(&redis);
    ext.write("facts.ndjson", &facts(1..=10, 8));
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    let all = |ids: std::ops::RangeInclusive<u64>| {
        let records: Vec<Value> = ids.map(|id| json!({"id": id, "content": "up"})).collect();
        format!("{}{{\"end\": true}}\n", ndjson(&records))
    };
    let told = pusher.snapshot(&all(6..=14)).expect(200).counts(&[("written", 9), ("removed", 0)]);
    assert_eq!(told.json["complete"], true);
    assert_eq!(redis.count("hwinfo"), 14);
    pusher.snapshot(&all(6..=13)).expect(200).counts(&[("written", 0), ("unchanged", 8), ("removed", 1)]);
    assert_eq!(redis.count("hwinfo"), 13, "14 had nothing else");
    assert_eq!(content(&redis, "6"), json!({"facts": {"cpus": 8}, "status": "up"}));
    let told = pusher.snapshot("{\"end\": true}\n").expect(200).counts(&[("removed", 0)]);
    assert!(told.json["kept"].to_string().contains("all 8"), "{told:?}");
    assert_eq!(redis.count("hwinfo"), 13);
    sidecar.stop().expect(0);
}

#[test]
fn a_restart_writes_nothing_and_a_flush_brings_everything_back() {
    let redis = Redis::start();
    let (ext, pusher) = two(&redis);
    ext.write("facts.ndjson", &facts(1..=50, 8));
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 50);
    let lines: Vec<Value> = (41..=60).map(|id| json!({"id": id, "content": {"up": id % 2}})).collect();
    pusher.ask("PATCH /v1/objects", &[], ndjson(&lines).as_bytes()).expect(200).counts(&[("written", 20)]);
    let before = redis.objects("hwinfo");
    sidecar.stop().expect(0);

    let watch = Watch::start(&redis);
    let mut sidecar = started(&ext, &pusher);
    let passed = || redis.descriptor("hwinfo")["inputs"]["facts"]["as_of"].to_string();
    let as_of = passed();
    sidecar.wait_until("the facts were read again", || passed() != as_of);
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set", "del"]).len(), 0);

    redis.flush();
    sidecar.wait_for_objects(&redis, "hwinfo", 60);
    for (id, envelope) in redis.objects("hwinfo") {
        assert!(envelope.version() > before[&id].version(), "{id}");
        assert_eq!(envelope.content(), before[&id].content(), "{id}");
    }
    // A single one, found by its renewal or the next look.
    sidecar.stop().expect(0);
    let ext = ext.set("verify.every", "500ms");
    let mut sidecar = started(&ext, &pusher);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:45"]);
    sidecar.wait_until("it is back", || redis.count("hwinfo") == 60);
    assert_eq!(content(&redis, "45"), *before["45"].content());
    sidecar.stop().expect(0);
}

#[test]
fn killed_in_the_middle_nothing_that_was_answered_is_lost() {
    let redis = Redis::start();
    let (ext, pusher) = two(&redis);
    ext.write("facts.ndjson", &facts(1..=200, 8));
    for round in 0..4u64 {
        let sidecar = started(&ext, &pusher);
        let (from, mut answered) = (pusher.clone(), Vec::new());
        let pushing = std::thread::spawn(move || {
            for id in (1..=200u64).cycle() {
                let body = json!({"round": round, "of": id}).to_string();
                let put = format!("PUT /v1/objects/{id}");
                match from.try_ask(&put, &["Content-Type: application/json"], body.as_bytes()) {
                    Ok(answer) if answer.status == 200 => answered.push(id),
                    _ => break,
                }
            }
            answered
        });
        std::thread::sleep(Duration::from_millis(300 + 150 * round));
        ext.write("facts.ndjson", &facts(1..=200, 9 + round));
        std::thread::sleep(Duration::from_millis(30));
        sidecar.kill();
        let answered = pushing.join().expect("it ends");
        assert!(!answered.is_empty());
        redis.flush();
        let mut sidecar = started(&ext, &pusher);
        sidecar.wait_for_objects(&redis, "hwinfo", 200);
        sidecar.wait_until("the facts are the newest", || {
            redis.objects("hwinfo").values().all(|envelope| envelope.content()["facts"]["cpus"] == 9 + round)
        });
        let all = redis.objects("hwinfo");
        for id in &answered {
            let status = &all[&id.to_string()].content()["status"];
            assert_eq!((&status["of"], &status["round"]), (&json!(id), &json!(round)), "{id}");
        }
        sidecar.stop().expect(0);
    }
}

#[test]
fn what_redis_does_not_have_yet_is_in_the_spool() {
    let mut redis = Redis::start();
    let (ext, pusher) = two(&redis);
    ext.write("facts.ndjson", &facts(1..=5, 8));
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 5);
    redis.kill();
    let told = pusher.put("3", &json!("down")).expect(202);
    assert_eq!(told.json["spooled"], 1);
    pusher.ask("PUT /v1/objects/4", &["Content-Type: text/html"], b"<p>x</p>").expect(422);
    redis.restart();
    sidecar.wait_until("it came to Redis", || {
        redis.count("hwinfo") == 5 && content(&redis, "3") == json!({"facts": {"cpus": 8}, "status": "down"})
    });
    sidecar.kill();
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 5);
    assert_eq!(content(&redis, "3")["status"], "down");
    sidecar.stop().expect(0);
}

/// Facts and costs, each by a command that reads a file, or fails where there is none.
fn commands(redis: &Redis) -> Ext {
    let mut ext = Ext::brisk(redis).unset("source.path").unset("source.kind").unset("source.interval");
    ext.change("source.spool", "spool");
    for input in ["facts", "costs"] {
        let script = format!("cd {}; cat {input}.ndjson", ext.path("").display());
        ext.change(&format!("source.inputs.{input}.kind"), "exec");
        ext.change(&format!("source.inputs.{input}.command"), json!(["/bin/sh", "-c", script]));
        ext.change(&format!("source.inputs.{input}.interval"), "300ms");
    }
    ext
}

#[test]
fn a_failing_input_keeps_its_parts_and_the_others_go_on() {
    let redis = Redis::start();
    let ext = commands(&redis).set("content.max_stale", "6s");
    ext.write("facts.ndjson", &facts(1..=25, 8));
    let mut sidecar = ext.run();
    // The costs fail from the start: the facts are not held up, and nothing is gone for it.
    sidecar.wait_for_objects(&redis, "hwinfo", 25);
    let error = || redis.descriptor("hwinfo")["last_error"]["message"].as_str().unwrap_or_default().to_owned();
    sidecar.wait_until("it is told", || error().contains("input costs: ") && error().contains("exit status 1"));
    ext.write("costs.ndjson", &ndjson(&[json!({"id": 3, "content": 12.5}), json!({"id": 77, "content": 1})]));
    let both = json!({"costs": 12.5, "facts": {"cpus": 8}});
    sidecar.wait_until("both are there", || redis.count("hwinfo") == 26 && content(&redis, "3") == both);
    sidecar.wait_until("all is well", || redis.descriptor("hwinfo")["status"] == "ok");

    fs::remove_file(ext.path("costs.ndjson")).expect("it was there");
    sidecar.wait_until("it fails", || redis.descriptor("hwinfo")["inputs"]["costs"]["last_error"].is_object());
    assert_eq!(redis.descriptor("hwinfo")["status"], "failing");
    ext.write("facts.ndjson", &facts(1..=25, 9));
    let kept = json!({"costs": 12.5, "facts": {"cpus": 9}});
    sidecar.wait_until("the facts go on, the costs are kept", || content(&redis, "3") == kept);
    // Until they are older than anything may be.
    sidecar.wait_until("the costs are left out", || content(&redis, "3") == json!({"facts": {"cpus": 9}}));
    sidecar.wait_until("what has nothing else is gone", || redis.count("hwinfo") == 25);
    sidecar.wait_for_metric("ralphext_source_failures_total", &[("kind", "exit")], |n| n >= 1.0);
    let now = redis.descriptor("hwinfo");
    assert!(now["inputs"]["facts"]["last_error"].is_null(), "{now}");
    assert_eq!(now["status"], "failing", "and not stale: the facts keep what there is alive");
    ext.write("costs.ndjson", &ndjson(&[json!({"id": 3, "content": 12.5}), json!({"id": 77, "content": 1})]));
    sidecar.wait_until("they are back", || content(&redis, "3") == kept);
    sidecar.stop().expect(0);
}

#[test]
fn an_input_that_suddenly_has_nothing_is_not_believed_and_can_be_approved() {
    let redis = Redis::start();
    let ext = commands(&redis);
    ext.write("facts.ndjson", &facts(1..=30, 8));
    let costs = |ids: std::ops::RangeInclusive<u64>| {
        ndjson(&ids.map(|id| json!({"id": id, "content": id})).collect::<Vec<_>>())
    };
    ext.write("costs.ndjson", &costs(1..=30));
    let mut sidecar = ext.run();
    sidecar.wait_until("both are there", || {
        redis.count("hwinfo") == 30 && redis.objects("hwinfo").values().all(|e| e.content()["costs"].is_number())
    });
    ext.write("costs.ndjson", "[]");
    let error = || redis.descriptor("hwinfo")["last_error"]["message"].as_str().unwrap_or_default().to_owned();
    sidecar.wait_until("it is refused", || error().contains("approve-shrink hwinfo --input costs --to-zero"));
    assert!(error().contains("input costs: refused to delete all 30"), "{}", error());
    ext.write("facts.ndjson", &facts(1..=30, 9));
    sidecar.wait_until("the facts go on", || content(&redis, "30") == json!({"costs": 30, "facts": {"cpus": 9}}));
    ext.write("costs.ndjson", &costs(1..=20));
    sidecar.wait_until("some are refused", || error().contains("10 of 30") && !error().contains("--to-zero"));

    ext.verb(&["approve-shrink", "hwinfo", "--yes"]).expect(1).says(&["add --input costs"]);
    ext.verb(&["approve-shrink", "hwinfo", "--yes", "--input", "facts"]).expect(1);
    let told = ext.verb(&["-o", "json", "approve-shrink", "hwinfo", "--yes", "--input", "costs"]).expect(0);
    told.counts(&[("vanished", 10), ("objects", 20)]);
    sidecar.wait_until("it is believed", || content(&redis, "30") == json!({"facts": {"cpus": 9}}));
    assert_eq!((redis.count("hwinfo"), content(&redis, "20")), (30, json!({"costs": 20, "facts": {"cpus": 9}})));
    sidecar.wait_until("all is well", || redis.descriptor("hwinfo")["status"] == "ok");
    sidecar.stop().expect(0);
}

#[test]
fn inputs_come_and_go_with_the_configuration() {
    let redis = Redis::start();
    let ext = commands(&redis).set("limits.max_shrink", "60%");
    ext.write("facts.ndjson", &facts(1..=10, 8));
    ext.write("costs.ndjson", &ndjson(&[json!({"id": 3, "content": 1}), json!({"id": 30, "content": 1})]));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 11);
    sidecar.wait_until("both are there", || content(&redis, "3") == json!({"costs": 1, "facts": {"cpus": 8}}));
    sidecar.stop().expect(0);
    let keys = ["kind", "command", "interval"].map(|key| format!("source.inputs.costs.{key}"));
    let alone = keys.iter().fold(ext, |ext, key| ext.unset(key));
    let mut sidecar = alone.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    assert_eq!(content(&redis, "3"), json!({"facts": {"cpus": 8}}));
    sidecar.stop().expect(0);
    let file = alone.path("tickets.ndjson").display().to_string();
    let more = alone.set("source.inputs.tickets.kind", "file").set("source.inputs.tickets.path", file);
    more.write("tickets.ndjson", &ndjson(&[json!({"id": 4, "content": ["T1"]})]));
    let mut sidecar = more.run();
    let merged = json!({"facts": {"cpus": 8}, "tickets": ["T1"]});
    sidecar.wait_until("the new one is there", || content(&redis, "4") == merged);
    assert_eq!(redis.count("hwinfo"), 10);
    sidecar.stop().expect(0);
}

#[test]
fn once_asks_each_input_once_and_knows_what_was_pushed() {
    let redis = Redis::start();
    let (ext, pusher) = two(&redis);
    ext.write("facts.ndjson", &facts(1..=20, 8));
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 20);
    pusher.put("7", &json!("up")).expect(200);
    let plan = ext.verb(&["plan"]).expect(3).stdout;
    assert!(plan.contains("hwinfo.redb: another process has it open"), "{plan}");
    let test = ext.verb(&["-o", "json", "test"]).expect(0).json();
    assert_eq!(test["records"][0]["content"], r#"{"facts":{"cpus":8}}"#, "without what was pushed");
    sidecar.stop().expect(0);

    ext.write("facts.ndjson", &facts(1..=19, 8));
    let plan = ext.verb(&["-o", "json", "plan"]).expect(0);
    plan.counts(&[("objects", 19), ("written", 0), ("removed", 1), ("skipped", 19)]);
    let test = ext.verb(&["-o", "json", "test", "--limit", "30"]).expect(0);
    assert_eq!(test.json()["total"], 19);
    let preview = ext.verb(&["preview", "7"]).expect(0).stdout;
    assert!(preview.contains("up") && preview.contains("cpus"), "{preview}");
    ext.once().expect(0).counts(&[("objects", 19), ("written", 0), ("removed", 1), ("skipped", 19)]);
    assert_eq!(content(&redis, "7"), json!({"facts": {"cpus": 8}, "status": "up"}));
    ext.once().expect(0).counts(&[("written", 0), ("removed", 0)]);
    ext.verb(&["verify"]).expect(0);

    fs::remove_file(ext.path("facts.ndjson")).expect("it was there");
    let failed = ext.once().expect(3);
    failed.counts(&[("written", 0), ("removed", 0)]);
    failed.says(&["input facts: ", "does not exist"]);
    assert_eq!(redis.count("hwinfo"), 19);
    assert_eq!(redis.descriptor("hwinfo")["status"], "failing");
    let check = ext.verb(&["check"]).expect(0).stdout;
    assert!(check.contains("inputs facts (file") && check.contains("status (push unix:"), "{check}");
    let _ = ext.pipe(&["once", "--source", "stdin"], "").expect(2);
}

#[test]
fn a_template_makes_one_page_of_several_inputs() {
    let redis = Redis::start();
    let (ext, pusher) = two(&redis);
    let ext = ext.set("render.template", "<p>{{ content.facts.cpus }} CPUs, {{ status or 'unknown' }}</p>");
    ext.write("facts.ndjson", &facts(1..=3, 8));
    let mut sidecar = started(&ext, &pusher);
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    assert_eq!(content(&redis, "1"), "<p>8 CPUs, unknown</p>");
    pusher.put("1", &json!("down")).expect(200).counts(&[("written", 1)]);
    assert_eq!(content(&redis, "1"), "<p>8 CPUs, down</p>");
    always("nothing else changes", Duration::from_millis(300), || content(&redis, "2") == "<p>8 CPUs, unknown</p>");
    sidecar.stop().expect(0);
}
