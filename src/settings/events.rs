//! `[source.events]`: which Redis Stream is read. It must not read it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Redis, RedisUrl, Secret};
use crate::model::ServiceName;

/// A Redis Stream that an extension writes already, read by a consumer group. An entry is acknowledged when what it led to is in
/// Redis, so that none is lost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// The stream's key.
    pub stream: String,
    /// The consumer group; made, from the stream's beginning, where there is none. Default: `ralphext-<service>`.
    pub group: Option<String>,
    /// Address of its server. Default: `redis.url`, with the same TLS settings.
    pub url: Option<RedisUrl>,
    /// ACL user there. Default: `redis.username`, where `url` is not set.
    pub username: Option<String>,
    /// Its password. Better is `password_file`.
    pub password: Option<Secret>,
    /// File that holds the password. Relative to the configuration file.
    pub password_file: Option<PathBuf>,
}

impl Events {
    /// The group's name for `service`.
    pub fn group(&self, service: &ServiceName) -> String {
        self.group.clone().unwrap_or_else(|| format!("ralphext-{service}"))
    }

    /// How its server is reached, where the service's own is `redis`.
    pub fn server(&self, redis: &Redis) -> Redis {
        let mut server = redis.clone();
        if let Some(url) = &self.url {
            (server.url, server.sentinel) = (url.clone(), None);
            (server.username, server.password, server.password_file) = (None, None, None);
        }
        if self.username.is_some() {
            (server.username, server.password, server.password_file) = (self.username.clone(), None, None);
        }
        if self.password.is_some() || self.password_file.is_some() {
            (server.password, server.password_file) = (self.password.clone(), self.password_file.clone());
        }
        server
    }
}
