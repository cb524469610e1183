//! The list of requests: ids that readers pushed, taken one by one, oldest first. It must not know what they lead to.

use std::time::{Duration, Instant};

use redis::Value;

use super::{Shared, Wish, ear::object_id};
use crate::store::{StoreError, batch::command, connection::Connection};

/// How long the server waits for an entry before it is asked again, in whole seconds.
const WAIT_S: u64 = 1;

/// Takes entries until nobody wants them any more. While they are not taken here they stay in the list.
pub(super) fn run(shared: &Shared) {
    let server = format!("{} ({})", shared.target.address(), shared.keys.requests());
    shared.again(&server, || shared.is_over(), |heard| take(shared, &server, heard));
}

fn take(shared: &Shared, server: &str, heard: &mut bool) -> Result<(), StoreError> {
    let mut connection = shared.target.open()?;
    let (key, most) = (shared.keys.requests(), u64::from(shared.settings.max_waiting));
    let limit = Duration::from_secs(WAIT_S) + shared.target.settings().timeout.0;
    let mut both = Vec::new();
    // What is new is pushed to the head (LPUSH), so the oldest is at the tail.
    command(&mut both, &[b"BRPOP", key.as_bytes(), WAIT_S.to_string().as_bytes()]);
    command(&mut both, &[b"LLEN", key.as_bytes()]);
    while !shared.is_over() {
        connection.until(Instant::now() + limit);
        connection.send_packed_command(&both).map_err(|e| shared.target.failed(&e))?;
        let entry = answer(shared, &mut connection, &key)?;
        let Value::Int(left) = answer(shared, &mut connection, &key)? else { continue };
        if !std::mem::replace(heard, true) {
            shared.tell(Wish::Hears(server.to_owned()));
        }
        if let Value::Array(parts) = entry
            && let Some(Value::BulkString(id)) = parts.get(1)
            && let Some(id) = object_id(id)
        {
            shared.tell(Wish::Requested(id));
        }
        if let Some(over) = u64::try_from(left).ok().and_then(|left| left.checked_sub(most)).filter(|over| *over > 0) {
            // Readers should cap it themselves; what is oldest goes.
            connection.say(&[b"LTRIM", key.as_bytes(), b"0", (most - 1).to_string().as_bytes()])?;
            shared.lost.fetch_add(over, std::sync::atomic::Ordering::Relaxed);
        }
    }
    Ok(())
}

fn answer(shared: &Shared, connection: &mut Connection, key: &str) -> Result<Value, StoreError> {
    match connection.recv_response() {
        Ok(Value::ServerError(e)) => Err(shared.target.failed_on(&e.into(), key, "a list")),
        Ok(value) => Ok(value),
        Err(e) => Err(shared.target.failed(&e)),
    }
}
