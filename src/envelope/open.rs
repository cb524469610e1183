//! Opens an envelope for people and for tests: the whole value, checked. It must not know where it was read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CanonicalError, Canonicaliser, ENVELOPE_SCHEMA, HeadError, Ignore, parse_head, seal::digest_of};
use crate::model::{ContentType, Digest, IdError, ObjectId, ServiceName};

/// The value of one object's key: what to show, and which version of it this is.
///
/// One compact JSON object, whose fields stand in this order; later releases may add fields at its end, which readers
/// ignore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "ralphext envelope, version 1", example = example())]
#[schemars(extend("if" = {"properties": {"encoding": {"const": "json"}}}, "else" = {"properties": {"content": {"type": "string"}}}))]
pub struct Envelope {
    /// Name and version of this schema.
    #[schemars(extend("const" = ENVELOPE_SCHEMA))]
    pub schema: String,
    /// Grows with every write of the object and never goes back: unix time in milliseconds, or one more than before.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))]
    pub version: u64,
    /// Epoch of the writer; grows with each takeover of the service.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_u64))]
    pub epoch: u64,
    /// When the content last changed: RFC 3339, UTC, milliseconds.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"))]
    #[schemars(extend("format" = "date-time"))]
    pub changed_at: String,
    /// SHA-256, in lower-case hexadecimal, of the RFC 8785 form of `{"content":...,"content_type":...,"encoding":...}`,
    /// in which the service's ignored members are left out of `content`.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub hash: String,
    /// Name of the service that wrote it.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,62}$"))]
    pub service: String,
    /// Id of the object in Ralph: a bare primary key, or `<app_label>.<model>.<pk>`.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"))]
    pub object_id: String,
    /// Media type of the content, lower-case, without parameters.
    #[schemars(regex(pattern = "^[a-z0-9.+_-]+/[a-z0-9.+_-]+$"), length(max = 100))]
    pub content_type: String,
    /// How `content` holds the content: `json` as a JSON value, `utf-8` as a string of its text, `base64` as a string
    /// of its bytes in base64 (RFC 4648, section 4).
    #[schemars(extend("enum" = ["json", "utf-8", "base64"]))]
    pub encoding: String,
    /// The content itself.
    pub content: Value,
}

/// Why bytes are no envelope, or not the one they say they are.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its head is not ours.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// It is no JSON object of the envelope's fields.
    #[error("the value is no envelope: {0}")]
    Json(#[from] serde_json::Error),
    /// A service's name outside the grammar.
    #[error("the envelope's service {0:?} is no service name: {1}")]
    Service(String, IdError),
    /// An object id outside the grammar.
    #[error("the envelope's object_id {0:?} is no object id: {1}")]
    ObjectId(String, IdError),
    /// A content type that is none.
    #[error("the envelope's content_type {0:?} is no media type")]
    ContentType(String),
    /// An encoding that the content type does not have.
    #[error("the envelope's encoding is {found:?}, but {content_type} has {expected:?}")]
    Encoding {
        /// What the envelope says.
        found: String,
        /// What it should say.
        expected: &'static str,
        /// Its content type.
        content_type: String,
    },
    /// Text or base64 that is not in a string.
    #[error("the envelope's content is no string, but its encoding is {0:?}")]
    NoString(String),
    /// Content that has no canonical form.
    #[error("the envelope's content has no canonical form: {0}")]
    Content(#[from] CanonicalError),
    /// The value of another service.
    #[error("the envelope is one of service {0:?}")]
    OtherService(String),
    /// The value of another object.
    #[error("the envelope is that of object {0:?}")]
    OtherObject(String),
    /// A card that does not fit its schema.
    #[error("the card does not fit its schema: {0}")]
    Card(String),
    /// A content type that needs base64, and content that is none.
    #[error("the envelope's content is no base64 (RFC 4648, section 4)")]
    NoBase64,
    /// Content other than what was hashed, or hashed under other ignored members.
    #[error(
        "the envelope says hash {said}, but its content has {computed}\n\
         hint: it was changed by hand, or written under another content.ignore"
    )]
    Hash {
        /// The envelope's field.
        said: String,
        /// The digest of its content.
        computed: Digest,
    },
}

/// Reads a whole envelope; checks its layout and fields, but not its hash ([`verify_hash`] does).
pub fn open(value: &[u8]) -> Result<Envelope, OpenError> {
    parse_head(value)?;
    let envelope: Envelope = serde_json::from_slice(value)?;
    if let Err(error) = ServiceName::new(envelope.service.as_str()) {
        return Err(OpenError::Service(envelope.service, error));
    }
    if let Err(error) = ObjectId::check(&envelope.object_id) {
        return Err(OpenError::ObjectId(envelope.object_id, error));
    }
    let content_type = content_type(&envelope)?;
    let expected = content_type.encoding().as_str();
    if envelope.encoding != expected {
        let (found, content_type) = (envelope.encoding, envelope.content_type);
        return Err(OpenError::Encoding { found, expected, content_type });
    }
    if !content_type.is_json() && !envelope.content.is_string() {
        return Err(OpenError::NoString(envelope.encoding));
    }
    Ok(envelope)
}

/// Whether the envelope's hash is that of its content, when the members that `ignore` names are left out.
pub fn verify_hash(envelope: &Envelope, ignore: &Ignore) -> Result<(), OpenError> {
    let content_type = content_type(envelope)?;
    let computed = digest_value(&envelope.content, &content_type, ignore)?;
    if envelope.hash.as_bytes() != computed.hex() {
        return Err(OpenError::Hash { said: envelope.hash.clone(), computed });
    }
    Ok(())
}

