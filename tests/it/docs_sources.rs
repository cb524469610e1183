//! The examples of docs/sources.md and docs/identity.md: each gives what it shows.

use std::{fs, process::Command};

use crate::harness::{DEADLINE, Ext, RALPH_TOKEN, Ralph, Redis, Reply, Running, Web, repository};

/// The blocks that follow the mark `<!-- tested: NAME -->`, by their languages, up to the next text.
fn example(page: &str, name: &str) -> Vec<(String, String)> {
    let page = fs::read_to_string(repository().join("docs").join(page)).expect("the page");
    let mark = format!("<!-- tested: {name} -->");
    let (_, rest) = page.split_once(&mark).unwrap_or_else(|| panic!("{mark} is missing"));
    let mut blocks = Vec::new();
    let mut rest = rest.trim_start();
    while let Some(open) = rest.strip_prefix("```") {
        let (language, body) = open.split_once('\n').expect("a language");
        let (body, after) = body.split_once("```").expect("an end");
        blocks.push((language.to_owned(), body.to_owned()));
        rest = after.trim_start();
    }
    blocks
}

#[test]
fn the_example_of_http() {
    let blocks = example("sources.md", "http");
    let [(_, config), (_, answer)] = blocks.as_slice() else { panic!("{blocks:?}") };
    let answer = answer.clone();
    let web = Web::start(move |asked| match asked.header("authorization") {
        "Token s3cret" => Reply::json(answer.clone()),
        _ => Reply::status(401),
    });
    let redis = Redis::start();
    let ext = Ext::at(&redis.url());
    ext.write("token", "s3cret\n");
    let token = ext.path("token").display().to_string();
    let config =
        config.replace("https://inventory.example.com", &web.url("")).replace("/run/secrets/inventory", &token);
    ext.write("example.toml", &format!("{config}\n[redis]\nurl = \"{}\"\n", redis.url()));
    let mut command = ext.bare(&["-c", "example.toml", "--output", "json", "once"]);
    let outcome = Running::spawn(&mut command, None).finish(DEADLINE).expect(0);
    outcome.counts(&[("written", 2), ("failed", 0)]);
    assert_eq!(redis.objects("racks").into_keys().collect::<Vec<_>>(), ["data_center.rack.1", "data_center.rack.2"]);
}

#[test]
fn the_example_of_inputs() {
    let blocks = example("sources.md", "inputs");
    let [(_, config), (_, facts), (_, costs), (_, merged)] = blocks.as_slice() else { panic!("{blocks:?}") };
    let redis = Redis::start();
    let ext = Ext::at(&redis.url());
    ext.write("facts.ndjson", facts);
    ext.write("costs.csv", costs);
    let config = config.replace("/var/lib/ralphext", &ext.path("spool").display().to_string());
    let settle = "[source.inputs.costs.table]\nsettle = \"0s\"";
    ext.write("example.toml", &format!("{config}\n{settle}\n[redis]\nurl = \"{}\"\n", redis.url()));
    let mut command = ext.bare(&["-c", "example.toml", "--output", "json", "once"]);
    Running::spawn(&mut command, None).finish(DEADLINE).expect(0).counts(&[("written", 2), ("failed", 0)]);
    let shown: serde_json::Value =
        redis.objects("machines").into_iter().map(|(id, envelope)| (id, envelope.content().clone())).collect();
    assert_eq!(shown, serde_json::from_str::<serde_json::Value>(merged).expect("JSON"));
}

