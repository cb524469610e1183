//! `[redis.tls]`: whom to trust, and who we are. It must not read the files.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Certificates of TLS connections, which `rediss://` in `redis.url` asks for. The server's certificate and its name are
/// always checked. All files are PEM, relative to the configuration file, and read at every connect, so that renewed
/// certificates need no restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates of the authorities that may have signed the server's; no others are trusted then. Default: those of
    /// the system.
    pub ca: Option<PathBuf>,
    /// Certificate to show to the server (with its intermediates behind it), together with `key`. Default: none.
    pub cert: Option<PathBuf>,
    /// Private key of `cert`, not encrypted.
    pub key: Option<PathBuf>,
    /// Name or IP address that the server's certificate has to be for, where it is not the host that is connected to: a
    /// tunnel, or sentinels that name addresses. Sentinels themselves are always checked by their own. Default: that host.
    pub server_name: Option<String>,
}

impl Tls {
    /// The keys that are set, and whether each is.
    pub fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("redis.tls.ca", self.ca.is_some()),
            ("redis.tls.cert", self.cert.is_some()),
            ("redis.tls.key", self.key.is_some()),
            ("redis.tls.server_name", self.server_name.is_some()),
        ]
    }
}
