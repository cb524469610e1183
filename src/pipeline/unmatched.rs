//! Records about objects that Ralph does not have, or has more than once: counted, told once, and no fault of the extension.
//! It must not resolve anything.

use std::{collections::BTreeMap, ops::RangeInclusive};

use tracing::{info, warn};

use super::{each::each, handle::Handler};
use crate::{
    model::{Fetched, Refusal, Unmatched},
    registry::{UnmatchedRecord, UnmatchedRecords},
    sources::{Source, SourceError},
};

/// Examples that a pass keeps for the descriptor.
const EXAMPLES: usize = 20;

/// The unmatched records of the running pass, and of the one before.
#[derive(Debug, Default)]
pub struct Tally {
    now: UnmatchedRecords,
    before: UnmatchedRecords,
    /// The numbers that were logged last.
    told: BTreeMap<String, u64>,
}

impl Tally {
    /// Begins a pass.
    pub fn begin(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// This pass has those of the one before.
    pub fn repeat(&mut self) {
        self.now = std::mem::take(&mut self.before);
    }

    /// Those of this pass.
    pub fn records(&self) -> &UnmatchedRecords {
        &self.now
    }

    /// Tells how many there are, when that has changed.
    pub fn end(&mut self, service: &str) {
        let by_reason = &self.now.by_reason;
        if *by_reason == self.told {
            return;
        }
        self.told.clone_from(by_reason);
        let count = self.now.count;
        let Some(first) = self.now.examples.first() else {
            return info!(service, "every record is about an object of the inventory again");
        };
        let (example, why) = (first.matching.as_str(), first.why.as_str());
        let reasons: Vec<String> = by_reason.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let (reasons, hint) = (reasons.join(", "), "see `ralphext unmatched`");
        warn!(service, count, reasons, example, why, hint, "records are about no object of the inventory: {count}");
    }
}

/// One more record is about no object.
fn count(records: &mut UnmatchedRecords, unmatched: &Unmatched) {
    records.count += 1;
    *records.by_reason.entry(unmatched.reason.to_owned()).or_default() += 1;
    if records.examples.len() < EXAMPLES {
        records.examples.push(UnmatchedRecord {
            matching: unmatched.matching.clone(),
            place: unmatched.place.to_string(),
            reason: unmatched.reason.to_owned(),
            why: unmatched.why.clone(),
        });
    }
}

/// The records of `source`, which resolves them, that are about no object now: of one fetch, or of what a stream says until
/// it is quiet.
///
/// # Errors
/// When the source fails.
pub async fn unmatched_now(source: &mut dyn Source) -> Result<UnmatchedRecords, SourceError> {
    let mut records = UnmatchedRecords::default();
    let is_stream = source.is_stream();
    each(source, |item| {
        if let Fetched::Unmatched(unmatched) = &item {
            count(&mut records, unmatched);
        }
        !(is_stream && matches!(item, Fetched::Idle))
    })
    .await?;
    Ok(records)
}

impl Handler {
    /// A record is about no object that is known. What it may be about stays as it is.
    pub(super) fn unmatched(&mut self, unmatched: &Unmatched) {
        count(&mut self.unmatched.now, unmatched);
        if let Some(recent) = &mut self.faults.recent {
            let reason = format!("{}: {}", unmatched.reason, unmatched.why);
            recent.push(Refusal { object_id: None, kind: "unresolved", reason });
        }
        self.counts.unnamed += u64::from(unmatched.hides);
        for slot in unmatched.keep.iter().filter_map(|id| self.ledger.find(id)).collect::<Vec<_>>() {
            self.ledger.set_seen(slot, self.pass);
        }
    }

    /// Objects with ids in these ranges stay as they are.
    pub(super) fn keep_ranges(&mut self, ranges: &[RangeInclusive<u64>]) {
        let is_kept = |slot: &u32| {
            let id = self.ledger.id(*slot).as_ref().parse::<u64>();
            id.is_ok_and(|id| ranges.iter().any(|range| range.contains(&id)))
        };
        let slots: Vec<u32> = self.ledger.iter().filter(is_kept).collect();
        slots.into_iter().for_each(|slot| self.ledger.set_seen(slot, self.pass));
    }
}
