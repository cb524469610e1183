//! What is counted, and that it is counted right: by scrapes of a running sidecar.

mod inputs;

use std::{collections::BTreeSet, fs};

use serde_json::json;

use crate::{
    harness::{Ext, Redis, Running, Scrape, ndjson, record, records, repository},
    identity::{resolving, ten},
};

const LEASE: &str = "ralphext:v1:hwinfo:@lease";
const FENCE: &str = "ralphext:v1:hwinfo:@fence";

fn start(redis: &Redis, ext: &Ext) -> Running {
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(redis, "hwinfo", 1);
    sidecar
}

/// The metrics that the reference page names, in its order.
fn catalogue() -> Vec<String> {
    let page = fs::read_to_string(repository().join("docs/reference/metrics.md")).expect("the reference");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    // The bridge is another process: see `bridge::serving`.
    rows.filter(|name| !name.starts_with("ralphext_bridge_")).map(str::to_owned).collect()
}

#[test]
fn a_scrape_tells_what_the_reference_names() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--with", "keyspace-events"]);
    let ext = Ext::brisk(&redis).set("verify.keyspace_events", true);
    ext.source(&records(10, 1));
    let mut sidecar = start(&redis, &ext);
    sidecar.wait_for_metric("ralphext_keyspace_events", &[], |n| n == 1.0);
    let scrape = sidecar.scrape();
    let told: BTreeSet<_> = scrape.kinds.keys().cloned().collect();
    assert_eq!(told, catalogue().into_iter().collect());
    let silent: Vec<_> =
        scrape.kinds.keys().filter(|name| !scrape.samples.keys().any(|(n, _)| n.starts_with(*name))).collect();
    let optional = [
        "ralphext_fill_servers",
        "ralphext_fill_unknown_ids",
        "ralphext_heartbeat_timestamp_seconds",
        "ralphext_input_failed_objects",
        "ralphext_input_last_success_timestamp_seconds",
        "ralphext_input_stale",
        "ralphext_inventory_checked_timestamp_seconds",
        "ralphext_inventory_objects",
        "ralphext_spool_usable",
        "ralphext_writer_alive",
    ];
    assert_eq!(
        silent, optional,
        "a writer knows all but what `ralphext ui` tells, and has neither inputs, inventory, spool nor wishes here"
    );
    for ((name, labels), value) in &scrape.samples {
        assert!(value.is_finite() && *value >= 0.0, "{name} {labels:?} {value}");
        assert_eq!(name.starts_with("ralphext_") && name != "ralphext_build_info", labels.contains_key("service"));
        assert!(labels.get("kind") != Some(&"other".to_owned()), "{name} {labels:?}");
    }
    let (build, value) = scrape.samples.iter().find(|((name, _), _)| name == "ralphext_build_info").expect("told");
    assert_eq!((build.1["version"].is_empty(), *value), (false, 1.0));
    let of_process = |name: &str| scrape.samples[&(name.to_owned(), [].into())];
    assert!(of_process("process_resident_memory_bytes") > 1e6);
    assert!(of_process("process_open_fds") > 5.0);
    assert!(of_process("process_start_time_seconds") > 1.7e9);
    assert!(scrape.samples.contains_key(&("process_cpu_seconds_total".to_owned(), [].into())));
    sidecar.stop().expect(0);
}

