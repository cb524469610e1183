//! The shrink guard: a snapshot that lost too much is not believed at once. Pure; it must not know keys or records.

mod approval;
mod peaks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::approval::Approval;
use self::peaks::Peaks;
use super::{
    handle::Now,
    ledger::{TICK_MS, Tick},
};
use crate::{model::UnixMs, settings::Percent};

/// Below this number of objects only a fall to zero is refused: one of three is no outage.
const SMALL: u64 = 20;
/// No service comes back after so long with content to lose: it would have expired long before.
const MONTH_MS: u64 = 30 * peaks::DAY_MS;

/// What has to survive a restart, the JSON under `@baseline`.
///
/// The guard has a clock of its own, which never goes back: within a process it follows the process' clock, from one process
/// to the next the wall clock. So a wall clock that is set wrong neither makes it forget nor keeps it from ever forgetting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// When a pass was last good, unix ms; 0 never.
    pub last_success_at: UnixMs,
    /// From when the content is: when the source last told all of it, unix ms; 0 never.
    pub as_of: UnixMs,
    /// From when `content.max_stale` counts while no pass was ever good, unix ms; 0 where one was.
    pub waiting_since: UnixMs,
    /// The largest counts of the last 24 h, by the guard's clock.
    peaks: Peaks,
    /// The guard's clock at the last snapshot: unix ms, where no wall clock was ever wrong.
    clock: UnixMs,
    /// The wall clock at the last snapshot, unix ms.
    wall: UnixMs,
    /// The shrink that is refused now.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refusal>,
    /// What an operator approved, until it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved: Option<Approval>,
    /// The same of each of several inputs, whose parts are guarded one by one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Self>,
    /// The process' clock at the last snapshot that this process judged.
    #[serde(skip)]
    ticked: Option<Tick>,
    /// The approval that this process used last: it is not taken for a new one.
    #[serde(skip)]
    used: Option<Approval>,
}

/// A shrink that complete snapshots keep saying, and that is not believed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Since when, by the guard's clock: how long it has been confirmed.
    since: UnixMs,
    /// The most objects that one of these snapshots had left.
    most: u64,
    /// Objects that the last of them had left.
    pub present: u64,
    /// Objects that the last of them would have removed.
    pub vanished: u64,
    /// The count that they are missing from.
    pub baseline: u64,
}

/// Bounds of the guard.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// `limits.max_shrink`.
    pub max_shrink: Percent,
    /// `limits.shrink_confirm` in ms.
    pub confirm_ms: u64,
}

/// A complete snapshot in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Objects that it names.
    pub present: u64,
    /// Those of them that did not stand in Redis before.
    pub new: u64,
    /// Objects that stood before and that it does not name.
    pub vanished: u64,
}

impl Seen {
    /// Objects that stood before.
    pub fn stood(self) -> u64 {
        self.present.saturating_sub(self.new).saturating_add(self.vanished)
    }
}

/// Why a snapshot is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Believed {
    /// It lost nothing, or not too much.
    Small,
    /// Complete snapshots have said so for `limits.shrink_confirm`.
    Confirmed,
    /// An operator said so.
    Approved(Approval),
}

/// A shrink that is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Objects that would have been removed.
    pub vanished: u64,
    /// The sentence with the numbers.
    pub message: String,
}

impl Baseline {
    /// Reads it as it is, for somebody who does not judge.
    ///
    /// # Errors
    /// When it is no JSON of these fields.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Reads what an earlier process has left, and mends what cannot be: times to come would never pass.
    ///
    /// # Errors
    /// When it is no JSON of these fields.
    pub fn read(text: &[u8], now: UnixMs) -> Result<Self, serde_json::Error> {
        let mut read = Self::parse(text)?;
        read.mend(now);
        Ok(read)
    }

    fn mend(&mut self, now: UnixMs) {
        self.anchor(now);
        for at in [&mut self.last_success_at, &mut self.as_of, &mut self.waiting_since] {
            *at = now.min(*at);
        }
        self.inputs.values_mut().for_each(|input| input.mend(now));
    }

    /// From when a failing source's content grows stale, unix ms; 0 when that is not known.
    pub fn stale_from(&self) -> UnixMs {
        self.last_success_at.max(self.waiting_since)
    }

    /// The largest count of late; 0 when there was none.
    pub fn usual(&self) -> u64 {
        self.peaks.largest()
    }

    /// Goes on from what Redis holds; what this process knows of the time stays.
    pub fn replace(&mut self, mut read: Self) {
        if self.ticked.is_some() && read.clock <= self.clock {
            (read.clock, read.ticked) = (self.clock, self.ticked);
        }
        let mut known = std::mem::take(&mut self.inputs);
        for (name, input) in &mut read.inputs {
            let mut own = known.remove(name).unwrap_or_default();
            own.replace(std::mem::take(input));
            *input = own;
        }
        *self = read;
    }

