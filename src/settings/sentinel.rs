//! `[redis.sentinel]`: who names the master. It must not ask them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Secret, redis_url::split_server};

/// Sentinels that name the server to use. They are asked at every connect and while it runs; most voices count. Then
/// `redis.url` says only how that server is spoken to: `rediss://` for TLS, user, password and database. It has the
/// master's name in place of a host (`rediss://mymaster/0`), or is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sentinel {
    /// The master's name, as in `sentinel monitor NAME ...`.
    pub master: String,
    /// The sentinels, as many as there are, at most 16: `host:port` each (port 26379 if left out), spoken to with TLS
    /// if `redis.url` is `rediss://`; or `redis://host:port` and `rediss://host:port`, where they differ in that. A name
    /// with several addresses stands for as many sentinels.
    pub nodes: Vec<String>,
    /// ACL user of the sentinels themselves. Default: their `default` user.
    pub username: Option<String>,
    /// Password of the sentinels themselves. Default: none, whatever that of the server is.
    pub password: Option<Secret>,
    /// File that holds this password, as `redis.password_file`. Default: none.
    pub password_file: Option<PathBuf>,
    /// How long one sentinel may take to answer, connecting included; then the next one is asked.
    pub timeout: HumanDuration,
}

impl Default for Sentinel {
    fn default() -> Self {
        Self {
            master: String::new(),
            nodes: Vec::new(),
            username: None,
            password: None,
            password_file: None,
            timeout: HumanDuration::from_millis(500),
        }
    }
}

/// One of [`Sentinel::nodes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentinelNode {
    /// Name or IP address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to with TLS; none where it is as `redis.url` says.
    pub tls: Option<bool>,
}

impl SentinelNode {
    /// Reads `text`; what is wrong with it in words that follow "it" or the like.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const PORT: u16 = 26_379;
        let (tls, rest) = match text.split_once("://") {
            Some(("redis", rest)) => (Some(false), rest),
            Some(("rediss", rest)) => (Some(true), rest),
            Some(_) => return Err("its scheme is neither redis:// nor rediss://"),
            None => (None, text),
        };
        if rest.contains('@') {
            return Err("a user or password stands in it");
        }
        let server = rest.strip_suffix('/').unwrap_or(rest);
        if server.contains(['/', '?', '#']) || server.contains(char::is_whitespace) {
            return Err("it is more than a host and a port");
        }
        let (host, port) = split_server(server)?;
        Ok(Self { host: host.to_owned(), port: port.unwrap_or(PORT), tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes() {
        let node = |host: &str, port, tls| Ok(SentinelNode { host: host.to_owned(), port, tls });
        assert_eq!(SentinelNode::parse("s1.example.com:26380"), node("s1.example.com", 26_380, None));
        assert_eq!(SentinelNode::parse("s1"), node("s1", 26_379, None));
        assert_eq!(SentinelNode::parse("rediss://s1/"), node("s1", 26_379, Some(true)));
        assert_eq!(SentinelNode::parse("redis://[::1]:5"), node("::1", 5, Some(false)));
        for bad in ["", ":26379", "h:0", "h:x", "http://h", "redis://u:p@h", "u:p@h", "h/0", "h:1,g:2", "a b", "[::1"] {
            assert!(SentinelNode::parse(bad).is_err(), "{bad}");
        }
    }
}
