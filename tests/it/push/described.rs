//! A tester that knows nothing but the published OpenAPI document: requests made from its schemas, good ones and spoilt ones,
//! at random but from a fixed seed. Whatever is answered has to be described there.

use std::collections::BTreeMap;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    string::string_regex,
    test_runner::{Config, TestRng, TestRunner},
};
use serde_json::{Map, Value, json};

use super::{pushing, started};
use crate::harness::{Answered, Pusher, Redis, repository};

/// Requests in all.
const REQUESTS: usize = 600;

/// The published document.
struct Document(Value);

/// One request.
#[derive(Debug, Clone)]
struct Request {
    /// As the document names it.
    method: String,
    /// As it is sent.
    target: String,
    content_type: String,
    body: Vec<u8>,
    /// It fits the document.
    is_good: bool,
}

impl Document {
    fn load() -> Self {
        let text = std::fs::read_to_string(repository().join("schemas/push.v1.openapi.json")).expect("the document");
        Self(serde_json::from_str(&text).expect("JSON"))
    }

    fn at<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(at) => self.at(self.0.pointer(&at[1..]).expect("it leads somewhere")),
            None => schema,
        }
    }

    fn validator(&self, schema: &Value) -> jsonschema::Validator {
        let whole = json!({ "allOf": [schema], "components": self.0["components"] });
        jsonschema::validator_for(&whole).expect("a schema")
    }

    /// What fits a schema, or nearly so: words that this does not know are left to chance.
    fn value(&self, schema: &Value, depth: u32) -> BoxedStrategy<Value> {
        let schema = self.at(schema);
        if let Some(value) = schema.get("const") {
            return Just(value.clone()).boxed();
        }
        if let Some(values) = schema["enum"].as_array() {
            return prop::sample::select(values.clone()).boxed();
        }
        if let Some(forms) = ["oneOf", "anyOf"].iter().find_map(|word| schema[word].as_array())
            && schema.get("properties").is_none()
        {
            return prop::strategy::Union::new(forms.iter().map(|form| self.value(form, depth))).boxed();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds[0].as_str(),
            kind => kind.as_str(),
        };
        match kind {
            Some("object") => self.object(schema, depth),
            Some("array") => {
                let item = self.value(&schema["items"], depth.saturating_sub(1));
                let most = if depth == 0 { 0 } else { 3 };
                prop::collection::vec(item, 0..=most).prop_map(Value::from).boxed()
            }
            Some("string") => match schema["pattern"].as_str() {
                Some(pattern) => string_regex(&pattern.replace(['^', '$'], "")).map_or_else(
                    |_| any::<String>().prop_map(Value::from).boxed(),
                    |texts| texts.prop_map(Value::from).boxed(),
                ),
                None => "\\PC{0,20}".prop_map(Value::from).boxed(),
            },
            Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
            Some("integer") => (0u64..1 << 40).prop_map(Value::from).boxed(),
            Some("number") => (-1e6f64..1e6).prop_map(Value::from).boxed(),
            Some("null") => Just(Value::Null).boxed(),
            _ => anything().boxed(),
        }
    }

    fn object(&self, schema: &Value, depth: u32) -> BoxedStrategy<Value> {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        let required = |name: &String| schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
        let fields: Vec<_> = properties
            .iter()
            .map(|(name, property)| {
                // Required ones are left out once in a while, too: that is described as 422.
                let share = if required(name) { 0.99 } else { 0.4 };
                let name = name.clone();
                prop::option::weighted(share, self.value(property, depth.saturating_sub(1)))
                    .prop_map(move |value| value.map(|value| (name.clone(), value)))
            })
            .collect();
        fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect())).boxed()
    }
}

/// Any JSON of moderate size.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Draws from strategies, the same in every run.
struct Dice(TestRunner);

impl Dice {
    fn new() -> Self {
        let rng = TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    fn draw<T: std::fmt::Debug>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).expect("a value").current()
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.draw(0..n) == 0
    }
}

