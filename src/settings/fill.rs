//! `[fill]`: objects that are computed when a reader misses or asks for them. It must not know how that is heard.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, RedisUrl};

/// Objects that are computed at once when a reader misses their key, or asks for them.
///
/// A source that has single objects is asked for that one (`object_url` of `http`, a directory of files, `object_command` of `exec`,
/// `object_query` of `sql`). Of any other, an object that is known and whose key is missing starts a pass, no more often than
/// renewals that find losses do; one that is not known costs nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fill {
    /// Listen to the server's key-miss events of this service's keys: a `GET` of a key that is not there computes the object.
    /// Redis 6 or newer, or Valkey. The server has to send them (`notify-keyspace-events` with `Km`, which its operator sets,
    /// on replicas too), and the ACL user needs `psubscribe` and `role` (`ralphext acl` has them then).
    pub misses: bool,
    /// Take ids to compute out of the list `@requests`, and from the channel of the same name. Redis 6 or newer, or Valkey.
    pub requests: bool,
    /// Most objects a second that are asked for, at least 1. Ids that are not known and come faster are dropped; they will be
    /// missed again.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_rate: u32,
    /// Most objects that wait to be asked for, of those that are known or were requested. As long may the list `@requests` be;
    /// what is behind that is dropped.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_waiting: u32,
    /// How long an id is left alone that the source does not know, or whose content was refused. A complete snapshot that
    /// brings it ends that at once.
    pub unknown_for: HumanDuration,
    /// Most such ids that are remembered, some 100 bytes each; the oldest go first.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub max_unknown: u32,
    /// Whether misses are listened for on the replicas that the master names (`ROLE`), too: a read on a replica is told by that
    /// one only.
    pub replicas: bool,
    /// More servers on which misses are listened for, `host:port`; with user, password, TLS and database of `redis.url`. For
    /// replicas that cannot be reached under the address that the master knows.
    pub listen: Vec<String>,
}

impl Default for Fill {
    fn default() -> Self {
        Self {
            misses: false,
            requests: false,
            max_rate: 20,
            max_waiting: 1000,
            unknown_for: HumanDuration::from_secs(300),
            max_unknown: 10_000,
            replicas: true,
            listen: Vec::new(),
        }
    }
}

impl Fill {
    /// Whether anything is computed when it is asked for.
    pub fn is_on(&self) -> bool {
        self.misses || self.requests
    }

    /// Host and port of one of `listen`; none where it is no such thing.
    pub fn server(text: &str) -> Option<(String, u16)> {
        let url = RedisUrl::parse(format!("redis://{text}")).ok().filter(|url| !url.has_credentials())?;
        let (host, port) = url.server()?;
        let is_bare = !text.contains(['/', '?']) && !host.is_empty();
        is_bare.then(|| (host.to_owned(), port.unwrap_or(6379)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_hosts_with_ports() {
        let of = Fill::server;
        assert_eq!(of("replica:6380"), Some(("replica".into(), 6380)));
        assert_eq!(of("10.0.0.2"), Some(("10.0.0.2".into(), 6379)));
        assert_eq!(of("[::1]:7000"), Some(("::1".into(), 7000)));
        for bad in ["", ":1", "redis://replica", "user@replica", "replica/1", "replica:x", "a b"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
