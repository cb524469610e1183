//! Key names of the contract (layout `v1`). It must not know what the values hold.

use crate::model::{ObjectId, ServiceName};

/// Version of the key layout: it changes when an old reader could misread a key.
pub const LAYOUT: &str = "v1";

/// Names, behind an `@`, of the keys beside the objects' that the contract knows; the last is the one by which
/// `check --connect` tries.
pub(super) const OWN: [&str; 7] = ["lease", "fence", "canary", "baseline", "changes", "requests", "probe"];

/// The keys of one service under one prefix.
#[derive(Debug, Clone)]
pub struct Keys {
    index: String,
    descriptor: String,
    object_prefix: String,
}

impl Keys {
    /// Keys of `service` under `prefix` (usually `ralphext`).
    pub fn new(prefix: &str, service: &ServiceName) -> Self {
        let index = index(prefix);
        let descriptor = format!("{index}:{service}");
        let object_prefix = format!("{descriptor}:");
        Self { index, descriptor, object_prefix }
    }

    /// The sorted set of services: `ralphext:v1`.
    pub fn index(&self) -> &str {
        &self.index
    }

    /// The service's descriptor: `ralphext:v1:<svc>`.
    pub fn descriptor(&self) -> &str {
        &self.descriptor
    }

    /// What every key of the service but its descriptor begins with: `ralphext:v1:<svc>:`.
    pub fn object_prefix(&self) -> &str {
        &self.object_prefix
    }

    /// An object's key: `ralphext:v1:<svc>:<object_id>`.
    pub fn object(&self, id: &ObjectId) -> String {
        format!("{}{id}", self.object_prefix)
    }

    /// The glob pattern (`SCAN ... MATCH`) of every key below the descriptor.
    pub fn pattern(&self) -> String {
        format!("{}*", self.object_prefix)
    }

    /// The object id in `key`, unless `key` is one of the service's internal keys or no object key.
    pub fn id_of<'a>(&self, key: &'a [u8]) -> Option<&'a str> {
        let id = std::str::from_utf8(key.strip_prefix(self.object_prefix.as_bytes())?).ok()?;
        ObjectId::check(id).ok().map(|()| id)
    }

    /// Whether `key` is one that the contract knows beside the objects', or the one by which `check --connect` tries.
    pub fn is_own(&self, key: &[u8]) -> bool {
        let name = key.strip_prefix(self.object_prefix.as_bytes()).and_then(|rest| rest.strip_prefix(b"@"));
        name.is_some_and(|name| OWN.iter().any(|own| own.as_bytes() == name))
    }

    /// Who writes now; expires.
    pub fn lease(&self) -> String {
        self.internal("lease")
    }

    /// The writer's epoch, changed only by a takeover.
    pub fn fence(&self) -> String {
        self.internal("fence")
    }

    /// The highest version written so far.
    pub fn canary(&self) -> String {
        self.internal("canary")
    }

    /// The shrink guard's memory.
    pub fn baseline(&self) -> String {
        self.internal("baseline")
    }

    /// Ids to compute now: a list, and a channel of the same name.
    pub fn requests(&self) -> String {
        self.internal("requests")
    }

    /// Where changes are told: a channel, or a stream.
    pub fn changes(&self) -> String {
        self.internal("changes")
    }

    fn internal(&self, name: &str) -> String {
        format!("{}@{name}", self.object_prefix)
    }
}

/// The sorted set of services under `prefix`.
pub fn index(prefix: &str) -> String {
    format!("{prefix}:{LAYOUT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_s_names() {
        let keys = Keys::new("ralphext", &ServiceName::new("hwinfo").unwrap());
        assert_eq!(keys.index(), "ralphext:v1");
        assert_eq!(keys.descriptor(), "ralphext:v1:hwinfo");
        assert_eq!(keys.object(&ObjectId::new("4711").unwrap()), "ralphext:v1:hwinfo:4711");
        assert_eq!(keys.fence(), "ralphext:v1:hwinfo:@fence");
        assert_eq!(keys.id_of(b"ralphext:v1:hwinfo:data_center.rack.12"), Some("data_center.rack.12"));
        assert_eq!(keys.id_of(b"ralphext:v1:hwinfo:@fence"), None);
        assert_eq!(keys.id_of(b"ralphext:v1:hwinfo"), None);
        assert_eq!(keys.id_of(b"ralphext:v1:hwinfo:\xff"), None);
        assert!(keys.is_own(b"ralphext:v1:hwinfo:@lease") && keys.is_own(b"ralphext:v1:hwinfo:@changes"));
        assert!(!keys.is_own(b"ralphext:v1:hwinfo:@other") && !keys.is_own(b"ralphext:v1:hwinfo:4711"));
    }
}
