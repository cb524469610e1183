//! The pipeline's side of the writer: sends jobs, counts what is under way, books receipts. It must not know records.

use std::{collections::VecDeque, io, sync::Arc, time::Instant};

use super::{
    handle::Handler,
    meter,
    traced::{Stretch, extend},
};
use crate::{
    envelope::{HEAD_MAX, probe},
    model::{Epoch, Version},
    store::{Batch, Job, Keys, Receipt, RenewBatch, Renewal, StoreError, Target, Writer},
    telemetry::metrics::ServiceMetrics,
};

/// Objects in one renewal.
const RENEW_BATCH: usize = 200;

/// What the receipts of a pass add up to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Booked {
    /// Values written.
    pub written: u64,
    /// Keys removed.
    pub removed: u64,
    /// TTLs extended.
    pub renewed: u64,
    /// Bytes of the values written.
    pub bytes_written: u64,
    /// Values found missing or overwritten by a renewal.
    pub lost: u64,
    /// When batches were written.
    pub(super) writes: Option<Stretch>,
    /// When TTLs were extended.
    pub(super) renewals: Option<Stretch>,
}

/// The writer and what is known of it.
#[derive(Debug)]
pub struct Link {
    writer: Writer,
    keys: Keys,
    ttl_ms: u64,
    ttl_ticks: u32,
    in_flight: usize,
    /// Jobs sent so far.
    jobs: u64,
    /// The first failure since the link was opened; until it is opened again nothing more is sent.
    pub failed: Option<StoreError>,
    /// Receipts of the running pass.
    pub booked: Booked,
    /// The highest version known to be in Redis.
    pub confirmed: Version,
    /// When the first item came in that is not in a batch that was sent.
    heard: Option<Instant>,
    /// The same of the batches under way, in order.
    waiting: VecDeque<Option<Instant>>,
    metrics: Arc<ServiceMetrics>,
}

impl Link {
    /// Starts a writer; nothing is sent before [`Link::open`].
    pub fn new(
        target: Target,
        keys: Keys,
        ttl_ms: u64,
        ttl_ticks: u32,
        metrics: Arc<ServiceMetrics>,
    ) -> io::Result<Self> {
        let redis = target.settings();
        let depth = (redis.max_in_flight.bytes() / redis.batch_bytes.bytes().max(1)).clamp(1, 64);
        let writer = Writer::spawn(target, keys.clone(), depth as usize)?;
        Ok(Self {
            writer,
            keys,
            ttl_ms,
            ttl_ticks,
            in_flight: 0,
            jobs: 0,
            failed: None,
            booked: Booked::default(),
            confirmed: Version(0),
            heard: None,
            waiting: VecDeque::new(),
            metrics,
        })
    }

    /// The service's keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Begins anew under `epoch`; nothing may be under way. What is in Redis is not known any more.
    pub async fn open(&mut self, epoch: Epoch) {
        self.failed = None;
        self.confirmed = Version(0);
        // The thread lives as long as this sender; see Writer.
        let _ = self.writer.jobs.send(Job::Open(epoch)).await;
    }

    /// Something came in.
    pub(super) fn hear(&mut self) {
        self.heard.get_or_insert_with(Instant::now);
    }

    /// Sends `batches`; waits while too many are under way.
    pub async fn write(&mut self, handler: &mut Handler, batches: Vec<Batch>) {
        let heard = self.heard.take();
        for batch in batches {
            self.waiting.push_back(heard);
            self.send(handler, Job::Write(batch)).await;
        }
    }

    /// Jobs sent so far.
    pub fn jobs(&self) -> u64 {
        self.jobs
    }

    /// How many of them have their receipt; receipts come in order.
    pub fn done(&self) -> u64 {
        self.jobs - self.in_flight as u64
    }

    /// Asks to verify and renew `slots`.
    pub async fn renew(&mut self, handler: &mut Handler, slots: &[u32]) {
        for slots in slots.chunks(RENEW_BATCH) {
            if self.failed.is_some() {
                return;
            }
            let mut batch = RenewBatch::new(self.ttl_ms, HEAD_MAX);
            for slot in slots {
                let (version, digest) = handler.ledger.written(*slot);
                let (start, further) = probe(version, &digest);
                batch.push(*slot, &self.keys, handler.ledger.id(*slot).as_ref(), start, further);
            }
            self.send(handler, Job::Renew(batch)).await;
        }
    }

