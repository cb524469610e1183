//! A server as the source: lists, pages, validators, single objects, secrets, certificates.

mod changing;
mod misbehaving;

use std::{
    io::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{Asked, Body, Ext, Pki, Redis, Reply, Web, record, records};

/// An extension that asks `web` for `path`.
pub fn asking(redis: &Redis, web: &Web, path: &str) -> Ext {
    Ext::new(redis).unset("source.path").set("source.kind", "http").set("source.http.url", web.url(path))
}

fn list(count: u64, rev: u64) -> String {
    Value::from(records(count, rev)).to_string()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).expect("a buffer");
    out.finish().expect("a buffer")
}

/// A frame of stored blocks (RFC 8878, section 3.1.1).
fn zstd(text: &str) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.extend((text.len() as u32).to_le_bytes());
    let mut blocks = text.as_bytes().chunks(1000).peekable();
    while let Some(block) = blocks.next() {
        let head = (block.len() as u32) << 3 | u32::from(blocks.peek().is_none());
        out.extend(&head.to_le_bytes()[..3]);
        out.extend(block);
    }
    out
}

#[test]
fn a_list_in_every_form() {
    let redis = Redis::start();
    let lines: String = records(5, 1).iter().map(|r| format!("{r}\n")).collect();
    let document = json!({"status": "ok", "data": {"objects": records(5, 1)}, "total": 5}).to_string();
    let web = Web::start(move |asked| match asked.path.as_str() {
        "/array" => Reply::json(list(5, 1)),
        "/lines" => Reply::of(200, "application/x-ndjson", Body::Whole(lines.clone().into_bytes())),
        "/document" => Reply::json(document.clone()),
        "/gzip" => Reply::of(200, "application/json", Body::Whole(gzip(&list(5, 1)))).with("Content-Encoding", "gzip"),
        "/zstd" => Reply::of(200, "application/json", Body::Whole(zstd(&list(5, 1)))).with("Content-Encoding", "zstd"),
        _ => Reply::status(404),
    });
    asking(&redis, &web, "/array").once().expect(0).counts(&[("written", 5), ("objects", 5)]);
    for path in ["/lines", "/gzip", "/zstd"] {
        let outcome = asking(&redis, &web, path).once().expect(0);
        outcome.counts(&[("written", 0), ("objects", 5)]);
        assert_eq!(outcome.json()["complete"], true, "{path}");
    }
    let ext = asking(&redis, &web, "/document").set("source.items", "/data/objects");
    ext.once().expect(0).counts(&[("written", 0), ("objects", 5)]);
    assert!(web.seen().iter().all(|asked| asked.header("accept-encoding").contains("zstd")));
    assert!(web.seen()[0].header("user-agent").starts_with("ralphext/"));
}

/// Ten records, three a page, in the way that the path says.
fn paged(asked: &Asked) -> Reply {
    let all = records(10, 1);
    let from = asked.number("offset") + asked.number("cursor");
    let to = (from + 3).min(all.len());
    let page = &all[from.min(to)..to];
    let next = (to < all.len()).then_some(to);
    let host = asked.header("host");
    match asked.path.split('?').next().unwrap_or_default() {
        "/link" => {
            let reply = Reply::json(Value::from(page).to_string());
            match next {
                Some(next) => {
                    reply.with("Link", format!("</link?offset=0>; rel=\"first\", </link?offset={next}>; rel=\"next\""))
                }
                None => reply,
            }
        }
        "/next" => {
            let next = next.map(|next| format!("http://{host}/next?offset={next}"));
            Reply::json(json!({"count": 10, "next": next, "results": page}).to_string())
        }
        "/cursor" => {
            Reply::json(json!({"items": page, "meta": {"next": next.map(|next| next.to_string())}}).to_string())
        }
        "/offset" => Reply::json(json!({"items": page, "count": 10}).to_string()),
        _ => Reply::status(404),
    }
}

