//! When the next pass is due: interval, back-off, circuit breaker, splay. It must not know what a pass does.

use std::time::Duration;

use super::backoff::Backoff;
use crate::settings;

/// How a pass ended, as far as its source is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It told what it has.
    Told,
    /// It failed.
    Failed,
    /// There is more to be healed, which the next pass does: at once.
    Unfinished,
    /// A stream was ended by us, to say again what Redis lost: no failure of its own.
    Anew,
}

/// Decides when a source is asked again.
///
/// A source that failed is tried again sooner than its interval, later each time. After `source.breaker_failures` failures
/// in a row the circuit *opens*: the source is left alone, but for one try every `source.breaker_pause`; the first that
/// goes well closes it.
#[derive(Debug)]
pub struct Schedule {
    interval: Duration,
    /// A fetch is the life of a command: there is no interval.
    is_stream: bool,
    backoff: Backoff,
    /// A stream that lived for longer than this did not fail.
    calm: Duration,
    breaker_failures: u32,
    breaker_pause: Duration,
    failures: u32,
    splayed: bool,
}

impl Schedule {
    /// The schedule that `source` asks for.
    pub fn new(source: &settings::Source, is_stream: bool) -> Self {
        Self {
            interval: source.interval.0,
            is_stream,
            backoff: Backoff::new(source.backoff_min.0, source.backoff_max.0),
            calm: source.backoff_max.0,
            breaker_failures: source.breaker_failures,
            breaker_pause: source.breaker_pause(),
            failures: 0,
            splayed: false,
        }
    }

    /// How long after its beginning the next pass is due, when this one took `took`.
    pub fn next(&mut self, outcome: Outcome, took: Duration) -> Duration {
        if self.is_stream && took > self.calm {
            // A stream always ends some time; one that lived for a while did well.
            self.close();
        }
        match outcome {
            Outcome::Unfinished => Duration::ZERO,
            Outcome::Anew => heal_gap(self.interval).max(took),
            Outcome::Told if !self.is_stream => {
                self.close();
                self.splayed_interval()
            }
            Outcome::Told | Outcome::Failed => self.failed(took),
        }
    }

    /// Whether the source is left alone for now.
    pub fn is_open(&self) -> bool {
        self.breaker_failures > 0 && self.failures >= self.breaker_failures
    }

    /// Whether the last failure was the one that opened the circuit.
    pub fn has_just_opened(&self) -> bool {
        self.breaker_failures > 0 && self.failures == self.breaker_failures
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How long the source is left alone between two tries while the circuit is open.
    pub fn pause(&self) -> Duration {
        self.breaker_pause
    }

    fn close(&mut self) {
        self.failures = 0;
        self.backoff.reset();
    }

    fn failed(&mut self, took: Duration) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let wait = self.backoff.next();
        if self.is_open() {
            // Never in step with others that fail for the same reason.
            return took + self.breaker_pause.mul_f64(0.75 + fastrand::f64() / 2.0);
        }
        took + if self.is_stream { wait } else { wait.min(self.interval) }
    }

    /// The interval; once, some part of it: sidecars that were started together (a node that boots, a roll-out) ask their
    /// sources at different moments from then on.
    fn splayed_interval(&mut self) -> Duration {
        if std::mem::replace(&mut self.splayed, true) {
            return self.interval;
        }
        self.interval.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// Shortest time between two passes when values have to be healed: soon, and yet not at every single key that is evicted;
/// the source is somebody's too.
pub fn heal_gap(interval: Duration) -> Duration {
    (interval / 6).clamp(Duration::from_millis(500), Duration::from_secs(30))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HumanDuration;

    const SECOND: Duration = Duration::from_secs(1);

    fn settings() -> settings::Source {
        settings::Source { interval: HumanDuration::from_secs(60), ..settings::Source::default() }
    }

    #[test]
    fn passes_keep_their_interval_and_are_splayed_once() {
        let mut firsts = Vec::new();
        for _ in 0..200 {
            let mut schedule = Schedule::new(&settings(), false);
            let first = schedule.next(Outcome::Told, SECOND);
            assert!((30 * SECOND..=60 * SECOND).contains(&first), "{first:?}");
            firsts.push(first);
            assert_eq!(schedule.next(Outcome::Told, SECOND), 60 * SECOND, "and stay where they are");
        }
        firsts.sort();
        assert!(firsts[150] - firsts[50] > 10 * SECOND, "spread over the half of the interval");
    }

    #[test]
    fn failures_are_tried_again_sooner_then_the_circuit_opens_and_one_success_closes_it() {
        let mut schedule = Schedule::new(&settings(), false);
        for failure in 1..5 {
            let wait = schedule.next(Outcome::Failed, SECOND);
            assert!(wait <= SECOND + Duration::from_secs(1 << failure), "{failure}: {wait:?}");
            assert!(!schedule.is_open());
        }
        for failure in 5..20 {
            let wait = schedule.next(Outcome::Failed, SECOND);
            assert!((226 * SECOND..=376 * SECOND).contains(&wait), "five minutes, jittered: {wait:?}");
            assert_eq!((schedule.is_open(), schedule.has_just_opened()), (true, failure == 5));
        }
        schedule.next(Outcome::Told, SECOND);
        assert_eq!((schedule.is_open(), schedule.failures()), (false, 0));
        assert!(schedule.next(Outcome::Failed, SECOND) <= 3 * SECOND, "it begins anew");
    }

    #[test]
    fn a_stream_that_has_to_say_lost_values_again_does_not_fail() {
        let mut schedule = Schedule::new(&settings(), true);
        for _ in 0..100 {
            assert_eq!(schedule.next(Outcome::Anew, SECOND), 10 * SECOND);
        }
        assert_eq!((schedule.is_open(), schedule.next(Outcome::Anew, 40 * SECOND)), (false, 40 * SECOND));
    }

    #[test]
    fn zero_never_opens_the_circuit() {
        let mut schedule = Schedule::new(&settings::Source { breaker_failures: 0, ..settings() }, false);
        for _ in 0..100 {
            assert!(schedule.next(Outcome::Failed, SECOND) <= 61 * SECOND);
        }
        assert!(!schedule.is_open());
    }

    #[test]
    fn a_stream_that_lived_begins_anew_and_one_that_keeps_ending_is_left_alone() {
        let mut schedule = Schedule::new(&settings(), true);
        for _ in 0..4 {
            schedule.next(Outcome::Told, SECOND);
        }
        let wait = schedule.next(Outcome::Told, SECOND);
        assert!(schedule.is_open() && wait > 200 * SECOND);
        let wait = schedule.next(Outcome::Told, 3600 * SECOND);
        assert!(!schedule.is_open() && wait <= 3602 * SECOND, "{wait:?}");
    }
}
