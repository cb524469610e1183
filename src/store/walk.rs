//! The walk over every key under the prefix, whosever it is, for `ralphext doctor`. It must not look at values.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use redis::{RedisError, Value};

use super::{connection::Connection, keys};
use crate::model::{ObjectId, ServiceName};

/// Keys that the server is asked to look at in one step.
const STEP: usize = 1000;
/// Most services that are told apart; whoever fills the prefix with names cannot fill our memory.
const SERVICES: usize = 1000;

/// The keys of one service.
#[derive(Debug, Default, Clone)]
pub struct KeysOf {
    /// Whether its descriptor is there.
    pub descriptor: bool,
    /// Objects.
    pub objects: u64,
    /// Keys of the writer's own (`@fence` and the like).
    pub internal: u64,
    /// Keys that are neither, and one of them.
    pub strange: u64,
    /// One of the strange keys.
    pub strange_key: Option<String>,
    /// Objects that never expire; only where TTLs were asked for.
    pub without_ttl: u64,
    /// One of the objects that never expire.
    pub without_ttl_id: Option<String>,
}

/// What the walk found.
#[derive(Debug, Default)]
pub struct Walk {
    /// By service.
    pub services: BTreeMap<String, KeysOf>,
    /// Keys under the prefix.
    pub ours: u64,
    /// How long it took.
    pub took: Duration,
}

/// Walks over all keys under `prefix` (`SCAN`), and asks for the TTL of the objects of `services` (`PTTL`).
pub(super) fn walk(connection: &mut Connection, prefix: &str, services: &[ServiceName]) -> Result<Walk, RedisError> {
    let start = Instant::now();
    let index = keys::index(prefix);
    let pattern = format!("{index}*");
    let mut walk = Walk::default();
    let mut cursor = 0u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(STEP);
        let (next, found): (u64, Vec<Vec<u8>>) = scan.query(connection)?;
        let mut ask = redis::pipe();
        let mut asked = Vec::new();
        for key in &found {
            let Some((service, id)) = walk.note(&index, key) else { continue };
            if services.iter().any(|known| known.as_str() == service) {
                ask.cmd("PTTL").arg(key);
                asked.push((service, id));
            }
        }
        if !asked.is_empty() {
            let ttls: Vec<Value> = ask.query(connection)?;
            for ((service, id), ttl) in asked.into_iter().zip(ttls) {
                // -2 is a key that went away meanwhile.
                if ttl == Value::Int(-1) {
                    let of = walk.services.entry(service).or_default();
                    of.without_ttl += 1;
                    of.without_ttl_id.get_or_insert(id);
                }
            }
        }
        if next == 0 {
            walk.took = start.elapsed();
            return Ok(walk);
        }
        cursor = next;
    }
}

impl Walk {
    /// Counts a key; service and id, where it is an object's.
    fn note(&mut self, index: &str, key: &[u8]) -> Option<(String, String)> {
        let below = key.strip_prefix(index.as_bytes())?;
        if below.is_empty() {
            self.ours += 1;
            return None;
        }
        let below = below.strip_prefix(b":")?;
        self.ours += 1;
        let text = String::from_utf8_lossy(below);
        let (service, id) = text.split_once(':').map_or((text.as_ref(), None), |(service, id)| (service, Some(id)));
        if ServiceName::new(service).is_err()
            || (self.services.len() >= SERVICES && !self.services.contains_key(service))
        {
            return None;
        }
        let of = self.services.entry(service.to_owned()).or_default();
        match id {
            None => of.descriptor = true,
            Some("@lease" | "@fence" | "@canary" | "@baseline" | "@probe" | "@changes" | "@requests") => {
                of.internal += 1;
            }
            Some(id) if ObjectId::check(id).is_ok() => {
                of.objects += 1;
                return Some((service.to_owned(), id.to_owned()));
            }
            Some(_) => {
                of.strange += 1;
                of.strange_key.get_or_insert_with(|| String::from_utf8_lossy(key).into_owned());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let mut walk = Walk::default();
        let mut note = |key: &[u8]| walk.note("r:v1", key);
        assert_eq!(note(b"r:v1:a:4711"), Some(("a".to_owned(), "4711".to_owned())));
        for key in [&b"r:v1"[..], b"r:v1:a", b"r:v1:a:@fence", b"r:v1:a:x y", b"r:v1:a:\xff", b"r:v1:NO:1"] {
            assert_eq!(note(key), None);
        }
        assert_eq!(note(b"r:v10:a:1"), None);
        let of = &walk.services["a"];
        assert_eq!((of.descriptor, of.objects, of.internal, of.strange), (true, 1, 1, 2));
        assert_eq!((of.strange_key.as_deref(), walk.ours, walk.services.len()), (Some("r:v1:a:x y"), 7, 1));
    }
}
