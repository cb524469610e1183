//! The contract as a reader sees it, checked with other people's code: schemas by `jsonschema`, canonical form by a
//! JCS crate. It must not share a line with the code that writes.

use std::{fs, path::PathBuf, sync::OnceLock};

use jsonschema::Validator;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Bytes within which the head of every envelope ends.
const HEAD: usize = 224;

/// The repository's root.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One committed schema.
pub struct Schema {
    name: String,
    validator: Validator,
}

impl Schema {
    /// Reads `schemas/<name>.schema.json`.
    #[track_caller]
    pub fn load(name: &str) -> Self {
        let schema: Value = serde_json::from_str(&Self::text(name)).expect("a schema is JSON");
        let uses = schema["$schema"].as_str().unwrap_or_default();
        assert_eq!(uses, "https://json-schema.org/draft/2020-12/schema", "{name}");
        let validator = jsonschema::validator_for(&schema).unwrap_or_else(|e| panic!("{name} is no schema: {e}"));
        Self { name: name.to_owned(), validator }
    }

    /// The committed text.
    #[track_caller]
    pub fn text(name: &str) -> String {
        let path = repository().join(format!("schemas/{name}.schema.json"));
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Panics unless `value` is valid.
    #[track_caller]
    pub fn check(&self, what: &str, value: &Value) {
        let errors: Vec<String> =
            self.validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{what} does not fit {}: {errors:#?}\n{value:#}", self.name);
    }

    /// Whether `value` is valid.
    pub fn allows(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }
}

/// One object's value, as found and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The bytes.
    pub raw: String,
    /// The bytes as JSON.
    pub json: Value,
}

impl Envelope {
    /// Checks everything the contract says about one value; `ignore` is the service's `content.ignore`.
    #[track_caller]
    pub fn check(service: &str, id: &str, raw: String, ignore: &[&str]) -> Self {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        let json: Value =
            serde_json::from_str(&raw).unwrap_or_else(|e| panic!("{service}:{id} is no JSON: {e}: {raw}"));
        SCHEMA.get_or_init(|| Schema::load("envelope.v1")).check(&format!("{service}:{id}"), &json);
        let found = Self { raw, json };
        assert_eq!(found.json["service"], service);
        assert_eq!(found.json["object_id"], id);
        found.check_head();
        found.check_body();
        assert_eq!(found.json["hash"], found.hash_of_content(ignore), "the hash of {service}:{id}: {}", found.raw);
        found
    }

    /// Fields in their order, the hash readable by `GETRANGE key 0 223`.
    fn check_head(&self) {
        let head = &self.raw.as_bytes()[..HEAD.min(self.raw.len())];
        let head = String::from_utf8_lossy(head);
        assert!(head.starts_with(r#"{"schema":"envelope.v1","version":"#), "{head}");
        let hash = format!(r#""hash":"{}""#, self.json["hash"].as_str().expect("a string"));
        let order = [r#","epoch":"#, r#","changed_at":""#, hash.as_str()];
        let places: Vec<usize> =
            order.iter().map(|f| head.find(f).unwrap_or_else(|| panic!("the head lacks {f}: {head}"))).collect();
        assert!(places.is_sorted(), "{head}");
    }

    /// The content is the last field, in canonical form, and nothing else is in the way.
    fn check_body(&self) {
        let from = self.raw.find(r#","content":"#).expect("a content") + r#","content":"#.len();
        let canonical = serde_json_canonicalizer::to_string(&self.json["content"]).expect("canonical");
        assert_eq!(self.raw[from..], format!("{canonical}}}"), "the stored content is not canonical");
    }

    fn hash_of_content(&self, ignore: &[&str]) -> String {
        let mut content = self.json["content"].clone();
        ignore.iter().for_each(|pointer| remove(&mut content, pointer));
        let hashed = json!({
            "content": content, "content_type": self.json["content_type"], "encoding": self.json["encoding"],
        });
        let canonical = serde_json_canonicalizer::to_vec(&hashed).expect("canonical");
        Sha256::digest(canonical).iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Its version.
    pub fn version(&self) -> u64 {
        self.json["version"].as_u64().expect("a number")
    }

    /// Its writer's epoch.
    pub fn epoch(&self) -> u64 {
        self.json["epoch"].as_u64().expect("a number")
    }

    /// Its content.
    pub fn content(&self) -> &Value {
        &self.json["content"]
    }

    /// Its content as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        self.content().as_str().expect("the content is a string")
    }

    /// Its media type.
    pub fn content_type(&self) -> &str {
        self.json["content_type"].as_str().expect("a string")
    }
}

/// Removes the member a JSON pointer names (RFC 6901), if it is there.
fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(&name)),
        Some(Value::Array(items)) => {
            if let Some(index) = name.parse().ok().filter(|i| *i < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}
