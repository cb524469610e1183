//! The decision: what is to be done with one object's content. Pure; it must not know where its arguments come from.

use crate::model::DigestPrefix;

/// What is known of the value that stands in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing stands there, as far as is known.
    Nothing,
    /// Something that is not what was last written, or cannot be read: it has to be healed.
    Broken,
    /// A value of ours with this digest, and so many ms of its TTL left.
    Value {
        /// First half of its `hash`.
        digest: DigestPrefix,
        /// Ms left; 0 when it may be gone by now.
        left_ms: u64,
    },
}

/// Why a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteReason {
    /// The object had no value.
    New,
    /// Its content changed.
    Changed,
    /// Its value was missing, overwritten or torn.
    Healed,
    /// Its TTL has run out, or will before anything else is done.
    Expired,
}

impl WriteReason {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::New, Self::Changed, Self::Healed, Self::Expired];

    /// The word for it in `plan`, `explain` and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Healed => "healed",
            Self::Expired => "expired",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Write the value.
    Write(WriteReason),
    /// The same content: verify, and extend the TTL.
    Renew,
    /// The same content, confirmed recently enough: nothing.
    Skip,
}

/// When a confirmed value is renewed at once.
#[derive(Debug, Clone, Copy)]
pub enum RenewalPolicy {
    /// Someone else renews all of them over `verify.every` (`run`).
    Spread,
    /// Nobody renews until the next start (`once`): whatever has less than this many ms left.
    Below(u64),
}

/// Decides from what is `known` of the value in Redis and the new content's `digest`.
pub fn decide(known: Known, digest: &DigestPrefix, policy: RenewalPolicy) -> Verdict {
    match known {
        Known::Nothing => Verdict::Write(WriteReason::New),
        Known::Broken => Verdict::Write(WriteReason::Healed),
        Known::Value { digest: old, .. } if old != *digest => Verdict::Write(WriteReason::Changed),
        Known::Value { left_ms: 0, .. } => Verdict::Write(WriteReason::Expired),
        Known::Value { left_ms, .. } => match policy {
            RenewalPolicy::Below(bound) if left_ms < bound => Verdict::Renew,
            _ => Verdict::Skip,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known() -> impl Strategy<Value = Known> {
        prop_oneof![
            Just(Known::Nothing),
            Just(Known::Broken),
            (0u8..3, 0u64..100).prop_map(|(d, left_ms)| Known::Value { digest: [d; 16], left_ms }),
        ]
    }

    proptest! {
        #[test]
        fn only_living_equal_content_is_left_alone(known in known(), new in 0u8..3, bound in 0u64..100) {
            let digest = [new; 16];
            let equal = matches!(known, Known::Value { digest: d, left_ms } if d == digest && left_ms > 0);
            for policy in [RenewalPolicy::Spread, RenewalPolicy::Below(bound)] {
                let verdict = decide(known, &digest, policy);
                prop_assert_eq!(matches!(verdict, Verdict::Write(_)), !equal);
            }
            prop_assert!(decide(known, &digest, RenewalPolicy::Spread) != Verdict::Renew);
        }
    }
}
