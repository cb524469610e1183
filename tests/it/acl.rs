//! The rights that `ralphext acl` asks for: enough for everything, used to the last one, and none over others' keys. Every
//! other test runs with them, too.

use std::{collections::BTreeSet, fs, path::Path};

use redis::{Connection, RedisResult};
use serde_json::Value;

use crate::harness::{
    DEADLINE, Ext, Monitor, Outcome, PASSWORD, Redis, Running, eventually, records, repository, user_of,
};

const FENCE: &str = "ralphext:v1:hwinfo:@fence";

/// `ralphext acl` with these words, in a directory without any configuration.
fn acl(words: &[&str]) -> Outcome {
    let ext = Ext::at(&Redis::nowhere());
    Running::spawn(&mut ext.bare(&[&["acl"], words].concat()), None).finish(DEADLINE)
}

/// The commands that a line grants.
fn granted(json: &Value) -> BTreeSet<String> {
    let grants = json["grants"].as_array().expect("grants");
    grants.iter().map(|g| g["command"].as_str().expect("a command").to_owned()).collect()
}

/// What was refused to anybody, as `ACL LOG` tells.
fn refusals(redis: &Redis) -> Vec<String> {
    let log: Vec<redis::Value> = redis.cmd(&["ACL", "LOG"]);
    log.iter().map(|entry| format!("{entry:?}")).collect()
}

/// A connection as the user of the service `hwinfo`.
fn as_user(redis: &Redis) -> Connection {
    let url = redis.url().replace("redis://", &format!("redis://{}:{PASSWORD}@", user_of("hwinfo")));
    redis::Client::open(url).expect("a URL").get_connection().expect("a connection")
}

fn tried(connection: &mut Connection, words: &[&str]) -> RedisResult<redis::Value> {
    redis::cmd(words[0]).arg(&words[1..]).query(connection)
}

#[track_caller]
fn refused(connection: &mut Connection, words: &[&str]) {
    let e = tried(connection, words).expect_err(&format!("{words:?} must not be allowed"));
    assert_eq!(e.code(), Some("NOPERM"), "{words:?}: {e}");
}

/// All that a service does in its life: see the calls.
fn live(redis: &Redis) {
    let ext = Ext::brisk(redis).set("verify.every", "1s").set("content.ttl", "6s");
    ext.source(&records(20, 1));
    ext.verb(&["check", "--connect"]).expect(0);
    ext.once().expect(0).counts(&[("written", 20)]);
    // A service that is long gone, to be dropped from the index.
    redis.cmd::<()>(&["ZADD", "ralphext:v1", "1000", "gone"]);
    let mut first = ext.run();
    first.wait_for_passes(redis, "hwinfo", 3);
    eventually("the index is pruned", || redis.cmd::<Option<f64>>(&["ZSCORE", "ralphext:v1", "gone"]).is_none());
    ext.source(&records(19, 2));
    first.wait_for_objects(redis, "hwinfo", 19);
    for words in [&["status"][..], &["ls"], &["ls", "hwinfo"], &["get", "hwinfo", "1"], &["explain", "hwinfo", "1"]] {
        ext.verb(words).expect(0);
    }
    ext.verb(&["plan"]).expect(0);
    ext.verb(&["verify"]).expect(0);
    ext.verb(&["approve-shrink", "hwinfo", "--yes"]).expect(1);

    redis.flush();
    first.wait_for_objects(redis, "hwinfo", 19);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:7"]);
    first.wait_for_objects(redis, "hwinfo", 19);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:8", "mine"]);
    first.wait_until("an overwritten value is healed", || redis.raw_objects("hwinfo")["8"].len() > 10);

    let other = Ext::brisk(redis);
    other.once_with(&records(19, 2)).expect(5);
    let epoch = redis.get(FENCE);
    let mut second = other.run();
    first.wait_for_passes(redis, "hwinfo", 2);
    first.kill();
    second.wait_until("the standby has taken over", || redis.get(FENCE) != epoch);
    second.wait_for_passes(redis, "hwinfo", 1);
    second.stop().expect(0);
}

#[test]
fn the_rights_are_exactly_what_is_used() {
    let redis = Redis::start();
    let monitor = Monitor::start(&redis);
    live(&redis);
    assert_eq!(refusals(&redis), Vec::<String>::new(), "something was refused, so a right is missing");
    let granted = granted(&acl(&["hwinfo", "-o", "json"]).expect(0).json());
    let used = monitor.commands(&redis);
    let unused: Vec<_> = granted.difference(&used).collect();
    assert!(unused.is_empty(), "granted and never used: {unused:?} (used: {used:?})");
    let unlisted: Vec<_> = used.difference(&granted).collect();
    assert!(unlisted.is_empty(), "used and not in the list: {unlisted:?}");
}

