//! Probes and metrics of the bridge to rq. It must not know what it counts.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::watch;

use super::pages::wanted;
use crate::telemetry::metrics::BridgeMetrics;

#[derive(Clone)]
struct Shown {
    metrics: Arc<BridgeMetrics>,
    stop: watch::Receiver<bool>,
}

/// `/livez`, `/readyz` (503 when it is ending) and `/metrics`.
pub fn bridge_pages(metrics: Arc<BridgeMetrics>, stop: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(told))
        .fallback(|| async { (StatusCode::NOT_FOUND, "no such page; there are /livez, /readyz and /metrics\n") })
        .with_state(Shown { metrics, stop })
}

async fn readyz(State(shown): State<Shown>) -> (StatusCode, &'static str) {
    match *shown.stop.borrow() {
        true => (StatusCode::SERVICE_UNAVAILABLE, "the process is ending\n"),
        false => (StatusCode::OK, "ready\n"),
    }
}

async fn told(State(shown): State<Shown>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = wanted(accept.unwrap_or_default());
    let content_type = [(header::CONTENT_TYPE, format.content_type())];
    (content_type, Body::from(shown.metrics.render(format))).into_response()
}
