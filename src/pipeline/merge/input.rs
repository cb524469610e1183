//! One of several inputs: what it has for each object, and how it is. It must not know the other inputs, nor where its parts
//! are kept.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tracing::{debug, error, info};

use super::board::Standing;
use crate::{
    decision::RenewalPolicy,
    envelope::{Ignore, Sealer},
    model::{DigestPrefix, Ending, Fetched, UnixMs, Vanishing, Version},
    pipeline::{
        handle::Handler,
        now,
        plan::Output,
        told::{Say, Told},
    },
    registry::{LastError, Stamp},
    settings::{HumanDuration, Percent, Settings, Size},
    sources::SourceError,
    spool::{PartChange, Spool, SpoolError},
};

/// Parts do not expire.
const EVER: u64 = 3650 * 86_400;

/// What is wrong with an input.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    /// For counting.
    pub(super) kind: &'static str,
    /// In one line, for everybody.
    pub(super) public: String,
    /// In one line, for the log.
    pub(super) message: String,
    pub(super) hint: String,
    pub(super) since: UnixMs,
}

/// See the module.
pub(super) struct Input {
    pub(super) name: Arc<str>,
    service: String,
    pub(super) handler: Handler,
    pub(super) tells_changes: bool,
    expect_every: Option<HumanDuration>,
    /// A stream that has lived for so long did not fail.
    calm: Duration,
    max_failed: Percent,
    /// All of what it told last is in the spool.
    pub(super) settled: Arc<AtomicBool>,
    /// It was asked once, by this process.
    pub(super) tried: bool,
    /// It has told all that it has since it was configured.
    pub(super) whole: bool,
    /// It tells changes, and some of what it told before is missing: nobody knows what it has no part of.
    pub(super) lost: bool,
    /// A pass has ended since the spool was last told how it is.
    pub(super) has_told: bool,
    as_of: UnixMs,
    pub(super) success: UnixMs,
    pub(super) trouble: Option<Trouble>,
    /// Its last snapshot is not believed.
    refused: bool,
    told: Told,
    pub(super) running_since: Option<(Instant, UnixMs)>,
    heard: Instant,
    standing: Standing,
}

impl Input {
    /// The input `name` of the service of `settings`.
    pub(super) fn new(settings: &Settings, name: &str) -> Option<Self> {
        let mut own = settings.for_input(name)?;
        own.content.ttl = HumanDuration::from_secs(EVER);
        own.limits.max_total = Size(u64::MAX);
        let source = &own.source;
        let sealer = Sealer::new(own.name(), Ignore::default());
        Some(Self {
            name: name.into(),
            service: own.name().to_string(),
            handler: Handler::new(&own, sealer, Output::Parts(Vec::new()), RenewalPolicy::Spread),
            tells_changes: source.kind.tells_changes(),
            expect_every: source.expect_every,
            calm: source.backoff_max.0,
            max_failed: own.limits.max_failed,
            settled: Arc::default(),
            tried: false,
            whole: false,
            lost: false,
            has_told: false,
            as_of: 0,
            success: 0,
            trouble: None,
            refused: false,
            told: Told::default(),
            running_since: None,
            heard: Instant::now(),
            standing: Standing::default(),
        })
    }

    /// Goes on from what the spool says of it.
    pub(super) fn recall(&mut self, spool: &Spool) -> Result<(), SpoolError> {
        let number = |what: &str| spool.number(&mark(&self.name, what));
        let (as_of, success, now) = (number("as_of")?, number("success")?, now().unix_ms);
        (self.as_of, self.success) = (as_of.min(now), success.min(now));
        (self.whole, self.lost) = (number("whole")? > 0, number("lost")? > 0);
        (self.heard, self.running_since) = (Instant::now(), None);
        self.handler.output = Output::Parts(Vec::new());
        Ok(())
    }

    /// The spool has nothing, and Redis has: of one that tells changes, what it told before is missing.
    pub(super) fn lose(&mut self) {
        self.lost = self.tells_changes;
        self.has_told |= self.lost;
    }

