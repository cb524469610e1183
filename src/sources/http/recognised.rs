//! A list recognised by its bytes, where the server gives no `ETag`: one that came twice as it was is only hashed the third time,
//! and cut into records when it turns out to be another one, by a request more. It must not know what a list is.

use xxhash_rust::xxh3::{Xxh3, Xxh3Builder};

/// So often the same bytes have to have come in a row before they are expected to come again: what changes with every answer
/// would be asked for twice.
const ENOUGH: u32 = 2;

/// See the module.
#[derive(Debug)]
pub(super) struct Recognised {
    seed: u64,
    digest: Option<u128>,
    times: u32,
}

impl Default for Recognised {
    fn default() -> Self {
        Self { seed: fastrand::u64(..), digest: None, times: 0 }
    }
}

impl Recognised {
    /// Whether the list is expected to come as it was.
    pub(super) fn is_likely(&self) -> bool {
        self.times >= ENOUGH
    }

    /// What hashes the bytes of an answer.
    pub(super) fn hasher(&self) -> Xxh3 {
        Xxh3Builder::new().with_seed(self.seed).build()
    }

    /// Whether bytes with this digest are those of last time.
    pub(super) fn is(&self, digest: u128) -> bool {
        self.digest == Some(digest)
    }

    /// A whole list had this digest.
    pub(super) fn learn(&mut self, digest: u128) {
        self.times = if self.is(digest) { self.times + 1 } else { 1 };
        self.digest = Some(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_twice_is_expected_again_and_what_changes_is_not() {
        let mut list = Recognised::default();
        for digest in [1, 2, 3, 3] {
            assert!(!list.is_likely());
            list.learn(digest);
        }
        assert!(list.is_likely() && list.is(3) && !list.is(2));
        list.learn(4);
        assert!(!list.is_likely());
        let mut other = Recognised::default().hasher();
        let mut one = list.hasher();
        one.update(b"a");
        one.update(b"bc");
        other.update(b"abc");
        let mut same = list.hasher();
        same.update(b"abc");
        assert_eq!(one.digest128(), same.digest128());
        assert_ne!(one.digest128(), other.digest128(), "seeded anew");
    }
}