    /// The JSON for `@baseline`.
    pub fn to_json(&self) -> String {
        // Numbers and texts only: nothing in it can fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Judges a complete snapshot.
    ///
    /// # Errors
    /// [`Refused`] when more than `max_shrink` of what stood, or of the largest count of the last 24 h, would be gone, or
    /// everything.
    pub fn judge(&mut self, seen: Seen, now: Now, bounds: Bounds) -> Result<Believed, Refused> {
        let clock = self.advance(now);
        self.peaks.note(clock, seen.stood());
        let baseline = self.peaks.largest();
        if seen.vanished == 0 || is_small(seen, baseline, bounds) {
            self.believe(seen, clock);
            return Ok(Believed::Small);
        }
        let in_time = self.approved.take().filter(|approval| approval.is_in_time(now.unix_ms));
        if let Some(approval) = in_time.as_ref().filter(|approval| approval.covers(seen, bounds)) {
            self.used = in_time.clone();
            let believed = Believed::Approved(approval.clone());
            self.peaks.forget();
            self.believe(seen, clock);
            return Ok(believed);
        }
        self.approved = in_time;
        let since = self.refuse(seen, baseline, clock, bounds);
        if seen.present > 0 && clock.saturating_sub(since) >= bounds.confirm_ms {
            self.peaks.forget();
            self.believe(seen, clock);
            return Ok(Believed::Confirmed);
        }
        let mut message = message(seen, baseline, bounds);
        if let Some(approval) = &self.approved {
            message.push_str(&format!("; what was approved ({}) does not cover it", approval.vanished));
        }
        Err(Refused { vanished: seen.vanished, message })
    }

    /// Moves the guard's clock on: by the process' clock, or up to the wall clock in a new process.
    fn advance(&mut self, now: Now) -> UnixMs {
        match self.ticked {
            Some(tick) => {
                let passed = u64::from(now.tick.saturating_sub(tick)) * TICK_MS;
                self.clock = self.clock.saturating_add(passed);
            }
            None => {
                self.anchor(now.unix_ms);
                self.clock = self.clock.max(now.unix_ms);
            }
        }
        (self.wall, self.ticked) = (now.unix_ms, Some(now.tick));
        self.clock
    }

    /// Brings times into shape that came from outside. A clock that is more than a month off, one way or the other, was
    /// set wrong, now or then: ages are kept, not times.
    fn anchor(&mut self, now: UnixMs) {
        let clock = self.clock;
        let moved = if clock.abs_diff(now) > MONTH_MS { now } else { clock };
        let shift = |at: UnixMs| moved.saturating_sub(clock.saturating_sub(at));
        self.peaks.sanitise(moved, shift);
        if let Some(refused) = &mut self.refused {
            refused.since = shift(refused.since.min(clock));
        }
        self.clock = moved;
    }

    /// What it says is true now: whatever was refused before is over, and so is what was approved for it.
    fn believe(&mut self, seen: Seen, clock: UnixMs) {
        (self.refused, self.approved) = (None, None);
        self.peaks.note(clock, seen.present);
    }

    /// Takes note of a refusal; returns since when the like has been refused.
    ///
    /// A snapshot that has noticeably fewer objects left than one before it, or loses noticeably more than the last one,
    /// confirms nothing: it begins anew. So answers that come and go, or a slow decay, are never taken for a confirmation.
    fn refuse(&mut self, seen: Seen, baseline: u64, clock: UnixMs, bounds: Bounds) -> UnixMs {
        let Seen { present, vanished, .. } = seen;
        let like = self.refused.filter(|before| {
            let zero = (present == 0) == (before.present == 0);
            let stood = seen.stood().max(before.present.saturating_add(before.vanished));
            zero && !too_much(before.most.saturating_sub(present), before.most, bounds)
                && !too_much(vanished.saturating_sub(before.vanished), stood, bounds)
        });
        let since = like.map_or(clock, |before| before.since);
        let most = like.map_or(present, |before| before.most.max(present));
        self.refused = Some(Refusal { since, most, present, vanished, baseline });
        since
    }
}

/// Whether `part` is more of `whole` than may vanish at once.
fn too_much(part: u64, whole: u64, bounds: Bounds) -> bool {
    whole >= SMALL && bounds.max_shrink.is_exceeded(part, whole)
}

/// How many objects are fewer than there were, or others than there were.
fn lost(seen: Seen, baseline: u64) -> u64 {
    baseline.saturating_sub(seen.present).max(seen.vanished)
}

fn is_small(seen: Seen, baseline: u64, bounds: Bounds) -> bool {
    seen.present > 0
        && !too_much(lost(seen, baseline), baseline, bounds)
        && !too_much(seen.vanished, seen.stood(), bounds)
}

fn message(seen: Seen, baseline: u64, bounds: Bounds) -> String {
    let (vanished, stood, max) = (seen.vanished, seen.stood(), bounds.max_shrink.0);
    if seen.present == 0 {
        return format!("refused to delete all {vanished} objects: a source that suddenly has none is not believed");
    }
    let share = |part: u64, whole: u64| format!("({:.1} % > max_shrink {max} %)", part as f64 * 100.0 / whole as f64);
    let lost = lost(seen, baseline);
    if !too_much(lost, baseline, bounds) {
        return format!("refused to delete {vanished} of {stood} {}", share(vanished, stood));
    }
    if lost == vanished {
        return format!("refused to delete {vanished} of {baseline} {}", share(vanished, baseline));
    }
    format!(
        "refused to delete {vanished}: {lost} of the {baseline} of the last 24 h would be gone {}",
        share(lost, baseline)
    )
}
