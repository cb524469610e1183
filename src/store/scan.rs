//! The walk over a service's objects: heads and TTLs. It must not know what a head says.

use redis::{Connection, ConnectionLike, RedisError, Value};

use super::Keys;

/// Keys that the server is asked to look at in one step; it paces the walk, as each step is a round trip.
const STEP: usize = 1000;

/// One head as `GETRANGE` and `PTTL` gave it.
#[derive(Debug)]
pub struct RawHead {
    /// The object's id.
    pub id: String,
    /// The value's first bytes; empty when the key went away meanwhile, or is no string.
    pub head: Vec<u8>,
    /// Ms left; -1 without TTL, -2 without key (`PTTL`).
    pub pttl: i64,
}

/// Walks all objects: `SCAN`, then the first `len` bytes and the TTL of each, in pipelines.
pub(super) fn scan(
    connection: &mut Connection,
    keys: &Keys,
    len: usize,
    mut each: impl FnMut(RawHead),
) -> Result<(), RedisError> {
    let pattern = keys.pattern();
    let mut cursor = 0u64;
    loop {
        let mut step = redis::cmd("SCAN");
        step.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(STEP);
        let (next, found): (u64, Vec<Vec<u8>>) = step.query(connection)?;
        let objects: Vec<(&Vec<u8>, &str)> = found.iter().filter_map(|key| Some((key, keys.id_of(key)?))).collect();
        let mut pipe = redis::pipe();
        for (key, _) in &objects {
            pipe.cmd("GETRANGE").arg(key.as_slice()).arg(0).arg(len - 1);
            pipe.cmd("PTTL").arg(key.as_slice());
        }
        // Single errors stay values: a key of another type answers WRONGTYPE, and is to be repaired.
        let answers = match objects.is_empty() {
            true => Vec::new(),
            false => connection.req_packed_commands(&pipe.get_packed_pipeline(), 0, objects.len() * 2)?,
        };
        let mut answers = answers.into_iter();
        for (_, id) in objects {
            let head = if let Some(Value::BulkString(bytes)) = answers.next() { bytes } else { Vec::new() };
            let pttl = if let Some(Value::Int(ms)) = answers.next() { ms } else { -2 };
            each(RawHead { id: id.to_owned(), head, pttl });
        }
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
    }
}
