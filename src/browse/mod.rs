//! What stands in a Redis, for people: services, objects page by page, one object. It must not know HTTP, nor write.

mod explain;
mod human;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

pub use self::{
    explain::why,
    human::{ago, size, span},
};
use crate::{
    envelope::{self, Envelope, identity_len, parse_head_of},
    model::{ObjectId, ServiceName, UnixMs},
    registry::{Descriptor, FailedObject, Stamp},
    store::{RawHead, Reader, StoreError, Target},
};

/// Keys that the server looks at in one step.
const STEP: usize = 1000;
/// How long one part of a list may take.
const PATIENCE: Duration = Duration::from_millis(150);

/// A service of the index.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its last heartbeat as the index has it.
    pub heartbeat: UnixMs,
    /// Its descriptor; none where it holds something else.
    pub descriptor: Option<Descriptor>,
}

/// An object as its key's head tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Its id.
    pub id: String,
    /// Version and moment of the last change; none where the value is no envelope of it.
    pub value: Option<(u64, UnixMs)>,
    /// Bytes of the value.
    pub bytes: u64,
    /// Ms left; none without TTL.
    pub ttl_left_ms: Option<u64>,
}

/// A part of a list.
#[derive(Debug, Default)]
pub struct Part {
    /// The objects found.
    pub heads: Vec<Head>,
    /// Where the next part begins; none at the end.
    pub next: Option<u64>,
}

/// One object.
#[derive(Debug)]
pub struct Looked {
    /// Its key.
    pub key: String,
    /// State in a word, and why.
    pub state: &'static str,
    /// The same in a sentence.
    pub why: String,
    /// Its envelope, or why its value is none.
    pub envelope: Option<Result<Box<Envelope>, String>>,
    /// Bytes of the value.
    pub bytes: u64,
    /// Ms left; none without TTL.
    pub ttl_left_ms: Option<u64>,
    /// Why the last pass refused it.
    pub refusal: Option<FailedObject>,
}

/// A connection that is opened when it is needed, and anew after a failure. Its calls block.
pub struct Browser {
    target: Target,
    prefix: String,
    reader: Mutex<Option<Reader>>,
}

impl Browser {
    /// For the keys below `prefix`; nothing is sent.
    pub fn new(target: Target, prefix: &str) -> Self {
        Self { target, prefix: prefix.to_owned(), reader: Mutex::new(None) }
    }

    /// Where it looks, without user and password.
    pub fn address(&self) -> String {
        self.target.address()
    }

    /// What all keys begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// All services of the index that have a descriptor.
    ///
    /// # Errors
    /// When Redis fails.
    pub fn services(&self) -> Result<Vec<Listed>, StoreError> {
        let listed = self.with(Reader::services)?;
        let listed = listed.into_iter().filter_map(|one| {
            let descriptor = serde_json::from_slice(&one.descriptor?).ok();
            Some(Listed { name: one.name, heartbeat: one.heartbeat, descriptor })
        });
        Ok(listed.collect())
    }

    /// One service's descriptor; none where there is none, or something else.
    ///
    /// # Errors
    /// When Redis fails.
    pub fn descriptor(&self, service: &ServiceName) -> Result<Option<Descriptor>, StoreError> {
        let stored = self.with(|reader| reader.descriptor(service))?;
        Ok(stored.and_then(|stored| serde_json::from_slice(&stored.value).ok()))
    }

    /// Objects whose id has `text` in it and which `is_wanted`, from `cursor` on, about `limit` of them; fewer, or none, when
    /// they take long to find. In no order; one may be named twice (`SCAN`).
    ///
    /// # Errors
    /// When Redis fails.
    pub fn objects(
        &self,
        service: &ServiceName,
        (cursor, limit): (u64, usize),
        text: &str,
        is_wanted: impl Fn(&Head) -> bool,
    ) -> Result<Part, StoreError> {
        let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !text.chars().all(is_id) {
            return Ok(Part::default());
        }
        let (begun, len) = (Instant::now(), identity_len(service));
        let (mut part, mut at) = (Part::default(), cursor);
        loop {
            let (next, heads) = self.with(|reader| reader.some_heads(service, (at, STEP.min(limit)), text, len))?;
            at = next;
            part.heads.extend(heads.into_iter().map(|raw| head(raw, service)).filter(&is_wanted));
            if at == 0 || part.heads.len() >= limit || begun.elapsed() > PATIENCE {
                part.next = Some(at).filter(|at| *at != 0);
                return Ok(part);
            }
        }
    }

    /// One object, with why it is as it is.
    ///
    /// # Errors
    /// When Redis fails.
    pub fn object(&self, service: &ServiceName, id: &ObjectId) -> Result<Looked, StoreError> {
        let (stored, descriptor, key) = self.with(|reader| {
            let stored = reader.object(service, id)?;
            Ok((stored, reader.descriptor(service)?, reader.object_key(service, id)))
        })?;
        let descriptor: Option<Descriptor> = descriptor.and_then(|found| serde_json::from_slice(&found.value).ok());
        let is_it = |f: &&FailedObject| f.object_id.as_deref() == Some(id.as_str());
        let failed = descriptor.as_ref().and_then(|d| d.failed_objects.iter().find(is_it)).cloned();
        let head = stored.as_ref().map(|s| parse_head_of(&s.value, service.as_str(), id.as_str()));
        let (state, why) = why(head.as_ref(), descriptor.as_ref(), failed.as_ref(), Stamp::now().0);
        let opened = stored.as_ref().map(|stored| match envelope::open(&stored.value) {
            Ok(e) if e.service == service.as_str() && e.object_id == id.as_str() => Ok(Box::new(e)),
            Ok(e) => Err(format!("it is the one of object {} of {}", e.object_id, e.service)),
            Err(e) => Err(e.to_string()),
        });
        Ok(Looked {
            key,
            state,
            why,
            envelope: opened,
            bytes: stored.as_ref().map_or(0, |s| s.value.len() as u64),
            ttl_left_ms: stored.as_ref().and_then(|s| u64::try_from(s.pttl).ok()),
            refusal: failed,
        })
    }

    /// Calls `f` with the connection; a failed one is not used again.
    fn with<T>(&self, f: impl FnOnce(&mut Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut place = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reader = match place.take() {
            Some(reader) => reader,
            None => Reader::open(self.target.clone(), &self.prefix)?,
        };
        let value = f(&mut reader)?;
        *place = Some(reader);
        Ok(value)
    }
}

fn head(raw: RawHead, service: &ServiceName) -> Head {
    let head = parse_head_of(&raw.head, service.as_str(), &raw.id).ok();
    Head {
        value: head.map(|h| (h.version.0, h.changed_at)),
        bytes: raw.len.unwrap_or_default() as u64,
        ttl_left_ms: u64::try_from(raw.pttl).ok(),
        id: raw.id,
    }
}
