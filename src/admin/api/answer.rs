//! The API's answers, as they are published. It must not look anything up.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    admin::view::{Object, Part, Row, Service},
    model::UnixMs,
    pipeline::{Change, Decision, ObjectState, RefreshOutcome, Refreshed, Role},
    registry::{FailedObject, InputState, LastError, Stamp},
};

/// All services.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Status {
    /// The program's version.
    version: &'static str,
    /// When this was so.
    at: Stamp,
    /// What goes wrong with Redis, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    redis_error: Option<String>,
    /// The services, by name.
    services: Vec<ServiceTold>,
}

/// One service.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Service", deny_unknown_fields)]
pub(super) struct ServiceTold {
    /// Its name.
    service: String,
    /// Its title.
    title: String,
    /// How it is doing: `starting`, `ok`, `failing`, `stale`, `stopped`; `unknown` where there is no descriptor.
    status: String,
    /// What this process is to it: `connecting`, `standby`, `writer`, `stopped`; absent where it does not run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    role: Option<&'static str>,
    /// Whether its writer is alive; null where it has no heartbeat, or nobody knows.
    writer_alive: Option<bool>,
    /// Its content is older than it promises.
    is_stale: bool,
    /// Objects with a key.
    objects: u64,
    /// Objects that the last pass could not take.
    failed: u64,
    /// From when its content is.
    as_of: Option<Stamp>,
    /// How old its content may become, in seconds, before it counts as stale.
    stale_after_seconds: Option<f64>,
    /// When its writer last said that it lives.
    heartbeat_at: Option<Stamp>,
    /// When a pass was last good.
    last_success_at: Option<Stamp>,
    /// What goes wrong now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LastError")]
    last_error: Option<LastError>,
    /// How each of several inputs is, by its name; absent where there is one source.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, InputState>")]
    inputs: BTreeMap<String, InputState>,
    /// Kind of its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    source: Option<String>,
}

impl Status {
    pub(super) fn new(services: Vec<Service>, redis_error: Option<String>, now: UnixMs) -> Self {
        let services = services.into_iter().map(|service| ServiceTold::new(service, now)).collect();
        Self { version: env!("CARGO_PKG_VERSION"), at: Stamp(now), redis_error, services }
    }
}

impl ServiceTold {
    fn new(service: Service, now: UnixMs) -> Self {
        let role = service.here.as_ref().map(|state| match state.role {
            Role::Connecting => "connecting",
            Role::Standby { .. } => "standby",
            Role::Writer { .. } => "writer",
            Role::Stopped => "stopped",
        });
        let d = service.descriptor;
        let known = d.as_ref();
        Self {
            title: known.map_or_else(|| service.name.clone(), |d| d.title.clone()),
            service: service.name,
            status: known.map_or("unknown", |d| d.status.as_str()).to_owned(),
            role,
            writer_alive: known.and_then(|d| d.is_alive(now)),
            is_stale: known.is_none_or(|d| d.is_stale(now)),
            objects: known.map_or(0, |d| d.counts.objects),
            failed: known.map_or(0, |d| d.counts.failed),
            as_of: known.and_then(|d| d.as_of),
            stale_after_seconds: known.map(|d| d.stale_after),
            heartbeat_at: known.map(|d| d.heartbeat_at),
            last_success_at: known.and_then(|d| d.last_success_at),
            source: known.map(|d| d.writer.source.clone()),
            inputs: known.map(|d| d.inputs.clone()).unwrap_or_default(),
            last_error: d.and_then(|d| d.last_error),
        }
    }
}

/// A part of the list of a service's objects.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Objects {
    /// The service.
    service: String,
    /// The objects found.
    objects: Vec<ObjectTold>,
    /// There is more to be looked at: the `cursor` of the next request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    cursor: Option<String>,
}

/// An object in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ObjectRow", deny_unknown_fields)]
pub(super) struct ObjectTold {
    /// Its id.
    object_id: String,
    /// How it is doing.
    state: ObjectState,
    /// Version of its value; null where there is none.
    version: Option<u64>,
    /// When its content last changed; from the writer's memory, when its value was last written.
    changed_at: Option<Stamp>,
    /// Bytes of its value, about.
    bytes: u64,
    /// Ms until it expires, unless it is renewed; null where it does not.
    ttl_left_ms: Option<u64>,
}

impl Objects {
    pub(super) fn new(service: &str, part: Part) -> Self {
        let objects = part.rows.into_iter().map(ObjectTold::new).collect();
        Self { service: service.to_owned(), objects, cursor: part.next.map(|next| next.to_string()) }
    }
}

impl ObjectTold {
    fn new(row: Row) -> Self {
        Self {
            object_id: row.id,
            state: row.state,
            version: row.version,
            changed_at: row.changed_at.map(Stamp),
            bytes: row.bytes,
            ttl_left_ms: row.ttl_left_ms,
        }
    }
}

