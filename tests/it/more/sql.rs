//! The source of kind `sql` on PostgreSQL and MariaDB: what each has to do in its own way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Database, Engine, Ext, Pki, Redis, Running, Vitals, always, eventually};

/// A service that reads `query` from the server as `reader`.
fn service(redis: &Redis, database: &Database, query: &str) -> Ext {
    let ext = Ext::new(redis).unset("source.path").set("source.kind", "sql");
    ext.write("password", "s3cret\n");
    let password = ext.path("password").display().to_string();
    ext.set("source.sql.url", database.url()).set("source.sql.password_file", password).set("source.sql.query", query)
}

fn content(redis: &Redis, id: &str) -> Value {
    redis.object("hwinfo", id).json["content"].clone()
}

fn started(engine: Engine, script: &str) -> (Redis, Database) {
    let database = Database::start(engine, None);
    database.sql(script);
    if engine == Engine::Postgres {
        database.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    }
    (Redis::start(), database)
}

#[test]
#[ignore = "make test-all: needs PostgreSQL"]
fn postgres_keeps_every_type() {
    let script = r#"
        CREATE TYPE state AS ENUM ('in use', 'free'); CREATE TYPE pair AS (a int, b text); CREATE DOMAIN age AS int;
        CREATE TABLE t (id bigint, i smallint, big bigint, n numeric(30, 10), money numeric(10, 2), f real, d float8, nan float8,
          b boolean, t text, c char(3), bytes bytea, j json, jb jsonb, u uuid, ip inet, net cidr, mac macaddr, day date, tz
          timestamptz, ts timestamp, tm time, iv interval, e state, p pair, a int[], ta text[], ba bigint[], dom age, r int4range,
          "Name With Space" text, none text);
        INSERT INTO t VALUES (1, -3, 9007199254740993, 12345678901234567890.0123456789, 12.50, 0.1, 0.30000000000000004, 'NaN', true,
          E'zażółć "x"\n', 'ab', '\x00ff68', '{"a": 9007199254740993}', '{"b": [1.50, null]}',
          '6ccd780c-baba-1026-9564-5b8c656024db', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '2026-11-25',
          '2026-11-25 05:00:00.123+02', '2026-11-25 05:00:00', '05:06:07', '1 day 2 hours', 'in use', (1, 'x'), '{1,NULL,3}',
          '{a,"b c"}', '{9007199254740993}', 44, '[1,5)', 'spaced', NULL);"#;
    let (redis, database) = started(Engine::Postgres, script);
    let ext = service(&redis, &database, "SELECT * FROM t; -- all\n");
    ext.once().expect(0).counts(&[("written", 1)]);
    let expected = json!({
        "i": -3, "big": "9007199254740993", "n": "12345678901234567890.0123456789", "money": 12.5, "f": 0.1,
        "d": 0.30000000000000004, "nan": "NaN", "b": true, "t": "zażółć \"x\"\n", "c": "ab", "bytes": "AP9o",
        "j": {"a": "9007199254740993"}, "jb": {"b": [1.5, null]}, "u": "6ccd780c-baba-1026-9564-5b8c656024db",
        "ip": "10.0.0.1/8", "net": "10.0.0.0/8", "mac": "08:00:2b:01:02:03", "day": "2026-11-25",
        "tz": "2026-11-25T03:00:00.123+00:00", "ts": "2026-11-25T05:00:00", "tm": "05:06:07", "iv": "P1DT2H",
        "e": "in use", "p": {"a": 1, "b": "x"}, "a": [1, null, 3], "ta": ["a", "b c"], "ba": ["9007199254740993"],
        "dom": 44, "r": "[1,5)", "Name With Space": "spaced", "none": null,
    });
    assert_eq!(content(&redis, "1"), expected);
    let socket = ext.set("source.sql.url", database.socket_url());
    socket.once().expect(0).counts(&[("written", 0), ("skipped", 1)]);
    let typed = socket.set(
        "source.sql.query",
        "SELECT id, '{\"a\": 1}' AS content FROM t UNION ALL SELECT 2, 'text' UNION ALL SELECT 3, '[x]'",
    );
    typed.once().expect(0).counts(&[("written", 3)]);
    assert_eq!(
        (content(&redis, "1"), content(&redis, "2"), content(&redis, "3")),
        (json!({"a": 1}), json!("text"), json!("[x]"))
    );
}

