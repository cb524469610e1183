//! One service's control connection: lease, heartbeat, heads, internal keys. It must not know what the values hold.

use std::time::Duration;

use redis::RedisError;

use super::{
    FailureClass, Internal, Keys, RawHead, StoreError, Strange, Target,
    connection::Connection,
    internal::{internal, shown},
    scan::scan,
    scripts,
    values::{Found, Look, look, walk},
};
use crate::model::{Epoch, ServiceName, UnixMs, Version, highest_plausible};

/// No writer's lease is longer (`writer.lease`).
const LONGEST_LEASE_MS: u64 = 3_600_000;
/// Index entries looked at in one pruning.
const PRUNED: u32 = 100;

/// How a try for the lease ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours.
    Held {
        /// Under this epoch.
        epoch: Epoch,
        /// Keys that held something that no writer put there, and what that was, made fit to be shown.
        replaced: Vec<(String, String)>,
    },
    /// Another writer has it.
    Taken {
        /// The other's token.
        holder: String,
        /// How long it has it still, unless it renews, in ms.
        left_ms: i64,
    },
}

/// What a heartbeat found on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// `@fence`; none when it is gone.
    pub fence: Option<u64>,
    /// `@canary`; none when it is gone.
    pub canary: Option<u64>,
    /// The index holds something else than a sorted set: the service is not in it.
    pub unlisted: bool,
}

/// What the service keeps for a later process.
#[derive(Debug)]
pub struct Memory {
    /// `@baseline`.
    pub baseline: Option<Vec<u8>>,
    /// `@canary`.
    pub canary: Option<Vec<u8>>,
}

/// How a try to set `@baseline` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavedBaseline {
    /// It is set.
    Saved,
    /// The fence is another's, or gone.
    Fenced,
    /// It holds something else than was thought; none when there is nothing, or no string.
    Other(Option<Vec<u8>>),
}

impl SavedBaseline {
    fn from_answer((answer, there): (i64, Vec<u8>)) -> Self {
        match answer {
            1 => Self::Saved,
            0 => Self::Fenced,
            _ => Self::Other(Some(there).filter(|there| !there.is_empty())),
        }
    }
}

/// A writer as others see it.
#[derive(Debug, Clone)]
pub struct AtWork {
    /// What the lease holds: its token.
    pub lease: Vec<u8>,
    /// The service's descriptor.
    pub descriptor: Option<Vec<u8>>,
}

/// What a heartbeat writes.
#[derive(Debug)]
pub struct BeatRequest<'a> {
    /// Ours.
    pub epoch: Epoch,
    /// How long the lease is held from now on, in ms.
    pub lease_ms: u64,
    /// The descriptor's JSON; none leaves it as it is.
    pub descriptor: Option<&'a str>,
    /// The descriptor's TTL in ms.
    pub descriptor_ttl_ms: u64,
    /// Score in the index, unix ms.
    pub now: UnixMs,
}

/// A control connection that is opened when first needed and after a failure. Its calls block.
pub struct Session {
    target: Target,
    keys: Keys,
    service: ServiceName,
    token: String,
    connection: Option<Connection>,
}

impl Session {
    /// For `service` at `target`; `token` names this writer in the lease.
    pub fn new(target: Target, prefix: &str, service: &ServiceName, token: String) -> Self {
        Self { target, keys: Keys::new(prefix, service), service: service.clone(), token, connection: None }
    }

    /// The service's keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Where it connects to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The service.
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Tries for the lease once; the new epoch is greater than `last`, the last one that this writer had. Where sentinels
    /// name the server, it is the one that they name now.
    pub fn acquire(&mut self, lease_ms: u64, now: UnixMs, last: Epoch) -> Result<Acquired, StoreError> {
        if self.target.has_sentinels() {
            self.connection = None;
            self.target.forget();
        }
        let (lease, fence, token) = (self.keys.lease(), self.keys.fence(), self.token.clone());
        let highest = highest_plausible(now);
        let lowest = if last.0 < highest { now.max(last.0 + 1) } else { now };
        let (held, text, left_ms, replaced): (i64, Vec<u8>, i64, Vec<Vec<u8>>) = self.call(|c| {
            redis::Script::new(scripts::ACQUIRE)
                .key(&lease)
                .key(&fence)
                .arg(&token)
                .arg(lease_ms)
                .arg(lowest)
                .arg(highest)
                .arg(LONGEST_LEASE_MS.max(lease_ms))
                .invoke(c)
        })?;
        let text = shown(&text);
        if held == 0 {
            return Ok(Acquired::Taken { holder: text, left_ms });
        }
        let epoch = text.parse().map_err(|_| {
            self.target.error(FailureClass::Server, format!("{fence} was set to {text:?}, which is no epoch"))
        })?;
        let replaced = replaced.chunks_exact(2).map(|pair| (shown(&pair[0]), shown(&pair[1]))).collect();
        Ok(Acquired::Held { epoch: Epoch(epoch), replaced })
    }

