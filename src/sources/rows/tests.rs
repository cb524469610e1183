//! Rows in, record texts out.

use super::*;

fn text(value: &str) -> Cell<'_> {
    if value == "NULL" { Cell::Null } else { Cell::Text(value.into()) }
}

/// The records, or `broken:` with line, id and reason.
fn records(rows: &mut Rows, table: &[&[&str]]) -> Vec<String> {
    for (line, row) in (1..).zip(table) {
        rows.push(line, &row.iter().map(|value| text(value)).collect::<Vec<_>>());
    }
    rows.flush();
    let mut out = Vec::new();
    while let Some(item) = rows.pop() {
        match item {
            Fetched::Block { block, .. } => out.extend(
                block.records.iter().map(|span| String::from_utf8(block.data[span.range()].to_vec()).expect("text")),
            ),
            Fetched::Broken { place, id, fault } => out.push(format!("broken:{} {id:?} {fault}", place.line)),
            other => panic!("{other:?}"),
        }
    }
    out
}

fn rows(columns: &[&str]) -> Rows {
    Rows::new("query".into(), Layout::records(columns, &[]).expect("a layout"), 100)
}

#[test]
fn a_row_with_an_id_is_a_record_with_the_other_columns_as_fields_in_their_order() {
    let mut rows = rows(&["ram", "id", "cpu", ""]);
    let table: &[&[&str]] =
        &[&["256", " 4711 ", "Xeon \"Gold\"", "x"], &["NULL", "4712"], &["1", "NULL", "x"], &["1", " ", "x"]];
    assert_eq!(
        records(&mut rows, table),
        [
            r#"{"id":"4711","content":{"ram":"256","cpu":"Xeon \"Gold\""}}"#,
            r#"{"id":"4712","content":{"ram":null,"cpu":null}}"#,
            "broken:3 None the column id is empty",
            "broken:4 None the column id is empty",
        ]
    );
    assert_eq!(rows.rows(), 4);
}

#[test]
fn columns_to_match_by_take_the_place_of_an_id() {
    let table: &[&[&str]] = &[&["web1", "NULL", "up"], &["web2", "S1", "up"], &["NULL", "NULL", "up"]];
    let records_of = |layout: Layout| records(&mut Rows::new("query".into(), layout, 100), table);
    assert_eq!(
        records_of(Layout::records(&["hostname", "sn", "state"], &[]).expect("a layout")),
        [
            r#"{"match":{"hostname":"web1"},"content":{"state":"up"}}"#,
            r#"{"match":{"hostname":"web2","sn":"S1"},"content":{"state":"up"}}"#,
            "broken:3 None all columns to match an object by are empty: hostname, sn",
        ]
    );
    let named = records_of(Layout::records(&["id", "sn", "state"], &["sn".to_owned()]).expect("a layout"));
    assert_eq!(named[1], r#"{"match":{"sn":"S1"},"content":{"id":"web2","state":"up"}}"#);
    let with_id = records_of(Layout::records(&["id", "hostname", "state"], &[]).expect("a layout"));
    assert_eq!(with_id[1], r#"{"id":"web2","content":{"hostname":"S1","state":"up"}}"#);
}

#[test]
fn a_content_column_is_the_content() {
    let mut rows = rows(&["id", "content", "content_type", "other"]);
    let table: &[&[&str]] = &[
        &["1", r#"{"a":1}"#, "NULL", "x"],
        &["2", "<p>", "text/html", "x"],
        &["3", "NULL", "NULL", "x"],
        &["4", "hello", "NULL", "x"],
    ];
    assert_eq!(
        records(&mut rows, table),
        [
            r#"{"id":"1","content":{"a":1}}"#.to_owned(),
            r#"{"id":"2","content":"<p>","content_type":"text/html"}"#.to_owned(),
            "broken:3 Some(\"3\") the column content is NULL; leave such rows out (WHERE), or say what there is to show"
                .to_owned(),
            r#"{"id":"4","content":"hello"}"#.to_owned(),
        ]
    );
}

#[test]
fn what_is_deleted_is_left_out_of_a_snapshot_and_told_in_a_delta() {
    let table: &[&[&str]] = &[&["1", "t", "x"], &["2", "0", "x"], &["3", "NULL", "x"], &["4", "2026-01-01", "x"]];
    let broken = "broken:4 Some(\"4\") the column deleted holds \"2026-01-01\", neither true nor false";
    let kept = [r#"{"id":"2","content":{"a":"x"}}"#, r#"{"id":"3","content":{"a":"x"}}"#, broken];
    assert_eq!(records(&mut rows(&["id", "deleted", "a"]), table), kept);
    let told = records(&mut rows(&["id", "deleted", "a"]).of_delta(true), table);
    assert_eq!((told[0].as_str(), &told[1..]), (r#"{"id":"1","deleted":true}"#, &kept.map(str::to_owned)[..]));
}

#[test]
fn raw_rows_are_objects_of_all_columns() {
    let mut rows = Rows::new("query".into(), Layout::raw(&["id", "content", "deleted"]).expect("a layout"), 100);
    assert_eq!(records(&mut rows, &[&["1", "{}", "NULL"]]), [r#"{"id":"1","content":"{}","deleted":null}"#]);
}

#[test]
fn impossible_columns_are_told_by_name() {
    let error = |columns: &[&str], matching: &[&str]| {
        let matching: Vec<String> = matching.iter().map(|name| (*name).to_owned()).collect();
        Layout::records(columns, &matching).expect_err("impossible").message()
    };
    assert_eq!(error(&["asset", "x"], &[]), "there is no column id, nor one to match objects by; there are asset, x");
    assert_eq!(error(&["id", "x", "x"], &[]), "there are two columns x");
    assert_eq!(error(&["id", "x"], &["sn"]), "there is no column sn to match by; there are id, x");
}

#[test]
fn a_record_that_is_too_long_is_reported_and_blocks_are_bounded() {
    let long = "x".repeat(200);
    let table: &[&[&str]] = &[&["1", "a"], &["2", &long], &["3", "b"]];
    let told = records(&mut rows(&["id", "a"]), table);
    assert_eq!(told[1], "broken:2 Some(\"2\") the record has 229 bytes, more than limits.max_content allows (100)");
    assert_eq!((told.len(), told[2].as_str()), (3, r#"{"id":"3","content":{"a":"b"}}"#));
    let mut rows = Rows::new("query".into(), Layout::records(&["id", "a"], &[]).expect("a layout"), 1 << 20);
    let text = "y".repeat(100 << 10);
    for line in 1..=10 {
        rows.push(line, &[Cell::Number(line.to_string().into()), Cell::Text(text.as_str().into())]);
    }
    rows.flush();
    let mut blocks = Vec::new();
    while let Some(Fetched::Block { block, .. }) = rows.pop() {
        blocks.push((block.records.len(), block.data.len() < READ + (101 << 10)));
    }
    assert_eq!(blocks, [(3, true), (3, true), (3, true), (1, true)]);
}
