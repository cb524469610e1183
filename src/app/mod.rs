//! The application: builds engines and sources from settings, spawns them, and shuts them down. It must not parse flags
//! or print results.

mod bridge;
mod inputs;
mod inventory;
mod page;
mod runtime;
mod shared;
mod signals;
mod traces;

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};
use tracing::{error, info};

use crate::{
    admin::{self, AdminError, Listener, Shown},
    identity::IdentityError,
    pipeline::{
        Engine, EngineError, Kind, Opened, PassReport, Plan, Progress, Verification, Verifying, mapped, stopped,
    },
    render::Renderer,
    settings::{self, Listen, Secret, Settings, SourceKind},
    sources::{self, Options, Source, SourceError},
    store::StoreError,
    telemetry::{
        metrics::{Metrics, ServiceMetrics},
        traces::Queue,
    },
    web::WebError,
};

use self::{inventory::Inventories, page::Page, traces::Exporter};
pub use bridge::bridge;
pub use inventory::source_once;
pub use page::ui;
pub use runtime::block_on;
pub use shared::{Fetched, Former, SharedError, Sharing};
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
    /// The inventory could not be built.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Traces could not be sent to where they should.
    #[error("telemetry: {0}")]
    Traces(#[from] WebError),
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
    options.secrets.extend(secrets_in_files(&settings.redis));
    Ok(mapped(sources::build(&settings.source, &settings.limits, &options)?, settings))
}

/// The passwords in the files that `redis` names.
fn secrets_in_files(redis: &settings::Redis) -> Vec<Secret> {
    let of_sentinels = redis.sentinel.as_ref().and_then(|sentinel| sentinel.password_file.as_ref());
    let paths = redis.password_file.iter().chain(of_sentinels);
    // Unreadable is the store's error to tell; a secret that cannot be read cannot leak either.
    let texts = paths.filter_map(|path| fs::read_to_string(path).ok());
    texts.map(|text| Secret::new(text.trim_end_matches(['\r', '\n']))).collect()
}

/// All that no child may see.
fn secrets(redis: &settings::Redis) -> Vec<Secret> {
    let mut all = crate::process::secrets_of(redis);
    all.extend(secrets_in_files(redis));
    all
}

/// What the source of a service is, for people; it is built, and nothing is started.
///
/// # Errors
/// When the settings make no source.
pub fn describe(settings: &Settings) -> Result<String, SourceError> {
    if settings.source.is_merged() {
        return inputs::describe(settings);
    }
    match settings.source.kind {
        SourceKind::Push => {}
        SourceKind::Events => return sources::Events::new(settings).map(|source| source.describe()),
        _ => return source(settings, false).map(|source| source.describe()),
    }
    let address = settings
        .source
        .push_address(settings.name())
        .map_err(|why| SourceError::Settings { problem: format!("source.listen: {why}"), hint: LISTEN_HINT })?;
    Ok(format!("push {address}"))
}

/// Whether the template of a service compiles, with all that it includes.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check_template(settings: &Settings) -> Result<(), EngineError> {
    match Renderer::new(settings).problem() {
        None => Ok(()),
        Some(problem) => Err(EngineError::Settings(problem.for_settings())),
    }
}

/// Runs all services until `stop` turns true. Everything is bound and built before anything starts.
///
/// # Errors
/// When the listener cannot be bound or a service not be built; then none is started.
pub async fn run(all: Vec<Settings>, stop: watch::Receiver<bool>) -> Result<(), AppError> {
    // They all have the same: it was checked.
    let listener = Listener::bind(all.first().map_or(Listen::Off, |settings| settings.admin.listen)).await?;
    let (mut metrics, mut states) = (Metrics::default(), BTreeMap::new());
    let mut inventories = Inventories::default();
    let (exporter, queue) = tracing_of(all.first())?;
    let (mut built, mut pushed) = (Vec::with_capacity(all.len()), Vec::new());
    let mut page = match all.first() {
        Some(settings) => Page::bind(&settings.admin).await?,
        None => None,
    };
    for settings in all {
        let name = settings.name().to_string();
        let metrics = metrics.service(&name);
        inventories.tell(&settings, &metrics)?;
        let mut engine = Engine::new(settings.clone(), Kind::Run, metrics)?;
        if let Some(queue) = &queue {
            engine.trace_into(queue.clone());
        }
        let (source, push) = inputs::running(&settings, engine.inputs(), &mut inventories).await?;
        let grace = settings.shutdown.grace.0;
        info!(service = name, source = source.describe(), "service configured");
        inputs::fill(&settings, &mut engine, &mut inventories)?;
        if let Some(page) = &mut page {
            page.add(&settings, &mut engine)?;
        }
        pushed.extend(push.map(|push| push.pages(engine.shared_spool())));
        states.insert(name, engine.watch());
        built.push((engine, source, grace));
    }
    // Probes are answered until the last service has ended; nothing more can be pushed once it is to end.
    drop(queue);
    let (end, ending) = watch::channel(false);
    let shown = Arc::new(Shown { services: states, metrics, stop: stop.clone() });
    let mut served = JoinSet::new();
    if let Some(listener) = listener {
        let address = listener.address();
        info!(%address, "probes and metrics are served: http://{address}/metrics");
        served.spawn(listener.serve(admin::pages(shown), ending));
    }
    for (listener, pages) in pushed {
        served.spawn(listener.serve(pages, stop.clone()));
    }
    if let Some(page) = page {
        served.spawn(page.serve(stop.clone()));
    }
    let mut kept = JoinSet::new();
    inventories.spawn(&mut kept, &stop);
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
    if let Some(exporter) = exporter {
        exporter.end().await;
    }
    end.send_replace(true);
    while served.join_next().await.is_some() {}
    // An inventory that is being read is of no use any more.
    kept.shutdown().await;
    Ok(())
}