    /// Asks the sentinels, where there are any, whether the server in use is the master still; within about `limit`.
    ///
    /// `Ok` has why they do not say, if so.
    ///
    /// # Errors
    /// They name another server, and that one says so too.
    pub fn follow(&mut self, limit: Duration) -> Result<Option<StoreError>, StoreError> {
        let followed = self.target.follow(limit);
        if followed.is_err() {
            self.connection = None;
        }
        followed
    }

    /// Renews the lease, writes the descriptor, and tells what fence and canary are.
    pub fn beat(&mut self, beat: &BeatRequest<'_>) -> Result<Beat, StoreError> {
        let keys = self.keys.clone();
        let (token, service) = (self.token.clone(), self.service.clone());
        let (fence, canary, written): (Vec<u8>, Vec<u8>, i64) = self.call(|c| {
            redis::Script::new(scripts::BEAT)
                .key(keys.lease())
                .key(keys.fence())
                .key(keys.canary())
                .key(keys.descriptor())
                .key(keys.index())
                .arg(&token)
                .arg(beat.epoch.0)
                .arg(beat.lease_ms)
                .arg(beat.descriptor.unwrap_or_default())
                .arg(beat.descriptor_ttl_ms)
                .arg(beat.now)
                .arg(service.as_str())
                .invoke(c)
        })?;
        let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        Ok(Beat { fence: number(&fence), canary: number(&canary), unlisted: written == 2 })
    }

    /// Hands the lease back, if it is still ours.
    pub fn release(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        let (lease, fence, token) = (self.keys.lease(), self.keys.fence(), self.token.clone());
        self.call(|c| {
            redis::Script::new(scripts::RELEASE).key(lease).key(fence).arg(token).arg(epoch.0).invoke::<i64>(c)
        })
        .map(drop)
    }

    /// Removes index entries with a heartbeat before `before` and no descriptor any more (`ZRANGEBYSCORE`, `EXISTS`,
    /// `ZREM`): the oldest ones, as many as a start can spare time for.
    ///
    /// A service that comes back meanwhile enters the index again with its next heartbeat.
    pub fn prune_index(&mut self, before: UnixMs) -> Result<Vec<String>, StoreError> {
        let index = self.keys.index().to_owned();
        let old: Vec<Vec<u8>> = self.call(|c| {
            let mut oldest = redis::cmd("ZRANGEBYSCORE");
            oldest.arg(&index).arg("-inf").arg(before).arg("LIMIT").arg(0).arg(PRUNED);
            let mut old: Vec<Vec<u8>> = oldest.query(c)?;
            for at in (0..old.len()).rev() {
                let descriptor = [index.as_bytes(), b":", &old[at]].concat();
                if redis::cmd("EXISTS").arg(&descriptor).query::<bool>(c)? {
                    old.swap_remove(at);
                }
            }
            if !old.is_empty() {
                redis::cmd("ZREM").arg(&index).arg(&old).query::<()>(c)?;
            }
            Ok(old)
        })?;
        Ok(old.iter().map(|name| shown(name)).collect())
    }

    /// `@baseline` and `@canary`; none also where it is no string.
    pub fn memory(&mut self) -> Result<Memory, StoreError> {
        let (baseline, canary) = (self.keys.baseline(), self.keys.canary());
        let (baseline, canary) = self.call(|c| redis::cmd("MGET").arg(baseline).arg(canary).query(c))?;
        Ok(Memory { baseline, canary })
    }

    /// The service's descriptor as it stands there.
    pub fn descriptor(&mut self) -> Result<Internal, StoreError> {
        let key = self.keys.descriptor().to_owned();
        self.call(|c| internal(c, &key))
    }

