//! The array at a pointer, in documents of every shape, by pieces of every size.

use std::sync::Arc;

use proptest::prelude::*;

use crate::{
    model::Fetched,
    sources::{
        cut::{Cutter, Forms},
        document::Wanted,
    },
};

/// Records, scalars and the end of `text`, handed in by pieces of `step` bytes.
fn walk(
    text: &str,
    step: usize,
    items: &str,
    scalars: &[&str],
) -> (Vec<String>, Vec<Option<String>>, Result<bool, String>) {
    let wanted = Wanted::new(items, scalars).expect("pointers");
    let mut cutter = Cutter::new(Arc::from("test"), 1_000, Forms::At(wanted));
    let mut records = Vec::new();
    for piece in text.as_bytes().chunks(step) {
        cutter.room().extend_from_slice(piece);
        cutter.advance();
    }
    let end = cutter.finish().map_err(|e| e.to_string());
    while let Some(item) = cutter.pop() {
        match item {
            Fetched::Block { block, .. } => {
                records
                    .extend(block.records.iter().map(|s| String::from_utf8_lossy(&block.data[s.range()]).into_owned()));
            }
            other => records.push(format!("{other:?}")),
        }
    }
    (records, cutter.scalars().to_vec(), end)
}

const PAGE: &str = r#" {"count": 2, "x": {"results": [9], "s": "]}\"["}, "results": [ {"id":1, "a":[1,2]}, {"id":2} ],
    "next": "https://x/?a=\"1\"", "after": [[{}], "results"], "last": 12 } "#;

#[test]
fn the_array_and_scalars_on_both_sides_of_it() {
    for step in 1..PAGE.len() {
        let (records, scalars, end) = walk(PAGE, step, "/results", &["/next", "/count", "/last", "/nothing", "/x/s"]);
        assert_eq!(records, [r#"{"id":1, "a":[1,2]}"#, r#"{"id":2}"#], "{step}");
        let some = |text: &str| Some(text.to_owned());
        let expected = [some(r#""https://x/?a=\"1\"""#), some("2"), some("12"), None, some(r#""]}\"[""#)];
        assert_eq!((scalars.as_slice(), end), (expected.as_slice(), Ok(true)), "{step}");
    }
}

#[test]
fn deep_through_arrays_and_odd_names() {
    let text = r#"{"a/b":[{"c":[0]},{"c":[{"id":1}]}]}"#;
    assert_eq!(walk(text, 7, "/a~1b/1/c", &[]).0, [r#"{"id":1}"#]);
    assert_eq!(walk("[1,2]", 1, "", &[]).0, ["1", "2"]);
    assert_eq!(walk(r#"{"a":[]}"#, 1, "/a", &[]).2, Ok(true));
}

#[test]
fn without_the_array_it_is_an_error() {
    for (text, expected) in [
        (r#"{"data":{}}"#, "test has nothing there: source.items = \"/data/alerts\""),
        (r#"{"data":{"alerts":{}}}"#, "has an object there"),
        (r#"{"data":{"alerts":null}}"#, "has null there"),
        (r#"{"data":{"alerts":[1]"#, "is cut off"),
        (r#"{"data":{"alerts":[1"#, "ends after element"),
        ("<html>", "is no JSON document"),
        (r#"{"data":[1} x"#, "is no JSON document"),
        ("", "is cut off"),
    ] {
        let error = walk(text, 3, "/data/alerts", &[]).2.expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn any_document_gives_what_a_parser_finds(value in document(), step in 1usize..40) {
        let text = value.to_string();
        let (records, _, end) = walk(&text, step, "/a/b", &[]);
        let expected = value.pointer("/a/b").and_then(|items| items.as_array());
        let parsed: Vec<serde_json::Value> = records.iter().filter_map(|r| serde_json::from_str(r).ok()).collect();
        match expected {
            Some(items) => prop_assert_eq!(&parsed, items),
            None => prop_assert!(end.is_err() && records.is_empty(), "{:?}", records),
        }
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'"'), Just(b'a'), Just(b':'), Just(b'['), Just(b']'), Just(b'\\'), any::<u8>()], 0..200), step in 1usize..9) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = walk(&text, step, "/a", &["/b"]);
    }
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[a-c\"\\\\{}\\[\\]]{0,6}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 64, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