    /// What the spool has is what it has: `seen` names all of it. What this process knew better is forgotten; the answer is
    /// of which objects.
    pub(super) fn learn<'a>(&mut self, seen: impl Iterator<Item = &'a (String, DigestPrefix)>) -> Vec<String> {
        let ledger = &mut self.handler.ledger;
        let mut there = vec![false; ledger.slots() as usize];
        let mut others = Vec::new();
        for (id, digest) in seen {
            let slot = ledger.insert(id);
            if there.len() <= slot as usize {
                there.resize(slot as usize + 1, false);
            }
            there[slot as usize] = true;
            let (version, known) = ledger.written(slot);
            if version == Version(0) || known != *digest || ledger.is_broken(slot) {
                ledger.set_written(slot, Version(1), *digest, 0, u32::MAX);
                others.push(id.clone());
            }
        }
        for slot in 0..ledger.slots() {
            if ledger.is_used(slot) && !there.get(slot as usize).is_some_and(|there| *there) {
                others.push(ledger.id(slot).as_ref().to_owned());
                ledger.remove(slot);
            }
        }
        if !others.is_empty() {
            self.settled.store(false, Relaxed);
        }
        others
    }

    /// It is asked.
    pub(super) fn begin(&mut self) {
        self.handler.begin(!self.tells_changes);
        self.running_since = Some((Instant::now(), now().unix_ms));
        self.heard = Instant::now();
    }

    /// It tells this.
    pub(super) fn take(&mut self, item: Fetched) {
        self.handler.take(item, now());
        if self.tells_changes {
            self.hear();
        }
    }

    /// One that tells changes is heard, and so well.
    fn hear(&mut self) {
        let now = now().unix_ms;
        (self.heard, self.as_of, self.success) = (Instant::now(), now, now);
        if !self.refused {
            self.mend();
        }
    }

    /// Changes of its parts that wait to be kept.
    pub(super) fn changes(&mut self) -> Vec<PartChange> {
        match &mut self.handler.output {
            Output::Parts(parts) => std::mem::take(parts),
            _ => Vec::new(),
        }
    }

    /// Bytes of these.
    pub(super) fn waiting(&self) -> usize {
        match &self.handler.output {
            Output::Parts(parts) => {
                parts.iter().map(|change| change.part.as_ref().map_or(64, |part| part.content.len())).sum()
            }
            _ => 0,
        }
    }

    /// A snapshot is complete: the objects that it does not name, and the question whether they may go.
    pub(super) fn vanished(&self, reply: Box<dyn FnOnce(Result<(), String>) + Send + Sync>) -> (Vec<u32>, Vanishing) {
        let slots = self.handler.vanished().objects;
        let vanished = slots.len() as u64;
        let present = self.handler.ledger.len() as u64 - vanished;
        let new = self.handler.counts.new;
        (slots, Vanishing { input: self.name.clone(), present, new, vanished, reply })
    }

    /// What the spool has to say of it from now on.
    pub(super) fn marks(&self) -> Vec<(String, u64)> {
        let (whole, lost) = (u64::from(self.whole), u64::from(self.lost));
        let all = [("as_of", self.as_of), ("success", self.success), ("whole", whole), ("lost", lost)];
        all.into_iter().map(|(what, number)| (mark(&self.name, what), number)).collect()
    }

    /// A fetch ended like this, and `refused` says why what it did not name is kept.
    pub(super) fn end(&mut self, ended: &Result<Ending, SourceError>, refused: Option<String>) {
        let (begun, started_at) = self.running_since.take().unwrap_or_else(|| (Instant::now(), now().unix_ms));
        (self.tried, self.has_told) = (true, true);
        self.handler.faults.end(&self.service);
        self.handler.unmatched.end(&self.service);
        let (objects, failed) = (self.handler.counts.objects, self.handler.faults.count);
        match ended {
            Err(e) => self.fail(e.kind(), e.public(), e.message(), e.hint()),
            Ok(_) if refused.is_some() => self.refuse(refused.unwrap_or_default()),
            Ok(ending) => {
                let is_whole = matches!(ending, Ending::Complete | Ending::Unchanged) || self.handler.ended;
                let unnamed = self.handler.counts.unnamed;
                let took_all = (is_whole || *ending == Ending::Delta) && unnamed == 0;
                self.settled.store(took_all, Relaxed);
                self.whole |= is_whole;
                if self.max_failed.is_exceeded(failed, objects) {
                    let max = self.max_failed;
                    let why = format!("{failed} of {objects} objects failed, more than limits.max_failed ({max})");
                    self.fail("input", why.clone(), why, "the log names each; `ralphext test` shows them".to_owned());
                } else if !self.tells_changes {
                    self.success = started_at;
                    self.refused = false;
                    self.mend();
                    if is_whole {
                        self.as_of = started_at;
                    }
                }
            }
        }
        self.stand();
        let complete = matches!(ended, Ok(Ending::Complete | Ending::Unchanged)) || self.handler.ended;
        let (service, input) = (self.service.as_str(), &*self.name);
        let (skipped, duration_ms) = (self.handler.counts.skipped, begun.elapsed().as_millis() as u64);
        info!(service, input, complete, objects, skipped, failed, duration_ms, "pass of an input finished: {input}");
    }

    /// A snapshot within a stream ended.
    pub(super) fn end_snapshot(&mut self, refused: Option<String>) {
        (self.whole, self.lost, self.has_told) = (true, false, true);
        self.refused = refused.is_some();
        match refused {
            Some(why) => self.refuse(why),
            None => self.hear(),
        }
        self.handler.faults.end(&self.service);
        self.handler.unmatched.end(&self.service);
        self.stand();
        self.handler.begin(false);
    }

    fn refuse(&mut self, why: String) {
        self.refused = true;
        let zero = if self.handler.ledger.len() == self.handler.vanished().objects.len() { " --to-zero" } else { "" };
        let command = format!("`ralphext approve-shrink {} --input {}{zero}`", self.service, self.name);
        let public = format!("{why}; if it is right: {command}");
        let hint =
            format!("if they are really gone: {command}; or wait: complete snapshots that confirm it are believed");
        self.fail("input", public, why, hint);
    }

    fn fail(&mut self, kind: &'static str, public: String, message: String, hint: String) {
        let since = self.trouble.as_ref().map_or(now().unix_ms, |trouble| trouble.since);
        let (service, input, error) = (self.service.as_str(), &*self.name, message.as_str());
        // Numbers that change each time are the same cause.
        let cause: String = public.chars().filter(|c| !c.is_ascii_digit()).collect();
        match self.told.failed(&cause, Instant::now()) {
            Say::Begins => error!(service, input, error, hint, "input {input} failed"),
            Say::Recurs => {
                error!(
                    service,
                    input, error, hint, "input {input} fails now and then; not told again until it is over"
                );
            }
            _ => debug!(service, input, error, "input {input} still fails"),
        }
        self.trouble = Some(Trouble { kind, public, message, hint, since });
    }

    fn mend(&mut self) {
        self.trouble = None;
        if let Say::Over { times } = self.told.well(Instant::now()) {
            let (service, input) = (self.service.as_str(), &*self.name);
            info!(service, input, times, "input {input} is well again");
        }
    }

    /// Looks whether one that tells changes is silent for too long, or lives; true when that is news.
    pub(super) fn listen(&mut self) -> bool {
        if !self.tells_changes {
            return false;
        }
        let before = self.trouble.is_some();
        let silent = self.heard.elapsed();
        match self.expect_every {
            Some(expected) if silent > expected.0 => {
                let why = format!("it is silent for longer than its expect_every ({expected})");
                let hint = "is it still working? let it print {\"heartbeat\": true} when there is nothing new";
                self.fail("silent", why.clone(), why, hint.to_owned());
            }
            _ => {
                let lives = self.running_since.is_some_and(|(since, _)| since.elapsed() > self.calm);
                if lives && !self.refused {
                    self.mend();
                }
            }
        }
        before != self.trouble.is_some()
    }

    /// Whether its part is too old to be shown: it fails, and was not well for `max_stale_ms`.
    pub(super) fn is_too_old(&self, max_stale_ms: u64) -> bool {
        self.trouble.is_some() && now().unix_ms.saturating_sub(self.success) > max_stale_ms
    }

    /// Takes note of what the pass that ended had.
    fn stand(&mut self) {
        self.standing.failed = self.handler.faults.count;
        self.standing.failed_objects.clone_from(&self.handler.faults.examples);
        self.standing.unmatched.clone_from(self.handler.unmatched.records());
    }

    /// How it is, for everybody.
    pub(super) fn standing(&mut self) -> Standing {
        if self.tells_changes {
            self.stand();
        }
        let at = Stamp(now().unix_ms);
        let error = self.trouble.as_ref().map(|trouble| {
            let message = trouble.public.chars().take(500).collect();
            LastError { at, since: Stamp(trouble.since), message }
        });
        Standing {
            as_of: self.as_of,
            success: self.success,
            is_live: self.tells_changes && (self.running_since.is_some() || self.success > 0),
            tells_changes: self.tells_changes,
            lost: self.lost,
            error,
            objects: self.handler.ledger.len() as u64,
            ..self.standing.clone()
        }
    }
}

/// Under what the spool keeps a number of an input.
fn mark(input: &str, what: &str) -> String {
    format!("{input}/{what}")
}