#[test]
fn a_pass_is_counted() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("verify.every", "1s").set("content.ttl", "1m");
    ext.source(&records(10, 1));
    let mut sidecar = start(&redis, &ext);
    let reason = |scrape: &Scrape, word| scrape.value("ralphext_write_reasons_total", &[("reason", word)]);
    let scrape = sidecar.scrape();
    assert_eq!(scrape.value("ralphext_values_written_total", &[]), 10.0);
    assert_eq!((reason(&scrape, "new"), reason(&scrape, "changed")), (10.0, 0.0));
    assert_eq!(scrape.value("ralphext_objects", &[("state", "sound")]), 10.0);
    let bytes: usize = redis.raw_objects("hwinfo").values().map(String::len).sum();
    assert_eq!(scrape.value("ralphext_written_bytes_total", &[]), bytes as f64);
    let about = scrape.value("ralphext_values_bytes", &[]);
    assert!(about >= bytes as f64 && about < scrape.value("ralphext_values_limit_bytes", &[]), "{about}");
    assert!(scrape.value("ralphext_redis_batch_duration_seconds_count", &[("kind", "write")]) >= 1.0);
    assert!(scrape.value("ralphext_change_visible_seconds_count", &[]) >= 1.0);
    assert!(scrape.value("ralphext_fetch_duration_seconds_count", &[]) >= 1.0);
    assert_eq!(scrape.value("ralphext_redis_batches_in_flight", &[]), 0.0);
    assert_eq!(
        scrape.value("ralphext_epoch", &[]),
        redis.get(FENCE).expect("a fence").parse::<f64>().expect("a number")
    );
    assert_eq!(scrape.value("ralphext_lease_acquisitions_total", &[]), 1.0);
    let descriptor = redis.descriptor("hwinfo");
    assert!(descriptor["as_of"].is_string() && scrape.value("ralphext_content_stale", &[]) == 0.0, "{descriptor}");
    for moment in ["as_of", "last_success", "last_pass"] {
        assert!(scrape.value(&format!("ralphext_{moment}_timestamp_seconds"), &[]) > 1.7e9, "{moment}");
    }

    // One changes, one vanishes, eight stay as they are.
    let mut next = records(9, 1);
    next[0] = record(1, 2);
    ext.source(&next);
    sidecar.wait_for_metric("ralphext_values_removed_total", &[], |n| n == 1.0);
    sidecar.wait_for_metric("ralphext_values_skipped_total", &[], |n| n >= 8.0);
    let scrape = sidecar.scrape();
    assert_eq!((reason(&scrape, "new"), reason(&scrape, "changed")), (10.0, 1.0));
    assert_eq!(scrape.value("ralphext_values_written_total", &[]), 11.0);
    let complete = scrape.value("ralphext_passes_total", &[("outcome", "complete")]);
    assert!(complete >= 2.0);
    assert!(scrape.value("ralphext_pass_duration_seconds_count", &[]) >= complete);
    sidecar.wait_for_metric("ralphext_values_renewed_total", &[], |n| n >= 9.0);
    sidecar.wait_for_metric("ralphext_redis_batch_duration_seconds_count", &[("kind", "renew")], |n| n >= 1.0);

    // What renewals find is told apart, and healed.
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:2"]);
    sidecar.wait_for_metric("ralphext_values_lost_total", &[("found", "missing")], |n| n == 1.0);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:3", "nonsense"]);
    sidecar.wait_for_metric("ralphext_values_lost_total", &[("found", "overwritten")], |n| n == 1.0);
    sidecar.wait_for_metric("ralphext_write_reasons_total", &[("reason", "healed")], |n| n == 2.0);
    sidecar.wait_for_metric("ralphext_objects", &[("state", "broken")], |n| n == 0.0);
    sidecar.stop().expect(0);
}

