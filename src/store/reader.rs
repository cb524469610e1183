//! Reading for people: what is in a Redis, by any service. It must not write.

use super::{
    Keys, RawHead, StoreError, Strange, Target,
    connection::Connection,
    keys,
    scan::{scan, step},
};
use crate::model::{ObjectId, ServiceName, UnixMs};

/// Descriptors asked for at once.
const AT_ONCE: usize = 500;

/// One value and its TTL.
#[derive(Debug)]
pub struct Stored {
    /// The bytes under the key.
    pub value: Vec<u8>,
    /// Ms left; -1 without TTL.
    pub pttl: i64,
}

/// One service as the index and its descriptor tell it.
#[derive(Debug)]
pub struct Listed {
    /// Its name as it stands in the index.
    pub name: String,
    /// Score in the index: unix ms of its last heartbeat.
    pub heartbeat: UnixMs,
    /// The descriptor's JSON; none when it expired.
    pub descriptor: Option<Vec<u8>>,
}

/// A read-only connection. Its calls block.
pub struct Reader {
    target: Target,
    prefix: String,
    connection: Connection,
}

impl Reader {
    /// Connects.
    pub fn open(target: Target, prefix: &str) -> Result<Self, StoreError> {
        let connection = target.open()?;
        Ok(Self { target, prefix: prefix.to_owned(), connection })
    }

    /// All services of the index, by name (`ZRANGE`, `MGET`). Entries that name no service are left out.
    pub fn services(&mut self) -> Result<Vec<Listed>, StoreError> {
        let index = keys::index(&self.prefix);
        let members: Vec<(Vec<u8>, f64)> =
            self.run(redis::cmd("ZRANGE").arg(&index).arg(0).arg(-1).arg("WITHSCORES"), &index, "a sorted set")?;
        let named = |(name, score)| Some((ServiceName::new(String::from_utf8(name).ok()?).ok()?, score));
        let members: Vec<(ServiceName, f64)> = members.into_iter().filter_map(named).collect();
        let mut listed = Vec::with_capacity(members.len());
        for some in members.chunks(AT_ONCE) {
            let mut mget = redis::cmd("MGET");
            for (name, _) in some {
                mget.arg(Keys::new(&self.prefix, name).descriptor());
            }
            let descriptors: Vec<Option<Vec<u8>>> = self.run(&mget, &index, "a string")?;
            listed.extend(some.iter().zip(descriptors).map(|((name, score), descriptor)| Listed {
                name: name.to_string(),
                heartbeat: *score as UnixMs,
                descriptor,
            }));
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// The service's descriptor and what is left of its TTL in ms (`GET`, `PTTL`).
    pub fn descriptor(&mut self, service: &ServiceName) -> Result<Option<Stored>, StoreError> {
        let key = Keys::new(&self.prefix, service).descriptor().to_owned();
        self.stored(&key)
    }

    /// One object's value (`GET`, `PTTL`).
    pub fn object(&mut self, service: &ServiceName, id: &ObjectId) -> Result<Option<Stored>, StoreError> {
        let key = Keys::new(&self.prefix, service).object(id);
        self.stored(&key)
    }

    /// An object's key.
    pub fn object_key(&self, service: &ServiceName, id: &ObjectId) -> String {
        Keys::new(&self.prefix, service).object(id)
    }

    /// Walks all objects of the service: of each the first `len` bytes, and as many more as its id has; one may be named
    /// twice (`SCAN`). Returns what else stands below the service's prefix.
    pub fn heads(
        &mut self,
        service: &ServiceName,
        len: usize,
        each: impl FnMut(RawHead),
    ) -> Result<Strange, StoreError> {
        let keys = Keys::new(&self.prefix, service);
        scan(&mut self.connection, &keys, len, each).map_err(|e| self.target.failed(&e))
    }

    /// One step of [`Reader::heads`]: objects whose id has `text` in it, of about `count` keys of the whole database from the
    /// cursor on; their lengths too. The answer is the next cursor, 0 at the end.
    pub fn some_heads(
        &mut self,
        service: &ServiceName,
        at: (u64, usize),
        text: &str,
        len: usize,
    ) -> Result<(u64, Vec<RawHead>), StoreError> {
        let keys = Keys::new(&self.prefix, service);
        step(&mut self.connection, &keys, at, text, len).map_err(|e| self.target.failed(&e))
    }

    /// Who holds the service's lease, and for how many ms still.
    pub fn lease(&mut self, service: &ServiceName) -> Result<Option<Stored>, StoreError> {
        let key = Keys::new(&self.prefix, service).lease();
        self.stored(&key)
    }

    fn stored(&mut self, key: &str) -> Result<Option<Stored>, StoreError> {
        let (value, pttl): (Option<Vec<u8>>, i64) = redis::pipe()
            .cmd("GET")
            .arg(key)
            .cmd("PTTL")
            .arg(key)
            .query(&mut self.connection)
            .map_err(|e| self.target.failed_on(&e, key, "a string"))?;
        Ok(value.map(|value| Stored { value, pttl }))
    }

    fn run<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd, key: &str, ours: &str) -> Result<T, StoreError> {
        command.query(&mut self.connection).map_err(|e| self.target.failed_on(&e, key, ours))
    }
}
