//! Removing keys by an operator's word, fenced as a writer's batches are. It must not decide what goes.

use redis::RedisError;

use super::{FailureClass, Session, StoreError, connection::Connection, keys::OWN};
use crate::model::Epoch;

impl Session {
    /// Removes the keys of these objects while the fence is `epoch`; how many there were (`WATCH`, `GET`, `MULTI`, `DEL`,
    /// `EXEC`).
    ///
    /// # Errors
    /// When Redis fails, or another writer took over: then nothing was removed.
    pub fn remove(&mut self, epoch: Epoch, ids: &[String]) -> Result<u64, StoreError> {
        let prefix = self.keys().object_prefix();
        let keys: Vec<String> = ids.iter().map(|id| format!("{prefix}{id}")).collect();
        self.remove_keys(epoch, &keys, |_| {})
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
