//! Change events: one for each write, removal and change of status, in its transaction, in order, with every gap to be seen.

mod follower;
mod gaps;
mod looking;

use serde_json::Value;

pub use self::follower::{Follower, Position};
use crate::harness::{Ext, Monitor, Outcome, Redis, Schema, records};

pub const CHANGES: &str = "ralphext:v1:hwinfo:@changes";

/// A service that tells its changes, as a user who may do so and no more.
pub fn telling(redis: &Redis, kind: &str) -> Ext {
    redis.grant(&["hwinfo", "--with", &format!("events-{kind}")]);
    Ext::brisk(redis).set("events.kind", kind)
}

/// All events that are in the stream, each checked against the published schema.
#[track_caller]
pub fn told(redis: &Redis) -> Vec<Value> {
    let entries: Vec<(String, Vec<(String, String)>)> = redis.cmd(&["XRANGE", CHANGES, "-", "+"]);
    let schema = Schema::load("event.v1");
    let event = |(id, fields): (String, Vec<(String, String)>)| {
        assert_eq!((fields.len(), fields[0].0.as_str()), (1, "event"), "{id}");
        let event: Value = serde_json::from_str(&fields[0].1).expect("JSON");
        schema.check(&id, &event);
        assert!(fields[0].1.len() <= 640, "bounded: {event}");
        event
    };
    entries.into_iter().map(event).collect()
}

/// An event in a few words.
pub fn words(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().map(str::to_owned);
    match event["kind"].as_str() {
        Some("status") => format!("status {}", text("status").expect("a status")),
        Some(kind) => format!("{kind} {} {}", text("object_id").expect("an id"), text("reason").expect("a reason")),
        None => panic!("{event}"),
    }
}

pub fn all_words(events: &[Value]) -> Vec<String> {
    events.iter().map(words).collect()
}

/// Panics unless standard output has all of these words.
#[track_caller]
pub fn shows(outcome: &Outcome, words: &[&str]) {
    words.iter().for_each(|word| assert!(outcome.stdout.contains(word), "no {word:?}: {outcome}"));
}

/// Panics unless each event follows the one before it.
#[track_caller]
pub fn is_gapless(events: &[Value]) {
    for pair in events.windows(2) {
        assert!(Position::of(&pair[1]).follows(&Position::of(&pair[0])), "{} and then {}", pair[0], pair[1]);
    }
}

#[test]
fn each_write_removal_and_change_of_status_is_told_once_in_order() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream");
    ext.once_with(&records(3, 1)).expect(0).counts(&[("written", 3)]);
    let first = told(&redis);
    assert_eq!(all_words(&first), ["status starting", "written 1 new", "written 2 new", "written 3 new", "status ok"]);
    for (event, (id, envelope)) in first[1..4].iter().zip(redis.objects("hwinfo")) {
        assert_eq!(event["object_id"].as_str(), Some(id.as_str()));
        assert_eq!((event["version"].as_u64(), &event["hash"]), (Some(envelope.version()), &envelope.json["hash"]));
        assert_eq!(event["at"], envelope.json["changed_at"]);
    }
    assert_eq!(first[0]["previous"], 0, "nothing was told before");

    let mut next = records(2, 1);
    next[0] = crate::harness::record(1, 2);
    ext.once_with(&next).expect(0).counts(&[("written", 1), ("removed", 1)]);
    let all = told(&redis);
    assert_eq!(
        all_words(&all[5..]),
        ["status starting", "written 1 changed", "removed 3 vanished", "status ok"],
        "what is unchanged is not told"
    );
    is_gapless(&all);
    let canary: u64 = redis.get("ralphext:v1:hwinfo:@canary").expect("a canary").parse().expect("a number");
    assert_eq!(all.last().expect("events")["batch"], canary);

    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:2", "mine"]);
    ext.verb(&["verify", "--repair"]).expect(0);
    let all = told(&redis);
    assert!(all_words(&all[9..]).contains(&"written 2 healed".to_owned()), "{:?}", all_words(&all[9..]));
    is_gapless(&all);
    assert_eq!(redis.descriptor("hwinfo")["events"], serde_json::json!({"kind": "stream", "max_len": 10000}));
    Schema::load("service.v1").check("the descriptor", &redis.descriptor("hwinfo"));
}

#[test]
fn a_channel_tells_the_same_and_keeps_nothing() {
    let redis = Redis::start();
    let ext = telling(&redis, "pubsub");
    let ear = Follower::listen(&redis);
    ext.once_with(&records(3, 1)).expect(0);
    ext.once_with(&records(2, 1)).expect(0);
    let words = [
        "status starting",
        "written 1 new",
        "written 2 new",
        "written 3 new",
        "status ok",
        "status starting",
        "removed 3 vanished",
        "status ok",
    ];
    crate::harness::eventually("all is heard", || ear.events().len() >= words.len());
    assert_eq!(all_words(&ear.events()), words);
    is_gapless(&ear.events());
    assert!(!redis.keys().contains(&CHANGES.to_owned()));
    ext.verb(&["rm", "hwinfo", "1", "--yes"]).expect(0);
    ext.verb(&["retire", "hwinfo", "--yes"]).expect(0);
    crate::harness::eventually("removals by hand are heard too", || ear.events().len() >= words.len() + 2);
    assert_eq!(all_words(&ear.events()[words.len()..]), ["removed 1 operator", "removed 2 operator"]);
    is_gapless(&ear.events());
    assert_eq!(redis.keys(), Vec::<String>::new());
}