#[test]
#[ignore = "make test-all: needs MariaDB"]
fn mariadb_keeps_every_type() {
    let script = r#"
        CREATE TABLE t (id bigint unsigned, i tinyint, big bigint unsigned, n decimal(30, 10), money decimal(10, 2), f float, d double,
          b boolean, t text, c char(3), bytes blob, vb varbinary(3), j json, u uuid, ip inet6, day date, ts timestamp(3) NULL,
          dt datetime, tm time, y year, e enum('in use', 'free'), s set('a', 'b'), bits bit(9), z int(5) zerofill,
          `Name With Space` text, none text);
        SET time_zone = '+00:00';
        INSERT INTO t VALUES (1, -3, 18446744073709551615, 12345678901234567890.0123456789, 12.50, 0.1, 0.30000000000000004, true,
          'zażółć "x"\n', 'ab', x'00ff68', x'6869', '{"a": 9007199254740993}', '6ccd780c-baba-1026-9564-5b8c656024db', '::1',
          '2026-11-25', '2026-11-25 05:00:00.123', '2026-11-25 05:00:00', '05:06:07', 2026, 'in use', 'a,b', b'100000001', 42, 'spaced',
          NULL);"#;
    let (redis, database) = started(Engine::MariaDb, script);
    let ext = service(&redis, &database, "SELECT * FROM t; # all\n").set("source.sql.json", json!(["j"]));
    ext.once().expect(0).counts(&[("written", 1)]);
    let expected = json!({
        "i": -3, "big": "18446744073709551615", "n": "12345678901234567890.0123456789", "money": 12.5, "f": 0.1,
        "d": 0.30000000000000004, "b": true, "t": "zażółć \"x\"\n", "c": "ab", "bytes": "AP9o", "vb": "aGk=",
        "j": {"a": "9007199254740993"}, "u": "6ccd780c-baba-1026-9564-5b8c656024db", "ip": "::1", "day": "2026-11-25",
        "ts": "2026-11-25T05:00:00.123Z", "dt": "2026-11-25T05:00:00", "tm": "05:06:07", "y": 2026, "e": "in use", "s": "a,b",
        "bits": 257, "z": "00042", "Name With Space": "spaced", "none": null,
    });
    assert_eq!(content(&redis, "1"), expected);
    let socket = ext.set("source.sql.url", database.socket_url());
    socket.once().expect(0).counts(&[("written", 0), ("skipped", 1)]);
    let typed = socket
        .unset("source.sql.json")
        .set("source.sql.query", "SELECT id, JSON_OBJECT('a', 1) AS content FROM t UNION ALL SELECT 2, 'te' || 'xt'");
    typed.once().expect(0).counts(&[("written", 2)]);
    assert_eq!(
        (content(&redis, "1"), content(&redis, "2")),
        (json!({"a": 1}), json!("0")),
        "|| is OR there, as by hand"
    );
}

/// What is wrong, how it is said, and that nothing is removed.
fn says_what_is_wrong(engine: Engine, cases: &[(&str, Value, &[&str])]) {
    let (redis, database) = started(
        engine,
        "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z');",
    );
    let secret = match engine {
        Engine::Postgres => {
            "CREATE TABLE secret (id int);
             CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN DELETE FROM t; RETURN 1; END'"
        }
        Engine::MariaDb => {
            "CREATE DATABASE other; CREATE TABLE other.secret (id int);
             DELIMITER //
             CREATE FUNCTION wipe() RETURNS int DETERMINISTIC SQL SECURITY DEFINER BEGIN DELETE FROM t; RETURN 1; END//"
        }
    };
    database.sql(secret);
    let good = || service(&redis, &database, "SELECT * FROM t").set("source.timeout", "2s");
    good().once().expect(0).counts(&[("written", 3)]);
    for (key, value, words) in cases {
        let mut ext = good();
        if *key == "source.sql.password" {
            ext = ext.unset("source.sql.password_file");
        }
        let value = value.as_str().map_or(value.clone(), |text| text.replace("{url}", &database.url()).into());
        ext.change(key, value.clone());
        for verb in ["once", "test"] {
            let outcome = ext.verb(&["--log-level", "trace", verb]);
            assert_ne!(outcome.code, 0, "{value}: {outcome}");
            assert!(!outcome.all().contains("s3cret"), "{outcome}");
            for word in *words {
                assert!(outcome.all().contains(word), "{key} = {value}: it does not say {word:?}: {outcome}");
            }
        }
        assert_eq!(redis.count("hwinfo"), 3, "{value}");
        assert_eq!(database.sql("SELECT count(*) FROM t").trim(), "3", "{value}");
    }
    good().once().expect(0).counts(&[("written", 0), ("skipped", 3)]);
}

