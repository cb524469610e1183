//! The heartbeat: a task that renews the lease and writes the descriptor, whatever the passes are doing. It must not know
//! records or the ledger.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
};
use tracing::{info, warn};

use crate::{
    model::{Epoch, UnixMs, Version, highest_plausible},
    registry::{Descriptor, Stamp},
    store::{Beat, BeatRequest, FailureClass, Session, StoreError},
};

/// What the next heartbeat says.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// The epoch to beat under; none while standing by.
    pub epoch: Option<Epoch>,
    /// The descriptor; `heartbeat_at` is set by the beat.
    pub descriptor: Arc<Descriptor>,
    /// Whether the descriptor is to be written: else only the lease is renewed.
    pub is_described: bool,
    /// The highest version known to be in Redis.
    pub confirmed: Version,
}

/// What a heartbeat found.
#[derive(Debug)]
pub enum Finding {
    /// Lease, fence and canary are as they should be.
    Well,
    /// Another writer took over.
    TakenOver,
    /// Fence or canary is gone or older: data was flushed or rolled back.
    DataLost,
    /// Redis could not be asked.
    Failed(StoreError),
}

/// How long things hold, for [`beat`].
#[derive(Debug, Clone, Copy)]
pub struct Periods {
    /// The lease.
    pub lease: Duration,
    /// Between two heartbeats.
    pub every: Duration,
    /// The descriptor's TTL.
    pub descriptor_ttl: Duration,
}

/// The running heartbeat.
#[derive(Debug)]
pub struct Pulse {
    /// What the next beat says.
    pub vitals: watch::Sender<Vitals>,
    /// Findings that are not [`Finding::Well`].
    pub findings: mpsc::Receiver<Finding>,
    now: Arc<Notify>,
    /// Held during a beat.
    beating: Arc<tokio::sync::Mutex<()>>,
    task: AbortOnDrop,
}

#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Pulse {
    /// Starts beating over `session`.
    pub fn spawn(session: Session, periods: Periods, vitals: Vitals) -> Self {
        let (vitals, rx) = watch::channel(vitals);
        let (tx, findings) = mpsc::channel(4);
        let now = Arc::new(Notify::new());
        let beating = Arc::new(tokio::sync::Mutex::new(()));
        let task = tokio::spawn(run(Arc::new(Mutex::new(session)), periods, rx, tx, now.clone(), beating.clone()));
        Self { vitals, findings, now, beating, task: AbortOnDrop(task) }
    }

    /// From now on the lease is renewed and the descriptor left as it is, until [`Vitals`] say otherwise; waits for a beat under way.
    pub async fn leave_descriptor(&self) {
        self.vitals.send_modify(|vitals| vitals.is_described = false);
        drop(self.beating.lock().await);
    }

    /// Beats at once, so that a change of status shows.
    pub fn hurry(&self) {
        self.now.notify_one();
    }

    /// Ends it, and waits for a beat under way: it would take back a lease that was handed back meanwhile.
    pub async fn stop(mut self) {
        drop(self.vitals);
        self.findings.close();
        self.now.notify_one();
        // An error means that it is gone already.
        let _ = (&mut self.task.0).await;
    }
}

async fn run(
    session: Arc<Mutex<Session>>,
    periods: Periods,
    mut vitals: watch::Receiver<Vitals>,
    findings: mpsc::Sender<Finding>,
    now: Arc<Notify>,
    beating: Arc<tokio::sync::Mutex<()>>,
) {
    let follower = Arc::new(Mutex::new(Follower::default()));
    let mut is_listed = true;
    loop {
        tokio::select! {
            () = tokio::time::sleep(periods.every) => {}
            () = now.notified() => {}
        }
        if vitals.has_changed().is_err() {
            return; // stopped
        }
        let beat_under_way = beating.lock().await;
        let said = vitals.borrow_and_update().clone();
        let (mine, service, follower) = (session.clone(), said.descriptor.service.clone(), follower.clone());
        let beaten = tokio::task::spawn_blocking(move || {
            let mut session = mine.lock().unwrap_or_else(PoisonError::into_inner);
            let beaten = match beat(&mut session, periods, &said) {
                Ok((Finding::Well, listed)) => {
                    let mut follower = follower.lock().unwrap_or_else(PoisonError::into_inner);
                    Ok((follower.follow(&mut session, periods.every), listed))
                }
                beaten => beaten,
            };
            (beaten, session.keys().index().to_owned())
        });
        let beaten = beaten.await;
        drop(beat_under_way);
        let finding = match beaten {
            Ok((Ok((finding, listed)), index)) => {
                if listed != is_listed {
                    tell_listed(&service, &index, listed);
                }
                is_listed = listed;
                finding
            }
            Ok((Err(e), ..)) => Finding::Failed(e),
            Err(e) if e.is_panic() => {
                Finding::Failed(StoreError::new(FailureClass::Server, "the heartbeat", format!("it broke: {e}")))
            }
            // The runtime is shutting down.
            Err(_) => return,
        };
        if !matches!(finding, Finding::Well) && findings.send(finding).await.is_err() {
            return;
        }
    }
}

