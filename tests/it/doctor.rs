//! What `doctor` tells: each finding against a server that has it, and nothing changed by looking.

mod causes;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Ext, Monitor, Outcome, PASSWORD, Redis, Running, eventually, records, signal, user_of};

/// Runs it, with JSON; whether it is well and its exit code have to agree.
#[track_caller]
fn examine(ext: &Ext) -> Outcome {
    let outcome = examine_with(ext, &[]);
    assert_eq!(outcome.code, i32::from(outcome.json()["well"] == false), "{outcome}");
    outcome
}

#[track_caller]
fn examine_with(ext: &Ext, flags: &[&str]) -> Outcome {
    ext.verb(&[&["-o", "json", "doctor"], flags].concat())
}

/// The findings of one check, as `severity subject message hint`.
fn of(outcome: &Outcome, check: &str) -> Vec<String> {
    let json = outcome.json();
    let findings = json["findings"].as_array().expect("findings");
    let text = |f: &Value, name: &str| f[name].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .filter(|f| f["check"] == check)
        .map(|f| ["severity", "subject", "message", "hint"].map(|name| text(f, name)).join(" "))
        .collect()
}

/// Panics unless one finding of `check` has all `words`.
#[track_caller]
fn tells(outcome: &Outcome, check: &str, words: &[&str]) {
    let found = of(outcome, check);
    assert!(
        found.iter().any(|f| words.iter().all(|w| f.contains(w))),
        "{check} does not tell {words:?}: {found:?}\n{outcome}"
    );
}

/// A service with five objects.
fn grown(redis: &Redis) -> Ext {
    let ext = Ext::new(redis);
    ext.once_with(&records(5, 1)).expect(0);
    ext
}

#[test]
fn a_well_kept_service_has_nothing_to_be_told() {
    let redis = Redis::start();
    let ext = grown(&redis);
    let outcome = examine(&ext);
    for finding in outcome.json()["findings"].as_array().expect("findings") {
        let known = finding["severity"] == "ok" || finding["check"] == "unknown" || finding["check"] == "latency";
        assert!(known, "{finding}");
    }
    tells(&outcome, "ttl", &["ok hwinfo 5 objects"]);
    tells(&outcome, "writer", &["ok hwinfo well"]);
    tells(&outcome, "unknown", &["note", &user_of("hwinfo"), "ACL GETUSER"]);
    let table = ext.verb(&["doctor"]).expect(0);
    assert!(table.stdout.contains("0 serious") && table.stdout.lines().count() <= 20, "one screen: {table}");
}

#[test]
fn it_only_reads() {
    let redis = Redis::start();
    let ext = grown(&redis);
    redis.cmd::<()>(&["SET", "session:abc", "x"]);
    let before = redis.everything();
    for ext in [ext, Ext::at(&redis.url())] {
        let monitor = Monitor::start(&redis);
        examine(&ext);
        let reads = [
            "ping",
            "info",
            "acl|whoami",
            "acl|getuser",
            "scan",
            "pttl",
            "get",
            "getrange",
            "zrange",
            "exists",
            "select",
            "time",
            "dbsize",
            "config|get",
            // Open a transaction that is never executed.
            "multi",
            "watch",
        ];
        let reads: BTreeSet<String> = reads.map(str::to_owned).into();
        let used = monitor.commands(&redis);
        assert!(used.contains("scan") && used.is_subset(&reads), "{used:?}");
    }
    assert!(redis.everything() == before, "something was changed");
}

#[test]
fn a_replica_is_serious() {
    let master = Redis::start();
    let replica = Redis::replica_of(&master);
    tells(&examine(&Ext::new(&replica)), "role", &["serious", "read-only replica", "name the primary"]);
    tells(&examine(&Ext::new(&master)), "role", &["ok", "1 replica"]);
}

