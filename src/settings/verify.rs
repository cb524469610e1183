//! `[verify]`: how what is in Redis is checked again. It must not know how a key is renewed.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// Longest default period.
const MAX_DEFAULT: Duration = Duration::from_secs(30 * 60);

/// How what is in Redis is checked again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// How often each key is compared with what it should hold, healed where it differs, and its lifetime extended;
    /// spread over the whole period. Less than `content.ttl`. Default: the smaller of `content.ttl` / 2 and 30m.
    pub every: Option<HumanDuration>,
    /// How often each value is read as a whole and compared with its hash, which finds content that was changed behind an
    /// intact head; spread over the whole period. At least 100ms. It reads all of a service's bytes once in this time:
    /// 100,000 values of 2 KiB a day are 2.3 KiB a second.
    pub whole_every: HumanDuration,
    /// Listen to the server's keyspace events, so that a key that is evicted, deleted or overwritten is healed at once
    /// and not by its next renewal. The server has to send them (`notify-keyspace-events` with `K$gxe`, which its
    /// operator sets), and the ACL user needs `psubscribe` (`ralphext acl` has it then). Costs one small message for
    /// each of the service's writes.
    pub keyspace_events: bool,
}

impl Default for Verify {
    fn default() -> Self {
        Self { every: None, whole_every: HumanDuration::from_secs(24 * 3600), keyspace_events: false }
    }
}

impl Verify {
    /// The period where none is set: `min(ttl / 2, 30m)`.
    pub fn default_every(ttl: Duration) -> Duration {
        (ttl / 2).min(MAX_DEFAULT)
    }
}
