//! Each example: one command from its README to keys in Redis.

mod outprint;

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Outcome, Redis, Running, binary, eventually, repository};

/// A copy of an example, and a Redis for it.
struct Example {
    dir: tempfile::TempDir,
    redis: Redis,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("the example").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a file")),
        }
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

impl Example {
    fn new(name: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("example-").tempdir().expect("a directory");
        copy(&repository().join("examples").join(name), dir.path());
        Self { dir, redis: Redis::start() }
    }

    fn command(&self, line: &str) -> Command {
        let bin = binary();
        let path =
            format!("{}:{}", bin.parent().expect("a directory").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).current_dir(self.dir.path()).env("PATH", path);
        command.env("RALPHEXT__REDIS__URL", self.redis.url()).env("PROMETHEUS_PORT", free_port().to_string());
        command.env("RALPHEXT_CONFIG", "ralphext.toml");
        command
    }

    /// Runs `line` as a user would.
    fn sh(&self, line: &str) -> Outcome {
        Running::spawn(&mut self.command(line), None).finish(DEADLINE)
    }

    /// The command that the README promises.
    fn promised(&self) -> String {
        let readme = fs::read_to_string(self.dir.path().join("README.md")).expect("a README");
        let (_, rest) = readme.split_once("<!-- one command -->").expect("the mark");
        let (_, block) = rest.split_once("```sh\n").expect("a block");
        block.split("\n```").next().expect("its end").to_owned()
    }

    fn content(&self, service: &str, id: &str) -> Value {
        self.redis.object(service, id).json["content"].clone()
    }

    fn ids(&self, service: &str) -> Vec<String> {
        self.redis.objects(service).into_keys().collect()
    }
}

#[test]
fn warranty_from_a_spreadsheet() {
    let example = Example::new("warranty-xlsx");
    example.sh(&example.promised()).expect(0);
    assert_eq!(example.ids("warranty"), ["4711", "4712", "4713"]);
    let card = example.content("warranty", "4711");
    assert_eq!((&card["title"], &card["status"]), (&json!("Dell PowerEdge R750"), &json!("ok")));
    assert_eq!(card["fields"][0]["value"], "2100-01-01");
    assert_eq!(example.content("warranty", "4712")["status"], "critical");
    assert_eq!(example.content("warranty", "4713")["fields"][1]["value"], "2102-Łódź");
    // A row is taken out, one is changed.
    let edit = "sed -i -e '/FusionServer/d' -e 's/8420.5/8000/' make-xlsx.py && python3 make-xlsx.py && ralphext --output json once";
    let outcome = example.sh(edit);
    outcome.expect(0).counts(&[("written", 1), ("skipped", 1), ("removed", 1)]);
    let committed = fs::read(repository().join("examples/warranty-xlsx/warranty.xlsx")).expect("the file");
    let fresh = Example::new("warranty-xlsx");
    fresh.sh("python3 make-xlsx.py again.xlsx").expect(0);
    let again = fs::read(fresh.dir.path().join("again.xlsx")).expect("the file");
    assert_eq!(committed.len(), again.len(), "the committed file is what make-xlsx.py makes");
}

#[test]
fn warranty_and_cost_from_sql() {
    let example = Example::new("warranty-sql");
    example.sh(&example.promised()).expect(0);
    assert_eq!(example.ids("contracts"), ["4711", "4712", "4713"]);
    let card = example.content("contracts", "4712");
    assert_eq!((&card["title"], &card["status"]), (&json!("HPE"), &json!("critical")));
    let change = "python3 -c \"import sqlite3; d = sqlite3.connect('assets.db'); d.execute('UPDATE contract SET cost_a_month = 36 WHERE id = 1'); d.commit()\"";
    example.sh(change).expect(0);
    example.sh("ralphext --output json once").expect(0).counts(&[("written", 2), ("skipped", 1)]);
}