/// The digest of content as the envelope has it: a string of text is canonical JSON as much as any other value.
fn digest_value(content: &Value, content_type: &ContentType, ignore: &Ignore) -> Result<Digest, CanonicalError> {
    let mut canonical = Vec::new();
    Canonicaliser::default().json(&content.to_string(), &mut canonical)?;
    Ok(digest_of(ignore, &canonical, &[], content_type.as_str(), content_type.encoding(), &mut Vec::new()))
}

/// The media type in full: the short words of configuration (`html`) do not count.
fn content_type(envelope: &Envelope) -> Result<ContentType, OpenError> {
    ContentType::parse(&envelope.content_type)
        .filter(|parsed| parsed.as_str() == envelope.content_type)
        .ok_or_else(|| OpenError::ContentType(envelope.content_type.clone()))
}

/// JSON Schema (2020-12) of the envelope: `schemas/envelope.v1.schema.json`.
pub fn envelope_schema() -> Value {
    schemars::schema_for!(Envelope).to_value()
}

fn example() -> Value {
    json!({
        "schema": ENVELOPE_SCHEMA,
        "version": 1_795_476_802_123_u64,
        "epoch": 1_795_476_802_000_u64,
        "changed_at": "2026-11-23T23:33:22.123Z",
        "hash": "1eb06798d55fe1ca110380681201e97fa506299a8c54e8e283cc39f9ca00d606",
        "service": "hwinfo",
        "object_id": "4711",
        "content_type": "application/json",
        "encoding": "json",
        "content": {"cores": 64, "memory": "512 GiB"}
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::borrow::Cow;

    use super::*;
    use crate::{
        envelope::Sealer,
        model::{Content, Epoch, Version},
    };

    fn sealed(content_type: ContentType, body: &str, ignore: &Ignore) -> Vec<u8> {
        let mut sealer = Sealer::new(&ServiceName::new("hwinfo").unwrap(), ignore.clone());
        sealer.prepare(&Content { content_type, body: Cow::Borrowed(body) }).unwrap();
        let mut out = Vec::new();
        sealer.write(&mut out, "4711", Version(1_795_476_802_123), Epoch(1_795_476_802_000), 1_795_476_802_123);
        out
    }

    fn conforms(value: &Value) -> Result<(), String> {
        let schema = envelope_schema();
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
        validator.validate(value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_is_true() {
        let mut value = example();
        let envelope =
            open(&serde_json::to_vec(&serde_json::from_value::<Envelope>(value.clone()).unwrap()).unwrap()).unwrap();
        verify_hash(&envelope, &Ignore::default()).unwrap();
        conforms(&value).unwrap();
        value["hash"] = "x".into();
        conforms(&value).unwrap_err();
    }

    #[test]
    fn what_is_sealed_opens_conforms_and_verifies() {
        let ignore = Ignore::new(["/at", "/n/0"]).unwrap();
        for (content_type, body) in [
            (
                ContentType::JSON,
                r#"{"at":1,"n":[1e20,295147905179352830000,0.1,1e-7,5e-324,-0.0,"\ud83d\ude00\u007f"]}"#,
            ),
            (ContentType::JSON, "\"text\""),
            (ContentType::JSON, "null"),
            (ContentType::TEXT, "a \"line\"\n\u{1f600}"),
            (ContentType::HTML, "<p>\u{1}</p>"),
            (ContentType::parse("application/pdf").unwrap(), "JVBERi0="),
        ] {
            let value = sealed(content_type, body, &ignore);
            conforms(&serde_json::from_slice(&value).unwrap()).unwrap();
            let envelope = open(&value).unwrap();
            verify_hash(&envelope, &ignore).unwrap();
            let again = serde_json::to_vec(&envelope).unwrap();
            verify_hash(&open(&again).unwrap(), &ignore).unwrap();
        }
    }

    #[test]
    fn other_content_is_noticed() {
        let ignore = Ignore::new(["/at"]).unwrap();
        let mut envelope = open(&sealed(ContentType::JSON, r#"{"at":1,"b":2}"#, &ignore)).unwrap();
        envelope.content["at"] = json!(2);
        verify_hash(&envelope, &ignore).unwrap();
        assert!(matches!(verify_hash(&envelope, &Ignore::default()), Err(OpenError::Hash { .. })));
        envelope.content["b"] = json!(3);
        assert!(matches!(verify_hash(&envelope, &ignore), Err(OpenError::Hash { .. })));
    }

    #[test]
    fn wrong_fields_are_refused() {
        let good = String::from_utf8(sealed(ContentType::TEXT, "x", &Ignore::default())).unwrap();
        for (from, to) in [
            ("hwinfo", "Hwinfo"),
            ("4711", "47:11"),
            ("text/plain", "text"),
            ("text/plain", "Text/plain"),
            ("utf-8", "json"),
            ("text/plain", "application/pdf"),
            (":\"x\"", ":7"),
            ("\"content\":", "\"contents\":"),
            ("envelope.v1", "envelope.v2"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(good, bad);
            let error = open(bad.as_bytes()).expect_err(&bad);
            if to != "application/pdf" && to != "json" && to != "text" {
                conforms(&serde_json::from_str(&bad).unwrap()).expect_err(&format!("{bad}: {error}"));
            }
        }
        assert!(matches!(open(b""), Err(OpenError::Head(HeadError::Missing))));
    }

    proptest! {
        #[test]
        fn damaged_envelopes_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut value = sealed(ContentType::JSON, r#"{"a":[1,2,{"b":"c"}]}"#, &Ignore::default());
            let end = cut.index(value.len());
            prop_assert!(open(&value[..end]).is_err());
            let at = at.index(value.len());
            value[at] = byte;
            if let Ok(envelope) = open(&value) {
                let _ = verify_hash(&envelope, &Ignore::default());
            }
        }
    }
}
