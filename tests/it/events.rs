//! A Redis Stream as the source: entries become objects, and are acknowledged when they are in Redis.

use crate::harness::{Ext, Redis, eventually};

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
