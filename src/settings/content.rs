//! `[content]`: how long content lives and what of it counts. It must not know hashing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// How long content lives, and what of it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContentSettings {
    /// Lifetime of an object's key, at least 1s; keys are renewed long before. It is how long tabs survive the
    /// sidecar's death: a night's crash loop must not empty every tab.
    pub ttl: HumanDuration,
    /// How long the last good content is kept alive while the source fails; afterwards keys are left to expire. The
    /// default outlasts a weekend; status-like services set minutes. At least `source.interval`.
    pub max_stale: HumanDuration,
    /// Parts of JSON content whose change alone is no change, as RFC 6901 JSON pointers (`/generated_at`). They are
    /// stored, but not hashed.
    pub ignore: Vec<String>,
    /// Media type of records that do not name one: `type/subtype`, or short `json`, `card`, `html`, `markdown`, `text`.
    /// Default: `application/json`, and `text/plain` for content that is a JSON string.
    pub content_type: Option<String>,
}

impl Default for ContentSettings {
    fn default() -> Self {
        Self {
            ttl: HumanDuration::from_secs(24 * 3600),
            max_stale: HumanDuration::from_secs(72 * 3600),
            ignore: Vec::new(),
            content_type: None,
        }
    }
}
