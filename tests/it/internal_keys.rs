//! Whatever stands at the keys that ralphext keeps for itself: healed where that is safe, else told with the key's name.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::{Ext, Outcome, Redis, Running, Schema, Watch, records};

/// Highest integer that every JSON reader keeps exactly.
const MAX: u64 = (1 << 53) - 1;

const TYPES: [&str; 5] = ["list", "hash", "set", "zset", "stream"];

fn key(name: &str) -> String {
    if name.is_empty() { "ralphext:v1:hwinfo".to_owned() } else { format!("ralphext:v1:hwinfo:@{name}") }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

fn ten_years_on() -> u64 {
    now() + 10 * 366 * 24 * 3600 * 1000
}

/// Puts something of each other type at `key`.
fn plant_type(redis: &Redis, key: &str, kind: &str) {
    let words: &[&str] = match kind {
        "list" => &["RPUSH", key, "a"],
        "hash" => &["HSET", key, "a", "b"],
        "set" => &["SADD", key, "a"],
        "zset" => &["ZADD", key, "1", "a"],
        "stream" => &["XADD", key, "*", "a", "b"],
        _ => &["SET", key, "a"],
    };
    // In one step: a running sidecar would put its own there in between.
    let script = "redis.call('DEL', KEYS[1]) return redis.call(unpack(ARGV))";
    redis.cmd::<redis::Value>(&[&["EVAL", script, "1", key], words].concat());
}

fn epoch(redis: &Redis) -> u64 {
    redis.get(&key("fence")).expect("a fence").parse().expect("a number")
}

#[track_caller]
fn is_well(outcome: Outcome, redis: &Redis, count: usize) -> Outcome {
    let outcome = outcome.expect(0);
    assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    assert_eq!(redis.objects("hwinfo").len(), count);
    outcome
}

#[test]
fn a_fence_that_no_writer_can_have_made_is_replaced_and_told_and_epochs_still_grow() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(3, 1)).expect(0);
    let odd = [
        MAX.to_string(),
        (MAX - 1).to_string(),
        (MAX + 1).to_string(),
        u64::MAX.to_string(),
        "18446744073709551616".into(),
        ten_years_on().to_string(),
        "9".repeat(400),
        "-5".into(),
        "1e15".into(),
        "0x10".into(),
        "nan".into(),
        "inf".into(),
        " 12".into(),
        "1.5".into(),
        "abc\u{7}".into(),
        "x".repeat(1 << 20),
    ];
    for (n, fence) in odd.iter().enumerate() {
        let before = epoch(&redis);
        redis.cmd::<()>(&["SET", &key("fence"), fence]);
        let outcome = is_well(ext.once_with(&records(3, n as u64 + 2)), &redis, 3);
        outcome.says(&["replaced what no writer put there", &key("fence"), "hint"]);
        assert!(outcome.stderr.len() < 10_000, "the log repeats no mebibyte");
        let after = epoch(&redis);
        assert!(after > before && after < ten_years_on(), "{fence:.30}: {before} -> {after}");
        assert_eq!(redis.object("hwinfo", "1").epoch(), after, "and values are written under it");
    }
    for fence in [now() + 1_000_000_000, 17] {
        redis.cmd::<()>(&["SET", &key("fence"), &fence.to_string()]);
        let outcome = is_well(ext.once(), &redis, 3);
        assert!(!outcome.stderr.contains("replaced"), "{fence} may be one of ours: {outcome}");
        assert!(epoch(&redis) > fence);
    }
}

#[test]
fn other_types_at_internal_keys_are_healed_by_the_next_writer() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(3, 1)).expect(0);
    for kind in TYPES {
        for name in ["lease", "fence", "canary", "baseline", ""] {
            plant_type(&redis, &key(name), kind);
            let outcome = is_well(ext.once(), &redis, 3);
            outcome.counts(&[("written", 0)]);
            if matches!(name, "lease" | "fence") {
                outcome.says(&["replaced what no writer put there", &key(name), "no string", "hint"]);
            }
        }
        Schema::load("service.v1").check("the descriptor", &redis.descriptor("hwinfo"));
        assert_eq!(redis.descriptor("hwinfo")["status"], "ok");
        assert_eq!(redis.get(&key("lease")), None, "handed back");
        let canary: u64 = redis.get(&key("canary")).expect("a canary").parse().expect("a number");
        assert!(canary >= redis.object("hwinfo", "3").version(), "the canary is the floor of versions again");
    }
}