/// One object.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Object", deny_unknown_fields)]
pub(super) struct OneObject {
    /// The service.
    service: String,
    /// Its id.
    object_id: String,
    /// Its key.
    key: String,
    /// Its state in a word, as `ralphext explain` says it.
    state: &'static str,
    /// The same in a sentence.
    why: String,
    /// Its envelope; null where there is none.
    envelope: Option<Value>,
    /// Why the value is no envelope of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    problem: Option<String>,
    /// Bytes of its value.
    bytes: u64,
    /// Ms until it expires, unless it is renewed; null where it does not.
    ttl_left_ms: Option<u64>,
    /// What was decided about it, newest first.
    decisions: Vec<Decision>,
    /// Why the last pass refused its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "FailedObject")]
    refusal: Option<FailedObject>,
}

impl OneObject {
    /// None where there is nothing to tell.
    pub(super) fn new(service: &str, id: &str, object: Object) -> Option<Self> {
        let Object { looked, known } = object;
        let known = known.unwrap_or_default();
        let refusal = known.refusal.or(looked.refusal);
        if looked.envelope.is_none() && known.decisions.is_empty() && refusal.is_none() {
            return None;
        }
        let (envelope, problem) = match looked.envelope {
            Some(Ok(envelope)) => (serde_json::to_value(envelope).ok(), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        Some(Self {
            service: service.to_owned(),
            object_id: id.to_owned(),
            key: looked.key,
            state: looked.state,
            why: looked.why,
            envelope,
            problem,
            bytes: looked.bytes,
            ttl_left_ms: looked.ttl_left_ms,
            decisions: known.decisions,
            refusal,
        })
    }
}

/// What a refresh led to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Refresh", deny_unknown_fields)]
pub(super) struct RefreshTold {
    /// The object.
    object_id: String,
    /// What it led to.
    outcome: RefreshOutcome,
    /// The object's version now; null where there is none.
    version: Option<u64>,
    /// Only this object was asked for.
    single: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reason: Option<String>,
}

impl RefreshTold {
    pub(super) fn new(id: &str, refreshed: Refreshed) -> Self {
        let Refreshed { outcome, version, reason, single } = refreshed;
        Self { object_id: id.to_owned(), outcome, version, single, reason }
    }
}

/// A change that Redis has: the data of an event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event", deny_unknown_fields)]
pub(super) struct EventTold<'a> {
    /// The service.
    service: &'a str,
    /// The object.
    object_id: &'a str,
    /// The version that was written; null where the key was removed.
    version: Option<u64>,
    /// When Redis had it.
    at: Stamp,
}

impl<'a> EventTold<'a> {
    pub(super) fn new(service: &'a str, change: &'a Change) -> Self {
        Self { service, object_id: &change.id, version: change.version, at: Stamp(change.at) }
    }
}

/// Answers as they are published.
pub(super) mod samples {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{EventTold, ObjectTold, Objects, OneObject, RefreshTold, ServiceTold, Status};
    use crate::{
        pipeline::{Change, Decision, ObjectState, RefreshOutcome, Refreshed},
        registry::Stamp,
    };

    const AT: u64 = 1_795_476_802_123;

    pub(in super::super) fn status() -> Value {
        let service = ServiceTold {
            service: "hwinfo".to_owned(),
            title: "Hardware facts".to_owned(),
            status: "ok".to_owned(),
            role: Some("writer"),
            writer_alive: Some(true),
            is_stale: false,
            objects: 1900,
            failed: 0,
            as_of: Some(Stamp(AT)),
            stale_after_seconds: Some(210.0),
            heartbeat_at: Some(Stamp(AT)),
            last_success_at: Some(Stamp(AT)),
            last_error: None,
            inputs: BTreeMap::new(),
            source: Some("exec".to_owned()),
        };
        json!(Status { version: env!("CARGO_PKG_VERSION"), at: Stamp(AT), redis_error: None, services: vec![service] })
    }

    pub(in super::super) fn objects() -> Value {
        let row = ObjectTold {
            object_id: "4711".to_owned(),
            state: ObjectState::Current,
            version: Some(AT),
            changed_at: Some(Stamp(AT)),
            bytes: 1024,
            ttl_left_ms: Some(86_000_000),
        };
        json!(Objects { service: "hwinfo".to_owned(), objects: vec![row], cursor: Some("100".to_owned()) })
    }

    pub(in super::super) fn object() -> Value {
        json!(OneObject {
            service: "hwinfo".to_owned(),
            object_id: "4711".to_owned(),
            key: "ralphext:v1:hwinfo:4711".to_owned(),
            state: "current",
            why: "the last pass (12 s ago) skipped it: its content's hash is unchanged".to_owned(),
            envelope: Some(json!({ "schema": "envelope.v1", "version": AT })),
            problem: None,
            bytes: 1024,
            ttl_left_ms: Some(86_000_000),
            decisions: vec![Decision { at: Stamp(AT), decision: "changed", kind: None, pass: 3 }],
            refusal: None,
        })
    }

    pub(in super::super) fn refresh() -> Value {
        let refreshed = Refreshed { outcome: RefreshOutcome::Written, version: Some(AT), reason: None, single: true };
        json!(RefreshTold::new("4711", refreshed))
    }

    pub(in super::super) fn event() -> Value {
        json!(EventTold::new("hwinfo", &Change { id: "4711".to_owned(), version: Some(AT), at: AT }))
    }
}
