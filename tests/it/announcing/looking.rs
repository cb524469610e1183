//! What the verbs make of change events: `watch`, `rm`, `retire`, `check --connect`, `acl`; and what they do not make of the stream.

use serde_json::Value;

use super::{CHANGES, all_words, is_gapless, shows, telling, told};
use crate::harness::{Ext, Monitor, Redis, Running, records};

#[test]
fn watch_shows_events_as_they_come_and_goes_on_where_it_was() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream");
    ext.once_with(&records(3, 1)).expect(0);
    let mut watching = Running::spawn(&mut ext.command(&["-o", "ndjson", "watch", "hwinfo", "--count", "3"]), None);
    watching.wait_until("it looks", || redis.cmd::<String>(&["CLIENT", "LIST"]).contains("cmd=xread"));
    ext.once_with(&records(4, 1)).expect(0);
    let out = watching.finish(crate::harness::DEADLINE).expect(0).stdout;
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(super::words(&lines[1]["event"]), "written 4 new");
    assert!(lines.iter().all(|line| line["gap"] == false), "{out}");
    let from = lines[0]["entry"].as_str().expect("an entry");
    let again = ext.verb(&["watch", "hwinfo", "--from", from, "--count", "2"]).expect(0);
    assert_eq!(again.stdout.lines().count(), 2, "{again}");
    shows(&again, &["written 4 (new)", "status ok"]);
    assert!(!again.stderr.contains("missing"), "{again}");
    let all = ext.verb(&["watch", "hwinfo", "--from", "0-0", "--count", "8"]).expect(0);
    assert_eq!(all.stdout.lines().count(), 8);
}

#[test]
fn watch_listens_to_a_channel() {
    let redis = Redis::start();
    let ext = telling(&redis, "pubsub");
    ext.once_with(&records(3, 1)).expect(0);
    let mut watching = Running::spawn(&mut ext.command(&["watch", "hwinfo", "--count", "3"]), None);
    let listens = || redis.cmd::<(String, u64)>(&["PUBSUB", "NUMSUB", CHANGES]).1 == 1;
    watching.wait_until("it listens", listens);
    ext.once_with(&records(4, 1)).expect(0);
    let told = watching.finish(crate::harness::DEADLINE).expect(0);
    shows(&told, &["status starting", "written 4 (new)", "status ok"]);
    ext.verb(&["watch", "hwinfo", "--from", "0-0"]).expect(2).says(&["channel", "hint"]);
}

#[test]
fn removals_by_hand_are_told_and_a_retired_service_leaves_no_stream() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream");
    ext.once_with(&records(300, 1)).expect(0);
    ext.verb(&["rm", "hwinfo", "7", "8", "--yes"]).expect(0);
    let all = told(&redis);
    assert_eq!(all_words(&all)[all.len() - 2..], ["removed 7 operator", "removed 8 operator"]);
    is_gapless(&all);
    // What comes next follows it.
    ext.once().expect(0).counts(&[("written", 2)]);
    is_gapless(&told(&redis));
    ext.verb(&["purge", "hwinfo", "--older-than", "0s", "--yes"]).expect(0);
    let all = told(&redis);
    is_gapless(&all);
    assert_eq!(all_words(&all).iter().filter(|words| words.ends_with("operator")).count(), 302);
    assert!(all.iter().all(|event| event["of"].as_u64() <= Some(250)));
    ext.once().expect(0);
    ext.verb(&["retire", "hwinfo", "--yes"]).expect(0);
    assert_eq!(redis.keys(), Vec::<String>::new());
}

#[test]
fn nobody_takes_the_stream_for_an_object() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream");
    ext.once_with(&records(3, 1)).expect(0);
    let listed = ext.verb(&["ls", "hwinfo"]).expect(0);
    assert!(!listed.all().contains("changes") && !listed.all().contains("are no objects"), "{listed}");
    ext.verb(&["verify"]).expect(0);
    ext.verb(&["stats", "hwinfo"]).expect(0);
    ext.verb(&["plan"]).expect(0);
    let outcome = ext.once().expect(0);
    assert!(!outcome.stderr.contains("no objects"), "{outcome}");
    outcome.counts(&[("written", 0), ("removed", 0), ("skipped", 3)]);
    let doctor = ext.verb(&["doctor"]);
    assert!(!doctor.all().contains("not ralphext's"), "{doctor}");
    ext.verb(&["get", "hwinfo", "@changes"]).expect(2);
}

