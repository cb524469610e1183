//! The reader kit (`ralph/`), as far as it needs nothing but Python: the cases for readers in any language are what the contract
//! says, and the kit's own reader conforms. Django, Redis and old versions: `more::reader`.

use std::{fs, process::Command};

use serde_json::Value;

use crate::harness::{Envelope, Schema, repository};

fn python(arguments: &[&str]) {
    let output = Command::new("python3").args(arguments).current_dir(repository().join("ralph")).output();
    let output = output.expect("python3");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "python3 {arguments:?}\n{out}\n{err}");
}

#[test]
fn the_cases_for_readers_are_what_sidecars_write() {
    let text = fs::read_to_string(repository().join("ralph/conformance/cases.json")).expect("the cases");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let descriptor = Schema::load("service.v1");
    let (mut shown, mut described) = (0, 0);
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let keys = case["keys"].as_object().expect("the keys");
        let id = case["object_id"].as_str().expect("an id");
        for (service, _) in case["shown"].as_object().expect("what is shown") {
            let raw = keys[&format!("ralphext:v1:{service}:{id}")].as_str().expect("a text").to_owned();
            // What is to come has a field more, in front of the content.
            if name != "a field that is not known yet" {
                Envelope::check(service, id, raw, &[]);
                shown += 1;
            }
        }
        for (key, value) in keys.iter().filter(|(key, _)| key.matches(':').count() == 2) {
            let Ok(value) = serde_json::from_str::<Value>(value.as_str().expect("a text")) else { continue };
            descriptor.check(&format!("{name}: {key}"), &value);
            assert_eq!(value["service"], key.rsplit(':').next().expect("a name"), "{name}");
            described += 1;
        }
    }
    assert!(shown > 10 && described > 10, "{shown} {described}");
}

#[test]
fn the_kits_reader_conforms() {
    python(&["tests/test_conformance.py"]);
}

#[test]
fn what_is_made_is_committed() {
    let at = |path: &str| fs::read(repository().join("ralph").join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let files = ["conformance/cases.json", "ralph_ext_tabs/locale/pl/LC_MESSAGES/django.mo"];
    let before = files.map(at);
    python(&["conformance/make_cases.py"]);
    python(&["compile-messages.py"]);
    for (file, before) in files.iter().zip(before) {
        assert!(at(file) == before, "ralph/{file} is not what its script makes: commit what it made");
    }
}

/// The kit is a package of its own, so its style is a copy: from the first class on it is the one that the sidecar's pages have.
#[test]
fn both_styles_draw_cards_alike() {
    let rules = |path: &str, only_here: &[&str]| -> Vec<String> {
        let text = fs::read_to_string(repository().join(path)).expect(path);
        let lines = text.lines().skip_while(|line| !line.starts_with(".ralphext-ok {"));
        lines.filter(|line| only_here.iter().all(|own| !line.starts_with(own))).map(str::to_owned).collect()
    };
    let own = rules("src/page/style.css", &[".ralphext-about", ".ralphext-frame"]);
    assert!(own.len() > 40);
    assert_eq!(rules("ralph/ralph_ext_tabs/static/ralph_ext_tabs/tabs.css", &[".ralphext-frame"]), own);
}
