//! The walk over a service's objects: heads and TTLs. It must not know what a head says.

use redis::{RedisError, Value};

use super::{Keys, batch::command, connection::Connection, internal::shown};

/// Keys that the server is asked to look at in one step; it paces the walk, as at most two steps are under way.
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
    /// Bytes of the value (`STRLEN`), asked for some keys only: enough to know how many all have.
    pub len: Option<usize>,
}

/// Keys whose length is asked: the first ones, then one of some.
const LENGTHS: usize = 1000;
const LENGTH_OF_EACH: usize = 16;

fn is_measured(at: usize) -> bool {
    at < LENGTHS || at.is_multiple_of(LENGTH_OF_EACH)
}

/// Keys below the service's prefix that are neither objects nor the service's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strange {
    /// How many; a key may be counted twice (`SCAN`).
    pub count: u64,
    /// One of them, made fit to be shown.
    pub example: Option<String>,
}

/// Walks all objects: `SCAN`, then the first `len` bytes (and one more for each of its id's) and the TTL of each, and the
/// length of some, in pipelines. Returns what else stands there.
///
/// Each step asks for the next keys first and for the heads of the last ones after it, and the heads are taken while the
/// server works on the step behind: neither side waits for the other.
pub(super) fn scan(
    connection: &mut Connection,
    keys: &Keys,
    len: usize,
    mut each: impl FnMut(RawHead),
) -> Result<Strange, RedisError> {
    let pattern = keys.pattern();
    let mut strange = Strange::default();
    let mut last = (0, String::new());
    let mut request = Vec::new();
    let mut before: Vec<Vec<u8>> = Vec::new();
    let mut next = Some(0);
    let mut now: Vec<Vec<u8>> = Vec::new();
    let (mut asked, mut taken) = (0, 0);
    let mut measured = || {
        taken += 1;
        is_measured(taken - 1)
    };
    while next.is_some() || !now.is_empty() {
        request.clear();
        if let Some(cursor) = next {
            ask_keys(&mut request, cursor, &pattern);
        }
        for key in &now {
            // Most ids are as long as the one before.
            if last.0 != key.len() {
                last = (key.len(), (len + key.len() - keys.object_prefix().len()).saturating_sub(1).to_string());
            }
            command(&mut request, &[b"GETRANGE", key, b"0", last.1.as_bytes()]);
            command(&mut request, &[b"PTTL", key]);
            if is_measured(asked) {
                command(&mut request, &[b"STRLEN", key]);
            }
            asked += 1;
        }
        connection.send_packed_command(&request)?;
        take_heads(connection, keys, &before, &mut measured, &mut each)?;
        before = std::mem::take(&mut now);
        if next.is_some() {
            let (cursor, mut found) = read_keys(connection)?;
            found.retain(|key| {
                let is_object = keys.id_of(key).is_some();
                if !is_object && !keys.is_own(key) {
                    strange.count += 1;
                    strange.example.get_or_insert_with(|| shown(key));
                }
                is_object
            });
            (next, now) = ((cursor != 0).then_some(cursor), found);
        }
    }
    take_heads(connection, keys, &before, &mut measured, &mut each)?;
    Ok(strange)
}

/// One step of such a walk, for whoever walks page by page: objects whose id has `text` in it, of about `count` keys from
/// `cursor` on. The answer is the next cursor, 0 at the end, and the objects found.
pub(super) fn step(
    connection: &mut Connection,
    keys: &Keys,
    (cursor, count): (u64, usize),
    text: &str,
    len: usize,
) -> Result<(u64, Vec<RawHead>), RedisError> {
    // Nothing in an id's grammar means anything to a glob.
    let pattern = if text.is_empty() { keys.pattern() } else { format!("{}*{text}*", keys.object_prefix()) };
    let mut request = Vec::new();
    let (from, count) = (cursor.to_string(), count.to_string());
    command(&mut request, &[b"SCAN", from.as_bytes(), b"MATCH", pattern.as_bytes(), b"COUNT", count.as_bytes()]);
    connection.send_packed_command(&request)?;
    let (next, mut found) = read_keys(connection)?;
    found.retain(|key| keys.id_of(key).is_some());
    request.clear();
    for key in &found {
        let last = (len + key.len() - keys.object_prefix().len()).saturating_sub(1).to_string();
        command(&mut request, &[b"GETRANGE", key, b"0", last.as_bytes()]);
        command(&mut request, &[b"PTTL", key]);
        command(&mut request, &[b"STRLEN", key]);
    }
    if !found.is_empty() {
        connection.send_packed_command(&request)?;
    }
    let mut heads = Vec::with_capacity(found.len());
    // Few enough that the length of each is asked.
    take_heads(connection, keys, &found, &mut || true, &mut |head| heads.push(head))?;
    Ok((next, heads))
}

/// Asks for the next step of keys that match.
pub(super) fn ask_keys(out: &mut Vec<u8>, cursor: u64, pattern: &str) {
    let (cursor, count) = (cursor.to_string(), STEP.to_string());
    command(out, &[b"SCAN", cursor.as_bytes(), b"MATCH", pattern.as_bytes(), b"COUNT", count.as_bytes()]);
}

/// An answer that is none of those expected, as an error.
pub(super) fn refused(answer: Value) -> RedisError {
    match answer.extract_error() {
        Err(e) => e,
        Ok(_) => RedisError::from((redis::ErrorKind::UnexpectedReturnType, "no head or TTL in the answer")),
    }
}

/// The answer to a `SCAN`: the next cursor, and keys.
pub(super) fn read_keys(connection: &mut Connection) -> Result<(u64, Vec<Vec<u8>>), RedisError> {
    Ok(redis::from_redis_value(connection.recv_response()?.extract_error()?)?)
}

fn take_heads(
    connection: &mut Connection,
    keys: &Keys,
    asked: &[Vec<u8>],
    is_measured: &mut impl FnMut() -> bool,
    each: &mut impl FnMut(RawHead),
) -> Result<(), RedisError> {
    for id in asked.iter().filter_map(|key| keys.id_of(key)) {
        let head = match connection.recv_response()? {
            Value::BulkString(bytes) => bytes,
            // A key of another type: to be repaired. Anything else, a missing permission say, must not look like a loss.
            Value::ServerError(e) if e.code() == "WRONGTYPE" => Vec::new(),
            other => return Err(refused(other)),
        };
        let pttl = match connection.recv_response()? {
            Value::Int(ms) => ms,
            other => return Err(refused(other)),
        };
        let len = match is_measured().then(|| connection.recv_response()).transpose()? {
            None => None,
            Some(Value::Int(bytes)) => usize::try_from(bytes).ok(),
            Some(Value::ServerError(e)) if e.code() == "WRONGTYPE" => None,
            Some(other) => return Err(refused(other)),
        };
        each(RawHead { id: id.to_owned(), head, pttl, len });
    }
    Ok(())
}
