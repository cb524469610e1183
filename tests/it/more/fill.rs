//! Single rows of PostgreSQL and MariaDB, asked for when a reader misses them.

use serde_json::{Value, json};

use crate::harness::{Database, Engine, Ext, Redis, eventually};

fn single_rows_are_asked_for(engine: Engine, id_as_text: &str) {
    let database = Database::start(engine, None);
    database.sql("CREATE TABLE assets (id int PRIMARY KEY, vendor varchar(20)); INSERT INTO assets VALUES (1, 'Dell')");
    if engine == Engine::Postgres {
        database.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    }
    let redis = Redis::with(&["notify-keyspace-events Km"]);
    redis.grant(&["hwinfo", "--with", "misses"]);
    let ext = Ext::brisk(&redis).unset("source.path").set("source.kind", "sql").set("source.interval", "1h");
    ext.write("password", "s3cret\n");
    let password = ext.path("password").display().to_string();
    let query = "SELECT id, vendor FROM assets";
    let ext = ext.set("source.sql.url", database.url()).set("source.sql.password_file", password);
    let ext = ext.set("source.sql.query", query).set("fill.misses", true);
    let ext = ext.set("source.sql.object_query", format!("{query} WHERE {id_as_text} IN (:ids) -- :ids"));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 1.0);
    database.sql("INSERT INTO assets VALUES (2, 'HPE'), (3, 'IBM')");
    let key = |id: &str| format!("ralphext:v1:hwinfo:{id}");
    redis.cmd::<()>(&["DEL", &key("1")]);
    redis.cmd::<Vec<Option<String>>>(&["MGET", &key("1"), &key("2"), &key("data_center.rack.12"), &key("77")]);
    for (id, vendor) in [("1", "Dell"), ("2", "HPE")] {
        eventually("what was missed is there", || redis.cmd::<u64>(&["STRLEN", &key(id)]) > 0);
        let content: Value = redis.object("hwinfo", id).json["content"].clone();
        assert_eq!(content, json!({"vendor": vendor}));
    }
    sidecar.wait_for_metric("ralphext_fills_total", &[("outcome", "absent")], |n| n == 2.0);
    assert_eq!(redis.count("hwinfo"), 2, "nobody missed 3");
    assert_eq!(sidecar.scrape().value("ralphext_fills_total", &[("outcome", "failed")]), 0.0);
    sidecar.stop().expect(0);
}

#[test]
#[ignore = "make test-all: needs PostgreSQL"]
fn postgres_single_rows_are_asked_for_when_they_are_missed() {
    single_rows_are_asked_for(Engine::Postgres, "id::text");
}

#[test]
#[ignore = "make test-all: needs MariaDB"]
fn mariadb_single_rows_are_asked_for_when_they_are_missed() {
    single_rows_are_asked_for(Engine::MariaDb, "CAST(id AS CHAR(128))");
}
