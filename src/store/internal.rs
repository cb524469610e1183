//! What stands at one of the keys that the program keeps for itself, whoever put it there. It must not know what it means.

use redis::{RedisError, Value};

use super::{Keys, connection::Connection};
use crate::model::{UnixMs, highest_plausible};

/// More than any of these keys has, in bytes.
const MOST: isize = 64 * 1024;
/// Bytes of a foreign value that are shown.
const SHOWN: usize = 120;

/// What stands at an internal key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Internal {
    /// Nothing.
    Missing,
    /// A text.
    Text(String),
    /// Something that nobody of ours put there, in words.
    Odd(&'static str),
}

/// Reads an internal key, at most 64 KiB of it (`GETRANGE`): of whatever type it is, that is no failure.
pub(super) fn internal(connection: &mut Connection, key: &str) -> Result<Internal, RedisError> {
    let answer = redis::cmd("GETRANGE").arg(key).arg(0).arg(MOST).query::<Value>(connection);
    let bytes = match answer.and_then(Value::extract_error) {
        Ok(Value::BulkString(bytes)) => bytes,
        Ok(_) => return Ok(Internal::Odd("no string")),
        Err(e) if is_wrong_type(&e) => return Ok(Internal::Odd("no string")),
        Err(e) => return Err(e),
    };
    Ok(match String::from_utf8(bytes) {
        Ok(text) if text.is_empty() => Internal::Missing,
        Ok(text) => Internal::Text(text),
        Err(_) => Internal::Odd("no UTF-8"),
    })
}

/// What stands at the service's own keys and cannot be from a writer of ours.
pub(super) fn odd_keys(connection: &mut Connection, keys: &Keys, now: UnixMs) -> Result<Vec<String>, RedisError> {
    let is_number = |text: &str| {
        let number = text.parse::<u64>();
        number.is_ok_and(|n| n <= highest_plausible(now)).then_some(()).ok_or("no number that a writer makes")
    };
    let is_object = |text: &str| text.starts_with('{').then_some(()).ok_or("no JSON object");
    let mut notes = Vec::new();
    for key in [keys.lease(), keys.fence(), keys.canary(), keys.baseline(), keys.descriptor().to_owned()] {
        let odd = match internal(connection, &key)? {
            Internal::Missing => continue,
            Internal::Odd(what) => Err(what),
            Internal::Text(text) if key == keys.fence() || key == keys.canary() => is_number(&text),
            Internal::Text(text) if key != keys.lease() => is_object(&text),
            Internal::Text(_) => continue,
        };
        if let Err(what) = odd {
            notes.push(format!("{key} holds {what}: it was not put there by ralphext; the next writer replaces it"));
        }
    }
    Ok(notes)
}

/// Whether the server refused a command since the key has another type (`WRONGTYPE`).
pub(super) fn is_wrong_type(error: &RedisError) -> bool {
    error.clone().into_server_errors().is_some_and(|all| all.iter().any(|(_, e)| e.code() == "WRONGTYPE"))
}

/// A foreign text, fit for a log line: short, without control characters.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push_str("...");
    }
    out
}
