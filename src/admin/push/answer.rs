//! What is said to those who push. It must not decide anything.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::model::{Answer, Refusal};

/// Seconds after which a request that nobody could confirm may be tried again.
const AGAIN: &str = "5";

/// Why a request was not even handed in.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    error: String,
    hint: &'static str,
}

impl Refused {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, hint: &'static str) -> Self {
        Self { status, error: error.into(), hint }
    }

    pub(super) fn no_token() -> Self {
        let hint = "send Authorization: Bearer <the token of source.token_file>";
        Self::new(StatusCode::UNAUTHORIZED, "this needs the service's token", hint)
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

    pub(super) fn broken_off(why: &str) -> Self {
        let hint = "what came counts as changes; nothing is removed";
        Self::new(StatusCode::BAD_REQUEST, format!("the body broke off: {why}"), hint)
    }
}

#[derive(Serialize)]
struct Failure<'a> {
    error: &'a str,
    hint: &'a str,
}

#[derive(Serialize)]
struct One<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<&'a str>,
    kind: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Refusal> for One<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        Self { object_id: refusal.object_id.as_deref(), kind: refusal.kind, reason: &refusal.reason }
    }
}

#[derive(Serialize)]
struct Told<'a> {
    written: u64,
    unchanged: u64,
    removed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    spooled: usize,
    refused: u64,
    refusals: Vec<One<'a>>,
    /// For a snapshot: its end was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
    /// Why objects that a snapshot did not name were kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
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
    json(status, &told)
}

/// The spool has it; Redis will.
pub(super) fn spooled(count: usize, refusals: &[Refusal]) -> Response {
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
    json(status, &told)
}

/// Nobody knows whether Redis has it.
pub(super) fn unconfirmed(service: &str) -> Response {
    let error =
        format!("nobody knows whether Redis has it: {service} has no connection, or another sidecar is its writer");
    let failure = Failure { error: &error, hint: "try again; what was written already is then unchanged" };
    let mut response = json(StatusCode::SERVICE_UNAVAILABLE, &failure);
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(AGAIN));
    response
}

/// Not even handed in.
pub(super) fn refused(why: &Refused) -> Response {
    json(why.status, &Failure { error: &why.error, hint: why.hint })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // Texts and numbers only: nothing in it can fail to serialise.
    let text = serde_json::to_string(value).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], text + "\n").into_response()
}
