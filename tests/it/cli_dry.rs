//! `test` and `plan`: what would be done, without doing it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::{DEADLINE, Ext, Redis, Running, ndjson, record, records};

/// Commands that change data: none of them may be called by a verb that only looks.
const WRITES: [&str; 22] = [
    "set",
    "setex",
    "psetex",
    "mset",
    "getset",
    "getdel",
    "getex",
    "append",
    "setrange",
    "del",
    "unlink",
    "expire",
    "pexpire",
    "pexpireat",
    "persist",
    "zadd",
    "zrem",
    "exec",
    "hset",
    "rename",
    "publish",
    "flushall",
];

/// Runs `look` and panics if it wrote anything at all.
#[track_caller]
fn untouched<T>(redis: &Redis, look: impl FnOnce() -> T) -> T {
    let before = redis.everything();
    redis.cmd::<()>(&["CONFIG", "RESETSTAT"]);
    let result = look();
    let calls = redis.calls();
    let writes: BTreeMap<_, _> = calls.iter().filter(|(name, _)| WRITES.contains(&name.as_str())).collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert_eq!(redis.everything(), before);
    result
}

#[test]
fn test_shows_the_first_records_without_redis() {
    let ext = Ext::at(&Redis::nowhere());
    ext.source(&[
        json!({"id": 4711, "content": {"hostname": "host-eins"}}),
        json!({"id": 4712, "content_type": "html", "content": "<p>zwei</p><script>evil()</script>"}),
        json!({"id": "data_center.rack.12", "content_type": "markdown", "content": "# drei"}),
        json!({"id": 4714, "content": "vier"}),
    ]);
    let outcome = ext.verb(&["test"]).expect(0);
    for word in ["4711", "host-eins", "4712", "<p>zwei</p>", "data_center.rack.12", "<h1>drei</h1>", "4714", "vier"] {
        assert!(outcome.stdout.contains(word), "{word} is missing: {outcome}");
    }
    assert!(!outcome.stdout.contains("evil"), "shown as it would be, so sanitised: {outcome}");
    let outcome = ext.verb(&["test", "--limit", "2"]).expect(0);
    assert!(outcome.stdout.contains("4712") && !outcome.stdout.contains("4714"), "{outcome}");
}

#[test]
fn test_names_bad_records_and_failing_sources() {
    let ext = Ext::at(&Redis::nowhere());
    ext.write("objects.ndjson", &format!("{}{{\"content\":1}}\nnonsense\n", ndjson(&records(2, 1))));
    let outcome = ext.verb(&["test"]).expect(1);
    assert!(outcome.all().contains("objects.ndjson:3") && outcome.all().contains("objects.ndjson:4"), "{outcome}");
    let ext = ext.script("exec", "echo oh dear >&2; exit 9");
    ext.verb(&["test"]).expect(3).says(&["exit status 9", "hint"]);
}

#[test]
fn test_reads_a_pipe() {
    let ext = Ext::at(&Redis::nowhere());
    let outcome =
        ext.pipe(&["test", "--source", "stdin"], "{\"id\":4711,\"content\":{\"a\":\"from the pipe\"}}\n").expect(0);
    assert!(outcome.stdout.contains("4711") && outcome.stdout.contains("from the pipe"), "{outcome}");
}

#[test]
fn plan_tells_what_once_would_do_and_touches_nothing() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.source(&records(30, 1));
    let fresh = untouched(&redis, || ext.verb(&["--output", "json", "plan"]).expect(0));
    assert_eq!(fresh.n("written"), 30, "{fresh}");
    assert_eq!(redis.keys(), Vec::<String>::new());

    ext.once().expect(0);
    redis.cmd::<()>(&["PEXPIRE", "ralphext:v1:hwinfo:5", "60000"]);
    let mut now = records(31, 1);
    now[2] = record(3, 2);
    now.remove(9);
    ext.source(&now);
    let table = untouched(&redis, || ext.verb(&["plan"]).expect(0));
    for id in ["3", "31", "10", "5"] {
        let named = table
            .stdout
            .lines()
            .any(|l| l.split_whitespace().any(|w| w.trim_matches(|c: char| !c.is_alphanumeric()) == id));
        assert!(named, "{id} is not in the plan: {table}");
    }
    let plan = untouched(&redis, || ext.verb(&["--output", "json", "plan"]).expect(0));
    plan.counts(&[("written", 2), ("removed", 1), ("renewed", 1), ("failed", 0)]);

    let outcome = ext.once().expect(0);
    outcome.counts(&[("written", 2), ("removed", 1), ("renewed", 1)]);
}

#[test]
fn plan_tells_of_a_refused_shrink_and_of_bad_records() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_failed", "50%");
    ext.once_with(&records(30, 1)).expect(0);
    ext.source(&records(20, 1));
    let outcome = untouched(&redis, || ext.verb(&["plan"]));
    assert!(outcome.all().contains("10 of 30"), "{outcome}");
    ext.write("objects.ndjson", &format!("{}nonsense\n", ndjson(&records(20, 1))));
    let outcome = untouched(&redis, || ext.verb(&["plan"]));
    assert!(outcome.all().contains("objects.ndjson:21"), "{outcome}");
    let outcome = untouched(&redis, || {
        ext.pipe(&["-o", "json", "plan", "--source", "stdin", "--complete"], &ndjson(&records(29, 2)))
    });
    outcome.counts(&[("written", 29), ("removed", 1)]);
}

#[test]
fn plan_works_beside_a_running_sidecar() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let lease = redis.get("ralphext:v1:hwinfo:@lease");
    let plan = ext.verb(&["--output", "json", "plan"]).expect(0);
    plan.counts(&[("written", 0), ("removed", 0)]);
    assert_eq!(redis.get("ralphext:v1:hwinfo:@lease"), lease);
    sidecar.stop().expect(0);
}

#[test]
fn plan_needs_redis_and_says_so() {
    let ext = Ext::at(&Redis::nowhere());
    ext.source(&records(1, 1));
    Running::spawn(&mut ext.command(&["plan"]), None).finish(DEADLINE).expect(4).says(&["hint"]);
}

#[test]
fn looking_verbs_touch_nothing() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(5, 1)).expect(0);
    untouched(&redis, || {
        for words in [&["get", "hwinfo", "3"][..], &["ls"], &["ls", "hwinfo"], &["explain", "hwinfo", "3"], &["status"]]
        {
            let outcome = ext.verb(words).expect(0);
            assert!(!outcome.stdout.trim().is_empty(), "{words:?}: {outcome}");
        }
    });
}
