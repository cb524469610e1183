//! `verify`: whatever is wrong with a key is found, and nothing else; `--repair` mends it, and never more than it may.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{Ext, Outcome, Redis, Watch, ndjson, record, records};

fn key(id: &str) -> String {
    format!("ralphext:v1:hwinfo:{id}")
}

/// A service of `count` objects.
fn grown(count: u64) -> (Redis, Ext) {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(count, 1)).expect(0);
    (redis, ext)
}

fn verify(ext: &Ext) -> Outcome {
    ext.verb(&["-o", "json", "verify", "hwinfo"])
}

fn repair(ext: &Ext) -> Outcome {
    ext.verb(&["-o", "json", "verify", "hwinfo", "--repair"])
}

/// The ids of findings of one kind.
fn found(outcome: &Outcome, kind: &str) -> Vec<String> {
    let json = outcome.json();
    let of_kind = |f: &&Value| f["kind"] == kind;
    let id = |f: &Value| f["object_id"].as_str().or(f["key"].as_str()).expect("a name").to_owned();
    json["findings"].as_array().expect("findings").iter().filter(of_kind).map(id).collect()
}

const NOTHING: [(&str, u64); 6] =
    [("missing", 0), ("different", 0), ("invalid", 0), ("no_ttl", 0), ("orphaned", 0), ("foreign", 0)];

#[test]
fn a_sound_service_is_told_so_and_left_alone() {
    let (redis, ext) = grown(300);
    let before = redis.everything();
    let watch = Watch::start(&redis);
    let outcome = verify(&ext).expect(0);
    outcome.counts(&NOTHING);
    outcome.counts(&[("values", 300), ("objects", 300), ("failed", 0), ("changed_meanwhile", 0)]);
    assert_eq!((&outcome.json()["compared"], &outcome.json()["complete"]), (&json!(true), &json!(true)));
    let table = ext.verb(&["verify"]).expect(0);
    assert!(table.stdout.contains("nothing is wrong"), "{table}");
    assert_eq!(watch.events(&redis), []);
    assert_eq!(redis.everything(), before);
}

#[test]
fn every_kind_of_damage_is_found_and_mended() {
    let (redis, ext) = grown(40);
    let good = redis.objects("hwinfo");
    redis.cmd::<()>(&["DEL", &key("1")]);
    redis.cmd::<()>(&["PERSIST", &key("3")]);
    redis.cmd::<()>(&["SET", &key("4"), "not ours", "EX", "1000"]);
    redis.cmd::<()>(&["SET", &key("strange.one.1"), "junk", "EX", "1000"]);
    redis.cmd::<()>(&["SET", &key("no:id"), "somebody's"]);
    redis.cmd::<()>(&["SET", &key("@other"), "somebody's"]);
    let mut now = records(40, 1);
    now[1] = record(2, 2);
    now.remove(39);
    ext.source(&now);

    let outcome = verify(&ext).expect(1);
    outcome.counts(&[("missing", 1), ("different", 1), ("invalid", 2), ("no_ttl", 1), ("orphaned", 1), ("foreign", 2)]);
    for (kind, ids) in [("missing", &["1"][..]), ("different", &["2"]), ("no_ttl", &["3"]), ("orphaned", &["40"])] {
        assert_eq!(found(&outcome, kind), ids, "{kind}");
    }
    let mut invalid = found(&outcome, "invalid");
    invalid.sort();
    assert_eq!(invalid, ["4", "strange.one.1"]);
    let table = ext.verb(&["verify", "hwinfo"]).expect(1);
    for word in ["1 missing", "no TTL", "no:id", "not ours", "strange.one.1"].iter().filter(|w| **w != "not ours") {
        assert!(table.stdout.contains(word), "{word}: {table}");
    }
    assert_eq!(redis.get(&key("4")).as_deref(), Some("not ours"), "to look changes nothing");

    let watch = Watch::start(&redis);
    let outcome = repair(&ext).expect(1);
    outcome.counts(&[("missing", 1), ("different", 1), ("invalid", 2), ("no_ttl", 1), ("orphaned", 1), ("foreign", 2)]);
    let json = outcome.json();
    assert_eq!((&json["repaired"]["written"], &json["repaired"]["removed"]), (&json!(4), &json!(2)), "{outcome}");
    assert_eq!(json["remaining"]["foreign"], 2, "{outcome}");
    for finding in json["findings"].as_array().expect("findings") {
        assert_eq!(finding["left"], finding["kind"] == "foreign", "{finding}");
    }
    let touched = watch.on_objects(&redis, "hwinfo", &["set", "del"]);
    assert_eq!(touched.len(), 6, "nothing sound is touched: {touched:?}");
    for foreign in ["no:id", "@other"] {
        assert_eq!(redis.get(&key(foreign)).as_deref(), Some("somebody's"), "it may not be ours");
        redis.cmd::<()>(&["DEL", &key(foreign)]);
    }
    verify(&ext).expect(0).counts(&NOTHING);
    let after = redis.objects("hwinfo");
    assert_eq!(after.len(), 39);
    for (id, envelope) in after {
        let left: i64 = redis.cmd(&["PTTL", &key(&id)]);
        assert!(left > 0 && envelope.version() >= good[&id].version(), "{id}");
    }
    repair(&ext).expect(0).counts(&NOTHING);
}

