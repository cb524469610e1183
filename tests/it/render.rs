//! Templates and Markdown, from a configuration to the keys: what is told of mistakes, and what one bad object costs others.

use std::fs;

use serde_json::json;

use crate::harness::{Ext, Redis};

const TEMPLATE: &str = "<h1>{{ host }}</h1><p>{{ at|date }}</p>";

fn with_template(redis: &Redis, template: &str) -> Ext {
    Ext::new(redis).set("render.template", template)
}

#[test]
fn a_template_makes_html_of_json_and_only_of_what_changed() {
    let redis = Redis::start();
    let ext = with_template(&redis, TEMPLATE);
    let record = |id: u32, host: &str| json!({"id": id, "content": {"host": host, "at": 0, "noise": id}});
    ext.once_with(&[record(1, "a<b>"), record(2, "b")]).expect(0).counts(&[("written", 2)]);
    let found = redis.object("hwinfo", "1");
    assert_eq!(found.content_type(), "text/html");
    assert_eq!(found.text(), "<h1>a&lt;b&gt;</h1><p>1970-01-01</p>");
    // What the template leaves out is no change.
    let noisy = json!({"id": 1, "content": {"host": "a<b>", "at": 1, "noise": "other"}});
    ext.once_with(&[noisy, record(2, "c")]).expect(0).counts(&[("written", 1), ("skipped", 1)]);
}

#[test]
fn one_object_that_cannot_be_rendered_leaves_the_others_alone() {
    let redis = Redis::start();
    let ext = with_template(&redis, TEMPLATE).set("limits.max_failed", "50%");
    let record = |id: u32, at: serde_json::Value| json!({"id": id, "content": {"host": "h", "at": at}});
    ext.once_with(&[record(1, json!(0)), record(2, json!(0))]).expect(0);
    let outcome = ext.once_with(&[record(1, json!("soon")), record(2, json!(86_400))]).expect(0);
    outcome.counts(&[("written", 1), ("failed", 1)]);
    outcome.says(&["render.template:1:", "soon is no point in time"]);
    // Its last good content stays, and `explain` says why.
    assert!(redis.object("hwinfo", "1").text().contains("1970-01-01"));
    assert!(redis.object("hwinfo", "2").text().contains("1970-01-02"));
    let told = ext.verb(&["explain", "hwinfo", "1"]).expect(0);
    assert!(told.stdout.contains("(render)") && told.stdout.contains("soon is no point in time"), "{told}");
}

#[test]
fn a_template_that_never_ends_is_a_fault_and_no_hang() {
    let redis = Redis::start();
    let endless =
        "{% if loop_it %}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{% endif %}x";
    let ext = with_template(&redis, endless).set("limits.max_failed", "50%");
    let outcome =
        ext.once_with(&[json!({"id": 1, "content": {"loop_it": true}}), json!({"id": 2, "content": {}})]).expect(0);
    outcome.counts(&[("written", 1), ("failed", 1)]);
    outcome.says(&["steps"]);
}

#[test]
fn a_template_that_does_not_compile_starts_nothing() {
    let redis = Redis::start();
    let ext = with_template(&redis, "a\n  {{ host|dtae }}");
    for verb in [&["check"][..], &["test"], &["once"], &["plan"], &["run"]] {
        ext.verb(verb).expect(2).says(&["render.template:2:", "dtae", "hint: the nearest filter is date"]);
    }
    assert!(redis.objects("hwinfo").is_empty());
}

#[test]
fn a_file_is_found_beside_the_configuration_and_its_parts_beside_it() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    fs::create_dir_all(ext.path("templates")).expect("a directory");
    ext.write("templates/host.md", "{% include 'head.md' %}\n\n| a | b |\n|---|--:|\n| {{ a }} | {{ b|number }} |\n");
    ext.write("templates/head.md", "# {{ object_id }} of {{ service }}");
    let ext = ext.set("render.template_file", "templates/host.md").set("render.output", "markdown");
    ext.once_with(&[json!({"id": 1, "content": {"a": "x|y", "b": 12345}})]).expect(0).counts(&[("written", 1)]);
    let html = redis.object("hwinfo", "1").text().to_owned();
    for part in ["<h1>1 of hwinfo</h1>", "<td>x|y</td>", "<td align=\"right\">12,345</td>"] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

