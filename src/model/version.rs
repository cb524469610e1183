//! Versions, epochs and the hybrid logical clock. It must not read the wall clock itself.

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type UnixMs = u64;

/// Version of one written value: unix ms, never going back for an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

/// A writer's epoch: grows with each takeover of a service's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

/// The highest version or epoch that can be one of ours at `now`: ten years ahead, for clocks that are wrong.
///
/// One from beyond it was put there by hand. Taken for true, it would push clock and epochs to where no reader keeps
/// integers exactly (2^53), and where there is none left after it.
pub fn highest_plausible(now: UnixMs) -> u64 {
    const TEN_YEARS_MS: u64 = 10 * 365 * 24 * 3600 * 1000;
    now.saturating_add(TEN_YEARS_MS)
}

/// Hybrid logical clock in unix ms: `max(previous + 1, floor + 1, now)`.
///
/// The floor is raised by whatever version was seen in Redis (canary, heads), so that versions increase over
/// restarts, flushes, failovers and a wall clock that was set back.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    last: u64,
}

impl Clock {
    /// Takes note of a version seen elsewhere; the next one will be higher.
    pub fn observe(&mut self, seen: Version) {
        self.last = self.last.max(seen.0);
    }

    /// The next version, at wall-clock time `now`.
    pub fn next(&mut self, now: UnixMs) -> Version {
        self.last = now.max(self.last.saturating_add(1));
        Version(self.last)
    }

    /// The highest version given out or seen.
    pub fn last(&self) -> Version {
        Version(self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn versions_increase_whatever_the_wall_clock_does(
            steps in proptest::collection::vec((any::<bool>(), 0u64..2_000_000_000_000), 1..200)
        ) {
            let mut clock = Clock::default();
            let mut highest = 0;
            for (observe, value) in steps {
                if observe {
                    clock.observe(Version(value));
                    highest = highest.max(value);
                } else {
                    let version = clock.next(value).0;
                    prop_assert!(version > highest);
                    prop_assert!(version >= value);
                    highest = version;
                }
            }
        }
    }
}