#[test]
fn the_user_reaches_nothing_of_others() {
    let redis = Redis::start();
    for (key, value) in [("session:abc", "s"), ("rq:queue:default", "j"), ("ralphext:v1:tickets:1", "t"), ("x", "x")] {
        redis.cmd::<()>(&["SET", key, value]);
    }
    redis.cmd::<()>(&["SET", "ralphext:v1:tickets", "descriptor"]);
    redis.cmd::<()>(&["ZADD", "ralphext:v1", "1", "tickets"]);
    let before = redis.everything();
    let c = &mut as_user(&redis);
    let keys = [
        "session:abc",
        "rq:queue:default",
        "ralphext:v1:tickets",
        "ralphext:v1:tickets:1",
        "ralphext:v1:hwinfo2:1",
        "x",
    ];
    for key in keys {
        for words in [
            &["GET", key][..],
            &["MGET", key],
            &["GETRANGE", key, "0", "9"],
            &["SET", key, "mine"],
            &["DEL", key],
            &["PEXPIRE", key, "1"],
            &["PTTL", key],
            &["WATCH", key],
            &["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "1", key],
            &["ZADD", key, "1", "m"],
            &["TYPE", key],
            &["DUMP", key],
        ] {
            refused(c, words);
        }
    }
    // The index is shared: entries may come and go, the key itself may not.
    for words in [&["DEL", "ralphext:v1"][..], &["SET", "ralphext:v1", "x"], &["PEXPIRE", "ralphext:v1", "1"]] {
        refused(c, words);
    }
    for words in [
        &["FLUSHDB"][..],
        &["FLUSHALL"],
        &["CONFIG", "GET", "*"],
        &["CONFIG", "SET", "maxmemory", "1"],
        &["KEYS", "*"],
        &["EVAL", "return 1", "0"],
        &["SCRIPT", "FLUSH"],
        &["ACL", "SETUSER", "ralphext-hwinfo", "allkeys"],
        &["CLIENT", "KILL", "USER", "default"],
        &["SHUTDOWN"],
        &["REPLICAOF", "127.0.0.1", "1"],
        &["MONITOR"],
        &["PUBLISH", "anything", "x"],
        &["SUBSCRIBE", "anything"],
        &["PSUBSCRIBE", "*"],
        &["RPUSH", "ralphext:v1:hwinfo:@requests", "1"],
        &["SELECT", "1"],
    ] {
        refused(c, words);
    }
    // Nor by a script of its own: what it calls is checked, too.
    let sha: String = redis::cmd("SCRIPT")
        .arg("LOAD")
        .arg("return redis.call('SET', 'session:abc', 'mine')")
        .query(c)
        .expect("a script may be loaded");
    tried(c, &["EVALSHA", &sha, "0"]).expect_err("a script may not write others' keys");
    assert!(redis.everything() == before, "something was touched");

    // What it can see all the same, and what docs/security.md says so of: names.
    let (_, names): (u64, Vec<String>) = redis::cmd("SCAN").arg(0).arg("COUNT").arg(100).query(c).expect("SCAN");
    assert!(names.contains(&"session:abc".to_owned()));
    assert_eq!(tried(c, &["EXISTS", "ralphext:v1:tickets"]).expect("for the index"), redis::Value::Int(1));
}

#[test]
fn a_reader_reads_and_nothing_else() {
    let redis = Redis::start();
    Ext::new(&redis).once_with(&records(2, 1)).expect(0);
    redis.grant(&["--reader"]);
    let url = redis.url().replace("redis://", &format!("redis://ralphext-reader:{PASSWORD}@"));
    let c = &mut redis::Client::open(url).expect("a URL").get_connection().expect("a connection");
    for words in [
        &["GET", "ralphext:v1:hwinfo:1"][..],
        &["MGET", "ralphext:v1:hwinfo:1", "ralphext:v1:hwinfo"],
        &["ZRANGE", "ralphext:v1", "0", "-1"],
    ] {
        tried(c, words).expect("a reader's command");
    }
    for words in [
        &["SET", "ralphext:v1:hwinfo:1", "x"][..],
        &["DEL", "ralphext:v1:hwinfo:1"],
        &["ZADD", "ralphext:v1", "1", "x"],
        &["GET", "session:abc"],
        &["SCAN", "0"],
        &["KEYS", "*"],
    ] {
        refused(c, words);
    }
}

#[test]
fn check_connect_names_every_right_that_is_missing() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.source(&records(1, 1));
    let json = acl(&["hwinfo", "-o", "json"]).expect(0).json();
    for grant in json["grants"].as_array().expect("grants") {
        let (command, needed) = (grant["command"].as_str().expect("a command"), grant["needed"] == true);
        let line: String = json["rules"]
            .as_array()
            .expect("rules")
            .iter()
            .map(|r| format!(" {}", r.as_str().expect("text")))
            .collect();
        let line = line.replace(">PASSWORD", &format!(">{PASSWORD}"));
        let without = line.replace(&format!(" +{command} "), " ").replace(&format!(" +{command})"), ")");
        let rules: Vec<&str> = without.split(' ').skip(1).collect();
        redis.cmd::<()>(&[&["ACL", "SETUSER", &user_of("hwinfo")], rules.as_slice()].concat());
        let outcome = ext.verb(&["check", "--connect"]).expect(if needed { 4 } else { 0 });
        let shown = command.to_uppercase().replace('|', " ");
        let line = outcome.stdout.lines().find(|l| l.contains(&shown) && l.contains("refused"));
        assert!(line.is_some(), "{shown} is not named: {outcome}");
        let optional = line.is_some_and(|l| l.contains("left undone"));
        assert_eq!(optional, !needed, "{outcome}");
    }
}