#[test]
#[ignore = "make test-all: needs PostgreSQL"]
fn postgres_says_what_is_wrong_and_nothing_is_written_or_removed() {
    let query = "source.sql.query";
    let nobody = format!("postgres://reader@127.0.0.1:{}/assets", 1);
    says_what_is_wrong(
        Engine::Postgres,
        &[
            ("source.sql.password", json!("wrong"), &["28P01", "password_file", "reader@127.0.0.1"]),
            ("source.sql.url", json!(nobody), &["cannot connect to", "is the server running"]),
            ("source.sql.url", json!("{url}x"), &["3D000", "the database's name"]),
            (query, json!("SELECT * FROM nowhere"), &["42P01", "check the names"]),
            (query, json!("SELECT id, b FROM t"), &["42703", "check the names"]),
            (query, json!("SELECT a FROM t"), &["there is no column id"]),
            (query, json!("SELECT * FROM secret"), &["42501", "GRANT SELECT"]),
            (query, json!("SELECT id FROM t WHERE"), &["42601", "psql"]),
            (query, json!("SELECT 1 AS id) AS q(a); DELETE FROM t; --"), &["more than one statement"]),
            (query, json!("SELECT 1 AS id) AS q(a) --"), &["42601"]),
            (query, json!("WITH x AS (DELETE FROM t RETURNING id) SELECT id FROM x"), &["only reads"]),
            (query, json!("SELECT wipe() AS id"), &["25006", "can only read"]),
            (query, json!("SELECT id, pg_sleep(60) AS s FROM t"), &["source.timeout"]),
        ],
    );
}

#[test]
#[ignore = "make test-all: needs MariaDB"]
fn mariadb_says_what_is_wrong_and_nothing_is_written_or_removed() {
    let query = "source.sql.query";
    let nobody = format!("mysql://reader@127.0.0.1:{}/assets", 1);
    says_what_is_wrong(
        Engine::MariaDb,
        &[
            ("source.sql.password", json!("wrong"), &["1045", "password_file", "reader@127.0.0.1"]),
            ("source.sql.url", json!(nobody), &["cannot connect to", "is the server running"]),
            ("source.sql.url", json!("{url}x"), &["104"]),
            (query, json!("SELECT * FROM nowhere"), &["1146", "check the names"]),
            (query, json!("SELECT id, b FROM t"), &["1054", "check the names"]),
            (query, json!("SELECT a FROM t"), &["there is no column id"]),
            (query, json!("SELECT * FROM other.secret"), &["1142", "GRANT SELECT"]),
            (query, json!("SELECT id FROM t WHERE"), &["1064", "mariadb"]),
            (query, json!("SELECT 1 AS id /*!; DELETE FROM t */"), &["1064"]),
            (query, json!("SELECT wipe() AS id"), &["1792", "can only read"]),
            (query, json!("SELECT id, SLEEP(60) AS s FROM t"), &["source.timeout"]),
        ],
    );
}

/// A query that is slow and breaks off removes nothing, and goes on when the server is back.
fn survives_a_server_that_dies(engine: Engine, fast: &str, slow: &str) {
    let (redis, mut database) = started(engine, fast);
    if engine == Engine::Postgres {
        database.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    }
    let ext = service(&redis, &database, "SELECT id, rev, filler FROM v ORDER BY id").briskly();
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 2000);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    database.sql(slow);
    sidecar.wait_until("the first of the slow rows are there", || content(&redis, "1")["rev"] == 2);
    database.kill();
    sidecar.wait_until_says("the source failed");
    sidecar.wait_until("the descriptor says so", || redis.descriptor("hwinfo")["status"] == "failing");
    let said = sidecar.stderr();
    assert!(said.contains("in the middle of the result") || said.contains("SQLSTATE 57P"), "{said}");
    assert_eq!((redis.count("hwinfo"), content(&redis, "2000")["rev"].clone()), (2000, json!(1)));
    always("all are there", Duration::from_secs(2), || redis.count("hwinfo") == 2000);
    database.restart();
    database.sql(&fast[fast.find("CREATE OR REPLACE").expect("a view")..]);
    sidecar.wait_until("it is well again", || {
        redis.descriptor("hwinfo")["status"] == "ok" && content(&redis, "1")["rev"] == 1
    });
    assert_eq!(redis.count("hwinfo"), 2000);
    sidecar.stop().expect(0);
}