#[test]
fn each_kind_of_bad_source_is_told_apart_by_one_metric_and_one_line() {
    let redis = Redis::start();
    let mut ext = Ext::brisk(&redis).script("exec", "cat facts.ndjson").set("limits.max_failed", "50%");
    ext.write("facts.ndjson", &ndjson(&records(30, 1)));
    let mut sidecar = start(&redis, &ext);
    const TOLD: [(&str, &[(&str, &str)]); 6] = [
        ("ralphext_source_failures_total", &[("kind", "nothing")]),
        ("ralphext_shrink_refusals_total", &[("left", "some")]),
        ("ralphext_object_faults_total", &[("kind", "duplicate")]),
        ("ralphext_object_faults_total", &[("kind", "not_json")]),
        ("ralphext_sudden_growths_total", &[]),
        ("ralphext_shrink_refusals_total", &[("left", "none")]),
    ];
    let lines = [
        "printed nothing",
        "15 of 30",
        "twice in this snapshot",
        "no JSON",
        "far more objects than usual",
        "delete all",
    ];
    let mut twice = records(30, 1);
    twice.push(record(7, 2));
    let garbled = ndjson(&records(30, 1)).replacen("{\"content\"", "{{\"content\"", 1);
    let scripts = [
        "exit 0".to_owned(),
        "head -n 15 facts.ndjson".to_owned(),
        format!("cat <<'E'\n{}E\n", ndjson(&twice)),
        format!("cat <<'E'\n{garbled}E\n"),
        format!("cat <<'E'\n{}E\n", ndjson(&records(300, 1))),
        "echo '{\"end\":true}'".to_owned(),
    ];
    let values = |scrape: &Scrape| TOLD.map(|(name, labels)| scrape.value(name, labels));
    for (at, script) in scripts.iter().enumerate() {
        let before = values(&sidecar.scrape());
        ext.rescript(script);
        let (name, labels) = TOLD[at];
        sidecar.wait_for_metric(name, labels, |n| n > before[at]);
        // Another pass of the same kind, and all of it again.
        if name != "ralphext_sudden_growths_total" {
            sidecar.wait_for_metric(name, labels, |n| n > before[at] + 1.0);
        }
        if at < 4 {
            ext.rescript("cat facts.ndjson");
            let complete = |scrape: &Scrape| scrape.value("ralphext_passes_total", &[("outcome", "complete")]);
            let so_far = complete(&sidecar.scrape());
            sidecar.wait_for_metric("ralphext_passes_total", &[("outcome", "complete")], |n| n > so_far + 1.0);
            assert_eq!(redis.count("hwinfo"), 30, "{script}");
        }
        let after = values(&sidecar.scrape());
        let moved: Vec<_> = (0..TOLD.len()).filter(|i| after[*i] > before[*i]).map(|i| TOLD[i]).collect();
        assert_eq!(moved, [TOLD[at]], "{script}");
    }
    assert_eq!(redis.count("hwinfo"), 300, "nothing was deleted");
    let scrape = sidecar.scrape();
    for outcome in ["source_failed", "refused_shrink", "partial"] {
        assert!(scrape.value("ralphext_passes_total", &[("outcome", outcome)]) >= 1.0, "{outcome}");
    }
    let log = sidecar.stop().expect(0).stderr;
    for line in lines {
        assert_eq!(log.lines().filter(|l| l.contains(line)).count(), 1, "one line with {line:?}:\n{log}");
    }
}

#[test]
fn bad_objects_and_too_many_of_them_are_counted() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(10, 1));
    let mut sidecar = start(&redis, &ext);
    let mut bad = ndjson(&records(9, 1));
    bad.push_str("{\"id\":10,\"content\":{\"a\":1,\"a\":2}}\n");
    ext.write("objects.ndjson", &bad);
    sidecar.wait_for_metric("ralphext_object_faults_total", &[("kind", "not_canonical")], |n| n >= 1.0);
    sidecar.wait_for_metric("ralphext_failed_objects", &[], |n| n == 1.0);
    sidecar.wait_for_metric("ralphext_passes_total", &[("outcome", "too_many_failed")], |n| n >= 1.0);
    assert_eq!(sidecar.scrape().value("ralphext_objects", &[("state", "sound")]), 10.0, "its last good content stays");
    ext.source(&records(10, 1));
    sidecar.wait_for_metric("ralphext_failed_objects", &[], |n| n == 0.0);
    sidecar.stop().expect(0);
}

#[test]
fn what_happens_to_redis_and_the_lease_is_counted() {
    let mut redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(10, 1));
    let mut sidecar = start(&redis, &ext);
    redis.flush();
    sidecar.wait_for_metric("ralphext_data_losses_total", &[], |n| n >= 1.0);
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);

    let epoch = redis.get(FENCE).expect("a fence").parse::<u64>().expect("a number") + 1_000_000;
    redis.cmd::<()>(&["SET", FENCE, &epoch.to_string()]);
    redis.cmd::<()>(&["SET", LEASE, "another-writer", "PX", "600000"]);
    sidecar.wait_for_metric("ralphext_lease_losses_total", &[], |n| n == 1.0);
    sidecar.wait_for_metric("ralphext_standby", &[], |n| n == 1.0);
    redis.cmd::<()>(&["DEL", LEASE]);
    sidecar.wait_for_metric("ralphext_lease_held", &[], |n| n == 1.0);
    sidecar.wait_for_metric("ralphext_epoch", &[], |n| n > epoch as f64);

    let acquired = sidecar.scrape().value("ralphext_lease_acquisitions_total", &[]);
    redis.kill();
    sidecar.wait_for_metric("ralphext_redis_failures_total", &[("class", "unreachable")], |n| n >= 1.0);
    redis.restart();
    sidecar.wait_for_metric("ralphext_lease_acquisitions_total", &[], |n| n > acquired);
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    sidecar.stop().expect(0);
}

