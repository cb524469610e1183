//! `[recovery]`: how fast what Redis lost is written again. It must not know how a loss is found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How what Redis lost (a flush, a failover to an old replica) is written again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// Most values a second that are written while what was lost is restored, at least 1: Ralph reads from the same
    /// server meanwhile. A restoration that takes longer than some seconds begins with the values that are oldest.
    #[schemars(range(min = 1))]
    pub max_rate: u32,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { max_rate: 20_000 }
    }
}
