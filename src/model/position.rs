//! Where a change event stands among all of its service. It must not know what it tells.

use super::Version;

/// The place of an event: its batch, the batch before that, and its place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// What `@canary` is after the batch.
    pub batch: Version,
    /// What it was before; 0 where nothing was known to come before.
    pub previous: Version,
    /// From 1 on.
    pub place: u32,
    /// Events in the batch.
    pub of: u32,
}

impl Position {
    /// Whether nothing was told between `before` and this one.
    pub fn follows(&self, before: &Self) -> bool {
        if before.place < before.of {
            let next = Self { place: before.place + 1, ..*before };
            return *self == next;
        }
        self.place == 1 && self.previous == before.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_seen_within_a_batch_and_between_two() {
        let at =
            |previous, batch, place, of| Position { batch: Version(batch), previous: Version(previous), place, of };
        let all = [at(0, 5, 1, 1), at(5, 7, 1, 3), at(5, 7, 2, 3), at(5, 7, 3, 3), at(7, 9, 1, 2), at(7, 9, 2, 2)];
        for (n, before) in all.iter().enumerate() {
            for (m, next) in all.iter().enumerate() {
                assert_eq!(next.follows(before), m == n + 1, "{before:?}, then {next:?}");
            }
        }
        assert!(!at(8, 10, 1, 1).follows(&all[5]), "the batch before it is another one");
    }
}
