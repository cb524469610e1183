//! What docs/content.md and docs/card.md say: their examples give what they show, their lists are the code's.

use std::fs;

use ralphext::render::{ATTRIBUTES, CLASSES, SCHEMES, SWALLOWED, TAGS};
use serde_json::Value;

use crate::harness::{DEADLINE, Ext, Redis, Running, repository};

fn page(name: &str) -> String {
    fs::read_to_string(repository().join("docs").join(name)).expect("the page is there")
}

/// The fenced blocks behind each mark `<!-- tested -->`, three each: configuration, record, outcome.
fn examples(page: &str) -> Vec<[String; 3]> {
    let mut found = Vec::new();
    for part in page.split("<!-- tested -->").skip(1) {
        let mut blocks = part.split("```").skip(1).step_by(2).map(|block| {
            let (language, text) = block.split_once('\n').expect("a block has lines");
            (language.to_owned(), text.to_owned())
        });
        let mut next = |languages: &[&str]| {
            let (language, text) = blocks.next().expect("three blocks");
            assert!(languages.contains(&language.as_str()), "{language} in place of {languages:?}");
            text
        };
        found.push([next(&["toml"]), next(&["json"]), next(&["html", "json", "text"])]);
    }
    found
}

fn squeezed(html: &str) -> String {
    html.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><")
}

#[test]
fn every_example_gives_what_it_shows() {
    for (name, least) in [("content.md", 3), ("card.md", 1)] {
        let examples = examples(&page(name));
        assert!(examples.len() >= least, "{name}: {} examples", examples.len());
        for [config, record, expected] in examples {
            let ext = Ext::at(&Redis::nowhere());
            ext.write("objects.ndjson", &serde_json::from_str::<Value>(&record).expect(&record).to_string());
            // The example's own tables, behind the source of the test.
            let given = fs::read_to_string(ext.config()).expect("the configuration");
            ext.write("example.toml", &format!("{given}\n{config}"));
            let mut command = ext.bare(&["-c", "example.toml", "--output", "json", "test"]);
            let outcome = Running::spawn(&mut command, None).finish(DEADLINE).expect(0);
            let shown = outcome.json()["records"][0].clone();
            let content = shown["content"].as_str().unwrap_or_else(|| panic!("{config}: {shown}"));
            let content: Value = serde_json::from_str(content).expect("canonical JSON");
            match content.as_str() {
                Some(text) => assert_eq!(squeezed(text), squeezed(&expected), "{config}"),
                None => assert_eq!(content, serde_json::from_str::<Value>(&expected).expect("JSON"), "{config}"),
            }
        }
    }
}

/// The words in code style between `<!-- name -->` and `<!-- end -->`.
fn listed(page: &str, name: &str) -> Vec<String> {
    let start = page.split(&format!("<!-- {name} -->")).nth(1).unwrap_or_else(|| panic!("no list {name}"));
    let list = start.split("<!-- end -->").next().expect("it ends");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_lists_of_the_sanitiser_are_the_codes() {
    let page = page("content.md");
    assert_eq!(listed(&page, "elements"), TAGS.iter().map(|(tag, _)| *tag).collect::<Vec<_>>());
    assert_eq!(listed(&page, "attributes"), ATTRIBUTES);
    assert_eq!(listed(&page, "schemes"), SCHEMES);
    assert_eq!(listed(&page, "swallowed"), SWALLOWED);
    assert_eq!(listed(&page, "classes"), CLASSES.iter().map(|(class, _)| *class).collect::<Vec<_>>());
    for (class, meaning) in CLASSES {
        assert!(page.contains(&format!("| `{class}` | {meaning} |")), "{class}");
    }
    for (tag, attributes) in TAGS {
        for attribute in *attributes {
            let told = page.contains(&format!("`{attribute}`"));
            assert!(told, "{attribute} of {tag} is not told");
        }
    }
}
