//! `[events]`: whether and where the service tells what it changed. It must not know what an event looks like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Change events: what the service tells others. What it reads from a stream of somebody else's is in `[source.events]`, another
/// matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Announce {
    /// Whether each write, each removal and each change of the service's status is told as an event (`schemas/event.v1.schema.json`)
    /// at `ralphext:v1:<service>:@changes`, in the same transaction as what it tells of.
    pub kind: AnnounceKind,
    /// For `stream`: about how many events are kept; the oldest go first. From 100 to 10,000,000. About 400 bytes of Redis' memory
    /// each, beside `limits.max_total`.
    #[schemars(range(min = 100, max = 10_000_000))]
    pub max_len: u64,
}

impl Default for Announce {
    fn default() -> Self {
        Self { kind: AnnounceKind::None, max_len: 10_000 }
    }
}

/// Where change events are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum AnnounceKind {
    /// Nowhere.
    #[default]
    None,
    /// On a channel: who listens hears them, and who does not has missed them.
    Pubsub,
    /// In a stream, in which the last `max_len` can be read later. Needs Redis 5.
    Stream,
}

impl AnnounceKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pubsub => "pubsub",
            Self::Stream => "stream",
        }
    }

    /// Whether anything is told.
    pub fn is_on(self) -> bool {
        self != Self::None
    }
}
