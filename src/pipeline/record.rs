//! What one record says: parsed by borrowing, so that its content is not copied. It must not know what becomes of it.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{ContentType, Fault, FaultKind, ObjectId};

pub(super) const FIELDS: [&str; 8] = ["id", "content", "content_type", "deleted", "match", "begin", "end", "heartbeat"];

/// A record as it stands on its line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    content_type: Option<Cow<'a, str>>,
    deleted: Option<bool>,
    #[serde(borrow, rename = "match")]
    matching: Option<&'a RawValue>,
    begin: Option<bool>,
    end: Option<bool>,
    heartbeat: Option<bool>,
}

/// A field that is there, also when it is `null`.
fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(de: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(de).map(Some)
}

/// A parsed record.
#[derive(Debug)]
pub enum Record<'a> {
    /// The object has this content now.
    Upsert {
        /// The object.
        id: Cow<'a, str>,
        /// Its content as JSON text.
        content: &'a str,
        /// What the record says it is.
        content_type: Option<ContentType>,
    },
    /// The object has no content any more.
    Remove {
        /// The object.
        id: Cow<'a, str>,
    },
    /// `{"begin": true}`: a snapshot begins.
    Begin,
    /// `{"end": true}`: the snapshot is complete.
    End,
    /// `{"heartbeat": true}`: the source is alive and has nothing new.
    Heartbeat,
}

/// A record that could not be taken, and whose it is, where that could be told.
#[derive(Debug)]
pub struct BadRecord {
    /// The object's id.
    pub id: Option<String>,
    /// Why.
    pub fault: Fault,
}

/// A record that begins in the usual layout, `{"id":4711` or `{"id":"data_center.rack.12"`.
#[derive(Debug, Clone, Copy)]
pub struct Lead<'a> {
    /// The object.
    pub id: &'a str,
    /// What stands behind the id.
    rest: &'a [u8],
}

/// The beginning of `record`, without looking at the rest. None means nothing but that the record has to be parsed.
pub fn lead(record: &[u8]) -> Option<Lead<'_>> {
    let rest = trim(record.strip_prefix(b"{\"id\"")?);
    let rest = trim(rest.strip_prefix(b":")?);
    let (id, rest) = match rest.strip_prefix(b"\"") {
        Some(text) => {
            let end = memchr::memchr(b'"', &text[..text.len().min(140)])?;
            (&text[..end], &text[end + 1..])
        }
        None => {
            let digits = rest.iter().take(20).take_while(|b| b.is_ascii_digit()).count();
            let next = trim(&rest[digits..]).first()?;
            // JSON has no leading zeros.
            let is_number = (digits == 1 || rest[0] != b'0') && matches!(next, b',' | b'}');
            is_number.then(|| rest.split_at(digits))?
        }
    };
    let id = std::str::from_utf8(id).ok()?;
    ObjectId::check(id).ok()?;
    Some(Lead { id, rest })
}

impl<'a> Lead<'a> {
    /// The content, where the rest of the record is `,"content":{...}}` (or an array), still unread: only if it turns out
    /// to be exactly one JSON value, the record is a good one with this content. Anything else has to be parsed.
    pub fn content(&self) -> Option<&'a str> {
        let rest = trim(trim(self.rest).strip_prefix(b",")?);
        let rest = trim(rest.strip_prefix(b"\"content\"")?);
        let rest = trim(rest.strip_prefix(b":")?);
        let content = rest.strip_suffix(b"}")?;
        // A text behind it (a content type, say) is seen here at once, anything else when the content is read.
        let usual = matches!(content, [b'{', .., b'}'] | [b'[', .., b']']);
        usual.then(|| std::str::from_utf8(content).ok())?
    }
}

/// The id of a record in the usual layout, without parsing the rest; see [`lead`].
pub fn fast_id(record: &[u8]) -> Option<&str> {
    lead(record).map(|lead| lead.id)
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b" ").unwrap_or(bytes)
}

/// Parses one record.
pub fn parse(record: &[u8]) -> Result<Record<'_>, BadRecord> {
    let bad = |id: Option<String>, kind, reason: String| BadRecord { id, fault: Fault::new(kind, reason) };
    let text = std::str::from_utf8(record)
        .map_err(|e| bad(None, FaultKind::NotJson, format!("no UTF-8 from byte {} on", e.valid_up_to() + 1)))?;
    let raw: Raw<'_> =
        serde_json::from_str(text).map_err(|e| BadRecord { id: guess_id(text), fault: refused(text, &e) })?;
    if let Some(control) = control(&raw)? {
        return Ok(control);
    }
    let id = match (raw.id, raw.matching) {
        (Some(id), _) => read_id(id.get())?,
        (None, Some(_)) => {
            let reason = "it has `match` in place of `id`, and no identity is configured to resolve it";
            return Err(bad(None, FaultKind::Unresolved, reason.into()));
        }
        (None, None) => return Err(bad(None, FaultKind::NoId, "it has no `id`".into())),
    };
    if raw.deleted == Some(true) {
        return Ok(Record::Remove { id });
    }
    let content_type = match raw.content_type {
        None => None,
        Some(text) => Some(ContentType::parse(&text).ok_or_else(|| {
            let reason = format!("{text:?} is no content type; write type/subtype in lower case, without parameters");
            bad(Some(id.clone().into_owned()), FaultKind::BadType, reason)
        })?),
    };
    match raw.content {
        Some(content) => Ok(Record::Upsert { id, content: content.get(), content_type }),
        None => {
            let reason = "it has neither `content` nor `\"deleted\": true`";
            Err(bad(Some(id.into_owned()), FaultKind::NoContent, reason.into()))
        }
    }
}