#[test]
fn pages_are_one_snapshot() {
    let redis = Redis::start();
    let web = Web::start(paged);
    asking(&redis, &web, "/link").once().expect(0).counts(&[("written", 10), ("objects", 10)]);
    let next = asking(&redis, &web, "/next").set("source.http.paging", "next").set("source.items", "/results");
    let cursor = asking(&redis, &web, "/cursor").set("source.http.paging", "cursor").set("source.items", "/items");
    let cursor = cursor.set("source.http.next_at", "/meta/next");
    let offset = asking(&redis, &web, "/offset").set("source.http.paging", "offset").set("source.items", "/items");
    let offset = offset.set("source.http.page_size", 3);
    for ext in [next, cursor, offset] {
        let outcome = ext.once().expect(0);
        outcome.counts(&[("written", 0), ("objects", 10), ("removed", 0)]);
        assert_eq!(outcome.json()["complete"], true);
    }
    assert_eq!(web.paths().len(), 16);
}

#[test]
fn pages_that_shift_remove_nothing() {
    let redis = Redis::start();
    let web = Web::start(|asked| {
        // One object was removed between the pages, so another one is on none of them.
        let (from, to) = if asked.number("offset") == 0 { (0, 3) } else { (4, 6) };
        let next = (from == 0).then_some("?offset=3");
        Reply::json(json!({"count": 6, "next": next, "results": &records(6, 1)[from..to]}).to_string())
    });
    let ext = Ext::new(&redis);
    ext.once_with(&records(6, 1)).expect(0);
    let ext = asking(&redis, &web, "/").set("source.http.paging", "next").set("source.items", "/results");
    let outcome = ext.once().expect(0);
    outcome.counts(&[("objects", 5), ("removed", 0)]);
    assert_eq!(outcome.json()["complete"], false);
    assert_eq!(redis.objects("hwinfo").len(), 6);
}

#[test]
fn a_304_is_a_complete_unchanged_snapshot() {
    let redis = Redis::start();
    let rev = Arc::new(AtomicUsize::new(1));
    let current = rev.clone();
    let web = Web::start(move |asked| {
        let rev = current.load(Ordering::Relaxed) as u64;
        let etag = format!("\"{rev}\"");
        if asked.header("if-none-match") == etag {
            return Reply::status(304);
        }
        Reply::json(list(20, rev)).with("ETag", etag)
    });
    let ext = asking(&redis, &web, "/").briskly();
    let mut sidecar = ext.run();
    sidecar.wait_until("all is there", || redis.objects("hwinfo").len() == 20);
    let conditional = |web: &Web| web.seen().iter().filter(|asked| !asked.header("if-none-match").is_empty()).count();
    sidecar.wait_until("it was asked twice with the validator", || conditional(&web) >= 2);
    let version = redis.object("hwinfo", "3").version();
    sidecar.wait_until("that counts as a success", || {
        let descriptor = redis.descriptor("hwinfo");
        let pass = &descriptor["last_pass"];
        pass["complete"] == true && pass["skipped"] == 20 && pass["bytes_written"] == 0 && descriptor["status"] == "ok"
    });
    assert_eq!(redis.object("hwinfo", "3").version(), version);
    // What Redis lost comes back: the validator is dropped.
    redis.cmd::<u64>(&["DEL", "ralphext:v1:hwinfo:3", "ralphext:v1:hwinfo:@canary"]);
    sidecar.wait_until("it is back", || redis.objects("hwinfo").len() == 20);
    rev.store(2, Ordering::Relaxed);
    sidecar.wait_until("a change is seen", || redis.object("hwinfo", "3").content()["revision"] == 2);
    sidecar.stop().expect(0);
}

#[test]
fn a_time_of_change_does_where_there_is_no_etag() {
    let redis = Redis::start();
    let rev = Arc::new(AtomicUsize::new(1));
    let current = rev.clone();
    let web = Web::start(move |asked| {
        let rev = current.load(Ordering::Relaxed);
        let changed = format!("Mon, 30 Nov 2026 10:00:0{rev} GMT");
        match asked.header("if-modified-since") == changed {
            true => Reply::status(304),
            false => Reply::json(list(20, rev as u64)).with("Last-Modified", changed),
        }
    });
    let ext = asking(&redis, &web, "/").briskly();
    let mut sidecar = ext.run();
    let since = |web: &Web| web.seen().iter().filter(|asked| !asked.header("if-modified-since").is_empty()).count();
    sidecar.wait_until("it was asked three times for what changed since", || since(&web) >= 3);
    sidecar.wait_until("that is a complete pass", || {
        let pass = &redis.descriptor("hwinfo")["last_pass"];
        pass["complete"] == true && pass["skipped"] == 20
    });
    rev.store(2, Ordering::Relaxed);
    sidecar.wait_until("a change is seen", || redis.object("hwinfo", "3").content()["revision"] == 2);
    sidecar.stop().expect(0);
}