    /// Asks whether this is the writer still; a receipt like any other.
    pub async fn look(&mut self, handler: &mut Handler) {
        self.send(handler, Job::Look).await;
    }

    async fn send(&mut self, handler: &mut Handler, job: Job) {
        // Receipts first: they free memory, and a failure shows as early as it can.
        while let Ok(receipt) = self.writer.receipts.try_recv() {
            self.book(handler, receipt);
        }
        self.in_flight += 1;
        self.metrics.batches_in_flight.set_count(self.in_flight);
        self.jobs += 1;
        let _ = self.writer.jobs.send(job).await;
    }

    /// Waits for one receipt and books it; pending for ever while nothing is under way.
    pub async fn receipt(&mut self, handler: &mut Handler) {
        match self.writer.receipts.recv().await {
            Some(receipt) => self.book(handler, receipt),
            None => std::future::pending().await,
        }
    }

    /// Waits until nothing is under way.
    pub async fn settle(&mut self, handler: &mut Handler) {
        while self.in_flight > 0 {
            self.receipt(handler).await;
        }
    }

    /// Forgets removed objects, unless they are back already.
    fn forget(handler: &mut Handler, removed: Vec<u32>) {
        for slot in removed {
            if handler.ledger.is_broken(slot) {
                handler.ledger.remove(slot);
            }
        }
    }

    fn book(&mut self, handler: &mut Handler, receipt: Receipt) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let (before, metrics) = (self.booked, self.metrics.clone());
        let heard = matches!(receipt, Receipt::Written { .. }).then(|| self.waiting.pop_front().flatten()).flatten();
        match receipt {
            Receipt::Written { touched, took, result: Ok(()) } => {
                metrics.batch_duration.of("write").observe(took);
                extend(&mut self.booked.writes, took);
                if let Some(heard) = heard.filter(|_| !touched.sets.is_empty()) {
                    metrics.change_visible.observe(heard.elapsed());
                }
                self.confirmed = self.confirmed.max(touched.highest);
                self.booked.written += touched.sets.len() as u64;
                self.booked.removed += touched.removes.len() as u64;
                self.booked.bytes_written += touched.value_bytes;
                metrics.change_events.add(touched.events.into());
                handler.announce(&touched.sets, &touched.removes);
                Self::forget(handler, touched.removes);
            }
            Receipt::Written { touched, result: Err(e), .. } => {
                for slot in touched.sets {
                    handler.ledger.set_broken(slot);
                }
                // It may have been executed all the same. What is there still is found when all is read back, which
                // follows each failure; what is not there is not missed.
                Self::forget(handler, touched.removes);
                self.failed.get_or_insert(e);
            }
            Receipt::Renewed { slots, took, result: Ok(answers) } => {
                metrics.batch_duration.of("renew").observe(took);
                extend(&mut self.booked.renewals, took);
                let expires = super::now().tick.saturating_add(self.ttl_ticks);
                for (slot, answer) in slots.into_iter().zip(answers) {
                    match answer {
                        Renewal::Renewed => {
                            self.booked.renewed += 1;
                            handler.ledger.set_expires(slot, expires);
                        }
                        Renewal::Missing | Renewal::Other => {
                            let is_missing = matches!(answer, Renewal::Missing);
                            metrics.lost.of(if is_missing { "missing" } else { "overwritten" }).add(1);
                            self.booked.lost += 1;
                            handler.ledger.set_broken(slot);
                            handler.note_lost(slot);
                        }
                    }
                }
            }
            Receipt::Renewed { result: Err(e), .. } | Receipt::Looked(Err(e)) => {
                self.failed.get_or_insert(e);
            }
            Receipt::Looked(Ok(())) => {}
        }
        metrics.written.add(self.booked.written - before.written);
        metrics.removed.add(self.booked.removed - before.removed);
        metrics.written_bytes.add(self.booked.bytes_written - before.bytes_written);
        metrics.renewed.add(self.booked.renewed - before.renewed);
        metrics.batches_in_flight.set_count(self.in_flight);
        meter::objects(&metrics, &handler.ledger);
    }
}