fn control<'a>(raw: &Raw<'_>) -> Result<Option<Record<'a>>, BadRecord> {
    let set = |flag: Option<bool>| flag == Some(true);
    let record = match (set(raw.begin), set(raw.end), set(raw.heartbeat)) {
        (false, false, false) => return Ok(None),
        (true, false, false) => Record::Begin,
        (false, true, false) => Record::End,
        (false, false, true) => Record::Heartbeat,
        _ => return Err(mixed()),
    };
    if raw.id.is_some() || raw.content.is_some() || raw.deleted.is_some() || raw.matching.is_some() {
        return Err(mixed());
    }
    Ok(Some(record))
}

fn mixed() -> BadRecord {
    let reason = "`begin`, `end` and `heartbeat` stand alone in a record";
    BadRecord { id: None, fault: Fault::new(FaultKind::BadField, reason) }
}

pub(super) fn read_id(raw: &str) -> Result<Cow<'_, str>, BadRecord> {
    let bad = |reason: String| BadRecord { id: None, fault: Fault::new(FaultKind::BadId, reason) };
    let id: Cow<'_, str> = if raw.starts_with('"') {
        let inner = &raw[1..raw.len() - 1];
        match inner.contains('\\') {
            false => inner.into(),
            true => serde_json::from_str::<String>(raw).map_err(|e| bad(format!("id {raw}: {e}")))?.into(),
        }
    } else if raw.bytes().all(|b| b.is_ascii_digit()) {
        raw.into()
    } else {
        let reason = format!("id {} is neither a string nor a whole number from 0 on", shorten(raw));
        return Err(bad(reason));
    };
    match ObjectId::check(&id) {
        Ok(()) => Ok(id),
        Err(e) => Err(bad(format!("id {:?}: {e}", shorten(&id)))),
    }
}

/// The id in a record that is otherwise wrong: the usual layout only, anything else would be guessing.
fn guess_id(text: &str) -> Option<String> {
    fast_id(text.as_bytes()).map(str::to_owned)
}

fn refused(text: &str, error: &serde_json::Error) -> Fault {
    let cause = error.to_string();
    let what = cause.split(" at line ").next().unwrap_or(&cause);
    if !error.is_data() {
        return Fault::new(FaultKind::NotJson, format!("no JSON: {what} at byte {} of {}", error.column(), text.len()));
    }
    if !text.trim_start().starts_with('{') {
        return Fault::new(FaultKind::NotJson, format!("no JSON object: {}", shorten(text)));
    }
    if let Some(field) = what.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) {
        let hint = nearest(field, &FIELDS)
            .map_or_else(|| "data belongs in `content`".to_owned(), |n| format!("did you mean `{n}`?"));
        return Fault::new(FaultKind::BadField, format!("unknown field `{}`; {hint}", shorten(field)));
    }
    Fault::new(FaultKind::BadField, what.to_owned())
}

/// The one of `names` that `word` may have been meant to be.
pub(super) fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let near = names.iter().max_by(|a, b| strsim::jaro(a, word).total_cmp(&strsim::jaro(b, word)));
    near.filter(|n| strsim::jaro(n, word) > 0.7).copied()
}

pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

/// A record as its schema publishes it (`schemas/record.v1.schema.json`).
///
/// One JSON object on a line of its own. Either a record of an object (`id`, and `content` or `deleted`), or a control
/// record (`begin`, `end` or `heartbeat` alone).
#[derive(Debug, JsonSchema)]
#[schemars(rename = "record.v1", deny_unknown_fields)]
#[allow(dead_code, reason = "it is the schema, not read")]
pub struct RecordSchema {
    /// The object: a Ralph primary key (`4711`), or `<app_label>.<model>.<pk>` (`"data_center.rack.12"`).
    id: Option<IdSchema>,
    /// The content: any JSON value for JSON and cards, a string for text, HTML and Markdown, base64 for binary types.
    content: Option<serde_json::Value>,
    /// Media type in lower case without parameters, or one of the short words `json`, `card`, `html`, `markdown`, `text`.
    /// Default: `content.content_type`, else `text/plain` for a string and `application/json` for anything else.
    content_type: Option<String>,
    /// `true`: the object has no content any more.
    deleted: Option<bool>,
    /// Reserved: what the extension knows in place of `id` (`hostname`, `sn`, `barcode`, `ip`, `mac`).
    #[schemars(rename = "match")]
    matching: Option<serde_json::Map<String, serde_json::Value>>,
    /// `true`, alone: a snapshot begins (a `stream` source).
    begin: Option<bool>,
    /// `true`, alone: the snapshot is complete, objects not named in it are gone.
    end: Option<bool>,
    /// `true`, alone: the source is alive and has nothing new.
    heartbeat: Option<bool>,
}

