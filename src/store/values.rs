//! The walk over whole values, and over what else lies below a service's prefix. It must not know what a value says.
//!
//! Values are handed on one by one, as they come: neither side holds more than a pipeline of them, whose length follows from
//! how large the values are.

use std::collections::VecDeque;

use redis::{RedisError, Value};

use super::{
    Keys,
    batch::command,
    connection::Connection,
    scan::{ask_keys, read_keys, refused},
};

/// Bytes of values that one pipeline should ask for; at most two are under way.
const PIPELINE: usize = 1 << 20;
/// Most values in one pipeline.
const MOST: usize = 200;
/// What a value is taken to be before any was seen.
const FIRST_GUESS: usize = 64 << 10;
/// The longest value that is read: longer ones are none of ours, whatever the limits are.
pub const LONGEST: usize = 16 << 20;

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// There is no such key.
    Nothing,
    /// A string.
    Bytes(Vec<u8>),
    /// A string of more than [`LONGEST`] bytes.
    TooLong,
    /// Something of another type than a string.
    NoString,
}

/// A key at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What it holds.
    pub held: Held,
    /// Ms left; -1 without TTL, -2 without key (`PTTL`).
    pub pttl: i64,
}

/// What a walk comes across. A key may be named twice (`SCAN`).
#[derive(Debug)]
pub enum Found<'a> {
    /// The key of an object.
    Object(&'a str, Look),
    /// A key below the service's prefix that is neither an object's nor one of the contract's.
    Foreign(&'a [u8]),
}

/// What was asked and not answered yet, in order.
enum Asked {
    Keys,
    Values(Vec<Vec<u8>>),
}

/// Walks over all keys of a service (`SCAN`), and reads those of objects (`GETRANGE`, `PTTL`).
pub(super) fn walk(
    connection: &mut Connection,
    keys: &Keys,
    mut each: impl FnMut(Found<'_>),
) -> Result<(), RedisError> {
    let pattern = keys.pattern();
    let (mut waiting, mut asked) = (VecDeque::new(), VecDeque::new());
    let (mut cursor, mut pace) = (Some(0), Pace::default());
    loop {
        while asked.len() < 2 {
            let mut request = Vec::new();
            if !waiting.is_empty() {
                let chunk: Vec<Vec<u8>> = waiting.drain(..pace.room().min(waiting.len())).collect();
                ask_values(&mut request, &chunk);
                asked.push_back(Asked::Values(chunk));
            } else if let Some(at) = cursor.take() {
                ask_keys(&mut request, at, &pattern);
                asked.push_back(Asked::Keys);
            } else {
                break;
            }
            connection.send_packed_command(&request)?;
        }
        match asked.pop_front() {
            None => return Ok(()),
            Some(Asked::Keys) => {
                let (next, found) = read_keys(connection)?;
                cursor = (next != 0).then_some(next);
                for key in found {
                    if keys.id_of(&key).is_some() {
                        waiting.push_back(key);
                    } else if !keys.is_own(&key) {
                        each(Found::Foreign(&key));
                    }
                }
            }
            Some(Asked::Values(chunk)) => {
                for id in chunk.iter().filter_map(|key| keys.id_of(key)) {
                    let look = read_value(connection)?;
                    pace.saw(&look);
                    each(Found::Object(id, look));
                }
            }
        }
    }
}

/// Reads these keys, in order.
pub(super) fn look(
    connection: &mut Connection,
    keys: &[Vec<u8>],
    mut each: impl FnMut(usize, Look),
) -> Result<(), RedisError> {
    let (mut pace, mut from) = (Pace::default(), 0);
    while from < keys.len() {
        let to = keys.len().min(from + pace.room());
        let mut request = Vec::new();
        ask_values(&mut request, &keys[from..to]);
        connection.send_packed_command(&request)?;
        for at in from..to {
            let look = read_value(connection)?;
            pace.saw(&look);
            each(at, look);
        }
        from = to;
    }
    Ok(())
}

fn ask_values(out: &mut Vec<u8>, keys: &[Vec<u8>]) {
    let last = LONGEST.to_string();
    for key in keys {
        // One byte more than the longest, to know that there are more.
        command(out, &[b"GETRANGE", key, b"0", last.as_bytes()]);
        command(out, &[b"PTTL", key]);
    }
}

fn read_value(connection: &mut Connection) -> Result<Look, RedisError> {
    let held = match connection.recv_response()? {
        Value::BulkString(bytes) if bytes.len() > LONGEST => Held::TooLong,
        Value::BulkString(bytes) => Held::Bytes(bytes),
        Value::ServerError(e) if e.code() == "WRONGTYPE" => Held::NoString,
        other => return Err(refused(other)),
    };
    match connection.recv_response()? {
        Value::Int(-2) => Ok(Look { held: Held::Nothing, pttl: -2 }),
        Value::Int(pttl) => Ok(Look { held, pttl }),
        other => Err(refused(other)),
    }
}

/// How many values the next pipeline asks for: as many as the last ones let expect to fit.
#[derive(Debug)]
struct Pace {
    usual: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { usual: FIRST_GUESS }
    }
}

impl Pace {
    fn room(&self) -> usize {
        (PIPELINE / self.usual.max(1)).clamp(1, MOST)
    }

    fn saw(&mut self, look: &Look) {
        let len = match &look.held {
            Held::Bytes(bytes) => bytes.len(),
            Held::TooLong => LONGEST,
            Held::Nothing | Held::NoString => 0,
        };
        // Large ones count at once, small ones by and by.
        self.usual = if len > self.usual { len } else { (self.usual * 15 + len) / 16 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_come_a_few_at_a_time_and_small_ones_many() {
        let mut pace = Pace::default();
        assert_eq!(pace.room(), 16);
        let saw = |pace: &mut Pace, len: usize| pace.saw(&Look { held: Held::Bytes(vec![0; len]), pttl: 1 });
        (0..200).for_each(|_| saw(&mut pace, 1000));
        assert_eq!(pace.room(), MOST);
        saw(&mut pace, 1 << 20);
        assert_eq!(pace.room(), 1);
        (0..200).for_each(|_| saw(&mut pace, 10_000));
        assert!((90..=110).contains(&pace.room()), "{}", pace.room());
    }
}
