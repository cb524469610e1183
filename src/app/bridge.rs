//! The bridge to rq as a process: who does the jobs, probes and metrics, its end. It must not know jobs.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinSet};
use tracing::info;

use super::{AppError, secrets};
use crate::{
    admin::{self, Listener},
    bridge::{Bridging, Doer, bridge as serve},
    pipeline::EngineError,
    settings::{Bridge, Settings},
    sources::SourceError,
    telemetry::metrics::BridgeMetrics,
};

/// Serves the queues of `bridge` until `stop` turns true. Everything is bound and built before anything starts.
///
/// # Errors
/// Settings that cannot work, an address that cannot be had, a Redis that refuses.
pub async fn bridge(bridge: Bridge, settings: Settings, stop: watch::Receiver<bool>) -> Result<(), AppError> {
    let doer = Doer::new(&bridge, &secrets(&settings.redis))
        .map_err(|problem| SourceError::Settings { problem, hint: "see [bridge] in docs/reference/config.md" })?;
    let metrics = Arc::new(BridgeMetrics::new(&bridge.queues));
    let (end, ending) = watch::channel(false);
    let mut served = JoinSet::new();
    if let Some(listener) = Listener::bind(settings.admin.listen).await? {
        let address = listener.address().to_owned();
        info!(%address, "probes and metrics are served: http://{address}/metrics");
        served.spawn(listener.serve(admin::bridge_pages(metrics.clone(), stop.clone()), ending));
    }
    let grace = settings.shutdown.grace.0;
    let made = Bridging { settings: bridge, redis: settings.redis, grace, doer, metrics };
    let ended = serve(made, stop).await;
    end.send_replace(true);
    while served.join_next().await.is_some() {}
    ended.map_err(|e| EngineError::from(e).into())
}
