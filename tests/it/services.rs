//! Several services in one process: each with its own lease, schedule and faults.

use serde_json::{Value, json};

use crate::harness::{Ext, Outcome, PASSWORD, Redis, Running, ndjson, records, user_of};

/// A directory with two services, `hwinfo` on a file and `tickets` on a command, on one Redis.
fn pair(redis: &Redis) -> Ext {
    let ext = Ext::new(redis);
    let dir = ext.path("").display().to_string();
    let common = format!("[redis]\nurl = {:?}\n[writer]\nheartbeat = \"1s\"\nlease = \"3s\"\n", redis.url());
    let user = |service: &str| format!("[redis]\nusername = {:?}\npassword = {PASSWORD:?}\n", user_of(service));
    let file = format!(
        "service = \"hwinfo\"\n{}[source]\nkind = \"file\"\npath = \"{dir}objects.ndjson\"\ninterval = \"1s\"\n",
        user("hwinfo")
    );
    let exec = format!(
        "service = \"tickets\"\n{}[source]\nkind = \"exec\"\ncommand = [\"/bin/sh\", \"{dir}tickets.sh\"]\ninterval = \"1s\"\n",
        user("tickets")
    );
    ext.write("conf.d/common.toml", &common);
    ext.write("conf.d/hwinfo.toml", &file);
    ext.write("conf.d/tickets.toml", &exec);
    ext.write("conf.d/README", "not a configuration");
    ext.source(&records(10, 1));
    ext.write("tickets.sh", &format!("cat {dir}tickets.ndjson\nexit $(cat {dir}code)\n"));
    ext.write("tickets.ndjson", &ndjson(&records(5, 1)));
    ext.write("code", "0");
    ext
}

fn run(ext: &Ext) -> Running {
    Running::spawn(ext.bare(&["--config", "conf.d", "run"]).env_remove("HOME"), None)
}

fn once(ext: &Ext) -> Outcome {
    Running::spawn(&mut ext.bare(&["--config", "conf.d", "--output", "json", "once"]), None)
        .finish(crate::harness::DEADLINE)
}

#[test]
fn one_failing_source_does_not_hold_up_the_other() {
    let redis = Redis::start();
    let ext = pair(&redis);
    ext.write("code", "9");
    let mut sidecar = run(&ext);
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    sidecar.wait_until("the failure is told", || {
        redis.descriptor("tickets")["last_error"].to_string().contains("exit status 9")
    });
    ext.source(&records(11, 1));
    sidecar.wait_for_objects(&redis, "hwinfo", 11);
    assert!(redis.descriptor("hwinfo")["last_error"].is_null());

    ext.write("code", "0");
    sidecar.wait_for_passes(&redis, "tickets", 1);
    sidecar.wait_for_objects(&redis, "tickets", 5);
    ext.write("code", "9");
    ext.source(&records(12, 1));
    sidecar.wait_for_objects(&redis, "hwinfo", 12);
    assert_eq!(redis.count("tickets"), 5);
    assert_ne!(redis.get("ralphext:v1:hwinfo:@lease"), None);
    assert_ne!(redis.get("ralphext:v1:tickets:@lease"), None);
    let index: Vec<String> = redis.cmd(&["ZRANGE", "ralphext:v1", "0", "-1"]);
    assert_eq!(index.len(), 2);
    sidecar.stop().expect(0);
    assert_eq!(redis.get("ralphext:v1:hwinfo:@lease"), None);
    assert_eq!(redis.get("ralphext:v1:tickets:@lease"), None);
}

#[test]
fn once_tells_of_each_service() {
    let redis = Redis::start();
    let ext = pair(&redis);
    let summaries = once(&ext).expect(0).json();
    let by_name = |all: &Value, name: &str| -> Value {
        let all = all.as_array().expect("an array, one object a service");
        all.iter().find(|s| s["service"] == name).cloned().unwrap_or_else(|| panic!("{name} is missing: {all:?}"))
    };
    assert_eq!(by_name(&summaries, "hwinfo")["written"], 10);
    assert_eq!(by_name(&summaries, "tickets")["written"], 5);

    ext.write("code", "9");
    ext.source(&records(11, 1));
    let outcome = once(&ext).expect(3);
    let summaries = outcome.json();
    assert_eq!(by_name(&summaries, "hwinfo")["written"], 1);
    assert_eq!(by_name(&summaries, "tickets")["removed"], 0);
    assert!(!by_name(&summaries, "tickets")["error"].is_null());
    assert_eq!((redis.count("hwinfo"), redis.count("tickets")), (11, 5));
}

#[test]
fn one_bad_file_keeps_all_from_starting() {
    let redis = Redis::start();
    let ext = pair(&redis);
    ext.write("conf.d/zz.toml", "service = \"third\"\n[source]\nkindd = \"file\"\n");
    let outcome = once(&ext).expect(2);
    outcome.says(&["zz.toml", "kindd", "kind"]);
    assert_eq!(redis.keys(), Vec::<String>::new());
    ext.write("conf.d/zz.toml", "service = \"tickets\"\n[source]\nkind = \"stdin\"\n");
    let outcome = once(&ext).expect(2);
    outcome.says(&["tickets", "zz.toml", "hint"]);
    assert_eq!(redis.keys(), Vec::<String>::new());
}

#[test]
fn formats_by_extension() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.source(&records(3, 1));
    let path = ext.path("objects.ndjson").display().to_string();
    let source = json!({"kind": "file", "path": path});
    let url = redis.url().replace("redis://", &format!("redis://{}:{PASSWORD}@", user_of("hwinfo")));
    let whole = json!({"service": {"name": "hwinfo", "title": "Hardware"}, "redis": {"url": url}, "source": source});
    ext.write("c.json", &whole.to_string());
    ext.write("c.yaml", &format!("service: hwinfo\nredis:\n  url: {url}\nsource:\n  kind: file\n  path: {path}\n"));
    let once = |file: &str| {
        let words = ["--config", file, "--output", "json", "once"];
        Running::spawn(&mut ext.bare(&words), None).finish(crate::harness::DEADLINE).expect(0)
    };
    once("c.json").counts(&[("written", 3)]);
    assert_eq!(redis.descriptor("hwinfo")["title"], "Hardware");
    once("c.yaml").counts(&[("written", 0), ("objects", 3)]);
}
