//! One pass: fetch, handle, write, remove what vanished, renew, and say what was done. It must not know when the next is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};

use super::{
    engine::{Engine, Kind},
    fill::{self, Fill},
    heed::news,
    inquiry::Inquiry,
    link::Booked,
    pulse::Finding,
    recovery::Recovery,
    removing::Vanished,
    report::{PassReport, Summary},
    stopped,
    stream::{Hearing, SnapshotEnd},
    traced::extend,
};
use crate::{
    decision::Known,
    events::Reason,
    model::{Ending, Fetched},
    sources::{Sink, Source, SourceError},
    store::{FailureClass, News, StoreError},
};

/// Items that wait between source and handler: blocks of up to 256 KiB.
const QUEUE: usize = 4;

/// How far a pass has come, for showing.
#[derive(Debug, Default)]
pub struct Progress {
    /// Objects handled.
    pub objects: AtomicU64,
    /// Values written.
    pub written: AtomicU64,
}

enum Event {
    Item(Option<Fetched>),
    Ended(Result<Ending, SourceError>),
    Receipt,
    Found(Finding),
    News(Vec<News>),
    Fill(fill::News),
    /// The pace of a recovery lets more be taken.
    Ready,
    /// The spool has more to be told again.
    Replay,
    Inquiry(Inquiry),
    Sweep,
    Stop,
}

impl Engine {
    /// Fetches once from `source` and brings Redis up to it. Ends early when `stop` turns true or Redis fails.
    pub async fn pass(
        &mut self,
        source: &mut dyn Source,
        stop: &mut watch::Receiver<bool>,
        progress: Option<Arc<Progress>>,
    ) -> PassReport {
        let (begun, started_at) = (Instant::now(), super::now().unix_ms);
        let is_stream = source.is_stream();
        self.measure();
        self.link.booked = Booked::default();
        self.handler.begin(!is_stream);
        if self.desk.is_narrow() {
            self.handler.begin_narrow(&self.desk.narrow);
        }
        self.begin_recovery(is_stream);
        if !self.is_settled || self.handler.ledger.broken() > 0 {
            source.forget();
        }
        let ended = self.consume(source, stop, progress.as_deref()).await;
        let (interrupted, anew) = (matches!(ended, Ok(None)), std::mem::take(&mut self.anew));
        let mut report = PassReport { started_at, interrupted, anew, ..PassReport::default() };
        self.flush().await;
        let mut complete = false;
        match &ended {
            Ok(Some(ending)) if self.link.failed.is_none() => {
                if *ending == Ending::Unchanged {
                    self.handler.confirm_all();
                }
                let is_whole = matches!(ending, Ending::Complete | Ending::Unchanged) || self.handler.ended;
                report.whole = is_whole;
                // A change whose object is not known is one that is missing.
                report.delta = *ending == Ending::Delta && self.handler.counts.unnamed == 0;
                complete = is_whole && self.handler.in_snapshot && self.handler.counts.unnamed == 0;
            }
            Ok(_) => {}
            Err(e) => {
                report.source_failure = Some(e.kind());
                report.source_error = Some(e.to_string());
                report.public_error = Some(e.public());
            }
        }
        if complete {
            report.refused = self.remove_measured(&mut report.summary).await;
        }
        if self.kind == Kind::Once {
            // What is kept has to be kept alive: nobody else does.
            self.renew_due(ended.is_err() || report.refused.is_some()).await;
        }
        self.link.settle(&mut self.handler).await;
        report.unfinished = self.end_recovery(ended.is_ok());
        report.whole &= !report.unfinished;
        self.finish(&mut report, complete, begun.elapsed());
        self.trace(&report);
        if self.desk.is_narrow() {
            // It says nothing of the other objects.
            return report;
        }
        if report.whole && !is_stream {
            self.release_known();
            self.desk.whole_pass = self.handler.pass;
        }
        let is_all_there = report.summary.complete || (report.delta && report.store_error.is_none());
        self.is_settled = is_all_there && !report.unfinished && !self.handler.failing.unsure;
        if self.kind != Kind::Plan {
            self.note(&report);
            self.announce_status().await;
            if report.store_error.is_none() && !report.interrupted {
                report.store_error = self.save_baseline().await.err();
            }
            self.log(&report);
        }
        report
    }

