//! YAML as JSON, for what others' tools read and write. It must not use the product's own reader.

use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

/// Every document of a text, empty ones left out.
#[track_caller]
pub fn documents(text: &str) -> Vec<Value> {
    let loaded = YamlLoader::load_from_str(text).unwrap_or_else(|e| panic!("no YAML: {e}\n{text:.2000}"));
    loaded.iter().map(value).filter(|document| !document.is_null()).collect()
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(_) => yaml.as_f64().map_or(Value::Null, |n| json!(n)),
        Yaml::Integer(n) => json!(n),
        Yaml::String(text) => json!(text),
        Yaml::Boolean(yes) => json!(yes),
        Yaml::Array(items) => items.iter().map(value).collect(),
        Yaml::Hash(entries) => {
            let key = |yaml: &Yaml| yaml.as_str().map_or_else(|| value(yaml).to_string(), str::to_owned);
            Value::Object(entries.iter().map(|(name, one)| (key(name), value(one))).collect())
        }
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}
