//! `lint`: every bad record of a sample, where it stands, and what to do.

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Ext, Outcome, Redis, Running, ndjson, records};

/// Without any configuration.
fn bare(ext: &Ext, words: &[&str], input: &str) -> Outcome {
    Running::spawn(&mut ext.bare(words), Some(input.to_owned())).finish(DEADLINE)
}

fn problems(outcome: &Outcome) -> Vec<(u64, u64, String, String)> {
    let text = |p: &Value, key: &str| p[key].as_str().expect(key).to_owned();
    let number = |p: &Value, key: &str| p[key].as_u64().expect(key);
    let told = outcome.json();
    let all = told["problems"].as_array().expect("problems");
    all.iter().map(|p| (number(p, "line"), number(p, "column"), text(p, "pointer"), text(p, "kind"))).collect()
}

#[test]
fn good_samples_are_good_in_either_form() {
    let ext = Ext::at(&Redis::nowhere());
    let all = records(50, 1);
    bare(&ext, &["lint"], &ndjson(&all)).expect(0).says(&[]);
    bare(&ext, &["lint", "-"], &serde_json::to_string_pretty(&all).expect("JSON")).expect(0);
    let outcome = bare(&ext, &["-o", "json", "lint"], "{\"end\":true}\n").expect(0);
    assert_eq!(outcome.json(), json!({"records": 0, "bad": 0, "problems": []}));
}

#[test]
fn all_problems_are_told_with_a_caret_under_each() {
    let ext = Ext::at(&Redis::nowhere());
    let sample = "{\"id\":\"zażółć:1\",\"contnet\":1}\n\
                  [1]\n\
                  {\"id\":3,\"content\":NaN}\n\
                  {\"id\":4,\"content_type\":\"card\",\"content\":{\"title\":\"ż\",\"status\":\"fine\",\"titel\":1}}\n";
    ext.write("sample.ndjson", sample);
    let outcome = bare(&ext, &["lint", "sample.ndjson"], "").expect(1);
    let caret = "1 | {\"id\":\"zażółć:1\",\"contnet\":1}\n  |       ^^^^^^^^^^\n  = hint: ";
    assert!(outcome.stdout.contains(caret), "{outcome}");
    for words in
        ["--> sample.ndjson:4:70", "did you mean `title`?", "did you mean `content`?", "ok, warning, critical, unknown"]
    {
        assert!(outcome.stdout.contains(words), "{words}: {outcome}");
    }
    let outcome = bare(&ext, &["-o", "json", "lint", "sample.ndjson"], "").expect(1);
    let expected = [
        (1, 1, "", "no_content"),
        (1, 7, "/id", "bad_id"),
        (1, 18, "/contnet", "bad_field"),
        (2, 1, "", "not_json"),
        (3, 19, "/content", "not_json"),
        (4, 63, "/content/status", "bad_type"),
        (4, 70, "/content/titel", "bad_type"),
    ];
    let expected: Vec<_> = expected.iter().map(|(l, c, p, k)| (*l, *c, (*p).to_owned(), (*k).to_owned())).collect();
    assert_eq!(problems(&outcome), expected, "{outcome}");
}

#[test]
fn the_configuration_counts() {
    let ext = Ext::at(&Redis::nowhere()).set("content.content_type", "card").set("limits.max_content", "200B");
    let sample = format!(
        "{{\"id\":1,\"content\":{{\"title\":\"\"}}}}\n{{\"id\":2,\"content\":{{\"title\":\"x\",\"summary\":\"{}\"}}}}\n",
        "y".repeat(300)
    );
    let outcome = ext.pipe(&["-o", "json", "lint"], &sample).expect(1);
    let expected = [(1, 28, "/content/title", "bad_type"), (2, 19, "/content", "too_large")];
    let expected: Vec<_> = expected.iter().map(|(l, c, p, k)| (*l, *c, (*p).to_owned(), (*k).to_owned())).collect();
    assert_eq!(problems(&outcome), expected, "{outcome}");
    // A fresh directory, which has no configuration.
    bare(&Ext::at(&Redis::nowhere()), &["lint"], &sample).expect(0);
}

