//! What has been told of a trouble: when it begins, when its cause changes, when it is over; and that it comes and goes,
//! once. It must not know what the trouble is, nor log.

use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

/// How long all has to be well before a trouble that comes and goes is over.
const CALM: Duration = Duration::from_secs(60);
/// Causes that are told in one trouble; more of them are the same trouble.
const CAUSES: usize = 16;

/// What is to be told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    /// Nothing that was not told before.
    Nothing,
    /// There is trouble, or its cause is another one.
    Begins,
    /// The trouble comes and goes: no more of it is told until it is over.
    Recurs,
    /// It is over.
    Over {
        /// How often it began.
        times: u64,
    },
}

/// One kind of trouble.
#[derive(Debug)]
pub struct Told {
    calm: Duration,
    failing: bool,
    recurs: bool,
    well_since: Option<Instant>,
    times: u64,
    causes: Vec<u64>,
}

impl Default for Told {
    fn default() -> Self {
        Self::new(CALM)
    }
}

impl Told {
    /// A trouble is over for good when all was well for `calm`.
    pub fn new(calm: Duration) -> Self {
        Self { calm, failing: false, recurs: false, well_since: None, times: 0, causes: Vec::new() }
    }

    /// There is trouble at `now`, because of `cause`: a text that is the same for the same cause, so without numbers that
    /// change from time to time.
    pub fn failed(&mut self, cause: &str, now: Instant) -> Say {
        if self.is_calm(now) {
            *self = Self::new(self.calm);
        }
        let was_failing = std::mem::replace(&mut self.failing, true);
        self.well_since = None;
        self.times += u64::from(!was_failing);
        let cause = xxh3_64(cause.as_bytes());
        if !self.causes.contains(&cause) && self.causes.len() < CAUSES {
            self.causes.push(cause);
            return Say::Begins;
        }
        if was_failing || std::mem::replace(&mut self.recurs, true) { Say::Nothing } else { Say::Recurs }
    }

    /// All is well at `now`. To be called again and again.
    pub fn well(&mut self, now: Instant) -> Say {
        let times = self.times;
        if std::mem::replace(&mut self.failing, false) {
            self.well_since = Some(now);
            return if self.recurs { Say::Nothing } else { Say::Over { times } };
        }
        if !self.is_calm(now) {
            return Say::Nothing;
        }
        let recurs = self.recurs;
        *self = Self::new(self.calm);
        if recurs { Say::Over { times } } else { Say::Nothing }
    }

    fn is_calm(&self, now: Instant) -> bool {
        self.well_since.is_some_and(|since| now.saturating_duration_since(since) >= self.calm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, second: u64) -> Instant {
        start + Duration::from_secs(second)
    }

    #[test]
    fn a_cause_that_stays_is_told_when_it_begins_when_it_changes_and_when_it_is_over() {
        let (mut told, start) = (Told::default(), Instant::now());
        assert_eq!(told.well(start), Say::Nothing);
        assert_eq!(told.failed("a", start), Say::Begins);
        for second in 1..1000 {
            assert_eq!(told.failed("a", at(start, second)), Say::Nothing);
        }
        assert_eq!(told.failed("b", at(start, 1000)), Say::Begins);
        assert_eq!(told.failed("a", at(start, 1001)), Say::Nothing, "to and fro between the same causes is no news");
        assert_eq!(told.well(at(start, 1002)), Say::Over { times: 1 });
        assert_eq!(told.well(at(start, 2000)), Say::Nothing);
        assert_eq!(told.failed("a", at(start, 3000)), Say::Begins, "another time");
    }

    #[test]
    fn what_comes_and_goes_is_told_once_and_its_end_once() {
        let (mut told, start) = (Told::default(), Instant::now());
        let mut said = Vec::new();
        for second in (0..10_000).step_by(10) {
            said.push(told.failed("a", at(start, second)));
            said.push(told.well(at(start, second + 5)));
        }
        for second in 10_000..10_200 {
            said.push(told.well(at(start, second)));
        }
        said.retain(|say| *say != Say::Nothing);
        assert_eq!(said, [Say::Begins, Say::Over { times: 1 }, Say::Recurs, Say::Over { times: 1000 }]);
    }

    #[test]
    fn ever_new_causes_are_bounded() {
        let (mut told, start) = (Told::default(), Instant::now());
        let said = (0..10_000).map(|n| told.failed(&n.to_string(), at(start, n)));
        assert_eq!(said.filter(|say| *say != Say::Nothing).count(), CAUSES);
    }
}