/// Watches what the sentinels say, where there are any.
#[derive(Default)]
struct Follower {
    asked: Option<Instant>,
    /// Why they did not answer, as it was logged.
    silent: Option<String>,
}

impl Follower {
    /// Whether the master is another one now; asked once in `every` at most. Blocks.
    fn follow(&mut self, session: &mut Session, every: Duration) -> Finding {
        if self.asked.is_some_and(|asked| asked.elapsed() < every) {
            return Finding::Well;
        }
        self.asked = Some(Instant::now());
        match session.follow(every) {
            Ok(silent) => self.tell(session.service().as_str(), silent),
            Err(e) => return Finding::Failed(e),
        }
        Finding::Well
    }

    fn tell(&mut self, service: &str, silent: Option<StoreError>) {
        match silent {
            Some(e) if self.silent.is_none() => {
                warn!(service, error = %e, hint = e.hint(), "the sentinels do not answer; a failover would not be noticed");
                self.silent = Some(e.to_string());
            }
            Some(_) => {}
            None if self.silent.take().is_some() => info!(service, "the sentinels answer again"),
            None => {}
        }
    }
}

fn tell_listed(service: &str, key: &str, listed: bool) {
    if listed {
        info!(service, key, "the service is in the index again");
        return;
    }
    let hint =
        "something else wrote to the index; remove it (DEL), and each service enters it again with its next heartbeat";
    warn!(service, key, hint, "the service is not in the index: {key} holds no sorted set");
}

/// One heartbeat: what it found, and whether the service stands in the index. Blocks.
pub fn beat(session: &mut Session, periods: Periods, vitals: &Vitals) -> Result<(Finding, bool), StoreError> {
    let Some(epoch) = vitals.epoch else { return Ok((Finding::Well, true)) };
    let now = super::now().unix_ms;
    let text = text(&vitals.descriptor, epoch, now);
    let request = BeatRequest {
        epoch,
        lease_ms: periods.lease.as_millis() as u64,
        descriptor: Some(text.as_str()).filter(|_| vitals.is_described),
        descriptor_ttl_ms: periods.descriptor_ttl.as_millis() as u64,
        now,
    };
    let found = session.beat(&request)?;
    Ok((judge(found, epoch, vitals.confirmed, now), !found.unlisted))
}

/// The descriptor as it is written under `epoch` at `now`.
pub(super) fn text(descriptor: &Descriptor, epoch: Epoch, now: UnixMs) -> String {
    let mut descriptor = Descriptor::clone(descriptor);
    descriptor.heartbeat_at = Stamp(now);
    descriptor.writer.epoch = epoch.0;
    // Strings, numbers and enums only: nothing in it can fail to serialise.
    serde_json::to_string(&descriptor).unwrap_or_default()
}

fn judge(found: Beat, epoch: Epoch, confirmed: Version, now: UnixMs) -> Finding {
    match found.fence {
        Some(fence) if fence > epoch.0 => Finding::TakenOver,
        Some(fence) if fence == epoch.0 => match found.canary {
            Some(canary) if canary >= confirmed.0 && canary <= highest_plausible(now) => Finding::Well,
            None if confirmed == Version(0) => Finding::Well,
            _ => Finding::DataLost,
        },
        _ => Finding::DataLost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings() {
        let judged =
            |fence, canary, confirmed| judge(Beat { fence, canary, unlisted: false }, Epoch(10), Version(confirmed), 0);
        assert!(matches!(judged(Some(10), Some(7), 7), Finding::Well));
        assert!(matches!(judged(Some(10), None, 0), Finding::Well));
        assert!(matches!(judged(Some(11), Some(7), 7), Finding::TakenOver));
        assert!(matches!(judged(None, None, 7), Finding::DataLost));
        assert!(matches!(judged(Some(9), Some(7), 7), Finding::DataLost));
        assert!(matches!(judged(Some(10), Some(6), 7), Finding::DataLost));
        assert!(matches!(judged(Some(10), None, 7), Finding::DataLost));
        assert!(matches!(judged(Some(10), Some(1 << 53), 7), Finding::DataLost), "nobody wrote that version");
    }
}
