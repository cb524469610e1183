//! Misconfigurations as operators make them: the doctor names the cause of each first, with what to do. It must not know how
//! the doctor finds it.

use std::{
    any::Any,
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::json;

use super::{examine_with, grown};
use crate::harness::{Ext, PASSWORD, Pki, Redis, Watched, WithTls, has_tls, records, user_of};

/// What a case stands on, kept until it was looked at.
type Kept = Vec<Box<dyn Any>>;

/// A prepared misconfiguration: none where this machine cannot have it.
type Prepared = Option<(Ext, Kept)>;

struct Case {
    name: &'static str,
    prepare: fn() -> Prepared,
    severity: &'static str,
    check: &'static str,
    /// Words of the message, and of the hint.
    message: &'static [&'static str],
    hint: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "a host that does not exist",
        prepare: || Some((with_source(Ext::at("redis://no-such-host.invalid:6379/0").user("hwinfo")), vec![])),
        severity: "serious",
        check: "dns",
        message: &["cannot look up no-such-host.invalid"],
        hint: &["redis.url", "look names up"],
    },
    Case {
        name: "a port on which nothing listens",
        prepare: || Some((with_source(Ext::at(&Redis::nowhere()).user("hwinfo")), vec![])),
        severity: "serious",
        check: "connection",
        message: &["refused"],
        hint: &["is the server running"],
    },
    Case {
        name: "a unix socket that is not there",
        prepare: || Some((with_source(Ext::at("unix:///run/no-such/redis.sock").user("hwinfo")), vec![])),
        severity: "serious",
        check: "connection",
        message: &["No such file"],
        hint: &["unixsocket", "mounted here"],
    },
    Case {
        name: "a server that stands still",
        prepare: || {
            let redis = Redis::start();
            let ext = with_source(Ext::new(&redis)).set("redis.timeout", "300ms").set("redis.connect_timeout", "300ms");
            redis.pause();
            Some((ext, vec![Box::new(redis)]))
        },
        severity: "serious",
        check: "connection",
        message: &["in time"],
        hint: &["stopped or cut off", "redis.timeout"],
    },
    Case {
        name: "TLS to a plain port",
        prepare: || {
            let (redis, pki) = (Redis::start(), Pki::new());
            let ext = Ext::at(&redis.url().replace("redis://", "rediss://")).user("hwinfo");
            let ext = with_source(ext).set("redis.tls.ca", pki.ca().display().to_string());
            Some((ext, vec![Box::new(redis), Box::new(pki)]))
        },
        severity: "serious",
        check: "tls",
        message: &["TLS"],
        hint: &["redis://"],
    },
    Case {
        name: "no TLS to a port of TLS",
        prepare: || {
            let (redis, pki) = with_tls()?;
            let ext = with_source(Ext::at(&redis.tls_url().replace("rediss://", "redis://")).user("hwinfo"));
            Some((ext, vec![Box::new(redis), Box::new(pki)]))
        },
        severity: "serious",
        check: "tls",
        message: &[],
        hint: &["rediss://"],
    },
    Case {
        name: "an authority that did not sign the server's certificate",
        prepare: || {
            let ((redis, pki), other) = (with_tls()?, Pki::new());
            let ext = Ext::at(&redis.tls_url()).user("hwinfo").set("redis.tls.ca", other.ca().display().to_string());
            Some((with_source(ext), vec![Box::new(redis), Box::new(pki), Box::new(other)]))
        },
        severity: "serious",
        check: "tls",
        message: &["not signed by an authority"],
        hint: &["redis.tls.ca"],
    },
    Case {
        name: "a wrong password",
        prepare: || with_redis(|_, ext| ext.set("redis.password", "yesterday's")),
        severity: "serious",
        check: "login",
        message: &["WRONGPASS"],
        hint: &["redis.password", "rotated"],
    },
    Case {
        name: "no password where one is needed",
        prepare: || {
            let redis = Redis::with_password("geheim");
            let ext = with_source(Ext::at(&redis.url()));
            Some((ext, vec![Box::new(redis)]))
        },
        severity: "serious",
        check: "login",
        message: &["NOAUTH"],
        hint: &["redis.password"],
    },
    Case {
        name: "the user of another service",
        prepare: || with_redis(|_, ext| ext.user("tickets")),
        severity: "serious",
        check: "access",
        message: &["ralphext-tickets may not read ralphext:v1:hwinfo"],
        hint: &["redis.username", "`ralphext acl hwinfo`"],
    },
    Case {
        name: "a user without a command that is needed",
        prepare: || {
            with_redis(|redis, ext| {
                redis.cmd::<()>(&["ACL", "SETUSER", &user_of("hwinfo"), "-set", "-pexpire"]);
                ext
            })
        },
        severity: "serious",
        check: "rights",
        message: &["ralphext-hwinfo may not SET ralphext:v1:hwinfo", "PEXPIRE"],
        hint: &["`ralphext acl hwinfo`"],
    },
    Case {
        name: "the master's name, as no sentinel knows it",
        prepare: || {
            let watched = Watched::start(&[], &[], None);
            let ext = with_source(Ext::watched(&watched)).set("redis.sentinel.master", "yourmaster").unset("redis.url");
            Some((ext, vec![Box::new(watched)]))
        },
        severity: "serious",
        check: "sentinels",
        message: &["knows no master \"yourmaster\""],
        hint: &["redis.sentinel.master", "sentinel monitor"],
    },
    Case {
        name: "a replica in place of the master",
        prepare: || {
            let master = Redis::start();
            let replica = Redis::replica_of(&master);
            Some((with_source(Ext::new(&replica)), vec![Box::new(replica), Box::new(master)]))
        },
        severity: "serious",
        check: "role",
        message: &["read-only replica of 127.0.0.1"],
        hint: &["name the primary in redis.url"],
    },
    Case {
        name: "a server that evicts what has a TTL",
        prepare: || {
            with_redis(|redis, ext| {
                redis.cmd::<()>(&["CONFIG", "SET", "maxmemory", "512mb"]);
                redis.cmd::<()>(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]);
                ext
            })
        },
        severity: "warning",
        check: "memory",
        message: &["volatile-ttl", "keys that have a TTL"],
        hint: &["noeviction"],
    },
    Case {
        name: "a database that Django's cache clears",
        prepare: || {
            with_redis(|redis, ext| {
                redis.cmd::<()>(&["SET", ":1:views.decorators.cache.cache_page.x", "x"]);
                ext
            })
        },
        severity: "warning",
        check: "sharing",
        message: &["shared", "Django's cache"],
        hint: &["cache.clear() is a FLUSHDB", "a database or a server of its own"],
    },
    Case {
        name: "keyspace events that the server does not send",
        prepare: || {
            with_redis(|redis, ext| {
                redis.cmd::<()>(&["CONFIG", "SET", "notify-keyspace-events", ""]);
                redis.cmd::<()>(&["ACL", "SETUSER", "watcher", "on", ">x", "~ralphext:v1*", "&*", "+@all", "-acl"]);
                let ext = ext.set("redis.username", "watcher").set("redis.password", "x");
                ext.set("verify.keyspace_events", true)
            })
        },
        severity: "warning",
        check: "events",
        message: &["notify-keyspace-events", "lacks"],
        hint: &["K$gxe"],
    },
    Case {
        name: "a clock that was ahead when somebody wrote",
        prepare: || {
            with_redis(|redis, ext| {
                let ahead = std::time::SystemTime::now() + Duration::from_secs(3 * 86_400);
                let ahead = ahead.duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
                redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@canary", &ahead.to_string()]);
                ext
            })
        },
        severity: "warning",
        check: "canary",
        message: &["@canary is", "ahead of the clock"],
        hint: &["a clock was ahead"],
    },
    Case {
        name: "a lease that its holder made endless",
        prepare: || {
            with_redis(|redis, ext| {
                redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@lease", "other-host-77"]);
                ext
            })
        },
        severity: "warning",
        check: "lease",
        message: &["other-host-77 holds the lease for ever"],
        hint: &["takes over if its holder is dead"],
    },
    Case {
        name: "a source's file that is not there",
        prepare: || with_redis(|_, ext| ext.set("source.path", "/no/such/facts.ndjson")),
        severity: "serious",
        check: "source",
        message: &["/no/such/facts.ndjson does not exist"],
        hint: &[],
    },
    Case {
        name: "a command that is not there",
        prepare: || with_command("exec", "./facts.sh", None),
        severity: "serious",
        check: "source",
        message: &["facts.sh does not exist"],
        hint: &["source.command"],
    },
    Case {
        name: "a command that is not executable",
        prepare: || with_command("exec", "./facts.sh", Some(("#!/bin/sh\necho '{\"id\":1,\"content\":{}}'\n", 0o644))),
        severity: "serious",
        check: "source",
        message: &["facts.sh is not executable"],
        hint: &["chmod +x"],
    },
    Case {
        name: "a command without its interpreter",
        prepare: || with_command("exec", "./facts.py", Some(("#!/usr/bin/python9\nprint()\n", 0o755))),
        severity: "serious",
        check: "source",
        message: &["facts.py asks for the interpreter /usr/bin/python9, which does not exist"],
        hint: &["install it"],
    },
    Case {
        name: "a stream's command without its interpreter, which is not started for that",
        prepare: || with_command("stream", "./tell.py", Some(("#!/usr/bin/python9\nprint()\n", 0o755))),
        severity: "serious",
        check: "source",
        message: &["tell.py asks for the interpreter /usr/bin/python9"],
        hint: &["install it"],
    },
    Case {
        name: "a command that fails",
        prepare: || with_command("exec", "./facts.sh", Some(("#!/bin/sh\necho 'no such table' >&2\nexit 3\n", 0o755))),
        severity: "serious",
        check: "source",
        message: &["ended with exit status 3", "no such table"],
        hint: &[],
    },
    Case {
        name: "content that is none",
        prepare: || {
            with_redis(|_, ext| {
                ext.source(&[json!({"id": 1, "content": {"cpu": 4}}), json!({"id": 2, "contents": {"cpu": 4}})]);
                ext
            })
        },
        severity: "serious",
        check: "schema",
        message: &["1 of 2 records are refused", "objects.ndjson:2"],
        hint: &["`ralphext test`"],
    },
    Case {
        name: "a spool where no directory can be",
        prepare: || {
            let redis = Redis::start();
            let ext = Ext::new(&redis).script("stream", "sleep 60");
            ext.write("taken", "a file\n");
            let folder = ext.path("taken").join("spool").display().to_string();
            let ext = ext.set("source.spool", folder);
            Some((ext, vec![Box::new(redis)]))
        },
        severity: "serious",
        check: "spool",
        message: &["taken is no directory"],
        hint: &["source.spool has to be a directory"],
    },
    Case {
        name: "a TTL that does not outlast a run that fails",
        prepare: || with_redis(|_, ext| ext.set("content.ttl", "30h")),
        severity: "serious",
        check: "schedule",
        message: &["content.ttl = 30h", "0 3 * * *"],
        hint: &["set content.ttl to 48h or more"],
    },
];

