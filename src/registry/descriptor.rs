//! The descriptor (`schemas/service.v1.schema.json`): what a reader and an operator need to know of a service.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::UnixMs;

/// The descriptor's `schema`.
pub const SCHEMA: &str = "service.v1";

/// 9999-12-31T23:59:59.999Z.
const LAST: UnixMs = 253_402_300_799_999;

/// A moment, written as RFC 3339 in UTC with milliseconds: `2026-11-23T23:33:22.123Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub UnixMs);

impl Stamp {
    /// This moment, by the wall clock.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A year of more than four digits has no such text, and whoever formats it would panic.
        let time = UNIX_EPOCH + Duration::from_millis(self.0.min(LAST));
        write!(f, "{}", humantime::format_rfc3339_millis(time))
    }
}

impl Serialize for Stamp {
    fn serialize<S: serde::Serializer>(&self, ser: S) -> Result<S::Ok, S::Error> {
        ser.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: serde::Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let text = String::deserialize(de)?;
        let time: SystemTime = humantime::parse_rfc3339(&text).map_err(serde::de::Error::custom)?;
        let ms = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Ok(Self(u64::try_from(ms).unwrap_or(u64::MAX)))
    }
}

impl JsonSchema for Stamp {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "timestamp".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time", "pattern": "^[0-9-]{10}T[0-9:]{8}\\.[0-9]{3}Z$" })
    }
}

/// How the service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceStatus {
    /// Its first pass has not ended yet.
    Starting,
    /// Its last pass was good.
    Ok,
    /// Its source fails; the last good content is kept alive.
    Failing,
    /// Its source has failed for longer than `max_stale`: content is left to expire.
    Stale,
    /// It was stopped on purpose; content lives on until its TTL runs out.
    Stopped,
}

impl ServiceStatus {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ok => "ok",
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::Stopped => "stopped",
        }
    }
}

/// How the service is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By a process that runs all the time and has a heartbeat.
    Run,
    /// By a process that is started now and then (`ralphext once`) and has none in between.
    Once,
}

/// The last thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastError {
    /// When it was seen last.
    pub at: Stamp,
    /// Since when it has been so, without a good pass in between.
    pub since: Stamp,
    /// What it is, in one line.
    pub message: String,
}

/// How many objects there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Objects with a key.
    pub objects: u64,
    /// Objects that the last pass could not take.
    pub failed: u64,
}

/// What the last pass did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastPass {
    /// When it began.
    pub started_at: Stamp,
    /// How long it took, in ms.
    pub duration_ms: u64,
    /// Whether it was a complete snapshot: absence meant gone.
    pub complete: bool,
    /// Objects that the source named.
    pub objects: u64,
    /// Values written.
    pub written: u64,
    /// TTLs extended.
    pub renewed: u64,
    /// Objects left alone: unchanged.
    pub skipped: u64,
    /// Keys removed: vanished or deleted.
    pub removed: u64,
    /// Objects that could not be taken.
    pub failed: u64,
    /// Bytes of the values written.
    pub bytes_written: u64,
}

/// An object that the last pass could not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedObject {
    /// The object, where it could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// Where its record stands: `facts.ndjson:12`.
    pub place: String,
    /// Kind of the cause, one word.
    pub kind: String,
    /// The cause.
    pub reason: String,
}

/// A record about an object that Ralph does not have, or has more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnmatchedRecord {
    /// What the extension knows of the object, as JSON.
    #[serde(rename = "match")]
    pub matching: String,
    /// Where its record stands.
    pub place: String,
    /// Why it is about no object, in a word: `unknown`, `ambiguous`, `decommissioned` or `no_inventory`.
    pub reason: String,
    /// The same in a sentence.
    pub why: String,
}

/// How one of several inputs of a service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputState {
    /// From when its part of the content is: when it last told all that it has, or, where it tells changes, something.
    pub as_of: Option<Stamp>,
    /// When it was last well.
    pub last_success_at: Option<Stamp>,
    /// What goes wrong with it now; absent when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// Objects that it has something for.
    pub objects: u64,
    /// Objects of which it could not be taken.
    pub failed: u64,
}

/// The records of the last pass that are about no known object. They are no failures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnmatchedRecords {
    /// How many there are.
    pub count: u64,
    /// The same by reason.
    pub by_reason: BTreeMap<String, u64>,
    /// Some of them, at most 20.
    pub examples: Vec<UnmatchedRecord>,
}

/// Who writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WriterInfo {
    /// Host and process, and a random part.
    pub instance: String,
    /// The program's version.
    pub version: String,
    /// The writer's epoch.
    pub epoch: u64,
    /// How it is written.
    pub mode: Mode,
    /// Kind of its source.
    pub source: String,
}

/// Where the service's changes are told, at `ralphext:v1:<svc>:@changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventsInfo {
    /// By what: `stream` or `pubsub` (`schemas/event.v1.schema.json`).
    pub kind: String,
    /// About how many events a stream keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_len: Option<u64>,
}

