//! The life of one service: stand by, learn, pass after pass, renew in between, recover, hand back. It must not know how a
//! pass works, nor end the process.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use super::{
    backoff::Backoff,
    engine::{Engine, Opened},
    heed::news,
    pass::finding,
    schedule::{Outcome, Schedule, heal_gap},
    stopped,
    told::{Say, Told},
};
use crate::{
    sources::Source,
    store::{FailureClass, StoreError},
};

/// How often at least a standby looks whether the lease is free.
const STANDBY_LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Why the idle time ended.
enum Woken {
    Due,
    Changed,
    Asked,
    Lost,
    Wanted,
    Failed,
    Stop,
}

/// Runs the service until `stop` turns true; nothing else ends it. `grace` bounds what is done after that, whatever it is.
pub async fn run(engine: Engine, source: Box<dyn Source>, stop: watch::Receiver<bool>, grace: Duration) {
    let mut told = stop.clone();
    let over = async {
        stopped(&mut told).await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        () = live(engine, source, stop) => {}
        () = over => warn!("could not end cleanly within shutdown.grace; the lease expires by itself"),
    }
}

async fn live(mut engine: Engine, mut source: Box<dyn Source>, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(15));
    let mut told = RedisTold::default();
    while become_writer(&mut engine, &mut stop, &mut backoff, &mut told).await {
        let good_before = engine.descriptor.last_success_at;
        let failed = work(&mut engine, source.as_mut(), &mut stop, &mut backoff, &mut told).await;
        let Some(e) = failed else { break };
        if engine.descriptor.last_success_at != good_before {
            // A stream's pass ends only with a failure, and yet all may have been well for weeks.
            backoff.reset();
        }
        engine.meter_failure(&e);
        told.failed(engine.service(), &e);
        // Lost data is looked at without delay, unless it was just now.
        let is_first = e.class == FailureClass::DataLost && backoff.is_fresh();
        let wait = backoff.next();
        if !is_first && pause(wait, &mut stop).await {
            break;
        }
    }
    source.close().await;
    engine.fill.close().await;
    engine.flush().await;
    engine.link.settle(&mut engine.handler).await;
    engine.answer();
    engine.close().await;
    engine.live.stopped();
}

/// What was logged of Redis' failures: a cause that stays is told once, and so is one that comes and goes.
#[derive(Default)]
struct RedisTold {
    told: Told,
    standby: bool,
}

impl RedisTold {
    fn failed(&mut self, service: &str, e: &StoreError) {
        let (error, hint) = (e.to_string(), e.hint());
        match (self.told.failed(&error, Instant::now()), e.class) {
            (Say::Begins, FailureClass::Fenced) => warn!(service, "another writer took the lease over; standing by"),
            (Say::Begins, FailureClass::FailedOver) => {
                warn!(service, error, "Redis failed over; going to the new master");
            }
            (Say::Begins, FailureClass::DataLost) => warn!(service, error, "what is missing in Redis is written again"),
            (Say::Begins, _) => error!(service, error, hint, "Redis failed; trying again"),
            (Say::Recurs, _) => {
                error!(service, error, hint, "Redis fails now and then; not told again until it is over");
            }
            (Say::Nothing | Say::Over { .. }, _) => debug!(service, error, "Redis still fails"),
        }
    }

    fn well(&mut self, service: &str) {
        if let Say::Over { times } = self.told.well(Instant::now()) {
            info!(service, times, "Redis is well again");
        }
    }
}

/// Waits until this is the writer; false when it was stopped before.
async fn become_writer(
    engine: &mut Engine,
    stop: &mut watch::Receiver<bool>,
    backoff: &mut Backoff,
    told: &mut RedisTold,
) -> bool {
    while !*stop.borrow() {
        let opened = engine.open().await;
        let service = engine.service();
        let wait = match opened {
            Ok(Opened::Writer) => {
                told.well(service);
                told.standby = false;
                return true;
            }
            Ok(Opened::Taken { holder, left_ms }) => {
                engine.live.stands_by(&holder);
                if !told.standby {
                    info!(service, holder, "another writer holds the lease; standing by");
                }
                told.standby = true;
                backoff.reset();
                let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
                // A lease that is handed back is free at once: a rolling update should not wait for its end.
                let most = STANDBY_LOOKS_EVERY.min(engine.settings.writer.lease.0 / 3);
                left.clamp(Duration::from_millis(100), most)
            }
            Err(e) => {
                engine.meter_failure(&e);
                told.failed(service, &e);
                backoff.next()
            }
        };
        if pause(wait, stop).await {
            return false;
        }
    }
    false
}

