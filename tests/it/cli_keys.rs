//! Verbs about keys: they look only, or they remove what they said they would, and never against a running writer.

use serde_json::{Value, json};

use crate::harness::{Act, DEADLINE, Ext, Proxy, Redis, Running, Way, record, records};

const FENCE: &str = "ralphext:v1:hwinfo:@fence";
const LEASE: &str = "ralphext:v1:hwinfo:@lease";

fn grown(redis: &Redis, count: u64) -> Ext {
    let ext = Ext::new(redis);
    ext.once_with(&records(count, 1)).expect(0);
    ext
}

#[test]
fn get_shows_parts() {
    let redis = Redis::start();
    let ext = grown(&redis, 3);
    let raw = ext.verb(&["get", "hwinfo", "2", "--raw"]).expect(0);
    assert_eq!(raw.stdout, redis.get("ralphext:v1:hwinfo:2").expect("a value"), "byte by byte, and nothing more");
    let envelope = redis.object("hwinfo", "2").json;
    let head = ext.verb(&["-o", "json", "get", "hwinfo", "2", "--head"]).expect(0).json();
    assert_eq!((&head["version"], &head["hash"], head.get("content")), (&envelope["version"], &envelope["hash"], None));
    assert!(!ext.verb(&["get", "hwinfo", "2", "--head"]).expect(0).stdout.contains("host-00002"));
    let field = |pointer: &str| ext.verb(&["get", "hwinfo", "2", "--field", pointer]);
    assert_eq!(field("/content/hostname").expect(0).stdout, "host-00002.dc1.example.net\n");
    assert_eq!(field("/content/disks/1/wear").expect(0).stdout, "null\n");
    field("/content/nothing").expect(1).says(&["/content/nothing"]);
    field("content").expect(2).says(&["/content/content"]);
    let page = ext.verb(&["get", "hwinfo", "2", "--html"]).expect(0).stdout;
    assert!(page.starts_with("<!doctype html>") && page.contains("host-00002"), "{page}");
    ext.verb(&["get", "hwinfo", "2", "--html", "--raw"]).expect(2);
}

#[test]
fn lists_come_line_by_line() {
    let redis = Redis::start();
    let ext = grown(&redis, 5);
    let told = ext.verb(&["-o", "ndjson", "ls", "hwinfo"]).expect(0).stdout;
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[4]["object_id"]), (5, &json!("5")));
    assert_eq!(ext.verb(&["-o", "ndjson", "get", "hwinfo", "5"]).expect(0).json()["object_id"], "5");
}

#[test]
fn rm_removes_what_nobody_writes_and_nothing_else() {
    let redis = Redis::start();
    let ext = grown(&redis, 5);
    ext.verb(&["rm", "hwinfo", "2"]).expect(2).says(&["--yes"]);
    ext.verb(&["rm", "hwinfo", "99", "--yes"]).expect(1).says(&["no such object", "ralphext ls hwinfo"]);
    let told = ext.verb(&["-o", "json", "rm", "hwinfo", "2", "3", "99", "--yes"]).expect(0).json();
    assert_eq!((&told["removed"], &told["asked_for"]), (&json!(2), &json!(3)));
    assert_eq!(redis.raw_objects("hwinfo").keys().collect::<Vec<_>>(), ["1", "4", "5"]);
    assert!(redis.get("ralphext:v1:hwinfo:@lease").is_none(), "it was handed back");
    ext.once().expect(0).counts(&[("written", 2)]);
}

#[test]
fn a_running_writer_is_left_alone() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(5, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 5);
    let before = redis.everything();
    for verb in [
        &["rm", "hwinfo", "2", "--yes"][..],
        &["retire", "hwinfo", "--yes"],
        &["purge", "hwinfo", "--older-than", "0s", "--yes"],
    ] {
        ext.verb(verb).expect(5).says(&["writes hwinfo"]);
    }
    assert_eq!(redis.count("hwinfo"), 5);
    assert_eq!(redis.everything()["ralphext:v1:hwinfo:@fence"], before["ralphext:v1:hwinfo:@fence"]);
    sidecar.stop().expect(0);
}

