//! Change events as they are read: from the stream, or off the channel. It must not know what they say.

use std::{
    thread,
    time::{Duration, Instant},
};

use redis::{RedisError, Value};

use super::{
    Keys, Session, StoreError, Target,
    announce::FIELD,
    batch::command,
    connection::{Connection, text},
    internal::is_wrong_type,
};
use crate::{
    model::{ServiceName, UnixMs, highest_plausible},
    settings::AnnounceKind,
};

/// Entries read at once.
const COUNT: &[u8] = b"500";
/// Before everything.
const START: &str = "0-0";

/// One event as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The entry's id; none on a channel.
    pub id: Option<String>,
    /// The event's JSON, if that is what it is.
    pub event: Vec<u8>,
}

/// Reads what a service tells. Its calls block.
pub struct ChangeFeed {
    target: Target,
    connection: Connection,
    kind: AnnounceKind,
    key: String,
    last: String,
}

impl ChangeFeed {
    /// Begins to read: behind the entry `from`, or behind the last one there is; on a channel from now on.
    ///
    /// Returns the entry that it begins behind, if that is there: what comes next has to follow it.
    ///
    /// # Errors
    /// When the server fails, or does not allow it.
    pub fn open(
        target: Target,
        prefix: &str,
        service: &ServiceName,
        kind: AnnounceKind,
        from: Option<&str>,
    ) -> Result<(Self, Option<Told>), StoreError> {
        let key = Keys::new(prefix, service).changes();
        let mut connection = target.open()?;
        if kind != AnnounceKind::Stream {
            connection.say(&[b"SUBSCRIBE", key.as_bytes()])?;
            return Ok((Self { target, connection, kind, key, last: START.to_owned() }, None));
        }
        let mut feed = Self { target, connection, kind, key, last: START.to_owned() };
        let before = match from {
            Some(id) => feed.ask(&[b"XRANGE", feed.key.clone().as_bytes(), id.as_bytes(), id.as_bytes()])?,
            None => feed.ask(&[b"XREVRANGE", feed.key.clone().as_bytes(), b"+", b"-", b"COUNT", b"1"])?,
        };
        let before = entries(&before).into_iter().next();
        if let Some(id) = before.as_ref().and_then(|told| told.id.clone()) {
            feed.last = id;
        }
        Ok((feed, before))
    }

    /// What was told since; waits for `wait` at most. None: the stream is another one than it was, and is read from its beginning
    /// from now on.
    ///
    /// # Errors
    /// As [`ChangeFeed::open`].
    pub fn next(&mut self, wait: Duration) -> Result<Option<Vec<Told>>, StoreError> {
        if self.kind != AnnounceKind::Stream {
            return self.hear(wait).map(Some);
        }
        let (key, last, ms) = (self.key.clone(), self.last.clone(), wait.as_millis().max(1).to_string());
        let words: [&[u8]; 8] =
            [b"XREAD", b"COUNT", COUNT, b"BLOCK", ms.as_bytes(), b"STREAMS", key.as_bytes(), last.as_bytes()];
        let answer = self.ask(&words)?;
        let told = match &answer {
            Value::Array(streams) => streams.first().map(|stream| match stream {
                Value::Array(pair) => pair.get(1).map(entries).unwrap_or_default(),
                _ => Vec::new(),
            }),
            _ => None,
        };
        let told = told.unwrap_or_default();
        if let Some(id) = told.last().and_then(|told| told.id.clone()) {
            self.last = id;
            return Ok(Some(told));
        }
        let newest = self.ask(&[b"XREVRANGE", key.as_bytes(), b"+", b"-", b"COUNT", b"1"])?;
        let newest = entries(&newest).into_iter().next().and_then(|told| told.id);
        if numbers(newest.as_deref().unwrap_or(START)) < numbers(&last) {
            START.clone_into(&mut self.last);
            return Ok(None);
        }
        Ok(Some(Vec::new()))
    }

    fn hear(&mut self, wait: Duration) -> Result<Vec<Told>, StoreError> {
        let (end, mut told) = (Instant::now() + wait, Vec::new());
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Whatever has come already is taken at once.
            let left = if told.is_empty() { left } else { Duration::from_millis(1) };
            let message = self.connection.message_within(left.max(Duration::from_millis(1)));
            match message.map_err(|e| self.target.failed(&e))? {
                Some(Value::Array(parts)) => {
                    if let [kind, _, Value::BulkString(event)] = parts.as_slice()
                        && text(kind).as_deref() == Some("message")
                    {
                        told.push(Told { id: None, event: event.clone() });
                    }
                }
                Some(_) => {}
                None if told.is_empty() && Instant::now() < end => thread::sleep(Duration::from_millis(1)),
                None => return Ok(told),
            }
        }
    }

    fn ask(&mut self, words: &[&[u8]]) -> Result<Value, StoreError> {
        let mut bytes = Vec::new();
        command(&mut bytes, words);
        let answer = self.connection.send_packed_command(&bytes).and_then(|()| self.connection.recv_response());
        let answer = answer.and_then(Value::extract_error);
        answer.map_err(|e| self.target.failed_on(&e, &self.key, "a stream"))
    }
}

impl Session {
    /// Removes what stands in the place of the stream of changes and cannot be from a writer of ours, since nothing could be told
    /// there; what it was, in words.
    ///
    /// # Errors
    /// When Redis fails, or does not know streams.
    pub fn mend_changes(&mut self, now: UnixMs) -> Result<Option<&'static str>, StoreError> {
        let key = self.keys().changes();
        self.call(|c| {
            let newest = redis::cmd("XREVRANGE").arg(&key).arg("+").arg("-").arg("COUNT").arg(1).query::<Value>(c);
            let odd = match newest.and_then(Value::extract_error) {
                Err(e) if is_wrong_type(&e) => "no stream",
                Err(e) => return Err(e),
                Ok(newest) => {
                    let id = entries(&newest).into_iter().next().and_then(|told| told.id);
                    if id.is_none_or(|id| numbers(&id).0 <= highest_plausible(now)) {
                        return Ok(None);
                    }
                    "an entry from a time far ahead"
                }
            };
            redis::cmd("DEL").arg(&key).query::<()>(c)?;
            Ok::<_, RedisError>(Some(odd))
        })
    }
}

/// `[[id, [name, value, ...]], ...]`.
fn entries(answer: &Value) -> Vec<Told> {
    let Value::Array(entries) = answer else { return Vec::new() };
    let entry = |value: &Value| {
        let Value::Array(parts) = value else { return None };
        let (id, fields) = (text(parts.first()?)?, parts.get(1));
        let event = match fields {
            Some(Value::Array(words)) => words.chunks_exact(2).find_map(|pair| match pair {
                [Value::BulkString(name), Value::BulkString(value)] if name == FIELD => Some(value.clone()),
                _ => None,
            }),
            _ => None,
        };
        Some(Told { id: Some(id), event: event.unwrap_or_default() })
    };
    entries.iter().filter_map(entry).collect()
}

/// The two numbers of an entry's id.
fn numbers(id: &str) -> (u64, u64) {
    let (ms, n) = id.split_once('-').unwrap_or((id, "0"));
    (ms.parse().unwrap_or(0), n.parse().unwrap_or(0))
}
