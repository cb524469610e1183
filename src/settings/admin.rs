//! `[admin]`: where probes and metrics are served, and the page with its API. It must not know HTTP.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Listen, ListenPlace};

/// Where `ralphext run` serves probes and metrics, and the page for operators. One process has one of each: services of a
/// directory must agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// IP address and port for `/livez`, `/readyz` and `/metrics` (HTTP, no secrets, nothing that can be changed); port 0
    /// takes any free one, told in the log; `off` for none. A kubelet and Prometheus come from outside the pod, so all
    /// addresses by default; on a host with several sidecars each needs a port of its own.
    pub listen: Listen,
    /// Where the page for operators and its JSON API (`/api/v1/`) are served: `unix:/path/to/socket` (relative to the
    /// configuration file), or an address with its port, `127.0.0.1:9784`. Whoever reaches it can read every object. Any
    /// address but a loopback one needs `page_token_file`; on a loopback address without it nothing can be changed.
    /// Default: nowhere.
    pub page_listen: Option<String>,
    /// File that holds what requests for the page have to show, as `Authorization: Bearer ...`, or as the password that a
    /// browser asks for (any user name). Read at every request, so that a changed one needs no restart. Not for a unix
    /// socket, which the file system guards. Relative to the configuration file.
    pub page_token_file: Option<PathBuf>,
}

impl Admin {
    /// Where the page is served, if anywhere.
    ///
    /// # Errors
    /// Why `page_listen` is no place for it.
    pub fn page_place(&self) -> Result<Option<ListenPlace>, &'static str> {
        let Some(text) = &self.page_listen else { return Ok(None) };
        let place = ListenPlace::parse(text)?;
        if !place.is_local() && self.page_token_file.is_none() {
            return Err("everybody who reaches it could read every object without a token");
        }
        Ok(Some(place))
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: Listen::At(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9782))),
            page_listen: None,
            page_token_file: None,
        }
    }
}