#[test]
fn a_writer_that_takes_over_stops_a_removal() {
    let redis = Redis::start();
    drop(grown(&redis, 1200));
    let proxy = Proxy::to(&redis);
    // A step of the removal is held back between its look at the fence and its end.
    let ext = Ext::at(&proxy.url()).user("hwinfo");
    for verb in [&["rm", "hwinfo", "1", "2", "--yes"][..], &["purge", "hwinfo", "--older-than", "0s", "--yes"]] {
        let before = redis.count("hwinfo");
        proxy.trap(Way::Up, b"EXEC", 0, Act::Hold);
        let removing = Running::spawn(&mut ext.command(verb), None);
        proxy.wait_until_held();
        // Another one takes the lease over, as a writer does whose turn has come.
        let fence: u64 = redis.get(FENCE).expect("a fence").parse().expect("a number");
        redis.cmd::<()>(&["SET", FENCE, &(fence + 1).to_string()]);
        redis.cmd::<()>(&["SET", LEASE, "another-writer", "PX", "600000"]);
        proxy.disarm();
        removing.finish(DEADLINE).expect(5).says(&["another writer took the lease over"]);
        assert_eq!(redis.count("hwinfo"), before, "{verb:?}: the batch that was held back removed nothing");
        assert_eq!(redis.get(LEASE).as_deref(), Some("another-writer"), "{verb:?}: the lease of the other one stays");
        redis.cmd::<()>(&["DEL", LEASE]);
    }
    ext.verb(&["rm", "hwinfo", "1", "2", "--yes"]).expect(0);
    assert_eq!(redis.count("hwinfo"), 1198, "without another one it does remove");
}

#[test]
fn purge_removes_what_did_not_change_for_long() {
    let redis = Redis::start();
    let ext = grown(&redis, 6);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let mut next = records(6, 1);
    next[0] = record(1, 2);
    ext.once_with(&next).expect(0).counts(&[("written", 1)]);
    let none = ext.verb(&["purge", "hwinfo", "--older-than", "1h"]).expect(0);
    assert!(none.stdout.contains("no object"), "{none}");
    let told = ext.verb(&["purge", "hwinfo", "--older-than", "1s"]).expect(2);
    told.says(&["--yes"]);
    assert!(["2", "6"].iter().all(|id| told.stdout.contains(id)), "it shows what would go: {told}");
    let told = ext.verb(&["-o", "json", "purge", "hwinfo", "--older-than", "1s", "--yes"]).expect(0).json();
    assert_eq!(told["removed"], 5);
    assert_eq!(redis.raw_objects("hwinfo").keys().collect::<Vec<_>>(), ["1"]);
}

#[test]
fn retire_leaves_nothing_of_a_service_and_all_of_others() {
    let redis = Redis::start();
    let ext = grown(&redis, 1200);
    let other = Ext::of(&redis, "tickets");
    other.once_with(&records(3, 1)).expect(0);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:not an id", "whose?"]);
    let before = redis.keys().iter().filter(|key| key.starts_with("ralphext:v1:hwinfo:")).count();
    let asked = ext.verb(&["retire", "hwinfo"]).expect(2);
    asked.says(&["--yes"]);
    assert!(asked.stdout.contains("1200") && asked.stdout.contains("@fence"), "{asked}");
    assert_eq!(redis.keys().iter().filter(|key| key.starts_with("ralphext:v1:hwinfo:")).count(), before);
    let told = ext.verb(&["-o", "json", "retire", "hwinfo", "--yes"]).expect(0).json();
    assert_eq!((&told["objects"], &told["left"]), (&json!(1200), &json!(1)));
    let left: Vec<String> = redis.keys().into_iter().filter(|key| key.contains("hwinfo")).collect();
    assert_eq!(left, ["ralphext:v1:hwinfo:not an id"]);
    let listed: Vec<String> = redis.cmd(&["ZRANGE", "ralphext:v1", "0", "-1"]);
    assert_eq!(listed, ["tickets"]);
    assert_eq!(redis.count("tickets"), 3);
    ext.verb(&["retire", "hwinfo", "--yes"]).expect(1).says(&["nothing of hwinfo"]);
    ext.once().expect(0).counts(&[("written", 1200)]);
}

