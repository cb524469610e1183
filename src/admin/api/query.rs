//! What stands behind the question mark. It must not look anything up.

use std::str::FromStr;

use axum::http::StatusCode;

use crate::{
    admin::{refused::Refused, view::View},
    model::ServiceName,
    pipeline::{Filter, ObjectState},
    registry::Stamp,
    settings::HumanDuration,
    web::Url,
};

/// Objects in one answer where nothing is said, and at the most.
const LIMIT: (usize, usize) = (100, 500);
/// Longest text that can stand in an id.
const TEXT_MAX: usize = 128;

/// The parameters; unknown ones are left alone.
#[derive(Debug)]
pub(in crate::admin) struct Query {
    pub service: ServiceName,
    pub cursor: u64,
    pub limit: usize,
    pub filter: Filter,
    /// As they were given, for forms.
    pub text: String,
    pub state: String,
    pub within: String,
}

/// Name and value of each parameter (application/x-www-form-urlencoded).
pub(in crate::admin) fn pairs(query: &str) -> Vec<(String, String)> {
    let Ok(url) = Url::parse(&format!("http://x/?{query}")) else { return Vec::new() };
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.trim().to_owned())).collect()
}

impl Query {
    /// Reads them; the service may be left out where `view` has only one.
    pub(in crate::admin) fn parse(query: &str, view: &View) -> Result<Self, Refused> {
        let pairs = pairs(query);
        let get = |name: &str| {
            let last = pairs.iter().rev().find(|(given, _)| given == name);
            last.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let service = match (get("service"), view.only()) {
            ("", Some(only)) => only,
            ("", None) => return Err(bad("no service is named", "add ?service=...; GET /api/v1/status names them")),
            (named, _) => named,
        };
        let service = ServiceName::new(service).map_err(|e| {
            bad(&format!("{service:?} is no service name: {e}"), "GET /api/v1/status names the services")
        })?;
        let (text, state, within) = (get("q"), get("state"), get("changed_within"));
        if text.len() > TEXT_MAX {
            return Err(bad("q is longer than any id", "leave some of it out"));
        }
        let wanted = match ObjectState::ALL.into_iter().find(|known| known.as_str() == state) {
            None if !state.is_empty() => {
                return Err(bad(&format!("{state:?} is no state"), "write current, stale, failed or broken"));
            }
            wanted => wanted,
        };
        let since = if within.is_empty() {
            0
        } else {
            let within = HumanDuration::from_str(within)
                .map_err(|e| bad(&format!("changed_within: {} is no duration", e.value), "write such as 15m or 1h"))?;
            Stamp::now().0.saturating_sub(u64::try_from(within.as_millis()).unwrap_or(u64::MAX))
        };
        let limit = number(get("limit"), "limit")?.map_or(LIMIT.0, |limit| usize::try_from(limit).unwrap_or(0));
        if !(1..=LIMIT.1).contains(&limit) {
            return Err(bad("limit is out of bounds", "write 1 to 500"));
        }
        Ok(Self {
            service,
            cursor: number(get("cursor"), "cursor")?.unwrap_or(0),
            limit,
            filter: Filter { text: text.to_owned(), state: wanted, since },
            text: text.to_owned(),
            state: state.to_owned(),
            within: within.to_owned(),
        })
    }
}

fn number(text: &str, name: &str) -> Result<Option<u64>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| bad(&format!("{name} is no number"), "take it from the answer before"))
}

fn bad(error: &str, hint: &'static str) -> Refused {
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, error, hint)
}
