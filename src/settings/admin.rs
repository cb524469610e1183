//! `[admin]`: where probes and metrics are served. It must not know HTTP.

use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Listen;

/// Where `ralphext run` serves probes and metrics. One process has one listener: services of a directory must agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// IP address and port for `/livez`, `/readyz` and `/metrics` (HTTP, no secrets, nothing that can be changed); port 0
    /// takes any free one, told in the log; `off` for none. A kubelet and Prometheus come from outside the pod, so all
    /// addresses by default; on a host with several sidecars each needs a port of its own.
    pub listen: Listen,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: Listen::At(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9782))) }
    }
}
