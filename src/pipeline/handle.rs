//! The journey of one record on one screen: identify, skip or parse, render, seal, decide, put into a batch. It must not
//! know where records come from, nor wait for anything.

use std::{cell::Cell, sync::Arc};

use super::{
    failing::Failing,
    faults::Faults,
    inquiry::{Decided, History},
    intake::{Intake, Taken},
    ledger::{Ledger, TICK_MS, Tick},
    plan::Output,
    record::{self, Lead},
    repeat::Filled,
    spooling::Kept,
    totals::{Counts, Totals},
    unmatched::Tally,
    vet::check_size,
};
use crate::{
    decision::{Known, RenewalPolicy, Verdict, WriteReason, decide},
    envelope::Sealer,
    events::Teller,
    model::{Block, Clock, Content, Document, Epoch, Fault, FaultKind, Fetched, Place, UnixMs, Version},
    render::{Removed, Rendered, TemplateProblem},
    settings::{Settings, Size},
};

/// Moment at which a block is handled.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Wall clock.
    pub unix_ms: UnixMs,
    /// Process clock.
    pub tick: Tick,
}

/// Everything that one record meets, and the state of the running pass.
pub struct Handler {
    pub(super) service: String,
    /// What is known of each object.
    pub ledger: Ledger,
    /// Gives the next version.
    pub clock: Clock,
    /// The epoch that goes into envelopes.
    pub epoch: Epoch,
    /// Faults of this pass.
    pub faults: Faults,
    /// Records of this pass that are about no known object.
    pub unmatched: Tally,
    /// Counts of this pass.
    pub counts: Counts,
    past: Totals,
    /// Objects that the source named in the pass before.
    pub(super) named_before: u64,
    /// Objects to renew at once.
    pub renewals: Vec<u32>,
    /// Objects that a pass removed, by slot and id, for whoever wants to tell them.
    pub removed: Option<Vec<(u32, String)>>,
    /// Where verdicts go.
    pub output: Output,
    /// Number of the running pass.
    pub pass: u32,
    /// A snapshot is under way: an id twice is a fault, and the end removes what was not named.
    pub in_snapshot: bool,
    /// `{"end": true}` was read in this snapshot.
    pub ended: bool,
    /// What is known of an object that is named again, for whoever has to tell it.
    pub(super) again: Option<(String, String)>,
    /// What is being handled belongs to no snapshot, and can begin or end none.
    pub only_changes: bool,
    /// Lost values with a greater version than this are not healed yet.
    pub heal_up_to: Version,
    /// What was taken, for the spool; none without one.
    pub kept: Option<Kept>,
    /// Objects that were asked for since the running pass began.
    pub(super) filled: Filled,
    /// What was decided of late.
    pub(super) history: History,
    policy: RenewalPolicy,
    pub(super) sealer: Sealer,
    intake: Intake,
    /// What the sanitiser took out of the content that is being handled.
    pub(super) removed_markup: Removed,
    pub(super) failing: Failing,
    pub(super) teller: Teller,
    max_content: usize,
    max_binary: usize,
    max_total: u64,
    pub(super) ttl_ticks: u32,
}

impl Handler {
    /// A handler for `settings`; `sealer` knows the service and what to ignore.
    pub fn new(settings: &Settings, sealer: Sealer, output: Output, policy: RenewalPolicy) -> Self {
        Self {
            service: settings.name().to_string(),
            ledger: Ledger::default(),
            clock: Clock::default(),
            epoch: Epoch::default(),
            faults: Faults::default(),
            unmatched: Tally::default(),
            counts: Counts::default(),
            past: Totals::default(),
            named_before: 0,
            renewals: Vec::new(),
            removed: None,
            output,
            pass: 0,
            in_snapshot: false,
            ended: false,
            again: None,
            only_changes: false,
            heal_up_to: Version(u64::MAX),
            kept: None,
            filled: Filled::default(),
            history: History::default(),
            policy,
            sealer,
            intake: Intake::new(settings),
            removed_markup: Removed::default(),
            failing: Failing::default(),
            teller: Teller::new(settings.name()),
            max_content: settings.limits.max_content.as_usize(),
            max_binary: settings.limits.max_binary.as_usize(),
            max_total: settings.limits.max_total.bytes(),
            ttl_ticks: ticks(settings.content.ttl.as_millis()),
        }
    }

    /// What is wrong with the template: nothing is to start with it.
    pub fn template_problem(&self) -> Option<&TemplateProblem> {
        self.intake.problem()
    }