#[test]
#[ignore = "make test-all: needs PostgreSQL"]
fn postgres_that_dies_in_the_middle_of_a_result_removes_nothing() {
    survives_a_server_that_dies(
        Engine::Postgres,
        "CREATE TABLE t AS SELECT g AS id, repeat('x', 2000) AS filler FROM generate_series(1, 2000) g;
         CREATE OR REPLACE VIEW v AS SELECT id, 1 AS rev, filler FROM t ORDER BY id;",
        "CREATE INDEX ON t (id); SET enable_sort = off;
         CREATE OR REPLACE VIEW v AS SELECT id, CASE WHEN pg_sleep(0.01) IS NULL THEN 1 ELSE 2 END AS rev, filler
         FROM (SELECT * FROM t ORDER BY id OFFSET 0) s;",
    );
}

#[test]
#[ignore = "make test-all: needs MariaDB"]
fn mariadb_that_dies_in_the_middle_of_a_result_removes_nothing() {
    survives_a_server_that_dies(
        Engine::MariaDb,
        "CREATE TABLE t (id int PRIMARY KEY, filler text);
         INSERT INTO t SELECT seq, repeat('x', 2000) FROM seq_1_to_2000;
         CREATE OR REPLACE VIEW v AS SELECT id, 1 AS rev, filler FROM t;",
        "CREATE OR REPLACE VIEW v AS SELECT id, 2 + SLEEP(0.01) AS rev, filler FROM t;",
    );
}

fn takes_many_rows_in_bounded_memory(engine: Engine, script: &str) {
    let (redis, database) = started(engine, script);
    let ext = service(&redis, &database, "SELECT id, facts FROM t").set("source.interval", "1h");
    let mut sidecar = ext.run();
    let (pid, mut peak) = (sidecar.pid(), 0);
    // A Redis that takes nothing for a while slows the query down, and neither fills memory nor breaks it off.
    sidecar.wait_for_metric("ralphext_source_circuit_open", &[], |open| open == 0.0);
    sidecar.wait_until("some are there", || redis.cmd::<u64>(&["DBSIZE"]) > 1000);
    redis.pause();
    std::thread::sleep(Duration::from_secs(2));
    peak = peak.max(Vitals::of(pid).rss_kib);
    redis.resume();
    sidecar.wait_until("all are there", || {
        peak = peak.max(Vitals::of(pid).rss_kib);
        redis.descriptor("hwinfo")["counts"]["objects"] == 200_000
    });
    assert!(peak < 120 << 10, "{} MiB for 200 MB of rows", peak >> 10);
    sidecar.stop().expect(0);
}

#[test]
#[ignore = "make test-all: needs PostgreSQL"]
fn postgres_two_hundred_thousand_rows_take_no_more_memory_than_a_few() {
    let script =
        "CREATE TABLE t AS SELECT g AS id, repeat(md5(g::text), 32) AS facts FROM generate_series(1, 200000) g";
    takes_many_rows_in_bounded_memory(Engine::Postgres, script);
}

#[test]
#[ignore = "make test-all: needs MariaDB"]
fn mariadb_two_hundred_thousand_rows_take_no_more_memory_than_a_few() {
    let script = "CREATE TABLE t (id int PRIMARY KEY, facts text);
                  INSERT INTO t SELECT seq, repeat(md5(seq), 32) FROM seq_1_to_200000;";
    takes_many_rows_in_bounded_memory(Engine::MariaDb, script);
}

