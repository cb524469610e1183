//! Each kind of source: those that can be asked for one object, and those that cannot.

use std::process::Command;

use serde_json::json;

use super::{REQUESTS, exec, filling, key, lose, miss, server, start};
use crate::harness::{DEADLINE, Redis, Reply, Running, Web, eventually, ndjson, record, records};

#[test]
fn a_file_of_a_directory_a_request_of_a_server_and_a_row_of_a_database_are_asked_for() {
    let redis = server();
    let ext = filling(&redis);
    ext.write("dir/1.json", "{\"a\": 1}");
    ext.write("dir/2.html", "<p>two</p>");
    let ext = ext.set("source.path", "dir");
    let sidecar = start(&redis, &ext, 1);
    lose(&redis, "1");
    lose(&redis, "2");
    sidecar.stop().expect(0);
    redis.flush();

    let web = Web::start(|asked| match asked.path.rsplit('/').next().and_then(|id| id.parse::<u64>().ok()) {
        Some(id @ 1..=3) => Reply::json(json!({"number": id}).to_string()),
        _ => Reply::status(404),
    });
    let ext = filling(&redis).unset("source.path").set("source.kind", "http").set("source.http.ids", json!(["1"]));
    let ext = ext.set("source.http.object_url", web.url("/objects/{id}"));
    let sidecar = start(&redis, &ext, 1);
    lose(&redis, "1");
    assert_eq!(miss(&redis, "3").json["content"]["number"], 3);
    sidecar.stop().expect(0);
    redis.flush();

    let ext = filling(&redis).unset("source.path").set("source.kind", "sql");
    let sqlite = |script: &str| {
        let code =
            "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], timeout=60)\ndb.executescript(sys.stdin.read())";
        let mut python = Command::new("python3");
        python.arg("-c").arg(code).arg(ext.path("assets.db"));
        Running::spawn(&mut python, Some(script.to_owned())).finish(DEADLINE).expect(0);
    };
    sqlite("CREATE TABLE assets (id INTEGER, vendor TEXT); INSERT INTO assets VALUES (1, 'Dell');");
    let url = format!("sqlite:{}", ext.path("assets.db").display());
    let query = "SELECT id, vendor FROM assets";
    let single = format!("{query} WHERE CAST(id AS TEXT) IN (:ids)");
    let config = filling(&redis).unset("source.path").set("source.kind", "sql").set("source.sql.url", url);
    let config = config.set("source.sql.query", query).set("source.sql.object_query", single);
    let sidecar = start(&redis, &config, 1);
    lose(&redis, "1");
    sqlite("INSERT INTO assets VALUES (2, 'HPE');");
    assert_eq!(miss(&redis, "2").json["content"]["vendor"], "HPE");
    sidecar.stop().expect(0);
}

#[test]
fn a_source_without_single_objects_is_passed_over_for_what_is_known_and_not_for_what_is_not() {
    let redis = server();
    let ext = filling(&redis).set("source.interval", "1s");
    ext.source(&records(20, 1));
    let mut sidecar = start(&redis, &ext, 1);
    lose(&redis, "7");
    redis.get(&key("nobody"));
    sidecar.wait_for_metric("ralphext_fill_ignored_total", &[("reason", "unknown")], |n| n == 1.0);
    sidecar.stop().expect(0);
    redis.flush();

    let script = format!("cat <<'END'\n{}END\nexec sleep 600", ndjson(&records(20, 1)));
    let ext = filling(&redis).script("stream", &script).set("source.spool", "spool");
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 20);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 1.0);
    lose(&redis, "7");
    sidecar.stop().expect(0);
}

#[test]
fn a_request_of_a_source_without_single_objects_is_a_pass() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--with", "requests"]);
    // Nobody looks at the file but once an hour, and nobody watches a command's.
    let ext = filling(&redis).unset("fill.misses").set("fill.requests", true).set("source.interval", "6s");
    let ext = ext.script("exec", "echo x >> runs; cat objects.ndjson");
    ext.source(&records(3, 1));
    let sidecar = start(&redis, &ext, 2);
    ext.source(&records(4, 1));
    redis.cmd::<()>(&["LPUSH", REQUESTS, "4"]);
    eventually("it is there", || redis.get(&key(4)).is_some());
    sidecar.stop().expect(0);
}

#[test]
fn a_list_of_a_server_is_asked_for_one_object_where_it_can_be() {
    let redis = server();
    let all = |ids: &[u64]| json!({"results": ids.iter().map(|id| record(*id, 1)).collect::<Vec<_>>()}).to_string();
    let web = Web::start(move |asked| match (asked.path.as_str(), asked.number("id")) {
        ("/assets/", _) => Reply::json(all(&[1, 2])),
        (_, 1..=3) => Reply::json(all(&[asked.number("id") as u64])),
        (path, _) if path.ends_with("gone") => Reply::status(404),
        _ => Reply::json(all(&[])),
    });
    let ext = filling(&redis).unset("source.path").set("source.kind", "http").set("source.items", "/results");
    let ext = ext.set("source.http.url", web.url("/assets/")).set("source.http.item_url", web.url("/assets/?id={id}"));
    let mut sidecar = start(&redis, &ext, 1);
    lose(&redis, "1");
    assert_eq!(miss(&redis, "3").json["content"], record(3, 1)["content"]);
    redis.cmd::<Vec<Option<String>>>(&["MGET", &key(9), &key("gone")]);
    sidecar.wait_for_metric("ralphext_fills_total", &[("outcome", "absent")], |n| n == 2.0);
    sidecar.stop().expect(0);
}

#[test]
fn items_of_one_object_are_grouped_as_those_of_all_are() {
    let redis = server();
    let items = |id: u64| (1..=3).map(|n| format!("{}\n", json!({"asset": id, "alert": n}))).collect::<String>();
    let ext = exec(&redis)
        .set("source.map.id", "/asset")
        .set("source.map.group", true)
        .set("source.map.content.alert", "/alert");
    ext.write("objects.ndjson", &(items(1) + &items(2)));
    ext.write(
        "one.sh",
        "for id in \"$@\"; do for n in 1 2 3; do echo \"{\\\"asset\\\": $id, \\\"alert\\\": $n}\"; done; done\n",
    );
    let sidecar = start(&redis, &ext, 1);
    lose(&redis, "2");
    assert_eq!(miss(&redis, "7").json["content"], redis.object("hwinfo", "1").json["content"]);
    sidecar.stop().expect(0);
}

#[test]
fn of_several_inputs_what_is_known_comes_out_of_the_spool() {
    let redis = server();
    let ext =
        filling(&redis).unset("source.kind").unset("source.path").unset("source.interval").set("source.spool", "spool");
    ext.write("a.ndjson", &ndjson(&records(5, 1)));
    ext.write("b.ndjson", &ndjson(&records(3, 2)));
    let ext = ["a", "b"].iter().fold(ext, |ext, name| {
        let of = |key: &str| format!("source.inputs.{name}.{key}");
        ext.set(&of("kind"), "file").set(&of("path"), format!("{name}.ndjson")).set(&of("interval"), "1h")
    });
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 5);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 1.0);
    lose(&redis, "2");
    redis.get(&key("nobody"));
    sidecar.wait_for_metric("ralphext_fill_ignored_total", &[("reason", "unknown")], |n| n == 1.0);
    sidecar.stop().expect(0);
}
