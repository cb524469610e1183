//! `preview`: one object as people will see it, on a terminal and as a page, and again when something is saved.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Ext, Redis, Running, Schema, get};

const CARD: &str = "application/vnd.ralphext.card+json";

fn example() -> Value {
    let schema: Value = serde_json::from_str(&Schema::text("card.v1")).expect("JSON");
    schema["examples"][0].clone()
}

fn ext() -> Ext {
    Ext::at(&Redis::nowhere())
}

#[test]
fn a_card_is_drawn_on_the_terminal_with_all_its_parts() {
    let ext = ext();
    ext.source(&[json!({"id": 1, "content": 1}), json!({"id": 4711, "content_type": CARD, "content": example()})]);
    let outcome = ext.verb(&["preview", "hwinfo", "4711"]).expect(0);
    for part in [
        "hwinfo 4711",
        CARD,
        "of 256.0 KiB, hash ",
        "Disks  ! warning  [\u{2713} in warranty]",
        "Controller  PERC H755 <https://wiki.example.net/perc-h755>",
        "Capacity    1.92 TB",
        "Encrypted   yes",
        "Wear        ! 97 %",
        "Slot  Model  Wear",
        "1     PM893  97 %",
        "Slot 1  \u{2581} \u{2588}  97 %",
        "2026-11-20T08:15:00+01:00  ! Slot 1 passed 95 % of wear <https://grafana.example.net/d/disks>",
        "Order a disk <mailto:spares@example.net>",
    ] {
        assert!(outcome.stdout.contains(part), "{part:?} is missing: {outcome}");
    }
    assert!(!outcome.stdout.contains('\u{1b}'), "no colours where there is no terminal: {outcome}");
    // One service is configured, so one word is the object, and none is the first one.
    let outcome = ext.verb(&["preview", "4711"]).expect(0);
    assert!(outcome.stdout.contains("hwinfo 4711"), "{outcome}");
    let outcome = ext.verb(&["preview"]).expect(0);
    assert!(outcome.stdout.contains("hwinfo 1 "), "{outcome}");
}

