//! What was decided, counted over all passes of a process: numbers that only grow, for metrics. It must not decide.

use crate::decision::WriteReason;

/// Writes by reason.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writes([u64; WriteReason::ALL.len()]);

impl Writes {
    /// Counts one more.
    pub fn count(&mut self, reason: WriteReason) {
        // As many as there are reasons, in the order of their declaration.
        self.0[reason as usize] += 1;
    }

    /// How many for each reason.
    pub fn each(&self) -> impl Iterator<Item = (WriteReason, u64)> {
        WriteReason::ALL.into_iter().zip(self.0)
    }
}

/// Over all passes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Objects left alone.
    pub skipped: u64,
    /// Writes that were decided on.
    pub writes: Writes,
}

impl Totals {
    /// With those of one pass more.
    pub fn plus(self, skipped: u64, writes: &Writes) -> Self {
        let writes = Writes(std::array::from_fn(|at| self.writes.0[at] + writes.0[at]));
        Self { skipped: self.skipped + skipped, writes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_under_its_own_name() {
        let mut writes = Writes::default();
        for (at, reason) in WriteReason::ALL.into_iter().enumerate() {
            (0..=at).for_each(|_| writes.count(reason));
        }
        let totals = Totals::default().plus(3, &writes).plus(4, &writes);
        assert_eq!(totals.skipped, 7);
        let each: Vec<_> = totals.writes.each().map(|(reason, count)| (reason.as_str(), count)).collect();
        assert_eq!(each, [("new", 2), ("changed", 4), ("healed", 6), ("expired", 8)]);
    }
}