#[test]
fn values_that_only_look_like_ours_are_invalid() {
    let (redis, ext) = grown(12);
    let good = redis.raw_objects("hwinfo");
    let other = Ext::of(&redis, "tickets");
    other.once_with(&records(1, 1)).expect(0);
    let far = "9007199254740000";
    let damaged = [
        ("1", good["1"].replace("\"cores\":16", "\"cores\":17")),
        ("2", good["3"].clone()),
        ("4", redis.get("ralphext:v1:tickets:1").expect("a value")),
        ("5", good["5"][..good["5"].len() - 1].to_owned()),
        ("6", good["6"].replacen(&redis.object("hwinfo", "6").version().to_string(), far, 1)),
        ("7", good["7"].replace("application/json", "text/html")),
        ("8", good["8"].replacen("\"hash\":\"", "\"hash\":\"0", 1)),
        ("9", "{}".to_owned()),
    ];
    for (id, value) in &damaged {
        assert_ne!(Some(value), good.get(*id), "{id} is not damaged");
        redis.cmd::<()>(&["SET", &key(id), value, "EX", "5000"]);
    }
    redis.cmd::<()>(&["DEL", &key("10")]);
    redis.cmd::<()>(&["LPUSH", &key("10"), "a list"]);
    redis.cmd::<()>(&["SETRANGE", &key("11"), "17000000", "x"]);

    let outcome = verify(&ext).expect(1);
    outcome.counts(&[("invalid", 10), ("missing", 0), ("different", 0), ("no_ttl", 0)]);
    let json = outcome.json();
    let detail = |id: &str| {
        let all = json["findings"].as_array().expect("findings");
        all.iter().find(|f| f["object_id"] == id).unwrap_or_else(|| panic!("{id}"))["detail"].to_string()
    };
    for (id, said) in [
        ("1", "hash"),
        ("2", "object \\\"3\\\""),
        ("4", "service \\\"tickets\\\""),
        ("6", "years ahead"),
        ("10", "no string"),
        ("11", "16 MiB"),
    ] {
        assert!(detail(id).contains(said), "{id}: {}", detail(id));
    }
    repair(&ext).expect(0).counts(&[("invalid", 10)]);
    verify(&ext).expect(0);
    assert_eq!(redis.objects("hwinfo").len(), 12, "each fits the contract again");
    other.verb(&["verify"]).expect(0);
}

#[test]
fn what_is_ignored_is_no_difference() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("content.ignore", json!(["/at"]));
    let at = |at: u64| vec![json!({"id": 1, "content": {"at": at, "n": [1, {"x": "y"}]}})];
    ext.once_with(&at(1)).expect(0);
    ext.source(&at(2));
    verify(&ext).expect(0).counts(&NOTHING);
    let raw = redis.get(&key("1")).expect("a value");
    redis.cmd::<()>(&["SET", &key("1"), &raw.replace("\"x\":\"y\"", "\"x\":\"z\""), "EX", "500"]);
    verify(&ext).expect(1).counts(&[("invalid", 1)]);
}

