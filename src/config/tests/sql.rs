//! `[source.sql]`: what is taken, and what is refused.

use super::*;

fn sql(keys: &str) -> World {
    toml(&format!("service = \"a\"\n[source]\nkind = \"sql\"\n[source.sql]\n{keys}\n"))
}

#[test]
fn every_key_of_sql() {
    let world =
        sql("url_file = \"u\"\npassword = \"s3cret\"\nca = \"ca.pem\"\nquery_file = \"q.sql\"\nmatch = [\"sn\"]\n\
                     json = [\"disks\"]\nfull_every = \"1h\"\noverlap = \"1m\"");
    let sql = world.one().source.sql.expect("it is there");
    assert_eq!(sql.url_file, Some(world.path().join("u")));
    assert_eq!((sql.query_file, sql.ca), (Some(world.path().join("q.sql")), Some(world.path().join("ca.pem"))));
    assert_eq!((sql.matching, sql.json), (vec!["sn".to_owned()], vec!["disks".to_owned()]));
    assert_eq!((sql.full_every, sql.overlap), (Some(HumanDuration::from_secs(3600)), HumanDuration::from_secs(60)));
}

#[test]
fn a_file_of_sqlite_is_beside_the_configuration() {
    for (written, resolved) in
        [("sqlite:a/b.db", "a/b.db"), ("sqlite://b.db", "b.db"), ("sqlite:///tmp/b.db", "/tmp/b.db")]
    {
        let world = sql(&format!("url = \"{written}\"\nquery = \"SELECT 1 AS id\""));
        let url = world.one().source.sql.and_then(|sql| sql.url).expect("it is there");
        assert_eq!(url.file(), Some(world.path().join(resolved).to_str().expect("text")));
    }
}

#[test]
fn impossible_databases() {
    let query = "query = \"SELECT 1 AS id\"\n";
    let cases = [
        ("url = \"sqlite:a.db\"", "source.sql.query: kind sql needs the query"),
        (query, "source.sql.url: kind sql needs the address"),
        ("url = \"oracle://u:s3cret@h\"\nquery = \"x\"", "the scheme \"oracle\" is not known"),
        ("url = \"sqlite:a.db\"\nurl_file = \"u\"\nquery = \"x\"", "source.sql.url is given too"),
        ("url = \"sqlite:a.db\"\npassword_file = \"p\"\nquery = \"x\"", "SQLite has no use for it"),
        ("url = \"mysql://u:s3cret@h/a\"\npassword_file = \"p\"\nquery = \"x\"", "source.sql.url holds a password too"),
        ("url = \"sqlite:a.db\"\nquery = \" \"", "source.sql.query = \" \": it is empty"),
        ("url = \"sqlite:a.db\"\nquery = \"x\"\nfull_every = \"1h\"", ":changed_since is not in it"),
        (
            "url = \"sqlite:a.db\"\nquery = \":changed_since\"\nfull_every = \"1s\"",
            "it is less than source.interval (1m)",
        ),
    ];
    for (keys, expected) in cases {
        let error = sql(keys).error();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{keys}\n{error}");
    }
    let unused =
        toml("service = \"a\"\n[source]\nkind = \"stdin\"\n[source.sql]\nurl = \"sqlite:a.db\"\nquery = \"x\"").error();
    assert!(unused.contains("kind stdin has no use for it"), "{unused}");
    let none = toml("service = \"a\"\n[source]\nkind = \"sql\"").error();
    assert!(none.contains("kind sql needs a database"), "{none}");
}
