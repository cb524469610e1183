//! What may stand in a tab: JSON, cards, sanitised HTML, Markdown, text, binary.

use serde_json::{Value, json};

use crate::harness::{Ext, Redis, Schema};

/// Everything that must not come through, each with a mark that would show it.
const NASTY: &str = concat!(
    "<p onclick=\"evil()\">Hi <b>there</b></p><script>evil()</script><a href=\"javascript:evil()\">x</a>",
    "<img src=x onerror=evil()><iframe src=\"https://evil.example\"></iframe><style>@import 'evil'</style>",
    "<a href=\"https://ok.example/\">ok</a><svg><script>evil()</script></svg><form action=\"https://evil.example\"></form>",
    "<div style=\"position:fixed\">over</div><base href=\"https://evil.example\"><meta http-equiv=refresh content=evil>",
);

#[track_caller]
fn assert_harmless(html: &str) {
    let lower = html.to_lowercase();
    for bad in
        ["evil", "<script", "onclick", "onerror", "javascript:", "<iframe", "<style", "<form", "<base", "<meta", "<svg"]
    {
        assert!(!lower.contains(bad), "{bad} came through: {html}");
    }
}

#[test]
fn html_is_sanitised() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&[json!({"id": 1, "content_type": "text/html", "content": NASTY})]).expect(0);
    let found = redis.object("hwinfo", "1");
    assert_eq!(found.content_type(), "text/html");
    assert_eq!(found.json["encoding"], "utf-8");
    assert_harmless(found.text());
    for good in ["<p>Hi <b>there</b></p>", "https://ok.example/", "over"] {
        assert!(found.text().contains(good), "{good} is missing: {}", found.text());
    }
    ext.once_with(&[json!({"id": 1, "content_type": "text/html", "content": NASTY.replace("evil", "vile")})])
        .expect(0)
        .counts(&[("written", 0)]);
}

#[test]
fn a_directory_of_files_is_a_source() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.write("tabs/1.json", "{ \"b\": 2.0, \"a\": [1] }");
    ext.write("tabs/2.html", NASTY);
    ext.write(
        "tabs/3.md",
        &format!("# Rack 12\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[x](javascript:evil())\n\n{NASTY}\n"),
    );
    ext.write("tabs/data_center.rack.12.txt", "<b>as it is</b> & so on\n");
    let directory = ext.path("tabs").display().to_string();
    let ext = ext.set("source.path", directory);
    let outcome = ext.once().expect(0);
    outcome.counts(&[("objects", 4), ("written", 4), ("failed", 0)]);
    assert_eq!(outcome.json()["complete"], true);

    assert_eq!(redis.object("hwinfo", "1").content(), &json!({"a": [1], "b": 2}));
    assert_eq!(redis.object("hwinfo", "1").content_type(), "application/json");
    for id in ["2", "3"] {
        assert_eq!(redis.object("hwinfo", id).content_type(), "text/html");
        assert_harmless(redis.object("hwinfo", id).text());
    }
    let markdown = redis.object("hwinfo", "3").text().to_owned();
    assert!(markdown.contains("<h1>Rack 12</h1>") && markdown.contains("<table"), "{markdown}");
    let text = redis.object("hwinfo", "data_center.rack.12");
    assert_eq!((text.content_type(), text.text()), ("text/plain", "<b>as it is</b> & so on\n"));

    std::fs::remove_file(ext.path("tabs/1.json")).expect("it is there");
    ext.write("tabs/4.json", "{\"a\":");
    let outcome = ext.set("limits.max_failed", "50%").once().expect(0);
    // Its name says which object it is, so it hides no other: 1 is gone.
    outcome.counts(&[("removed", 1), ("failed", 1), ("written", 0)]);
    outcome.says(&["4.json"]);
}

#[test]
fn a_file_gone_from_a_directory_is_an_object_gone() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    for id in 1..=3 {
        ext.write(&format!("tabs/{id}.json"), &format!("{{\"n\":{id}}}"));
    }
    let directory = ext.path("tabs").display().to_string();
    let ext = ext.set("source.path", directory);
    ext.once().expect(0).counts(&[("written", 3)]);
    std::fs::remove_file(ext.path("tabs/2.json")).expect("it is there");
    ext.once().expect(0).counts(&[("written", 0), ("removed", 1)]);
    assert_eq!(redis.objects("hwinfo").into_keys().collect::<Vec<_>>(), ["1", "3"]);
}

#[test]
fn content_types_by_record_by_content_and_by_default() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("content.content_type", "text/html");
    ext.once_with(&[
        json!({"id": 1, "content": "<p>a</p><script>b</script>"}),
        json!({"id": 2, "content_type": "text", "content": "<p>a</p>"}),
        json!({"id": 3, "content_type": "application/pdf", "content": "JVBERi0xLjQK"}),
        json!({"id": 4, "content_type": "markdown", "content": "**a**"}),
        json!({"id": 5, "content_type": "json", "content": {"a": 1}}),
    ])
    .expect(0)
    .counts(&[("written", 5)]);
    let shape = |id: &str| {
        let e = redis.object("hwinfo", id);
        (e.content_type().to_owned(), e.json["encoding"].as_str().expect("a string").to_owned(), e.content().clone())
    };
    let expected = |t: &str, e: &str, c: Value| (t.to_owned(), e.to_owned(), c);
    assert_eq!(shape("1"), expected("text/html", "utf-8", json!("<p>a</p>")));
    assert_eq!(shape("2"), expected("text/plain", "utf-8", json!("<p>a</p>")));
    assert_eq!(shape("3"), expected("application/pdf", "base64", json!("JVBERi0xLjQK")));
    assert_eq!(shape("5"), expected("application/json", "json", json!({"a": 1})));
    let (content_type, _, html) = shape("4");
    assert_eq!(
        (content_type.as_str(), html.as_str().expect("text").trim()),
        ("text/html", "<p><strong>a</strong></p>")
    );

    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&[json!({"id": 1, "content": "<p>a</p>"}), json!({"id": 2, "content": [1, "b", null]})]).expect(0);
    assert_eq!(redis.object("hwinfo", "1").content_type(), "text/plain");
    assert_eq!(redis.object("hwinfo", "2").content_type(), "application/json");
}

#[test]
fn the_committed_examples_of_cards_are_valid_and_go_through() {
    let card = Schema::load("card.v1");
    let examples: Value = serde_json::from_str(&Schema::text("card.v1")).expect("JSON");
    let examples = examples["examples"].as_array().expect("examples").clone();
    assert!(!examples.is_empty());
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    let records: Vec<Value> = examples
        .iter()
        .enumerate()
        .map(|(i, c)| json!({"id": i + 1, "content_type": "application/vnd.ralphext.card+json", "content": c}))
        .collect();
    ext.once_with(&records).expect(0).counts(&[("failed", 0)]);
    for (i, example) in examples.iter().enumerate() {
        let found = redis.object("hwinfo", &(i + 1).to_string());
        assert_eq!(found.content_type(), "application/vnd.ralphext.card+json");
        card.check("a card from Redis", found.content());
        assert_eq!(found.content(), example);
    }
}
