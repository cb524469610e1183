//! The largest count of the last 24 h, at every moment: a sliding maximum in a few numbers. It must not know why.

use serde::{Deserialize, Serialize};

use crate::model::UnixMs;

const HOUR_MS: u64 = 3600 * 1000;
/// How long a count is remembered.
pub(super) const DAY_MS: u64 = 24 * HOUR_MS;
/// One an hour, twice as many when the clock was moved.
const MOST: usize = 60;

/// Counts that are the largest since they were seen: times ascend, counts descend, the first is the largest of all.
///
/// Within one hour only the largest is kept, as if it had been seen at the last moment: it may be remembered for up to an
/// hour longer than a day, never shorter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Peaks(Vec<(UnixMs, u64)>);

impl Peaks {
    /// Takes note of a count.
    pub(super) fn note(&mut self, now: UnixMs, count: u64) {
        self.0.retain(|(at, _)| now.saturating_sub(*at) <= DAY_MS);
        while self.0.last().is_some_and(|(_, last)| *last <= count) {
            self.0.pop();
        }
        match self.0.last_mut() {
            Some((at, _)) if *at / HOUR_MS == now / HOUR_MS => *at = now,
            _ => self.0.push((now, count)),
        }
    }

    /// The largest count; 0 when there was none.
    pub(super) fn largest(&self) -> u64 {
        self.0.first().map_or(0, |(_, count)| *count)
    }

    /// Forgets them all: a smaller count is right from now on.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Brings what was read from outside into shape: nothing later than `now`, in order, few.
    pub(super) fn sanitise(&mut self, now: UnixMs, shift: impl Fn(UnixMs) -> UnixMs) {
        let mut read = std::mem::take(&mut self.0);
        read.iter_mut().for_each(|(at, _)| *at = shift(*at).min(now));
        read.sort_unstable();
        for (at, count) in read {
            while self.0.last().is_some_and(|(_, last)| *last <= count) {
                self.0.pop();
            }
            self.0.push((at, count));
        }
        self.0.truncate(MOST);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_largest_of_a_day_and_at_most_an_hour(steps in proptest::collection::vec((0u64..5 * HOUR_MS, 0u64..1000), 1..200)) {
            let (mut peaks, mut seen, mut now) = (Peaks::default(), Vec::new(), 0);
            for (step, count) in steps {
                now += step;
                peaks.note(now, count);
                seen.push((now, count));
                let within = |ms: u64| seen.iter().filter(|(at, _)| now - at <= ms).map(|(_, c)| *c).max().unwrap_or(0);
                prop_assert!(peaks.largest() >= within(DAY_MS));
                prop_assert!(peaks.largest() <= within(DAY_MS + HOUR_MS));
                prop_assert!(peaks.0.len() <= MOST, "{}", peaks.0.len());
            }
        }

        #[test]
        fn whatever_is_read_is_brought_into_shape(read in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..100)) {
            let largest = read.iter().map(|(_, count)| *count).max().unwrap_or(0);
            let mut peaks = Peaks(read);
            peaks.sanitise(1000, |at| at);
            prop_assert_eq!(peaks.largest(), largest);
            prop_assert!(peaks.0.len() <= MOST && peaks.0.iter().all(|(at, _)| *at <= 1000));
            prop_assert!(peaks.0.is_sorted_by(|a, b| a.0 <= b.0 && a.1 > b.1));
        }
    }
}