#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "it is the schema, not read")]
enum IdSchema {
    Number(u64),
    Text(#[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"))] String),
}

/// JSON Schema (2020-12) of a record.
pub fn record_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(RecordSchema).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert(
            "anyOf".to_owned(),
            serde_json::json!([
                { "required": ["id", "content"] },
                { "required": ["match", "content"] },
                { "required": ["id", "deleted"], "properties": { "deleted": { "const": true } } },
                { "required": ["match", "deleted"], "properties": { "deleted": { "const": true } } },
                { "required": ["begin"], "maxProperties": 1 },
                { "required": ["end"], "maxProperties": 1 },
                { "required": ["heartbeat"], "maxProperties": 1 }
            ]),
        );
        object.insert(
            "examples".to_owned(),
            serde_json::json!([
                { "id": 4711, "content": { "cpu": "Xeon", "ram_gib": 256 } },
                { "id": "data_center.rack.12", "content": "<p>row 3</p>", "content_type": "text/html" },
                { "id": 4712, "deleted": true },
                { "end": true }
            ]),
        );
    }
    schema
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(record: &str) -> (Option<String>, FaultKind, String) {
        let bad = parse(record.as_bytes()).expect_err(record);
        (bad.id, bad.fault.kind, bad.fault.reason)
    }

    #[test]
    fn good_records() {
        for (record, id) in [
            (r#"{"id":4711,"content":{"a":1}}"#, "4711"),
            (r#"{"content":1,"id":"data_center.rack.12"}"#, "data_center.rack.12"),
            (r#" { "id" : "A\u002d1" , "content" : null } "#, "A-1"),
        ] {
            let Ok(Record::Upsert { id: read, .. }) = parse(record.as_bytes()) else { panic!("{record}") };
            assert_eq!(read, id);
        }
        assert!(matches!(parse(br#"{"id":1,"deleted":true}"#), Ok(Record::Remove { .. })));
        assert!(matches!(parse(br#"{"end":true}"#), Ok(Record::End)));
        assert!(matches!(parse(br#"{"begin": true}"#), Ok(Record::Begin)));
    }

    #[test]
    fn bad_records_say_what_is_wrong() {
        let cases = [
            ("nonsense", None, FaultKind::NotJson, "no JSON: expected ident at byte 2 of 8"),
            ("[1]", None, FaultKind::NotJson, "no JSON object: [1]"),
            (r#"{"content":1}"#, None, FaultKind::NoId, "it has no `id`"),
            (r#"{"id":"a:b","content":1}"#, None, FaultKind::BadId, "id \"a:b\": ':' is not allowed in it"),
            (
                r#"{"id":1.5,"content":1}"#,
                None,
                FaultKind::BadId,
                "id 1.5 is neither a string nor a whole number from 0 on",
            ),
            (r#"{"id":1}"#, Some("1"), FaultKind::NoContent, "it has neither `content` nor `\"deleted\": true`"),
            (
                r#"{"id":1,"contnet":1}"#,
                Some("1"),
                FaultKind::BadField,
                "unknown field `contnet`; did you mean `content`?",
            ),
            (r#"{"id":7,"content":NaN}"#, Some("7"), FaultKind::NotJson, "no JSON: expected value at byte 19 of 22"),
            (
                r#"{"id":1,"end":true}"#,
                None,
                FaultKind::BadField,
                "`begin`, `end` and `heartbeat` stand alone in a record",
            ),
        ];
        for (record, id, kind, reason) in cases {
            assert_eq!(fault(record), (id.map(String::from), kind, reason.to_owned()), "{record}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_id_is_the_parsed_one(record in r#"\{"id": ?("[a-zA-Z0-9._:-]{0,6}"|[0-9]{0,22}|-1|1e3) ?, ?"content": ?[0-9]\}"#) {
            if let Some(id) = fast_id(record.as_bytes()) {
                let Ok(Record::Upsert { id: parsed, .. }) = parse(record.as_bytes()) else {
                    return Ok(()); // the full parse may refuse what the fast one has no reason to look at
                };
                prop_assert_eq!(parsed, id);
            }
        }

        #[test]
        fn the_fast_content_is_the_parsed_one(
            record in r#"\{"id" ?:("a"|07|7) ?, ?"content": ?(\{"a":[01]\}|\[1,2\]|"t") ?(, ?"(id|x|content_type|deleted)":("json"|\{\}|true|\[\])){0,2}\}"#
        ) {
            let Some(lead) = lead(record.as_bytes()) else { return Ok(()) };
            let Some(content) = lead.content().filter(|c| serde_json::from_str::<&RawValue>(c).is_ok()) else { return Ok(()) };
            let Ok(Record::Upsert { id, content: parsed, content_type: None }) = parse(record.as_bytes()) else {
                return Err(TestCaseError::fail(record));
            };
            prop_assert_eq!((&*id, parsed), (lead.id, content));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = lead(&bytes).and_then(|lead| lead.content());
            let _ = parse(&bytes);
        }
    }
}