#[test]
fn stats_count_sizes_and_ttls() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("content.ttl", "2h");
    let sized = |id: u64, len: usize| json!({"id": id, "content": "x".repeat(len)});
    let mut all: Vec<Value> = (1..=20).map(|id| sized(id, 100)).collect();
    all.push(sized(77, 50_000));
    ext.once_with(&all).expect(0);
    redis.cmd::<()>(&["PERSIST", "ralphext:v1:hwinfo:3"]);
    let told = ext.verb(&["-o", "json", "stats", "hwinfo", "--biggest", "2"]).expect(0).json();
    let bytes: usize = redis.raw_objects("hwinfo").values().map(String::len).sum();
    assert_eq!((&told["objects"], &told["bytes"], &told["without_ttl"]), (&json!(21), &json!(bytes), &json!(1)));
    assert_eq!((&told["biggest"][0]["object_id"], told["biggest"].as_array().map(Vec::len)), (&json!("77"), Some(2)));
    let sum =
        |bars: &Value| bars.as_array().expect("bars").iter().filter_map(|bar| bar["objects"].as_u64()).sum::<u64>();
    assert_eq!((sum(&told["sizes"]), sum(&told["ttls"])), (21, 20));
    assert_eq!(told["ttls"][0]["up_to"], 6 * 3_600_000);
    let shown = ext.verb(&["stats", "hwinfo"]).expect(0);
    assert!(shown.stdout.contains("never expire") && shown.stdout.contains("77"), "{shown}");
    ext.verb(&["stats", "nothing-here"]).expect(1);
}

#[test]
fn a_walk_keeps_its_pace() {
    let redis = Redis::start();
    let ext = grown(&redis, 2000);
    let begun = std::time::Instant::now();
    ext.verb(&["stats", "hwinfo", "--max-rate", "1000"]).expect(0);
    let took = begun.elapsed().as_secs_f64();
    assert!(took >= 1.7, "2000 keys at 1000 a second took {took} s");
}

#[test]
fn diff_shows_the_source_against_redis() {
    let redis = Redis::start();
    let ext = grown(&redis, 5);
    let same = ext.verb(&["diff", "hwinfo", "3"]).expect(0);
    assert!(same.stdout.starts_with("same "), "{same}");
    let mut next = records(4, 1);
    next[2] = record(3, 2);
    next.push(record(9, 1));
    ext.source(&next);
    let told = ext.verb(&["diff", "hwinfo", "3"]).expect(1);
    assert!(told.stdout.contains("-   \"revision\": 1") && told.stdout.contains("+   \"revision\": 2"), "{told}");
    assert!(!told.stdout.contains("memory_mb\": 65536,\n-"), "{told}");
    let outcome = |id: &str| ext.verb(&["-o", "json", "diff", "hwinfo", id]).expect(1).json()["outcome"].clone();
    assert_eq!((outcome("5"), outcome("9")), (json!("only_in_redis"), json!("only_at_source")));
    ext.verb(&["diff", "hwinfo", "12345"]).expect(1).says(&["neither"]);
    ext.verb(&["diff", "tickets", "3"]).expect(2).says(&["tickets"]);
    assert_eq!(redis.object("hwinfo", "3").content()["revision"], 1, "nothing was written");
    ext.write("objects.ndjson", "");
    std::fs::remove_file(ext.path("objects.ndjson")).expect("it is there");
    ext.verb(&["diff", "hwinfo", "3"]).expect(3);
}

#[test]
fn watch_tells_what_changes() {
    let redis = Redis::start();
    let ext = grown(&redis, 3);
    let looked = ext.verb(&["watch", "hwinfo", "--count", "2", "--every", "100ms"]).expect(0);
    assert_eq!(looked.stdout.matches("hwinfo").count(), 2, "{looked}");
    let watching = Running::spawn(&mut ext.command(&["-o", "json", "watch", "hwinfo", "--every", "100ms"]), None);
    std::thread::sleep(std::time::Duration::from_millis(700));
    ext.once_with(&records(4, 1)).expect(0);
    std::thread::sleep(std::time::Duration::from_millis(700));
    let told = watching.stop().expect(0).stdout;
    let objects: Vec<Value> =
        told.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["objects"].clone()).collect();
    assert_eq!((objects.first(), objects.last()), (Some(&json!(3)), Some(&json!(4))), "{told}");
}

#[test]
fn every_verb_has_a_manual_page() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    let program = ext.verb(&["man"]).expect(0).stdout;
    assert!(program.contains(".TH ralphext 1") && program.contains("approve\\-shrink"), "{program}");
    for verb in ["run", "get", "approve-shrink", "ui"] {
        let page = ext.verb(&["man", verb]).expect(0).stdout;
        assert!(page.contains(&format!(".TH ralphext-{verb} 1")) && page.contains(".SH OPTIONS"), "{page}");
    }
    ext.verb(&["man", "nonsense"]).expect(2).says(&["nonsense"]);
}
