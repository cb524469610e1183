//! `get`, `ls`, `explain`, `status`: what is there, for a person and for a script.

use serde_json::Value;

use crate::harness::{Ext, Redis, ndjson, record, records};

fn grown(redis: &Redis) -> Ext {
    let ext = Ext::new(redis).set("service.name", "hwinfo").set("service.title", "Hardware facts");
    let ext = ext.unset("service");
    ext.once_with(&records(7, 1)).expect(0);
    ext
}

#[test]
fn get_shows_one_object() {
    let redis = Redis::start();
    let ext = grown(&redis);
    let outcome = ext.verb(&["get", "hwinfo", "3"]).expect(0);
    assert!(outcome.stdout.contains("host-00003.dc1.example.net"), "{outcome}");
    let json = ext.verb(&["-o", "json", "get", "hwinfo", "3"]).expect(0).json();
    let envelope = redis.object("hwinfo", "3").json;
    assert!(json == envelope || json["content"] == envelope["content"], "{json}");
    let outcome = ext.verb(&["get", "hwinfo", "99"]);
    assert_ne!(outcome.code, 0);
    outcome.says(&["99"]);
    ext.verb(&["get", "hwinfo", "a:b"]).expect(2).says(&["a:b"]);
    ext.verb(&["get", "Hw Info", "1"]).expect(2).says(&["Hw Info"]);
}

#[test]
fn ls_lists_services_and_objects() {
    let redis = Redis::start();
    let ext = grown(&redis);
    redis.grant(&["hwinfo", "--with", "peers"]);
    let other = Ext::of(&redis, "tickets");
    other.once_with(&records(2, 1)).expect(0);
    let outcome = ext.verb(&["ls"]).expect(0);
    for word in ["hwinfo", "7", "tickets", "2"] {
        assert!(outcome.stdout.contains(word), "{word} is missing: {outcome}");
    }
    let services = ext.verb(&["-o", "json", "ls"]).expect(0).json();
    let services = services.as_array().expect("an array of services").clone();
    let hwinfo = services.iter().find(|s| s["service"] == "hwinfo").expect("hwinfo");
    assert!(hwinfo.to_string().contains("\"objects\":7"), "{hwinfo}");
    let objects = ext.verb(&["ls", "hwinfo"]).expect(0);
    for id in 1..=7 {
        assert!(objects.stdout.lines().any(|l| l.split_whitespace().any(|w| w == id.to_string())), "{id}: {objects}");
    }
    ext.verb(&["-o", "json", "ls", "hwinfo"]).expect(0).json();

    redis.cmd::<()>(&["DEL", "ralphext:v1:tickets"]);
    let outcome = ext.verb(&["ls"]).expect(0);
    assert!(!outcome.stdout.contains("tickets"), "a service without a descriptor is gone: {outcome}");
}

#[test]
fn ls_tells_whether_a_writer_is_alive() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(3, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    let live = ext.verb(&["ls"]).expect(0).stdout;
    sidecar.kill();
    crate::harness::eventually("ls tells that its writer fell silent", || {
        let now = ext.verb(&["ls"]).expect(0).stdout;
        let words = |text: &str| -> Vec<String> {
            text.split_whitespace().filter(|w| w.chars().all(char::is_alphabetic)).map(str::to_owned).collect()
        };
        words(&now) != words(&live)
    });
}

#[test]
fn explain_tells_all_about_one_object() {
    let redis = Redis::start();
    let ext = grown(&redis);
    let envelope = redis.object("hwinfo", "3");
    let outcome = ext.verb(&["explain", "hwinfo", "3"]).expect(0);
    let hash = envelope.json["hash"].as_str().expect("a hash");
    for word in ["ralphext:v1:hwinfo:3", &envelope.version().to_string(), &hash[..12], "objects.ndjson"] {
        assert!(outcome.stdout.contains(word), "{word} is missing: {outcome}");
    }
    ext.verb(&["-o", "json", "explain", "hwinfo", "3"]).expect(0).json();

    let mut text = ndjson(&[record(1, 1), record(2, 1)]);
    text.push_str("{\"id\":3,\"content\":{\"a\":1,\"a\":2}}\n");
    text.push_str(&ndjson(&records(7, 1)[3..]));
    ext.write("objects.ndjson", &text);
    ext.once().expect(1);
    let outcome = ext.verb(&["explain", "hwinfo", "3"]).expect(0);
    assert!(outcome.stdout.contains("objects.ndjson:3"), "the last error is told: {outcome}");
    let outcome = ext.verb(&["explain", "hwinfo", "99"]);
    assert!(outcome.all().contains("99"), "{outcome}");
}

#[test]
fn status_is_one_screen() {
    let redis = Redis::start();
    let ext = grown(&redis);
    let outcome = ext.verb(&["status"]).expect(0);
    for word in ["hwinfo", "7"] {
        assert!(outcome.stdout.contains(word), "{word} is missing: {outcome}");
    }
    assert!(outcome.stdout.lines().count() <= 40, "{outcome}");
    let json: Value = ext.verb(&["-o", "json", "status"]).expect(0).json();
    assert!(json.to_string().contains("hwinfo"), "{json}");

    let ext = ext.script("exec", "echo disk on fire >&2; exit 9");
    ext.once().expect(3);
    let outcome = ext.verb(&["status"]);
    assert!(outcome.stdout.contains("exit status 9"), "what fails is told: {outcome}");
}

#[test]
fn status_without_redis_is_exit_4() {
    let ext = Ext::at(&Redis::nowhere());
    ext.verb(&["status"]).expect(4).says(&["hint"]);
    ext.verb(&["ls"]).expect(4).says(&["hint"]);
    ext.verb(&["get", "hwinfo", "1"]).expect(4).says(&["hint"]);
}

#[test]
fn a_table_goes_to_a_pipe_without_colours() {
    let redis = Redis::start();
    let ext = grown(&redis);
    for words in
        [&["ls"][..], &["ls", "hwinfo"], &["status"], &["doctor"], &["once"], &["plan"], &["explain", "hwinfo", "1"]]
    {
        let outcome = ext.verb(words).expect(0);
        assert!(!outcome.all().trim().is_empty(), "{words:?}");
        assert!(!outcome.all().contains('\u{1b}'), "{words:?}: {outcome}");
    }
}

#[test]
fn logs_go_to_standard_error_and_are_json_if_so_wished() {
    let redis = Redis::start();
    let ext = grown(&redis);
    let outcome = ext.verb(&["--log-format", "json", "--log-level", "debug", "-o", "json", "once"]).expect(0);
    assert!(outcome.json().is_object(), "exactly one object on standard output");
    assert!(!outcome.stderr.trim().is_empty());
    for line in outcome.stderr.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
}
