//! The JSON of etcd's gateway: bytes in base64, 64-bit numbers as texts, what is zero left out. It must not ask anybody.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::EtcdError;

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kv {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The revision of the store at which it was changed last.
    pub revision: u64,
}

/// Keys, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The revision of the store.
    pub revision: u64,
    /// The keys, in order.
    pub keys: Vec<Kv>,
}

impl Range {
    /// From the answer to a range request.
    ///
    /// # Errors
    /// [`super::EtcdErrorKind::Value`] where a key or value is no text.
    pub(super) fn parse(answer: &Value) -> Result<Self, EtcdError> {
        let kvs = answer["kvs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let keys: Result<Vec<Kv>, EtcdError> = kvs.iter().map(kv).collect();
        Ok(Self { revision: number(&answer["header"]["revision"]), keys: keys? })
    }
}

fn kv(told: &Value) -> Result<Kv, EtcdError> {
    let key = text(&told["key"]).ok_or_else(|| EtcdError::value("a key that is no UTF-8 text"))?;
    let value = text(&told["value"]).ok_or_else(|| EtcdError::value(&format!("{key}: its value is no UTF-8 text")))?;
    Ok(Kv { key, value, revision: number(&told["mod_revision"]) })
}

/// Bytes as texts; left out where there are none.
fn text(told: &Value) -> Option<String> {
    let coded = told.as_str().unwrap_or_default();
    String::from_utf8(STANDARD.decode(coded).ok()?).ok()
}

fn number(told: &Value) -> u64 {
    told.as_str().and_then(|text| text.parse().ok()).or_else(|| told.as_u64()).unwrap_or_default()
}

/// A text as the gateway wants bytes.
pub(super) fn bytes(text: &str) -> String {
    STANDARD.encode(text)
}

/// The first key behind all that begin with `prefix`.
pub(super) fn end_of(prefix: &str) -> String {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return STANDARD.encode(end);
        }
    }
    // Every key there is.
    STANDARD.encode([0])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_of_a_real_etcd() {
        let answer = json!({
            "header": {"cluster_id": "324952591200643719", "revision": "7", "raft_term": "2"},
            "kvs": [
                {"key": "L3JhbHBoZXh0L2RlZmF1bHRz", "create_revision": "2", "mod_revision": "3", "version": "1", "value": "eCA9IDE="},
                {"key": "YQ==", "create_revision": "2", "mod_revision": "2", "version": "1"},
            ],
            "count": "2",
        });
        let range = Range::parse(&answer).expect("a range");
        assert_eq!(range.revision, 7);
        let defaults = Kv { key: "/ralphext/defaults".into(), value: "x = 1".into(), revision: 3 };
        assert_eq!(range.keys, [defaults, Kv { key: "a".into(), value: String::new(), revision: 2 }]);
        assert_eq!(Range::parse(&json!({"header": {"revision": "1"}})).expect("nothing").keys, []);
        let e = Range::parse(&json!({"kvs": [{"key": "YQ==", "value": "/w=="}]})).expect_err("no text");
        assert!(e.to_string().starts_with("a: its value is no UTF-8 text"), "{e}");
    }

    #[test]
    fn the_end_of_a_prefix() {
        assert_eq!(end_of("/ralphext/"), bytes("/ralphext0"));
        assert_eq!(end_of("a"), bytes("b"));
    }
}
