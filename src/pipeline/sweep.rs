//! When which object is verified and renewed: one walk over all slots in each `verify.every`, evenly. It must not know Redis.

use std::time::Duration;

use super::ledger::Ledger;

/// A walk over the ledger's slots that visits each once in every period.
///
/// Slots are numbered in the order in which objects were first seen, so the walk is spread as evenly as can be, and stays so.
#[derive(Debug)]
pub struct Sweep {
    every: Duration,
    cursor: u32,
    /// Slots that are due, with the fraction that is left over from step to step.
    due: f64,
}

impl Sweep {
    /// A walk that takes `every` for all slots.
    pub fn new(every: Duration) -> Self {
        Self { every, cursor: 0, due: 0.0 }
    }

    /// How often [`Sweep::step`] should be called: often enough to be even, seldom enough to cost nothing.
    pub fn step_every(&self) -> Duration {
        (self.every / 50).clamp(Duration::from_millis(20), Duration::from_secs(1))
    }

    /// The objects to renew after `elapsed` more time.
    pub fn step(&mut self, ledger: &Ledger, elapsed: Duration) -> Vec<u32> {
        let slots = ledger.slots();
        if slots == 0 {
            return Vec::new();
        }
        // Never more than one whole walk, however long nothing could be done.
        self.due =
            (self.due + f64::from(slots) * elapsed.as_secs_f64() / self.every.as_secs_f64()).min(f64::from(slots));
        let mut renew = Vec::new();
        while self.due >= 1.0 {
            self.due -= 1.0;
            if self.cursor >= slots {
                self.cursor = 0;
            }
            if ledger.is_used(self.cursor) && !ledger.is_broken(self.cursor) {
                renew.push(self.cursor);
            }
            self.cursor += 1;
        }
        renew
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Version;

    #[test]
    fn each_object_is_visited_once_a_period_and_evenly() {
        let mut ledger = Ledger::default();
        for id in 0..1000 {
            let slot = ledger.insert(&id.to_string());
            ledger.set_written(slot, Version(1), [0; 16], 1, 1);
        }
        let mut sweep = Sweep::new(Duration::from_secs(100));
        let mut visits = vec![0; 1000];
        for _ in 0..100 {
            let step = sweep.step(&ledger, Duration::from_secs(1));
            assert!((9..=11).contains(&step.len()), "{}", step.len());
            step.into_iter().for_each(|slot| visits[slot as usize] += 1);
        }
        assert!(visits.iter().filter(|v| **v == 1).count() >= 999, "rounding may move one to the next step");
        assert!(sweep.step(&ledger, Duration::from_secs(1_000_000)).len() <= 1000);
    }
}
