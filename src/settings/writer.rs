//! `[writer]`: how one writer among several is chosen and watched. It must not know how a lease is taken.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// How one writer among several is chosen and watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Writer {
    /// How long a writer that fell silent keeps others out, from 1s to 1h; it is renewed every third of this, so it
    /// survives two lost renewals.
    pub lease: HumanDuration,
    /// How often the service's descriptor says that its writer is alive, and whether Redis lost data is looked for; at
    /// least 100ms. It is independent of `lease`.
    pub heartbeat: HumanDuration,
}

impl Default for Writer {
    fn default() -> Self {
        Self { lease: HumanDuration::from_secs(15), heartbeat: HumanDuration::from_secs(15) }
    }
}