#[test]
fn requests_keep_their_distance() {
    let redis = Redis::start();
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = times.clone();
    let web = Web::start(move |_| {
        seen.lock().expect("the times").push(Instant::now());
        Reply::json("{}")
    });
    let took = || {
        let times = std::mem::take(&mut *times.lock().expect("the times"));
        assert_eq!(times.len(), 6);
        *times.last().expect("six") - times[0]
    };
    let ext = Ext::new(&redis).unset("source.path").set("source.kind", "http").set("source.http.ids_file", "ids.txt");
    let ext = ext.set("source.http.object_url", web.url("/{id}"));
    ext.write("ids.txt", "1\n2\n\n3\r\n 4 \n5\n6\n6\n");
    let ext = ext.set("source.http.rate", 4);
    ext.once().expect(0).counts(&[("objects", 6), ("written", 6)]);
    // Half of it, as the first request may be late on a busy machine.
    assert!(took() >= Duration::from_millis(625), "four a second");
    let ext = ext.unset("source.http.rate").set("source.http.spread", "2s");
    ext.once().expect(0).counts(&[("objects", 6), ("skipped", 6)]);
    assert!(took() >= Duration::from_millis(800), "over two seconds");
    ext.write("ids.txt", "1\na b\n");
    let outcome = ext.once().expect(1);
    outcome.counts(&[("objects", 2), ("failed", 1), ("removed", 0)]);
    assert!(outcome.stderr.contains("ids.txt:2"), "{}", outcome.stderr);
}

#[test]
fn one_request_for_each_object() {
    let redis = Redis::start();
    let gone = Arc::new(AtomicUsize::new(0));
    let missing = gone.clone();
    let web = Web::start(move |asked| {
        let Some(id) = asked.path.strip_prefix("/objects/").and_then(|id| id.parse::<u64>().ok()) else {
            return Reply::json(json!([{"key": 1}, {"key": "2"}, 3, {"key": 4}, {"name": "none"}]).to_string());
        };
        match id {
            1 if missing.load(Ordering::Relaxed) == 1 => Reply::status(404),
            2 => Reply::of(200, "text/html; charset=utf-8", Body::Whole(b"<b>two</b><script>x()</script>".to_vec())),
            3 => Reply::of(200, "application/pdf", Body::Whole(b"%PDF-1.4\xff".to_vec())),
            4 if missing.load(Ordering::Relaxed) == 1 => Reply::status(500),
            _ if asked.header("if-none-match") == "\"e\"" => Reply::status(304),
            _ => Reply::json(record(id, 1)["content"].to_string()).with("ETag", "\"e\""),
        }
    });
    let ext = Ext::new(&redis).unset("source.path").set("source.kind", "http").set("source.http.retries", 0);
    let ext =
        ext.set("source.http.object_url", web.url("/objects/{id}")).set("source.http.ids", json!(["1", "2", "3", "4"]));
    ext.once().expect(0).counts(&[("written", 4), ("failed", 0)]);
    assert_eq!(redis.object("hwinfo", "2").json["content"], "<b>two</b>");
    assert_eq!(redis.object("hwinfo", "3").json["encoding"], "base64");
    gone.store(1, Ordering::Relaxed);
    let outcome = ext.once().expect(1);
    outcome.counts(&[("written", 0), ("failed", 1), ("removed", 1)]);
    assert!(outcome.stderr.contains("answers 500"), "{}", outcome.stderr);
    assert_eq!(redis.objects("hwinfo").into_keys().collect::<Vec<_>>(), ["2", "3", "4"]);
    // The list may be asked for, too; an item without an id may be any object, so nothing is removed.
    gone.store(0, Ordering::Relaxed);
    let ext = ext.unset("source.http.ids").set("source.http.url", web.url("/list")).set("source.http.id_at", "/key");
    ext.once().expect(1).counts(&[("written", 1), ("failed", 1), ("removed", 0)]);
    // In a sidecar, each object has a validator of its own.
    let ext = ext.set("source.http.ids", json!(["1", "4"])).unset("source.http.url").briskly();
    let mut sidecar = ext.run();
    let confirmed = |id: &str| web.seen().iter().any(|a| a.path.ends_with(id) && !a.header("if-none-match").is_empty());
    sidecar.wait_until("both are confirmed by a 304", || confirmed("/1") && confirmed("/4"));
    sidecar.stop().expect(0);
}