/// The commands that an access list adds for `words`.
fn more(ext: &Ext, feature: &str) -> Vec<String> {
    let commands = |words: &[&str]| {
        let told = ext.verb(&[&["-o", "json", "acl", "hwinfo"], words].concat()).expect(0).json();
        let grants = told["grants"].as_array().expect("grants").clone();
        grants.iter().map(|g| g["command"].as_str().expect("a command").to_owned()).collect::<Vec<_>>()
    };
    let usual = commands(&[]);
    commands(&["--with", feature]).into_iter().filter(|command| !usual.contains(command)).collect()
}

#[test]
fn events_take_a_few_rights_more_all_of_which_are_used() {
    for (kind, rights) in [("stream", "xadd xrevrange xrange xread"), ("pubsub", "publish subscribe")] {
        let redis = Redis::start();
        let feature = format!("events-{kind}");
        let plain = Ext::brisk(&redis);
        assert_eq!(more(&plain, &feature).join(" "), rights);
        // Without them.
        let without = Ext::brisk(&redis).set("events.kind", kind);
        without.source(&records(3, 1));
        let first = rights.split(' ').next().expect("a right").to_uppercase();
        shows(&without.verb(&["check", "--connect"]).expect(4), &[&first, "refused"]);
        shows(&without.verb(&["doctor"]).expect(1), &["rights", &first]);
        without.once().expect(4).says(&["permission", "ralphext acl"]);
        assert!(redis.objects("hwinfo").is_empty(), "nothing is written that cannot be told");

        let ext = telling(&redis, kind);
        let (monitor, ear) = (Monitor::start(&redis), super::Follower::listen(&redis));
        ext.verb(&["check", "--connect"]).expect(0);
        assert!(!ext.verb(&["doctor"]).stdout.contains("cannot write as it should"), "all rights are there");
        redis.cmd::<()>(&["ACL", "LOG", "RESET"]);
        // The one that failed has left its lease.
        ext.source(&records(3, 1));
        ext.verb(&["once", "--wait"]).expect(0);
        let mut watching = Running::spawn(&mut ext.command(&["watch", "hwinfo", "--count", "1"]), None);
        watching.wait_until("it looks", || {
            let clients = redis.cmd::<String>(&["CLIENT", "LIST"]);
            clients.contains("cmd=xread") || clients.matches("cmd=subscribe").count() == 2
        });
        ext.once_with(&records(4, 1)).expect(0);
        watching.finish(crate::harness::DEADLINE).expect(0);
        if kind == "stream" {
            ext.verb(&["watch", "hwinfo", "--from", "0-0", "--count", "1"]).expect(0);
        }
        let log: Vec<redis::Value> = redis.cmd(&["ACL", "LOG"]);
        assert!(log.is_empty(), "{log:?}");
        let used = monitor.commands(&redis);
        assert!(rights.split(' ').all(|right| used.contains(right)), "{used:?}");
        assert!(ear.events().iter().all(|event| event["schema"] == "event.v1"), "nobody hears `check --connect`");
        assert!(kind == "stream" || !ear.events().is_empty());
    }
}

#[test]
fn a_reader_may_follow_where_that_is_asked_for() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream");
    ext.once_with(&records(2, 1)).expect(0);
    redis.grant(&["--reader", "--with", "events-stream"]);
    let url = redis.url().replace("redis://", &format!("redis://ralphext-reader:{}@", crate::harness::PASSWORD));
    let c = &mut redis::Client::open(url).expect("a URL").get_connection().expect("a connection");
    let mut tried = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).query::<redis::Value>(c);
    for words in [
        &["XREAD", "COUNT", "1", "STREAMS", CHANGES, "0"][..],
        &["XRANGE", CHANGES, "-", "+"],
        &["XREVRANGE", CHANGES, "+", "-", "COUNT", "1"],
    ] {
        tried(words).expect("a reader's command");
    }
    for words in [&["XADD", CHANGES, "*", "event", "{}"][..], &["PUBLISH", CHANGES, "{}"], &["DEL", CHANGES]] {
        assert_eq!(tried(words).expect_err("not a reader's").code(), Some("NOPERM"), "{words:?}");
    }
    ext.verb(&["acl", "--reader", "--with", "peers"]).expect(2).says(&["--with peers", "hint"]);
}
