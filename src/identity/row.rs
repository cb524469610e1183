//! One object of an inventory, as a line of an export or a row of Ralph's API says it. It must not know where it stands.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    key::{Key, Kind, shown},
    moment::micros,
};
use crate::{
    model::{ObjectId, UnixMs},
    settings::model_name,
};

/// One object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its model in the spelling of `object_type`; empty: not known.
    pub model: String,
    /// It counts as gone although Ralph still has it.
    pub retired: bool,
    /// When Ralph was found not to have it any more, unix ms; 0: it has it.
    pub gone_at: UnixMs,
    /// When it was changed last, in microseconds since 1970; 0: not known.
    pub modified: u64,
    /// What it is known by, sorted, each once.
    pub keys: Vec<Key>,
}

/// The fields that matter; Ralph's rows have many more. What has another shape than expected is no key.
#[derive(Deserialize)]
#[serde(default)]
struct Raw {
    id: Value,
    model: Value,
    object_type: Value,
    hostname: Value,
    sn: Value,
    barcode: Value,
    host_id: Value,
    ip: Value,
    ipaddresses: Value,
    mac: Value,
    ethernet: Value,
    status: Value,
    modified: Value,
    gone_at: Value,
}

impl Default for Raw {
    fn default() -> Self {
        let [id, model, object_type, hostname, sn, barcode, host_id] = [const { Value::Null }; 7];
        let [ip, ipaddresses, mac, ethernet, status, modified, gone_at] = [const { Value::Null }; 7];
        Self {
            id,
            model,
            object_type,
            hostname,
            sn,
            barcode,
            host_id,
            ip,
            ipaddresses,
            mac,
            ethernet,
            status,
            modified,
            gone_at,
        }
    }
}

impl Row {
    /// Reads one. Objects whose status is one of `decommissioned` are retired.
    ///
    /// # Errors
    /// Why it is no object, in words.
    pub fn parse(text: &str, decommissioned: &[String]) -> Result<Self, String> {
        let raw: Raw = serde_json::from_str(text).map_err(|e| {
            let cause = e.to_string();
            format!("it is no JSON object: {}", cause.split(" at line ").next().unwrap_or(&cause))
        })?;
        let id = text_of(&raw.id).ok_or("it has no `id`")?;
        ObjectId::check(&id).map_err(|e| format!("its id {id:?}: {e}"))?;
        let label = text_of(&raw.model).filter(|_| raw.model.is_string()).or_else(|| text_of(&raw.object_type));
        let mut keys = Vec::new();
        for (kind, values) in [
            (Kind::Sn, &raw.sn),
            (Kind::Barcode, &raw.barcode),
            (Kind::HostId, &raw.host_id),
            (Kind::Hostname, &raw.hostname),
            (Kind::Mac, &raw.mac),
            (Kind::Ip, &raw.ip),
            (Kind::Ip, &raw.ipaddresses),
        ] {
            collect(&mut keys, kind, values);
        }
        for card in raw.ethernet.as_array().into_iter().flatten() {
            collect(&mut keys, Kind::Mac, &card["mac"]);
            collect(&mut keys, Kind::Ip, &card["ipaddress"]["address"]);
        }
        keys.sort_unstable();
        keys.dedup();
        let status = text_of(&raw.status).unwrap_or_default().to_lowercase();
        Ok(Self {
            id,
            model: label.map(|label| model_name(&label)).unwrap_or_default(),
            retired: !status.is_empty() && decommissioned.iter().any(|word| word.to_lowercase() == status),
            gone_at: raw.gone_at.as_u64().unwrap_or(0),
            modified: match &raw.modified {
                Value::Number(number) => number.as_u64().unwrap_or(0),
                other => other.as_str().and_then(micros).unwrap_or(0),
            },
            keys,
        })
    }

    /// The line that [`Row::parse`] reads as this row. `status` is the word for what is retired.
    pub fn to_line(&self, status: &str) -> String {
        let mut line = Map::new();
        line.insert("id".into(), json!(self.id));
        if !self.model.is_empty() {
            line.insert("model".into(), json!(self.model));
        }
        for kind in Kind::ORDER {
            let mut values: Vec<Value> =
                self.keys.iter().filter(|key| key.kind == kind).map(|key| json!(shown(kind, &key.value))).collect();
            match values.len() {
                0 => {}
                1 => drop(line.insert(kind.as_str().into(), values.remove(0))),
                _ => drop(line.insert(kind.as_str().into(), Value::Array(values))),
            }
        }
        if self.retired {
            line.insert("status".into(), json!(status));
        }
        for (name, number) in [("modified", self.modified), ("gone_at", self.gone_at)] {
            if number > 0 {
                line.insert(name.into(), json!(number));
            }
        }
        Value::Object(line).to_string()
    }

    /// Takes over what another row says of the same object. The order does not matter.
    pub fn merge(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.keys.sort_unstable();
        self.keys.dedup();
        self.retired &= other.retired;
        self.gone_at = self.gone_at.min(other.gone_at);
        self.modified = self.modified.max(other.modified);
        if self.model.is_empty() || (!other.model.is_empty() && other.model < self.model) {
            self.model = other.model;
        }
    }
}

fn collect(keys: &mut Vec<Key>, kind: Kind, value: &Value) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(keys, kind, value)),
        value => keys.extend(text_of(value).and_then(|text| Key::new(kind, &text))),
    }
}

/// A text, or a number as its text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_api_and_a_line_of_an_export_say_the_same() {
        let api = r#"{"id":103,"url":"x","ethernet":[{"id":1,"mac":"00:11:22:33:44:55","ipaddress":{"id":1,
            "address":"10.20.30.40","hostname":"m"}},{"mac":null,"ipaddress":null}],"ipaddresses":["10.20.30.40"],
            "object_type":"datacenterasset","status":"in use","model":{"id":1},"hostname":"Web01.example.com",
            "sn":"SN-1","barcode":"dc1","modified":"1970-01-01T00:00:01.000002","custom_fields":{}}"#;
        let row = Row::parse(api, &["liquidated".into()]).expect("a row");
        let line = r#"{"id":"103","model":"data_center.DataCenterAsset","hostname":"web01.example.com","sn":"sn-1",
            "barcode":"DC1","mac":["0011.2233.4455"],"ip":"10.20.30.40","modified":1000002}"#;
        assert_eq!(Row::parse(line, &[]), Ok(row.clone()));
        assert_eq!(Row::parse(&row.to_line("liquidated"), &["liquidated".into()]), Ok(row.clone()));
        assert_eq!(
            (row.model.as_str(), row.keys.len(), row.modified, row.retired),
            ("datacenterasset", 5, 1_000_002, false)
        );
        let gone = Row { retired: true, gone_at: 7, ..row };
        assert_eq!(Row::parse(&gone.to_line("Liquidated"), &["liquidated".into()]), Ok(gone));
    }

    #[test]
    fn what_is_no_object_is_told() {
        for (text, why) in [
            ("nonsense", "it is no JSON object: expected ident"),
            (r#"{"tags":null}"#, "it has no `id`"),
            (r#"{"id":null}"#, "it has no `id`"),
            (r#"{"id":"a:b"}"#, "its id \"a:b\": ':' is not allowed in it"),
        ] {
            assert_eq!(Row::parse(text, &[]).map_err(|e| e.replace('\n', " ")), Err(why.into()), "{text}");
        }
        let odd = Row::parse(r#"{"id":1,"ethernet":["http://x/1"],"sn":{"a":1},"hostname":null,"ipaddresses":3}"#, &[]);
        assert_eq!(odd.map(|row| row.keys), Ok(vec![]));
    }
}
