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
    /// Elements, attributes and classes that the sanitiser took out.
    pub markup_removed: u64,
}

/// Over all passes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Objects left alone.
    pub skipped: u64,
    /// Writes that were decided on.
    pub writes: Writes,
    /// Elements, attributes and classes that the sanitiser took out.
    pub markup_removed: u64,
}

impl Totals {
    /// With those of one pass more.
    pub fn plus(self, pass: &Counts) -> Self {
        let writes = Writes(std::array::from_fn(|at| self.writes.0[at] + pass.writes.0[at]));
        let markup_removed = self.markup_removed + pass.markup_removed;
        Self { skipped: self.skipped + pass.skipped, writes, markup_removed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_under_its_own_name() {
        let mut writes = Writes::default();
        let pass = |writes, skipped| Counts { writes, skipped, markup_removed: 1, ..Counts::default() };
        for (at, reason) in WriteReason::ALL.into_iter().enumerate() {
            (0..=at).for_each(|_| writes.count(reason));
        }
        let totals = Totals::default().plus(&pass(writes, 3)).plus(&pass(writes, 4));
        assert_eq!((totals.skipped, totals.markup_removed), (7, 2));
        let each: Vec<_> = totals.writes.each().map(|(reason, count)| (reason.as_str(), count)).collect();
        assert_eq!(each, [("new", 2), ("changed", 4), ("healed", 6), ("expired", 8)]);
    }
}
