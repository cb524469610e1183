//! Bad objects: counted, kept as examples, and logged once per change of cause. It must not know why they are bad.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tracing::{debug, warn};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{handle::Handler, inquiry::Decided};
use crate::{
    model::{Fault, FaultKind, Place, Refusal},
    registry::FailedObject,
    telemetry::Budget,
};

/// Examples that a pass keeps for the descriptor.
const EXAMPLES: usize = 20;
/// Causes remembered from pass to pass; those beyond are counted, and not told one by one.
const REMEMBERED: usize = 10_000;
/// Lines that may come at once ...
const BURST: u32 = 100;
/// ... and how often one more, from then on.
const EVERY: Duration = Duration::from_secs(6);

/// Faults of the running pass, and what is remembered of earlier ones.
#[derive(Debug)]
pub struct Faults {
    /// Number of faults by kind, of this pass.
    pub by_kind: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub examples: Vec<FailedObject>,
    /// How many there were in this pass.
    pub count: u64,
    /// As the pass before left them: its number by kind, examples and count.
    before: (BTreeMap<&'static str, u64>, Vec<FailedObject>, u64),
    /// Number of faults by kind, of all passes.
    pub totals: BTreeMap<&'static str, u64>,
    /// What was refused since somebody wanted to know.
    pub recent: Option<Vec<Refusal>>,
    /// New causes of this pass that were not logged.
    held_back: u64,
    /// The last such number that was logged, while there are any.
    told: u64,
    budget: Budget,
    pass: u32,
    /// By object or place: hash of the cause, and the pass that had it last.
    known: HashMap<u64, (u64, u32)>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            by_kind: BTreeMap::new(),
            examples: Vec::new(),
            count: 0,
            before: Default::default(),
            totals: BTreeMap::new(),
            recent: None,
            held_back: 0,
            told: 0,
            budget: Budget::new(BURST, EVERY),
            pass: 0,
            known: HashMap::new(),
        }
    }
}

impl Faults {
    /// Begins a pass: counts anew, and forgets the causes that the pass before no longer had.
    pub fn begin(&mut self) {
        self.known.retain(|_, (_, seen)| *seen >= self.pass);
        self.pass += 1;
        let of_pass = (std::mem::take(&mut self.by_kind), std::mem::take(&mut self.examples), self.count);
        self.before = of_pass;
        if self.held_back == 0 {
            self.told = 0;
        }
        (self.count, self.held_back) = (0, 0);
    }

    /// The faults of the pass before are those of this one.
    pub fn repeat(&mut self) {
        (self.by_kind, self.examples, self.count) = std::mem::take(&mut self.before);
        let pass = self.pass;
        self.known.values_mut().for_each(|(_, seen)| *seen = pass);
    }

    /// What was wrong with the object does not count any more.
    pub fn forgive(&mut self, id: &str) {
        self.known.remove(&xxh3_64(id.as_bytes()));
        let Some(at) = self.examples.iter().position(|f| f.object_id.as_deref() == Some(id)) else { return };
        let example = self.examples.remove(at);
        self.count = self.count.saturating_sub(1);
        if let Some(count) = self.by_kind.iter_mut().find(|(kind, _)| **kind == example.kind).map(|(_, count)| count) {
            *count = count.saturating_sub(1);
        }
    }

    /// Whether the running pass, or the last one, refused the object.
    pub fn is_failing(&self, id: &str) -> bool {
        !self.known.is_empty() && self.known.get(&xxh3_64(id.as_bytes())).is_some_and(|(_, seen)| *seen == self.pass)
    }

    /// Takes note of one bad object of `service`.
    pub fn add(&mut self, service: &str, place: &Place, id: Option<&str>, fault: &Fault) {
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
        if !self.is_news(place, id, fault) {
            return;
        }
        let (reason, kind) = (fault.reason.as_str(), fault.kind.as_str());
        match id {
            Some(id) => warn!(service, object_id = id, %place, fault = kind, reason, "object refused: {id}"),
            None if Self::hides_an_object(fault.kind, id) => {
                warn!(service, %place, fault = kind, reason, "record refused, and so this snapshot removes nothing");
            }
            None => warn!(service, %place, fault = kind, reason, "record refused"),
        }
    }