#[test]
fn memory_that_runs_out_is_serious_and_eviction_a_warning() {
    let redis = Redis::start();
    let ext = grown(&redis);
    tells(&examine(&ext), "memory", &["ok", "no maxmemory"]);
    let limit = |share: u64| {
        let info: String = redis.cmd(&["INFO", "memory"]);
        let used = info.lines().find_map(|l| l.strip_prefix("used_memory:")).expect("used_memory").trim();
        let used: u64 = used.parse().expect("a number");
        redis.cmd::<()>(&["CONFIG", "SET", "maxmemory", &(used * 100 / share).to_string()]);
    };
    limit(97);
    tells(&examine(&ext), "memory", &["serious", "noeviction", "every write fails"]);
    limit(82);
    tells(&examine(&ext), "memory", &["warning", "noeviction", "every write fails"]);
    limit(5);
    tells(&examine(&ext), "memory", &["ok", "noeviction"]);
    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
    tells(&examine(&ext), "memory", &["warning", "volatile-ttl", "keys that have a TTL"]);
    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    tells(&examine(&ext), "memory", &["warning", "allkeys-lru", "@fence"]);
}

#[test]
fn persistence_that_fails_is_serious_since_it_stops_writes() {
    let dir = tempfile::Builder::new().prefix("dumps-").tempdir().expect("a directory");
    let redis = Redis::with(&[&format!("dir {}", dir.path().display()), "save 3600 1"]);
    let ext = grown(&redis);
    tells(&examine(&ext), "persistence", &["ok"]);
    drop(dir);
    let _ = redis.try_cmd::<()>(&["BGSAVE"]);
    eventually("the snapshot has failed", || {
        redis.cmd::<String>(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err")
    });
    tells(&examine(&ext), "persistence", &["serious", "MISCONF", "log"]);
    ext.once_with(&records(6, 1)).expect(4).says(&["MISCONF"]);
    for words in [&["status"][..], &["ls"], &["ls", "hwinfo"], &["get", "hwinfo", "1"]] {
        ext.verb(words).expect(0);
    }
}

#[test]
fn a_shared_database_is_told_with_whose_keys_are_seen() {
    let redis = Redis::start();
    let ext = grown(&redis);
    for n in 0..7 {
        redis.cmd::<()>(&["SET", &format!("session:{n}"), "x"]);
    }
    redis.cmd::<()>(&["SET", "rq\u{1b}:queue", "x"]);
    let outcome = examine(&ext);
    tells(&outcome, "sharing", &["note", "shared", "8 of others", "session:*", "SCAN"]);
    assert!(!ext.verb(&["doctor"]).expect(0).all().contains('\u{1b}'), "names cannot steer a terminal");
}

#[test]
fn a_user_with_too_many_rights_is_told() {
    let redis = Redis::start();
    let all = Ext::at(&redis.url());
    tells(&examine(&all), "user", &["warning", "default", "+@all", "without a password", "ralphext acl"]);
    redis.cmd::<()>(&["ACL", "SETUSER", "wide", "on", ">x", "~*", "+@all", "-acl"]);
    let wide = Ext::at(&redis.url()).set("redis.username", "wide").set("redis.password", "x");
    tells(&examine(&wide), "unknown", &["ACL GETUSER"]);
    redis.cmd::<()>(&["ACL", "SETUSER", "wide", "+acl"]);
    tells(&examine(&wide), "user", &["warning", "wide has far more rights"]);
    redis.cmd::<()>(&["ACL", "SETUSER", &user_of("hwinfo"), "+acl"]);
    tells(&examine(&Ext::new(&redis)), "user", &["note", "look at users' rights"]);
    redis.cmd::<()>(&["ACL", "SETUSER", &user_of("hwinfo"), "resetkeys", "clearselectors"]);
    tells(&examine(&Ext::new(&redis)), "access", &["serious hwinfo", "may not read"]);
}

#[test]
fn odd_keys_of_a_service_are_told() {
    let redis = Redis::start();
    let ext = grown(&redis);
    redis.cmd::<()>(&["PERSIST", "ralphext:v1:hwinfo:3"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:what is this", "x"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@fence", "99999999999999"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@canary", "soon"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@lease", "ghost"]);
    let outcome = examine(&ext);
    tells(&outcome, "ttl", &["warning hwinfo 1 of 5 objects never expire, such as 3"]);
    tells(&outcome, "keys", &["warning", "ralphext:v1:hwinfo:what is this"]);
    tells(&outcome, "fence", &["warning", "ahead of the clock"]);
    tells(&outcome, "canary", &["warning", "soon", "no number"]);
    tells(&outcome, "lease", &["warning", "ghost", "for ever", "takes over"]);
    let table = ext.verb(&["doctor"]).expect(0);
    let first = table.stdout.lines().next().expect("a line");
    assert!(first.starts_with('!'), "the worst comes first: {table}");

    redis.cmd::<()>(&["PEXPIRE", "ralphext:v1:hwinfo:@lease", "86400000"]);
    tells(&examine(&ext), "lease", &["warning", "ghost", "writer.lease"]);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:@fence"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo", "no JSON"]);
    let outcome = examine(&ext);
    tells(&outcome, "fence", &["warning", "data was lost"]);
    redis.cmd::<()>(&["HSET", "ralphext:v1:hwinfo:@fence", "a", "b"]);
    tells(&examine(&ext), "fence", &["warning", "no string"]);
    tells(&outcome, "writer", &["warning", "no service.v1"]);
}

