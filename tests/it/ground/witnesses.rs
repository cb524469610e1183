//! That the witness and the journal see what is wrong, and only that.

use std::time::Duration;

use serde_json::Value;

use super::sealed_as;
use crate::harness::{Journal, Redis, Walk, Witness, eventually};

const KEY: &str = "ralphext:v1:hwinfo:4711";

fn value(content: u64, version: u64, epoch: u64) -> String {
    let content = format!("{{\"a\":{content}}}");
    let hashed = format!("{{\"content\":{content},\"content_type\":\"application/json\",\"encoding\":\"json\"}}");
    sealed_as(&content, &hashed, version, epoch)
}

fn set(redis: &Redis, value: &str) {
    redis.cmd::<()>(&["SET", KEY, value]);
}

#[test]
fn a_witness_sees_what_goes_back_differs_or_breaks_the_contract() {
    let wrong = |first: &str, second: &str| {
        let redis = Redis::start();
        set(&redis, first);
        let ids = vec!["4710".to_owned(), "4711".to_owned()];
        let witness = Witness::start(&redis, "hwinfo", ids, 1, Duration::from_millis(1));
        witness.catch_up();
        assert_eq!(witness.violations(), Vec::<String>::new());
        assert!(witness.counts().0 > 0 && witness.counts().1 == 1);
        set(&redis, second);
        witness.catch_up();
        witness.violations().join("\n")
    };
    assert_eq!(wrong(&value(1, 10, 5), &value(2, 11, 5)), "");
    assert!(wrong(&value(1, 10, 5), &value(2, 9, 5)).contains("version 9 was read after 10"));
    assert!(wrong(&value(1, 10, 5), &value(2, 10, 5)).contains("two different values"));
    assert!(wrong(&value(1, 10, 5), &value(2, 11, 5).replace(":2}", ":3}")).contains("breaks the contract"));
    assert!(wrong(&value(1, 10, 5), "torn").contains("no version"));
    assert!(wrong(&value(1, 10, 5), &value(2, 11, 5)[..200]).contains("breaks the contract"));
}

#[test]
fn a_witness_follows_to_an_older_copy_but_not_to_another_past() {
    let (redis, replica) = (Redis::start(), Redis::start());
    set(&redis, &value(2, 10, 5));
    set(&replica, &value(1, 9, 5));
    let witness = Witness::start(&redis, "hwinfo", vec!["4711".into()], 1, Duration::from_millis(1));
    witness.catch_up();
    witness.follow(&replica);
    witness.catch_up();
    assert_eq!(witness.violations(), Vec::<String>::new());
    set(&replica, &value(3, 10, 6));
    eventually("another value under a version that was seen before", || {
        witness.violations().join("\n").contains("two different values")
    });
}

#[test]
fn a_journal_sees_every_write_that_happened_and_what_is_wrong_with_it() {
    let redis = Redis::start();
    set(&redis, &value(1, 10, 5));
    let journal = Journal::new("hwinfo");
    journal.attach(&redis);
    let wrong = |what: &str| {
        journal.catch_up(&redis);
        let found = journal.violations().pop().unwrap_or_default();
        assert!(if what.is_empty() { found.is_empty() } else { found.contains(what) }, "{what}: {found}");
    };
    set(&redis, &value(2, 11, 5));
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@canary", "11"]);
    redis.cmd::<()>(&["DEL", KEY]);
    set(&redis, &value(2, 12, 5));
    redis.flush();
    set(&redis, &value(2, 13, 6));
    wrong("");
    assert_eq!(journal.counts(), (3, 1));

    let mut aborted = redis.connect().expect("a connection");
    redis::cmd("WATCH").arg("fence").exec(&mut aborted).expect("WATCH");
    redis.cmd::<()>(&["SET", "fence", "1"]);
    redis::cmd("MULTI").exec(&mut aborted).expect("MULTI");
    redis::cmd("SET").arg(KEY).arg(value(3, 1, 1)).exec(&mut aborted).expect("queued");
    assert_eq!(redis::cmd("EXEC").query::<Option<()>>(&mut aborted).expect("EXEC"), None);
    wrong("");
    assert_eq!(journal.counts(), (3, 1));

    set(&redis, &value(2, 14, 6));
    wrong("the same content was written again");
    set(&redis, &value(3, 14, 6));
    wrong("version 14 was written after 14");
    set(&redis, &value(4, 15, 5));
    wrong("epoch 5 after 6");
    set(&redis, "{\"torn\":\"\\\"");
    wrong("not an envelope: {\"torn\":\"\\\"");

    let other = Redis::start();
    journal.attach(&other);
    other.cmd::<()>(&["SET", KEY, &value(9, 12, 9)]);
    journal.catch_up(&other);
    assert!(journal.violations().pop().is_some_and(|v| v.contains("version 12 was written after 15")));
}

#[test]
fn every_spelling_of_a_walk_says_the_same() {
    // Revisions that hold the number that one of them writes in another way.
    for rev in [1, 65_536, 655_364, 165_536] {
        let told: Vec<Value> =
            Walk::spellings(12, rev).iter().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        for record in &told {
            assert_eq!(record["content"]["revision"], rev, "{record}");
            assert_eq!(record["content"]["note"], told[0]["content"]["note"]);
            assert_eq!(record["content"]["serials"], told[0]["content"]["serials"]);
            assert_eq!(record["content"]["memory_mb"].as_f64(), Some(65_536.0), "{record}");
        }
    }
}

#[test]
fn a_walk_is_the_same_for_the_same_seed_and_knows_what_is_missing() {
    let (mut one, mut two, mut other) = (Walk::new(1, 50, 30), Walk::new(1, 50, 30), Walk::new(2, 50, 30));
    for _ in 0..20 {
        one.step();
        two.step();
        other.step();
    }
    assert_eq!(one.text(), two.text());
    assert_ne!(one.text(), other.text());
    assert!(one.difference(&Redis::start(), "hwinfo").is_some_and(|d| d.contains("is missing")));
}
