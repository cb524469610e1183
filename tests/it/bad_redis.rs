//! A Redis that is not there, refuses, or is full: `once` says so, with a hint, and ends with 4.

use std::time::Duration;

use crate::harness::{Ext, Outcome, Redis, Running, records};

/// More than any sane number of tries; a client that blocks by its defaults would still be within, one that hangs not.
const PATIENCE: Duration = Duration::from_secs(20);

#[track_caller]
fn refused(ext: &Ext, words: &[&str]) -> Outcome {
    ext.source(&records(50, 1));
    let outcome = Running::spawn(&mut ext.command(&["--output", "json", "once"]), None).finish(PATIENCE).expect(4);
    outcome.says(&["hint"]);
    outcome.says(words);
    assert!(outcome.json()["error"].is_string() || outcome.json()["error"].is_object(), "{outcome}");
    outcome
}

#[test]
fn know9_nothing_listens() {
    let url = Redis::nowhere();
    let address = url.trim_start_matches("redis://").trim_end_matches("/0").to_owned();
    refused(&Ext::at(&url), &[&address]).counts(&[("written", 0)]);
    refused(&Ext::at("unix:///no/such/redis.sock"), &["/no/such/redis.sock"]);
}

#[test]
fn know9_a_server_that_never_answers() {
    let redis = Redis::start();
    redis.pause();
    refused(&Ext::new(&redis).set("redis.timeout", "1s"), &["redis.timeout"]);
    redis.resume();
    assert_eq!(redis.count("hwinfo"), 0);
}

#[test]
fn know9_no_password_and_a_wrong_one() {
    let redis = Redis::with_password("richtig-geheim");
    let ext = || Ext::at(&redis.url());
    refused(&ext(), &["redis.password"]);
    let wrong = refused(&ext().set("redis.password", "falsch-geheim"), &["redis.password"]);
    assert!(!wrong.all().contains("falsch-geheim"), "{wrong}");
    assert_eq!(redis.keys(), Vec::<String>::new());

    let right = ext().set("redis.password", "richtig-geheim");
    right.once_with(&records(5, 1)).expect(0).counts(&[("written", 5)]);
    let right = ext();
    right.write("password", "richtig-geheim\n");
    let file = right.path("password").display().to_string();
    right.set("redis.password_file", file).once_with(&records(6, 1)).expect(0).counts(&[("written", 1)]);
    let url = redis.url().replace("redis://", "redis://:richtig-geheim@");
    Ext::at(&url).once_with(&records(7, 1)).expect(0).counts(&[("written", 1)]);
}

#[test]
fn know9_a_read_only_replica() {
    let master = Redis::start();
    let replica = Redis::replica_of(&master);
    refused(&Ext::new(&replica), &["replica"]).counts(&[("written", 0)]);
    assert_eq!(master.count("hwinfo"), 0);
}

#[test]
fn know9_a_server_that_is_full_from_the_start() {
    let redis = Redis::with(&["maxmemory 1", "maxmemory-policy noeviction"]);
    refused(&Ext::new(&redis), &["maxmemory"]).counts(&[("written", 0)]);
}

#[test]
fn know9_a_server_that_fills_up_on_the_way() {
    let redis = Redis::start();
    let used: String = redis.cmd(&["INFO", "memory"]);
    let used: u64 = used
        .lines()
        .find_map(|l| l.strip_prefix("used_memory:"))
        .and_then(|n| n.trim().parse().ok())
        .expect("used_memory");
    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory", &(used + (4 << 20)).to_string()]);
    let ext = Ext::new(&redis);
    ext.source(&records(20_000, 1));
    let outcome = Running::spawn(&mut ext.command(&["--output", "json", "once"]), None).finish(PATIENCE).expect(4);
    outcome.says(&["maxmemory", "hint"]);
    let there = redis.objects("hwinfo").len() as u64;
    assert!(there < 20_000);
    assert!(outcome.n("written") <= there, "only what Redis confirmed is told as written: {outcome}");

    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    let outcome = ext.once().expect(0);
    assert_eq!(outcome.n("written") + there, 20_000, "what had been written is not written again: {outcome}");
    assert_eq!(redis.objects("hwinfo").len(), 20_000);
}

#[test]
fn know9_a_user_without_rights_is_told_what_it_lacks() {
    let redis = Redis::with(&["user ext on >geheim ~ralphext:v1* +@read +@connection"]);
    let ext = Ext::new(&redis).set("redis.username", "ext").set("redis.password", "geheim");
    refused(&ext, &["check --connect"]);
    let outcome = ext.verb(&["check", "--connect"]).expect(4);
    outcome.says(&["hint"]);
    assert!(!outcome.all().contains("geheim"), "{outcome}");
}

#[test]
fn a_narrow_user_is_enough() {
    let commands = "+@read +@write +@string +@sortedset +@transaction +@scripting +@connection -@dangerous -@admin";
    let redis = Redis::with(&[&format!("user ext on >geheim ~ralphext:v1 ~ralphext:v1:* {commands}")]);
    redis.cmd::<()>(&["SET", "session:abc", "keep me"]);
    let ext = Ext::new(&redis).set("redis.username", "ext").set("redis.password", "geheim");
    ext.source(&records(30, 1));
    ext.verb(&["check", "--connect"]).expect(0);
    assert_eq!(redis.keys(), ["session:abc"], "a check leaves nothing behind");
    ext.once().expect(0).counts(&[("written", 30)]);
    ext.once_with(&records(29, 1)).expect(0).counts(&[("written", 0), ("removed", 1)]);
}

#[test]
fn a_unix_socket_and_another_database_will_do() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--redis-url", "redis://nowhere/3"]);
    let ext = Ext::at(&redis.unix_url()).user("hwinfo");
    ext.once_with(&records(5, 1)).expect(0).counts(&[("written", 5)]);
    assert_eq!(redis.objects("hwinfo").len(), 5);
    let ext = Ext::at(&redis.url().replace("/0", "/3")).user("hwinfo");
    ext.once_with(&records(4, 1)).expect(0).counts(&[("written", 4)]);
    assert_eq!(redis.objects("hwinfo").len(), 5, "database 0 is as it was");
    assert!(redis.cmd::<String>(&["INFO", "keyspace"]).contains("db3:"));
}