#[test]
fn beside_a_sidecar_whose_source_changes_all_the_time_nothing_is_wrong() {
    let redis = Redis::start();
    let ext = Arc::new(Ext::brisk(&redis));
    ext.source(&records(200, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 200);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let over = Arc::new(AtomicBool::new(false));
    let busy = std::thread::spawn({
        let (ext, over) = (ext.clone(), over.clone());
        move || {
            let mut revision = 1;
            while !over.load(Ordering::Relaxed) {
                revision += 1;
                // Every object changes now and then, and all the time one comes and one goes, for good.
                let first = revision / 10;
                let all: Vec<Value> = (first..first + 200).map(|id| record(id, revision / (1 + id % 5))).collect();
                ext.source(&all);
                std::thread::sleep(Duration::from_millis(15));
            }
        }
    });
    let mut changed = 0;
    for _ in 0..20 {
        let outcome = verify(&ext).expect(0);
        changed += outcome.n("changed_meanwhile");
    }
    over.store(true, Ordering::Relaxed);
    busy.join().expect("the source");
    assert!(changed > 0, "nothing changed while it was looked at, so nothing was tried");

    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let id = redis.objects("hwinfo").into_keys().next_back().expect("an object");
    redis.cmd::<()>(&["DEL", &key(&id)]);
    let outcome = verify(&ext).expect(1);
    assert_eq!(found(&outcome, "missing"), [id]);
    assert!(outcome.json()["writer"]["holder"].is_string(), "{outcome}");
    sidecar.stop().expect(0);
}

#[test]
fn a_repair_needs_the_lease() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    redis.cmd::<()>(&["DEL", &key("7")]);
    repair(&ext).expect(5).says(&["holds the lease", "heals", "verify.every", "--wait"]);
    assert_eq!(redis.get(&key("7")), None);

    let waiting = ext.command(&["-o", "json", "verify", "hwinfo", "--repair", "--wait"]);
    let mut waiting = crate::harness::Running::spawn(&mut { waiting }, None);
    waiting.wait_until_says("waiting for the lease");
    sidecar.stop().expect(0);
    waiting.finish(crate::harness::DEADLINE).expect(0).counts(&[("missing", 1)]);
    assert_eq!(redis.objects("hwinfo").len(), 10);
    assert_eq!(redis.get("ralphext:v1:hwinfo:@lease"), None, "it is handed back");
}

#[test]
fn a_repair_removes_no_more_than_the_guard_lets_it() {
    let (redis, ext) = grown(30);
    ext.source(&records(20, 1));
    redis.cmd::<()>(&["DEL", &key("3")]);
    let outcome = verify(&ext).expect(1);
    outcome.counts(&[("orphaned", 10), ("missing", 1)]);
    let outcome = repair(&ext).expect(3);
    outcome.says(&["10 of 30", "approve-shrink hwinfo"]);
    assert_eq!(outcome.json()["remaining"]["orphaned"], 10, "{outcome}");
    assert_eq!(redis.objects("hwinfo").len(), 30, "what was missing is back, what is too much stays");
    ext.verb(&["approve-shrink", "hwinfo", "--yes"]).expect(0);
    repair(&ext).expect(0).counts(&[("orphaned", 10)]);
    verify(&ext).expect(0);
    assert_eq!(redis.objects("hwinfo").len(), 20);

    ext.write("objects.ndjson", "[]");
    let outcome = verify(&ext).expect(1);
    outcome.counts(&[("orphaned", 20)]);
    assert!(outcome.json()["refused"].to_string().contains("all 20"), "{outcome}");
    repair(&ext).expect(3).says(&["all 20"]);
    assert_eq!(redis.objects("hwinfo").len(), 20);
}

#[test]
fn without_the_source_only_soundness_is_told() {
    let (redis, _) = grown(10);
    redis.cmd::<()>(&["DEL", &key("1")]);
    redis.cmd::<()>(&["SET", &key("2"), "junk", "EX", "500"]);
    redis.cmd::<()>(&["PERSIST", &key("3")]);

    let failing = Ext::new(&redis).script("exec", "echo '{\"id\":4,\"content\":1}'; echo oh dear >&2; exit 9");
    let outcome = verify(&failing).expect(3);
    outcome.says(&["exit status 9", "only the soundness"]);
    outcome.counts(&[("missing", 0), ("different", 0), ("orphaned", 0), ("invalid", 1), ("no_ttl", 1)]);
    assert_eq!(outcome.json()["compared"], false);

    let stream = Ext::new(&redis).script("stream", "sleep 100");
    let outcome = verify(&stream).expect(1);
    outcome.counts(&[("invalid", 1), ("no_ttl", 1), ("missing", 0), ("orphaned", 0)]);
    assert!(outcome.json()["not_compared"].to_string().contains("stream"), "{outcome}");
    repair(&stream).expect(2).says(&["stream", "hint"]);

    let piped = Ext::new(&redis).set("source.kind", "stdin").unset("source.path");
    verify(&piped).expect(1).counts(&[("invalid", 1), ("no_ttl", 1), ("missing", 0)]);
    repair(&piped).expect(2).says(&["--source stdin"]);
    let words = ["-o", "json", "verify", "hwinfo", "--source", "stdin", "--complete"];
    let outcome = piped.pipe(&words, &ndjson(&records(9, 1))).expect(1);
    outcome.counts(&[("missing", 1), ("invalid", 1), ("no_ttl", 1), ("orphaned", 1)]);
    let outcome = piped.pipe(&words[..6], &ndjson(&records(9, 1))).expect(1);
    outcome.counts(&[("missing", 1), ("orphaned", 0)]);
    assert_eq!(outcome.json()["complete"], false);
    let words = [&words[..], &["--repair"]].concat();
    piped.pipe(&words, &ndjson(&records(9, 1))).expect(0);
    assert_eq!(redis.objects("hwinfo").len(), 9);
}