#[test]
fn run_works_with_only_what_is_needed() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--only-needed"]);
    let ext = Ext::brisk(&redis).set("verify.every", "1s").set("content.ttl", "6s");
    ext.source(&records(20, 1));
    ext.verb(&["check", "--connect"]).expect(0);
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 3);
    ext.source(&records(19, 2));
    sidecar.wait_for_objects(&redis, "hwinfo", 19);
    redis.flush();
    sidecar.wait_for_objects(&redis, "hwinfo", 19);
    sidecar.stop().expect(0);
    ext.verb(&["status"]);
    ext.verb(&["ls"]).expect(4).says(&["hint"]);
}

#[test]
fn what_is_switched_on_takes_what_the_line_has_then() {
    let redis = Redis::start();
    redis.cmd::<()>(&["SET", "ralphext:v1:tickets:1", "t"]);
    let url = redis.url().replace("/0", "/3");
    let ext = Ext::at(&url).user("hwinfo").briskly().set("verify.keyspace_events", true).set("verify.every", "1h");
    ext.source(&records(5, 1));
    ext.verb(&["check", "--connect"]).expect(4).says(&["'select'", "ralphext acl"]);
    let shown = ext.verb(&["acl"]).expect(0).stdout;
    redis.grant(&["hwinfo", "--redis-url", "redis://any/3", "--with", "keyspace-events"]);
    let with: Vec<&str> = shown.trim().split(' ').filter(|w| w.starts_with(['&', '+'])).collect();
    assert!(with.contains(&"&__keyspace@3__:ralphext:v1:hwinfo:*") && with.contains(&"+psubscribe"), "{shown}");

    redis.cmd::<()>(&["ACL", "LOG", "RESET"]);
    let monitor = Monitor::start(&redis);
    ext.verb(&["check", "--connect"]).expect(0);
    let mut sidecar = ext.run();
    let lost = || redis.cmd::<String>(&["INFO", "keyspace"]).contains("db3:");
    sidecar.wait_until("it has written", lost);
    sidecar.wait_until("it listens", || redis.cmd::<u64>(&["PUBSUB", "NUMPAT"]) == 1);
    sidecar.stop().expect(0);
    assert_eq!(refusals(&redis), Vec::<String>::new());
    let used = monitor.commands(&redis);
    assert!(used.contains("psubscribe") && used.contains("select"), "{used:?}");

    let c = &mut as_user(&redis);
    for channel in ["__keyspace@3__:ralphext:v1:tickets:*", "__keyspace@0__:ralphext:v1:hwinfo:*", "__keyspace@3__:*"] {
        refused(c, &["PSUBSCRIBE", channel]);
    }
}

#[test]
fn peers_may_be_read_where_that_is_asked_for() {
    let redis = Redis::start();
    Ext::of(&redis, "tickets").once_with(&records(2, 1)).expect(0);
    let ext = Ext::new(&redis);
    ext.once_with(&records(1, 1)).expect(0);
    ext.verb(&["ls"]).expect(4).says(&["--with peers", "--reader"]);
    redis.grant(&["hwinfo", "--with", "peers"]);
    redis.cmd::<()>(&["ACL", "LOG", "RESET"]);
    for words in [&["ls"][..], &["ls", "tickets"], &["get", "tickets", "1"], &["explain", "tickets", "1"]] {
        ext.verb(words).expect(0);
    }
    assert_eq!(refusals(&redis), Vec::<String>::new());
    refused(&mut as_user(&redis), &["SET", "ralphext:v1:tickets:1", "x"]);
    assert_eq!(
        ext.verb(&["acl", "--with", "peers", "--redis", "6"]).expect(0).stdout,
        ext.verb(&["acl", "--redis", "6"]).expect(0).stdout
    );
}

