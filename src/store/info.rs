//! What a server tells of itself (`INFO`). It must not judge it.

use std::collections::HashMap;

use super::{FailureClass, StoreError, Target, connection::Connection};

/// The fields of an `INFO` answer.
#[derive(Debug, Clone, Default)]
pub struct Info(HashMap<String, String>);

impl Info {
    /// Asks the server; none when the user may not.
    pub(super) fn ask(connection: &mut Connection, target: &Target) -> Result<Option<Self>, StoreError> {
        match redis::cmd("INFO").query::<String>(connection).map_err(|e| target.failed(&e)) {
            Ok(text) => Ok(Some(Self::parse(&text))),
            Err(e) if e.class == FailureClass::Permission => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Reads the answer's text: `name:value` lines.
    pub fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    /// A field's text, if it has one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A field's number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// `redis` or `valkey`.
    pub fn product(&self) -> &str {
        self.text("server_name").unwrap_or("redis")
    }

    /// The server's own version, `7.0.15`.
    pub fn version(&self) -> Option<&str> {
        self.text("valkey_version").or_else(|| self.text("redis_version"))
    }

    /// The version of Redis whose commands it has: Valkey tells `7.2.4`.
    pub fn level(&self) -> Option<(u32, u32)> {
        let mut parts = self.text("redis_version")?.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    }

    /// Number of keys in a database.
    pub fn keys_in(&self, database: i64) -> Option<u64> {
        let told = self.0.get(&format!("db{database}"));
        // A database without keys has no line.
        told.map_or(Some(0), |fields| fields.split(',').find_map(|field| field.strip_prefix("keys="))?.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let info = Info::parse(
            "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\nmaxmemory:0\r\n\
             master_host:\r\n# Keyspace\r\ndb0:keys=12,expires=3,avg_ttl=0\r\n",
        );
        assert_eq!((info.product(), info.version(), info.level()), ("valkey", Some("9.1.2"), Some((7, 2))));
        assert_eq!((info.number("maxmemory"), info.text("master_host"), info.text("role")), (Some(0), None, None));
        assert_eq!((info.keys_in(0), info.keys_in(1)), (Some(12), Some(0)));
    }
}
