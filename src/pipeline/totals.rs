//! What was decided, counted: for the running pass, and over all passes of a process. It must not decide.

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

/// What a pass has done so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Objects that the source named.
    pub objects: u64,
    /// Objects left alone.
    pub skipped: u64,
    /// Objects that the source named and that did not stand in Redis before.
    pub new: u64,
    /// Records that say nothing of their object (id unknown): the snapshot removes nothing.
    pub unnamed: u64,
    /// Values put into batches.
    pub set: u64,
    /// Removals put into batches.
    pub removes: u64,
    /// Lost values that are left to a later wave, see [`Handler::heal_up_to`](super::Handler::heal_up_to).
    pub deferred: u64,
    /// Writes that were decided on.
    pub writes: Writes,
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
