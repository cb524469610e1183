//! Metrics of every service of a Redis, from their descriptors: also of sidecars that are dead, and of those that run now and
//! then. It must not count.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    admin::{
        api::Api,
        pages::wanted,
        refused::{Refused, refused},
        view::{Service, Untold},
    },
    registry::Stamp,
    telemetry::metrics::Metrics,
};

pub(super) async fn metrics(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let (services, failed) = api.view.services().await;
    if let Some(e) = failed {
        return refused(&Refused::from(Untold::Store(e)));
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = wanted(accept.unwrap_or_default());
    let content_type = [(header::CONTENT_TYPE, format.content_type())];
    (StatusCode::OK, content_type, told(&services, Stamp::now().0).render_known(format)).into_response()
}

fn told(services: &[Service], now: u64) -> Metrics {
    let mut metrics = Metrics::default();
    for service in services {
        let Some(d) = &service.descriptor else { continue };
        let told = metrics.service(&service.name);
        told.objects.of("sound").set(d.counts.objects as f64);
        told.failed_objects.set(d.counts.failed as f64);
        told.as_of.set_moment(d.as_of.map(|at| at.0));
        told.last_success.set_moment(d.last_success_at.map(|at| at.0));
        told.last_pass.set_moment(d.last_pass.as_ref().map(|pass| pass.started_at.0 + pass.duration_ms));
        told.stale.set_flag(d.is_stale(now));
        for (name, input) in &d.inputs {
            told.input_success.set(name, input.last_success_at.map(|at| at.0 as f64 / 1000.0));
            told.input_failed.set(name, Some(input.failed as f64));
        }
        told.heartbeat.set_moment(Some(d.heartbeat_at.0));
        if let Some(is_alive) = d.is_alive(now) {
            told.writer_alive.set_flag(is_alive);
        }
    }
    metrics
}