    /// Takes what the source hands over until it ends; `None` when the pass was stopped or Redis failed.
    async fn consume(
        &mut self,
        source: &mut dyn Source,
        stop: &mut watch::Receiver<bool>,
        progress: Option<&Progress>,
    ) -> Result<Option<Ending>, SourceError> {
        let (sink, mut items) = Sink::channel(QUEUE);
        let mut fetch = source.fetch(&sink);
        let begun = Instant::now();
        let mut swept = begun;
        let step = self.sweep.step_every();
        let (is_stream, mut hearing) = (self.is_stream(), Hearing::begin());
        let mut ended = None;
        loop {
            // What it handed over before it ended is still in the queue.
            if ended.is_some() && items.is_empty() {
                return ended.transpose();
            }
            let ready_at = self.recovery.as_ref().map_or(begun, Recovery::ready_at);
            let is_ready = ready_at <= Instant::now();
            let event = tokio::select! {
                biased;
                () = stopped(stop) => Event::Stop,
                finding = finding(&mut self.pulse) => Event::Found(finding),
                () = tokio::time::sleep_until((swept + step).into()), if self.kind == Kind::Run => Event::Sweep,
                news = news(&mut self.heed) => Event::News(news),
                inquiry = self.desk.next() => Event::Inquiry(inquiry),
                () = tokio::time::sleep_until(ready_at.into()), if !is_ready => Event::Ready,
                () = std::future::ready(()), if is_ready && self.replay.is_some() => Event::Replay,
                event = next(&mut items, is_ready, &mut self.fill) => event,
                result = &mut fetch, if ended.is_none() => Event::Ended(result),
                () = self.link.receipt(&mut self.handler) => Event::Receipt,
            };
            match event {
                Event::Item(Some(item)) => {
                    hearing.heard();
                    self.take(item, progress).await;
                }
                Event::Item(None) | Event::Ready | Event::Receipt => {}
                Event::Replay => {
                    if !self.replay_more().await {
                        self.anew = true;
                        return Ok(Some(Ending::Open));
                    }
                }
                Event::News(news) => self.heard(news).await,
                Event::Fill(news) => self.fill(news).await,
                Event::Inquiry(inquiry) => self.inquire(inquiry),
                Event::Ended(result) => ended = self.fetched(begun, result),
                Event::Sweep => {
                    let elapsed = swept.elapsed();
                    swept = Instant::now();
                    if is_stream {
                        self.attend(&hearing).await;
                    }
                    self.renew_step(elapsed).await;
                }
                Event::Found(finding) => self.found(finding),
                Event::Stop => return Ok(None),
            }
            self.answer();
            if self.link.failed.is_some() {
                return Ok(None);
            }
            if is_stream && self.link.booked.lost > 0 && !self.retell_lost() {
                self.anew = true;
                return Ok(Some(Ending::Open));
            }
        }
    }

    pub(super) async fn take(&mut self, item: Fetched, progress: Option<&Progress>) {
        match item {
            // Of several inputs, it is in the spool already, and what is told of it is from there.
            Fetched::Asked(_, tally) if self.inputs.is_none() && tally.lock().is_abandoned => {}
            Fetched::Asked(item, tally) => self.take_asked(*item, &tally).await,
            Fetched::Confirm(confirm) => self.confirm_later(confirm),
            Fetched::Vanishing(asked) => self.judge_input(asked).await,
            item => {
                let is_idle = self.take_item(item);
                self.after_item(is_idle).await;
            }
        }
        if let Some(progress) = progress {
            progress.objects.store(self.handler.counts.objects, Ordering::Relaxed);
            progress.written.store(self.link.booked.written, Ordering::Relaxed);
        }
    }

    /// Handles one item; whether it says that the source is quiet.
    pub(super) fn take_item(&mut self, item: Fetched) -> bool {
        let is_idle = matches!(item, Fetched::Idle);
        let begun = self.live.measured.is_some().then(Instant::now);
        let set = self.handler.counts.set;
        self.link.hear();
        self.handler.take(item, super::now());
        if let Some(recovery) = &mut self.recovery {
            recovery.spend(self.handler.counts.set - set);
        }
        if let (Some(begun), Some(measured)) = (begun, &mut self.live.measured) {
            extend(&mut measured.handled, begun.elapsed());
        }
        is_idle
    }

    /// Sends what an item led to, and ends a stream's snapshot where it said so.
    pub(super) async fn after_item(&mut self, is_idle: bool) -> Option<SnapshotEnd> {
        if is_idle {
            self.flush().await;
            self.note_stream().await;
        } else {
            self.send_ready().await;
        }
        if self.handler.ended && self.kind == Kind::Run && self.is_stream() {
            return Some(self.end_of_stream_snapshot().await);
        }
        None
    }