#[test]
fn what_is_switched_off_costs_no_command_and_no_key() {
    let redis = Redis::start();
    let monitor = Monitor::start(&redis);
    let ext = Ext::brisk(&redis);
    ext.source(&records(3, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    sidecar.stop().expect(0);
    ext.once_with(&records(2, 1)).expect(0).counts(&[("removed", 1)]);
    ext.verb(&["rm", "hwinfo", "1", "--yes"]).expect(0);
    shows(&ext.verb(&["watch", "hwinfo", "--count", "1"]).expect(0), &["hwinfo", "STATUS"]);
    ext.verb(&["watch", "hwinfo", "--from", "0-0"]).expect(2).says(&["tells no changes", "hint"]);
    let used = monitor.commands(&redis);
    for command in ["xadd", "publish", "xrevrange", "xrange", "xread", "subscribe"] {
        assert!(!used.contains(command), "{command}");
    }
    assert!(redis.descriptor("hwinfo").get("events").is_none());
    assert!(!redis.keys().contains(&CHANGES.to_owned()));
}

#[test]
fn a_status_is_told_when_it_changes_and_not_with_each_heartbeat() {
    let redis = Redis::start();
    let mut ext = telling(&redis, "stream").set("writer.heartbeat", "200ms").script("exec", "cat objects.ndjson");
    ext.source(&records(2, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    ext.rescript("exit 3");
    sidecar.wait_until("it fails", || redis.descriptor("hwinfo")["status"] == "failing");
    for _ in 0..5 {
        let before = redis.descriptor("hwinfo")["heartbeat_at"].clone();
        sidecar.wait_until("a heartbeat", || redis.descriptor("hwinfo")["heartbeat_at"] != before);
    }
    ext.rescript("cat objects.ndjson");
    sidecar.wait_until("it is well again", || redis.descriptor("hwinfo")["status"] == "ok");
    sidecar.stop().expect(0);
    let all = told(&redis);
    let statuses: Vec<String> = all_words(&all).into_iter().filter(|words| words.starts_with("status")).collect();
    assert_eq!(statuses, ["status starting", "status ok", "status failing", "status ok", "status stopped"]);
    is_gapless(&all);
    assert_eq!(redis.descriptor("hwinfo")["status"], "stopped");
}

#[test]
fn no_reader_sees_a_status_that_was_not_told() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream").set("writer.heartbeat", "100ms").set("source.interval", "100ms");
    ext.source(&records(50, 1));
    let look = "return {redis.call('GET', KEYS[1]), redis.call('XREVRANGE', KEYS[2], '+', '-')}";
    let mut sidecar = ext.run();
    for round in 0..4u64 {
        let end = std::time::Instant::now() + std::time::Duration::from_millis(400);
        while std::time::Instant::now() < end {
            let (descriptor, entries): (Option<String>, Vec<(String, Vec<String>)>) =
                redis.cmd(&["EVAL", look, "2", "ralphext:v1:hwinfo", CHANGES]);
            let Some(descriptor) = descriptor else { continue };
            let descriptor: Value = serde_json::from_str(&descriptor).expect("JSON");
            let events = entries.iter().map(|(_, f)| serde_json::from_str::<Value>(&f[1]).expect("JSON"));
            let last = events.filter(|e| e["kind"] == "status").map(|e| e["status"].clone()).next();
            assert_eq!(last.as_ref(), Some(&descriptor["status"]), "in one look");
        }
        if round % 2 == 0 {
            std::mem::replace(&mut sidecar, ext.run()).kill();
        }
    }
    sidecar.stop().expect(0);
}

#[test]
fn events_count_toward_the_bounds_of_a_batch() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream").set("redis.batch_commands", 20);
    ext.once_with(&records(200, 1)).expect(0).counts(&[("written", 200)]);
    let all = told(&redis);
    is_gapless(&all);
    let most = all.iter().filter_map(|event| event["of"].as_u64()).max();
    assert_eq!(most, Some(10), "ten values and ten events");
}

#[test]
fn the_stream_is_capped() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream").set("events.max_len", 100);
    for revision in 1..4 {
        ext.once_with(&records(1000, revision)).expect(0).counts(&[("written", 1000)]);
    }
    let kept: u64 = redis.cmd(&["XLEN", CHANGES]);
    // The server drops whole nodes of its list.
    assert!((100..=200).contains(&kept), "{kept} events");
    is_gapless(&told(&redis));
    ext.verb(&["purge", "hwinfo", "--older-than", "0s", "--yes"]).expect(0);
    let kept: u64 = redis.cmd(&["XLEN", CHANGES]);
    assert!((100..=200).contains(&kept), "{kept} events");
    let all = told(&redis);
    is_gapless(&all);
    assert!(all_words(&all).last().expect("events").ends_with("operator"));
    assert_eq!(redis.count("hwinfo"), 0);
}
