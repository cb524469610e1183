//! Pushers that die in the middle of a request, or stand still there: what they hold is bounded and given back, nothing that
//! was there is lost, and whoever comes next is served.

use std::{thread, time::Duration};

use serde_json::json;

use super::{pushing, snapshot, started};
use crate::harness::{Peak, Pusher, Redis, always, eventually, ndjson, records};

/// Heads and beginnings of bodies, each torn off at some byte; no more of them comes.
fn torn_requests() -> Vec<Vec<u8>> {
    let put = "PUT /v1/objects/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{\"lost\": true, \"x\":1}";
    let lines = ndjson(&records(3, 9));
    let patch = format!(
        "PATCH /v1/objects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{lines}\r\n",
        lines.len()
    );
    let snapshot = patch.replace("PATCH /v1/objects", "POST /v1/snapshot");
    let mut torn = Vec::new();
    for (request, cuts) in [(put, 12), (patch.as_str(), 20), (snapshot.as_str(), 20)] {
        torn.extend((0..cuts).map(|n| request.as_bytes()[..request.len() * n / cuts].to_vec()));
    }
    // A chunk whose length is none, and one that is longer than it says.
    torn.push(b"POST /v1/snapshot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec());
    torn.push(
        b"POST /v1/snapshot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"id\":5}\r\n".to_vec(),
    );
    torn
}

#[test]
fn a_pusher_that_dies_anywhere_in_a_request_loses_nothing_and_holds_nothing() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let sidecar = started(&ext, &pusher);
    pusher.snapshot(&snapshot(30, 1)).expect(200);
    // The last answered one's may still be there.
    let idle = sidecar.sockets();
    let before = redis.raw_objects("hwinfo");
    for torn in torn_requests() {
        pusher.tear(&torn);
        // Nobody waits for those who died.
        pusher.ask("GET /v1/status", &[], b"").expect(200);
    }
    // A torn snapshot is a change: what it said in whole lines was written, and no more.
    eventually("whole lines of torn snapshots are there", || redis.object("hwinfo", "2").content()["revision"] == 9);
    let after = redis.raw_objects("hwinfo");
    assert_eq!(after.len(), 30, "nothing was removed");
    for (id, raw) in &before {
        let may_differ = matches!(id.as_str(), "1" | "2" | "3");
        assert!(may_differ || after[id] == *raw, "{id} was changed");
    }
    assert_eq!(redis.object("hwinfo", "1").content()["lost"], json!(null), "half a body is no content");
    let told = pusher.snapshot(&snapshot(30, 2)).expect(200).counts(&[("written", 30), ("removed", 0)]);
    assert_eq!(told.json["complete"], true);
    eventually("their connections are gone", || sidecar.sockets() <= idle);
    let said = sidecar.stop().expect(0).stderr;
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn many_half_bodies_at_once_are_bounded_in_memory() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let sidecar = started(&ext, &pusher);
    pusher.put("1", &json!({"revision": 1})).expect(200);
    let idle = sidecar.sockets();
    let peak = Peak::of(&sidecar);
    let first = peak.kib();
    // 50 x 16 MiB, were all of it taken at once.
    let line = format!("{{\"id\":7,\"content\":\"{}\"}}\n", "x".repeat(1 << 20));
    let head = format!("PATCH /v1/objects HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 16 << 20);
    let torn: Vec<_> = (0..50)
        .map(|_| {
            let (pusher, head, line) = (pusher.clone(), head.clone(), line.clone());
            thread::spawn(move || pusher.tear_slowly(head.as_bytes(), line.as_bytes(), 15, Duration::from_secs(3)))
        })
        .collect();
    // Small ones need no room, and are not held up.
    for revision in 2..12 {
        pusher.put("1", &json!({"revision": revision})).expect(200).counts(&[("written", 1)]);
    }
    for thread in torn {
        thread.join().expect("it ends");
    }
    eventually("their connections are gone", || sidecar.sockets() <= idle);
    let most = peak.kib();
    assert!(most < first + 150 * 1024, "{first} KiB at first, {most} KiB at the most");
    // The room is free again.
    let many = ndjson(&records(10_000, 1));
    pusher.ask("PATCH /v1/objects", &[], many.as_bytes()).expect(200).counts(&[("written", 10_000)]);
    sidecar.stop().expect(0);
}

#[test]
fn who_stands_still_in_a_head_makes_room_for_others() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let sidecar = started(&ext, &pusher);
    // As many as are served at a time; more than that wait for them.
    let still: Vec<_> = (0..64).map(|_| pusher.open(b"PUT /v1/objects/1 HTTP/1.1\r\nHo")).collect();
    pusher.put("2", &json!({"served": true})).expect(200).counts(&[("written", 1)]);
    drop(still);
    sidecar.stop().expect(0);
}

#[test]
fn what_only_the_spool_took_while_redis_was_slow_comes_there_without_a_restart() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    // So slow that nothing fails, and requests are answered out of the spool.
    let ext = ext
        .set("source.spool", "spool")
        .set("redis.timeout", "120s")
        .set("redis.connect_timeout", "120s")
        .set("writer.lease", "180s");
    let ext = ext.set("writer.heartbeat", "60s");
    let sidecar = started(&ext, &pusher);
    redis.pause();
    let asked: Vec<_> = (1..=60)
        .map(|id: u64| {
            let pusher: Pusher = pusher.clone();
            // So large that they do not all find room on their way to Redis.
            thread::spawn(move || pusher.put(&id.to_string(), &json!("x".repeat(200_000 + id as usize))).status)
        })
        .collect();
    let statuses: Vec<u16> = asked.into_iter().map(|asked| asked.join().expect("an answer")).collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 202)), "{statuses:?}");
    assert!(statuses.contains(&202), "it was not slow: {statuses:?}");
    redis.resume();
    eventually("all of it is there", || redis.count("hwinfo") == 60);
    sidecar.stop().expect(0);
}

#[test]
fn what_waited_on_its_way_does_not_come_over_what_the_spool_took_later() {
    let redis = Redis::start();
    let (ext, pusher) = pushing(&redis);
    let ext = ext.set("source.spool", "spool").set("redis.timeout", "120s").set("redis.connect_timeout", "120s");
    let ext = ext.set("writer.lease", "180s").set("writer.heartbeat", "60s");
    let sidecar = started(&ext, &pusher);
    redis.pause();
    // The first round fills every queue, and is answered out of the spool; so is the second, which finds no room in them.
    for letter in ["x", "y"] {
        let asked: Vec<_> = (1..=60)
            .map(|id: u64| {
                let pusher: Pusher = pusher.clone();
                thread::spawn(move || pusher.put(&id.to_string(), &json!(letter.repeat(200_000 + id as usize))).status)
            })
            .collect();
        let statuses: Vec<u16> = asked.into_iter().map(|asked| asked.join().expect("an answer")).collect();
        assert!(statuses.iter().filter(|status| **status == 202).count() > 50, "{letter}: {statuses:?}");
    }
    redis.resume();
    eventually("all of the second round is there", || {
        let objects = redis.objects("hwinfo");
        objects.len() == 60 && objects.into_values().all(|o| o.content().as_str().is_some_and(|t| t.starts_with('y')))
    });
    // And stays.
    always("nothing of the first round comes over it", Duration::from_secs(2), || {
        redis.objects("hwinfo").into_values().all(|o| o.content().as_str().is_some_and(|t| t.starts_with('y')))
    });
    sidecar.stop().expect(0);
}
