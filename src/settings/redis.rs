//! `[redis]`: which server, and how hard it may be used. It must not know how a connection is made.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, RedisUrl, Secret, Sentinel, Size, Tls};

/// The Redis (or Valkey) server that Ralph reads from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Redis {
    /// Address of the server: `redis://[user[:password]@]host[:port][/db]`, `rediss://...` for TLS, or
    /// `unix:///path/to/socket[?db=N]`. Better than a password in here are `password_file`, or a `${VAR}`.
    pub url: RedisUrl,
    /// ACL user, for Redis 6 and later. Default: the one in `url`, else Redis' `default` user.
    pub username: Option<String>,
    /// Password. Default: the one in `url`, else none. Not together with `password_file`.
    pub password: Option<Secret>,
    /// File that holds the password (a mounted secret); line breaks at its end do not count, and it is read at every
    /// connect, so that a changed secret needs no restart. Relative to the configuration file. Default: none.
    pub password_file: Option<PathBuf>,
    /// Sentinels that name the server to use. Default: none; the server is the one in `url`.
    pub sentinel: Option<Sentinel>,
    /// Certificates of TLS connections.
    pub tls: Tls,
    /// First part of every key: letters, digits and `_.-`, at most 32. Only to be changed together with every reader.
    pub prefix: String,
    /// How long connecting may take: a server that does not answer by then is not there.
    pub connect_timeout: HumanDuration,
    /// How long one answer may take, however large the batch.
    pub timeout: HumanDuration,
    /// Most commands in one transaction, 1 to 5000: Ralph's own reads wait behind a whole transaction.
    #[schemars(range(min = 1, max = 5000))]
    pub batch_commands: u32,
    /// Most bytes in one transaction (one larger object goes alone).
    pub batch_bytes: Size,
    /// Most bytes sent and not answered yet; then the source is slowed down, so memory stays bounded. At least
    /// `batch_bytes`.
    pub max_in_flight: Size,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: RedisUrl::default(),
            username: None,
            password: None,
            password_file: None,
            sentinel: None,
            tls: Tls::default(),
            prefix: "ralphext".to_owned(),
            connect_timeout: HumanDuration::from_secs(2),
            timeout: HumanDuration::from_secs(5),
            batch_commands: 500,
            batch_bytes: Size::mib(1),
            max_in_flight: Size::mib(4),
        }
    }
}