#[test]
fn cards_from_a_template_are_checked() {
    let redis = Redis::start();
    let template =
        r#"{"title": {{ host }}, "status": {{ status }}, "fields": [{"label": "Disks", "value": {{ disks|length }}}]}"#;
    let ext = with_template(&redis, template).set("render.output", "card").set("limits.max_failed", "50%");
    let record =
        |id: u32, status: &str| json!({"id": id, "content": {"host": "\"h\"", "status": status, "disks": [1, 2]}});
    let outcome = ext.once_with(&[record(1, "ok"), record(2, "fine")]).expect(0);
    outcome.counts(&[("written", 1), ("failed", 1)]);
    outcome.says(&["status: unknown variant `fine`"]);
    let card = redis.object("hwinfo", "1");
    assert_eq!(card.content_type(), "application/vnd.ralphext.card+json");
    let expected = json!({"title": "\"h\"", "status": "ok", "fields": [{"label": "Disks", "value": 2}]});
    assert_eq!(card.content(), &expected);
}

#[test]
fn what_the_sanitiser_removed_is_told_by_test() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.source(&[
        json!({"id": 1, "content_type": "html", "content": "<p onclick=x()>a</p><script>b</script><img src=c>"}),
        json!({"id": 2, "content": "text"}),
    ]);
    let outcome = ext.verb(&["test"]).expect(0);
    for words in ["the sanitiser removed", "img, img src, p onclick, script"] {
        assert!(outcome.stdout.contains(words), "{words}: {outcome}");
    }
    let shown = ext.verb(&["test", "--output", "json"]).expect(0).json();
    assert_eq!(shown["records"][0]["removed"][3], json!({"what": "script", "count": 1}));
    assert_eq!(shown["records"][1].get("removed"), None);
    // And with each change in the log.
    ext.set("log.level", "debug")
        .once()
        .expect(0)
        .says(&["the sanitiser removed from 1: img, img src, p onclick, script"]);
}

#[test]
fn names_that_a_record_lacks_are_told_by_test() {
    let redis = Redis::start();
    let ext = with_template(&redis, "{{ host }}{{ warranty.until }}{{ object_id }}");
    ext.source(&[json!({"id": 1, "content": {"host": "h"}})]);
    let told = ext.verb(&["test"]).expect(0);
    assert!(told.stdout.contains("not in this record") && told.stdout.contains("warranty.until"), "{told}");
    let told = ext.set("render.strict", true).verb(&["test"]).expect(1);
    assert!(told.stdout.contains("warranty") && told.stdout.contains("default("), "{told}");
}

#[test]
fn what_fails_stays_failed_and_comes_back_when_it_is_mended() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("render.template", TEMPLATE).set("limits.max_failed", "90%");
    let record = |at: serde_json::Value| json!({"id": 1, "content": {"host": "h", "at": at}});
    let good = json!({"id": 2, "content": {"host": "h", "at": 0}});
    ext.source(&[record(json!("soon")), good.clone()]);
    let mut sidecar = ext.run();
    sidecar.wait_for_metric("ralphext_object_faults_total", &[("kind", "render")], |n| n >= 3.0);
    assert_eq!(sidecar.scrape().value("ralphext_failed_objects", &[]), 1.0);
    assert_eq!(sidecar.log().matches("soon is no point in time"), 1, "told once");
    ext.source(&[record(json!(0)), good.clone()]);
    sidecar.wait_for_metric("ralphext_failed_objects", &[], |n| n == 0.0);
    ext.source(&[record(json!("soon")), good]);
    sidecar.wait_for_metric("ralphext_failed_objects", &[], |n| n == 1.0);
    assert!(redis.object("hwinfo", "1").text().contains("1970-01-01"), "its last good content stays");
    sidecar.stop().expect(0);
}
