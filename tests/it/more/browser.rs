//! What a real browser makes of it: nothing of the public lists of cross-site scripting runs, pages look as they should.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use ralphext::{
    model::{ContentType, ServiceName},
    render::{Renderer, Sanitiser},
    settings::{RedisUrl, Settings},
};
use serde_json::{Value, json};

use crate::harness::{Ext, Redis, Running, Schema, repository, xss::vectors};

/// What happened on each page, by the job's id.
pub(super) fn browse(jobs: &[Value]) -> BTreeMap<String, Value> {
    let mut child = start(jobs);
    let output = child.output();
    serde_json::from_str(&output).unwrap_or_else(|e| panic!("{e}: {output:.500}"))
}

/// A browser at work.
struct Browser(Child);

impl Browser {
    fn output(&mut self) -> String {
        let mut text = String::new();
        self.0.stdout.as_mut().expect("its output").read_to_string(&mut text).expect("text");
        let mut error = String::new();
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_string(&mut error).expect("text");
        }
        assert!(self.0.wait().expect("it ends").success(), "the browser's script failed: {error}");
        text
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(jobs: &[Value]) -> Browser {
    let (dir, chromium) = browser();
    Browser(node("browser.cjs", &dir, &json!({"chromium": chromium, "jobs": jobs})))
}

/// Where Playwright and others of npm stand, and the browser; installed where they are missing.
pub(super) fn browser() -> (PathBuf, String) {
    let found = Command::new(repository().join("scripts/browser.sh")).output().expect("scripts/browser.sh runs");
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let found = String::from_utf8(found.stdout).expect("paths");
    let (dir, chromium) = found.trim().split_once('\n').expect("two lines");
    (PathBuf::from(dir), chromium.to_owned())
}

/// A script of this directory, at work on `input`.
pub(super) fn node(script: &str, dir: &Path, input: &Value) -> Child {
    let mut child = Command::new("node")
        .arg(repository().join("tests/it/more").join(script))
        .env("BROWSER_DIR", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node");
    child.stdin.take().expect("its input").write_all(input.to_string().as_bytes()).expect("it reads");
    child
}

fn page(body: &str) -> String {
    format!("<!doctype html><html><head><title>x</title></head><body>{body}<div id=\"inner\"></div></body></html>")
}

fn happened(told: &Value) -> bool {
    ["hits", "requests", "errors"].iter().any(|name| told[name].as_array().is_some_and(|list| !list.is_empty()))
}

/// As a reader would show it that relies on the sanitiser alone: no frame, no policy; parsed with the page and set later.
#[test]
#[ignore = "make test-all: needs Chromium and Node.js"]
fn nothing_that_was_sanitised_runs_and_the_rest_does() {
    let sanitiser = Sanitiser::new(&[], true);
    let settings = Settings::new(
        ServiceName::new("hwinfo").expect("a name"),
        RedisUrl::parse("redis://localhost").expect("a URL"),
    );
    let renderer = Renderer::new(&settings);
    let (mut jobs, mut clean) = (Vec::new(), Vec::new());
    for (i, vector) in vectors().iter().enumerate() {
        // Every second one is enough to see that the hooks see something; each has a page, as many swallow what follows.
        if i % 2 == 0 {
            jobs.push(json!({"id": format!("raw {i}"), "html": page(&vector.text)}));
        }
        clean.extend(sanitiser.clean(&vector.text).map(|(html, _)| html));
        let rendered = renderer
            .record("1", &json!(vector.text).to_string(), Some(ContentType::MARKDOWN))
            .map(|r| r.content.body.into_owned());
        clean.extend(rendered);
    }
    assert!(clean.len() > 800, "{} outputs", clean.len());
    // Sanitised HTML ends what it begins, so that many can share a page.
    for (i, some) in clean.chunks(20).enumerate() {
        let html: String = some.iter().map(|html| format!("<div>{html}</div>\n")).collect();
        jobs.push(json!({"id": format!("clean {i}"), "html": page(&html), "inner": html, "wait": 300}));
    }
    jobs.push(json!({"id": "all", "html": page(&clean.concat()), "inner": clean.concat(), "wait": 1000}));
    let told = browse(&jobs);
    assert_eq!(told.len(), jobs.len());
    let (raw, clean): (Vec<_>, Vec<_>) = told.iter().partition(|(id, _)| id.starts_with("raw "));
    let ran: Vec<_> = clean.iter().filter(|(_, told)| happened(told)).collect();
    let shown = |id: &str| jobs.iter().find(|job| job["id"] == id).map(|job| job["html"].clone());
    let ran: Vec<_> = ran.iter().map(|(id, told)| format!("{id}: {told}: {}", shown(id).unwrap_or_default())).collect();
    assert!(ran.is_empty(), "these ran or loaded something:\n{}", ran.join("\n"));
    // The test can fail: as they are, most of the vectors that still work in a browser of today do something.
    let ran = raw.iter().filter(|(_, told)| happened(told)).count();
    let hits = raw.iter().filter(|(_, told)| told["hits"].as_array().is_some_and(|list| !list.is_empty())).count();
    println!("of {} raw vectors {ran} did something, {hits} ran code", raw.len());
    assert!(hits > 50, "only {hits} of {} raw vectors ran: the hooks see nothing", raw.len());
}

/// A card whose every text is hostile.
fn hostile_card(card: &mut Value, text: &str) {
    match card {
        Value::String(place) if !matches!(place.as_str(), "ok" | "warning" | "line") && !place.contains(':') => {
            text.clone_into(place);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hostile_card(item, text)),
        Value::Object(members) => members.values_mut().for_each(|member| hostile_card(member, text)),
        _ => {}
    }
}

fn preview(ext: &Ext, record: &Value) -> String {
    ext.source(std::slice::from_ref(record));
    ext.verb(&["preview", "--html", "page.html"]).expect(0);
    std::fs::read_to_string(ext.path("page.html")).expect("the page")
}

#[test]
#[ignore = "make test-all: needs Chromium and Node.js"]
fn pages_of_preview_are_styled_fit_a_telephone_and_run_nothing() {
    let ext = Ext::at(&Redis::nowhere());
    let schema: Value = serde_json::from_str(&Schema::text("card.v1")).expect("JSON");
    let example = schema["examples"][0].clone();
    let kind = "application/vnd.ralphext.card+json";
    let card = preview(&ext, &json!({"id": 1, "content_type": kind, "content": example}));
    let mut hostile = example;
    hostile_card(&mut hostile, "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>");
    let hostile = preview(&ext, &json!({"id": 1, "content_type": kind, "content": hostile}));
    let sanitiser = Sanitiser::new(&[], true);
    let all: String =
        vectors().iter().filter_map(|vector| sanitiser.clean(&vector.text).ok()).map(|(html, _)| html).collect();
    let html = format!(
        "<p class=\"ralphext-ok\" title=\"mark\">marked</p><table class=\"ralphext-table\"><tr><td>1</table>{all}"
    );
    let html = preview(&ext, &json!({"id": 1, "content_type": "html", "content": html}));
    let text = preview(&ext, &json!({"id": 1, "content": {"a": "<script>alert(1)</script>"}}));
    let ask = json!([
        ["width", "document.documentElement.scrollWidth"],
        [
            "border",
            "(() => { const c = document.querySelector('.ralphext-card'); return c && getComputedStyle(c).borderLeftWidth })()"
        ],
        ["back", "getComputedStyle(document.body).backgroundColor"],
        ["scripts", "document.scripts.length + document.images.length"],
    ]);
    let in_frame = json!([
        ["colour", "getComputedStyle(document.querySelector('.ralphext-ok')).color"],
        ["origin", "self.origin"],
    ]);
    let mut jobs = Vec::new();
    for (name, html) in [("card", &card), ("hostile", &hostile), ("html", &html), ("text", &text)] {
        for (scheme, dark) in [("light", false), ("dark", true)] {
            let frame = if name == "html" { in_frame.clone() } else { json!([]) };
            jobs.push(
                json!({"id": format!("{name} {scheme}"), "html": html, "plain": true, "width": 360, "dark": dark,
                             "wait": 500, "ask": ask, "ask_frame": frame}),
            );
        }
    }
    let told = browse(&jobs);
    for (id, told) in &told {
        assert!(!happened(told), "{id}: {told}");
        assert_eq!(told["answers"]["scripts"], 0, "{id}: {told}");
        assert!(
            told["answers"]["width"].as_u64().is_some_and(|width| width <= 360),
            "{id} is wider than 360 px: {told}"
        );
        let back = if id.ends_with("dark") { "rgb(13, 17, 23)" } else { "rgb(255, 255, 255)" };
        assert_eq!(told["answers"]["back"], back, "{id}: {told}");
    }
    assert_eq!(told["card light"]["answers"]["border"], "4px", "the style is let through by its hash");
    assert_eq!(told["html light"]["answers"]["colour"], "rgb(17, 99, 41)", "and in the frame");
    assert_eq!(told["html dark"]["answers"]["colour"], "rgb(126, 231, 135)");
    assert_eq!(told["html light"]["answers"]["origin"], "null", "the frame is nobody");
}

#[test]
#[ignore = "make test-all: needs Chromium and Node.js"]
fn a_watched_page_loads_itself_again() {
    let ext = Ext::at(&Redis::nowhere()).set("render.template_file", "templates/host.html").env("BROWSER", "true");
    ext.source(&[json!({"id": 1, "content": {"host": "one"}})]);
    ext.write("templates/host.html", "<p>first {{ host }}</p>");
    let mut running = Running::spawn(&mut ext.command(&["preview", "1", "--watch", "--open"]), None);
    running.wait_until_says("the page is at http://");
    let told = running.stderr();
    let address =
        told.split("the page is at ").nth(1).and_then(|rest| rest.lines().next()).expect("an address").to_owned();
    running.wait_until_says("waiting for changes");
    let mut browser = start(&[json!({"id": "page", "url": address, "texts": ["first one", "second one"]})]);
    // The script says what it sees.
    let mut lines = BufReader::new(browser.0.stderr.take().expect("what it says")).lines().map_while(Result::ok);
    let seen: Vec<String> = lines.by_ref().take(1).collect();
    assert_eq!(seen, ["SAW first one"]);
    ext.write("templates/host.html", "<p>second {{ host }}</p>");
    let told: Value = serde_json::from_str(&browser.output()).expect("JSON");
    assert_eq!(told["page"]["errors"], json!([]), "{told}");
    running.stop().expect(0);
}
