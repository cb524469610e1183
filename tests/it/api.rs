//! The API for operators, on real sidecars: what it tells is what Redis and the source have, as its published description says;
//! and who may ask.

/// What is asked in forms that nobody meant, by other sites, by strangers.
pub mod strangers;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    thread,
};

use serde_json::{Value, json};

use crate::harness::{
    Answered, DEADLINE, Ext, Pusher, Redis, Reply, Running, Web, eventually, record, records, repository,
};

/// The page of `ext` on a unix socket, and who asks there.
fn paged(ext: Ext) -> (Ext, Pusher) {
    let ext = ext.set("admin.page_listen", "unix:page.sock");
    let page = Pusher::Unix(ext.path("page.sock"));
    (ext, page)
}

fn status_of(page: &Pusher) -> Option<Value> {
    page.try_ask("GET /api/v1/status", &[], b"").ok().map(|answered| answered.json)
}

/// Starts it and waits until it has written `count` objects.
fn started(ext: &Ext, page: &Pusher, count: u64) -> Running {
    let mut sidecar = ext.run();
    sidecar.wait_until("it wrote", || status_of(page).is_some_and(|status| status["services"][0]["objects"] == count));
    sidecar
}

/// Panics unless the answer is as the published description says.
#[track_caller]
pub fn described(method: &str, path: &str, answered: &Answered) {
    let text = std::fs::read_to_string(repository().join("schemas/api.v1.openapi.json")).expect("the document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let response = &document["paths"][path][method]["responses"][answered.status.to_string()];
    assert!(response.is_object(), "{} is not described for {method} {path}: {answered:?}", answered.status);
    let schema = &response["content"]["application/json"]["schema"];
    let whole = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::validator_for(&whole).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&answered.json).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{answered:?}");
}

#[track_caller]
fn list(page: &Pusher, query: &str) -> (Vec<Value>, Option<String>) {
    let answered = page.ask(&format!("GET /api/v1/objects?{query}"), &[], b"").expect(200);
    described("get", "/api/v1/objects", &answered);
    let objects = answered.json["objects"].as_array().expect("a list").clone();
    (objects, answered.json["cursor"].as_str().map(str::to_owned))
}

/// All ids that a query leads to, cursor by cursor.
fn ids(page: &Pusher, query: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let (objects, next) = list(page, &format!("{query}&cursor={cursor}"));
        found.extend(objects.iter().map(|o| o["object_id"].as_str().expect("an id").to_owned()));
        match next {
            Some(next) => cursor = next,
            None => return found,
        }
    }
}

#[track_caller]
fn object(page: &Pusher, id: &str) -> Value {
    let answered = page.ask(&format!("GET /api/v1/objects/{id}"), &[], b"").expect(200);
    described("get", "/api/v1/objects/{id}", &answered);
    answered.json
}

#[track_caller]
fn refresh(page: &Pusher, id: &str) -> Answered {
    let answered = page.ask(&format!("POST /api/v1/objects/{id}:refresh"), &[], b"");
    described("post", "/api/v1/objects/{id}:refresh", &answered);
    answered
}

fn decisions(object: &Value) -> Vec<&str> {
    object["decisions"].as_array().expect("a list").iter().map(|d| d["decision"].as_str().expect("a word")).collect()
}

#[test]
fn objects_are_listed_searched_and_shown_as_they_are_in_redis() {
    let redis = Redis::start();
    let (ext, page) = paged(Ext::brisk(&redis).set("limits.max_content", "2KiB"));
    ext.source(&records(250, 1));
    let sidecar = started(&ext, &page, 250);
    let status = page.ask("GET /api/v1/status", &[], b"").expect(200);
    described("get", "/api/v1/status", &status);
    assert_eq!(
        (&status.json["services"][0]["role"], &status.json["services"][0]["status"]),
        (&json!("writer"), &json!("ok"))
    );

    let (first, cursor) = list(&page, "limit=100");
    assert_eq!((first.len(), cursor.is_some()), (100, true));
    let all = ids(&page, "limit=100");
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (250, 250));
    let mut found = ids(&page, "q=24");
    found.sort();
    let mut wanted: Vec<String> = (1..=250).map(|id: u32| id.to_string()).filter(|id| id.contains("24")).collect();
    wanted.sort();
    assert_eq!(found, wanted);
    assert_eq!(ids(&page, "changed_within=1h").len(), 250);
    assert!(ids(&page, "changed_within=0s").is_empty());

    // One changes, one becomes too large, one goes.
    let mut next = records(249, 1);
    next[6] = record(7, 2);
    next[7] = json!({"id": 8, "content": "x".repeat(5000)});
    ext.source(&next);
    eventually("the pass", || {
        redis.count("hwinfo") == 249
            && *redis.object("hwinfo", "7").content() == *next[6].get("content").expect("content")
    });
    eventually("8 is refused", || ids(&page, "state=failed") == ["8"]);
    let shown = object(&page, "7");
    assert_eq!(shown["envelope"], redis.object("hwinfo", "7").json);
    assert_eq!((decisions(&shown), &shown["state"]), (vec!["changed", "new"], &json!("current")));
    let shown = object(&page, "8");
    assert_eq!((decisions(&shown)[0], &shown["state"]), ("refused", &json!("kept")));
    assert_eq!(shown["refusal"]["kind"], "too_large");
    assert_eq!(decisions(&object(&page, "250"))[0], "removed");
    let answered = page.ask("GET /api/v1/objects/99999", &[], b"").expect(404);
    described("get", "/api/v1/objects/{id}", &answered);
    sidecar.stop().expect(0);
}