fn with_source(ext: Ext) -> Ext {
    ext.source(&records(2, 1));
    ext
}

/// A service with five objects on a server, changed for the worse.
fn with_redis(change: impl FnOnce(&Redis, Ext) -> Ext) -> Prepared {
    let redis = Redis::start();
    let ext = grown(&redis);
    let ext = change(&redis, ext);
    Some((ext, vec![Box::new(redis)]))
}

fn with_tls() -> Option<(Redis, Pki)> {
    let pki = Pki::new();
    has_tls().then(|| Redis::with_tls(&[], WithTls { pki: &pki, mutual: false })).map(|redis| (redis, pki))
}

/// A source that runs `command`, which is a file of this text and mode, or not there.
fn with_command(kind: &str, command: &str, file: Option<(&str, u32)>) -> Prepared {
    let redis = Redis::start();
    let ext = Ext::new(&redis).unset("source.path").set("source.kind", kind).set("source.command", json!([command]));
    if let Some((text, mode)) = file {
        ext.write(command, text);
        fs::set_permissions(ext.path(command), fs::Permissions::from_mode(mode)).expect("its mode");
    }
    Some((ext, vec![Box::new(redis)]))
}

#[test]
fn the_cause_is_named_first_in_each_of_them() {
    assert!(CASES.len() >= 15 && PASSWORD != "yesterday's");
    let mut wrong = Vec::new();
    for case in CASES {
        let Some((ext, kept)) = (case.prepare)() else { continue };
        let flags: &[&str] = if case.check == "schedule" { &["--schedule", "0 3 * * *"] } else { &[] };
        let outcome = examine_with(&ext, flags);
        let json = outcome.json();
        let first = &json["findings"][0];
        let has = |name: &str, words: &[&str]| {
            let text = first[name].as_str().unwrap_or_default();
            words.iter().all(|word| text.contains(word))
        };
        let is_named = first["severity"] == case.severity && first["check"] == case.check;
        if !(is_named && has("message", case.message) && has("hint", case.hint)) {
            wrong.push(format!("{}: {first}", case.name));
        }
        drop(kept);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
