//! An operator's word that a refused shrink is right: for its size, for a while, once. Pure; it must not know who asks.

use serde::{Deserialize, Serialize};

use super::{Baseline, Bounds, Refusal, SMALL, Seen, too_much};
use crate::model::UnixMs;

const HOUR_MS: u64 = 3600 * 1000;
/// Clocks may differ by this much between who approves and who writes.
const SKEW_MS: u64 = HOUR_MS;
/// No approval is older than this, whatever it says.
const LONGEST_MS: u64 = 26 * HOUR_MS;

/// An approved shrink, as it stands in `@baseline`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// When it was given, unix ms.
    pub at: UnixMs,
    /// Until when it holds, unix ms.
    pub until: UnixMs,
    /// Objects that were left in the refused snapshot.
    pub present: u64,
    /// Objects that the refused snapshot would have removed.
    pub vanished: u64,
    /// Whether the fall to zero is approved.
    pub zero: bool,
    /// Who gave it: user and host.
    pub by: String,
}

impl Approval {
    /// For `refusal`, from `at` on for `hold_ms`.
    pub fn of(refusal: &Refusal, at: UnixMs, hold_ms: u64, by: String) -> Self {
        let until = at.saturating_add(hold_ms.min(LONGEST_MS));
        let (present, vanished) = (refusal.present, refusal.vanished);
        Self { at, until, present, vanished, zero: present == 0, by }
    }

    /// Whether it holds at `now`: neither run out nor from the future.
    pub fn is_in_time(&self, now: UnixMs) -> bool {
        let span = self.until.saturating_sub(self.at);
        self.at <= now.saturating_add(SKEW_MS) && now <= self.until && span <= LONGEST_MS
    }

    /// Whether a snapshot is about what was approved: as if the approved shrink were done and the guard looked at what
    /// goes beyond it. So it may lose a little more, but never all that an approval of less has left.
    pub(super) fn covers(&self, seen: Seen, bounds: Bounds) -> bool {
        let fewer = self.present.saturating_sub(seen.present);
        let more = seen.vanished.saturating_sub(self.vanished);
        let all = seen.present == 0 && !self.zero;
        let room = if self.present < SMALL { self.present } else { bounds.max_shrink.of(self.present) };
        !all && more <= room && !too_much(fewer, self.present, bounds)
    }
}

impl Baseline {
    /// The shrink that is refused now, if one is.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refused.as_ref()
    }

    /// For how long it has been refused at wall time `now`, in ms, and how long ago the last such snapshot was.
    pub fn refused_for(&self, now: UnixMs) -> Option<(u64, u64)> {
        let refusal = self.refused.as_ref()?;
        let last = now.saturating_sub(self.wall);
        Some((self.clock.saturating_sub(refusal.since).saturating_add(last), last))
    }

    /// The approval that waits to be used.
    pub fn approval(&self) -> Option<&Approval> {
        self.approved.as_ref()
    }

    /// Gives an approval; it takes the place of an earlier one.
    pub fn approve(&mut self, approval: Approval) {
        self.approved = Some(approval);
    }

    /// Takes over the approval that `found` holds, or that it holds none, unless it is the one that was used already.
    pub fn adopt_approval(&mut self, found: &Self) {
        self.approved = found.approved.clone().filter(|approval| self.used.as_ref() != Some(approval));
        for (name, input) in &mut self.inputs {
            found.inputs.get(name).into_iter().for_each(|found| input.adopt_approval(found));
        }
    }
}
