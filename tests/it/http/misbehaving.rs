//! Servers that misbehave: slow, cut, wrong, endless, in circles, hostile. Nothing is lost, memory is bounded, errors are clear.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use super::asking;
use crate::harness::{Body, Ext, Redis, Reply, Vitals, Web, record, records};

/// What a sidecar may have more in memory while it reads: a few blocks and buffers.
const ROOM_KIB: u64 = 48 * 1024;

/// Asks a server that answers with `reply`, after five good objects were written.
#[track_caller]
fn fails(reply: impl Fn() -> Reply + Send + Sync + 'static, expected: &str) {
    let redis = Redis::start();
    Ext::new(&redis).once_with(&records(5, 1)).expect(0);
    let web = Web::start(move |_| reply());
    let ext = asking(&redis, &web, "/x?key=s3cret").set("source.http.retries", 0).set("source.timeout", "3s");
    let outcome = ext.set("source.http.idle_timeout", "1s").set("source.http.max_body", "1MiB").once().expect(3);
    outcome.counts(&[("removed", 0)]);
    let error = &outcome.stderr;
    assert!(error.contains(expected) && error.contains("\"hint\":"), "not {expected:?}:\n{error}");
    assert!(!error.contains("s3cret"), "{error}");
    assert_eq!(redis.objects("hwinfo").len(), 5);
    assert_eq!(redis.descriptor("hwinfo")["status"], "failing");
}

fn good(count: u64) -> Vec<u8> {
    Value::from(records(count, 1)).to_string().into_bytes()
}

fn json_of(body: Body) -> Reply {
    Reply::of(200, "application/json", body)
}

#[test]
fn a_body_that_is_cut_off() {
    fails(|| json_of(Body::Cut(good(3), 5000)), "is cut off");
    fails(|| json_of(Body::Chunked(good(3))), "is cut off");
    let half = || good(3)[..400].to_vec();
    fails(move || json_of(Body::Whole(half())), "is cut off: its JSON array ends after element");
}

#[test]
fn a_body_that_stops_coming() {
    fails(|| json_of(Body::Stalled(b"[{\"id\":1,".to_vec())), "stopped coming");
}

#[test]
fn an_endless_body() {
    let line = format!("{}\n", record(1, 1));
    fails(move || json_of(Body::Endless(line.clone().into_bytes())), "has more than 1048576 bytes");
    fails(|| json_of(Body::Endless(vec![b' '; 4096])), "has more than 1048576 bytes");
}

#[test]
fn something_else_than_a_list() {
    let page = || Reply::of(200, "text/html; charset=utf-8", Body::Whole(b"<html>please log in</html>".to_vec()));
    fails(page, "answers with text/html, not with a list of objects");
    fails(|| json_of(Body::Whole(Vec::new())), "answers with nothing at all");
    fails(|| Reply::status(204), "answers with nothing at all");
    fails(|| Reply::status(304), "answers 304");
}

#[test]
fn statuses_that_are_errors() {
    for (status, expected) in [
        (400, "answers 400 Bad Request"),
        (401, "answers 401 Unauthorized"),
        (403, "answers 403 Forbidden"),
        (404, "answers 404 Not Found"),
        (429, "answers 429 Too Many Requests"),
        (500, "answers 500 Internal Server Error"),
        (503, "answers 503 Service Unavailable"),
    ] {
        fails(move || Reply::status(status), expected);
    }
    fails(|| Reply::of(200, "", Body::None), "cannot ask http://127.0.0.1");
}

#[test]
fn redirects_stay_on_the_server_and_end() {
    let redis = Redis::start();
    let other = Web::start(|_| Reply::json("[]"));
    let elsewhere = other.url("/");
    let web = Web::start(move |asked| match asked.path.as_str() {
        "/moved" => Reply::status(302).with("Location", "/list"),
        "/list" => Reply::json(Value::from(records(2, 1)).to_string()),
        "/away" => Reply::status(302).with("Location", elsewhere.clone()),
        path => Reply::status(302).with("Location", format!("{path}x")),
    });
    asking(&redis, &web, "/moved").once().expect(0).counts(&[("written", 2)]);
    let outcome = asking(&redis, &web, "/away").set("source.http.token", "s3cret-s3cret").once().expect(3);
    assert!(outcome.stderr.contains("it redirects to another server, 127.0.0.1"), "{}", outcome.stderr);
    assert_eq!(other.seen().len(), 0, "no secret reached it");
    let outcome = asking(&redis, &web, "/circle").once().expect(3);
    assert!(outcome.stderr.contains("it redirects again and again"), "{}", outcome.stderr);
}

