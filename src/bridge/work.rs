//! The worker: takes jobs while there is room, keeps its place in rq's books, and ends warmly. It must not know what a job is.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    doer::Doer,
    job::{job, on_desk},
};
use crate::{
    settings::{Bridge, Redis},
    store::{
        StoreError, Target,
        rq::{Command, Commands, Desk, FAMILY, Run, Taken, Taker, WorkerSettings},
    },
    telemetry::metrics::BridgeMetrics,
};

/// Pause after Redis failed, and while the workers are suspended.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a run has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    No,
    /// Somebody asked for it.
    Stopped,
    /// Somebody killed whatever ran.
    Killed,
    /// The job is another's by now, or was cancelled or removed.
    Lost,
    /// The process ends.
    Back,
}

/// What all jobs share.
pub(super) struct Shared {
    pub(super) desk: Arc<Desk>,
    pub(super) doer: Doer,
    pub(super) settings: Bridge,
    pub(super) metrics: Arc<BridgeMetrics>,
    in_hand: Mutex<Vec<String>>,
    runs: Mutex<HashMap<String, (String, watch::Sender<Halt>)>>,
}

impl Shared {
    pub(super) fn out_of_hand(&self, id: &str) {
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = in_hand.iter().position(|one| one == id) {
            in_hand.swap_remove(at);
        }
    }

    pub(super) fn watch_run(&self, run: &Run, halt: watch::Sender<Halt>) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run.run.clone(), (run.id.clone(), halt));
    }

    pub(super) fn unwatch_run(&self, run: &str) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
    }

    /// Halts the runs that `which` picks by run and job id.
    fn halt(&self, why: Halt, which: impl Fn(&str, &str) -> bool) {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, (_, halt)) in runs.iter().filter(|(run, (id, _))| which(run, id)) {
            halt.send_replace(why);
        }
    }
}

/// What a bridge is made of.
pub struct Bridging {
    /// `[bridge]`.
    pub settings: Bridge,
    /// `[redis]`.
    pub redis: Redis,
    /// How long jobs under way may take once it is to end.
    pub grace: Duration,
    /// Who does the jobs.
    pub doer: Doer,
    /// What is counted.
    pub metrics: Arc<BridgeMetrics>,
}

/// Serves the queues until `stop` turns true, and the jobs under way have ended.
///
/// # Errors
/// Settings of Redis that cannot work, or a first connection that fails for good (password, rights).
pub async fn bridge(made: Bridging, stop: watch::Receiver<bool>) -> Result<(), StoreError> {
    let Bridging { settings, redis, grace, doer, metrics } = made;
    let target = Target::new(&redis)?;
    let host = host();
    let name = format!("{FAMILY}{host}.{}.{:08x}", std::process::id(), fastrand::u32(..));
    let seconds = |ttl: Duration| i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
    let worker = WorkerSettings {
        name: name.clone(),
        host,
        queues: settings.queues.clone(),
        life: settings.heartbeat.0 * 3,
        result_ttl: seconds(settings.result_ttl.0),
        failure_ttl: seconds(settings.failure_ttl.0),
        attempts: settings.attempts,
    };
    let desk = Arc::new(Desk::new(target.clone(), worker));
    let shared = Arc::new(Shared { desk, doer, settings, metrics, in_hand: Mutex::default(), runs: Mutex::default() });
    match on_desk(&shared, Desk::beat).await {
        Err(e) if !e.is_transient() => return Err(e),
        Err(e) => tracing::warn!(error = %e, hint = e.hint(), "Redis cannot be used yet; trying again"),
        Ok(_) => {}
    }
    let queues = shared.settings.queues.join(", ");
    tracing::info!(worker = name, queues, doer = shared.doer.describe(), "serving {queues} as rq worker {name}");
    let (asked_to_end, mut ending) = watch::channel(false);
    let mut kept = JoinSet::new();
    kept.spawn(beats(shared.clone()));
    match Commands::listen(target.clone(), name) {
        Ok(commands) => drop(kept.spawn(heed(shared.clone(), commands, asked_to_end.clone()))),
        Err(e) => tracing::warn!(error = %e, "the system refused a thread; commands to the worker are not heard"),
    }
    let mut stopping = stop.clone();
    kept.spawn(async move {
        // The guard that it gives must not be held.
        drop(stopping.wait_for(|stop| *stop).await);
        asked_to_end.send_replace(true);
    });
    let mut jobs = JoinSet::new();
    let taker = Taker::new(target, shared.settings.queues.clone());
    take(&shared, taker, &mut jobs, &mut ending).await;
    finish(&shared, &mut jobs, grace).await;
    kept.shutdown().await;
    if let Err(e) = on_desk(&shared, Desk::leave).await {
        tracing::warn!(error = %e, "the worker could not be taken out of rq's books; it expires there");
    }
    Ok(())
}