    /// Begins a pass; `snapshot` unless the source emits deltas.
    pub fn begin(&mut self, snapshot: bool) {
        self.pass += 1;
        self.past = self.totals();
        self.named_before = self.counts.objects;
        self.counts = Counts::default();
        self.faults.begin();
        self.unmatched.begin();
        self.end_filled();
        self.failing.unsure = false;
        self.renewals.clear();
        self.output.begin();
        self.in_snapshot = snapshot;
        self.ended = false;
    }

    /// Counts of all passes, this one included.
    pub fn totals(&self) -> Totals {
        self.past.plus(&self.counts)
    }

    /// `{"begin": true}`: what was named before does not count for this snapshot.
    fn begin_snapshot(&mut self) {
        self.pass += 1;
        (self.counts.unnamed, self.counts.new) = (0, 0);
        (self.in_snapshot, self.ended) = (true, false);
    }

    /// Takes one item of the source.
    pub fn take(&mut self, item: Fetched, now: Now) {
        match item {
            Fetched::Block { origin, block } => self.block(&origin, &block, now),
            Fetched::Document(document) => self.document(&document, now),
            Fetched::Same { id } => self.same(&id, now),
            Fetched::Again { id, why } => self.again = Some((id, why)),
            Fetched::Unmatched(unmatched) => self.unmatched(&unmatched),
            Fetched::Keep(ranges) => self.keep_ranges(&ranges),
            Fetched::Broken { place, id, fault } => self.fault(&place, id.as_deref(), &fault),
            // Whose answer is due is the engine's business.
            Fetched::Asked(item, _) => self.take(*item, now),
            Fetched::BrokenOff => (self.in_snapshot, self.ended) = (false, false),
            Fetched::Idle | Fetched::Confirm(_) | Fetched::Vanishing(_) => {}
        }
    }

    fn block(&mut self, origin: &Arc<str>, block: &Block, now: Now) {
        for span in &block.records {
            let bytes = &block.data[span.range()];
            let raw = self.ledger.raw_hash(bytes);
            if record::lead(bytes).is_some_and(|lead| self.usual(&lead, bytes, raw, now)) {
                continue;
            }
            let place = || Place { origin: origin.clone(), line: span.line };
            if let Some((id, fault)) = self.failing.get(raw) {
                self.fault(&place(), id.as_deref(), &fault);
                continue;
            }
            let same = Cell::new(None);
            let known = |id: &str| {
                same.set(self.ledger.find(id).filter(|slot| self.ledger.is_same_raw(*slot, raw)));
                same.get().is_some()
            };
            // Unusual layouts are parsed before they are known to be the same, but not rendered.
            let taken = match (self.intake.record_unless(bytes, known), same.get()) {
                (Ok(None), Some(slot)) if self.confirm(slot, now) => continue,
                (Ok(None), _) => self.intake.record(bytes),
                (Ok(Some(taken)), _) => Ok(taken),
                (Err(bad), _) => Err(bad),
            };
            match taken {
                Ok(Taken::Upsert { id, content, removed }) => {
                    let slot = self.ledger.find(&id);
                    self.rendered(removed);
                    match self.object(slot, &id, &content, raw, now) {
                        Ok(()) => self.keep(&id, bytes),
                        Err(fault) => self.fault(&place(), Some(&id), &fault),
                    }
                }
                Ok(Taken::Remove { id }) => self.remove(&id),
                Ok(Taken::Begin | Taken::End) if self.filled.is_on => {}
                Ok(Taken::Begin | Taken::End) if self.only_changes => {
                    let reason = "a snapshot's begin or end among changes";
                    self.fault(&place(), None, &Fault::new(FaultKind::BadField, reason));
                }
                Ok(Taken::Begin) => self.begin_snapshot(),
                Ok(Taken::End) => self.ended = true,
                Ok(Taken::Heartbeat) => {}
                Err(bad) => {
                    self.failing.keep(raw, &bad);
                    self.fault(&place(), bad.id.as_deref(), &bad.fault);
                }
            }
        }
    }

    /// A record in the usual layout: the skip fast path, or its content without a parser before the canonicaliser. False
    /// when it needs the full journey, which also finds out what is wrong with it.
    fn usual(&mut self, lead: &Lead<'_>, record: &[u8], raw: u64, now: Now) -> bool {
        let slot = self.ledger.find(lead.id);
        if slot.is_some_and(|slot| self.ledger.is_same_raw(slot, raw) && self.confirm(slot, now)) {
            return true;
        }
        let content = self.intake.usual(lead);
        self.removed_markup = Removed::default();
        // Whatever is refused left no trace.
        let taken = content.is_some_and(|content| self.object(slot, lead.id, &content, raw, now).is_ok());
        if taken {
            self.keep(lead.id, record);
        }
        taken
    }