fn changes_are_followed(engine: Engine, script: &str) {
    let (redis, database) = started(engine, script);
    let query = "SELECT id, rev, deleted FROM t WHERE updated_at >= :changed_since";
    let ext = service(&redis, &database, query).briskly().set("source.interval", "200ms");
    let ext = ext.set("source.sql.full_every", "3s").set("source.sql.overlap", "2s").set("limits.max_shrink", "100%");
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 100);
    for round in 1..=20 {
        let (low, high) = (fastrand::u32(1..100), fastrand::u32(0..6));
        let script = match fastrand::u32(0..4) {
            0 => format!("DELETE FROM t WHERE id BETWEEN {low} AND {low} + {high}"),
            1 => format!("UPDATE t SET deleted = NOT deleted WHERE id BETWEEN {low} AND {low} + {high}"),
            2 => format!("INSERT INTO t (id, rev) SELECT max(id) + 1, {round} FROM t"),
            _ => format!("UPDATE t SET rev = {round} WHERE id BETWEEN {low} AND {low} + {high} * 5"),
        };
        database.sql(&script);
    }
    let table = database.sql("SELECT concat(id, ':', rev) FROM t WHERE NOT deleted ORDER BY id");
    let table: Vec<&str> = table.split_whitespace().collect();
    let equals = || {
        let there = redis.raw_objects("hwinfo").into_iter().map(|(id, raw)| {
            let envelope: Value = serde_json::from_str(&raw).expect("an envelope");
            (id.parse::<u32>().expect("a number"), envelope["content"]["rev"].to_string())
        });
        let mut there: Vec<(u32, String)> = there.collect();
        there.sort();
        there.iter().map(|(id, rev)| format!("{id}:{rev}")).eq(table.iter().map(|row| (*row).to_owned()))
    };
    sidecar.wait_until("Redis equals the table", equals);
    always("and stays so", Duration::from_secs(4), equals);
    let passes =
        |sidecar: &mut Running, outcome| sidecar.scrape().value("ralphext_passes_total", &[("outcome", outcome)]);
    let (full, delta) = (passes(&mut sidecar, "complete"), passes(&mut sidecar, "delta"));
    assert!(full >= 1.0 && delta > full, "{full} full passes, {delta} deltas");
    sidecar.stop().expect(0);
}

#[test]
#[ignore = "make test-all: needs PostgreSQL"]
fn postgres_changes_are_followed_between_full_passes() {
    changes_are_followed(
        Engine::Postgres,
        "CREATE TABLE t (id int PRIMARY KEY, rev int, deleted boolean NOT NULL DEFAULT false, updated_at timestamptz DEFAULT now());
         CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at := now(); RETURN NEW; END';
         CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
         INSERT INTO t (id, rev) SELECT g, 0 FROM generate_series(1, 100) g;",
    );
}

#[test]
#[ignore = "make test-all: needs MariaDB"]
fn mariadb_changes_are_followed_between_full_passes() {
    changes_are_followed(
        Engine::MariaDb,
        "CREATE TABLE t (id int PRIMARY KEY, rev int, deleted boolean NOT NULL DEFAULT false,
           updated_at timestamp(6) DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6));
         INSERT INTO t (id, rev) SELECT seq, 0 FROM seq_1_to_100;",
    );
}

fn tls_is_checked(engine: Engine, off: &str, verified: &str) {
    let pki = Pki::new();
    let database = Database::start(engine, Some(&pki));
    let redis = Redis::start();
    let query = match engine {
        Engine::Postgres => "SELECT 1 AS id, ssl AS tls FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        Engine::MariaDb => {
            "SELECT 1 AS id, VARIABLE_VALUE <> '' AS tls FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'"
        }
    };
    let ext = |more: &str, ca: Option<&Pki>| {
        let ext = service(&redis, &database, query);
        let ext = ext.set("source.sql.url", format!("{}{more}", database.url()));
        match ca {
            Some(pki) => ext.set("source.sql.ca", pki.ca().display().to_string()),
            None => ext,
        }
    };
    let tls = || match &content(&redis, "1")["tls"] {
        Value::Bool(tls) => *tls,
        number => *number == 1,
    };
    for (more, ca, expected) in
        [("", None, true), (off, None, false), ("", Some(&pki), true), (verified, Some(&pki), true)]
    {
        ext(more, ca).once().expect(0);
        assert_eq!(tls(), expected, "{more}");
    }
    ext("", Some(&Pki::new())).once().expect(3).says(&["no TLS with", "source.sql.ca"]);
    pki.issue("server", &["elsewhere.example.com"]);
    let elsewhere = Database::start(engine, Some(&pki));
    let ext = service(&redis, &elsewhere, query).set("source.sql.ca", pki.ca().display().to_string());
    ext.once().expect(3).says(&["no TLS with", "source.sql.ca"]);
    eventually("the last good content stays", || redis.count("hwinfo") == 1);
}

#[test]
#[ignore = "make test-all: needs PostgreSQL"]
fn postgres_tls_is_checked() {
    tls_is_checked(Engine::Postgres, "?sslmode=disable", "?sslmode=verify-full");
}

#[test]
#[ignore = "make test-all: needs MariaDB"]
fn mariadb_tls_is_checked() {
    tls_is_checked(Engine::MariaDb, "?ssl-mode=DISABLED", "?ssl-mode=VERIFY_IDENTITY");
}