#[test]
fn a_bomb_is_bounded() {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let line = vec![b' '; 1 << 20];
    out.write_all(b"[").expect("a buffer");
    for _ in 0..400 {
        out.write_all(&line).expect("a buffer");
    }
    let bomb = out.finish().expect("a buffer");
    assert!(bomb.len() < 4 << 20);
    let redis = Redis::start();
    Ext::new(&redis).once_with(&records(5, 1)).expect(0);
    let web = Web::start(move |_| json_of(Body::Whole(bomb.clone())).with("Content-Encoding", "gzip"));
    let ext = asking(&redis, &web, "/").set("source.http.max_body", "100MiB").briskly();
    let mut sidecar = ext.run();
    let (mut peak, pid) = (0, sidecar.pid());
    sidecar.wait_until("it is refused", || {
        peak = peak.max(Vitals::of(pid).rss_kib);
        redis.descriptor("hwinfo")["last_error"]["message"]
            .as_str()
            .is_some_and(|m| m.contains("has more than 104857600 bytes"))
    });
    assert!(peak < ROOM_KIB + 16 * 1024, "{peak} KiB");
    sidecar.stop().expect(0);
    assert_eq!(redis.objects("hwinfo").len(), 5);
    fails(
        || json_of(Body::Whole(b"this is no gzip".to_vec())).with("Content-Encoding", "gzip"),
        "cannot be decompressed",
    );
}

#[test]
fn a_list_without_an_end_takes_no_memory() {
    let redis = Redis::start();
    Ext::new(&redis).once_with(&records(5, 1)).expect(0);
    let lines: String = records(5, 1).iter().map(|record| format!("{record}\n")).collect();
    let web = Web::start(move |_| json_of(Body::Endless(lines.repeat(100).into_bytes())));
    let ext = asking(&redis, &web, "/").set("source.http.max_body", "200MiB").briskly();
    let mut sidecar = ext.run();
    let (mut peak, pid) = (0, sidecar.pid());
    sidecar.wait_until("it is refused", || {
        peak = peak.max(Vitals::of(pid).rss_kib);
        let error = redis.descriptor("hwinfo")["last_error"]["message"].clone();
        error.as_str().is_some_and(|text| text.contains("has more than 209715200 bytes"))
    });
    assert!(peak < ROOM_KIB + 16 * 1024, "{peak} KiB");
    sidecar.stop().expect(0);
    assert_eq!(redis.objects("hwinfo").len(), 5);
}

#[test]
fn a_failure_that_passes_is_asked_again_and_not_too_soon() {
    let redis = Redis::start();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let web = Web::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::status(503),
        1 => Reply::status(429).with("Retry-After", "1"),
        2 => Reply::of(200, "", Body::None),
        _ => Reply::json(Value::from(records(3, 1)).to_string()),
    });
    let begun = Instant::now();
    asking(&redis, &web, "/").once().expect(0).counts(&[("written", 3)]);
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it was to be left alone for a second");
}

#[test]
fn a_wait_that_is_too_long_is_left_to_the_next_pass() {
    fails(|| Reply::status(429).with("Retry-After", "3600"), "answers 429");
}

#[test]
fn a_list_that_goes_in_circles_or_shrinks_removes_nothing() {
    let redis = Redis::start();
    Ext::new(&redis).once_with(&records(5, 1)).expect(0);
    let web = Web::start(|asked| match asked.path.as_str() {
        "/circle" => Reply::json(Value::from(records(2, 1)).to_string()).with("Link", "</circle>; rel=next"),
        "/away" => Reply::json(Value::from(records(2, 1)).to_string()).with("Link", "<http://127.0.0.1:1/>; rel=next"),
        "/broken" => Reply::json(Value::from(records(2, 1)).to_string()).with("Link", "</gone>; rel=next"),
        _ => Reply::status(404),
    });
    for (path, expected) in [
        ("/circle", "goes on with a page that was there already"),
        ("/away", "goes on at another server"),
        ("/broken", "/gone answers 404"),
    ] {
        let outcome = asking(&redis, &web, path).once().expect(3);
        assert!(outcome.stderr.contains(expected), "{path}: {}", outcome.stderr);
        outcome.counts(&[("objects", 2), ("removed", 0)]);
        assert_eq!(redis.objects("hwinfo").len(), 5);
    }
}
