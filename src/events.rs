//! Announce a change, in the transaction that makes it: the bytes of a change event (`schemas/event.v1.schema.json`). Pure; it must
//! not know what they are told by, nor decide what is told.

use std::time::{Duration, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, Position, ServiceName, UnixMs, Version};

/// The event's `schema`.
pub const SCHEMA: &str = "event.v1";
/// No event is longer, in bytes: names are bounded, and content is never in it.
pub const LONGEST: usize = 640;
/// The last moment with four digits of year.
const LAST: UnixMs = 253_402_300_799_999;

/// What an event tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// An object's value was written.
    Written,
    /// An object's key was removed.
    Removed,
    /// The service's status changed: the descriptor says the rest.
    Status,
}

/// Why an object was written or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Written: the object had no value.
    New,
    /// Written: its content changed.
    Changed,
    /// Written: its value was missing, overwritten or torn. The content may be what it was before.
    Healed,
    /// Written: its TTL had run out. The content may be what it was before.
    Expired,
    /// Removed: the source said so.
    Deleted,
    /// Removed: a complete snapshot of the source did not name it.
    Vanished,
    /// Removed: no value of ours stood there, and the source knows no such object.
    Foreign,
    /// Removed: an operator said so (`rm`, `purge`, `retire`).
    Operator,
}

impl Reason {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Healed => "healed",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
            Self::Vanished => "vanished",
            Self::Foreign => "foreign",
            Self::Operator => "operator",
        }
    }
}

/// One change event: the message on the channel `ralphext:v1:<svc>:@changes`, or the field `event` of an entry of that stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "event.v1")]
pub struct Event {
    /// Always `event.v1`.
    #[schemars(extend("const" = "event.v1"))]
    pub schema: String,
    /// The service's name.
    pub service: String,
    /// What it tells of.
    pub kind: EventKind,
    /// The object; absent of a change of status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// The version of the value written: a value with this version or a greater one has what the event tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The `hash` of the value written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Why it was written or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The service's status from now on, as in its descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["starting", "ok", "failing", "stale", "stopped", null]))]
    pub status: Option<String>,
    /// When, by the writer's clock; of a value its `changed_at`.
    #[schemars(regex(pattern = r"^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z$"))]
    pub at: String,
    /// The batch that it was written in; all of a batch becomes visible at once.
    pub batch: u64,
    /// The batch before that; 0 where the writer knows of none.
    pub previous: u64,
    /// Its place in the batch, from 1 on.
    #[schemars(range(min = 1))]
    pub place: u32,
    /// Events in the batch.
    #[schemars(range(min = 1))]
    pub of: u32,
}

/// Writes the events of one service: first what they tell, then, when its batch is whole, where they stand ([`end`]).
#[derive(Debug, Clone)]
pub struct Teller {
    /// Up to the kind's word.
    head: Vec<u8>,
}

impl Teller {
    /// For the events of `service`.
    pub fn new(service: &ServiceName) -> Self {
        Self { head: format!("{{\"schema\":\"{SCHEMA}\",\"service\":\"{service}\",\"kind\":\"").into_bytes() }
    }

    /// Appends that a value was written.
    pub fn written(&self, out: &mut Vec<u8>, id: &str, version: Version, digest: &Digest, reason: Reason, at: UnixMs) {
        self.object(out, "written", id);
        text(out, "\",\"version\":");
        text(out, &version.0.to_string());
        text(out, ",\"hash\":\"");
        out.extend_from_slice(&digest.hex());
        because(out, reason, at);
    }

    /// Appends that a key was removed.
    pub fn removed(&self, out: &mut Vec<u8>, id: &str, reason: Reason, at: UnixMs) {
        self.object(out, "removed", id);
        because(out, reason, at);
    }

    /// Appends that the service has another status.
    pub fn status(&self, out: &mut Vec<u8>, status: &'static str, at: UnixMs) {
        out.extend_from_slice(&self.head);
        text(out, "status\",\"status\":\"");
        text(out, status);
        moment(out, at);
    }

