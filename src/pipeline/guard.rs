//! The shrink guard: a snapshot that lost too much is not believed at once. Pure; it must not know keys or records.

use serde::{Deserialize, Serialize};

use crate::{model::UnixMs, settings::Percent};

const DAY_MS: u64 = 24 * 3600 * 1000;
/// Below this number of objects only a fall to zero is refused: one of three is no outage.
const SMALL: u64 = 20;

/// What has to survive a restart, the JSON under `@baseline`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// The largest object count of the last 24 h.
    pub objects: u64,
    /// When that count was seen, unix ms.
    pub at: UnixMs,
    /// When a pass was last good, unix ms; 0 never.
    pub last_success_at: UnixMs,
    /// From when the content is: when the source last told all of it, unix ms; 0 never.
    pub as_of: UnixMs,
    /// Since when complete snapshots have been refused without a believed one in between, unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_since: Option<UnixMs>,
}

/// Bounds of the guard.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// `limits.max_shrink`.
    pub max_shrink: Percent,
    /// `limits.shrink_confirm` in ms.
    pub confirm_ms: u64,
}

/// A shrink that is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Objects that would have been removed.
    pub vanished: u64,
    /// The count that they are missing from.
    pub baseline: u64,
    /// The sentence with the numbers.
    pub message: String,
}

impl Baseline {
    /// Judges a complete snapshot of `count` objects, with `vanished` objects of the ledger missing in it.
    ///
    /// # Errors
    /// [`Refused`] when more than `max_shrink` of the baseline would be gone, or everything.
    pub fn judge(&mut self, count: u64, vanished: u64, now: UnixMs, bounds: Bounds) -> Result<(), Refused> {
        if now.saturating_sub(self.at) > DAY_MS {
            // A new day begins with what stands there now.
            (self.objects, self.at) = (count + vanished, now);
        }
        let baseline = self.objects.max(count + vanished);
        let lost = baseline - count;
        let too_much = baseline >= SMALL && bounds.max_shrink.is_exceeded(lost, baseline);
        let all = count == 0 && vanished > 0;
        if vanished == 0 || !(too_much || all) {
            self.objects = baseline;
            self.believe(count, now);
            return Ok(());
        }
        let since = *self.refused_since.get_or_insert(now);
        if !all && now.saturating_sub(since) >= bounds.confirm_ms {
            self.objects = 0;
            self.believe(count, now);
            return Ok(());
        }
        Err(Refused { vanished, baseline, message: message(count, vanished, baseline, bounds) })
    }

    fn believe(&mut self, count: u64, now: UnixMs) {
        self.refused_since = None;
        if count >= self.objects {
            (self.objects, self.at) = (count, now);
        }
    }
}

fn message(count: u64, vanished: u64, baseline: u64, bounds: Bounds) -> String {
    if count == 0 {
        return format!("refused to delete all {vanished} objects: a source that suddenly has none is not believed");
    }
    let lost = baseline - count;
    let share = lost as f64 * 100.0 / baseline as f64;
    let max = bounds.max_shrink.0;
    if lost == vanished {
        return format!("refused to delete {vanished} of {baseline} ({share:.1} % > max_shrink {max} %)");
    }
    format!(
        "refused to delete {vanished}: {lost} of the {baseline} of the last 24 h would be gone ({share:.1} % > max_shrink {max} %)"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Bounds = Bounds { max_shrink: Percent(20.0), confirm_ms: 3_600_000 };

    #[test]
    fn a_large_shrink_is_refused_with_its_numbers() {
        let mut baseline = Baseline::default();
        baseline.judge(1900, 0, 1000, BOUNDS).unwrap();
        let refused = baseline.judge(1488, 412, 2000, BOUNDS).unwrap_err();
        assert_eq!(refused.message, "refused to delete 412 of 1900 (21.7 % > max_shrink 20 %)");
        baseline.judge(1600, 300, 3000, BOUNDS).unwrap();
        assert_eq!(baseline.objects, 1900, "the baseline is the day's largest");
        baseline.judge(1500, 100, 4000, BOUNDS).unwrap_err();
    }

    #[test]
    fn a_shrink_that_is_confirmed_for_an_hour_is_believed_but_zero_never() {
        let mut baseline = Baseline::default();
        baseline.judge(100, 0, 0, BOUNDS).unwrap();
        baseline.judge(50, 50, 1, BOUNDS).unwrap_err();
        baseline.judge(50, 50, 3_600_000, BOUNDS).unwrap_err();
        baseline.judge(50, 50, 3_600_001, BOUNDS).unwrap();
        assert_eq!(baseline.objects, 50);
        for hour in 0..100 {
            baseline.judge(0, 50, 3_600_002 + hour * 3_600_000, BOUNDS).unwrap_err();
        }
    }

    #[test]
    fn few_objects_may_go_but_not_all() {
        let mut baseline = Baseline::default();
        baseline.judge(3, 0, 0, BOUNDS).unwrap();
        baseline.judge(1, 2, 1, BOUNDS).unwrap();
        baseline.judge(0, 1, 2, BOUNDS).unwrap_err();
        assert_eq!(Baseline::default().judge(0, 0, 0, BOUNDS), Ok(()), "nothing was there and nothing is");
    }

    #[test]
    fn it_does_not_erode_from_day_to_day() {
        let mut baseline = Baseline::default();
        baseline.judge(100, 0, 0, BOUNDS).unwrap();
        let mut now = DAY_MS + 1;
        baseline.judge(81, 19, now, BOUNDS).unwrap();
        for _ in 0..100 {
            now += 60_000;
            let refused = baseline.judge(66, 15, now, Bounds { confirm_ms: u64::MAX, ..BOUNDS }).unwrap_err();
            assert!(refused.message.contains("34 of the 100"), "{}", refused.message);
        }
    }

    proptest! {
        #[test]
        fn within_a_day_it_never_erodes(counts in proptest::collection::vec(0u64..200, 1..60)) {
            let mut baseline = Baseline::default();
            baseline.judge(200, 0, 0, BOUNDS).unwrap();
            let mut present = 200u64;
            for (n, count) in counts.into_iter().enumerate() {
                let vanished = present.saturating_sub(count);
                // Closer together than shrink_confirm in all.
                if baseline.judge(count, vanished, n as u64 * 1000, BOUNDS).is_ok() {
                    present = count;
                }
                prop_assert!(present >= 160);
            }
        }
    }
}
