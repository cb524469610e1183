//! Lists and objects that change while they are read, or between two passes: nothing that exists is removed, nothing is hidden.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{asking, list};
use crate::harness::{Act, Body, Ext, Proxy, Redis, Reply, Way, Web, record, records};

fn page(of: &[Value]) -> String {
    Value::from(of).to_string()
}

#[test]
fn an_object_that_goes_between_two_pages_takes_no_other_with_it() {
    let redis = Redis::start();
    Ext::new(&redis).once_with(&records(6, 1)).expect(0);
    // The first one went after the first page was read: the fourth is on none of them, and each page tells its own truth.
    let web = Web::start(|asked| {
        let all = records(6, 1);
        match asked.number("offset") {
            0 => Reply::json(json!({"count": 6, "next": "?offset=3", "results": &all[..3]}).to_string()),
            _ => Reply::json(json!({"count": 5, "next": null, "results": &all[4..]}).to_string()),
        }
    });
    let ext = asking(&redis, &web, "/").set("source.http.paging", "next").set("source.items", "/results");
    let outcome = ext.once().expect(0);
    outcome.counts(&[("objects", 5), ("removed", 0)]);
    assert_eq!(outcome.json()["complete"], false);
}

#[test]
fn an_object_that_moves_to_the_front_takes_no_other_with_it() {
    let redis = Redis::start();
    Ext::new(&redis).once_with(&records(6, 1)).expect(0);
    // Sorted by time of change, and the sixth changed after the first page: the third comes again, the sixth not at all.
    let web = Web::start(|asked| {
        let all = records(6, 1);
        match asked.number("page") {
            2 => Reply::json(page(&all[2..5])),
            _ => Reply::json(page(&all[..3])).with("Link", "</?page=2>; rel=next"),
        }
    });
    let outcome = asking(&redis, &web, "/").once().expect(0);
    outcome.counts(&[("objects", 5), ("removed", 0)]);
    assert_eq!(outcome.json()["complete"], false);
    assert!(outcome.stderr.contains("the pages shifted while they were read"), "{}", outcome.stderr);
}

#[test]
fn a_server_that_gives_fewer_than_it_is_asked_for_is_asked_on() {
    for lines in [false, true] {
        let redis = Redis::start();
        let web = Web::start(move |asked| {
            let all = records(6, 1);
            let from = asked.number("offset").min(6);
            let page = &all[from..(from + 2).min(6)];
            if lines {
                let text: String = page.iter().map(|record| format!("{record}\n")).collect();
                Reply::of(200, "application/x-ndjson", Body::Whole(text.into_bytes()))
            } else {
                Reply::json(self::page(page))
            }
        });
        let ext = asking(&redis, &web, "/").set("source.http.paging", "offset").set("source.http.page_size", 1000);
        let outcome = ext.once().expect(0);
        outcome.counts(&[("objects", 6), ("written", 6)]);
        assert_eq!(outcome.json()["complete"], true);
        assert_eq!(web.paths().len(), 4, "asked until nothing came");
    }
}

#[test]
fn a_list_that_grows_a_second_page_is_not_hidden_by_a_304() {
    let redis = Redis::start();
    let pages = Arc::new(AtomicUsize::new(1));
    let current = pages.clone();
    let web = Web::start(move |asked| {
        let all = records(6, 1);
        let more = current.load(Ordering::Relaxed) == 2;
        if asked.number("page") == 2 {
            return Reply::json(page(&all[3..]));
        }
        let reply = match asked.header("if-none-match") {
            "\"first\"" => Reply::status(304),
            _ => Reply::json(page(&all[..3])).with("ETag", "\"first\""),
        };
        if more { reply.with("Link", "</?page=2>; rel=next") } else { reply }
    });
    let ext = asking(&redis, &web, "/").briskly();
    let mut sidecar = ext.run();
    let conditional = || web.seen().iter().any(|asked| !asked.header("if-none-match").is_empty());
    sidecar.wait_until("it was asked with the validator", conditional);
    assert_eq!(redis.objects("hwinfo").len(), 3);
    pages.store(2, Ordering::Relaxed);
    sidecar.wait_until("the second page is there", || redis.objects("hwinfo").len() == 6);
    sidecar.stop().expect(0);
}

#[test]
fn a_list_without_an_etag_is_recognised_by_its_bytes() {
    let redis = Redis::start();
    let rev = Arc::new(AtomicUsize::new(1));
    let current = rev.clone();
    let web = Web::start(move |_| Reply::json(list(20, current.load(Ordering::Relaxed) as u64)));
    let ext = asking(&redis, &web, "/").briskly();
    let mut sidecar = ext.run();
    let asked = || web.seen().len();
    sidecar.wait_until("it came as it was", || asked() >= 5);
    sidecar.wait_until("that is told as a complete pass in which nothing changed", || {
        let descriptor = redis.descriptor("hwinfo");
        let pass = &descriptor["last_pass"];
        descriptor["status"] == "ok"
            && (&pass["complete"], &pass["skipped"], &pass["objects"]) == (&json!(true), &json!(20), &json!(20))
    });
    for all in [false, true] {
        if all {
            redis.flush();
        } else {
            redis.cmd::<u64>(&["DEL", "ralphext:v1:hwinfo:3", "ralphext:v1:hwinfo:@canary"]);
        }
        sidecar.wait_until("what Redis lost comes back", || redis.objects("hwinfo").len() == 20);
        let before = asked();
        sidecar.wait_until("and the list as it was", || asked() >= before + 4);
    }
    rev.store(2, Ordering::Relaxed);
    sidecar.wait_until("a change is seen", || {
        redis.objects("hwinfo").into_values().all(|object| object.content()["revision"] == 2)
    });
    sidecar.stop().expect(0);
}

