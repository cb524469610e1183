//! `ralphext index`: from Redis, from configurations, and whether a page has drifted.

use std::path::Path;

use crate::harness::{Ext, Redis, records};

fn grown(redis: &Redis) -> (Ext, Ext) {
    let ext = Ext::new(redis)
        .unset("service")
        .set("service.name", "hwinfo")
        .set("service.title", "Hardware | <facts>")
        .set("service.description", "What the machine says of itself")
        .set("service.owner", "platform@example.org")
        .set("service.docs_url", "https://docs.example.org/hwinfo")
        .set("service.content_schema", "https://docs.example.org/hwinfo.schema.json")
        .set("service.models", vec!["data_center.datacenterasset"]);
    let other = Ext::of(redis, "tickets").set("content.content_type", "card");
    (ext, other)
}

#[test]
fn the_index_of_a_redis_says_what_there_is() {
    let redis = Redis::start();
    let (ext, other) = grown(&redis);
    redis.grant(&["hwinfo", "--with", "peers"]);
    assert_eq!(ext.verb(&["-o", "json", "index"]).expect(0).json(), serde_json::json!([]));
    ext.once_with(&records(3, 1)).expect(0);
    other.once_with(&[]);
    let markdown = ext.verb(&["index"]).expect(0).stdout;
    for part in [
        "| [Hardware \\| &lt;facts&gt;](#hwinfo) | What the machine says of itself | data\\_center.datacenterasset |",
        "- Keys: `ralphext:v1:hwinfo:<object_id>`",
        "- Owner: platform@example.org",
        "- Documentation: <https://docs.example.org/hwinfo>",
        "- Schema: <https://docs.example.org/hwinfo.schema.json>",
        "- Content: `application/vnd.ralphext.card+json`",
        "- Schema: schemas/card.v1.schema.json",
        "## tickets",
    ] {
        assert!(markdown.contains(part), "{part}\n{markdown}");
    }
    let json = ext.verb(&["-o", "json", "index"]).expect(0).json();
    assert_eq!((&json[0]["service"], &json[0]["now"]["objects"]), (&"hwinfo".into(), &3.into()), "{json}");
    let html = ext.verb(&["index", "--form", "html"]).expect(0).stdout;
    assert!(html.contains("Hardware | &lt;facts&gt;") && !html.contains("<facts>"), "{html}");

    // The descriptor says it too, for any reader.
    assert_eq!(redis.descriptor("hwinfo")["content_schema"], "https://docs.example.org/hwinfo.schema.json");
    assert_eq!(redis.descriptor("tickets")["content_type"], "application/vnd.ralphext.card+json");
}

#[test]
fn a_page_that_has_drifted_is_told_and_one_that_has_not_is_not() {
    let redis = Redis::start();
    let (mut ext, _) = grown(&redis);
    redis.grant(&["hwinfo", "--with", "peers"]);
    ext.once_with(&records(3, 1)).expect(0);
    for (name, form) in [("index.md", "markdown"), ("index.html", "html"), ("index.json", "json")] {
        let file = ext.path(name).display().to_string();
        ext.verb(&["index", "--check", &file]).expect(1).says(&[&file, "cannot be read"]);
        ext.write(name, &ext.verb(&["index", "--form", form]).expect(0).stdout);
        if form == "json" {
            // What is now belongs to no page that is kept.
            let from_files =
                ext.verb(&["index", "--form", form, "--from", &ext.config().display().to_string()]).expect(0);
            ext.write(name, &from_files.stdout.replace("\"source\": \"exec\"", "\"source\": \"stdin\""));
            continue;
        }
        ext.verb(&["index", "--check", &file]).expect(0);
    }
    // Other objects, another moment: no drift.
    ext.once_with(&records(5, 2)).expect(0);
    ext.verb(&["index", "--check", &ext.path("index.md").display().to_string()]).expect(0);
    ext.change("service.owner", "somebody@example.org");
    ext.once_with(&records(5, 2)).expect(0);
    let file = ext.path("index.md").display().to_string();
    ext.verb(&["index", "--check", &file]).expect(1).says(&["drifted", "platform@example.org", "somebody@example.org"]);
}

#[test]
fn the_index_of_the_examples_is_the_one_in_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let outcome = std::process::Command::new(crate::harness::binary())
        .args(["index", "--from", "examples", "--check", "docs/extensions.md"])
        .current_dir(root)
        .env_clear()
        .output()
        .expect("the index of the examples");
    let told = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{told}\nwrite it anew: make generate");
    let examples = std::fs::read_dir(root.join("examples")).expect("the examples").flatten();
    let count = examples.filter(|entry| entry.path().join("ralphext.toml").is_file()).count();
    let page = std::fs::read_to_string(root.join("docs/extensions.md")).expect("the page");
    assert_eq!(page.matches("\n## ").count(), count);
}

#[test]
fn configurations_are_read_as_they_stand() {
    let redis = Redis::start();
    let (ext, _) = grown(&redis);
    let config = ext.config().display().to_string();
    let json = |words: &[&str]| ext.verb(&[&["-o", "json", "index"], words].concat()).expect(0).json();
    let entries = json(&["--from", &config]);
    assert_eq!(entries[0]["title"], "Hardware | <facts>");
    assert_eq!(entries[0]["now"], serde_json::Value::Null);
    let again = ext.path("again");
    std::fs::create_dir(&again).expect("a directory");
    std::fs::copy(ext.config(), again.join("ralphext.toml")).expect("a copy");
    let again = again.display().to_string();
    ext.verb(&["index", "--from", &config, "--from", &again]).expect(2).says(&["hwinfo", "too"]);
    ext.verb(&["index", "--from", &ext.path("nowhere").display().to_string()]).expect(2).says(&["nowhere"]);
    // The same one twice is one.
    assert_eq!(json(&["--from", &config, "--from", &config]).as_array().map(Vec::len), Some(1));
}
