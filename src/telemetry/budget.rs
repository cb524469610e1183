//! How many log lines one cause may have: many at once, few for long. It must not know what the lines say.

use std::time::{Duration, Instant};

/// A budget of lines that refills with time.
#[derive(Debug)]
pub struct Budget {
    burst: f64,
    every: Duration,
    left: f64,
    at: Instant,
    held_back: u64,
}

impl Budget {
    /// `burst` lines at once, and one more each time `every` has passed.
    pub fn new(burst: u32, every: Duration) -> Self {
        Self { burst: f64::from(burst), every, left: f64::from(burst), at: Instant::now(), held_back: 0 }
    }

    /// Takes one line, if there is one left.
    pub fn take(&mut self) -> bool {
        self.take_at(Instant::now())
    }

    /// As [`Budget::take`], at `now`.
    pub fn take_at(&mut self, now: Instant) -> bool {
        let refilled = now.saturating_duration_since(self.at).as_secs_f64() / self.every.as_secs_f64();
        (self.left, self.at) = ((self.left + refilled).min(self.burst), now);
        let is_left = self.left >= 1.0;
        if is_left {
            self.left -= 1.0;
        } else {
            self.held_back += 1;
        }
        is_left
    }

    /// Whether lines were refused since [`Budget::held_back`] was asked last.
    pub fn is_exceeded(&self) -> bool {
        self.held_back > 0
    }

    /// How many lines were refused since this was asked last.
    pub fn held_back(&mut self) -> u64 {
        std::mem::take(&mut self.held_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_trickle() {
        let mut budget = Budget::new(3, Duration::from_secs(10));
        let start = Instant::now();
        let taken = |budget: &mut Budget, second: u64| budget.take_at(start + Duration::from_secs(second));
        assert_eq!((0..100).filter(|_| taken(&mut budget, 0)).count(), 3);
        assert_eq!((budget.held_back(), budget.held_back()), (97, 0));
        let trickled = (1..=100).filter(|second| taken(&mut budget, *second)).count();
        assert!((9..=10).contains(&trickled), "{trickled}");
        assert_eq!((0..100).filter(|_| taken(&mut budget, 100_000)).count(), 3);
    }
}
