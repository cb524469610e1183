//! One service's machinery, built once: handler, writer, control connection, heartbeat. It must not know what is done
//! when (see `run`), nor what a record looks like.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::{
    announcing::{Announced, builder},
    asked::Asked,
    fill::Fill,
    guard::Baseline,
    handle::{Handler, ticks},
    heed::Heed,
    inquiry::Desk,
    link::Link,
    live::{Live, State},
    merge::Board,
    plan::{Output, Plan},
    profile::{descriptor, instance},
    pulse::{Finding, Periods, Pulse, beat},
    recovery::Recovery,
    spooling::{Replay, SharedSpool},
    survey::Survey,
    sweep::Sweep,
    told::Told,
    whole::Whole,
};
use crate::{
    decision::RenewalPolicy,
    envelope::{Ignore, Sealer},
    model::{Epoch, Version},
    registry::{Descriptor, ServiceStatus},
    settings::Settings,
    store::{Acquired, FailureClass, Session, StoreError, Target},
    telemetry::{Budget, metrics::ServiceMetrics},
};

/// What happens again and again, for whatever reason, has a line each time this has passed.
const LINE_EVERY: Duration = Duration::from_secs(600);

/// What the engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The sidecar: someone stays and renews.
    Run,
    /// One snapshot: nobody renews afterwards.
    Once,
    /// What `Once` would do; nothing is written.
    Plan,
}

/// Why an engine could not be built or opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Settings that no check has refused, and yet cannot work.
    #[error("{0}")]
    Settings(String),
    /// Redis failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a try to become the writer ended.
#[derive(Debug)]
pub enum Opened {
    /// This is the writer now.
    Writer,
    /// Another one is.
    Taken {
        /// Its instance.
        holder: String,
        /// How long it has the lease still, unless it renews, in ms.
        left_ms: i64,
    },
}

/// See the module.
pub struct Engine {
    pub(super) settings: Settings,
    pub(super) kind: Kind,
    pub(super) handler: Handler,
    pub(super) link: Link,
    pub(super) sweep: Sweep,
    pub(super) whole: Whole,
    pub(super) announced: Announced,
    pub(super) baseline: Baseline,
    /// What `@baseline` held when it was last looked at.
    pub(super) baseline_in_redis: Option<Vec<u8>>,
    pub(super) descriptor: Descriptor,
    pub(super) pulse: Option<Pulse>,
    /// What is wrong with the source, as it was logged.
    pub(super) trouble: Told,
    /// Lines on what was learnt from Redis.
    pub(super) learnt_lines: Budget,
    /// Lines on values that were lost.
    pub(super) lost_lines: Budget,
    /// A stream fell quiet so soon after it was told of that this was not told.
    pub(super) owes_note: bool,
    /// A stream is silent for too long, and that was told.
    pub(super) silent: bool,
    /// The last snapshot of a stream was not believed.
    pub(super) refused_snapshot: bool,
    /// What Redis lost is being restored.
    pub(super) recovery: Option<Recovery>,
    /// Who waits for an answer to what was pushed.
    pub(super) asked: Asked,
    /// Redis lost what only a whole snapshot from the pusher brings back.
    pub(super) resync: bool,
    /// All of the source's last snapshot is in Redis, as far as it could be taken.
    pub(super) is_settled: bool,
    /// The running pass ends so that a stream says again what Redis lost.
    pub(super) anew: bool,
    /// The highest version that was known to be in Redis under any epoch of this process.
    pub(super) was_confirmed: Version,
    /// Redis is behind that.
    pub(super) is_rolled_back: bool,
    /// What the source said last of each object, with `source.spool`.
    pub(super) spool: SharedSpool,
    /// What is being told again out of the spool.
    pub(super) replay: Option<Replay>,
    /// Keeping things in the spool failed, and that was told.
    pub(super) spool_fails: bool,
    /// How each of several inputs is.
    pub(super) inputs: Option<Board>,
    /// What the server tells of the service's keys, with `verify.keyspace_events`.
    pub(super) heed: Option<Heed>,
    /// What readers miss and ask for.
    pub(super) fill: Fill,
    pub(super) live: Live,
    /// Who asks about objects.
    pub(super) desk: Desk,
    /// Whole values are looked at in place of heads: `verify`.
    pub(super) survey: Option<Survey>,
    pub(super) periods: Periods,
    pub(super) target: Target,
    pub(super) token: String,
    pub(super) session: Arc<Mutex<Session>>,
}

