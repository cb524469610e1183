//! HTTP: probes and metrics for those who look after the process, the page and API for operators, and what extensions push.
//! It must not know Redis.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 as long as the process answers at all |
//! | `/readyz` | 200 while it does its work or stands by, 503 when it is ending; JSON with what each service is doing |
//! | `/metrics` | the catalogue (`telemetry/metrics`), as Prometheus text or OpenMetrics |
//!
//! A failing source or Redis touches neither probe: restarting would mend nothing, and in a native sidecar readiness gates
//! the author's whole pod. It is told in `/readyz`'s JSON, in metrics and in the descriptor.

mod api;
mod ask;
mod bridge_pages;
mod guard;
mod live_page;
mod openapi;
mod pages;
mod push;
mod ready;
mod refused;
mod serve;
mod site;
mod view;

pub use self::{
    api::api_openapi,
    ask::ask,
    bridge_pages::bridge_pages,
    live_page::{Numbered, live_page, reload_script},
    pages::{Shown, pages},
    push::{Push, push_openapi},
    ready::{Readiness, Told},
    serve::{AdminError, Listener},
    site::site,
    view::{Served, View},
};
