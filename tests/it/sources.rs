//! Standard input, JSON arrays, commands, and the file watch.

use std::{fs::OpenOptions, io::Write};

use serde_json::json;

use crate::harness::{Ext, Redis, ndjson, record, records};

const PIPE: [&str; 5] = ["--output", "json", "once", "--source", "stdin"];

#[test]
fn a_pipe_without_an_end_removes_nothing() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    let first = ext.pipe(&PIPE, &ndjson(&records(10, 1))).expect(0);
    first.counts(&[("written", 10), ("objects", 10)]);
    assert_eq!(first.json()["complete"], false);
    let second = ext.pipe(&PIPE, &ndjson(&[record(3, 2)])).expect(0);
    second.counts(&[("written", 1), ("removed", 0)]);
    assert_eq!(redis.objects("hwinfo").len(), 10);
    assert_eq!(redis.object("hwinfo", "3").content()["revision"], 2);
}

#[test]
fn a_pipe_with_an_end_is_the_whole_truth() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.pipe(&PIPE, &ndjson(&records(10, 1))).expect(0);
    let mut whole = records(9, 1);
    whole.insert(0, json!({"begin": true}));
    whole.push(json!({"end": true}));
    let outcome = ext.pipe(&PIPE, &ndjson(&whole)).expect(0);
    assert_eq!(outcome.json()["complete"], true);
    outcome.counts(&[("objects", 9), ("written", 0), ("removed", 1)]);

    let words = [&PIPE[..], &["--complete"]].concat();
    let outcome = ext.pipe(&words, &ndjson(&records(8, 1))).expect(0);
    assert_eq!(outcome.json()["complete"], true);
    outcome.counts(&[("removed", 1)]);

    let ext = ext.unset("source.path").set("source.kind", "stdin").set("source.complete", true);
    let outcome = ext.pipe(&["--output", "json", "once"], &ndjson(&records(7, 1))).expect(0);
    outcome.counts(&[("removed", 1)]);
    assert_eq!(redis.objects("hwinfo").len(), 7);
}

#[test]
fn an_empty_pipe_is_no_answer_even_if_it_should_be_complete() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.pipe(&PIPE, &ndjson(&records(3, 1))).expect(0);
    let words = [&PIPE[..], &["--complete"]].concat();
    ext.pipe(&words, "").expect(3).counts(&[("removed", 0)]);
    assert_eq!(redis.objects("hwinfo").len(), 3);
}

#[test]
fn a_record_may_delete_its_object() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.pipe(&PIPE, &ndjson(&records(3, 1))).expect(0);
    let outcome = ext.pipe(&PIPE, "{\"id\":2,\"deleted\":true}\n{\"id\":99,\"deleted\":true}\n").expect(0);
    outcome.counts(&[("removed", 1), ("written", 0), ("failed", 0)]);
    assert_eq!(redis.objects("hwinfo").into_keys().collect::<Vec<_>>(), ["1", "3"]);
}

#[test]
fn a_json_array_is_as_good_as_lines() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(5, 1)).expect(0);
    ext.write("objects.ndjson", &serde_json::to_string_pretty(&records(4, 1)).expect("JSON"));
    let outcome = ext.once().expect(0);
    outcome.counts(&[("objects", 4), ("written", 0), ("removed", 1)]);
    assert_eq!(outcome.json()["complete"], true);
}

#[test]
fn a_command_sees_its_own_variables() {
    let redis = Redis::start();
    let script = r#"printf '{"id":1,"content":{"unbuffered":"%s","region":"%s"}}\n' "$PYTHONUNBUFFERED" "$REGION""#;
    let ext = Ext::new(&redis).script("exec", script).set("source.env.REGION", "${SITE}-1").env("SITE", "waw");
    ext.once().expect(0).counts(&[("written", 1)]);
    assert_eq!(redis.object("hwinfo", "1").content(), &json!({"unbuffered": "1", "region": "waw-1"}));
}

#[test]
fn what_a_command_says_on_standard_error_is_in_the_log() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).script("exec", "echo 'the switch is slow today' >&2\ncat facts.ndjson");
    ext.write("facts.ndjson", &ndjson(&records(2, 1)));
    let outcome = ext.once().expect(0);
    outcome.says(&["the switch is slow today"]);
    outcome.counts(&[("written", 2)]);
}

#[test]
fn a_changed_file_is_seen_without_waiting_for_the_interval() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("source.interval", "1h");
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    for rev in 2..=4 {
        ext.source(&records(10, rev));
        sidecar.wait_until("a renamed file is seen", || {
            redis.raw_objects("hwinfo").values().all(|raw| raw.contains(&format!("\"revision\":{rev}")))
        });
    }
    let mut file = OpenOptions::new().append(true).open(ext.path("objects.ndjson")).expect("the file");
    file.write_all(ndjson(&[record(11, 1)]).as_bytes()).expect("a line more");
    drop(file);
    sidecar.wait_for_objects(&redis, "hwinfo", 11);
    ext.source(&records(10, 4));
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    sidecar.stop().expect(0);
}

#[test]
fn a_changed_directory_is_seen_without_waiting_for_the_interval() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("source.interval", "1h");
    ext.write("tabs/1.json", "{\"n\":1}");
    ext.write("tabs/2.json", "{\"n\":1}");
    let directory = ext.path("tabs").display().to_string();
    let ext = ext.set("source.path", directory);
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    ext.write("tabs/3.md", "*new*");
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    ext.write("tabs/1.json", "{\"n\":2}");
    sidecar.wait_until("the change is seen", || redis.object("hwinfo", "1").content()["n"] == 2);
    std::fs::remove_file(ext.path("tabs/2.json")).expect("it is there");
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    sidecar.stop().expect(0);
}

#[test]
fn a_file_that_comes_later_is_waited_for() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    let mut sidecar = ext.run();
    sidecar.wait_until_says("does not exist");
    ext.source(&records(3, 1));
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    sidecar.stop().expect(0);
}