#[test]
fn the_example_of_identity() {
    let blocks = example("identity.md", "identity");
    let [(_, config)] = blocks.as_slice() else { panic!("{blocks:?}") };
    let (redis, ralph) = (Redis::start(), Ralph::start());
    ralph.add_server(4711, "web01.example.com", &serde_json::json!({"sn": "CZ3151KX"}));
    let ext = Ext::at(&redis.url());
    ext.write("token", RALPH_TOKEN);
    ext.write(
        "load.ndjson",
        "{\"match\": {\"hostname\": \"web01.example.com\", \"sn\": \"CZ3151KX\"}, \"content\": {\"load\": 0.3}}\n",
    );
    let at = |name: &str| ext.path(name).display().to_string();
    let config = config.replace("https://ralph.example.com/api/", &ralph.url());
    let config =
        config.replace("/run/secrets/ralph", &at("token")).replace("/var/lib/ralphext/inventory", &at("cache"));
    ext.write("example.toml", &format!("{config}\n[redis]\nurl = \"{}\"\n", redis.url()));
    let mut command = ext.bare(&["-c", "example.toml", "--output", "json", "once"]);
    let outcome = Running::spawn(&mut command, None).finish(DEADLINE).expect(0);
    outcome.counts(&[("written", 1), ("unmatched", 0)]);
    assert_eq!(redis.objects("load").into_keys().collect::<Vec<_>>(), ["4711"]);
}

#[test]
fn the_example_of_tables() {
    let blocks = example("sources.md", "tables");
    let [(_, config), (_, csv)] = blocks.as_slice() else { panic!("{blocks:?}") };
    let redis = Redis::start();
    let ext = Ext::at(&redis.url());
    ext.write("locations.csv", csv);
    ext.write(
        "example.toml",
        &format!("{config}\n[source.table]\nsettle = \"0s\"\n[redis]\nurl = \"{}\"\n", redis.url()),
    );
    let mut command = ext.bare(&["-c", "example.toml", "--output", "json", "once"]);
    Running::spawn(&mut command, None).finish(DEADLINE).expect(0).counts(&[("written", 2), ("failed", 0)]);
    assert_eq!(redis.object("location", "4711").content()["street"], "Żwirki i Wigury");
}

#[test]
fn the_example_of_events() {
    let blocks = example("sources.md", "events");
    let [(_, config), (_, entry)] = blocks.as_slice() else { panic!("{blocks:?}") };
    let redis = Redis::start();
    let words: Vec<&str> = entry.split_whitespace().collect();
    let _: String = redis.cmd(&words);
    let ext = Ext::at(&redis.url());
    ext.write("example.toml", &format!("{config}\n[redis]\nurl = \"{}\"\n", redis.url()));
    let mut sidecar = Running::spawn(&mut ext.bare(&["-c", "example.toml", "run"]), None);
    sidecar.wait_until("the entry is an object", || redis.objects("seen").into_keys().collect::<Vec<_>>() == ["4711"]);
    sidecar.stop().expect(0);
}

#[test]
fn the_example_of_sql() {
    let blocks = example("sources.md", "sql");
    let [(_, config), (_, script)] = blocks.as_slice() else { panic!("{blocks:?}") };
    let redis = Redis::start();
    let ext = Ext::at(&redis.url());
    let make = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
    let made = Command::new("python3").args(["-c", make]).arg(ext.path("assets.db")).arg(script).status();
    assert!(made.expect("python3").success());
    ext.write("example.toml", &format!("{config}\n[redis]\nurl = \"{}\"\n", redis.url()));
    let mut command = ext.bare(&["-c", "example.toml", "--output", "json", "once"]);
    Running::spawn(&mut command, None).finish(DEADLINE).expect(0).counts(&[("written", 2), ("failed", 0)]);
    assert_eq!(redis.object("contracts", "4712").content()["vendor"], "Dell");
}

#[test]
fn the_example_of_mapping() {
    let blocks = example("sources.md", "mapping");
    let [(_, config), (_, alerts)] = blocks.as_slice() else { panic!("{blocks:?}") };
    let redis = Redis::start();
    let ext = Ext::at(&redis.url());
    ext.write("alerts.json", alerts);
    ext.write("example.toml", &format!("{config}\n[redis]\nurl = \"{}\"\n", redis.url()));
    let mut command = ext.bare(&["-c", "example.toml", "--output", "json", "once"]);
    Running::spawn(&mut command, None).finish(DEADLINE).expect(0).counts(&[("written", 1), ("failed", 0)]);
    assert_eq!(redis.object("alerts", "4711").content()["status"], "critical");
}