#[test]
fn content_that_grows_old_is_told() {
    let redis = Redis::start();
    let mut ext = Ext::brisk(&redis).script("exec", "cat facts.ndjson");
    ext.change("source.timeout", "1s");
    ext.change("content.max_stale", "5s");
    ext.write("facts.ndjson", &ndjson(&records(3, 1)));
    let mut sidecar = start(&redis, &ext);
    assert_eq!(sidecar.scrape().value("ralphext_renewals_stopped", &[]), 0.0);
    ext.rescript("exit 3");
    sidecar.wait_for_metric("ralphext_source_failures_total", &[("kind", "exit")], |n| n >= 1.0);
    sidecar.wait_for_metric("ralphext_content_stale", &[], |n| n == 1.0);
    sidecar.wait_for_metric("ralphext_renewals_stopped", &[], |n| n == 1.0);
    ext.rescript("cat facts.ndjson");
    sidecar.wait_for_metric("ralphext_content_stale", &[], |n| n == 0.0);
    sidecar.wait_for_metric("ralphext_renewals_stopped", &[], |n| n == 0.0);
    sidecar.stop().expect(0);
}

#[test]
fn a_source_that_is_left_alone_and_a_stream_that_is_silent_are_told() {
    let redis = Redis::start();
    let mut ext = Ext::brisk(&redis).script("exec", "exit 3").set("source.backoff_min", "50ms");
    ext.change("source.breaker_failures", 3);
    ext.change("source.breaker_pause", "1s");
    let mut sidecar = ext.run();
    sidecar.wait_for_metric("ralphext_source_circuit_open", &[], |n| n == 1.0);
    ext.rescript("echo '{\"id\": 1, \"content\": 1}'");
    sidecar.wait_for_metric("ralphext_source_circuit_open", &[], |n| n == 0.0);
    sidecar.stop().expect(0);

    let ext = Ext::brisk(&redis).script("stream", "echo '{\"id\": 1, \"content\": 1}'; sleep 600");
    let ext = ext.set("source.expect_every", "1s").set("source.spool", "spool");
    let mut sidecar = ext.run();
    sidecar.wait_for_metric("ralphext_spool_usable", &[], |n| n == 1.0);
    sidecar.wait_for_metric("ralphext_source_failures_total", &[("kind", "silent")], |n| n == 1.0);
    sidecar.stop().expect(0);
}

#[test]
fn what_the_sanitiser_removed_is_counted() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    let html = |text: &str| serde_json::json!({"id": 1, "content_type": "html", "content": text});
    ext.source(&[html("<p onclick=x>a</p><script>b</script>")]);
    let mut sidecar = ext.run();
    sidecar.wait_for_metric("ralphext_markup_removed_total", &[], |n| n == 2.0);
    // Unchanged content is not rendered again.
    sidecar.wait_for_metric("ralphext_values_skipped_total", &[], |n| n >= 2.0);
    assert_eq!(sidecar.scrape().value("ralphext_markup_removed_total", &[]), 2.0);
    sidecar.stop().expect(0);
}

#[test]
fn records_about_no_object_are_counted_by_reason() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("identity.kind", "file").set("identity.path", "inventory");
    ext.write(
        "inventory",
        "{\"id\":1,\"hostname\":\"a\"}\n{\"id\":2,\"hostname\":\"b\"}\n{\"id\":3,\"hostname\":\"b\"}\n",
    );
    let about = |name: &str| json!({"match": {"hostname": name}, "content": {"a": 1}});
    ext.source(&[about("a"), about("b"), about("c"), about("d")]);
    let mut sidecar = ext.run();
    for (reason, count) in [("unknown", 2.0), ("ambiguous", 1.0), ("no_inventory", 0.0)] {
        sidecar.wait_for_metric("ralphext_unmatched_records", &[("reason", reason)], |n| n == count);
    }
    assert_eq!(sidecar.scrape().value("ralphext_failed_objects", &[]), 0.0);
    sidecar.stop().expect(0);
}

