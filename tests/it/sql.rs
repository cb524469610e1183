//! A database as a source: SQLite here, servers in `more`. Rows become objects, types stay exact, what is wrong is said, and
//! between full passes only what changed is asked for.

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Ext, Redis, Running, Vitals, always, now};

/// Runs statements on a file of SQLite.
#[track_caller]
fn sqlite(file: &Path, script: &str) {
    let code = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], timeout=60)\ndb.executescript(sys.stdin.read())\ndb.commit()";
    let mut python = Command::new("python3");
    Running::spawn(python.arg("-c").arg(code).arg(file), Some(script.to_owned())).finish(DEADLINE).expect(0);
}

/// A service whose source is this query on `assets.db`, filled by `script`.
fn service(redis: &Redis, script: &str, query: &str) -> Ext {
    let ext = Ext::new(redis).unset("source.path").set("source.kind", "sql");
    let file = ext.path("assets.db");
    sqlite(&file, script);
    let url = format!("sqlite:{}", file.display());
    ext.set("source.sql.url", url).set("source.sql.query", query)
}

fn content(redis: &Redis, id: &str) -> Value {
    redis.object("hwinfo", id).json["content"].clone()
}

const ASSETS: &str = "CREATE TABLE assets (id INTEGER PRIMARY KEY, vendor TEXT, until TEXT);
    INSERT INTO assets VALUES (1, 'Dell', '2027-01-31'), (2, 'HPE', NULL), (3, 'Dell', '2026-06-30');";

#[test]
fn each_row_is_an_object_and_one_that_is_gone_is_removed() {
    let redis = Redis::start();
    let ext = service(&redis, ASSETS, "-- all of them\nSELECT id, vendor, until FROM assets ORDER BY id; -- the end\n");
    ext.once().expect(0).counts(&[("written", 3), ("objects", 3)]);
    assert_eq!(content(&redis, "1"), json!({"vendor": "Dell", "until": "2027-01-31"}));
    assert_eq!(content(&redis, "2"), json!({"vendor": "HPE", "until": null}));
    ext.once().expect(0).counts(&[("written", 0), ("skipped", 3)]);
    sqlite(
        &ext.path("assets.db"),
        "UPDATE assets SET until = '2028-01-31' WHERE id = 2; DELETE FROM assets WHERE id = 3;",
    );
    let outcome = ext.once().expect(0);
    outcome.counts(&[("written", 1), ("removed", 1)]);
    assert_eq!(outcome.json()["complete"], true);
    assert_eq!(redis.count("hwinfo"), 2);
    sqlite(&ext.path("assets.db"), "DELETE FROM assets");
    ext.once().counts(&[("removed", 0)]);
    assert_eq!(redis.count("hwinfo"), 2, "an empty result is not believed");
}

#[test]
fn a_content_column_is_the_content_and_a_deleted_row_is_none() {
    let redis = Redis::start();
    let script = "CREATE TABLE t (id TEXT, content TEXT, content_type TEXT, deleted BOOLEAN);
        INSERT INTO t VALUES ('1', '{\"a\": [1, 2]}', NULL, 0), ('2', '<p onclick=\"x\">hi</p>', 'text/html', 0),
        ('data_center.rack.3', 'plain words', NULL, NULL), ('4', 'gone', NULL, 1);";
    let ext = service(&redis, script, "SELECT * FROM t");
    ext.once().expect(0).counts(&[("written", 3), ("objects", 3)]);
    assert_eq!(content(&redis, "1"), json!({"a": [1, 2]}));
    assert_eq!(content(&redis, "2"), json!("<p>hi</p>"));
    assert_eq!(content(&redis, "data_center.rack.3"), json!("plain words"));
}

#[test]
fn values_keep_their_types_and_every_digit() {
    let redis = Redis::start();
    let script = "CREATE TABLE t (id INTEGER, i INTEGER, big INTEGER, r REAL, inf REAL, n NUMERIC, b BOOLEAN, t TEXT, bytes BLOB,
        j TEXT, at TIMESTAMP, any);
        INSERT INTO t VALUES (1, -42, 9007199254740993, 0.1, 9e999, '12.50', 1, 'zażółć \"x\"' || char(10), x'00ff68',
        '{\"a\": 9007199254740993}', '2026-11-25 05:00:00', NULL);";
    let ext = service(&redis, script, "SELECT * FROM t").set("source.sql.json", json!(["j"]));
    ext.once().expect(0).counts(&[("written", 1)]);
    let expected = json!({
        "i": -42, "big": "9007199254740993", "r": 0.1, "inf": "Infinity", "n": 12.5, "b": true, "t": "zażółć \"x\"\n",
        "bytes": "AP9o", "j": {"a": "9007199254740993"}, "at": "2026-11-25 05:00:00", "any": null,
    });
    assert_eq!(content(&redis, "1"), expected);
}

