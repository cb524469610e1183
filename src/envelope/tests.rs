//! The canonical form against an independent implementation, and against RFC 8785's examples.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::model::{Content, ContentType, Digest, FaultKind, ServiceName};

fn canonical(text: &str) -> Result<String, CanonicalError> {
    let mut out = b"before".to_vec();
    let result = Canonicaliser::default().json(text, &mut out);
    let rest = out.strip_prefix(b"before").unwrap().to_vec();
    assert!(result.is_ok() || rest.is_empty());
    result.map(|()| String::from_utf8(rest).unwrap())
}

fn oracle(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).unwrap()
}

fn digest_of(ignore: &[&str], text: &str) -> Digest {
    let mut sealer = Sealer::new(&ServiceName::new("a").unwrap(), Ignore::new(ignore).unwrap());
    sealer.prepare(&Content { content_type: ContentType::JSON, body: Cow::Borrowed(text) }).unwrap()
}

fn fault(text: &str) -> (FaultKind, String, usize) {
    let error = canonical(text).expect_err(text);
    (error.kind, error.pointer, error.offset)
}

/// Spells a value in one of the many ways JSON has; the choices come from a seed.
struct Speller {
    seed: u64,
    text: String,
}

impl Speller {
    fn spell(value: &Value, seed: u64) -> String {
        let mut speller = Self { seed, text: String::new() };
        speller.value(value);
        speller.text
    }

    /// A number below `below`.
    fn choose(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % below
    }