    fn keep(&mut self, id: &str, record: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.put(id, record);
        }
    }

    fn document(&mut self, document: &Document, now: Now) {
        let id = match self.intake.document_id(document) {
            Ok(id) => id,
            Err(fault) => return self.fault(&document.place, None, &fault),
        };
        let raw = self.ledger.raw_hash(&document.data) ^ u64::from(document.content_type.as_str().len() as u32);
        let slot = self.ledger.find(id);
        if slot.is_some_and(|slot| self.ledger.is_same_raw(slot, raw) && self.confirm(slot, now)) {
            return;
        }
        let rendered = self.intake.document(document);
        let taken = rendered.and_then(|Rendered { content, removed }| {
            self.rendered(removed);
            self.object(slot, id, &content, raw, now)
        });
        self.failing.document(document, id, taken.as_ref().err());
        if let Err(fault) = taken {
            self.fault(&document.place, Some(id), &fault);
        }
    }

    /// The sanitiser took `removed` out of what comes next.
    fn rendered(&mut self, removed: Removed) {
        self.counts.markup_removed += removed.total();
        self.removed_markup = removed;
    }

    /// The skip fast path: the same bytes as last time gave what stands in Redis. False when it needs the full journey.
    pub(super) fn confirm(&mut self, slot: u32, now: Now) -> bool {
        let known = self.ledger.known(slot, now.tick);
        let (_, digest) = self.ledger.written(slot);
        let verdict = decide(known, &digest, self.policy);
        if matches!(verdict, Verdict::Write(_)) {
            return false;
        }
        if self.in_snapshot && self.ledger.seen(slot) == self.pass {
            return true;
        }
        match verdict {
            Verdict::Renew => self.renewals.push(slot),
            _ => self.counts.skipped += 1,
        }
        self.see(slot);
        self.counts.objects += 1;
        true
    }

    /// Seals the content of the object `id`, which has `slot` in the ledger; decides, and puts the outcome where it
    /// belongs. Changes nothing when it fails.
    fn object(&mut self, slot: Option<u32>, id: &str, content: &Content<'_>, raw: u64, now: Now) -> Result<(), Fault> {
        self.output.check(content)?;
        check_size(content, self.max_content, self.max_binary)?;
        let digest = self.sealer.prepare(content)?;
        let known = slot.map_or(Known::Nothing, |slot| self.ledger.known(slot, now.tick));
        if let Some(slot) = slot {
            self.check_duplicate(slot, id, &digest)?;
        }
        let verdict = decide(known, &digest.prefix(), self.policy);
        let len = self.sealer.envelope_len(id, self.clock.last(), self.epoch);
        if matches!(verdict, Verdict::Write(_)) {
            self.check_room(slot, len)?;
        }
        self.output.note(&self.service, id, verdict, known);
        let slot = slot.unwrap_or_else(|| {
            self.counts.new += 1;
            self.ledger.insert_new(id)
        });
        self.ledger.set_size(slot, len);
        if self.ledger.seen(slot) != self.pass || !self.in_snapshot {
            self.counts.objects += 1;
        }
        self.see(slot);
        match verdict {
            Verdict::Write(WriteReason::Healed) if self.ledger.written(slot).0 > self.heal_up_to => {
                self.counts.deferred += 1;
            }
            Verdict::Write(reason) => {
                self.counts.writes.count(reason);
                self.history.note(Some(slot), id, Decided::Write(reason), self.pass);
                self.write(slot, id, (&digest, reason), raw, now);
            }
            Verdict::Renew => {
                self.ledger.set_raw(slot, raw);
                self.renewals.push(slot);
            }
            Verdict::Skip => {
                self.ledger.set_raw(slot, raw);
                self.counts.skipped += 1;
            }
        }
        Ok(())
    }

    /// Whether a value of `len` bytes in place of the one in `slot` keeps the service within `limits.max_total`. One that
    /// becomes smaller always does.
    fn check_room(&self, slot: Option<u32>, len: usize) -> Result<(), Fault> {
        let old = slot.map_or(0, |slot| self.ledger.size(slot));
        let total = self.ledger.bytes();
        if len as u64 <= old || total - old.min(total) + len as u64 <= self.max_total {
            return Ok(());
        }
        let max = Size(self.max_total);
        let reason = format!("the values of this service would have more bytes than limits.max_total ({max}) in all");
        Err(Fault::new(FaultKind::NoRoom, reason))
    }

    /// The TTL of a value written now.
    pub fn ttl_ticks(&self) -> Tick {
        self.ttl_ticks
    }
}

/// Ms as ticks, at least one.
pub fn ticks(ms: u128) -> Tick {
    u32::try_from(ms / u128::from(TICK_MS)).unwrap_or(u32::MAX / 2).max(1)
}