    /// Removes the objects that a complete snapshot did not name, unless the guard refuses; and what others put in objects'
    /// places.
    pub(super) async fn remove_vanished(&mut self, summary: &mut Summary) -> Option<String> {
        // What was deleted in so many words did not vanish: it is booked first.
        self.link.settle(&mut self.handler).await;
        let Vanished { mut objects, foreign } = self.handler.vanished();
        if self.handler.ledger.len() == objects.len() + foreign.len() {
            // A snapshot of nothing is not believed about anything.
            objects.extend(foreign);
        } else if !foreign.is_empty() {
            self.tell_foreign(foreign.len());
            self.remove(foreign, Reason::Foreign).await;
            self.link.settle(&mut self.handler).await;
        }
        if let Err(refused) = self.ask_guard(objects.len() as u64, summary).await {
            return Some(refused);
        }
        if self.link.failed.is_some() {
            return None;
        }
        self.remove(objects, Reason::Vanished).await;
        None
    }

    async fn remove(&mut self, slots: Vec<u32>, why: Reason) {
        for slot in slots {
            self.handler.remove_slot(slot, why);
            self.send_ready().await;
        }
        self.flush().await;
    }

    /// `once`: renews what has run down, since nobody does until it is started again: what was confirmed, or `all`.
    async fn renew_due(&mut self, all: bool) {
        let mut slots = std::mem::take(&mut self.handler.renewals);
        if all && !self.is_too_stale() {
            let ttl_ms = self.settings.content.ttl.as_millis() as u64;
            let tick = super::now().tick;
            let ledger = &self.handler.ledger;
            let run_down = |slot: &u32| match ledger.known(*slot, tick) {
                Known::Value { left_ms, .. } => left_ms < ttl_ms - ttl_ms / 20,
                _ => false,
            };
            slots = ledger.iter().filter(run_down).collect();
        }
        self.link.renew(&mut self.handler, &slots).await;
    }

    /// The verifying renewals that are due after `elapsed` more time.
    pub(super) async fn renew_step(&mut self, elapsed: Duration) {
        let is_too_stale = self.is_too_stale();
        self.live.ages(&self.descriptor, is_too_stale);
        self.announce_status().await;
        if is_too_stale {
            return self.turn_stale();
        }
        let slots = self.sweep.step(&self.handler.ledger, elapsed);
        if !slots.is_empty() {
            // What is still in the batch under way has to be there before it is looked for.
            self.flush().await;
            self.link.renew(&mut self.handler, &slots).await;
        }
        self.look_at_whole(elapsed).await;
    }

    /// A heartbeat's finding, as a failure of the link.
    pub(super) fn found(&mut self, finding: Finding) {
        let address = self.target.address();
        let failure = |class, cause: &str| StoreError::new(class, &address, cause);
        let failed = match finding {
            Finding::Well => return,
            Finding::TakenOver => failure(FailureClass::Fenced, "another writer took the lease over"),
            Finding::DataLost => failure(FailureClass::DataLost, "data was flushed or rolled back"),
            Finding::Failed(e) => e,
        };
        self.link.failed.get_or_insert(failed);
    }

    /// Ends the batch under way and sends it.
    pub(super) async fn flush(&mut self) {
        self.handler.output.flush(&mut self.handler.clock, false);
        self.send_ready().await;
        self.confirm_sent().await;
    }

    async fn send_ready(&mut self) {
        let ready = self.handler.output.take_ready();
        // First the spool, then Redis: what a reader saw is never unknown after a crash.
        self.keep();
        if let Some(heed) = &mut self.heed {
            ready.iter().for_each(|batch| heed.sent(batch.sets()));
        }
        if !ready.is_empty() {
            self.link.write(&mut self.handler, ready).await;
        }
    }
}

/// The next item, where items may be taken, or something to do about readers' wishes; neither holds up the other.
async fn next(items: &mut mpsc::Receiver<Fetched>, is_ready: bool, fill: &mut Fill) -> Event {
    tokio::select! {
        item = items.recv(), if is_ready => Event::Item(item),
        news = fill.news() => Event::Fill(news),
    }
}

/// The next finding of the heartbeat; pending for ever without one.
pub(super) async fn finding(pulse: &mut Option<super::pulse::Pulse>) -> Finding {
    match pulse {
        Some(pulse) => match pulse.findings.recv().await {
            Some(finding) => finding,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