#[test]
fn other_types_at_internal_keys_are_healed_under_a_running_sidecar() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(3, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let watch = Watch::start(&redis);
    for (name, kind) in ["lease", "fence", "canary", "baseline", ""].into_iter().zip(TYPES) {
        plant_type(&redis, &key(name), kind);
        let key = key(name);
        sidecar.wait_until(&format!("{key} is a string again"), || redis.cmd::<String>(&["TYPE", &key]) == "string");
    }
    let sound: u64 = epoch(&redis);
    for fence in [MAX.to_string(), "abc".to_owned()] {
        redis.cmd::<()>(&["SET", &key("fence"), &fence]);
        sidecar.wait_until("the fence is an epoch again", || {
            redis
                .get(&key("fence"))
                .and_then(|text| text.parse::<u64>().ok())
                .is_some_and(|now| now > sound && now < MAX / 2)
        });
    }
    redis.cmd::<()>(&["SET", &key("canary"), &MAX.to_string()]);
    sidecar.wait_until("the canary is a version again", || {
        redis.get(&key("canary")).and_then(|text| text.parse::<u64>().ok()).is_some_and(|now| now < MAX / 2)
    });
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    watch.assert_untouched(&redis, "hwinfo");
    let log = sidecar.stop().expect(0).stderr;
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn an_index_of_another_type_is_told_and_stops_nothing() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("verify.every", "1s");
    redis.cmd::<()>(&["SET", "ralphext:v1", "mine"]);
    ext.source(&records(3, 1));
    is_well(ext.once(), &redis, 3);
    for (words, code) in [(&["ls"][..], 4), (&["check", "--connect"], 4)] {
        let outcome = ext.verb(words).expect(code);
        outcome.says(&["ralphext:v1 does not hold a sorted set", "hint", "DEL"]);
    }
    ext.verb(&["status"]).expect(0);
    ext.verb(&["ls", "hwinfo"]).expect(0);

    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 3);
    ext.source(&records(3, 2));
    sidecar.wait_until("changes go on", || redis.raw_objects("hwinfo").values().all(|r| r.contains("\"revision\":2")));
    assert_eq!(redis.get("ralphext:v1").as_deref(), Some("mine"), "nobody's data is removed");
    assert_eq!(count(&sidecar, "holds no sorted set"), 1, "{}", sidecar.stderr());
    redis.cmd::<()>(&["DEL", "ralphext:v1"]);
    sidecar.wait_until("it is in the index again", || {
        redis.cmd::<Option<f64>>(&["ZSCORE", "ralphext:v1", "hwinfo"]).is_some()
    });
    sidecar.wait_until_says("in the index again");
    assert_eq!(count(&sidecar, "Redis failed"), 0, "{}", sidecar.stderr());
    sidecar.stop().expect(0);
}

fn count(sidecar: &Running, text: &str) -> usize {
    sidecar.stderr().lines().filter(|line| line.contains(text)).count()
}

#[test]
fn index_entries_of_others_are_passed_over() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(3, 1)).expect(0);
    let mut connection = redis.connect().expect("a connection");
    let members: [&[u8]; 6] = [b"\xff\xfe", b"", b"a:b", b"\x1b[31m", b"Upper", b"gone"];
    for (member, score) in members.iter().zip(["inf", "-inf", "1", "1e300", "0", "5"]) {
        redis::cmd("ZADD").arg("ralphext:v1").arg(score).arg(*member).query::<()>(&mut connection).expect("ZADD");
    }
    redis.cmd::<()>(&["ZADD", "ralphext:v1", &now().to_string(), "odd"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:odd", "{\"schema\":\"service.v1\"}"]);
    let ext = ext.unset("redis.username").unset("redis.password");
    let outcome = ext.verb(&["--output", "json", "ls"]).expect(0);
    let rows = outcome.json();
    let names: Vec<&str> = rows.as_array().expect("rows").iter().filter_map(|r| r["service"].as_str()).collect();
    assert_eq!(names, ["hwinfo", "odd"], "{outcome}");
    assert_eq!(rows[1]["status"], "unreadable", "a service that is there and cannot be read is told");
    ext.verb(&["ls"]).expect(0);
    ext.once().expect(0);
    let left: Vec<Vec<u8>> = redis.cmd(&["ZRANGE", "ralphext:v1", "0", "-1"]);
    assert!(!left.contains(&b"gone".to_vec()) && !left.contains(&b"".to_vec()), "what is long gone is pruned");
}