#[test]
fn html_json_and_text_are_shown_for_reading() {
    let ext = ext();
    ext.source(&[
        json!({"id": 1, "content_type": "html", "content": "<h1>A</h1><ul><li>b</li></ul><script>evil()</script>"}),
        json!({"id": 2, "content": {"b": [1], "a": "\u{1b}[31m"}}),
        json!({"id": 3, "content": "plain\ntext"}),
        json!({"id": 4, "content_type": "application/pdf", "content": "JVBERi0="}),
    ]);
    let of = |id: &str| ext.verb(&["preview", id]).expect(0).stdout;
    let html = of("1");
    assert!(
        html.contains("# A\n\n- b\n") && html.contains("the sanitiser removed script") && !html.contains("evil"),
        "{html}"
    );
    let shown = of("2");
    assert!(
        shown.contains("{\n  \"a\": \"\\u001b[31m\",\n  \"b\": [\n    1\n  ]\n}") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    assert!(of("3").ends_with("plain\ntext\n"), "{}", of("3"));
    assert!(of("4").contains("application/pdf"), "{}", of("4"));
    let shown = ext.verb(&["--output", "json", "preview", "1"]).expect(0).json();
    assert_eq!(shown["removed"], json!([{"what": "script", "count": 1}]));
    assert_eq!(shown["size"][1], 262_144);
}

#[test]
fn a_sample_takes_the_place_of_the_source() {
    let ext = ext().set("render.template", "<p>{{ host }} {{ object_id }}</p>").script("exec", "exit 9");
    ext.write("sample.json", "{\n  \"host\": \"from a sample\"\n}\n");
    let outcome = ext.verb(&["preview", "hwinfo", "4711", "--sample", "sample.json"]).expect(0);
    assert!(outcome.stdout.contains("from a sample 4711"), "{outcome}");
    let outcome =
        ext.pipe(&["preview", "--sample", "-"], "{\"id\": 7, \"content\": {\"host\": \"piped\"}}\n").expect(0);
    assert!(outcome.stdout.contains("piped 7"), "{outcome}");
    // The source itself fails.
    ext.verb(&["preview"]).expect(3).says(&["exit status 9"]);
    ext.verb(&["preview", "--sample", "nowhere.json"]).expect(2).says(&["nowhere.json", "hint"]);
}

#[test]
fn a_sample_of_the_sources_data_is_mapped() {
    let ext = ext();
    let config = fs::read_to_string(ext.config()).expect("the configuration");
    let map = "[source.map]\nid = \"/asset\"\n[source.map.card]\ntitle = \"Alerts of {/host}\"\n";
    ext.write("mapped.toml", &format!("{config}source.items = \"/data\"\n{map}"));
    ext.write("sample.json", "{\"data\": [\n  {\"asset\": 7, \"host\": \"a\"},\n  {\"asset\": 8, \"host\": \"b\"}\n]}");
    let mut command = ext.bare(&["-c", "mapped.toml", "preview", "8", "--sample", "sample.json"]);
    let outcome = Running::spawn(&mut command, None).finish(DEADLINE).expect(0);
    assert!(outcome.stdout.contains("Alerts of b"), "{outcome}");
}

#[test]
fn what_is_wrong_is_shown() {
    let ext = ext().set("render.template", "{{ at|date }}{{ more }}");
    ext.source(&[json!({"id": 1, "content": {"at": "soon"}}), json!({"id": 2, "content": {"at": 0}})]);
    let outcome = ext.verb(&["preview", "1"]).expect(1);
    assert!(outcome.stdout.contains("refused render.template:1:"), "{outcome}");
    let outcome = ext.verb(&["preview", "2"]).expect(0);
    assert!(outcome.stdout.contains("1970-01-01") && outcome.stdout.contains("asks for it: more"), "{outcome}");
    ext.verb(&["preview", "3"]).expect(1).says(&["no object 3 among 2 records", "hint"]);
    ext.verb(&["preview", "other", "3"]).expect(2).says(&["no service \"other\"", "hwinfo"]);
    ext.set("render.template", "{{ at|").verb(&["preview"]).expect(2).says(&["render.template:1:"]);
}

#[test]
fn a_page_is_one_file_that_runs_nothing() {
    let ext = ext();
    ext.source(&[
        json!({"id": 1, "content_type": "html", "content": "<p class=\"ralphext-ok\">a</p><script>evil()</script>"}),
        json!({"id": 2, "content_type": CARD, "content": example()}),
    ]);
    ext.verb(&["preview", "1", "--html", "page.html"]).expect(0).says(&["page.html"]);
    let page = fs::read_to_string(ext.path("page.html")).expect("the page");
    for part in [
        "default-src &#39;none&#39;",
        "sandbox=\"allow-popups allow-popups-to-escape-sandbox\"",
        "<p class=&quot;ralphext-ok&quot;>a</p>",
        "the sanitiser removed script",
        "width=device-width",
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    for bad in ["<script", "src=", "http-equiv=\"refresh\"", "evil()"] {
        assert!(!page.replace("srcdoc=", "").contains(bad), "{bad}: {page}");
    }
    ext.verb(&["preview", "2", "--html", "page.html"]).expect(0);
    let page = fs::read_to_string(ext.path("page.html")).expect("the page");
    assert!(page.contains("<h2>Disks</h2>") && page.contains("<svg viewBox") && !page.contains("<iframe"), "{page}");
}

/// The port and the path of the page that is served.
fn address(sidecar: &mut Running) -> (u16, String) {
    sidecar.wait_until_says("the page is at http://127.0.0.1:");
    let told = sidecar.stderr();
    let rest = told.split("http://127.0.0.1:").nth(1).expect("an address");
    let (port, path) = rest.split_once('/').expect("a path");
    (port.parse().expect("a port"), format!("/{}", path.lines().next().expect("a line")))
}

#[test]
fn a_watched_page_is_shown_again_when_something_is_saved() {
    let ext = ext().set("render.template_file", "templates/host.html").env("BROWSER", "true");
    ext.source(&[json!({"id": 1, "content": {"host": "one"}})]);
    ext.write("templates/host.html", "<p>first {{ host }}</p>");
    let mut running = Running::spawn(&mut ext.command(&["preview", "1", "--watch", "--open"]), None);
    let (port, path) = address(&mut running);
    let page = |has: &str| get(port, &path, "").body.contains(has);
    running.wait_until("the page is there", || page("first one"));
    assert_eq!(get(port, "/", "").status, 404, "nobody finds it by chance");
    assert_eq!(get(port, "/0123456789abcdef0123456789abcdef/", "").status, 404);
    // The template, the data, a mistake in the template, and its repair.
    ext.write("templates/host.html", "<p>second {{ host }}</p>");
    running.wait_until("the template is read again", || page("second one"));
    ext.source(&[json!({"id": 1, "content": {"host": "two"}})]);
    running.wait_until("the source is read again", || page("second two"));
    ext.write("templates/host.html", "<p>{{ host|</p>");
    running.wait_until("the mistake is shown", || page("host.html:1:"));
    ext.write("templates/host.html", "<p>third {{ host }}</p>");
    running.wait_until("it is mended", || page("third two"));
    // A browser that waits hears of it.
    let number =
        get(port, &path, "").body.split("changed/").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let number: u64 = number.expect("a number").parse().expect("a number");
    assert_eq!(get(port, &format!("{path}changed/{}", number - 1), "").status, 200);
    running.stop().expect(0);
}

#[test]
fn a_watched_sample_is_shown_again_on_the_terminal() {
    let ext = ext();
    ext.write("sample.json", "{\"host\": \"one\"}");
    let mut running =
        Running::spawn(&mut ext.command(&["preview", "--sample", "sample.json", "--watch", "--html", "p.html"]), None);
    let page = |has: &str| fs::read_to_string(ext.path("p.html")).is_ok_and(|page| page.contains(has));
    running.wait_until("the page is there", || page("one"));
    running.wait_until_says("waiting for changes");
    ext.write("sample.json", "{\"host\": \"two\"}");
    running.wait_until("the sample is read again", || page("two"));
    running.stop().expect(0);
    ext.pipe(&["preview", "--sample", "-", "--watch"], "{}").expect(2).says(&["cannot be watched"]);
}
