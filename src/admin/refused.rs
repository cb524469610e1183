//! Requests that are not taken, and how that is said. It must not decide anything.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

/// Seconds after which what could not be done may be tried again.
const AGAIN: &str = "5";

/// Why a request was not taken.
#[derive(Debug)]
pub(super) struct Refused {
    pub status: StatusCode,
    pub error: String,
    pub hint: &'static str,
}

impl Refused {
    pub(super) fn new(status: StatusCode, error: impl Into<String>, hint: &'static str) -> Self {
        Self { status, error: error.into(), hint }
    }

    /// As it is answered.
    pub(super) fn shown(&self) -> serde_json::Value {
        serde_json::json!(Failure { error: &self.error, hint: self.hint })
    }

    pub(super) fn no_token(hint: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "this needs the token", hint)
    }

    pub(super) fn bad_id(id: &str, why: &dyn std::fmt::Display) -> Self {
        let error = format!("{id:?} is no object id: {why}");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error, "see the key grammar in docs/contract.md")
    }

    pub(super) fn other_site() -> Self {
        let hint = "a page of another site must not ask here: open the page itself";
        Self::new(StatusCode::FORBIDDEN, "the request comes from another site", hint)
    }
}

/// Why a request was not taken.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Failure", deny_unknown_fields)]
pub(super) struct Failure<'a> {
    /// What is wrong.
    error: &'a str,
    /// What can be done.
    hint: &'a str,
}

/// The answer.
pub(super) fn refused(why: &Refused) -> Response {
    let mut response = json(why.status, &Failure { error: &why.error, hint: why.hint });
    if why.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(AGAIN));
    }
    response
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // Texts and numbers only: nothing in it can fail to serialise.
    let text = serde_json::to_string(value).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, text + "\n").into_response()
}