#[test]
fn what_a_guard_kept_is_stale_and_what_somebody_overwrote_is_broken() {
    let redis = Redis::start();
    let (ext, page) = paged(Ext::brisk(&redis).set("verify.every", "2s"));
    ext.source(&records(40, 1));
    let sidecar = started(&ext, &page, 40);
    ext.source(&records(20, 1));
    eventually("20 are kept", || ids(&page, "state=stale").len() == 20);
    assert_eq!(ids(&page, "state=current").len(), 20);
    sidecar.stop().expect(0);
    let (ext, page) = paged(Ext::brisk(&redis).set("verify.every", "2s").script("exec", "sleep 3600"));
    let mut sidecar = ext.run();
    sidecar.wait_until("it writes", || status_of(&page).is_some_and(|s| s["services"][0]["role"] == "writer"));
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:5", "mine now"]);
    eventually("a renewal found it", || ids(&page, "state=broken") == ["5"]);
    let shown = object(&page, "5");
    assert_eq!((&shown["state"], decisions(&shown)), (&json!("broken"), vec!["lost"]));
    assert!(shown["problem"].as_str().is_some_and(|why| why.contains("no envelope")), "{shown}");
    sidecar.kill();
}

#[test]
fn a_refresh_fetches_once_for_all_who_ask_and_mends_what_was_deleted() {
    let redis = Redis::start();
    let script = "echo run >> runs\nsleep 0.3\ncat objects.ndjson\necho '{\"end\": true}'";
    let ext = Ext::brisk(&redis).set("source.interval", "1h").script("exec", script);
    let (ext, page) = paged(ext);
    ext.source(&records(30, 1));
    let sidecar = started(&ext, &page, 30);
    let runs = || std::fs::read_to_string(ext.path("runs")).expect("the runs").lines().count();
    let before = runs();
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:7"]);
    let outcomes: Vec<Value> = thread::scope(|scope| {
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(|| refresh(&page, "7").expect(200).json)).collect();
        asking.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    assert!(outcomes.iter().any(|told| told["outcome"] == "written"), "{outcomes:?}");
    assert!(outcomes.iter().all(|told| told["single"] == false && told["version"].is_u64()), "{outcomes:?}");
    assert!((1..=3).contains(&(runs() - before)), "{} runs for 20 who asked", runs() - before);
    // It is checked as it is read.
    redis.object("hwinfo", "7");
    assert_eq!(decisions(&object(&page, "7"))[..2], ["healed", "lost"]);

    let mut next = records(30, 1);
    next[2] = record(3, 2);
    ext.source(&next);
    assert_eq!(refresh(&page, "3").expect(200).json["outcome"], "written");
    assert_eq!(*redis.object("hwinfo", "3").content(), next[2]["content"]);
    assert_eq!(refresh(&page, "3").expect(200).json["outcome"], "unchanged");
    assert_eq!(refresh(&page, "99999").expect(200).json["outcome"], "absent");
    ext.write("objects.ndjson", "");
    std::fs::remove_file(ext.path("objects.ndjson")).expect("it is there");
    let told = refresh(&page, "3").expect(200).json;
    assert_eq!(told["outcome"], "failed", "{told}");
    assert!(told["reason"].as_str().is_some_and(|why| !why.is_empty()), "{told}");
    assert_eq!(redis.count("hwinfo"), 30);
    sidecar.stop().expect(0);
}

#[test]
fn a_refresh_of_a_single_object_asks_for_that_one() {
    let redis = Redis::start();
    let web = Web::start(|asked| match asked.path.strip_prefix("/objects/") {
        Some("404") => Reply::status(404),
        Some(id) => Reply::json(json!({"asked": id}).to_string()),
        None => Reply::status(500),
    });
    let ids: Vec<String> = (1..=30).map(|id| id.to_string()).collect();
    let ext = Ext::brisk(&redis).unset("source.path").set("source.kind", "http").set("source.interval", "1h");
    let ext = ext.set("source.http.object_url", format!("{}{{id}}", web.url("/objects/")));
    let (ext, page) = paged(ext.set("source.http.ids", ids).set("source.http.spread", "0s"));
    let sidecar = started(&ext, &page, 30);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:7"]);
    let before = web.seen().len();
    let told = refresh(&page, "7").expect(200).json;
    assert_eq!((&told["outcome"], &told["single"]), (&json!("written"), &json!(true)));
    let seen: Vec<String> = web.seen()[before..].iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(seen, ["/objects/7"]);
    assert_eq!(refresh(&page, "7").expect(200).json["outcome"], "unchanged");
    assert_eq!(refresh(&page, "404").expect(200).json["outcome"], "absent");
    assert_eq!(redis.count("hwinfo"), 30, "what was not asked for stays");
    assert_eq!(redis.descriptor("hwinfo")["counts"]["objects"], 30);
    sidecar.stop().expect(0);
}

#[test]
fn a_refresh_of_a_command_s_object_runs_the_command_for_single_ones() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("source.interval", "1h").script("exec", "echo all >> runs; cat objects.ndjson");
    ext.source(&records(20, 1));
    ext.write(
        "one.sh",
        "cd \"$(dirname \"$0\")\"; echo \"$*\" >> runs; grep -E \"\\\"id\\\":$1[,}]\" objects.ndjson || :\n",
    );
    let command = json!(["sh", ext.path("one.sh").display().to_string()]);
    let (ext, page) = paged(ext.set("source.object_command", command));
    let sidecar = started(&ext, &page, 20);
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:7"]);
    let told = refresh(&page, "7").expect(200).json;
    assert_eq!((&told["outcome"], &told["single"]), (&json!("written"), &json!(true)));
    assert_eq!(refresh(&page, "21").expect(200).json["outcome"], "absent");
    assert_eq!(std::fs::read_to_string(ext.path("runs")).expect("runs"), "all\n7\n21\n");
    assert_eq!(redis.count("hwinfo"), 20, "what was not asked for stays");
    sidecar.stop().expect(0);
}

