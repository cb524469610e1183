//! Whole items, mapped.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    model::{Block, ContentType, Document, FaultKind, Fetched, ObjectId, Place, Span},
    settings::Map,
};

/// What came out: records, and faults as line, id, kind and reason.
#[derive(Debug, Default)]
struct Got {
    records: Vec<(u64, String)>,
    faults: Vec<(u64, Option<String>, FaultKind, String)>,
}

impl Got {
    fn add(&mut self, items: Vec<Fetched>) {
        for item in items {
            match item {
                Fetched::Block { block, .. } => {
                    for span in &block.records {
                        let text = std::str::from_utf8(&block.data[span.range()]).expect("UTF-8");
                        self.records.push((span.line, text.to_owned()));
                    }
                }
                Fetched::Broken { place, id, fault } => self.faults.push((place.line, id, fault.kind, fault.reason)),
                other => panic!("{other:?}"),
            }
        }
    }

    fn texts(&self) -> Vec<&str> {
        self.records.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn values(&self) -> Vec<Value> {
        self.records.iter().map(|(_, text)| serde_json::from_str(text).expect("records are JSON")).collect()
    }
}

fn block(items: &[&[u8]]) -> Fetched {
    let mut block = Block::default();
    for (line, item) in (1..).zip(items) {
        let start = block.data.len() as u32;
        block.data.extend_from_slice(item);
        block.records.push(Span { start, end: block.data.len() as u32, line });
    }
    Fetched::Block { origin: Arc::from("test"), block }
}

fn settings(map: Value) -> Map {
    serde_json::from_value(map).expect("a map")
}

/// Everything that `items` become, on 2026-11-25.
fn run(map: &Map, items: &[&str]) -> Got {
    let (mut mapper, mut got) = (Mapper::new(map), Got::default());
    mapper.begin(20_782);
    let bytes: Vec<&[u8]> = items.iter().map(|item| item.as_bytes()).collect();
    got.add(mapper.take(block(&bytes)).expect("within bounds"));
    got.add(mapper.finish());
    got
}

#[test]
fn an_id_and_all_or_a_part_of_the_item() {
    let item = r#"{"asset": {"id": 4711}, "payload": {"a": [1]}, "n": "x"}"#;
    let got = run(&settings(json!({"id": "/asset/id"})), &[item]);
    assert_eq!(got.records, [(1, format!(r#"{{"id":"4711","content":{item}}}"#))]);
    let got = run(&settings(json!({"id": "/asset/id", "content": "/payload"})), &[item]);
    assert_eq!(got.texts(), [r#"{"id":"4711","content":{"a": [1]}}"#]);
    let members = json!({"id": "/asset/id", "content": {
        "first": "/payload/a/0", "n": {"from": "n", "transform": ["upper"]}, "none": "/none", "d": {"from": "/none", "default": "?"}
    }});
    let got = run(&settings(members), &[item]);
    assert_eq!(got.texts(), [r#"{"id":"4711","content":{"d":"?","first":1,"n":"X"}}"#]);
}

#[test]
fn what_is_known_in_place_of_an_id() {
    let map = settings(json!({"match": {
        "hostname": {"from": ["/labels/node", "/labels/instance"], "transform": ["strip_port", "strip_domain", "lower"]},
        "sn": "/sn",
    }}));
    let got = run(
        &map,
        &[r#"{"labels": {"instance": "Web1.example.net:9100"}, "sn": ""}"#, r#"{"labels": {}, "sn": 7}"#, "{}"],
    );
    assert_eq!(got.values()[0]["match"], json!({"hostname": "web1"}));
    assert_eq!(got.values()[1]["match"], json!({"sn": "7"}));
    let reason = "it has nothing of what source.map.match looks for: hostname at /labels/node, nor at /labels/instance, sn at /sn";
    assert_eq!(got.faults, [(3, None, FaultKind::NoId, reason.to_owned())]);
}

#[test]
fn faults_name_the_pointer_and_the_value() {
    let map = settings(json!({"id": "/id", "content": "/c"}));
    let got = run(
        &map,
        &[
            "{\"c\":1}",
            r#"{"id":"a:b","c":1}"#,
            r#"{"id":[1,{}],"c":1}"#,
            r#"{"id":1}"#,
            "{\"id\":",
            "7",
            r#"{"id":2,"c":null}"#,
        ],
    );
    let told: Vec<_> =
        got.faults.iter().map(|(line, id, kind, reason)| (*line, id.as_deref(), *kind, reason.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, None, FaultKind::NoId, "it has nothing at /id (source.map.id)"),
            (2, None, FaultKind::BadId, "/id gives the id \"a:b\": ':' is not allowed in it (source.map.id)"),
            (3, None, FaultKind::BadId, "/id is neither text nor a number: [1,{}] (source.map)"),
            (4, Some("1"), FaultKind::NoContent, "it has nothing at /c (source.map.content)"),
            (5, None, FaultKind::NotJson, "no JSON: EOF while parsing a value at byte 6 of 6"),
            (6, None, FaultKind::NoId, "it has nothing at /id (source.map.id)"),
        ]
    );
    assert_eq!(got.texts(), [r#"{"id":"2","content":null}"#]);
    let mut mapper = Mapper::new(&map);
    let mut got = Got::default();
    got.add(mapper.take(block(&[b"{\"id\":\"\xff\"}"])).expect("within bounds"));
    assert_eq!(got.faults[0].3, "no UTF-8 from byte 8 on");
}

#[test]
fn conditions_and_records_about_the_source() {
    let map = settings(json!({
        "id": "/id", "where": {"/state": ["active", "gone"]}, "unless": {"/silenced": true}, "deleted": {"/state": "gone"}, "content": "/c"
    }));
    let got = run(
        &map,
        &[
            r#"{"id": 1, "state": "active", "c": 1}"#,
            r#"{"id": 2, "state": "resolved", "c": 1}"#,
            r#"{"id": 3, "state": "active", "silenced": true, "c": 1}"#,
            r#"{"id": 4, "state": "gone"}"#,
            r#"{"heartbeat": true}"#,
            r#"{ "end" : true }"#,
        ],
    );
    let expected =
        [r#"{"id":"1","content":1}"#, r#"{"id":"4","deleted":true}"#, r#"{"heartbeat": true}"#, r#"{ "end" : true }"#];
    assert_eq!((got.texts(), got.faults.len()), (expected.to_vec(), 0));
}

#[test]
fn groups_come_before_the_end_and_a_bad_item_spares_its_object() {
    let map = settings(json!({"id": "/id", "content": "/c", "group": true, "sort": ["-/n"]}));
    let mut mapper = Mapper::new(&map);
    let mut got = Got::default();
    mapper.begin(0);
    let items: [&[u8]; 6] = [
        br#"{"id": 2, "c": "x"}"#,
        br#"{"id": 1, "c": "a", "n": 9}"#,
        br#"{"id": 1, "c": "b", "n": 10}"#,
        br#"{"id": 2}"#,
        br#"{"id": 3, "c": {"b": 1, "a": 2}}"#,
        br#"{"end": true}"#,
    ];
    got.add(mapper.take(block(&items)).expect("within bounds"));
    assert_eq!(
        got.texts(),
        [
            r#"{"id":"1","content":{"items":["b","a"]}}"#,
            r#"{"id":"3","content":{"items":[{"b": 1, "a": 2}]}}"#,
            r#"{"end": true}"#
        ]
    );
    assert_eq!((got.faults.len(), got.faults[0].1.as_deref()), (1, Some("2")));
    assert!(!mapper.holds_items() && mapper.finish().is_empty());
    // What broke off is forgotten.
    mapper.take(block(&items[..2])).expect("within bounds");
    assert!(mapper.holds_items());
    mapper.begin(0);
    assert!(!mapper.holds_items());
    let small = settings(json!({"id": "/id", "group": true, "group_max": "1KiB"}));
    let mut mapper = Mapper::new(&small);
    let much = (0..100).find_map(|_| mapper.take(block(&items[..1])).err()).expect("it is bounded");
    assert_eq!(much.objects, 1);
}

fn alert(instance: &str, name: &str, severity: &str) -> String {
    json!({
        "labels": {"alertname": name, "instance": instance, "severity": severity},
        "annotations": {"summary": format!("{name} on {instance}")},
        "state": "firing", "activeAt": "2018-07-04T20:27:12.60602144+02:00", "value": "1e+00",
    })
    .to_string()
}

fn alerts() -> Map {
    settings(json!({
        "match": {"hostname": {"from": "/labels/instance", "transform": ["strip_port"]}},
        "group": true,
        "card": {
            "title": "{#} alerts on {/labels/instance}",
            "summary": "{/annotations/none}",
            "status": {"from": "/labels/severity", "values": {"page": "critical"}, "default": "unknown"},
            "fields": [{"label": "Job", "from": "/labels/job"}, {"label": "State", "from": "/state", "unit": "now", "link": "https://x/{/state}"}],
            "badges": [{"text": "{/state}", "status": "warning"}],
            "tables": [{"title": "Alerts", "columns": [{"label": "Alert", "from": "/labels/alertname"}, {"label": "Job", "from": "/labels/job"}], "max_rows": 2}],
            "timeline": {"at": "/activeAt", "text": "{/labels/alertname}"},
            "links": [{"label": "Graph", "url": "https://g/?q={/labels/alertname}"}, {"label": "None", "url": "{/generatorURL}"}],
        }
    }))
}

#[test]
fn a_card_of_several_items() {
    let items = [
        alert("web1:9100", "Disk full", "page"),
        alert("web1:9100", "Load", "warning"),
        alert("web1:9100", "Raid", "odd"),
    ];
    let got = run(&alerts(), &items.each_ref().map(String::as_str));
    assert_eq!(
        got.values(),
        [json!({"match": {"hostname": "web1"}, "content": {
            "title": "3 alerts on web1:9100",
            "status": "critical",
            "badges": [{"text": "firing", "status": "warning"}],
            "fields": [{"label": "State", "value": "firing", "unit": "now", "link": "https://x/firing"}],
            "tables": [{"title": "Alerts (the first 2 of 3)", "columns": ["Alert", "Job"], "rows": [["Disk full", null], ["Load", null]]}],
            "timeline": [
                {"at": "2018-07-04T20:27:12.60602144+02:00", "text": "Disk full"},
                {"at": "2018-07-04T20:27:12.60602144+02:00", "text": "Load"},
                {"at": "2018-07-04T20:27:12.60602144+02:00", "text": "Raid"},
            ],
            "links": [{"label": "Graph", "url": "https://g/?q=Disk%20full"}],
        }})]
    );
}

#[test]
fn a_card_of_one_item_with_rows_of_its_own() {
    let map = settings(json!({"id": "id", "card": {
        "title": "Disks",
        "status": {"by_date": "until", "warning_before": "30days"},
        "tables": [{"rows": "/disks", "columns": [{"label": "Slot", "from": "/slot"}, {"label": "OK", "from": "ok"}]}],
        "fields": [{"label": "Tags", "from": "/tags"}, {"label": "Raw", "from": "/disks/0"}],
    }}));
    assert!(Mapper::new(&map).is_by_date() && !Mapper::new(&alerts()).is_by_date());
    let item =
        r#"{"id": 1, "until": "2026-12-01", "disks": [{"slot": 0, "ok": true}, {"slot": 1.5}], "tags": ["a", "b"]}"#;
    let got = run(&map, &[item, r#"{"id": 2, "disks": []}"#]);
    assert_eq!(
        got.values()[0]["content"],
        json!({
            "title": "Disks", "status": "warning",
            "fields": [{"label": "Tags", "value": "a, b"}, {"label": "Raw", "value": "{\"slot\": 0, \"ok\": true}"}],
            "tables": [{"columns": ["Slot", "OK"], "rows": [[0, true], [1.5, null]]}],
        })
    );
    assert_eq!(got.values()[1]["content"], json!({"title": "Disks", "status": "unknown"}));
}

#[test]
fn a_card_without_a_title_is_a_fault_of_its_object_alone() {
    let map = settings(json!({"id": "id", "group": true, "card": {"title": "{name}"}}));
    let got = run(&map, &[r#"{"id": 1}"#, r#"{"id": 2, "name": "x"}"#]);
    assert_eq!((got.records.len(), got.faults.len()), (1, 1));
    assert_eq!((got.faults[0].1.as_deref(), got.faults[0].2), (Some("1"), FaultKind::Render));
}

#[test]
fn a_file_of_a_directory_is_an_item_with_a_name() {
    let map = settings(json!({"match": {"hostname": "@name"}, "content": "/facts"}));
    let document = |id: &str, content_type, data: &str| {
        let place = Place { origin: Arc::from("dir/x"), line: 0 };
        Fetched::Document(Document { id: id.into(), content_type, data: data.into(), place })
    };
    let (mut mapper, mut got) = (Mapper::new(&map), Got::default());
    got.add(mapper.take(document("web\"1", ContentType::JSON, "{\"facts\": {\"a\":\n1}}\n")).expect("within bounds"));
    got.add(mapper.take(document("web2", ContentType::HTML, "<p>")).expect("within bounds"));
    assert_eq!(got.values(), [json!({"match": {"hostname": "web\"1"}, "content": {"a": 1}})]);
    assert_eq!(got.faults[0].2, FaultKind::NotJson);
}

/// Any JSON, three levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z0-9:./-]{0,20}".prop_map(Value::from),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 40, 6, |inner| {
        let name = prop_oneof![Just("id".to_owned()), "[a-d]", any::<String>()];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn maps() -> Vec<Map> {
    let card = json!({
        "title": "x{a}", "summary": "{b}", "status": {"by_date": "/c"}, "fields": [{"label": "l", "from": ["/a", "/b"], "link": "{c}"}],
        "badges": [{"text": "{/a/b}"}], "tables": [{"rows": "/a", "columns": [{"label": "l", "from": "/b"}]}, {"columns": [{"label": "l", "from": "/c"}]}],
        "timeline": {"at": "/b", "text": "{a}"}, "links": [{"label": "l", "url": "https://x/{b}"}]
    });
    [
        json!({"id": {"from": ["/id", "/a/id", "/a/0"], "transform": ["trim", "strip_port", "last_segment"]}}),
        json!({"match": {"hostname": {"from": "/a", "transform": ["strip_port", "strip_domain"]}, "mac": {"from": "b", "transform": ["mac"]}}, "content": "/c"}),
        json!({"id": {"from": "/a", "default": "1"}, "content": {"x": "/b/c", "y": {"from": "c", "transform": ["url_host"]}}}),
        json!({"id": {"from": "/id", "default": "1"}, "card": card}),
        json!({"id": {"from": "/none", "default": "1"}, "group": true, "card": card}),
        json!({"id": {"from": "/none", "default": "1"}, "group": true, "sort": ["/a", "-/b"]}),
    ]
    .map(settings)
    .into()
}

proptest! {
    /// A valid record, or a fault.
    #[test]
    fn any_item_is_a_record_or_a_fault(item in any_json()) {
        for map in maps() {
            let got = run(&map, &[&item.to_string()]);
            prop_assert_eq!(got.records.len() + got.faults.len(), 1, "{:?}", got);
            for record in got.values() {
                prop_assert!(record["match"].is_object() || ObjectId::check(record["id"].as_str().expect("a text")).is_ok());
                prop_assert!(record.get("content").is_some());
                if map.card.is_some() {
                    is_card(&record["content"])?;
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_a_record_or_a_fault(item in proptest::collection::vec(any::<u8>(), 0..60)) {
        for map in maps() {
            let mut mapper = Mapper::new(&map);
            let mut got = Got::default();
            got.add(mapper.take(block(&[&item])).expect("within bounds"));
            got.add(mapper.finish());
            prop_assert_eq!(got.records.len() + got.faults.len(), 1);
        }
    }

    #[test]
    fn any_text_as_an_id_is_a_record_or_a_fault(text in any::<String>()) {
        let item = json!({"id": text}).to_string();
        let got = run(&settings(json!({"id": "/id"})), &[&item]);
        prop_assert_eq!(got.records.len() == 1, ObjectId::check(text.trim()).is_ok());
        let got = run(&settings(json!({"match": {"sn": "/id"}})), &[&item]);
        prop_assert_eq!(got.records.len() == 1, !text.trim().is_empty());
        prop_assert_eq!(got.records.len() + got.faults.len(), 1);
    }

    #[test]
    fn groups_do_not_depend_on_the_order_of_items(
        items in proptest::collection::vec(any_json(), 0..12),
        alerts_of in proptest::collection::vec((0..3usize, 0..3usize, 0..4usize), 0..12),
        seed in any::<u64>(),
    ) {
        let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
        texts.extend(alerts_of.iter().map(|(host, name, severity)| {
            alert(["a", "b:1", "c"][*host], ["x", "y", "z"][*name], ["page", "warning", "ok", ""][*severity])
        }));
        let mut shuffled = texts.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        for map in maps().into_iter().filter(|map| map.group).chain([alerts()]) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let shuffled: Vec<&str> = shuffled.iter().map(String::as_str).collect();
            let (a, b) = (run(&map, &texts), run(&map, &shuffled));
            prop_assert_eq!(a.texts(), b.texts());
            prop_assert_eq!(a.faults.len(), b.faults.len());
        }
    }
}

/// Whether a card is one by its schema.
fn is_card(card: &Value) -> Result<(), TestCaseError> {
    use std::sync::LazyLock;
    static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let schema: Value = serde_json::from_str(include_str!("../../schemas/card.v1.schema.json")).expect("JSON");
        jsonschema::validator_for(&schema).expect("a schema")
    });
    let wrong: Vec<String> = SCHEMA.iter_errors(card).map(|e| e.to_string()).collect();
    prop_assert!(wrong.is_empty(), "{:?} in {}", wrong, card);
    Ok(())
}