    /// Whether this cause was not told yet and may be; remembers it.
    fn is_news(&mut self, place: &Place, id: Option<&str>, fault: &Fault) -> bool {
        let who = id.map_or_else(|| xxh3_64(place.to_string().as_bytes()), |id| xxh3_64(id.as_bytes()));
        let (cause, pass, is_full) = (cause(fault), self.pass, self.known.len() >= REMEMBERED);
        let before = match self.known.get_mut(&who) {
            Some(known) => Some(std::mem::replace(known, (cause, pass)).0),
            None if is_full => None,
            None => self.known.insert(who, (cause, pass)).map(|known| known.0),
        };
        if before == Some(cause) {
            return false;
        }
        let is_new = (before.is_some() || !is_full) && self.budget.take();
        self.held_back += u64::from(!is_new);
        is_new
    }

    /// Ends the pass: tells how many lines were held back, when that is news.
    pub fn end(&mut self, service: &str) {
        let held_back = self.held_back;
        if held_back == 0 {
            return;
        }
        if self.told == 0 || held_back >= self.told.saturating_mul(2) {
            self.told = held_back;
            warn!(service, held_back, "more objects were refused: {held_back}");
        } else {
            debug!(service, held_back, "more objects were refused, as before: {held_back}");
        }
    }

    /// Whether a fault of this kind leaves open which object it is about, when no id was read.
    pub fn hides_an_object(kind: FaultKind, id: Option<&str>) -> bool {
        id.is_none() && kind != FaultKind::Duplicate
    }
}

impl Handler {
    /// One bad object: its last good content stays.
    pub fn fault(&mut self, place: &Place, id: Option<&str>, fault: &Fault) {
        self.faults.add(&self.service, place, id, fault);
        self.counts.objects += u64::from(fault.kind != FaultKind::Duplicate);
        let slot = id.and_then(|id| self.ledger.find(id));
        self.history.note(slot, id.unwrap_or_default(), Decided::Refuse(fault.kind.as_str()), self.pass);
        match slot {
            Some(slot) => self.see(slot),
            None if Faults::hides_an_object(fault.kind, id) => self.counts.unnamed += 1,
            None => {}
        }
    }
}

/// What makes a cause the same one: its kind, and its words without the numbers, such as sizes, that change each time.
fn cause(fault: &Fault) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(fault.kind.as_str().as_bytes());
    fault.reason.as_bytes().split(u8::is_ascii_digit).for_each(|words| hash.update(words));
    hash.digest()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn news(faults: &mut Faults, line: u64, reason: &str) -> bool {
        let place = Place { origin: Arc::from("facts"), line };
        faults.count += 1;
        faults.is_news(&place, None, &Fault::new(FaultKind::NotJson, reason))
    }

    #[test]
    fn a_cause_is_news_once() {
        let mut faults = Faults::default();
        faults.begin();
        assert!(news(&mut faults, 1, "at byte 7"));
        faults.begin();
        assert!(!news(&mut faults, 1, "at byte 88"), "a number is no other cause");
        assert!(news(&mut faults, 2, "at byte 88"));
        faults.begin();
        assert!(news(&mut faults, 1, "no JSON"));
        faults.begin();
        faults.begin();
        assert!(news(&mut faults, 1, "no JSON"), "it was well in between");
    }

    #[test]
    fn ever_so_many_bad_records_are_a_hundred_lines_and_a_number() {
        let mut faults = Faults::default();
        let (mut lines, mut told) = (0, Vec::new());
        for _ in 0..5 {
            faults.begin();
            lines += (0..100_000).filter(|line| news(&mut faults, *line, "no JSON")).count();
            let before = faults.told;
            faults.end("svc");
            told.extend((faults.told != before).then_some(faults.told));
            assert!(faults.known.len() <= REMEMBERED);
        }
        assert!((100..=120).contains(&lines), "{lines}");
        assert_eq!(told.len(), 1, "{told:?}");
    }
}