impl Engine {
    /// Builds everything; nothing is sent. What it does is counted in `metrics`. Needs a tokio runtime.
    pub fn new(settings: Settings, kind: Kind, metrics: Arc<ServiceMetrics>) -> Result<Self, EngineError> {
        let ignore = Ignore::new(&settings.content.ignore).map_err(|e| EngineError::Settings(e.to_string()))?;
        let (target, token) = (Target::new(&settings.redis)?, instance());
        let session = Session::new(target.clone(), &settings.redis.prefix, settings.name(), token.clone());
        let (ttl, ttl_ms) = (settings.content.ttl.0, settings.content.ttl.as_millis() as u64);
        let (builder, announced) = builder(&settings, session.keys(), ttl_ms, kind);
        let output = match kind {
            Kind::Plan => Output::Plan(Plan::default()),
            _ => Output::Batches { builder: Box::new(builder), ready: Vec::new() },
        };
        let policy = match kind {
            Kind::Run => RenewalPolicy::Spread,
            // Whatever has run down by more than a twentieth.
            _ => RenewalPolicy::Below(ttl_ms - ttl_ms / 20),
        };
        let whole = Whole::new(&settings, ignore.clone());
        let handler = Handler::new(&settings, Sealer::new(settings.name(), ignore), output, policy);
        if let Some(problem) = handler.template_problem() {
            return Err(EngineError::Settings(problem.for_settings()));
        }
        let link =
            Link::new(target.clone(), session.keys().clone(), ttl_ms, ticks(u128::from(ttl_ms)), metrics.clone())
                .map_err(|e| EngineError::Settings(format!("cannot start the writer's thread: {e}")))?;
        metrics.value_bytes_max.set_count(settings.limits.max_total.as_usize());
        let spool = SharedSpool::default();
        let (lease, heartbeat) = (settings.writer.lease.0, settings.writer.heartbeat.0);
        Ok(Self {
            sweep: Sweep::new(settings.verify_every()),
            whole,
            announced,
            baseline: Baseline::default(),
            baseline_in_redis: None,
            descriptor: descriptor(&settings, kind, &token),
            pulse: None,
            trouble: Told::default(),
            learnt_lines: Budget::new(5, LINE_EVERY),
            lost_lines: Budget::new(5, LINE_EVERY),
            owes_note: false,
            silent: false,
            refused_snapshot: false,
            recovery: None,
            asked: Asked::default(),
            resync: false,
            is_settled: false,
            anew: false,
            was_confirmed: Version(0),
            is_rolled_back: false,
            inputs: settings.source.is_merged().then(|| Board::new(spool.clone())),
            spool,
            replay: None,
            spool_fails: false,
            heed: None,
            fill: Fill::default(),
            live: Live::new(metrics),
            desk: Desk::default(),
            survey: None,
            periods: Periods {
                lease,
                every: heartbeat.min(lease / 3),
                // As long as any content can still be there, and a while longer.
                descriptor_ttl: settings.content.max_stale.0.max(ttl) + ttl + Duration::from_secs(3600),
            },
            session: Arc::new(Mutex::new(session)),
            settings,
            kind,
            handler,
            link,
            target,
            token,
        })
    }