#[test]
fn what_is_wrong_with_a_query_is_said_and_nothing_is_removed() {
    let redis = Redis::start();
    let ext = service(&redis, ASSETS, "SELECT * FROM assets");
    ext.once().expect(0).counts(&[("written", 3)]);
    let endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) AS id FROM c";
    let cases: [(&str, &[&str]); 10] = [
        ("SELECT * FROM asets", &["the query failed at sqlite:", "no such table: asets", "check the names"]),
        ("SELECT id, vendr FROM assets", &["no such column: vendr"]),
        ("SELECT vendor FROM assets", &["there is no column id", "there are vendor", "AS id"]),
        ("SELECT a.id, b.id FROM assets a JOIN assets b", &["there are two columns id"]),
        ("SELECT FROM WHERE", &["syntax error", "run the query by hand"]),
        ("DELETE FROM assets", &["the query begins with DELETE"]),
        ("SELECT 1 AS id; DELETE FROM assets", &["more than one statement"]),
        ("WITH x AS (SELECT 1) DELETE FROM assets", &["the query gives no columns"]),
        ("WITH x AS (SELECT 1) DELETE FROM assets RETURNING id", &["readonly", "can only read"]),
        (endless, &["did not end within 1s", "source.timeout"]),
    ];
    let mut ext = ext.set("source.timeout", "1s");
    for (query, words) in cases {
        ext.change("source.sql.query", query);
        let outcome = ext.once().expect(3);
        outcome.counts(&[("removed", 0)]);
        outcome.says(words);
        outcome.says(&["hint"]);
        assert_eq!(redis.count("hwinfo"), 3, "{query}");
    }
    let mut ext = ext.set("source.sql.query", "SELECT * FROM assets");
    ext.write("assets.txt", "this is no database, whatever its length may be");
    for (file, words) in
        [("nowhere.db", ["nowhere.db", "does not exist"]), ("assets.txt", ["not a database", "no SQLite"])]
    {
        ext.change("source.sql.url", format!("sqlite:{}", ext.path(file).display()));
        ext.once().expect(3).says(&words);
        assert_eq!(redis.count("hwinfo"), 3);
    }
}

#[test]
fn a_row_without_an_id_is_told_and_keeps_everything() {
    let redis = Redis::start();
    let ext = service(&redis, ASSETS, "SELECT * FROM assets");
    ext.once().expect(0);
    ext.write("query.sql", "SELECT CASE id WHEN 2 THEN NULL ELSE id END AS id, vendor FROM assets WHERE id <> 3");
    let path = ext.path("query.sql").display().to_string();
    let ext = ext.unset("source.sql.query").set("source.sql.query_file", path).set("limits.max_failed", "60%");
    let outcome = ext.once();
    outcome.counts(&[("removed", 0), ("failed", 1), ("written", 1)]);
    assert_eq!(outcome.json()["complete"], false);
    outcome.says(&["query:2", "the column id is empty"]);
    assert_eq!(redis.count("hwinfo"), 3);
    let shown = ext.verb(&["test"]).expect(1);
    assert!(shown.stdout.contains("2 records, 1 refused"), "{shown}");
}

#[test]
fn two_hundred_thousand_rows_take_no_more_memory_than_a_few() {
    let redis = Redis::start();
    let script = "CREATE TABLE t (id INTEGER PRIMARY KEY, facts TEXT);
        WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 200000)
        INSERT INTO t SELECT n, hex(randomblob(500)) FROM c;";
    let ext = service(&redis, script, "SELECT id, facts FROM t").set("source.interval", "1h");
    let mut sidecar = ext.run();
    let pid = sidecar.pid();
    let mut peak = 0;
    sidecar.wait_until("all are there", || {
        peak = peak.max(Vitals::of(pid).rss_kib);
        redis.descriptor("hwinfo")["counts"]["objects"] == 200_000
    });
    assert!(peak < 120 << 10, "{} MiB for 200 MB of rows", peak >> 10);
    sidecar.stop().expect(0);
}

/// Deltas of a second, a full pass when something else says so.
fn deltas(redis: &Redis, script: &str, query: &str, full_every: &str) -> Ext {
    service(redis, script, query).briskly().set("source.interval", "200ms").set("source.sql.full_every", full_every)
}

const CHANGING: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, rev INTEGER, deleted INTEGER DEFAULT 0,
    updated_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')));
    CREATE TRIGGER touch AFTER UPDATE OF rev, deleted ON t
    BEGIN UPDATE t SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = new.id; END;";

