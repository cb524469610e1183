//! Nothing secret is printed, logged at any level, handed to a child, or written to Redis.

use std::fs;

use serde_json::json;

use crate::harness::{DEADLINE, Ext, Outcome, Redis, Running, records};

/// A password with characters that URLs have to escape, and how it looks escaped.
const SECRET: &str = "s3cr3t/geh@im";
const ESCAPED: &str = "s3cr3t%2Fgeh%40im";
/// What all its spellings share.
const MARK: &str = "s3cr3t";

#[track_caller]
fn silent(outcome: &Outcome) {
    assert!(!outcome.all().contains(MARK), "the password is shown: {outcome}");
}

/// Every verb, at the noisiest level.
fn all_verbs(ext: &Ext) {
    let verbs: [&[&str]; 13] = [
        &["check"],
        &["check", "--connect"],
        &["test"],
        &["plan"],
        &["once"],
        &["status"],
        &["doctor"],
        &["-o", "json", "doctor"],
        &["acl"],
        &["ls"],
        &["get", "hwinfo", "1"],
        &["explain", "hwinfo", "1"],
        &["-o", "json", "once"],
    ];
    for verb in verbs {
        for format in ["pretty", "json"] {
            let words = [&["--log-level", "trace", "--log-format", format], verb].concat();
            silent(&ext.verb(&words));
        }
    }
}

/// The ways to tell the password.
fn ways(redis: &Redis) -> Vec<Ext> {
    let in_url = redis.url().replace("redis://", &format!("redis://default:{ESCAPED}@"));
    let file = Ext::at(&redis.url());
    file.write("password", SECRET);
    let path = file.path("password").display().to_string();
    vec![
        Ext::at(&in_url),
        Ext::at(&redis.url()).set("redis.password", SECRET),
        Ext::at(&redis.url()).set("redis.password", "${REDIS_PASS}").env("REDIS_PASS", SECRET),
        Ext::at(&redis.url()).env("RALPHEXT__REDIS__PASSWORD", SECRET),
        Ext::at(&redis.url()).env("RALPHEXT__REDIS__URL", &in_url),
        Ext::at(&redis.url()).flag("--redis-url").flag(&in_url),
        Ext::at(&redis.url()).flag("--set").flag(&format!("redis.password={SECRET}")),
        file.set("redis.password_file", path),
    ]
}

#[test]
fn no_verb_shows_the_password_however_it_was_told() {
    let redis = Redis::with_password(SECRET);
    for ext in ways(&redis) {
        redis.flush();
        ext.once_with(&records(3, 1)).expect(0).counts(&[("written", 3)]);
        all_verbs(&ext);
    }
    for (key, dump) in redis.everything() {
        assert!(!String::from_utf8_lossy(&dump).contains(MARK), "it is in {key}");
    }
}

#[test]
fn no_error_shows_the_password() {
    let redis = Redis::with_password("another");
    for ext in ways(&redis) {
        ext.source(&records(3, 1));
        ext.verb(&["once"]).expect(4);
        all_verbs(&ext);
    }
    let nowhere = Redis::nowhere().replace("redis://", &format!("redis://:{ESCAPED}@"));
    let ext = Ext::at(&nowhere);
    ext.source(&records(3, 1));
    all_verbs(&ext);
    for bad in ["", "no-scheme", "http"] {
        let ext = Ext::at(&format!("{bad}://:{ESCAPED}@127.0.0.1:x/99"));
        silent(&ext.verb(&["check"]).expect(2));
    }
    let ext = Ext::at(&redis.url()).set("redis.password", json!([SECRET]));
    silent(&ext.verb(&["check"]).expect(2));
    let ext = Ext::at(&redis.url()).set("redis.pasword", SECRET);
    silent(&ext.verb(&["check"]).expect(2));
}

#[test]
fn a_running_sidecar_shows_no_password() {
    let redis = Redis::with_password(SECRET);
    let ext =
        Ext::brisk(&redis).set("redis.username", "default").set("redis.password", SECRET).set("log.level", "trace");
    ext.source(&records(3, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    redis.cmd::<()>(&["CONFIG", "SET", "requirepass", "another"]);
    silent(&sidecar.stop());
}

#[test]
fn children_inherit_no_redis_secret() {
    let redis = Redis::with_password(SECRET);
    let script = "env > seen\ntr '\\0' '\\n' < /proc/self/environ >> seen\nprintf '{\"id\":1,\"content\":1}\\n'";
    for ext in ways(&redis) {
        let ext = ext.script("exec", script).env("HARMLESS", "yes").set("source.env.EXTRA", "value");
        let outcome = Running::spawn(&mut ext.command(&["-o", "json", "once"]), None).finish(DEADLINE).expect(0);
        silent(&outcome);
        let seen = fs::read_to_string(ext.path("seen")).expect("the child's environment");
        assert!(!seen.contains(MARK), "{seen}");
        for line in ["HARMLESS=yes", "EXTRA=value", "PYTHONUNBUFFERED=1"] {
            assert!(seen.lines().any(|l| l == line), "{line} is missing: {seen}");
        }
    }
}