    /// What it is doing, now and later.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.live.watch()
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        self.settings.name().as_str()
    }

    /// What `once` would do, after a pass of [`Kind::Plan`].
    pub(super) fn plan(&self) -> Option<&Plan> {
        match &self.handler.output {
            Output::Plan(plan) => Some(plan),
            _ => None,
        }
    }

    /// The plan, when the engine is done.
    pub fn into_plan(self) -> Option<Plan> {
        match self.handler.output {
            Output::Plan(plan) => Some(plan),
            _ => None,
        }
    }

    /// Tries to become the writer; if so, learns what stands in Redis.
    pub async fn open(&mut self) -> Result<Opened, StoreError> {
        (self.pulse, self.heed, self.recovery) = (None, None, None);
        self.dismiss();
        // A late answer to what was sent before would be taken for one of what comes now.
        self.link.settle(&mut self.handler).await;
        self.was_confirmed = self.was_confirmed.max(self.link.confirmed);
        if self.kind != Kind::Plan {
            let lease_ms = self.settings.writer.lease.as_millis() as u64;
            let last = self.handler.epoch;
            match self.control(move |session| session.acquire(lease_ms, super::now().unix_ms, last)).await? {
                Acquired::Taken { holder, left_ms } => {
                    // The writer may share the volume.
                    self.close_spool();
                    return Ok(Opened::Taken { holder, left_ms });
                }
                Acquired::Held { epoch, replaced } => {
                    self.tell_replaced(&replaced);
                    self.handler.epoch = epoch;
                    self.descriptor.writer.epoch = epoch.0;
                    self.link.open(epoch).await;
                    self.recall_status().await?;
                    self.start_pulse(epoch);
                    self.listen_to_keys();
                    self.prune_index().await;
                }
            }
        }
        self.learn().await?;
        self.announce_status().await;
        self.inputs.iter().for_each(|board| board.found(self.handler.ledger.len()));
        self.open_spool();
        self.live.writes(self.handler.epoch);
        self.tell_live();
        self.meter();
        self.asked.begin_stretch();
        // Without a spool nobody here knows what is missing, old, or back again.
        let is_lost = self.handler.ledger.broken() > 0 || self.is_rolled_back;
        self.resync |= self.is_push() && self.replay.is_none() && is_lost;
        Ok(Opened::Writer)
    }

    /// Drops services from the index whose descriptors have expired; a courtesy that may be refused.
    async fn prune_index(&mut self) {
        let before = super::now().unix_ms.saturating_sub(3_600_000);
        match self.control(move |session| session.prune_index(before)).await {
            Ok(pruned) if !pruned.is_empty() => {
                info!(
                    service = self.service(),
                    pruned = pruned.join(" "),
                    "services without a descriptor left the index"
                );
            }
            Ok(_) => {}
            Err(e) => debug!(service = self.service(), error = %e, "the index was not pruned"),
        }
    }

    /// Asks the server whether lease, fence and canary are as they should be, and writes the descriptor.
    pub(super) async fn check(&mut self) -> Finding {
        let (vitals, periods) = (self.vitals(), self.periods);
        let result = self.control(move |session| beat(session, periods, &vitals)).await;
        result.map_or_else(Finding::Failed, |(finding, _)| finding)
    }

    /// Publishes the last state and hands the lease back, so that the next writer need not wait.
    pub async fn close(&mut self) {
        if self.kind == Kind::Plan || self.handler.epoch == Epoch::default() {
            return;
        }
        if let Some(pulse) = self.pulse.take() {
            pulse.stop().await;
        }
        if self.kind == Kind::Run {
            self.descriptor.status = ServiceStatus::Stopped;
        }
        self.announce_status().await;
        if let Finding::Failed(e) = self.check().await {
            debug!(service = self.service(), error = %e, "could not publish the last state");
        }
        let epoch = self.handler.epoch;
        if let Err(e) = self.control(move |session| session.release(epoch)).await {
            warn!(service = self.service(), error = %e, "could not hand the lease back; it expires by itself");
        }
    }

    fn start_pulse(&mut self, epoch: Epoch) {
        let session =
            Session::new(self.target.clone(), &self.settings.redis.prefix, self.settings.name(), self.token.clone());
        let vitals = super::pulse::Vitals { epoch: Some(epoch), ..self.vitals() };
        self.pulse = Some(Pulse::spawn(session, self.periods, vitals));
    }

    /// Runs `f` on the control connection, off the async threads.
    pub(super) async fn control<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Session) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let session = self.session.clone();
        let task = tokio::task::spawn_blocking(move || f(&mut session.lock().unwrap_or_else(PoisonError::into_inner)));
        task.await.unwrap_or_else(|e| Err(self.died(&e)))
    }

    pub(super) fn died(&self, error: &tokio::task::JoinError) -> StoreError {
        StoreError::new(FailureClass::Server, &self.target.address(), format!("the control task ended: {error}"))
    }
}