/// Whatever `test` refuses is a problem, and the other way round.
#[test]
fn it_agrees_with_test() {
    let ext = Ext::at(&Redis::nowhere());
    let lines = [
        r#"{"id":1,"content":{}}"#,
        r#"{"id":1.5,"content":{}}"#,
        r#"{"id":2}"#,
        r#"{"id":3,"deleted":true}"#,
        r#"{"id":4,"deleted":false}"#,
        r#"{"content":1}"#,
        r#"{"match":{"sn":"x"},"content":1}"#,
        r#"{"id":5,"content":1e999}"#,
        r#"{"id":6,"content":"a","content_type":"text"}"#,
        r#"{"id":7,"content":{},"content_type":"html"}"#,
        r#"{"id":8,"content":"%%","content_type":"application/pdf"}"#,
        r#"{"id":9,"content":"JVBERi0=","content_type":"application/pdf"}"#,
        r#"{"id":10,"content":{"a":1,"a":2}}"#,
        r#"{"id":11,"content":"\ud800"}"#,
        r#"{"id":12,"content":1,"end":true}"#,
        r#"{"id":13,"content":null,"deleted":"no"}"#,
        r#"{"id":14,"content":1,"content_type":null}"#,
        r#"{"id":15,"content":1} x"#,
        r#""text""#,
        "{",
        r#"{"id":16,"id":17,"content":1}"#,
        r#"{"begin":true}"#,
        r#"{"id":18,"content":{"title":"x","links":[{"label":"a","url":"x:y"}]},"content_type":"card"}"#,
    ];
    for line in lines {
        let linted = bare(&ext, &["-o", "json", "lint"], line);
        let tested = ext.pipe(&["test", "--source", "stdin"], line);
        assert_eq!(linted.code, tested.code, "{line}\n{linted}\n{tested}");
        let told = linted.json();
        assert!(
            told["problems"]
                .as_array()
                .expect("problems")
                .iter()
                .all(|p| p["hint"].as_str().is_some_and(|h| !h.is_empty()))
        );
    }
}

#[test]
fn an_empty_sample_is_no_good_one() {
    let ext = Ext::at(&Redis::nowhere());
    for sample in ["", "\n \n", "[]", "[ ]\n"] {
        bare(&ext, &["lint"], sample)
            .expect(1)
            .says(&["there is no record in it", "hint: an empty sample is no answer"]);
    }
    ext.write("empty.ndjson", "");
    bare(&ext, &["lint", "empty.ndjson"], "").expect(1).says(&["empty.ndjson: there is no record in it"]);
}

#[test]
fn data_as_it_comes_is_mapped_first() {
    let ext = Ext::at(&Redis::nowhere()).set("source.items", "/alerts").set("source.map.id", "/host");
    let ext = ext.set("source.map.card.title", "{/name}").set("limits.max_content", "100B");
    let items = json!({"alerts": [{"host": "1", "name": "a"}, {"name": "b"}, {"host": "c:d", "name": "c"},
        {"host": "4", "name": "x".repeat(200)}, {"host": "5", "name": "e"}]});
    ext.write("sample.json", &items.to_string());
    let outcome = ext.verb(&["-o", "json", "lint", "sample.json"]).expect(1);
    let told = outcome.json();
    assert_eq!((&told["records"], &told["bad"]), (&json!(5), &json!(3)), "{outcome}");
    let places: Vec<_> = problems(&outcome).into_iter().map(|(line, _, _, kind)| (line, kind)).collect();
    let kind = |kind: &str| kind.to_owned();
    assert_eq!(places, [(2, kind("no_id")), (3, kind("bad_id")), (4, kind("too_large"))], "{outcome}");
    let shown = ext.verb(&["lint", "sample.json"]).expect(1).stdout;
    for words in ["--> sample.json:2", "--> sample.json:4", "^^^", "3 problems, in 3 of 5 records", "[source.map]"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Through standard input, and a table.
    ext.pipe(&["lint"], &json!({"alerts": [{"host": "1", "name": "a"}]}).to_string()).expect(0);
    ext.pipe(&["lint"], &json!({"alerts": []}).to_string()).expect(1).says(&["there is no record in it"]);
    let ext = ext.unset("source.items").set("source.map.id", "Asset no").set("source.map.card.title", "{Room}");
    ext.write("rooms.csv", "Asset no;Room\n4711;12\n;13\n");
    let shown = ext.verb(&["lint", "rooms.csv"]).expect(1).stdout;
    assert!(shown.contains("--> rooms.csv:3") && shown.contains("1 problems, in 1 of 2 records"), "{shown}");
    ext.verb(&["lint", "nowhere.csv"]).expect(3).says(&["nowhere.csv", "hint"]);
}