    /// Sets `@canary`, which holds `before`; false when the fence is no longer ours, or it holds something else.
    pub fn set_canary(&mut self, epoch: Epoch, version: Version, before: Option<&[u8]>) -> Result<bool, StoreError> {
        let (canary, fence) = (self.keys.canary(), self.keys.fence());
        let (set, _): (i64, Vec<u8>) = self.call(|c| {
            let script = redis::Script::new(scripts::SWAP);
            script.key(canary).key(fence).arg(before.unwrap_or_default()).arg(version.0).arg(epoch.0).invoke(c)
        })?;
        Ok(set == 1)
    }

    /// Sets `@baseline`, while the fence is `epoch`, if it still holds `before`.
    pub fn set_baseline(
        &mut self,
        epoch: Epoch,
        value: &str,
        before: Option<&[u8]>,
    ) -> Result<SavedBaseline, StoreError> {
        let (baseline, fence) = (self.keys.baseline(), self.keys.fence());
        self.call(|c| {
            let script = redis::Script::new(scripts::SWAP);
            let before = before.unwrap_or_default();
            script
                .key(baseline)
                .key(fence)
                .arg(before)
                .arg(value)
                .arg(epoch.0)
                .invoke(c)
                .map(SavedBaseline::from_answer)
        })
    }

    /// Sets `@baseline`, if it still holds `before`, whoever the writer is; never [`SavedBaseline::Fenced`].
    pub fn swap_baseline(&mut self, value: &str, before: &[u8]) -> Result<SavedBaseline, StoreError> {
        let baseline = self.keys.baseline();
        self.call(|c| {
            let script = redis::Script::new(scripts::SWAP);
            script.key(baseline).arg(before).arg(value).invoke(c).map(SavedBaseline::from_answer)
        })
    }

    /// Who holds the lease, if somebody does, and the descriptor, if there is one (`MGET`).
    pub fn writer(&mut self) -> Result<Option<AtWork>, StoreError> {
        let (lease, descriptor) = (self.keys.lease(), self.keys.descriptor().to_owned());
        let (lease, descriptor): (Option<Vec<u8>>, _) =
            self.call(|c| redis::cmd("MGET").arg(lease).arg(descriptor).query(c))?;
        Ok(lease.map(|lease| AtWork { lease, descriptor }))
    }

    /// The values of these objects (`MGET`).
    pub fn values(&mut self, ids: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let keys: Vec<String> = ids.iter().map(|id| format!("{}{id}", self.keys.object_prefix())).collect();
        self.call(|c| redis::cmd("MGET").arg(&keys).query(c))
    }

    /// Walks all keys of the service, and reads every object's whole value.
    pub fn walk(&mut self, each: impl FnMut(Found<'_>)) -> Result<(), StoreError> {
        let keys = self.keys.clone();
        self.call(|c| walk(c, &keys, each))
    }

    /// Reads the values of these objects again, in order; `each` is given the object's place in `ids`.
    pub fn look(&mut self, ids: &[String], each: impl FnMut(usize, Look)) -> Result<(), StoreError> {
        let prefix = self.keys.object_prefix();
        let keys: Vec<Vec<u8>> = ids.iter().map(|id| [prefix.as_bytes(), id.as_bytes()].concat()).collect();
        self.call(|c| look(c, &keys, each))
    }

    /// Which of these keys are there (`PTTL`).
    pub fn are_there(&mut self, keys: &[Vec<u8>]) -> Result<Vec<bool>, StoreError> {
        self.call(|c| {
            let mut pipe = redis::pipe();
            for key in keys {
                pipe.cmd("PTTL").arg(key.as_slice());
            }
            Ok(pipe.query::<Vec<i64>>(c)?.into_iter().map(|pttl| pttl != -2).collect())
        })
    }

    /// Walks all objects of the service: of each the first `len` bytes, and as many more as its id has; see [`RawHead`].
    /// One may be named twice (`SCAN`). Returns what else stands below the service's prefix.
    pub fn scan_heads(&mut self, len: usize, each: impl FnMut(RawHead)) -> Result<Strange, StoreError> {
        let keys = self.keys.clone();
        self.call(|c| scan(c, &keys, len, each))
    }

    /// Gives the connection up; the next call opens a new one.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Runs `f` on the connection; after a failure of the connection the next call opens a new one.
    pub(super) fn call<T>(
        &mut self,
        f: impl FnOnce(&mut Connection) -> Result<T, RedisError>,
    ) -> Result<T, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.target.open()?,
        };
        match f(&mut connection) {
            Ok(value) => {
                self.connection = Some(connection);
                Ok(value)
            }
            Err(e) => Err(self.target.failed(&e)),
        }
    }
}
