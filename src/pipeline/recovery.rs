//! Restoring what Redis lost: not faster than allowed, and the oldest first. It must not know how a loss is found, nor
//! where the content comes from.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tracing::info;

use super::{
    engine::{Engine, Kind},
    ledger::Ledger,
};
use crate::model::Version;

/// A restoration that fits into this time is one wave.
const WAVE: Duration = Duration::from_secs(5);
/// Most waves: each asks the source once more.
const WAVES: usize = 4;

/// A restoration under way.
///
/// A source tells its objects in its own order, and their content is not held in memory. So what was lost is restored in a
/// few *waves*, each a pass that heals the objects up to some age and leaves the others to the next.
#[derive(Debug)]
pub struct Recovery {
    /// Versions up to which each wave that is left heals.
    waves: VecDeque<Version>,
    pace: Pace,
}

impl Recovery {
    /// What is to be restored of `ledger`, at most `max_rate` values a second; none when nothing is. With `waves` the oldest
    /// come first.
    pub fn plan(ledger: &Ledger, max_rate: u32, waves: bool) -> Option<Self> {
        if ledger.broken() == 0 {
            return None;
        }
        let in_a_wave = u64::from(max_rate).saturating_mul(WAVE.as_secs());
        let wanted = (ledger.broken() as u64 / in_a_wave.max(1)) as usize;
        let count = if waves { wanted.clamp(1, WAVES) } else { 1 };
        let mut left = VecDeque::with_capacity(count);
        if count > 1 {
            let mut versions: Vec<Version> =
                ledger.iter().filter(|slot| ledger.is_broken(*slot)).map(|slot| ledger.written(slot).0).collect();
            versions.sort_unstable();
            left.extend((1..count).map(|wave| versions[versions.len() * wave / count - 1]));
        }
        left.push_back(Version(u64::MAX));
        Some(Self { waves: left, pace: Pace::new(max_rate) })
    }

    /// The version up to which the running wave heals.
    pub fn up_to(&self) -> Version {
        self.waves.front().copied().unwrap_or(Version(u64::MAX))
    }

    /// Waves left, the running one included.
    pub fn waves(&self) -> usize {
        self.waves.len()
    }

    /// The running wave is over; false when it was the last.
    pub fn next_wave(&mut self) -> bool {
        self.waves.pop_front();
        !self.waves.is_empty()
    }

    /// So many more values are to be written.
    pub fn spend(&mut self, values: u64) {
        self.pace.spend(values, Instant::now());
    }

    /// When more may be taken from the source.
    pub fn ready_at(&self) -> Instant {
        self.pace.ready_at
    }
}

impl Engine {
    /// What has to be healed in this pass, and how fast.
    pub(super) fn begin_recovery(&mut self, is_stream: bool) {
        // A plan restores nothing, so it need not wait.
        if self.recovery.is_none() && self.kind != Kind::Plan {
            let waves = self.kind == Kind::Run && !is_stream;
            self.recovery = Recovery::plan(&self.handler.ledger, self.settings.recovery.max_rate, waves);
        }
        if let Some(recovery) = &self.recovery {
            let (service, lost, waves) =
                (self.settings.name().as_str(), self.handler.ledger.broken(), recovery.waves());
            info!(service, lost, waves, "restoring what was lost: {lost} values");
        }
        self.handler.heal_up_to = self.recovery.as_ref().map_or(Version(u64::MAX), Recovery::up_to);
    }

    /// Whether there is another wave to come, for which this one left something.
    pub(super) fn end_recovery(&mut self, went_well: bool) -> bool {
        let goes_on = went_well
            && self.link.failed.is_none()
            && self.handler.counts.deferred > 0
            && self.recovery.as_mut().is_some_and(Recovery::next_wave);
        if !goes_on {
            self.recovery = None;
        }
        goes_on
    }
}

/// So many a second on average, whatever the size of the single bursts.
#[derive(Debug)]
struct Pace {
    rate: u32,
    ready_at: Instant,
}

impl Pace {
    fn new(rate: u32) -> Self {
        Self { rate: rate.max(1), ready_at: Instant::now() }
    }

    fn spend(&mut self, count: u64, now: Instant) {
        let time = Duration::from_secs_f64(count as f64 / f64::from(self.rate));
        self.ready_at = self.ready_at.max(now) + time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(broken: u32) -> Ledger {
        let mut ledger = Ledger::default();
        for id in 0..broken + 50 {
            let slot = ledger.insert(&id.to_string());
            // The later half of the ids is the older one.
            ledger.set_written(slot, Version(u64::from(2 * (broken + 50) - id)), [0; 16], 1, 1);
            if id < broken {
                ledger.set_broken(slot);
            }
        }
        ledger
    }

    #[test]
    fn nothing_lost_is_no_recovery_and_little_is_one_wave() {
        assert!(Recovery::plan(&ledger(0), 100, true).is_none());
        let mut few = Recovery::plan(&ledger(400), 100, true).expect("some are broken");
        assert_eq!((few.up_to(), few.waves()), (Version(u64::MAX), 1));
        assert!(!few.next_wave());
    }

    #[test]
    fn many_are_restored_in_waves_of_the_same_size_oldest_first() {
        let ledger = ledger(4000);
        let mut recovery = Recovery::plan(&ledger, 100, true).expect("some are broken");
        let mut healed = Vec::new();
        loop {
            let up_to = recovery.up_to();
            healed.push(ledger.iter().filter(|s| ledger.is_broken(*s) && ledger.written(*s).0 <= up_to).count());
            if !recovery.next_wave() {
                break;
            }
        }
        assert_eq!(healed.len(), WAVES);
        assert_eq!(healed[WAVES - 1], 4000);
        for pair in healed.windows(2) {
            assert!((990..=1010).contains(&(pair[1] - pair[0])), "{healed:?}");
        }
        let single = Recovery::plan(&ledger, 100, false).expect("some are broken");
        assert_eq!(single.waves(), 1, "a stream tells everything once");
    }

    #[test]
    fn the_pace_is_kept_on_average() {
        let start = Instant::now();
        let mut pace = Pace { rate: 1000, ready_at: start };
        pace.spend(500, start);
        assert_eq!(pace.ready_at, start + Duration::from_millis(500));
        pace.spend(500, start + Duration::from_millis(200));
        assert_eq!(pace.ready_at, start + Duration::from_secs(1), "what was not waited for is owed");
        pace.spend(100, start + Duration::from_secs(10));
        assert_eq!(pace.ready_at, start + Duration::from_millis(10_100), "time that passed is not saved up");
    }
}
