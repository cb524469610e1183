//! A Redis Stream as the source: entries become objects, in its order, and are acknowledged when they are in Redis.

use crate::harness::{Ext, Outcome, PASSWORD, Redis, Running, eventually, signal, user_of};

const STREAM: &str = "inventory-events";

fn reading(redis: &Redis) -> Ext {
    let ext = Ext::brisk(redis).unset("source.path").set("source.kind", "events").set("source.backoff_max", "1s");
    ext.set("source.events.stream", STREAM).set("source.events.url", redis.url())
}

fn add(redis: &Redis, fields: &[&str]) {
    let words = [&["XADD", STREAM, "*"], fields].concat();
    let _: String = redis.cmd(&words);
}

/// Entries that were given and not acknowledged.
fn pending(redis: &Redis) -> u64 {
    let answer: redis::Value = redis.cmd(&["XPENDING", STREAM, "ralphext-hwinfo"]);
    match answer {
        redis::Value::Array(parts) => match parts.first() {
            Some(redis::Value::Int(count)) => u64::try_from(*count).expect("a count"),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn entries_become_objects_and_are_acknowledged() {
    let redis = Redis::start();
    add(&redis, &["id", "1", "content", "{\"load\":1}"]);
    add(&redis, &["record", "{\"id\":2,\"content\":{\"load\":2}}"]);
    add(&redis, &["id", "3", "content", "<b>three</b>", "content_type", "html"]);
    let ext = reading(&redis);
    let mut sidecar = ext.run();
    sidecar.wait_until("what was there before is taken", || redis.objects("hwinfo").len() == 3);
    assert_eq!(redis.object("hwinfo", "1").content()["load"], 1);
    assert_eq!(redis.object("hwinfo", "3").json["content"], "<b>three</b>");
    // One that can never be taken does not stop the others.
    add(&redis, &["id", "a:b", "content", "{}"]);
    add(&redis, &["nonsense", "yes"]);
    add(&redis, &["id", "1", "deleted", "true"]);
    add(&redis, &["id", "4", "content", "{\"load\":4}"]);
    sidecar
        .wait_until("the rest is taken", || redis.objects("hwinfo").into_keys().collect::<Vec<_>>() == ["2", "3", "4"]);
    sidecar.wait_until("all is acknowledged", || pending(&redis) == 0);
    let stderr = sidecar.stop().expect(0).stderr;
    assert!(stderr.contains("id \\\"a:b\\\""), "{stderr}");
    assert!(stderr.contains("the consumer group was made"), "{stderr}");
}

#[test]
fn nothing_is_lost_over_kills() {
    let redis = Redis::start();
    let ext = reading(&redis);
    let mut sidecar = ext.run();
    for round in 0..5u32 {
        for id in 1..=300u32 {
            let content = format!("{{\"round\":{round}}}");
            add(&redis, &["id", &id.to_string(), "content", &content]);
            if id == 100 + round * 20 {
                std::mem::replace(&mut sidecar, ext.run()).kill();
            }
        }
    }
    sidecar.wait_until("every object is as it was said last", || {
        let objects = redis.objects("hwinfo");
        objects.len() == 300 && objects.values().all(|e| e.content()["round"] == 4)
    });
    sidecar.wait_until("all is acknowledged", || pending(&redis) == 0);
    sidecar.stop().expect(0);
}

/// Adds an entry that a process takes which was the writer before and does not know yet that it is not: in one step, so that
/// the sidecar, which waits for entries, does not get it.
fn add_taken_by_another(redis: &Redis, fields: &[&str]) {
    let mut both = redis::pipe();
    both.atomic().cmd("XADD").arg(STREAM).arg("*").arg(fields);
    both.cmd("XREADGROUP").arg("GROUP").arg("ralphext-hwinfo").arg("ralphext").arg("STREAMS").arg(STREAM).arg(">");
    both.query::<redis::Value>(&mut redis.connect().expect("a connection")).expect("an entry");
}

#[test]
fn an_older_entry_never_stands_over_a_newer_one() {
    let redis = Redis::start();
    add(&redis, &["id", "1", "content", "0"]);
    let ext = reading(&redis);
    let mut sidecar = ext.run();
    let is = |id: &str, content: u64| redis.objects("hwinfo").get(id).is_some_and(|e| *e.content() == content);
    sidecar.wait_until("it reads", || is("1", 0));
    // Nothing newer comes: it is taken over all the same.
    add_taken_by_another(&redis, &["id", "1", "content", "1"]);
    sidecar.wait_until("it has what another took", || is("1", 1));
    for newer in [2, 4, 6] {
        add_taken_by_another(&redis, &["id", "1", "content", &(newer - 1).to_string()]);
        add(&redis, &["id", "1", "content", &newer.to_string()]);
        add(&redis, &["id", "2", "content", &newer.to_string()]);
        sidecar.wait_until("it has the newest", || is("2", newer));
        sidecar.wait_until("nothing is left", || pending(&redis) == 0);
        assert!(is("1", newer), "what is older came later: {:?}", redis.object("hwinfo", "1").json);
    }
    sidecar.stop().expect(0);
}

#[test]
fn a_standby_goes_on_where_a_killed_writer_was_and_nothing_comes_late() {
    let redis = Redis::start();
    let others: Vec<Ext> = (0..4).map(|_| reading(&redis)).collect();
    let mut sidecars: Vec<_> = others.iter().map(Ext::run).collect();
    let mut revision = 0;
    while sidecars.len() > 1 {
        let is_writer = |e: &Running| {
            redis.get("ralphext:v1:hwinfo:@lease").is_some_and(|holder| holder.contains(&e.pid().to_string()))
        };
        eventually("one of them writes", || sidecars.iter().any(is_writer));
        let writer = sidecars.iter().position(is_writer).expect("one of them");
        for id in 1..=400u32 {
            revision += 1;
            add(&redis, &["id", &(id % 50).to_string(), "content", &revision.to_string()]);
            if id == 200 {
                signal(sidecars[writer].pid(), "KILL");
            }
        }
        sidecars.remove(writer).kill();
        let last = |id: u32| revision - (400 - if id == 0 { 400 } else { 350 + id });
        eventually("each object is as it was said last", || {
            let objects = redis.objects("hwinfo");
            (0..50u32).all(|id| objects.get(&id.to_string()).is_some_and(|e| *e.content() == last(id)))
        });
        eventually("all is acknowledged", || pending(&redis) == 0);
    }
    sidecars.remove(0).stop().expect(0);
}

#[test]
fn an_entry_has_no_snapshots() {
    let redis = Redis::start();
    let ext = reading(&redis);
    let mut sidecar = ext.run();
    for id in ["1", "2", "3"] {
        add(&redis, &["id", id, "content", "{}"]);
    }
    sidecar.wait_until("it reads", || redis.objects("hwinfo").len() == 3);
    // A snapshot that names one of three, if it were one.
    add(&redis, &["record", "{\"begin\":true}"]);
    add(&redis, &["id", "1", "content", "1"]);
    add(&redis, &["end", "true"]);
    sidecar.wait_until("it is read", || *redis.object("hwinfo", "1").content() == 1);
    sidecar.wait_until("all is acknowledged", || pending(&redis) == 0);
    assert_eq!(redis.count("hwinfo"), 3);
    let stderr = sidecar.stop().expect(0).stderr;
    assert!(stderr.contains("a snapshot's begin or end among changes"), "{stderr}");
}

/// Panics unless standard output or error contains each of `words`.
#[track_caller]
fn shows(outcome: &Outcome, words: &[&str]) {
    let all = outcome.all();
    assert!(words.iter().all(|word| all.contains(word)), "{words:?} are not all in it: {outcome}");
}

#[test]
fn the_rights_to_the_stream_are_printed_and_tried() {
    let redis = Redis::start();
    add(&redis, &["id", "1", "content", "{}"]);
    let before: redis::Value = redis.cmd(&["XINFO", "STREAM", STREAM]);
    let own = reading(&redis).unset("source.events.url");
    let missing = ["XREADGROUP inventory-events", "XACK inventory-events", "XGROUP CREATE inventory-events"];
    for line in missing {
        shows(&own.verb(&["check", "--connect"]).expect(4), &[&format!("refused hwinfo: {line}")]);
        shows(&own.verb(&["doctor"]).expect(1), &[line, "nothing comes in"]);
    }
    let line = own.verb(&["acl"]).expect(0).stdout;
    assert!(line.contains("(~inventory-events +xreadgroup +xack +xgroup|create)"), "{line}");
    let line = line.trim().replace("PASSWORD", PASSWORD);
    let words: Vec<&str> = line.split(' ').collect();
    // A selector is one word.
    let mut rules: Vec<String> = Vec::new();
    for word in words {
        match rules.last_mut() {
            Some(open) if open.starts_with('(') && !open.ends_with(')') => open.push_str(&format!(" {word}")),
            _ => rules.push(word.to_owned()),
        }
    }
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    assert_eq!(rules[2], user_of("hwinfo"));
    redis.cmd::<()>(&rules);
    own.verb(&["check", "--connect"]).expect(0);
    shows(&own.verb(&["doctor"]), &["stream: inventory-events may be read"]);
    assert_eq!(before, redis.cmd::<redis::Value>(&["XINFO", "STREAM", STREAM]), "looking changed something");
    let mut sidecar = own.run();
    sidecar.wait_until("it reads", || redis.objects("hwinfo").len() == 1);
    sidecar.stop().expect(0);
    // Another user reads it.
    redis.cmd::<()>(&["ACL", "SETUSER", "reader", "reset", "on", ">x", "~*", "+xack"]);
    let other = reading(&redis).unset("source.events.url").set("source.events.username", "reader");
    let other = other.set("source.events.password", "x");
    shows(&other.verb(&["check", "--connect"]).expect(4), &[missing[0], missing[2]]);
    assert!(!other.verb(&["acl"]).expect(0).stdout.contains("xack"));
    // Something else stands there.
    redis.cmd::<()>(&["SET", STREAM, "x"]);
    own.verb(&["check", "--connect"]).expect(4).says(&["inventory-events", "a stream"]);
    shows(&own.verb(&["doctor"]).expect(1), &["stream", "cannot be read"]);
}

#[test]
fn streams_that_are_trimmed_or_gone_are_told_and_go_on() {
    let redis = Redis::start();
    let ext = reading(&redis);
    let mut sidecar = ext.run();
    add(&redis, &["id", "1", "content", "{}"]);
    sidecar.wait_until("it reads", || redis.objects("hwinfo").len() == 1);
    sidecar.stop().expect(0);
    // Given to it, not acknowledged, and trimmed away meanwhile.
    add(&redis, &["id", "2", "content", "{}"]);
    let words = ["XREADGROUP", "GROUP", "ralphext-hwinfo", "ralphext", "STREAMS", STREAM, ">"];
    let _: redis::Value = redis.cmd(&words);
    assert_eq!(pending(&redis), 1);
    let _: u64 = redis.cmd(&["XTRIM", STREAM, "MAXLEN", "0"]);
    add(&redis, &["id", "3", "content", "{}"]);
    let mut sidecar = ext.run();
    sidecar.wait_until("it goes on", || redis.objects("hwinfo").len() == 2);
    sidecar.wait_until("nothing is left", || pending(&redis) == 0);
    // The stream is gone with its group.
    let _: u64 = redis.cmd(&["DEL", STREAM]);
    add(&redis, &["id", "4", "content", "{}"]);
    sidecar.wait_until("the group is made anew", || redis.objects("hwinfo").len() == 3);
    let stderr = sidecar.stop().expect(0).stderr;
    assert!(stderr.contains("entries were trimmed away before they were taken"), "{stderr}");
    // Without the right to it.
    let ext = ext.unset("source.events.url");
    let sidecar = ext.run();
    eventually("it is told", || {
        let error = redis.descriptor("hwinfo")["last_error"]["message"].as_str().unwrap_or_default().to_owned();
        error.contains("cannot read the stream") && error.to_lowercase().contains("permission")
    });
    drop(sidecar);
}
