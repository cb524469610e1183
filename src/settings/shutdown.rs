//! `[shutdown]`: how the process ends. It must not know signals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::HumanDuration;

/// How the process ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shutdown {
    /// How long the batch in flight may take after SIGTERM or SIGINT before it is handed back; less than Kubernetes'
    /// `terminationGracePeriodSeconds` (30s by default).
    pub grace: HumanDuration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace: HumanDuration::from_secs(10) }
    }
}