#[test]
fn a_failing_repair_says_what_it_left() {
    let (redis, ext) = grown(10);
    redis.cmd::<()>(&["SET", &key("2"), "junk", "EX", "500"]);
    redis.cmd::<()>(&["PERSIST", &key("3")]);
    let good = ndjson(&records(10, 1));
    let text = good.lines().enumerate().map(|(at, line)| match at {
        1 => "{\"id\":2,\"content\":{\"a\":1,\"a\":2}}\n".to_owned(),
        4 => "{\"id\":5,\"content\":{\"a\":1,\"a\":2}}\n".to_owned(),
        _ => format!("{line}\n"),
    });
    let ext = ext.set("limits.max_failed", "50%");
    ext.write("objects.ndjson", &text.collect::<String>());
    let outcome = verify(&ext).expect(1);
    outcome.counts(&[("failed", 2), ("invalid", 1), ("no_ttl", 1), ("different", 0), ("missing", 0)]);
    let outcome = repair(&ext).expect(1);
    let left = &outcome.json()["remaining"];
    assert_eq!((&left["invalid"], &left["no_ttl"], &left["different"]), (&json!(1), &json!(0), &json!(0)), "{outcome}");

    redis.cmd::<()>(&["PERSIST", &key("4")]);
    let failing = Ext::new(&redis).script("exec", "echo oh dear >&2; exit 9");
    let outcome = repair(&failing).expect(3);
    assert_eq!(
        (&outcome.json()["remaining"]["no_ttl"], &outcome.json()["remaining"]["invalid"]),
        (&json!(0), &json!(1))
    );
}

#[test]
fn many_findings_are_counted_and_some_are_told() {
    let (redis, ext) = grown(3000);
    redis.flush();
    ext.once_with(&records(100, 1)).expect(0);
    ext.source(&records(3000, 1));
    (1..=30).for_each(|id| redis.cmd::<()>(&["PERSIST", &key(&id.to_string())]));
    let outcome = verify(&ext).expect(1);
    outcome.counts(&[("missing", 2900), ("no_ttl", 30)]);
    assert_eq!(outcome.json()["findings"].as_array().expect("findings").len(), 1000);
    assert_eq!(found(&outcome, "no_ttl").len(), 30);
    let table = ext.verb(&["verify", "hwinfo"]).expect(1);
    assert!(table.stdout.contains("and 2880 more") && table.stdout.contains("and 10 more"), "{table}");
    assert!(table.stdout.lines().count() < 60, "{table}");
    repair(&ext).expect(0);
    assert_eq!(redis.objects("hwinfo").len(), 3000);
}

#[test]
fn large_values_are_read_a_few_at_a_time() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_content", "2MiB");
    let large: Vec<Value> =
        (1..=90).map(|id| json!({"id": id, "content": "x".repeat(if id % 3 == 0 { 1_500_000 } else { 10 })})).collect();
    ext.once_with(&large).expect(0);
    verify(&ext).expect(0).counts(&[("values", 90)]);
    let info: String = redis.cmd(&["INFO", "clients"]);
    let line = info.lines().find_map(|l| l.strip_prefix("client_recent_max_output_buffer:"));
    if let Some(most) = line.and_then(|text| text.trim().parse::<u64>().ok()) {
        // The first look asks for 16 values, before any size is known; in all there are 45 MB.
        assert!(most < 16 * 1_550_000, "the server had to hold {most} bytes for one client");
    }
}

#[test]
fn what_cannot_be_verified_is_said() {
    let (_redis, ext) = grown(3);
    ext.verb(&["verify", "tickets"]).expect(2).says(&["tickets", "hwinfo", "hint"]);
    ext.verb(&["verify", "hwinfo", "--wait"]).expect(2);
    let nowhere = Ext::at(&Redis::nowhere());
    nowhere.source(&records(1, 1));
    verify(&nowhere).expect(4).says(&["hint"]);
    repair(&nowhere).expect(4).says(&["hint"]);
}

#[test]
fn a_canary_that_was_set_back_hides_nothing() {
    let (redis, ext) = grown(5);
    ext.source(&records(5, 2));
    for canary in ["1", "0", "nonsense", "9007199254740991"] {
        redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@canary", canary]);
        verify(&ext).expect(1).counts(&[("different", 5), ("changed_meanwhile", 0)]);
    }
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:@canary"]);
    verify(&ext).expect(1).counts(&[("different", 5), ("changed_meanwhile", 0)]);
}