#[test]
fn changes_are_told_once_redis_has_them() {
    let redis = Redis::start();
    let (ext, page) = paged(Ext::brisk(&redis));
    ext.source(&records(10, 1));
    let sidecar = started(&ext, &page, 10);
    let stream = UnixStream::connect(ext.path("page.sock")).expect("somebody listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a limit");
    (&stream).write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n").expect("the request");
    let mut lines = BufReader::new(&stream).lines().map(|line| line.expect("a line"));
    assert!(lines.any(|line| line == ": listening"));
    let mut next = records(9, 1);
    next[3] = record(4, 2);
    ext.source(&next);
    let mut events = lines.filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let (mut set, mut removed) = (None, None);
    while set.is_none() || removed.is_none() {
        let event = events.next().expect("an event");
        let id = event["object_id"].as_str().expect("an id").to_owned();
        if let Some(version) = event["version"].as_u64() {
            assert_eq!(redis.object("hwinfo", &id).json["version"], version, "Redis has it already");
            set = Some(id);
        } else {
            assert!(redis.get(&format!("ralphext:v1:hwinfo:{id}")).is_none());
            removed = Some(id);
        }
    }
    assert_eq!((set.as_deref(), removed.as_deref()), (Some("4"), Some("10")));
    sidecar.stop().expect(0);
    assert!(events.next().is_none(), "it ends with the sidecar");
}

#[test]
fn a_standby_tells_what_redis_has_and_refreshes_nothing() {
    let redis = Redis::start();
    let (ext, page) = paged(Ext::brisk(&redis));
    ext.source(&records(120, 1));
    let writer = started(&ext, &page, 120);
    let (other, there) = paged(Ext::brisk(&redis));
    other.source(&records(120, 1));
    let mut standby = other.run();
    standby.wait_until("it stands by", || status_of(&there).is_some_and(|s| s["services"][0]["role"] == "standby"));
    let found: BTreeSet<String> = ids(&there, "limit=50").into_iter().collect();
    assert_eq!(found.len(), 120);
    assert_eq!(ids(&there, "q=119"), ["119"]);
    assert_eq!(object(&there, "7")["envelope"], redis.object("hwinfo", "7").json);
    refresh(&there, "7").expect(409);
    writer.stop().expect(0);
    standby.stop().expect(0);
}

#[test]
fn without_redis_it_tells_what_it_knows() {
    let mut redis = Redis::start();
    let (ext, page) = paged(Ext::brisk(&redis));
    ext.source(&records(5, 1));
    let sidecar = started(&ext, &page, 5);
    redis.kill();
    eventually("it is told", || {
        status_of(&page).is_some_and(|s| s["redis_error"].is_string() && s["services"][0]["role"] == "connecting")
    });
    let answered = page.ask("GET /api/v1/objects", &[], b"").expect(503);
    described("get", "/api/v1/objects", &answered);
    sidecar.stop().expect(0);
}