/// What sends traces of passes, and where they are put, if they are wanted.
fn tracing_of(settings: Option<&Settings>) -> Result<(Option<Exporter>, Option<Queue>), AppError> {
    let started = settings.map(|settings| Exporter::start(&settings.telemetry)).transpose()?.flatten();
    Ok(started.map_or((None, None), |(exporter, queue)| (Some(exporter), Some(queue))))
}

/// What `source.listen` may be.
const LISTEN_HINT: &str = "write \"unix:/run/ralphext/push.sock\", or \"127.0.0.1:9783\"";

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
    let grace = settings.shutdown.grace.0;
    // Nobody scrapes a process that ends by itself.
    let metrics = Arc::new(ServiceMetrics::new(settings.name().as_str()));
    let mut engine = Engine::new(settings.clone(), kind, metrics)?;
    let (exporter, queue) = tracing_of(Some(&settings).filter(|_| kind == Kind::Once))?;
    if let Some(queue) = queue {
        engine.trace_into(queue);
    }
    let mut source = source_once(&settings, Some(&engine)).await?;
    if let Some(holder) = open(&mut engine, wait, &mut stop).await? {
        return Ok(Ended::Taken { holder });
    }
    let report = engine.pass(source.as_mut(), &mut stop, progress).await;
    source.close().await;
    // The pass is over and told; a lease that cannot be handed back expires by itself.
    let _ = tokio::time::timeout(grace, engine.close()).await;
    let plan = engine.into_plan();
    if let Some(exporter) = exporter {
        exporter.end().await;
    }
    Ok(Ended::Passed(Box::new(report), plan))
}

/// Opens `engine`; the answer is who holds the lease, if it is another. With `wait` it waits for the lease.
async fn open(engine: &mut Engine, wait: bool, stop: &mut watch::Receiver<bool>) -> Result<Option<String>, AppError> {
    loop {
        match engine.open().await.map_err(|e: StoreError| AppError::Engine(e.into()))? {
            Opened::Writer => return Ok(None),
            Opened::Taken { holder, .. } if !wait => return Ok(Some(holder)),
            Opened::Taken { holder, left_ms } => {
                info!(service = engine.service(), holder, "waiting for the lease");
                let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
                tokio::select! {
                    () = stopped(stop) => return Ok(Some(holder)),
                    () = tokio::time::sleep((left / 10).clamp(Duration::from_millis(20), Duration::from_secs(2))) => {}
                }
            }
        }
    }
}

/// How a verification ended.
#[derive(Debug)]
pub enum Verified {
    /// It ran.
    Done(Box<Verification>),
    /// It has to mend, and another writer holds the lease.
    Taken {
        /// Its instance.
        holder: String,
    },
    /// It was stopped.
    Interrupted,
}

/// What a verification is to do.
#[derive(Debug, Clone, Copy)]
pub struct VerifyJob {
    /// Ask the source, and compare with what it says.
    pub ask: bool,
    /// Mend what is wrong.
    pub repair: bool,
    /// Wait for the lease, which mending needs.
    pub wait: bool,
}

/// Verifies one service.
///
/// # Errors
/// When it cannot be built, or Redis fails.
pub async fn verify(
    settings: Settings,
    job: VerifyJob,
    mut stop: watch::Receiver<bool>,
    progress: Arc<Verifying>,
) -> Result<Verified, AppError> {
    let grace = settings.shutdown.grace.0;
    let metrics = Arc::new(ServiceMetrics::new(settings.name().as_str()));
    let kind = if job.repair { Kind::Once } else { Kind::Plan };
    let mut engine = Engine::new(settings.clone(), kind, metrics)?;
    let mut source = if job.ask { Some(source_once(&settings, Some(&engine)).await?) } else { None };
    engine.inspect_values(progress.clone());
    let mut stopping = stop.clone();
    let opened = tokio::select! {
        biased;
        opened = open(&mut engine, job.wait, &mut stop) => opened?,
        // Every value is read; what was begun is left to the end of the process.
        () = stopped(&mut stopping) => return Ok(Verified::Interrupted),
    };
    if let Some(holder) = opened {
        return Ok(if *stop.borrow() { Verified::Interrupted } else { Verified::Taken { holder } });
    }
    let asked = source.as_mut().map(|source| source.as_mut() as &mut dyn Source);
    let verified = engine.verify(asked, &mut stop, &progress).await;
    if let Some(source) = &mut source {
        source.close().await;
    }
    // All is told; a lease that cannot be handed back expires by itself.
    let _ = tokio::time::timeout(grace, engine.close()).await;
    let verification = verified.map_err(|e: StoreError| AppError::Engine(e.into()))?;
    Ok(if verification.interrupted { Verified::Interrupted } else { Verified::Done(Box::new(verification)) })
}
