//! Removing keys by an operator's word, fenced as a writer's batches are. It must not decide what goes.

use redis::RedisError;

use super::{End, FailureClass, Session, StoreError, announce::words, connection::Connection, keys::OWN};
use crate::{
    model::{Epoch, Position, UnixMs, Version, highest_plausible},
    settings::Announce,
};

/// How removals are told.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a, F> {
    /// Where, if anywhere.
    pub announce: &'a Announce,
    /// Appends the beginning of the event of an object's removal.
    pub begin: F,
    /// Appends its end.
    pub end: End,
    /// Now, unix ms.
    pub now: UnixMs,
}

impl Session {
    /// Removes the keys of these objects while the fence is `epoch`, and tells so in the same transaction; how many there were
    /// (`WATCH`, `GET`, `MULTI`, `DEL`, `EXEC`).
    ///
    /// # Errors
    /// When Redis fails, or another writer took over: then nothing was removed.
    pub fn remove<F: Fn(&mut Vec<u8>, &str)>(
        &mut self,
        epoch: Epoch,
        ids: &[String],
        telling: &Telling<'_, F>,
    ) -> Result<u64, StoreError> {
        let keys = self.keys().clone();
        let Some(words) = words(telling.announce, &keys.changes()) else {
            return self.remove_keys(epoch, &objects(keys.object_prefix(), ids), |_| {});
        };
        // Nobody else changes the canary while the fence is ours.
        let canary = self.memory()?.canary;
        let previous = canary.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
        let previous = previous.filter(|previous| *previous <= highest_plausible(telling.now)).unwrap_or(0);
        let batch = telling.now.max(previous + 1);
        let of = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        self.remove_keys(epoch, &objects(keys.object_prefix(), ids), |pipe| {
            for (place, id) in (1..).zip(ids) {
                let mut event = Vec::new();
                (telling.begin)(&mut event, id);
                let at = Position { batch: Version(batch), previous: Version(previous), place, of };
                (telling.end)(&mut event, at);
                pipe.cmd(std::str::from_utf8(&words[0]).unwrap_or_default());
                pipe.arg(&words[1..]).arg(event).ignore();
            }
            pipe.cmd("SET").arg(keys.canary()).arg(batch).ignore();
        })
    }

    /// Removes everything that is left of the service: its internal keys, its descriptor, and its entry in the index; in one
    /// step, while the fence is `epoch`. Its objects have to be gone.
    ///
    /// # Errors
    /// As [`Session::remove`].
    pub fn retire(&mut self, epoch: Epoch) -> Result<u64, StoreError> {
        let (keys, service) = (self.keys().clone(), self.service().to_string());
        let mut own: Vec<String> = OWN.iter().map(|name| format!("{}@{name}", keys.object_prefix())).collect();
        own.push(keys.descriptor().to_owned());
        self.remove_keys(epoch, &own, |pipe| {
            pipe.cmd("ZREM").arg(keys.index()).arg(&service).ignore();
        })
    }

    fn remove_keys(
        &mut self,
        epoch: Epoch,
        keys: &[String],
        more: impl FnOnce(&mut redis::Pipeline),
    ) -> Result<u64, StoreError> {
        let fence = self.keys().fence();
        let removed = self.call(|c| fenced(c, &fence, epoch, keys, more))?;
        removed.ok_or_else(|| {
            // What it watches must not meet another batch.
            self.hang_up();
            self.target().error(FailureClass::Fenced, "another writer took the lease over".to_owned())
        })
    }
}

fn objects(prefix: &str, ids: &[String]) -> Vec<String> {
    ids.iter().map(|id| format!("{prefix}{id}")).collect()
}

/// The number of keys that were there; none where the fence is another's.
fn fenced(
    connection: &mut Connection,
    fence: &str,
    epoch: Epoch,
    keys: &[String],
    more: impl FnOnce(&mut redis::Pipeline),
) -> Result<Option<u64>, RedisError> {
    redis::cmd("WATCH").arg(fence).query::<()>(connection)?;
    let held: Option<Vec<u8>> = redis::cmd("GET").arg(fence).query(connection)?;
    if held.as_deref() != Some(epoch.0.to_string().as_bytes()) {
        return Ok(None);
    }
    let mut pipe = redis::pipe();
    pipe.atomic();
    for key in keys {
        pipe.cmd("DEL").arg(key);
    }
    more(&mut pipe);
    let counts: Option<Vec<u64>> = pipe.query(connection)?;
    Ok(counts.map(|counts| counts.iter().sum()))
}
