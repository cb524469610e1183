//! What readers miss and ask for is computed at once, once, and at a bounded rate; what the source does not know costs nothing.

mod servers;
mod sources;

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::harness::{Envelope, Ext, Redis, Running, Scrape, always, eventually, get, record, records};

const REQUESTS: &str = "ralphext:v1:hwinfo:@requests";

/// Prints a record for each of its arguments that is a number up to 999, and takes note of having been asked.
const ONE: &str = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\necho \"$*\" >> asked\n[ ! -e slow ] || sleep 0.5\n\
    for id in \"$@\"; do\n  [ ! -e \"bad-$id\" ] || exit 3\n  case $id in\n    *[!0-9]* | ????*) ;;\n    \
    *) echo \"{\\\"id\\\": $id, \\\"content\\\": {\\\"single\\\": true, \\\"rev\\\": \\\"$(cat rev 2>/dev/null)\\\"}}\" ;;\n  esac\ndone\n";

fn key(id: impl std::fmt::Display) -> String {
    format!("ralphext:v1:hwinfo:{id}")
}

/// A server that tells misses, with a user for them.
fn server() -> Redis {
    let redis = Redis::with(&["notify-keyspace-events Km"]);
    redis.grant(&["hwinfo", "--with", "misses,requests"]);
    redis
}

/// Passes and renewals come once an hour, so nothing here is their doing.
fn filling(redis: &Redis) -> Ext {
    Ext::brisk(redis).set("fill.misses", true).set("source.interval", "1h").set("verify.every", "1h")
}

/// A command for all objects, which names `1`, and one for single ones.
fn exec(redis: &Redis) -> Ext {
    let mut ext = filling(redis).script("exec", "cat objects.ndjson");
    ext.source(&records(1, 1));
    ext.write("one.sh", ONE);
    ext.change("source.object_command", json!(["sh", ext.path("one.sh").display().to_string()]));
    ext
}

/// Starts it, and waits until it listens to `servers`.
fn start(redis: &Redis, ext: &Ext, servers: u32) -> Running {
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(redis, "hwinfo", 1);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == f64::from(servers));
    sidecar
}

/// Ids that single objects were asked for with, in order.
fn asked(ext: &Ext) -> Vec<String> {
    let text = fs::read_to_string(ext.path("asked")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Misses the object, and waits until it is there.
#[track_caller]
fn miss(redis: &Redis, id: &str) -> Envelope {
    assert_eq!(redis.get(&key(id)), None, "{id} is missed");
    eventually("what was missed is there", || redis.cmd::<u64>(&["STRLEN", &key(id)]) > 0);
    redis.object("hwinfo", id)
}

/// Removes an object's key behind the sidecar, misses it, and waits until it is what it was.
#[track_caller]
fn lose(redis: &Redis, id: &str) {
    let before = redis.object("hwinfo", id);
    redis.cmd::<()>(&["DEL", &key(id)]);
    let now = miss(redis, id);
    assert_eq!(now.content(), before.content());
    assert!(now.version() > before.version());
}

#[test]
fn a_command_is_asked_for_what_is_missed_be_it_known_or_not() {
    let redis = server();
    let ext = exec(&redis);
    let mut sidecar = start(&redis, &ext, 1);
    assert_eq!(miss(&redis, "7").json["content"]["single"], true);
    redis.cmd::<()>(&["DEL", &key(1)]);
    assert_eq!(miss(&redis, "1").json["content"]["single"], true);
    lose(&redis, "7");
    assert_eq!(asked(&ext), ["7", "1", "7"]);
    let scrape = sidecar.scrape();
    assert_eq!(scrape.value("ralphext_fills_total", &[("outcome", "written")]), 3.0);
    assert_eq!(scrape.value("ralphext_fill_duration_seconds_count", &[]), 3.0);
    sidecar.stop().expect(0);
}

#[test]
fn a_thousand_misses_of_one_object_are_one_computation() {
    let redis = server();
    let ext = exec(&redis);
    ext.write("slow", "");
    let sidecar = start(&redis, &ext, 1);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut connection = redis.connect().expect("a connection");
                for _ in 0..50 {
                    redis::cmd("GET").arg(key(7)).query::<Option<String>>(&mut connection).expect("an answer");
                }
            });
        }
    });
    eventually("it is there", || redis.get(&key(7)).is_some());
    assert_eq!(asked(&ext), ["7"]);
    let ids: Vec<String> = (0..1000).map(|_| key(8)).collect();
    let words: Vec<&str> = ["MGET"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    redis.cmd::<Vec<Option<String>>>(&words);
    eventually("it is there", || redis.get(&key(8)).is_some());
    assert_eq!(asked(&ext), ["7", "8"]);
    sidecar.stop().expect(0);
}

#[test]
fn a_scan_over_a_hundred_thousand_unknown_ids_is_asked_for_at_the_rate_and_a_known_one_gets_through() {
    let redis = server();
    let mut ext = exec(&redis);
    ext.change("fill.max_rate", 10);
    let mut sidecar = start(&redis, &ext, 1);
    let begun = Instant::now();
    let mut connection = redis.connect().expect("a connection");
    for chunk in 0..100 {
        let mut pipe = redis::pipe();
        for n in 0..1000 {
            pipe.cmd("GET").arg(key(format_args!("nobody-{chunk}-{n}")));
        }
        pipe.query::<Vec<Option<String>>>(&mut connection).expect("answers");
        if chunk == 50 {
            redis.cmd::<()>(&["DEL", &key(1)]);
        }
        if chunk > 50 {
            redis.get(&key(1));
        }
    }
    eventually("what is known came through", || redis.get(&key(1)).is_some());
    sidecar.wait_for_metric("ralphext_fill_unknown_ids", &[], |n| n >= 10.0);
    let most = 10 + 10 * (begun.elapsed().as_secs() as usize + 1);
    let asked = asked(&ext);
    assert!(asked.len() <= most, "{} objects were asked for, {most} may be", asked.len());
    assert_eq!(asked.iter().filter(|id| *id == "1").count(), 1);
    let port = sidecar.port();
    sidecar.wait_until("the others are counted", || {
        let scrape = Scrape::parse(&get(port, "/metrics", "").body);
        let ignored = |reason| scrape.value("ralphext_fill_ignored_total", &[("reason", reason)]);
        ignored("limit") + ignored("lost") + ignored("unknown") > 99_900.0 - most as f64
    });
    sidecar.stop().expect(0);
}