/// A service's descriptor, the JSON under `ralphext:v1:<svc>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "service.v1")]
pub struct Descriptor {
    /// Always `service.v1`.
    #[schemars(extend("const" = "service.v1"))]
    pub schema: String,
    /// The service's name.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{0,62}$"))]
    pub service: String,
    /// Its title, for people; the tab's heading.
    pub title: String,
    /// What it shows, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who is responsible for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where it is documented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs_url: Option<String>,
    /// Ralph's models that it has content for; empty: any.
    pub models: Vec<String>,
    /// Type of its content where the record does not name another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Where the JSON Schema of its content is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_schema: Option<String>,
    /// How it is doing.
    pub status: ServiceStatus,
    /// From when its content is: when the source last confirmed all of it.
    pub as_of: Option<Stamp>,
    /// When its writer last said that it lives.
    pub heartbeat_at: Stamp,
    /// How often its writer says so, in seconds; absent without heartbeat (`once`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_every: Option<f64>,
    /// How old `as_of` may become, in seconds, before a reader should say that the content is stale.
    pub stale_after: f64,
    /// How long its content lives without being renewed, in seconds.
    pub ttl: f64,
    /// When a pass was last good.
    pub last_success_at: Option<Stamp>,
    /// What goes wrong now; absent when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// How many objects there are.
    pub counts: Counts,
    /// What the last pass did; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_pass: Option<LastPass>,
    /// Some of the objects that the last pass could not take, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_objects: Vec<FailedObject>,
    /// The records of the last pass that are about no known object; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmatched: Option<UnmatchedRecords>,
    /// How each of several inputs is, by its name; absent where there is one source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, InputState>,
    /// Where its changes are told as events; absent where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<EventsInfo>,
    /// Who writes.
    pub writer: WriterInfo,
}

impl Descriptor {
    /// Whether its writer is alive at `now`: three heartbeats may be missed. None where there is no heartbeat to miss.
    pub fn is_alive(&self, now: UnixMs) -> Option<bool> {
        let every = self.heartbeat_every?;
        let age = now.saturating_sub(self.heartbeat_at.0) as f64 / 1000.0;
        Some(self.status != ServiceStatus::Stopped && age <= every * 3.0)
    }

    /// Whether `as_of` is older at `now` than its service promises.
    pub fn is_stale(&self, now: UnixMs) -> bool {
        self.as_of.is_none_or(|as_of| now.saturating_sub(as_of.0) as f64 / 1000.0 > self.stale_after)
    }
}

/// JSON Schema (2020-12) of the descriptor.
pub fn descriptor_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Descriptor).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("examples".to_owned(), serde_json::json!([example()]));
    }
    schema
}

fn example() -> Descriptor {
    let at = Stamp(1_795_476_802_123);
    Descriptor {
        schema: SCHEMA.to_owned(),
        service: "hwinfo".to_owned(),
        title: "Hardware facts".to_owned(),
        description: Some("What the machine says of itself".to_owned()),
        owner: Some("platform@example.org".to_owned()),
        docs_url: Some("https://docs.example.org/hwinfo".to_owned()),
        models: vec!["data_center.datacenterasset".to_owned()],
        content_type: Some("application/json".to_owned()),
        content_schema: Some("https://docs.example.org/hwinfo.schema.json".to_owned()),
        status: ServiceStatus::Failing,
        as_of: Some(at),
        heartbeat_at: at,
        heartbeat_every: Some(15.0),
        stale_after: 210.0,
        ttl: 86_400.0,
        last_success_at: Some(at),
        last_error: Some(LastError { at, since: at, message: "./facts.sh ended with exit status 3".to_owned() }),
        counts: Counts { objects: 1900, failed: 1 },
        last_pass: Some(LastPass {
            started_at: at,
            duration_ms: 412,
            complete: true,
            objects: 1901,
            written: 12,
            renewed: 0,
            skipped: 1888,
            removed: 3,
            failed: 1,
            bytes_written: 12_288,
        }),
        failed_objects: vec![FailedObject {
            object_id: Some("4711".to_owned()),
            place: "facts.ndjson:12".to_owned(),
            kind: "too_large".to_owned(),
            reason: "its content has 300000 bytes, more than limits.max_content (262144)".to_owned(),
        }],
        unmatched: None,
        inputs: BTreeMap::new(),
        events: None,
        writer: WriterInfo {
            instance: "hwinfo-0-1-5f3a91c2".to_owned(),
            version: "0.1.0".to_owned(),
            epoch: at.0,
            mode: Mode::Run,
            source: "exec".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_rfc_3339_with_milliseconds() {
        let stamp = Stamp(1_795_476_802_123);
        assert_eq!(serde_json::to_string(&stamp).unwrap(), "\"2026-11-23T23:33:22.123Z\"");
        assert_eq!(serde_json::from_str::<Stamp>("\"2026-11-23T23:33:22.123Z\"").unwrap(), stamp);
        for late in [u64::MAX, LAST + 1, LAST] {
            assert_eq!(serde_json::to_string(&Stamp(late)).unwrap(), "\"9999-12-31T23:59:59.999Z\"");
        }
    }
}
