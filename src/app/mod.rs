//! The application: builds engines and sources from settings, spawns them, and shuts them down. It must not parse flags
//! or print results.

mod runtime;
mod signals;

use std::{collections::BTreeMap, fs, sync::Arc};

use tokio::{sync::watch, task::JoinSet};
use tracing::{error, info};

use crate::{
    admin::{self, AdminError, Listener, Shown},
    pipeline::{Engine, EngineError, Kind, Opened, PassReport, Plan, Progress, stopped},
    settings::{Listen, Secret, Settings},
    sources::{self, Options, Source, SourceError},
    store::StoreError,
    telemetry::metrics::{Metrics, ServiceMetrics},
};

pub use runtime::block_on;
pub use signals::stop_on_signal;

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The engine could not be built.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The source could not be built.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Probes and metrics could not be served.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// Builds the source of a service. With `watch` its changes can be waited for.
///
/// # Errors
/// When the settings make no source.
pub fn source(settings: &Settings, watch: bool) -> Result<Box<dyn Source>, SourceError> {
    let mut options = Options::new(&settings.redis, watch);
    let of_sentinels = settings.redis.sentinel.as_ref().and_then(|sentinel| sentinel.password_file.as_ref());
    for path in settings.redis.password_file.iter().chain(of_sentinels) {
        // Unreadable is the store's error to tell; a secret that cannot be read cannot leak either.
        if let Ok(text) = fs::read_to_string(path) {
            options.secrets.push(Secret::new(text.trim_end_matches(['\r', '\n'])));
        }
    }
    sources::build(&settings.source, &settings.limits, &options)
}

/// Runs all services until `stop` turns true. Everything is bound and built before anything starts.
///
/// # Errors
/// When the listener cannot be bound or a service not be built; then none is started.
pub async fn run(all: Vec<Settings>, stop: watch::Receiver<bool>) -> Result<(), AppError> {
    // They all have the same: it was checked.
    let listener = Listener::bind(all.first().map_or(Listen::Off, |settings| settings.admin.listen)).await?;
    let (mut metrics, mut states) = (Metrics::default(), BTreeMap::new());
    let mut built = Vec::with_capacity(all.len());
    for settings in all {
        let source = source(&settings, true)?;
        let grace = settings.shutdown.grace.0;
        let name = settings.name().to_string();
        let metrics = metrics.service(&name);
        info!(service = name, source = source.describe(), "service configured");
        let engine = Engine::new(settings, Kind::Run, metrics)?;
        states.insert(name, engine.watch());
        built.push((engine, source, grace));
    }
    // Probes are answered until the last service has ended.
    let (end, ending) = watch::channel(false);
    let shown = Arc::new(Shown { services: states, metrics, stop: stop.clone() });
    let served = listener.map(|listener| {
        let address = listener.address();
        info!(%address, "probes and metrics are served: http://{address}/metrics");
        tokio::spawn(listener.serve(admin::pages(shown), ending))
    });
    let mut tasks = JoinSet::new();
    for (engine, source, grace) in built {
        // Each has its own lease, schedule and faults: one's trouble is not the others'.
        tasks.spawn(crate::pipeline::run(engine, source, stop.clone(), grace));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(e) = ended {
            error!(error = %e, "a service ended unexpectedly; the others go on");
        }
    }
    end.send_replace(true);
    if let Some(served) = served {
        // An error means that it is gone already.
        let _ = served.await;
    }
    Ok(())
}

/// How a single pass ended.
#[derive(Debug)]
pub enum Ended {
    /// It ran.
    Passed(Box<PassReport>, Option<Plan>),
    /// Another writer holds the lease.
    Taken {
        /// Its instance.
        holder: String,
    },
}

/// One pass of one service: `once`, or `plan`. With `wait` it waits for the lease.
///
/// # Errors
/// When it cannot be built, or Redis fails before the pass.
pub async fn once(
    settings: Settings,
    kind: Kind,
    wait: bool,
    mut stop: watch::Receiver<bool>,
    progress: Option<Arc<Progress>>,
) -> Result<Ended, AppError> {
    let mut source = source(&settings, false)?;
    let grace = settings.shutdown.grace.0;
    let lease = settings.writer.lease.0;
    // Nobody scrapes a process that ends by itself.
    let metrics = Arc::new(ServiceMetrics::new(settings.name().as_str()));
    let mut engine = Engine::new(settings, kind, metrics)?;
    loop {
        match engine.open().await.map_err(|e: StoreError| AppError::Engine(e.into()))? {
            Opened::Writer => break,
            Opened::Taken { holder, .. } if !wait => return Ok(Ended::Taken { holder }),
            Opened::Taken { holder, .. } => {
                info!(service = engine.service(), holder, "waiting for the lease");
                tokio::select! {
                    () = stopped(&mut stop) => return Ok(Ended::Taken { holder }),
                    () = tokio::time::sleep(lease / 10) => {}
                }
            }
        }
    }
    let report = engine.pass(source.as_mut(), &mut stop, progress).await;
    source.close().await;
    // The pass is over and told; a lease that cannot be handed back expires by itself.
    let _ = tokio::time::timeout(grace, engine.close()).await;
    Ok(Ended::Passed(Box::new(report), engine.into_plan()))
}
