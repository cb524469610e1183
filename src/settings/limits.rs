//! `[limits]`: what is too much to be believed or stored. It must not know how a pass is judged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Percent, Size};

/// What is too much, too large or too bad to be believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest JSON or text content of one object. Larger ones count as failed and keep their last good content: a tab
    /// is read in one `GET`.
    pub max_content: Size,
    /// Largest binary content of one object, before base64.
    pub max_binary: Size,
    /// Most bytes of all values of the service together. An object that would exceed it counts as failed and keeps its
    /// last good content: sessions evicted from a shared Redis are worse than missing tabs.
    pub max_total: Size,
    /// Largest share of a service's objects that may vanish at once, or be missing from the largest count of the last 24 h
    /// (from 20 objects on; a fall to zero never may). More is taken for a fault of the source, refused and reported;
    /// `ralphext approve-shrink` lets it pass.
    pub max_shrink: Percent,
    /// How long complete snapshots have to keep confirming a refused shrink before it is believed. One that loses noticeably
    /// more than those before it begins anew. A fall to zero is never confirmed.
    pub shrink_confirm: HumanDuration,
    /// Largest share of objects that may fail in a pass that still counts as good (exit code 0).
    pub max_failed: Percent,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_content: Size::kib(256),
            max_binary: Size::mib(1),
            max_total: Size::mib(512),
            max_shrink: Percent(20.0),
            shrink_confirm: HumanDuration::from_secs(3600),
            max_failed: Percent(1.0),
        }
    }
}