/// Takes jobs, as many at a time as may be under way.
async fn take(shared: &Arc<Shared>, mut taker: Taker, jobs: &mut JoinSet<()>, ending: &mut watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(shared.settings.concurrency as usize));
    let mut is_failing = false;
    loop {
        let permit = tokio::select! {
            biased;
            _ = ending.wait_for(|stop| *stop) => return,
            permit = room.clone().acquire_owned() => permit,
        };
        // It is never closed.
        let Ok(permit) = permit else { return };
        while jobs.try_join_next().is_some() {}
        let (taken, back) = match tokio::task::spawn_blocking(move || (taker.take(), taker)).await {
            Ok(both) => both,
            Err(e) => std::panic::resume_unwind(e.into_panic()),
        };
        taker = back;
        let failed = taken.as_ref().err().is_some();
        let suspended = matches!(taken, Ok(Taken::Suspended));
        match taken {
            Ok(Taken::Job { queue, id }) if *ending.borrow() => {
                let (of, one) = (queue, id.clone());
                if let Err(e) = on_desk(shared, move |desk| desk.return_id(&of, &one)).await {
                    tracing::warn!(job = id, error = %e, "job {id} could not be put back; it is found again");
                }
                return;
            }
            Ok(Taken::Job { queue, id }) => {
                shared.in_hand.lock().unwrap_or_else(PoisonError::into_inner).push(id.clone());
                let shared = shared.clone();
                jobs.spawn(async move {
                    job(shared, queue, id).await;
                    drop(permit);
                });
            }
            Ok(Taken::Nothing | Taken::Suspended) => {}
            Err(e) if !is_failing => {
                tracing::warn!(error = %e, hint = e.hint(), "no jobs can be taken; trying again");
            }
            Err(_) => {}
        }
        if is_failing && !failed {
            tracing::info!("jobs can be taken again");
        }
        is_failing = failed;
        if !failed && let Err(e) = on_desk(shared, move |desk| desk.suspend(suspended)).await {
            tracing::debug!(error = %e, "the worker's state could not be told");
        }
        if failed || suspended {
            tokio::select! {
                () = sleep(PAUSE) => {}
                _ = ending.wait_for(|stop| *stop) => return,
            }
        }
    }
}

/// Waits for the jobs under way; those that take longer than `grace` go back to their queue.
async fn finish(shared: &Arc<Shared>, jobs: &mut JoinSet<()>, grace: Duration) {
    if !jobs.is_empty() {
        tracing::info!(
            jobs = jobs.len(),
            grace_ms = grace.as_millis() as u64,
            "ending when the jobs under way have ended"
        );
    }
    let all = async { while jobs.join_next().await.is_some() {} };
    if timeout(grace, all).await.is_err() {
        tracing::warn!(jobs = jobs.len(), "jobs take longer than shutdown.grace; they go back to their queue");
        shared.halt(Halt::Back, |_, _| true);
        // Where Redis does not answer, they are found as abandoned.
        let _ = timeout(Duration::from_secs(5), async { while jobs.join_next().await.is_some() {} }).await;
    }
    jobs.shutdown().await;
    let _ = timeout(Duration::from_secs(3), shared.doer.close()).await;
}

/// Signs of life, and a look at what the dead have left.
async fn beats(shared: Arc<Shared>) {
    let mut ticks = interval(shared.settings.heartbeat.0);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match on_desk(&shared, Desk::beat).await {
            Ok(lost) => shared.halt(Halt::Lost, |run, _| lost.iter().any(|one| one == run)),
            Err(e) => tracing::debug!(error = %e, "no sign of life can be given"),
        }
        let in_hand = shared.in_hand.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match on_desk(&shared, move |desk| desk.recover(&in_hand)).await {
            Ok(found) => {
                shared.metrics.recovered.add((found.requeued.len() + found.failed.len()) as u64);
                for id in &found.requeued {
                    tracing::warn!(job = id, "job {id} was abandoned by a dead worker; it is in its queue again");
                }
                for id in &found.failed {
                    tracing::warn!(job = id, "job {id} was abandoned by a dead worker; it failed");
                }
            }
            Err(e) => tracing::debug!(error = %e, "abandoned jobs cannot be looked for"),
        }
        shared.metrics.running.set_count(shared.desk.running());
        if let Ok(waiting) = on_desk(&shared, Desk::waiting).await {
            for (queue, count) in waiting {
                if let Some(metrics) = shared.metrics.queue(&queue) {
                    metrics.waiting.set(count as f64);
                }
            }
        }
    }
}

/// Does what the worker is told from outside.
async fn heed(shared: Arc<Shared>, mut commands: Commands, end: watch::Sender<bool>) {
    while let Some(command) = commands.told.recv().await {
        tracing::info!(?command, "told by command");
        match command {
            Command::StopJob(job) => shared.halt(Halt::Stopped, |_, id| id == job),
            Command::StopRun(wanted) => shared.halt(Halt::Stopped, |run, _| run == wanted),
            Command::Kill => shared.halt(Halt::Killed, |_, _| true),
            Command::Shutdown => drop(end.send_replace(true)),
        }
    }
}

/// The host's name, with what may stand in a key.
fn host() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
    let name: String = text.trim().chars().filter(is_plain).take(60).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}