#[test]
fn a_lease_that_no_writer_can_have_made_does_not_keep_writers_out_for_ever() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("writer.lease", "1s");
    ext.once_with(&records(3, 1)).expect(0);
    let lease = key("lease");
    for set in [&["SET", &lease, "planted"][..], &["SET", &lease, "planted", "PX", "31536000000"]] {
        redis.cmd::<()>(set);
        ext.once().expect(5).says(&["planted", "holds the lease", "hint"]);
        let left: i64 = redis.cmd(&["PTTL", &lease]);
        assert!((1..=1000).contains(&left), "{left} ms");
        let outcome = ext.verb(&["--output", "json", "once", "--wait"]);
        is_well(outcome, &redis, 3);
    }
    let mut connection = redis.connect().expect("a connection");
    let mut binary = redis::cmd("SET");
    binary.arg(&lease).arg(vec![0xff_u8; 5000]).arg("PX").arg(60_000);
    binary.query::<()>(&mut connection).expect("SET");
    let outcome = ext.once().expect(5);
    assert!(outcome.stderr.len() < 2000, "{outcome}");
    ext.verb(&["status"]);
}

#[test]
fn nonsense_at_baseline_and_descriptor_breaks_nothing() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(3, 1));
    ext.once().expect(0);
    let max = u64::MAX;
    let nonsense = [
        "{".to_owned(),
        "[1]".to_owned(),
        "null".to_owned(),
        "\u{0}".to_owned(),
        "[".repeat(100_000),
        format!(r#"{{"objects":{max},"at":{max},"last_success_at":{max},"as_of":{max},"refused_since":{max}}}"#),
        format!(r#"{{"peaks":[[0,{max}],[{max},{max}]],"clock":{max},"wall":{max},"refused":{{}}}}"#),
        r#"{"peaks":[[-1,1]]}"#.to_owned(),
        r#"{"clock":1e400}"#.to_owned(),
    ];
    for text in &nonsense {
        redis.cmd::<()>(&["SET", &key("baseline"), text]);
        is_well(ext.once(), &redis, 3);
        let baseline: Value = serde_json::from_str(&redis.get(&key("baseline")).expect("there")).expect("JSON");
        assert!(
            baseline["peaks"][0][1] == 3 && baseline["last_success_at"].as_u64() <= Some(now()),
            "{text:.40}: {baseline}"
        );
        Schema::load("service.v1").check("the descriptor", &redis.descriptor("hwinfo"));
    }
    let late = r#"{"last_success_at":253402300800000,"as_of":253402300800000}"#;
    redis.cmd::<()>(&["SET", &key("baseline"), late]);
    let mut descriptor = redis.descriptor("hwinfo");
    for (field, value) in [
        ("as_of", json!("9999-12-31T23:59:60Z")),
        ("stale_after", json!(1e308)),
        ("heartbeat_every", json!(-1e308)),
        ("counts", json!({"objects": max, "failed": max})),
        ("title", json!("\u{1b}[31m\u{202e}")),
        ("status", json!("odd")),
    ] {
        descriptor[field] = value;
        redis.cmd::<()>(&["SET", &key(""), &descriptor.to_string()]);
        for words in [&["status"][..], &["ls"], &["explain", "hwinfo", "1"], &["--output", "json", "status"]] {
            let outcome = ext.verb(words);
            assert!(outcome.code <= 1, "{words:?} {field}: {outcome}");
            assert!(!outcome.all().contains("panicked"), "{words:?} {field}: {outcome}");
            assert!(words[0] == "--output" || !outcome.stdout.contains('\u{1b}'), "{outcome}");
        }
    }
    ext.verb(&["status"]).expect(1).says(&[]);
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    let before = redis.descriptor("hwinfo")["heartbeat_at"].clone();
    sidecar.wait_until("the heart goes on beating", || redis.descriptor("hwinfo")["heartbeat_at"] != before);
    sidecar.stop().expect(0);
}

#[test]
fn check_tells_what_stands_at_internal_keys_and_cannot_be_ours() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(3, 1)).expect(0);
    let outcome = ext.verb(&["check", "--connect"]).expect(0);
    assert!(!outcome.stdout.contains("not put there"), "{outcome}");
    for (name, value) in [("fence", MAX.to_string().as_str()), ("canary", "soon"), ("baseline", "x"), ("", "x")] {
        redis.cmd::<()>(&["SET", &key(name), value]);
    }
    plant_type(&redis, &key("lease"), "list");
    let outcome = ext.verb(&["check", "--connect"]).expect(0);
    for name in ["fence", "canary", "baseline", "lease", ""] {
        let told = format!("{} holds", key(name));
        assert!(outcome.stdout.contains(&told), "{told}: {outcome}");
    }
}