/// Pass after pass; ends with what failed in Redis, or with nothing when it was stopped.
async fn work(
    engine: &mut Engine,
    source: &mut dyn Source,
    stop: &mut watch::Receiver<bool>,
    backoff: &mut Backoff,
    told: &mut RedisTold,
) -> Option<StoreError> {
    let mut schedule = Schedule::new(&engine.settings.source, source.is_stream());
    engine.live.metrics.circuit_open.set_flag(false);
    let mut due = Instant::now();
    loop {
        let begun = Instant::now();
        let waiting = engine.begin_refresh(source).await;
        let report = engine.pass(source, stop, None).await;
        let is_narrow = engine.end_refresh(waiting, &report);
        if report.store_error.is_some() {
            return report.store_error;
        }
        backoff.reset();
        told.well(engine.service());
        if *stop.borrow() {
            return None;
        }
        let outcome = match &report {
            report if report.unfinished => Outcome::Unfinished,
            report if report.anew => Outcome::Anew,
            report if report.source_error.is_some() => Outcome::Failed,
            _ => Outcome::Told,
        };
        if !is_narrow {
            due = begun + schedule.next(outcome, begun.elapsed());
        }
        engine.live.metrics.circuit_open.set_flag(schedule.is_open());
        tell_circuit(engine.service(), &schedule);
        loop {
            match idle(engine, source, due, stop).await {
                Woken::Stop => return None,
                Woken::Failed => return engine.link.failed.clone(),
                Woken::Lost => {
                    due = due.min(begun + heal_gap(engine.settings.source.interval.0));
                    if engine.lost_lines.take() {
                        let service = engine.service();
                        info!(service, "renewals found values missing or overwritten; they are fetched anew");
                    }
                }
                Woken::Wanted => due = due.min(begun + heal_gap(engine.settings.source.interval.0)),
                Woken::Due | Woken::Changed | Woken::Asked => break,
            }
        }
        // Data may have been flushed while nothing was written: what looks unchanged would be skipped.
        let finding = engine.check().await;
        engine.found(finding);
        if engine.link.failed.is_some() {
            return engine.link.failed.clone();
        }
    }
}

/// A source that keeps failing is told of once, when it begins to be left alone.
fn tell_circuit(service: &str, schedule: &Schedule) {
    if schedule.has_just_opened() {
        let (failures, pause_s) = (schedule.failures(), schedule.pause().as_secs_f64());
        warn!(service, failures, pause_s, "the source failed {failures} times in a row: it is tried less often now");
    }
}

/// Renews and books until something is to be done.
async fn idle(engine: &mut Engine, source: &mut dyn Source, due: Instant, stop: &mut watch::Receiver<bool>) -> Woken {
    let mut swept = Instant::now();
    let step = engine.sweep.step_every();
    let lost = engine.link.booked.lost;
    loop {
        if engine.is_asked() {
            return Woken::Asked;
        }
        if engine.fill.wants_pass() {
            return Woken::Wanted;
        }
        tokio::select! {
            biased;
            () = stopped(stop) => return Woken::Stop,
            found = finding(&mut engine.pulse) => engine.found(found),
            () = engine.link.receipt(&mut engine.handler) => {}
            () = tokio::time::sleep_until((swept + step).into()) => {
                let elapsed = swept.elapsed();
                swept = Instant::now();
                engine.renew_step(elapsed).await;
            }
            news = news(&mut engine.heed) => engine.heard(news).await,
            inquiry = engine.desk.next() => engine.inquire(inquiry),
            news = engine.fill.news() => engine.fill(news).await,
            () = source.changed() => return Woken::Changed,
            () = tokio::time::sleep_until(due.into()) => return Woken::Due,
        }
        if engine.link.failed.is_some() {
            return Woken::Failed;
        }
        if engine.link.booked.lost > lost {
            return Woken::Lost;
        }
    }
}

/// Waits; true when it was stopped meanwhile.
async fn pause(wait: Duration, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = stopped(stop) => true,
        () = tokio::time::sleep(wait) => false,
    }
}