#[test]
fn an_object_that_was_away_and_one_that_was_refused_are_asked_for_anew() {
    let redis = Redis::start();
    let phase = Arc::new(AtomicUsize::new(0));
    let current = phase.clone();
    let web = Web::start(move |asked| {
        let phase = current.load(Ordering::Relaxed);
        let id = asked.path.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
        if id == 1 && phase == 1 {
            return Reply::status(404);
        }
        let etag = if id == 2 && phase < 2 { "\"bad\"" } else { "\"good\"" };
        if asked.header("if-none-match") == etag {
            return Reply::status(304);
        }
        let reply = if etag == "\"bad\"" {
            Reply::json("this is no JSON")
        } else {
            Reply::json(record(id, 1)["content"].to_string())
        };
        reply.with("ETag", etag)
    });
    let ext = Ext::new(&redis).unset("source.path").set("source.kind", "http").set("source.interval", "100ms");
    let ext = ext.set("source.http.object_url", web.url("/objects/{id}"));
    let ids: Vec<String> = (1..=9).map(|id| id.to_string()).collect();
    let ext = ext.set("source.http.ids", json!(ids)).set("limits.max_failed", "50%");
    let mut sidecar = ext.run();
    sidecar.wait_until("eight are there", || redis.objects("hwinfo").len() == 8);
    // A 304 of what was refused is no less refused.
    let confirmed = || web.seen().iter().filter(|a| a.header("if-none-match") == "\"bad\"").count();
    sidecar.wait_until("the refused one was confirmed a few times", || confirmed() >= 3);
    assert_eq!(redis.descriptor("hwinfo")["counts"]["failed"], 1, "{}", redis.descriptor("hwinfo"));
    phase.store(1, Ordering::Relaxed);
    sidecar.wait_until("the first is gone", || redis.objects("hwinfo").len() == 7);
    phase.store(2, Ordering::Relaxed);
    sidecar.wait_until("both are there", || redis.objects("hwinfo").len() == 9);
    sidecar.stop().expect(0);
}

#[test]
fn a_login_page_is_nobodys_content() {
    let redis = Redis::start();
    let web = Web::start(|asked| match asked.path.as_str() {
        "/signin" => Reply::of(200, "text/html", Body::Whole(b"<form>who are you?</form>".to_vec())),
        "/objects/1" => Reply::status(302).with("Location", "/objects/1/"),
        "/objects/1/" => Reply::of(200, "text/html", Body::Whole(b"<b>one</b>".to_vec())),
        _ => Reply::status(302).with("Location", "/signin"),
    });
    let ext = Ext::new(&redis).unset("source.path").set("source.kind", "http");
    let ext = ext.set("source.http.object_url", web.url("/objects/{id}"));
    let ext = ext.set("source.http.ids", json!(["1"]));
    ext.once().expect(0).counts(&[("written", 1)]);
    let outcome = ext.set("source.http.ids", json!(["1", "2", "3"])).once().expect(3);
    assert!(outcome.stderr.contains("leads to /signin"), "{}", outcome.stderr);
    assert_eq!(redis.objects("hwinfo").into_keys().collect::<Vec<_>>(), ["1"]);
}

#[test]
fn what_a_slow_redis_costs_is_not_the_servers_time() {
    let redis = Redis::start();
    let proxy = Proxy::to(&redis);
    let web = Web::start(|asked| match asked.path.as_str() {
        "/list" => {
            let mut text = list(20_000, 1).into_bytes();
            let end = text.split_off(text.len() - 100);
            Reply::of(200, "application/json", Body::Paused(text, Duration::from_millis(300), end))
        }
        _ => {
            let end = format!("{}\"}}", "x".repeat(30_000)).into_bytes();
            let begin = format!("{{\"text\":\"{}", "x".repeat(30_000)).into_bytes();
            Reply::of(200, "application/json", Body::Paused(begin, Duration::from_millis(100), end))
        }
    });
    let of_list = asking(&redis, &web, "/list");
    let ids: Vec<String> = (1..=200).map(|id| id.to_string()).collect();
    let of_objects = Ext::new(&redis).unset("source.path").set("source.kind", "http");
    let of_objects = of_objects.set("source.http.object_url", web.url("/{id}")).set("source.http.ids", json!(ids));
    for (ext, count) in [(of_list, 20_000), (of_objects, 200)] {
        redis.flush();
        proxy.trap(Way::Up, b"$3\r\nSET\r\n", 1_500_000, Act::Hold);
        let ext = ext.set("redis.url", proxy.url()).set("redis.timeout", "20s").set("redis.max_in_flight", "1MiB");
        let ext = ext.set("source.timeout", "2s").set("source.http.idle_timeout", "2s");
        thread::scope(|scope| {
            scope.spawn(|| {
                proxy.wait_until_held();
                thread::sleep(Duration::from_secs(4));
                proxy.release();
            });
            ext.once().expect(0).counts(&[("objects", count), ("written", count)]);
        });
    }
}