    fn space(&mut self) {
        let space = ["", "", "", " ", "\n\t", "\r\n  "][self.choose(6)];
        self.text.push_str(space);
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                for i in (1..members.len()).rev() {
                    let j = self.choose(i + 1);
                    members.swap(i, j);
                }
                self.list('{', members.len(), '}', |speller, i| {
                    speller.space();
                    speller.string(members[i].0);
                    speller.space();
                    speller.text.push(':');
                    speller.value(members[i].1);
                });
            }
            Value::Array(values) => self.list('[', values.len(), ']', |speller, i| speller.value(&values[i])),
            Value::String(text) => self.string(text),
            Value::Number(number) => self.number(number),
            other => self.text.push_str(&other.to_string()),
        }
        self.space();
    }

    fn list(&mut self, open: char, len: usize, close: char, mut each: impl FnMut(&mut Self, usize)) {
        self.text.push(open);
        for i in 0..len {
            if i > 0 {
                self.text.push(',');
            }
            each(self, i);
        }
        self.space();
        self.text.push(close);
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            let mut units = [0; 2];
            let escaped: String = match self.choose(4) {
                0 => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
                1 => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04X}")).collect(),
                2 if c == '/' => "\\/".into(),
                _ => serde_json::to_string(&c).unwrap().trim_matches('"').into(),
            };
            // The quote alone does not survive the trimming.
            self.text.push_str(if c == '"' && escaped == "\\" { "\\\"" } else { &escaped });
        }
        self.text.push('"');
    }

    fn number(&mut self, number: &serde_json::Number) {
        let double = number.as_f64().unwrap();
        let text = match (number.is_f64(), self.choose(4)) {
            (false, 0) => format!("{number}.00"),
            (false, 1) => format!("{number}e+0"),
            // JSON has no leading zeros.
            (false, 2) if double != 0.0 => format!("{number}0E-1"),
            (true, 0) => format!("{double:e}"),
            (true, 1) => format!("{double:E}"),
            _ => number.to_string(),
        };
        self.text.push_str(&text);
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{0,12}",
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![
                Just('"'),
                Just('\\'),
                Just('/'),
                Just('\u{1f600}'),
                Just('\u{fb33}'),
                Just('\u{1}'),
                Just('a')
            ],
            0..6
        )
        .prop_map(|chars| chars.into_iter().collect()),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1i64 << 53)..=1 << 53).prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |d| d.is_finite()).prop_map(Value::from),
        (any::<i32>(), 0..6).prop_map(|(n, e)| Value::from(f64::from(n) / 10f64.powi(e))),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::vec((any_text(), inner), 0..8).prop_map(|m| Value::from(Map::from_iter(m))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn agrees_with_another_implementation(value in any_json(), seed in any::<u64>()) {
        let text = Speller::spell(&value, seed);
        let ours = canonical(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(&ours, &oracle(&value), "{}", text);
        prop_assert_eq!(&canonical(&ours).unwrap(), &ours);
    }

    #[test]
    fn ends_of_members_are_known(members in proptest::collection::btree_map(any_text(), any_json(), 0..9), seed in any::<u64>()) {
        let mut canonicaliser = Canonicaliser::default();
        let mut out = b"before".to_vec();
        canonicaliser.json(&Speller::spell(&Value::from(Map::from_iter(members.clone())), seed), &mut out).unwrap();
        let text = &out[6..];
        prop_assert_eq!(canonicaliser.member_ends().len(), members.len());
        let mut start = 1;
        for end in canonicaliser.member_ends() {
            let member: Map<String, Value> = serde_json::from_slice(&[b"{", &text[start..*end], b"}"].concat()).unwrap();
            prop_assert_eq!(member.len(), 1);
            start = end + 1;
        }
        prop_assert_eq!(start.max(2), text.len());
    }

    #[test]
    fn spelling_does_not_change_the_digest(value in any_json(), seeds in any::<(u64, u64)>()) {
        let ignore = ["/a", "/b/0"];
        prop_assert_eq!(
            digest_of(&ignore, &Speller::spell(&value, seeds.0)),
            digest_of(&ignore, &Speller::spell(&value, seeds.1))
        );
    }

    #[test]
    fn ignored_members_do_not_change_the_digest(value in any_json(), name in any_text(), volatile in any_json(), seed in any::<u64>()) {
        let pointer = format!("/in/{}", name.replace('~', "~0").replace('/', "~1"));
        let inner = |extra: Option<&Value>| {
            let mut members = value.as_object().cloned().unwrap_or_default();
            members.remove(&name);
            members.extend(extra.map(|extra| (name.clone(), extra.clone())));
            Speller::spell(&json!({"in": members, "z": value}), seed)
        };
        let with = inner(Some(&volatile));
        prop_assert_eq!(digest_of(&[&pointer], &with), digest_of(&[], &inner(None)));
        prop_assert_ne!(digest_of(&[], &with), digest_of(&[&pointer], &with));
    }

    #[test]
    fn damaged_text_is_judged_as_another_parser_does(
        value in any_json(),
        seed in any::<u64>(),
        at in any::<prop::sample::Index>(),
        with in prop_oneof![any::<char>(), prop::sample::select("{}[]\",:\\/0123456789-+.eEunltrfas \n\t\u{b}\u{1}".chars().collect::<Vec<_>>())],
        insert in any::<bool>(),
    ) {
        let mut chars: Vec<char> = Speller::spell(&value, seed).chars().collect();
        let at = at.index(chars.len());
        if insert { chars.insert(at, with) } else { chars[at] = with }
        let text: String = chars.into_iter().collect();
        let theirs = serde_json::from_str::<Value>(&text);
        match (canonical(&text), theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, oracle(&theirs), "{}", text),
            (Ok(_), Err(theirs)) => prop_assert!(false, "only we accept {}: {}", text, theirs),
            (Err(ours), Ok(_)) => prop_assert_eq!(ours.kind, FaultKind::NotCanonical, "only we refuse {}: {}", text, ours),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn random_text_neither_panics_nor_passes(text in "[\\[\\]{}\",:\\\\ua0-9.eE+-]{0,40}") {
        prop_assert!(canonical(&text).is_err() || serde_json::from_str::<Value>(&text).is_ok());
    }
}

/// RFC 8785, section 3.2.2 to 3.2.4.
#[test]
fn rfc8785_examples() {
    let text = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                    \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical(text).unwrap(), expected);

    let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
        "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
                    \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
                    \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_eq!(canonical(text).unwrap(), expected);
}

#[test]
fn refusals_say_what_and_where() {
    use FaultKind::{NotCanonical, NotJson};
    for (text, kind, pointer, offset) in [
        ("", NotJson, "", 0),
        (" NaN", NotJson, "", 1),
        ("{\"a\":[1,{\"b~/c\":-Infinity}]}", NotJson, "/a/1/b~0~1c", 16),
        ("[1,]", NotJson, "/1", 3),
        ("[1 2]", NotJson, "/0", 3),
        ("{\"a\":1,}", NotJson, "/a", 7),
        ("{\"a\" 1}", NotJson, "/a", 5),
        ("{a:1}", NotJson, "", 1),
        ("[] []", NotJson, "", 3),
        ("\"abc", NotJson, "", 4),
        ("\"a\nb\"", NotJson, "", 2),
        ("\"\\x\"", NotJson, "", 1),
        ("\"\\u12\"", NotJson, "", 1),
        ("[\"\\ud800\"]", NotCanonical, "/0", 2),
        ("[\"\\udc00\\ud800\"]", NotCanonical, "/0", 2),
        ("[\"\\ud800\\u0041\"]", NotCanonical, "/0", 2),
        ("{\"n\":{\"x\":9007199254740993}}", NotCanonical, "/n/x", 10),
        ("[0,1e400]", NotCanonical, "/1", 3),
        ("{\"a\":1,\"a\":1}", NotCanonical, "/a", 7),
        ("{\"b\":{\"z\":1,\"a\":0,\"\\u007a\":3}}", NotCanonical, "/b/z", 18),
        ("\u{feff}{}", NotJson, "", 0),
    ] {
        assert_eq!(fault(text), (kind, pointer.to_owned(), offset), "{text}");
    }
    let error = canonical("{\"n\":9007199254740993}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the integer 9007199254740993 does not fit a double exactly (RFC 8785): write it as a string at /n (byte 5)"
    );
    assert_eq!(canonical("[NaN]").unwrap_err().to_string(), "NaN is no JSON number at /0 (byte 1)");
    assert!(canonical(&"9".repeat(5000)).unwrap_err().to_string().len() < 200);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(canonical(&nested(MAX_DEPTH)).unwrap(), nested(MAX_DEPTH));
    assert_eq!(fault(&nested(MAX_DEPTH + 1)).0, FaultKind::NotJson);
    assert_eq!(fault(&"{\"a\":".repeat(100_000)).0, FaultKind::NotJson);
    let unsorted = format!("{}1{}", "{\"b\":0,\"a\":".repeat(MAX_DEPTH), "}".repeat(MAX_DEPTH));
    let sorted = format!("{}1{}", "{\"a\":".repeat(MAX_DEPTH), ",\"b\":0}".repeat(MAX_DEPTH));
    assert_eq!(canonical(&unsorted).unwrap(), sorted);
}

#[test]
fn a_canonicaliser_is_good_again_after_an_error() {
    let mut canonicaliser = Canonicaliser::default();
    let mut out = Vec::new();
    for bad in ["{\"a\":[{\"b\":", "[[[[", "{\"b\":1,\"a\":2,\"a\":3}"] {
        canonicaliser.json(bad, &mut out).unwrap_err();
        assert!(out.is_empty());
    }
    canonicaliser.json("{\"b\":1,\"a\":[]}", &mut out).unwrap();
    assert_eq!(out, b"{\"a\":[],\"b\":1}");
}

#[test]
fn a_wrong_card_is_not_sealed() {
    let mut sealer = Sealer::new(&ServiceName::new("a").unwrap(), Ignore::default());
    let mut prepare = |body| sealer.prepare(&Content { content_type: ContentType::CARD, body: Cow::Borrowed(body) });
    assert_eq!(prepare("{\"titel\":1}").unwrap_err().kind, FaultKind::BadType);
    assert_eq!(prepare("{\"title\":").unwrap_err().kind, FaultKind::NotJson);
    assert!(prepare("{\"title\":\"x\"}").is_ok());
}
