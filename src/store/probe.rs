//! What a Redis says when asked whether it would do: version, permissions, memory policy. It must not change anything that
//! a reader could see.

use serde::Serialize;

use super::{FailureClass, Keys, StoreError, Survey, Target, connection::Connection};
use crate::model::ServiceName;

/// The answer of a server.
#[derive(Debug, Serialize)]
pub struct Probe {
    /// Where it was asked.
    pub address: String,
    /// `redis` or `valkey`.
    pub product: String,
    /// Its version.
    pub version: String,
    /// What the sentinels say, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Survey>,
    /// Commands that it refuses to this user.
    pub missing: Vec<String>,
    /// What works, and is worth a look.
    pub notes: Vec<String>,
}

/// Asks the server; a read-only replica is an error.
///
/// Permissions are tried on a key of the service's own that nothing reads (`@probe`), and gone at once.
pub fn probe(target: &Target, prefix: &str, service: &ServiceName) -> Result<Probe, StoreError> {
    let mut connection = target.open()?;
    let sentinel = target.survey()?;
    let info: String = redis::cmd("INFO").query(&mut connection).unwrap_or_default();
    let field = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
    };
    let product = field("server_name").unwrap_or_else(|| "redis".to_owned());
    let version = field("valkey_version").or_else(|| field("redis_version")).unwrap_or_else(|| "unknown".to_owned());
    if field("role").as_deref() == Some("slave") {
        return Err(target.error(FailureClass::ReadOnly, "this server is a replica"));
    }
    let mut notes = Vec::new();
    match (field("maxmemory").as_deref(), field("maxmemory_policy").as_deref()) {
        (Some("0"), _) | (None, _) => {}
        (Some(_), Some("noeviction")) => {
            notes.push("maxmemory-policy is noeviction: when memory is full, writes fail".into());
        }
        (Some(_), Some(policy @ ("volatile-ttl" | "volatile-lru" | "volatile-lfu" | "volatile-random"))) => {
            notes.push(format!("maxmemory-policy {policy} evicts exactly the keys that have a TTL, such as these"));
        }
        _ => {}
    }
    notes.extend(sentinel.iter().flat_map(|survey| &survey.others).map(|other| format!("sentinel {other}")));
    let missing = permissions(&mut connection, target, &Keys::new(prefix, service))?;
    Ok(Probe { address: target.address(), product, version, sentinel, missing, notes })
}

/// The commands that are refused, each tried for real.
fn permissions(connection: &mut Connection, target: &Target, keys: &Keys) -> Result<Vec<String>, StoreError> {
    let key = format!("{}@probe", keys.object_prefix());
    let key = key.as_str();
    let tries: [&[&str]; 19] = [
        &["SET", key, "1", "PX", "1000"],
        &["GET", key],
        &["MGET", key],
        &["GETRANGE", key, "0", "1"],
        &["PTTL", key],
        &["STRLEN", key],
        &["PEXPIRE", key, "1000"],
        &["SCAN", "0", "MATCH", keys.descriptor(), "COUNT", "1"],
        &["ZADD", keys.index(), "XX", "0", "@probe"],
        &["ZRANGE", keys.index(), "0", "0"],
        &["ZRANGEBYSCORE", keys.index(), "0", "0"],
        &["ZREM", keys.index(), "@probe"],
        &["SCRIPT", "LOAD", "return 1"],
        &["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
        &["WATCH", key],
        &["MULTI"],
        &["EXEC"],
        &["DEL", key],
        &["EXISTS", key],
    ];
    let mut missing = Vec::new();
    for words in tries {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        if let Err(e) = command.query::<redis::Value>(connection) {
            let failed = target.failed(&e);
            match failed.class {
                FailureClass::Permission => missing.push(words[..words.len().min(2)].join(" ")),
                // Not cached yet; or a refused MULTI before it, which is named already.
                FailureClass::Server
                    if ["NOSCRIPT", "NoScript", "without MULTI"].iter().any(|w| e.to_string().contains(w)) => {}
                _ => return Err(failed),
            }
        }
    }
    Ok(missing)
}
