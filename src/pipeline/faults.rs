//! Bad objects: counted, kept as examples, and logged once per change of cause. It must not know why they are bad.

use std::collections::{BTreeMap, HashMap};

use tracing::warn;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    model::{Fault, FaultKind, Place, Refusal},
    registry::FailedObject,
};

/// Examples that a pass keeps for the descriptor.
const EXAMPLES: usize = 20;
/// Causes remembered from pass to pass; beyond that they are logged again.
const REMEMBERED: usize = 10_000;
/// Lines that one pass logs; the rest is told as a number.
const LOGGED: u64 = 100;

/// Faults of the running pass, and what is remembered of earlier ones.
#[derive(Debug, Default)]
pub struct Faults {
    /// Number of faults by kind, of this pass.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub examples: Vec<FailedObject>,
    /// How many there were in this pass.
    pub count: u64,
    /// Number of faults by kind, of all passes.
    pub totals: BTreeMap<&'static str, u64>,
    /// What was refused since somebody wanted to know.
    pub recent: Option<Vec<Refusal>>,
    logged: u64,
    pass: u32,
    /// By object or place: hash of the cause, and the pass that had it last.
    known: HashMap<u64, (u64, u32)>,
}

impl Faults {
    /// Begins a pass: counts anew, and forgets the causes that the pass before no longer had.
    pub fn begin(&mut self) {
        self.known.retain(|_, (_, seen)| *seen >= self.pass);
        self.pass += 1;
        self.by_kind.clear();
        self.examples.clear();
        (self.count, self.logged) = (0, 0);
    }

    /// Takes note of one bad object of `service`.
    pub fn add(&mut self, service: &str, place: &Place, id: Option<&str>, fault: &Fault) {
        let pass = self.pass;
        self.count += 1;
        *self.by_kind.entry(fault.kind.as_str()).or_default() += 1;
        *self.totals.entry(fault.kind.as_str()).or_default() += 1;
        if let Some(recent) = &mut self.recent {
            let (object_id, kind) = (id.map(str::to_owned), fault.kind.as_str());
            recent.push(Refusal { object_id, kind, reason: fault.reason.clone() });
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push(FailedObject {
                object_id: id.map(str::to_owned),
                place: place.to_string(),
                kind: fault.kind.as_str().to_owned(),
                reason: fault.reason.clone(),
            });
        }
        let who = id.map_or_else(|| xxh3_64(place.to_string().as_bytes()), |id| xxh3_64(id.as_bytes()));
        let cause = xxh3_64(fault.reason.as_bytes());
        if self.known.get(&who).is_some_and(|(known, _)| *known == cause) {
            self.known.insert(who, (cause, pass));
            return;
        }
        if self.known.len() < REMEMBERED {
            self.known.insert(who, (cause, pass));
        }
        self.log(service, place, id, fault);
    }

    fn log(&mut self, service: &str, place: &Place, id: Option<&str>, fault: &Fault) {
        self.logged += 1;
        if self.logged > LOGGED {
            return;
        }
        let (reason, fault) = (fault.reason.as_str(), fault.kind.as_str());
        match id {
            Some(id) => warn!(service, object_id = id, %place, fault, reason, "object refused: {id}"),
            None => warn!(service, %place, fault, reason, "record refused"),
        }
    }

    /// Ends the pass: tells how many lines were held back.
    pub fn end(&self, service: &str) {
        if self.logged > LOGGED {
            let held_back = self.logged - LOGGED;
            warn!(service, held_back, "more objects were refused: {held_back}");
        }
    }

    /// Whether a fault of this kind leaves open which object it is about, when no id was read.
    pub fn hides_an_object(kind: FaultKind, id: Option<&str>) -> bool {
        id.is_none() && kind != FaultKind::Duplicate
    }
}