    /// Ids have no character that JSON would escape.
    fn object(&self, out: &mut Vec<u8>, kind: &str, id: &str) {
        out.extend_from_slice(&self.head);
        text(out, kind);
        text(out, "\",\"object_id\":\"");
        text(out, id);
    }
}

/// Appends the rest of an event: where it stands.
pub fn end(out: &mut Vec<u8>, at: Position) {
    for (name, number) in [
        (",\"batch\":", at.batch.0),
        (",\"previous\":", at.previous.0),
        (",\"place\":", at.place.into()),
        (",\"of\":", at.of.into()),
    ] {
        text(out, name);
        text(out, &number.to_string());
    }
    out.push(b'}');
}

fn because(out: &mut Vec<u8>, reason: Reason, at: UnixMs) {
    text(out, "\",\"reason\":\"");
    text(out, reason.as_str());
    moment(out, at);
}

fn moment(out: &mut Vec<u8>, at: UnixMs) {
    let time = UNIX_EPOCH + Duration::from_millis(at.min(LAST));
    text(out, "\",\"at\":\"");
    text(out, &humantime::format_rfc3339_millis(time).to_string());
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// JSON Schema (2020-12) of an event.
pub fn event_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Event).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("examples".to_owned(), serde_json::json!([example()]));
    }
    schema
}

fn example() -> Event {
    Event {
        schema: SCHEMA.to_owned(),
        service: "hwinfo".to_owned(),
        kind: EventKind::Written,
        object_id: Some("4711".to_owned()),
        version: Some(1_795_476_802_123),
        hash: Some("5f3a91c2".repeat(8)),
        reason: Some(Reason::Changed),
        status: None,
        at: "2026-11-23T23:33:22.123Z".to_owned(),
        batch: 1_795_476_802_123,
        previous: 1_795_476_742_101,
        place: 1,
        of: 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tell: impl FnOnce(&Teller, &mut Vec<u8>), service: &str, at: Position) -> (Event, usize) {
        let mut out = Vec::new();
        tell(&Teller::new(&ServiceName::new(service).unwrap()), &mut out);
        end(&mut out, at);
        (serde_json::from_slice(&out).unwrap(), out.len())
    }

    #[test]
    fn events_are_what_the_type_says_and_bounded() {
        let at = Position { batch: Version(u64::MAX), previous: Version(u64::MAX), place: u32::MAX, of: u32::MAX };
        let (service, id, digest) = ("s".repeat(63), "9".repeat(128), Digest([0xab; 32]));
        for reason in [Reason::New, Reason::Changed, Reason::Healed, Reason::Expired] {
            let tell =
                |t: &Teller, out: &mut Vec<u8>| t.written(out, &id, Version(u64::MAX), &digest, reason, u64::MAX);
            let (event, len) = told(tell, &service, at);
            assert_eq!((event.kind, event.reason, event.version), (EventKind::Written, Some(reason), Some(u64::MAX)));
            assert_eq!((event.hash, event.object_id.as_ref()), (Some("ab".repeat(32)), Some(&id)));
            assert_eq!((event.batch, event.place), (u64::MAX, u32::MAX));
            assert!(len <= LONGEST, "{len}");
        }
        for reason in [Reason::Deleted, Reason::Vanished, Reason::Foreign, Reason::Operator] {
            let (event, _) = told(|t, out| t.removed(out, &id, reason, 1_795_476_802_123), &service, at);
            assert_eq!((event.kind, event.reason, event.version), (EventKind::Removed, Some(reason), None));
            assert_eq!(event.at, "2026-11-23T23:33:22.123Z");
        }
        let (event, _) = told(|t, out| t.status(out, "failing", 0), "s", at);
        assert_eq!((event.kind, event.object_id, event.status.as_deref()), (EventKind::Status, None, Some("failing")));
    }
}