#[test]
fn secrets_are_sent_and_never_shown() {
    let redis = Redis::start();
    let web = Web::start(|asked| match (asked.path.as_str(), asked.header("authorization")) {
        ("/bearer", "Token s3cret-bearer") | ("/basic", "Basic dTpzM2NyZXQ=") => Reply::json(list(1, 1)),
        ("/header", _) if asked.header("x-api-key") == "s3cret-key" => Reply::json(list(1, 1)),
        _ => Reply::status(401),
    });
    let bearer =
        asking(&redis, &web, "/bearer").set("source.http.token_file", "token").set("source.http.token_scheme", "Token");
    bearer.write("token", "s3cret-bearer\n");
    bearer.once().expect(0);
    let basic = asking(&redis, &web, "/basic").set("source.http.username", "u").set("source.http.password_file", "pw");
    basic.write("pw", "s3cret");
    basic.once().expect(0);
    let header = asking(&redis, &web, "/header").set("source.http.header_files.X-Api-Key", "key");
    header.write("key", "s3cret-key");
    header.once().expect(0);
    let wrong = bearer.flag("--set").flag("log.level=debug");
    wrong.write("token", "s3cret-wrong");
    let outcome = wrong.once().expect(3);
    assert!(outcome.stderr.contains("/bearer answers 401 Unauthorized"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("the token or password is wrong"), "{}", outcome.stderr);
    assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains("s3cret"), "{}", outcome.stderr);
    wrong.write("token", "");
    let outcome = wrong.once().expect(3);
    assert!(outcome.stderr.contains("it is empty"), "{}", outcome.stderr);
}

#[test]
fn certificates_are_checked_and_shown() {
    let redis = Redis::start();
    let pki = Pki::new();
    let web = Web::tls(&pki, false, |_| Reply::json(list(3, 1)));
    let ext = asking(&redis, &web, "/");
    let outcome = ext.once().expect(3);
    assert!(outcome.stderr.contains("not signed by an authority that is trusted here"), "{}", outcome.stderr);
    let ext = ext.set("source.http.ca", pki.ca().display().to_string());
    ext.once().expect(0).counts(&[("written", 3)]);

    let mutual = Web::tls(&pki, true, |_| Reply::json(list(3, 1)));
    let ext = ext.set("source.http.url", mutual.url("/")).set("source.http.retries", 0);
    let outcome = ext.once().expect(3);
    assert!(outcome.stderr.contains("client certificate"), "{}", outcome.stderr);
    let pair = pki.issue("client", &["client"]);
    let ext = ext.set("source.http.cert", pair.cert.display().to_string());
    let ext = ext.set("source.http.key", pair.key.display().to_string());
    ext.once().expect(0).counts(&[("written", 0), ("objects", 3)]);
}

#[test]
fn requests_go_through_a_proxy() {
    let redis = Redis::start();
    // A proxy is asked with the whole address.
    let web = Web::start(|asked| match asked.path.starts_with("http://inventory.invalid/") {
        true => Reply::json(list(2, 1)),
        false => Reply::status(400),
    });
    let ext = asking(&redis, &web, "/").set("source.http.url", "http://inventory.invalid/list");
    let proxied = ext.set("source.http.proxy", web.url(""));
    proxied.once().expect(0).counts(&[("written", 2)]);
    let environment =
        proxied.unset("source.http.proxy").env("HTTP_PROXY", &web.url("")).env("http_proxy", &web.url(""));
    environment.once().expect(0).counts(&[("written", 0), ("objects", 2)]);
    let none = environment.set("source.http.proxy", "none").set("source.http.retries", 0);
    let outcome = none.once().expect(3);
    assert!(outcome.stderr.contains("cannot ask http://inventory.invalid/list"), "{}", outcome.stderr);
}