#[test]
fn a_writer_that_fell_silent_is_serious_and_a_stopped_one_is_not() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    tells(&examine(&ext), "writer", &["note", "has never written here"]);
    ext.source(&records(3, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    tells(&examine(&ext), "lease", &["ok hwinfo held by"]);
    signal(sidecar.pid(), "STOP");
    eventually("doctor tells that it fell silent", || {
        let outcome = examine(&ext);
        of(&outcome, "writer").iter().any(|f| f.starts_with("serious") && f.contains("not been heard of"))
    });
    signal(sidecar.pid(), "CONT");
    sidecar.stop().expect(0);
    tells(&examine(&ext), "writer", &["warning", "was stopped"]);
}

#[test]
fn left_overs_of_others_and_a_broken_index_are_told() {
    let redis = Redis::start();
    let ext = grown(&redis);
    redis.cmd::<()>(&["SET", "ralphext:v1:gone:1", "x"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:gone:@fence", "1"]);
    redis.cmd::<()>(&["ZADD", "ralphext:v1", "1", "lost"]);
    let outcome = examine(&ext);
    tells(&outcome, "orphans", &["note", "1 services are gone and left 2 keys: gone", "'ralphext:v1:gone:*'"]);
    tells(&outcome, "index", &["note", "1 entries have no descriptor: lost"]);
    redis.cmd::<()>(&["SET", "ralphext:v1", "mine"]);
    tells(&examine(&ext), "index", &["warning", "no service is listed", "delete ralphext:v1"]);
    redis.cmd::<()>(&["DEL", "ralphext:v1"]);
    ext.once().expect(0);
    tells(&examine(&ext), "index", &["ok", "1 services"]);
}

#[test]
fn every_service_is_told_as_its_own_user_and_no_service_is_needed() {
    let redis = Redis::start();
    let ext = grown(&redis);
    Ext::of(&redis, "tickets").once_with(&records(2, 1)).expect(0);
    let service = |name: &str| {
        let (user, url) = (user_of(name), redis.url());
        format!(
            "service = {name:?}\n[redis]\nurl = {url:?}\nusername = {user:?}\npassword = {PASSWORD:?}\n[source]\nkind = \"stdin\"\n"
        )
    };
    ext.write("conf.d/a.toml", &service("hwinfo"));
    ext.write("conf.d/b.toml", &service("tickets"));
    let bare = |words: &[&str]| Running::spawn(&mut ext.bare(words), None).finish(crate::harness::DEADLINE);
    let outcome = bare(&["-c", "conf.d", "-o", "json", "doctor"]).expect(0);
    tells(&outcome, "ttl", &["hwinfo 5 objects"]);
    tells(&outcome, "ttl", &["tickets 2 objects"]);
    tells(&outcome, "user", &["tickets", &user_of("tickets")]);
    assert_eq!(of(&outcome, "version").len(), 1, "a server is told once: {outcome}");

    std::fs::remove_file(ext.path("ralphext.toml")).expect("the configuration");
    let outcome = bare(&["--redis-url", &redis.url(), "-o", "json", "doctor"]).expect(0);
    tells(&outcome, "index", &["ok", "2 services"]);
    bare(&["-c", "none.toml", "doctor"]).expect(2).says(&["none.toml"]);
}

#[test]
fn a_redis_that_is_away_is_exit_4() {
    let ext = Ext::at(&Redis::nowhere());
    let outcome = ext.verb(&["-o", "json", "doctor"]).expect(4);
    tells(&outcome, "connection", &["serious", "refused", "is the server running"]);
    ext.verb(&["doctor"]).expect(4);
}
