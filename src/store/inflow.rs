//! A stream of somebody else's, read by a consumer group (`XREADGROUP`, `XACK`). It must not know what its entries mean.
//!
//! There is one consumer, whoever it is at the moment: the service's one writer. What it took and did not acknowledge is given
//! to it again first, also after another process has taken over. An entry that another process took in the meantime, since it did
//! not know yet that it writes no more, comes before all that are younger: entries are given in the order of the stream.

use std::time::Duration;

use redis::{ConnectionLike, RedisError, Value};

use super::{StoreError, Target, batch::command, connection::Connection};

/// The one consumer's name.
const CONSUMER: &[u8] = b"ralphext";
/// Entries read at once.
const COUNT: &[u8] = b"200";
/// From the first entry on that was taken and not acknowledged.
const PENDING: &[u8] = b"0";
/// What nobody has taken yet.
const NEW: &[u8] = b">";

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id in the stream.
    pub id: String,
    /// Names and values; none where it was trimmed away before it was read.
    pub fields: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

/// What a look at the stream found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inflow {
    /// Entries that have to be acknowledged.
    Entries(Vec<Entry>),
    /// Nothing for now.
    Nothing,
    /// There was no such group, or no stream: it was made, and begins with the oldest entry.
    Made,
}

/// The reading end. Its calls block.
pub struct StreamReader {
    target: Target,
    stream: Vec<u8>,
    group: Vec<u8>,
    connection: Option<Connection>,
    /// What was taken before and not acknowledged is read first.
    wants_pending: bool,
}

impl StreamReader {
    /// For `stream` by `group`; nothing is sent.
    pub fn new(target: Target, stream: &str, group: &str) -> Self {
        let (stream, group) = (stream.as_bytes().to_vec(), group.as_bytes().to_vec());
        Self { target, stream, group, connection: None, wants_pending: true }
    }

    /// Whatever was read and not acknowledged is read again.
    pub fn rewind(&mut self) {
        self.wants_pending = true;
    }

    /// The next entries; waits for `wait` at most.
    ///
    /// # Errors
    /// When the server fails, or does not allow it.
    pub fn read(&mut self, wait: Duration) -> Result<Inflow, StoreError> {
        match self.in_order(wait) {
            Ok(entries) if entries.is_empty() => Ok(Inflow::Nothing),
            Ok(entries) => Ok(Inflow::Entries(entries)),
            Err(e) if e.code() == Some("NOGROUP") => self.make(),
            Err(e) => Err(self.failed(&e)),
        }
    }

    /// What is pending, else what is new: and that only when nothing older is pending, which a process took that was the
    /// writer before. What is dropped here is pending now, and comes in its turn.
    fn in_order(&mut self, wait: Duration) -> Result<Vec<Entry>, RedisError> {
        if self.wants_pending {
            let pending = self.take(PENDING, COUNT, wait)?;
            if !pending.is_empty() {
                return Ok(pending);
            }
            self.wants_pending = false;
        }
        let new = self.take(NEW, COUNT, wait)?;
        let first = self.take(PENDING, b"1", wait)?;
        if first.first().map(|entry| &entry.id) == new.first().map(|entry| &entry.id) {
            return Ok(new);
        }
        self.wants_pending = true;
        self.take(PENDING, COUNT, wait)
    }

    /// Makes the group where it is not, and the stream with it.
    fn make(&mut self) -> Result<Inflow, StoreError> {
        let (stream, group) = (self.stream.clone(), self.group.clone());
        self.wants_pending = true;
        match self.ask(&[b"XGROUP", b"CREATE", &stream, &group, b"0", b"MKSTREAM"]) {
            Ok(_) => Ok(Inflow::Made),
            // Somebody was quicker.
            Err(e) if e.code() == Some("BUSYGROUP") => Ok(Inflow::Nothing),
            Err(e) => Err(self.failed(&e)),
        }
    }

    /// Entries that need not be given again.
    ///
    /// # Errors
    /// When the server fails: they will be given again.
    pub fn acknowledge(&mut self, ids: &[String]) -> Result<(), StoreError> {
        let (stream, group) = (self.stream.clone(), self.group.clone());
        let mut words: Vec<&[u8]> = vec![b"XACK", &stream, &group];
        words.extend(ids.iter().map(|id| id.as_bytes()));
        self.ask(&words).map(drop).map_err(|e| self.failed(&e))
    }

    /// Up to `count` entries `from` one of the two places; waits for new ones only.
    fn take(&mut self, from: &[u8], count: &[u8], wait: Duration) -> Result<Vec<Entry>, RedisError> {
        let (stream, group, wait) = (self.stream.clone(), self.group.clone(), wait.as_millis().max(1).to_string());
        let mut words: Vec<&[u8]> = vec![b"XREADGROUP", b"GROUP", &group, CONSUMER, b"COUNT", count];
        if from == NEW {
            words.extend([b"BLOCK", wait.as_bytes()]);
        }
        words.extend([b"STREAMS", stream.as_slice(), from]);
        self.ask(&words).map(|answer| entries(&answer))
    }

    fn ask(&mut self, words: &[&[u8]]) -> Result<Value, RedisError> {
        if self.connection.is_none() {
            let opened = self.target.open().map_err(|e| RedisError::from(std::io::Error::other(e.to_string())))?;
            self.connection = Some(opened);
        }
        let mut packed = Vec::new();
        command(&mut packed, words);
        let Some(connection) = &mut self.connection else { return Ok(Value::Nil) };
        let answer = connection.req_packed_command(&packed);
        match answer {
            Ok(Value::ServerError(e)) => Err(e.into()),
            Ok(value) => Ok(value),
            Err(e) => Err(e),
        }
    }

    fn failed(&mut self, error: &RedisError) -> StoreError {
        if error.is_io_error() || error.is_connection_dropped() {
            self.connection = None;
        }
        self.wants_pending = true;
        self.target.failed(error)
    }
}

/// `[[stream, [[id, [name, value, ...]], ...]]]`, where an entry's fields are nil when it was trimmed away.
fn entries(answer: &Value) -> Vec<Entry> {
    let Value::Array(streams) = answer else { return Vec::new() };
    let Some(Value::Array(stream)) = streams.first() else { return Vec::new() };
    let Some(Value::Array(entries)) = stream.get(1) else { return Vec::new() };
    let entry = |value: &Value| {
        let Value::Array(parts) = value else { return None };
        let Some(Value::BulkString(id)) = parts.first() else { return None };
        let fields = match parts.get(1) {
            Some(Value::Array(words)) => {
                let bytes = |value: &Value| match value {
                    Value::BulkString(bytes) => bytes.clone(),
                    _ => Vec::new(),
                };
                Some(words.chunks_exact(2).map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect())
            }
            _ => None,
        };
        Some(Entry { id: String::from_utf8_lossy(id).into_owned(), fields })
    };
    entries.iter().filter_map(entry).collect()
}