#[test]
fn the_inventory_is_told() {
    let (redis, ralph) = (Redis::start(), ten());
    let ext = resolving(&redis, &ralph).briskly();
    ext.source(&records(1, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_metric("ralphext_inventory_objects", &[], |n| n == 10.0);
    let checked = sidecar.scrape().value("ralphext_inventory_checked_timestamp_seconds", &[]);
    assert!(checked > 1.7e9, "{checked}");
    sidecar.wait_for_metric("ralphext_inventory_checked_timestamp_seconds", &[], |n| n > checked);
    assert_eq!(sidecar.scrape().value("ralphext_inventory_refresh_failures_total", &[]), 0.0);
    ralph.objects().away = true;
    sidecar.wait_for_metric("ralphext_inventory_refresh_failures_total", &[], |n| n >= 1.0);
    assert_eq!(sidecar.scrape().value("ralphext_inventory_objects", &[]), 10.0, "what is known stays");
    sidecar.stop().expect(0);
}

#[test]
fn services_are_told_apart_and_a_streams_passes_too() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    let dir = ext.path("").display().to_string();
    ext.source(&records(4, 1));
    ext.write("s.sh", "echo '{\"begin\":true}'; cat s.ndjson; echo '{\"end\":true}'; sleep 600\n");
    ext.write("s.ndjson", &ndjson(&records(2, 1)));
    let redis_url = redis.url();
    let common = format!("redis.url = {redis_url:?}\nwriter.heartbeat = \"1s\"\n");
    ext.write("d/common.toml", &common);
    let file = "service = \"hwinfo\"\n[source]\nkind = \"file\"\n";
    ext.write("d/a.toml", &format!("{file}path = \"{dir}objects.ndjson\"\n"));
    let stream = "service = \"events\"\n[source]\nkind = \"stream\"\n";
    ext.write("d/b.toml", &format!("{stream}command = [\"/bin/sh\", \"-c\", \"cd {dir}; . ./s.sh\"]\n"));
    let mut sidecar = Running::spawn(&mut ext.bare(&["-c", "d", "run"]), None);
    sidecar.wait_for_objects(&redis, "hwinfo", 4);
    sidecar.wait_for_objects(&redis, "events", 2);
    let port = sidecar.port();
    let scrape = || Scrape::parse(&crate::harness::get(port, "/metrics", "").body);
    sidecar.wait_until("the stream's snapshot is counted", || {
        scrape().of("events", "ralphext_passes_total", &[("outcome", "complete")]) == Some(1.0)
    });
    let scrape = scrape();
    for (service, count) in [("hwinfo", 4.0), ("events", 2.0)] {
        assert_eq!(scrape.of(service, "ralphext_values_written_total", &[]), Some(count), "{service}");
        assert_eq!(scrape.of(service, "ralphext_lease_held", &[]), Some(1.0), "{service}");
    }
    assert_eq!(scrape.of("events", "ralphext_pass_duration_seconds_count", &[]), Some(0.0), "its life is no pass");
    sidecar.stop().expect(0);
}

#[test]
fn the_documents_name_only_metrics_that_exist() {
    let known: BTreeSet<_> = catalogue().into_iter().collect();
    for page in ["docs/operations.md", "README.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(repository().join(page)).expect("it is there");
        let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let unknown: Vec<_> = words.filter(|w| w.starts_with("ralphext_") && !known.contains(*w)).collect();
        assert_eq!(unknown, Vec::<&str>::new(), "{page}");
    }
}

#[test]
fn change_events_are_counted() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--with", "events-stream"]);
    let ext = Ext::brisk(&redis).set("events.kind", "stream");
    ext.source(&records(10, 1));
    let mut sidecar = start(&redis, &ext);
    sidecar.wait_for_metric("ralphext_change_events_total", &[], |n| n == 12.0);
    let kept: u64 = redis.cmd(&["XLEN", "ralphext:v1:hwinfo:@changes"]);
    assert_eq!(kept, 12, "ten values, and two changes of status");
    sidecar.stop().expect(0);
}

#[test]
fn every_metric_is_moved_by_a_test() {
    let folder = repository().join("tests/it");
    let tests = ["metrics.rs", "metrics/inputs.rs", "probes.rs", "traces.rs", "fill/mod.rs"]
        .map(|name| fs::read_to_string(folder.join(name)).expect("it is there"));
    let words: BTreeSet<_> =
        tests.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_')).collect();
    let named = |name: &str| {
        let moment = name.strip_prefix("ralphext_").and_then(|n| n.strip_suffix("_timestamp_seconds"));
        ["", "_count"].into_iter().any(|end| words.contains(format!("{name}{end}").as_str()))
            || moment.is_some_and(|moment| words.contains(moment))
    };
    let missing: Vec<_> = catalogue().into_iter().filter(|name| !named(name)).collect();
    assert_eq!(missing, Vec::<String>::new(), "no test looks at these");
}