/// A request that fits the document.
fn good(document: &Document, dice: &mut Dice) -> Request {
    let paths = document.0["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in
            item.as_object().expect("operations").iter().filter(|(name, _)| *name != "parameters")
        {
            operations.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    let (path, method, operation) = dice.draw(prop::sample::select(operations));
    let mut target = path.clone();
    if path.contains("{id}") {
        let parameter = &paths[&path]["parameters"][0]["schema"];
        let id = dice.draw(document.value(parameter, 0));
        target = target.replace("{id}", id.as_str().expect("a text"));
    }
    let (mut content_type, mut body) = (String::new(), Vec::new());
    if let Some(content) = operation["requestBody"]["content"].as_object() {
        let kinds: Vec<_> = content.iter().map(|(name, media)| (name.clone(), media.clone())).collect();
        let (name, media) = dice.draw(prop::sample::select(kinds));
        body = match media["schema"].get("x-line-schema") {
            Some(record) => lines(document, dice, record, path.ends_with("snapshot")),
            None if name.contains("json") => dice.draw(document.value(&media["schema"], 4)).to_string().into_bytes(),
            None => dice.draw(document.value(&media["schema"], 4)).as_str().unwrap_or_default().as_bytes().to_vec(),
        };
        content_type = name;
    }
    Request { method, target, content_type, body, is_good: true }
}

fn lines(document: &Document, dice: &mut Dice, record: &Value, is_snapshot: bool) -> Vec<u8> {
    let count = dice.draw(0..8);
    let mut lines: String = (0..count).map(|_| format!("{}\n", dice.draw(document.value(record, 3)))).collect();
    if is_snapshot && !dice.one_in(4) {
        lines.push_str("{\"end\":true}\n");
    }
    lines.into_bytes()
}

/// The same, spoilt in some way.
fn spoil(request: &mut Request, dice: &mut Dice) {
    request.is_good = false;
    match dice.draw(0..7) {
        0 => request.body.truncate(request.body.len() / 2),
        1 => {
            let noise = dice.draw(prop::collection::vec(any::<u8>(), 0..64));
            request.body.splice(..0, noise);
        }
        2 => request.content_type = dice.draw("[a-z]{1,8}(/[A-Za-z;=+. ]{0,12})?"),
        3 => request.method = dice.draw("get|put|post|patch|delete|options|trace|brew"),
        4 => request.target = dice.draw("/v1/(objects|snapshot|x)?/?(%[0-9a-f]{2}|[A-Za-z0-9._~:@!$&'()*+,;=-]){0,12}"),
        5 => request.target.push_str(&dice.draw("/?(%ff|%00|:|@|%2f|x{130})")),
        _ => {
            let byte = dice.draw(any::<u8>());
            let at = dice.draw(any::<prop::sample::Index>());
            if !request.body.is_empty() {
                let at = at.index(request.body.len());
                request.body[at] = byte;
            }
        }
    }
}

/// Which path of the document is meant, if any.
fn path_of(document: &Document, target: &str) -> Option<String> {
    let target = target.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = target.split('/').collect();
    let fits = |path: &&String| {
        let wanted: Vec<&str> = path.split('/').collect();
        wanted.len() == parts.len()
            && wanted.iter().zip(&parts).all(|(w, p)| w == p || (w.starts_with('{') && !p.is_empty()))
    };
    document.0["paths"].as_object().expect("paths").keys().find(fits).cloned()
}

/// Panics unless the answer is described.
fn judge(document: &Document, request: &Request, answered: &Answered) {
    let item = path_of(document, &request.target).map(|path| &document.0["paths"][path]);
    let status = answered.status;
    let described = match item.map(|item| &item[&request.method]) {
        None => (status == 404).then(|| &document.0["components"]["responses"]["NotFound"]),
        Some(Value::Null) => (status == 405).then(|| &document.0["components"]["responses"]["MethodNotAllowed"]),
        Some(operation) => operation["responses"].get(status.to_string()),
    };
    let described = described.unwrap_or_else(|| panic!("{status} is not described: {request:?}: {answered:?}"));
    assert!(status < 500, "{request:?}: {answered:?}");
    let head = answered.head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/json"), "{request:?}: {head}");
    assert_eq!(status == 405, head.contains("\r\nallow: "), "{request:?}: {head}");
    let schema = &described["content"]["application/json"]["schema"];
    let errors: Vec<_> = document.validator(schema).iter_errors(&answered.json).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}: {request:?}: {answered:?}");
    for name in described["headers"].as_object().into_iter().flat_map(Map::keys) {
        assert!(head.contains(&format!("\r\n{}: ", name.to_ascii_lowercase())), "{request:?}: {head}");
    }
}

#[test]
fn whatever_is_sent_is_answered_as_the_published_description_says() {
    let redis = Redis::start();
    let (ext, unix) = pushing(&redis);
    let sidecar = started(&ext, &unix);
    let (document, mut dice) = (Document::load(), Dice::new());
    let mut seen: BTreeMap<(bool, u16), usize> = BTreeMap::new();
    for _ in 0..REQUESTS {
        let mut request = good(&document, &mut dice);
        if dice.one_in(2) {
            spoil(&mut request, &mut dice);
        }
        let line = format!("{} {}", request.method.to_uppercase(), request.target);
        let content_type = format!("Content-Type: {}", request.content_type);
        let headers: &[&str] = if request.content_type.is_empty() { &[] } else { &[&content_type] };
        let answered = unix.ask(&line, headers, &request.body);
        judge(&document, &request, &answered);
        if request.is_good && request.method == "put" && request.content_type == "application/json" {
            assert_eq!(answered.status, 200, "it is as described, and refused: {request:?}: {answered:?}");
            let id = request.target.rsplit('/').next().expect("an id");
            let sent: Value = serde_json::from_slice(&request.body).expect("JSON");
            assert_eq!(*redis.object("hwinfo", id).content(), sent, "{request:?}");
        }
        *seen.entry((request.is_good, answered.status)).or_default() += 1;
    }
    // It has come to all corners.
    for wanted in [(true, 200), (false, 200), (false, 404), (false, 405), (false, 422)] {
        assert!(seen.get(&wanted).is_some_and(|count| *count >= 5), "{wanted:?} is missing: {seen:?}");
    }
    let said = sidecar.stop().expect(0).stderr;
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn what_needs_a_token_or_redis_is_answered_as_described_too() {
    let mut redis = Redis::start();
    let (ext, _) = pushing(&redis);
    let ext = ext.set("source.listen", "127.0.0.1:0").set("source.token", "correct-horse-battery");
    let mut sidecar = ext.run();
    sidecar.wait_until_says("push 127.0.0.1:");
    let said = sidecar.stderr();
    let (_, address) = said.split_once("push 127.0.0.1:").expect("its address");
    let port: String = address.chars().take_while(char::is_ascii_digit).collect();
    let pusher = Pusher::Tcp(format!("127.0.0.1:{port}"));
    let (document, mut dice) = (Document::load(), Dice::new());
    let token = "Authorization: Bearer correct-horse-battery";
    sidecar.wait_until("it writes", || pusher.ask("GET /v1/status", &[token], b"").status == 200);
    for _ in 0..40 {
        let request = good(&document, &mut dice);
        let line = format!("{} {}", request.method.to_uppercase(), request.target);
        let answered = pusher.ask(&line, &[], &request.body).expect(401);
        judge(&document, &request, &answered);
    }
    redis.kill();
    let line = "PUT /v1/objects/7";
    let answered = pusher.ask(line, &[token], b"{}").expect(503);
    let responses = &document.0["paths"]["/v1/objects/{id}"]["put"]["responses"];
    let schema = &responses["503"]["content"]["application/json"]["schema"];
    assert!(document.validator(schema).is_valid(&answered.json), "{answered:?}");
    assert!(answered.head.to_ascii_lowercase().contains("\r\nretry-after: "), "{answered:?}");
    sidecar.stop().expect(0);
}