#[test]
fn between_full_passes_only_what_changed_is_asked_for() {
    let redis = Redis::start();
    let fill =
        "INSERT INTO t (id, rev, updated_at) VALUES (1, 1, '2001-01-01'), (2, 1, '2001-01-01'), (3, 1, '2001-01-01');";
    let query = "SELECT id, rev, deleted FROM t WHERE updated_at >= :changed_since";
    let ext = deltas(&redis, &format!("{CHANGING}{fill}"), query, "1h").set("source.sql.overlap", "2s");
    let file = ext.path("assets.db");
    let mut sidecar = ext.run();
    let outcome =
        |outcome| move |sidecar: &mut Running| sidecar.scrape().value("ralphext_passes_total", &[("outcome", outcome)]);
    let (full, delta) = (outcome("complete"), outcome("delta"));
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    sidecar.wait_for_metric("ralphext_passes_total", &[("outcome", "delta")], |n| n > 0.0);
    let as_of = redis.descriptor("hwinfo")["as_of"].clone();
    sqlite(
        &file,
        "UPDATE t SET rev = 2 WHERE id = 1; INSERT INTO t (id, rev) VALUES (4, 1); UPDATE t SET deleted = 1 WHERE id = 2;",
    );
    sidecar.wait_until("the change shows, the addition, and the removal that was said", || {
        redis.count("hwinfo") == 3 && redis.raw_objects("hwinfo").contains_key("4") && content(&redis, "1")["rev"] == 2
    });
    sqlite(&file, "DELETE FROM t WHERE id = 3");
    let so_far = delta(&mut sidecar);
    sidecar.wait_for_metric("ralphext_passes_total", &[("outcome", "delta")], |n| n > so_far + 3.0);
    assert!(redis.raw_objects("hwinfo").contains_key("3"), "a delta cannot know what is gone");
    let descriptor = redis.descriptor("hwinfo");
    assert_eq!(
        (&descriptor["status"], &descriptor["as_of"]),
        (&json!("ok"), &as_of),
        "all was confirmed then, and not since"
    );
    assert!(
        descriptor["last_success_at"].as_str() > as_of.as_str() && descriptor["last_error"].is_null(),
        "{descriptor}"
    );
    assert_eq!(full(&mut sidecar), 1.0);
    assert!(descriptor["stale_after"].as_f64().is_some_and(|s| s > 3600.0));
    // What Redis lost only a full pass brings back.
    redis.cmd::<i64>(&["DEL", "ralphext:v1:hwinfo:4"]);
    redis.cmd::<i64>(&["DEL", "ralphext:v1:hwinfo:@canary"]);
    sidecar.wait_until("the lost object is back, and the deleted one gone", || {
        let objects = redis.raw_objects("hwinfo");
        objects.contains_key("4") && !objects.contains_key("3")
    });
    sidecar.stop().expect(0);
}

#[test]
fn whatever_changes_redis_equals_the_table_when_it_is_still() {
    let redis = Redis::start();
    let query = "SELECT id, rev, deleted FROM t WHERE updated_at >= :changed_since";
    let fill = "INSERT INTO t (id, rev) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 200) SELECT n, 0 FROM c;";
    let ext = deltas(&redis, &format!("PRAGMA journal_mode = WAL; {CHANGING}{fill}"), query, "2s")
        .set("source.sql.overlap", "1s")
        .set("limits.max_shrink", "100%");
    let file = ext.path("assets.db");
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 200);
    for round in 0..25 {
        let (low, high) = (fastrand::u32(1..200), fastrand::u32(1..8));
        let script = match fastrand::u32(0..4) {
            0 => format!("DELETE FROM t WHERE id BETWEEN {low} AND {low} + {high}"),
            1 => format!("UPDATE t SET deleted = 1 - deleted WHERE id BETWEEN {low} AND {low} + {high}"),
            2 => format!("INSERT OR REPLACE INTO t (id, rev) VALUES ({low}, {round}), ({low} + 200, {round})"),
            _ => format!("UPDATE t SET rev = {round} WHERE id BETWEEN {low} AND {low} + {high} * 5"),
        };
        sqlite(&file, &script);
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..150)));
    }
    let code = "import sqlite3, sys, json\ndb = sqlite3.connect(sys.argv[1], timeout=60)\n\
                print(json.dumps({str(i): r for i, r in db.execute('SELECT id, rev FROM t WHERE deleted = 0')}))";
    let mut python = Command::new("python3");
    let table = Running::spawn(python.arg("-c").arg(code).arg(&file), None).finish(DEADLINE).expect(0).json();
    let table = table.as_object().expect("a table").clone();
    let equals = || {
        let there = redis.raw_objects("hwinfo");
        there.len() == table.len()
            && there.iter().all(|(id, raw)| {
                let envelope: Value = serde_json::from_str(raw).expect("an envelope");
                envelope["content"]["rev"] == table[id]
            })
    };
    sidecar.wait_until("Redis equals the table", equals);
    always("and stays so", Duration::from_secs(3), equals);
    let passes =
        |sidecar: &mut Running, outcome| sidecar.scrape().value("ralphext_passes_total", &[("outcome", outcome)]);
    let (full, delta) = (passes(&mut sidecar, "complete"), passes(&mut sidecar, "delta"));
    assert!(full >= 2.0 && delta > full, "{full} full passes, {delta} deltas, until {}", now());
    sidecar.stop().expect(0);
}

#[test]
fn without_full_every_each_pass_is_full_and_the_parameter_is_the_beginning_of_time() {
    let redis = Redis::start();
    let fill = "INSERT INTO t (id, rev, updated_at) VALUES (1, 1, '1999-01-01');";
    let ext = service(
        &redis,
        &format!("{CHANGING}{fill}"),
        "SELECT id, :changed_since AS since FROM t WHERE updated_at > :changed_since",
    );
    for _ in 0..2 {
        assert_eq!(ext.once().expect(0).json()["complete"], true);
    }
    assert_eq!(content(&redis, "1"), json!({"since": "1970-01-01 00:00:00"}));
}
