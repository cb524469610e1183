//! The paths and their answers. It must not know connections.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State as Extract,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::watch;

use super::{Readiness, Told};
use crate::{
    pipeline::{Role, State},
    telemetry::metrics::{Format, Metrics},
};

/// What can be shown.
#[derive(Debug)]
pub struct Shown {
    /// Each service's state, by name.
    pub services: BTreeMap<String, watch::Receiver<State>>,
    /// All that is counted.
    pub metrics: Metrics,
    /// Turns true when the process is to end.
    pub stop: watch::Receiver<bool>,
}

/// The probes and metrics.
pub fn pages(shown: Arc<Shown>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(nothing)
        .with_state(shown)
}

/// That this runs is the answer: the event loop turns.
async fn livez() -> &'static str {
    "alive\n"
}

async fn readyz(Extract(shown): Extract<Arc<Shown>>) -> Response {
    let readiness = shown.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Names, numbers and texts only: nothing in it can fail to serialise.
    let json = serde_json::to_string(&readiness).unwrap_or_default() + "\n";
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], json).into_response()
}

async fn metrics(Extract(shown): Extract<Arc<Shown>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = wanted(accept.unwrap_or_default());
    let content_type = [(header::CONTENT_TYPE, format.content_type())];
    (content_type, Body::from(shown.metrics.render(format))).into_response()
}

async fn nothing() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "no such page; there are /livez, /readyz and /metrics\n")
}

impl Shown {
    fn readiness(&self) -> Readiness {
        let now = crate::registry::Stamp::now().0;
        let mut reasons = Vec::new();
        let is_ending = *self.stop.borrow();
        if is_ending {
            reasons.push("the process is ending".to_owned());
        }
        let services = self.services.iter().map(|(name, watched)| {
            let state = watched.borrow().clone();
            if !is_ending && watched.has_changed().is_err() && state.role != Role::Stopped {
                reasons.push(format!("the service {name} ended unexpectedly"));
            }
            (name.clone(), Told::new(state, now))
        });
        let services = services.collect();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Readiness { ready: reasons.is_empty(), reasons, version, services }
    }
}

/// The format that an `Accept` header asks for (RFC 9110, 12.5.1): OpenMetrics where it is preferred to plain text.
pub(super) fn wanted(accept: &str) -> Format {
    let (mut openmetrics, mut plain) = (0.0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
        match media.as_str() {
            "application/openmetrics-text" => openmetrics = weight.max(openmetrics),
            "text/plain" | "text/*" | "*/*" => plain = weight.max(plain),
            _ => {}
        }
    }
    if openmetrics > 0.0 && openmetrics >= plain { Format::OpenMetrics } else { Format::Prometheus }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scraper_chooses() {
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "Application/OpenMetrics-Text; version=1.0.0; escaping=allow-utf-8; q=0.6, text/plain; q=0.5",
        ] {
            assert_eq!(wanted(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in
            ["", "*/*", "text/html,*/*;q=0.8", "text/plain;q=0.9, application/openmetrics-text;q=0.1", "a;q=b,;;,"]
        {
            assert_eq!(wanted(accept), Format::Prometheus, "{accept}");
        }
    }
}