#[test]
fn what_the_source_does_not_know_is_asked_for_once_until_a_snapshot_brings_it() {
    let redis = server();
    let mut ext = exec(&redis);
    ext.change("source.interval", "1s");
    ext.change("fill.unknown_for", "1h");
    let mut sidecar = start(&redis, &ext, 1);
    redis.get(&key("server-a"));
    sidecar.wait_for_metric("ralphext_fills_total", &[("outcome", "absent")], |n| n == 1.0);
    for _ in 0..100 {
        redis.get(&key("server-a"));
    }
    sidecar.wait_for_metric("ralphext_fill_ignored_total", &[("reason", "unknown")], |n| n >= 100.0);
    assert_eq!((asked(&ext).len(), sidecar.scrape().value("ralphext_fill_unknown_ids", &[])), (1, 1.0));
    // What is no object's id of this service is nothing at all.
    for other in ["ralphext:v1:tickets:1", "ralphext:v1:hwinfo:@nothing", "ralphext:v1:hwinfo:a b", "session:x"] {
        redis.get(other);
    }
    ext.source(&[record(1, 1), json!({"id": "server-a", "content": {"a": 1}})]);
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    sidecar.wait_for_metric("ralphext_fill_unknown_ids", &[], |n| n == 0.0);
    redis.cmd::<()>(&["DEL", &key("server-a")]);
    redis.get(&key("server-a"));
    eventually("it is asked for again", || asked(&ext).len() == 2);
    // The single command knows none of that name; the next pass does.
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    assert_eq!(asked(&ext), ["server-a", "server-a"]);
    sidecar.stop().expect(0);
}

#[test]
fn what_is_requested_by_list_or_channel_is_computed_anew() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--with", "requests"]);
    let mut ext = exec(&redis).unset("fill.misses").set("fill.requests", true);
    ext.change("fill.max_waiting", 50);
    let mut sidecar = start(&redis, &ext, 2);
    let rev = |id: &str, rev: &str| {
        eventually(&format!("{id} has revision {rev}"), || {
            redis.get(&key(id)).is_some_and(|raw| raw.contains(&format!("\"rev\":\"{rev}\"")))
        });
    };
    ext.write("rev", "one");
    redis.cmd::<()>(&["LPUSH", REQUESTS, "7"]);
    rev("7", "one");
    ext.write("rev", "two");
    redis.cmd::<()>(&["PUBLISH", REQUESTS, "7"]);
    rev("7", "two");
    redis.cmd::<()>(&["LPUSH", REQUESTS, "7", "not an id", "@lease", "8"]);
    rev("8", "two");
    sidecar.wait_for_metric("ralphext_fills_total", &[("outcome", "unchanged")], |n| n == 1.0);
    assert_eq!(asked(&ext).len(), 4, "{:?}", asked(&ext));
    // A list that nobody caps is capped.
    sidecar.wait_until("the list is taken", || redis.cmd::<u64>(&["EXISTS", REQUESTS]) == 0);
    let many: Vec<String> = (0..5000).map(|n| format!("nobody-{n}")).collect();
    let words: Vec<&str> = ["LPUSH", REQUESTS].into_iter().chain(many.iter().map(String::as_str)).collect();
    redis.cmd::<()>(&words);
    sidecar.wait_until("the list is short", || redis.cmd::<u64>(&["LLEN", REQUESTS]) <= 50);
    sidecar.wait_for_metric("ralphext_fill_ignored_total", &[("reason", "lost")], |n| n > 4000.0);
    sidecar.stop().expect(0);
}

#[test]
fn one_object_that_cannot_be_computed_does_not_hold_up_the_others() {
    let redis = server();
    let ext = exec(&redis);
    ext.write("bad-7", "");
    let mut sidecar = start(&redis, &ext, 1);
    redis.cmd::<Vec<Option<String>>>(&["MGET", &key(6), &key(7), &key(8), &key(9)]);
    for id in [6, 8, 9] {
        eventually("the others are there", || redis.cmd::<u64>(&["STRLEN", &key(id)]) > 0);
    }
    sidecar.wait_for_metric("ralphext_fills_total", &[("outcome", "failed")], |n| n == 1.0);
    assert_eq!(redis.get(&key(7)), None);
    always("it is not tried again and again", Duration::from_secs(1), || {
        redis.get(&key(7));
        asked(&ext).iter().filter(|id| *id == "7").count() <= 2
    });
    sidecar.stop().expect(0);
}

#[test]
fn what_is_missed_during_a_pass_is_computed_meanwhile_and_stays() {
    let redis = server();
    let mut ext = exec(&redis);
    ext.rescript("cat objects.ndjson; while [ ! -e go ]; do sleep 0.05; done");
    let mut sidecar = ext.run();
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 1.0);
    let seven = miss(&redis, "7");
    let one = redis.get(&key(1));
    ext.write("go", "");
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    assert!(one.is_none() || redis.get(&key(1)) == one);
    assert_eq!(redis.object("hwinfo", "7").raw, seven.raw, "the pass under way knew nothing of it");
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    sidecar.stop().expect(0);
}