#[test]
fn alerts_per_host_and_a_storm_that_clears_to_zero() {
    let example = Example::new("alerts");
    example.sh(&example.promised()).expect(0);
    let status = |id: &str| example.content("alerts", id)["status"].clone();
    assert_eq!(example.ids("alerts"), ["4711", "4712", "4713"]);
    assert_eq!([status("4711"), status("4712"), status("4713")], [json!("critical"), json!("warning"), json!("ok")]);
    let card = example.content("alerts", "4711");
    assert_eq!(card["title"], "2 alerts");
    assert_eq!(card["timeline"].as_array().map(Vec::len), Some(2));
    assert!(example.sh("ralphext unmatched alerts").expect(1).stdout.contains("lab07.example.com"));
    fs::write(example.dir.path().join("prometheus/api/v1/alerts"), r#"{"status":"success","data":{"alerts":[]}}"#)
        .unwrap();
    example.sh(&example.promised()).expect(0);
    assert_eq!([status("4711"), status("4712"), status("4713")], [json!("ok"), json!("ok"), json!("ok")]);
    assert_eq!(example.redis.descriptor("alerts")["last_error"], Value::Null);
}

#[test]
fn facts_from_ansible() {
    let example = Example::new("ansible-facts");
    example.sh(&example.promised()).expect(0);
    assert_eq!(example.ids("facts"), ["4711", "4712"]);
    let card = example.content("facts", "4711");
    assert_eq!((&card["title"], &card["fields"][1]["value"]), (&json!("Debian 12.9"), &json!("Xeon")));
    let later = "sed -i 's/06:00:00Z/07:00:00Z/' facts/* && ralphext --output json once";
    example.sh(later).expect(0).counts(&[("written", 0), ("skipped", 2)]);
}

#[test]
fn tickets_that_are_pushed() {
    let example = Example::new("tickets");
    example.sh(&example.promised()).expect(0);
    assert_eq!(example.ids("tickets"), ["4711", "4712"]);
    assert_eq!(example.content("tickets", "4711")["title"], "2 open tickets");
    // And on: a change, a removal.
    let mut running = Running::spawn(&mut example.command("exec ./try.sh"), None);
    running.wait_until("the snapshot was told", || running_socket(example.dir.path()));
    let file = example.dir.path().join("tickets.ndjson");
    let lines = fs::read_to_string(&file).expect("tickets");
    eventually("it writes again", || example.redis.descriptor("tickets")["status"] == "ok");
    let changed: String = lines.lines().take(1).map(|line| format!("{line}\n")).collect();
    eventually("the changes are there", || {
        fs::write(&file, &changed).expect("tickets");
        example.ids("tickets") == ["4711"] && example.content("tickets", "4711")["title"] == "1 open ticket"
    });
    drop(running);
}

#[test]
fn facts_from_a_database_and_status_by_push() {
    let example = Example::new("status-and-facts");
    example.sh(&example.promised()).expect(0);
    assert_eq!(example.ids("machines"), ["4711", "4712", "4713"]);
    let card = example.content("machines", "4711");
    let (title, status, ram) = (&card["title"], &card["status"], &card["fields"][1]["value"]);
    assert_eq!((title, status, ram), (&json!("Dell R750"), &json!("ok"), &json!(256)));
    assert_eq!(example.content("machines", "4712")["summary"], "not monitored");
    assert_eq!(example.content("machines", "4713")["status"], "critical");
    // And on, from what the spool knows: a fact changes.
    let _running =
        Running::spawn(&mut example.command("exec ralphext --set source.inputs.facts.interval=200ms run"), None);
    let update = "UPDATE machine SET ram = 512";
    example
        .sh(&format!(
            "python3 -c \"import sqlite3; d = sqlite3.connect('facts.db'); d.execute('{update}'); d.commit()\""
        ))
        .expect(0);
    eventually("the fact changed, the status is the same", || {
        let card = example.content("machines", "4711");
        card["fields"][1]["value"] == 512 && card["status"] == "ok"
    });
}

fn running_socket(dir: &Path) -> bool {
    dir.join("tickets.sock").exists()
}
