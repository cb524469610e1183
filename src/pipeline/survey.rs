//! The ledger from whole values: what is sound of what stands in Redis, what is not, and what else lies there. It must not
//! write, nor know the source.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    handle::{Handler, Now},
    pass::Progress,
    rebuild::{self, KeySeen, is_plausible},
};
use crate::{
    envelope::{Head, Ignore, Inspector},
    model::{ServiceName, Version},
    store::{Found, Held, LONGEST, Look, Session, StoreError},
};

/// Most reasons and foreign keys that are kept for telling.
const KEPT: usize = 1000;
/// Values between two looks at the clock, which costs as much as a small value.
const CLOCK_EVERY: u64 = 100;

/// How far a verification has come, for showing.
#[derive(Debug, Default)]
pub struct Verifying {
    /// Values read.
    pub values: AtomicU64,
    /// The source's pass.
    pub pass: Arc<Progress>,
}

/// What the walk found at an object's key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing.
    #[default]
    Absent,
    /// A value of ours.
    Sound,
    /// A value of ours that would stand for ever.
    NoTtl,
    /// Something else.
    Invalid,
}

/// A walk over whole values.
pub(super) struct Survey {
    inspector: Inspector,
    progress: Arc<Verifying>,
    marks: Vec<Mark>,
    reasons: HashMap<u32, String>,
    foreign: Foreign,
    /// When the verification began.
    pub(super) begun: Instant,
    /// Values read.
    pub(super) values: u64,
    /// The version up to which values were written before the walk began.
    pub(super) start: Version,
}

/// Keys that are none of the contract's.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// Some of them.
    pub(super) keys: Vec<Vec<u8>>,
    /// Hashes of all of them, as `SCAN` may name one twice.
    seen: HashSet<u64>,
}

impl Foreign {
    pub(super) fn add(&mut self, key: &[u8]) {
        if self.seen.insert(xxh3_64(key)) && self.keys.len() < KEPT {
            self.keys.push(key.to_owned());
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.seen.len() as u64
    }
}

impl Survey {
    pub(super) fn new(service: &ServiceName, ignore: Ignore, progress: Arc<Verifying>) -> Self {
        Self {
            inspector: Inspector::new(service, ignore),
            progress,
            marks: Vec::new(),
            reasons: HashMap::new(),
            foreign: Foreign::default(),
            begun: Instant::now(),
            values: 0,
            start: Version(0),
        }
    }

    /// Brings `handler`'s ledger and clock up to what stands in Redis, as [`rebuild::rebuild`] does from heads: what is not
    /// sound all through is marked to be written again. Blocks.
    pub(super) fn walk(
        &mut self,
        session: &mut Session,
        handler: &mut Handler,
    ) -> Result<rebuild::Rebuilt, StoreError> {
        (self.values, self.foreign) = (0, Foreign::default());
        self.marks.clear();
        self.reasons.clear();
        let began = super::now();
        let canary = rebuild::observe_canary(session, &mut handler.clock)?;
        let mut found = rebuild::Rebuilt::default();
        let (mut highest, mut now) = (Version(0), began);
        session.walk(|one| match one {
            Found::Foreign(key) => self.foreign.add(key),
            Found::Object(id, look) => {
                self.count(&mut now);
                highest = highest.max(self.take(handler, id, &look, now, &mut found));
            }
        })?;
        let (ledger, marks) = (&mut handler.ledger, &mut self.marks);
        marks.resize(ledger.slots() as usize, Mark::Absent);
        for slot in 0..ledger.slots() {
            if ledger.is_used(slot) && marks[slot as usize] == Mark::Absent {
                found.missing += u64::from(!ledger.is_broken(slot));
                ledger.set_broken(slot);
            }
        }
        // A canary that is older than a value says nothing of when that was written; then the wall clock has to do.
        let canary_now = rebuild::canary(session.memory()?.canary.as_deref(), super::now());
        let is_true = canary_now.is_some_and(|canary| canary >= highest);
        self.start = canary.filter(|_| is_true).unwrap_or(Version(began.unix_ms));
        Ok(found)
    }

    /// One more value was read.
    pub(super) fn count(&mut self, now: &mut Now) {
        self.values += 1;
        if self.values.is_multiple_of(CLOCK_EVERY) {
            *now = super::now();
            self.progress.values.store(self.values, Ordering::Relaxed);
        }
    }

    /// One object; returns the version of its value, if that is sound.
    fn take(
        &mut self,
        handler: &mut Handler,
        id: &str,
        look: &Look,
        now: Now,
        found: &mut rebuild::Rebuilt,
    ) -> Version {
        let Some(judged) = self.judge(id, look, now) else { return Version(0) };
        let slot = handler.ledger.insert(id);
        let at = slot as usize;
        if self.marks.len() <= at {
            self.marks.resize(at + 1, Mark::Absent);
        }
        if self.marks[at] != Mark::Absent {
            return Version(0); // named twice
        }
        let len = match &look.held {
            Held::Bytes(bytes) => Some(bytes.len()),
            _ => None,
        };
        let seen = KeySeen { head: judged.as_ref().ok().copied(), pttl: look.pttl, len };
        let ttl = handler.ttl_ticks();
        rebuild::take(&mut handler.ledger, &mut handler.clock, slot, &seen, now, ttl);
        match judged {
            Ok(head) => {
                self.marks[at] = if look.pttl == -1 { Mark::NoTtl } else { Mark::Sound };
                found.sound += 1;
                head.version
            }
            Err(reason) => {
                self.marks[at] = Mark::Invalid;
                found.broken += 1;
                if self.reasons.len() < KEPT {
                    self.reasons.insert(slot, reason);
                }
                Version(0)
            }
        }
    }

    /// What stands at the key of object `id`: nothing, a sound value with this head, or why it is none.
    pub(super) fn judge(&mut self, id: &str, look: &Look, now: Now) -> Option<Result<Head, String>> {
        let reason = match &look.held {
            Held::Nothing => return None,
            Held::NoString => "the key holds no string".to_owned(),
            Held::TooLong => format!("the value has more than {} MiB", LONGEST >> 20),
            Held::Bytes(bytes) => match self.inspector.inspect(id, bytes) {
                Ok(head) if is_plausible(head.version, now) => return Some(Ok(head)),
                Ok(head) => format!("its version {} is years ahead", head.version.0),
                Err(e) => e.to_string(),
            },
        };
        let line = reason.lines().next().unwrap_or_default();
        Some(Err(line.chars().take(200).collect()))
    }

    pub(super) fn mark(&self, slot: u32) -> Mark {
        self.marks.get(slot as usize).copied().unwrap_or_default()
    }

    /// The object in `slot` is gone: whatever takes its place is another one.
    pub(super) fn forget(&mut self, slot: u32) {
        if let Some(mark) = self.marks.get_mut(slot as usize) {
            *mark = Mark::Absent;
        }
    }

    /// Why the value in `slot` is invalid, where that is kept.
    pub(super) fn reason(&self, slot: u32) -> &str {
        self.reasons.get(&slot).map_or("it is no value of ours", String::as_str)
    }

    pub(super) fn foreign(&self) -> &Foreign {
        &self.foreign
    }

    /// Another walk begins; what the first found of each slot stays.
    pub(super) fn begin_again(&mut self) {
        (self.values, self.foreign) = (0, Foreign::default());
    }

    pub(super) fn add_foreign(&mut self, key: &[u8]) {
        self.foreign.add(key);
    }
}
