//! What is said to those who push. It must not decide anything.

use axum::{http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    admin::refused::{Refused, json, refused},
    model::{Answer, Refusal},
};

impl Refused {
    pub(super) fn unconfirmed(service: &str) -> Self {
        let error =
            format!("nobody knows whether Redis has it: {service} has no connection, or another sidecar is its writer");
        let hint = "try again; what was written already is then unchanged";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error, hint)
    }

    pub(super) fn no_such_path() -> Self {
        let hint = "there are /v1/objects/<id>, /v1/objects, /v1/snapshot, /v1/heartbeat and /v1/status";
        Self::new(StatusCode::NOT_FOUND, "there is nothing here", hint)
    }

    pub(super) fn no_such_method() -> Self {
        let hint =
            "PUT or DELETE /v1/objects/<id>, PATCH /v1/objects, POST /v1/snapshot or /v1/heartbeat, GET /v1/status";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "that cannot be done here", hint)
    }

    pub(super) fn snapshot_under_way() -> Self {
        let hint = "wait for its answer; changes (PUT, PATCH, DELETE) may be sent meanwhile";
        Self::new(StatusCode::CONFLICT, "another snapshot is under way", hint)
    }

    pub(super) fn too_large(max: usize) -> Self {
        let hint = "send many records in several requests, or as a snapshot; limits.max_content bounds a single one";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {max} bytes"), hint)
    }

    pub(super) fn no_room() -> Self {
        let hint = "try again later, or in smaller parts";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "other large bodies take all the room there is", hint)
    }

    pub(super) fn broken_off(why: &str) -> Self {
        let hint = "what came counts as changes; nothing is removed";
        Self::new(StatusCode::BAD_REQUEST, format!("the body broke off: {why}"), hint)
    }
}

/// A record that was not taken.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Refusal", deny_unknown_fields)]
struct One<'a> {
    /// The object, where it could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "&str")]
    object_id: Option<&'a str>,
    /// Kind of the cause, one word: `too_large`, `not_json`, `bad_id`.
    kind: &'a str,
    /// The cause.
    reason: &'a str,
}

impl<'a> From<&'a Refusal> for One<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        Self { object_id: refusal.object_id.as_deref(), kind: refusal.kind, reason: &refusal.reason }
    }
}

/// What became of the records of a request.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Outcome", deny_unknown_fields)]
pub(super) struct Told<'a> {
    /// Values written to Redis.
    written: u64,
    /// Objects that have this content already; nothing was written.
    unchanged: u64,
    /// Objects removed, also those that a snapshot did not name.
    removed: u64,
    /// Changes that the spool has and Redis will (202).
    #[serde(skip_serializing_if = "is_zero")]
    spooled: usize,
    /// Records refused; their objects keep their last good content.
    refused: u64,
    /// The first 100 of them.
    #[schemars(length(max = 100))]
    refusals: Vec<One<'a>>,
    /// For a snapshot: its end was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    complete: Option<bool>,
    /// Why objects that a snapshot did not name were kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "&str")]
    kept: Option<&'a str>,
    /// What can be done, where something should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "&str")]
    hint: Option<&'a str>,
    /// Redis lost changes that nobody here knows: a whole snapshot is wanted.
    resync: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn each(refusals: &[Refusal]) -> Vec<One<'_>> {
    refusals.iter().map(One::from).collect()
}

/// Redis has what was written.
pub(super) fn answered(answer: &Answer) -> Response {
    let (status, told) = told(answer);
    json(status, &told)
}

fn told(answer: &Answer) -> (StatusCode, Told<'_>) {
    let tally = &answer.tally;
    let taken = tally.written + tally.unchanged + tally.removed;
    let is_broken_snapshot = tally.is_snapshot && !tally.is_complete;
    let status = match tally.refused {
        _ if is_broken_snapshot => StatusCode::UNPROCESSABLE_ENTITY,
        1.. if taken == 0 => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let hint = match () {
        () if is_broken_snapshot => {
            Some("its last line has to be {\"end\": true}; what came counts as changes, nothing is removed")
        }
        () if tally.kept.is_some() => Some("if they are really gone: ralphext approve-shrink"),
        () if answer.resync => Some("Redis lost values that nobody here knows: send a snapshot (POST /v1/snapshot)"),
        () => None,
    };
    let told = Told {
        written: tally.written,
        unchanged: tally.unchanged,
        removed: tally.removed,
        spooled: 0,
        refused: tally.refused,
        refusals: each(&tally.refusals),
        complete: tally.is_snapshot.then_some(tally.is_complete),
        kept: tally.kept.as_deref(),
        hint,
        resync: answer.resync,
    };
    (status, told)
}

/// The spool has it; Redis will.
pub(super) fn spooled(count: usize, refusals: &[Refusal]) -> Response {
    let (status, told) = kept(count, refusals);
    json(status, &told)
}

fn kept(count: usize, refusals: &[Refusal]) -> (StatusCode, Told<'_>) {
    let status = match count {
        0 if !refusals.is_empty() => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::ACCEPTED,
    };
    let told = Told {
        written: 0,
        unchanged: 0,
        removed: 0,
        spooled: count,
        refused: refusals.len() as u64,
        refusals: each(refusals),
        complete: None,
        kept: None,
        hint: Some("Redis does not have it yet; the spool does, and it is not lost"),
        resync: false,
    };
    (status, told)
}

/// Nobody knows whether Redis has it.
pub(super) fn unconfirmed(service: &str) -> Response {
    refused(&Refused::unconfirmed(service))
}

/// Answers as they are published.
pub(super) mod samples {
    use serde_json::{Value, json};

    use super::{kept, told};
    use crate::{
        admin::refused::Refused,
        model::{Answer, ObjectId, Refusal, Tally},
    };

    fn shown(tally: Tally) -> Value {
        json!(told(&Answer { tally, resync: false }).1)
    }

    fn too_large() -> Refusal {
        let reason = "its content has 300000 bytes, more than limits.max_content (262144)".to_owned();
        Refusal { object_id: Some("7".to_owned()), kind: "too_large", reason }
    }

    pub(in super::super) fn written(is_snapshot: bool) -> Value {
        let tally = Tally { written: 1, is_snapshot, is_complete: is_snapshot, ..Tally::default() };
        shown(Tally { unchanged: u64::from(is_snapshot) * 1898, removed: u64::from(is_snapshot) * 3, ..tally })
    }

    pub(in super::super) fn without_end() -> Value {
        shown(Tally { written: 2, is_snapshot: true, ..Tally::default() })
    }

    pub(in super::super) fn refused() -> Value {
        shown(Tally { refused: 1, refusals: vec![too_large()], ..Tally::default() })
    }

    pub(in super::super) fn spooled() -> Value {
        json!(kept(1, &[]).1)
    }

    pub(in super::super) fn bad_id() -> Value {
        // It is none.
        ObjectId::check("a:b").map_or_else(|e| Refused::bad_id("a:b", &e).shown(), |()| Value::Null)
    }

    pub(in super::super) fn unknown() -> Refused {
        Refused::unconfirmed("hwinfo")
    }
}
