//! What the cutter makes of bytes, however they arrive.

use std::{io::Write, sync::Arc};

use proptest::prelude::*;

use super::{
    super::{
        cut::{Cutter, Forms},
        pump,
    },
    Got,
};
use crate::{model::FaultKind, sources::Sink};

/// Feeds `input` in pieces of `step` bytes.
fn cut(input: &[u8], step: usize, max_line: usize) -> (Got, Result<bool, String>) {
    let mut cutter = Cutter::new(Arc::from("test"), max_line, Forms::LinesOrArray);
    let mut got = Got::default();
    for piece in input.chunks(step.max(1)) {
        cutter.room().extend_from_slice(piece);
        cutter.advance();
        while let Some(item) = cutter.pop() {
            got.add(item);
        }
    }
    let result = cutter.finish().map_err(|e| e.kind().to_owned());
    while let Some(item) = cutter.pop() {
        got.add(item);
    }
    (got, result)
}

/// For each way to chop it up.
fn check(input: &[u8], max_line: usize, verify: impl Fn(&Got, &Result<bool, String>)) {
    for step in [1, 2, 3, 7, 64, 100_000] {
        let (got, result) = cut(input, step, max_line);
        verify(&got, &result);
    }
}

#[test]
fn lines_are_cut_whatever_ends_them() {
    check(b"\xef\xbb\xbf\n{\"a\":1}\r\n\r\n  \n {\"b\":2} \n{\"c\":3}", 100, |got, result| {
        let expected = [(2, r#"{"a":1}"#), (5, r#"{"b":2}"#), (6, r#"{"c":3}"#)].map(|(n, t)| (n, t.to_owned()));
        assert_eq!(got.records, expected);
        assert_eq!(*result, Ok(true));
    });
}

#[test]
fn blank_input_says_nothing() {
    for blank in ["", "\n\n", "\u{feff}", "\u{feff}\r\n", "   \t\r\n"] {
        check(blank.as_bytes(), 100, |got, result| {
            assert_eq!(*result, Ok(false), "{blank:?}");
            assert!(got.records.is_empty() && got.broken.is_empty());
        });
    }
    let blank = vec![b'\n'; 1_000_000];
    assert_eq!(cut(&blank, 5000, 100).1, Ok(false));
}

#[test]
fn an_oversized_line_is_skipped_and_named_and_its_neighbours_stay() {
    let big = format!("{{\"id\":4711,\"content\":\"{}\"}}", "x".repeat(5000));
    let input = format!("{{\"id\":1}}\n{big}\n{{\"id\":2}}\n{}", "y".repeat(101));
    check(input.as_bytes(), 100, |got, _| {
        assert_eq!(got.texts(), [r#"{"id":1}"#, r#"{"id":2}"#]);
        assert_eq!(got.records[1].0, 3);
        let named: Vec<_> = got.broken.iter().map(|(line, _, kind)| (*line, *kind)).collect();
        assert_eq!(named, [(2, FaultKind::TooLarge), (4, FaultKind::TooLarge)]);
        assert_eq!(got.broken[0].1.as_deref(), Some("4711"));
        assert_eq!(got.broken[1].1, None);
    });
}

#[test]
fn an_array_is_cut_into_its_elements() {
    let input = "\n [ {\"a\":\"]},[\\\"{\"} , [1,[2]],\"s\\\\\",17 ,{\"b\":{}}\r\n] \n";
    check(input.as_bytes(), 100, |got, result| {
        let expected = [(1, r#"{"a":"]},[\"{"}"#), (2, "[1,[2]]"), (3, r#""s\\""#), (4, "17"), (5, r#"{"b":{}}"#)];
        assert_eq!(got.records, expected.map(|(n, t)| (n, t.to_owned())));
        assert!(got.broken.is_empty(), "{got:?}");
        assert_eq!(*result, Ok(true));
    });
    check(b"[]", 100, |got, result| assert!(got.records.is_empty() && *result == Ok(true)));
}

#[test]
fn an_array_that_is_cut_off_is_an_error() {
    let whole = r#"[{"a":1},{"b":"]"}]"#;
    for end in 1..whole.len() {
        check(&whole.as_bytes()[..end], 100, |got, result| {
            assert_eq!(*result, Err("truncated".to_owned()), "{}", &whole[..end]);
            assert!(got.records.len() <= 2);
        });
    }
}

#[test]
fn garbage_in_an_array_is_reported_and_the_rest_still_read() {
    for (input, texts) in [
        (r#"[{"a":1} x,{"b":2}]"#, 2),
        (r#"[{"a":1}{"b":2}]"#, 2),
        (r#"[{"a":1},]"#, 1),
        (r#"[,{"a":1}]"#, 1),
        (r#"[{"a":1}] {"b":2}"#, 1),
        (r#"[{"a":1}}},{"b":2}]"#, 2),
    ] {
        check(input.as_bytes(), 100, |got, result| {
            assert_eq!(got.records.len(), texts, "{input}: {got:?}");
            assert_eq!(got.broken.len(), 1, "{input}: {got:?}");
            assert_eq!(got.broken[0].2, FaultKind::NotJson);
            assert_eq!(*result, Ok(true));
        });
    }
}

#[test]
fn an_oversized_element_is_skipped() {
    let big = format!("{{\"id\":\"x.1\",\"content\":\"{}\"}}", "],".repeat(5000));
    let input = format!("[{{\"id\":1}},{big},{{\"id\":2}}]");
    check(input.as_bytes(), 100, |got, result| {
        assert_eq!(got.texts(), [r#"{"id":1}"#, r#"{"id":2}"#]);
        assert_eq!(got.broken, [(2, Some("x.1".to_owned()), FaultKind::TooLarge)]);
        assert_eq!(*result, Ok(true));
    });
}

#[test]
fn memory_stays_bounded_whatever_the_length_of_a_line() {
    let mut cutter = Cutter::new(Arc::from("test"), 1_000_000, Forms::Lines);
    let mut highest = 0;
    for _ in 0..3000 {
        let room = cutter.room();
        let spare = room.capacity() - room.len();
        room.resize(room.len() + spare, b'x');
        highest = highest.max(room.capacity());
        cutter.advance();
        assert!(cutter.pop().is_none());
    }
    assert!(highest < 2_000_000, "{highest}");
    assert_eq!(cutter.finish().ok(), Some(true));
}

proptest! {
    #[test]
    fn lines_come_out_as_they_went_in(
        lines in proptest::collection::vec("[ a-z\"\\\\{\\[\r]{0,40}", 0..60),
        step in 1usize..200,
    ) {
        let input = lines.join("\n");
        prop_assume!(!input.trim_start().starts_with('['));
        let expected: Vec<(u64, String)> = (1..)
            .zip(input.split('\n'))
            .map(|(n, line)| (n, line.trim_ascii().to_owned()))
            .filter(|(_, line)| !line.is_empty())
            .collect();
        let (got, result) = cut(input.as_bytes(), step, 1000);
        prop_assert_eq!(result, Ok(!expected.is_empty()));
        prop_assert_eq!(got.records, expected);
    }

    #[test]
    fn elements_come_out_as_they_went_in(
        elements in proptest::collection::vec(("[a-z\"\\\\{}\\[\\], \u{e9}]{0,20}", 0u8..4, " {0,3}"), 0..40),
        step in 1usize..200,
    ) {
        let texts: Vec<String> = elements.iter().map(|(text, kind, _)| match kind {
            0 => serde_json::json!(text).to_string(),
            1 => serde_json::json!({"id": 1, text.as_str(): [text, {"x": text}]}).to_string(),
            2 => serde_json::json!([[text], 1.5, null]).to_string(),
            _ => "-12.5e3".to_owned(),
        }).collect();
        let padded: Vec<String> = texts.iter().zip(&elements).map(|(t, (_, _, pad))| format!("{pad}{t}{pad}")).collect();
        let input = format!("[{}]", padded.join(","));
        let (got, result) = cut(input.as_bytes(), step, 10_000);
        prop_assert_eq!(result, Ok(true));
        prop_assert_eq!(got.texts(), texts);
        prop_assert!(got.broken.is_empty());
    }

    #[test]
    fn no_bytes_upset_the_cutter(
        input in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"[]{},\"\\ \n"[..])], 0..300),
        step in 1usize..50,
        max_line in 1usize..60,
    ) {
        let (got, _) = cut(&input, step, max_line);
        let (whole, _) = cut(&input, 1000, max_line);
        prop_assert_eq!(got.records, whole.records);
        prop_assert_eq!(got.broken, whole.broken);
    }
}

#[tokio::test]
async fn a_pipe_that_falls_quiet_says_so_at_once() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let (sink, mut rx) = Sink::channel(4);
    let fetch = tokio::spawn(async move {
        pump::on_thread(&sink, "pipe", move |outlet| {
            let mut cutter = Cutter::new(Arc::from("pipe"), 1000, Forms::LinesOrArray);
            pump::pump_blocking(&reader, &mut cutter, outlet, true, "pipe")
        })
        .await
    });
    for n in 1..=3 {
        writeln!(writer, "{{\"id\":{n}}}").expect("the pipe is open");
        let mut got = Got::default();
        while got.idles == 0 {
            got.add(rx.recv().await.expect("the fetch goes on"));
        }
        assert_eq!(got.texts(), [format!("{{\"id\":{n}}}")]);
    }
    drop(writer);
    assert_eq!(fetch.await.expect("no panic").ok(), Some(true));
}