#[test]
fn the_line_of_redis_6_works_too() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--redis", "6"]);
    live_shortly(&redis);
    let c = &mut as_user(&redis);
    refused(c, &["GET", "ralphext:v1:tickets"]);
    refused(c, &["GET", "session:abc"]);
}

fn live_shortly(redis: &Redis) {
    let ext = Ext::new(redis);
    ext.once_with(&records(5, 1)).expect(0).counts(&[("written", 5)]);
    ext.once_with(&records(4, 1)).expect(0).counts(&[("removed", 1)]);
    assert_eq!(refusals(redis), Vec::<String>::new());
}

#[test]
fn acl_needs_no_configuration_and_takes_what_there_is() {
    let bare = acl(&["hwinfo", "tickets"]).expect(0);
    let lines: Vec<&str> = bare.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "nothing but lines on standard output: {bare}");
    assert!(lines[0].starts_with("ACL SETUSER ralphext-hwinfo reset on >PASSWORD resetchannels ~ralphext:v1:hwinfo "));
    assert!(lines[1].contains("ralphext-tickets"));
    bare.says(&["PASSWORD", "optional: info"]);
    acl(&[]).expect(2).says(&["hint", "ralphext acl hwinfo"]);
    acl(&["No Name"]).expect(2).says(&["No Name", "hint"]);
    acl(&["a", "b", "--user", "c"]).expect(2).says(&["--user", "hint"]);
    acl(&["a", "--user", "c d"]).expect(2).says(&["c d", "hint"]);
    assert!(acl(&["a", "--user", "me"]).expect(0).stdout.starts_with("ACL SETUSER me reset "));
    let prefixed = acl(&["a", "--set", "redis.prefix=cmdb"]).expect(0);
    assert!(prefixed.stdout.contains(" ~cmdb:v1:a:* ") && !prefixed.stdout.contains("ralphext:v1"), "{prefixed}");

    let ext = Ext::at("redis://me:secret@127.0.0.1/3").set("redis.prefix", "tabs");
    let configured = ext.verb(&["acl"]).expect(0);
    for word in ["ACL SETUSER me ", " ~tabs:v1:hwinfo ", " +select "] {
        assert!(configured.stdout.contains(word), "{word} is missing: {configured}");
    }
    assert!(!configured.all().contains("secret"), "{configured}");
    let other = ext.verb(&["acl", "tickets"]).expect(0);
    assert!(other.stdout.contains("ralphext-tickets") && other.stdout.contains("~tabs:v1:tickets"), "{other}");
    let default = Ext::at("redis://default:secret@127.0.0.1").verb(&["acl"]).expect(0);
    assert!(default.stdout.contains("SETUSER ralphext-hwinfo "), "it never resets the user default: {default}");
    ext.set("redis.timeout", "soon").verb(&["acl", "hwinfo"]).expect(2).says(&["redis.timeout"]);
}

#[test]
fn documents_show_the_lines_as_they_are() {
    let mut lines = BTreeSet::new();
    for words in [
        &["hwinfo"][..],
        &["hwinfo", "--redis", "6"],
        &["hwinfo", "--only-needed"],
        &["--reader"],
        &["--reader", "--redis", "6"],
        &["--viewer"],
        &["--viewer", "--redis", "6"],
        &["--sentinel"],
    ] {
        lines.extend(acl(words).expect(0).stdout.lines().map(str::to_owned));
    }
    let bridge = Ext::at(&Redis::nowhere()).unset("service").unset("source.kind").unset("source.path");
    let bridge = bridge.set("bridge.queues", vec!["ralph_ext_pdf"]).set("bridge.functions", vec!["f"]);
    let bridge = bridge.set("bridge.command", vec!["cat"]);
    lines.insert(bridge.verb(&["acl", "--bridge"]).expect(0).stdout.trim().to_owned());
    let mut shown = 0;
    let mut waiting: Vec<_> =
        ["docs", "README.md", "SECURITY.md", "examples"].iter().map(|p| repository().join(p)).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).expect("a folder").map(|e| e.expect("an entry").path()));
        } else if path.extension() == Some("md".as_ref()) {
            shown += check_document(&path, &lines);
        }
    }
    assert!(shown >= 5, "{shown} lines are shown");
}

fn check_document(path: &Path, lines: &BTreeSet<String>) -> usize {
    let text = fs::read_to_string(path).expect("a document");
    let found: Vec<&str> = text.lines().filter(|l| l.starts_with("ACL SETUSER")).collect();
    for line in &found {
        assert!(lines.contains(*line), "{}: no `ralphext acl` prints {line}", path.display());
    }
    found.len()
}