#[test]
fn a_copy_of_another_objects_envelope_is_no_value_of_this_one() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    let same = |id: u64| json!({"id": id, "content": {"the": "same"}});
    ext.once_with(&[same(1), same(2), same(3)]).expect(0).counts(&[("written", 3)]);
    let two = redis.get("ralphext:v1:hwinfo:2").expect("it is there");
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:1", &two, "PX", "60000000"]);
    for words in [&["get", "hwinfo", "1"][..], &["explain", "hwinfo", "1"], &["--output", "json", "get", "hwinfo", "1"]]
    {
        ext.verb(words).expect(1);
    }
    ext.once().expect(0).counts(&[("written", 1), ("skipped", 2)]);
    assert_eq!(redis.objects("hwinfo").len(), 3);
    assert_eq!(redis.get("ralphext:v1:hwinfo:2").as_deref(), Some(two.as_str()));
}

#[test]
fn keys_put_in_objects_places_are_removed_and_other_keys_left_alone() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(30, 1)).expect(0);
    for id in 100..200 {
        redis.cmd::<()>(&["SET", &format!("ralphext:v1:hwinfo:{id}"), "planted"]);
    }
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:a:b", "not an object"]);
    let listed = ext.verb(&["ls", "hwinfo"]).expect(0);
    listed.says(&["1 keys below hwinfo's prefix are no objects", "ralphext:v1:hwinfo:a:b"]);
    let outcome = ext.once().expect(0);
    outcome.counts(&[("removed", 100), ("written", 0), ("kept", 0)]);
    outcome.says(&["removed keys that no writer put there: 100", "hint", "no objects: left alone"]);
    assert_eq!(redis.count("hwinfo"), 31);
    let outcome = ext.once_with(&records(29, 1)).expect(0);
    outcome.counts(&[("removed", 1)]);
}

#[test]
fn content_changed_behind_an_intact_head_is_healed_by_a_look_at_the_whole_value() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("verify.every", "1s").set("verify.whole_every", "1s");
    ext.source(&records(30, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 30);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let before = redis.object("hwinfo", "7");
    let forged = before.raw.replace("host-00007", "evil-00007");
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:7", &forged, "KEEPTTL"]);
    sidecar.wait_until("it is as the source says", || {
        redis.get("ralphext:v1:hwinfo:7").is_some_and(|raw| raw.contains("host-00007"))
    });
    assert!(redis.object("hwinfo", "7").version() > before.version());
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    assert_eq!(redis.objects("hwinfo").len(), 30);
    assert_eq!(count(&sidecar, "a value was changed by somebody else: 7"), 1, "{}", sidecar.stderr());
    sidecar.stop().expect(0);
}
