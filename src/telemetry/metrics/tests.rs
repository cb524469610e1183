//! That the catalogue keeps to the conventions, and that both formats say the same.

use super::*;

fn moved() -> Metrics {
    let mut metrics = Metrics::default();
    let hwinfo = metrics.service("hwinfo");
    hwinfo.written.add(3);
    hwinfo.faults.of("duplicate").add(2);
    hwinfo.faults.of("never heard of").add(1);
    hwinfo.as_of.set_moment(Some(1_795_476_802_123));
    hwinfo.batch_duration.of("write").observe(Duration::from_millis(3));
    hwinfo.batch_duration.of("write").observe(Duration::from_secs(301));
    metrics.service("tickets").written.add(4);
    metrics
}

#[test]
fn names_keep_to_the_conventions() {
    let mut seen = std::collections::BTreeSet::new();
    for entry in entries() {
        let name = entry.name;
        assert!(seen.insert(name), "{name} twice");
        assert!(name.starts_with("ralphext_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(entry.kind == Kind::Counter, name.ends_with("_total"), "{name}");
        assert_eq!(entry.kind == Kind::Info, name.ends_with("_info"), "{name}");
        assert!(entry.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
        assert!(entry.help().ends_with('.') && entry.help().len() > 15, "{name}: {}", entry.help());
        assert!(entry.label.is_some() || entry.words.is_empty(), "{name}");
        assert!(!entry.words.contains(&"other"), "{name}: that is for what is not named");
    }
}

#[test]
fn the_text_format_of_prometheus() {
    let text = moved().render(Format::Prometheus);
    for line in [
        "# TYPE ralphext_build_info gauge",
        "# TYPE ralphext_values_written_total counter",
        "ralphext_values_written_total{service=\"hwinfo\"} 3",
        "ralphext_values_written_total{service=\"tickets\"} 4",
        "ralphext_object_faults_total{service=\"hwinfo\",kind=\"duplicate\"} 2",
        "ralphext_object_faults_total{service=\"hwinfo\",kind=\"other\"} 1",
        "ralphext_object_faults_total{service=\"tickets\",kind=\"duplicate\"} 0",
        "ralphext_as_of_timestamp_seconds{service=\"hwinfo\"} 1795476802.123",
        "ralphext_redis_batch_duration_seconds_bucket{service=\"hwinfo\",kind=\"write\",le=\"0.0025\"} 0",
        "ralphext_redis_batch_duration_seconds_bucket{service=\"hwinfo\",kind=\"write\",le=\"0.005\"} 1",
        "ralphext_redis_batch_duration_seconds_bucket{service=\"hwinfo\",kind=\"write\",le=\"300.0\"} 1",
        "ralphext_redis_batch_duration_seconds_bucket{service=\"hwinfo\",kind=\"write\",le=\"+Inf\"} 2",
        "ralphext_redis_batch_duration_seconds_sum{service=\"hwinfo\",kind=\"write\"} 301.003",
        "ralphext_redis_batch_duration_seconds_count{service=\"hwinfo\",kind=\"write\"} 2",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("service=\"tickets\",kind=\"other\""), "nothing unnamed was counted there");
    assert!(!text.contains("as_of_timestamp_seconds{service=\"tickets\"}"), "what is not known is not told");
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
}

#[test]
fn openmetrics_has_other_heads_and_the_same_samples() {
    let metrics = moved();
    let (prometheus, openmetrics) = (metrics.render(Format::Prometheus), metrics.render(Format::OpenMetrics));
    for line in [
        "# TYPE ralphext_build info",
        "# TYPE ralphext_values_written counter",
        "# TYPE ralphext_written_bytes counter",
        "# UNIT ralphext_written_bytes bytes",
        "# UNIT ralphext_as_of_timestamp_seconds seconds",
    ] {
        assert!(openmetrics.lines().any(|l| l == line), "{line} is not in\n{openmetrics}");
    }
    assert!(openmetrics.ends_with("\n# EOF\n"));
    // The process' own values differ from moment to moment.
    let samples = |text: &str| -> Vec<String> {
        text.lines().filter(|l| l.starts_with("ralphext_")).map(str::to_owned).collect()
    };
    assert_eq!(samples(&prometheus), samples(&openmetrics));
}

#[test]
fn the_reference_names_everything() {
    let reference = metrics_reference();
    for entry in entries() {
        assert!(reference.contains(&format!("| `{}` |", entry.name)), "{} is missing", entry.name);
    }
}

#[test]
fn a_total_that_is_followed_never_goes_back() {
    let counter = Counter::default();
    counter.follow(7);
    counter.follow(5);
    counter.add(1);
    assert_eq!(counter.get(), 8);
}
