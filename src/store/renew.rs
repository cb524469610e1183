//! Verifying renewals: extend a TTL only where the value's head is the expected one. It must not know envelopes.

use redis::Value;

use super::{Keys, batch::command};
use crate::model::Epoch;

/// What a renewal found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// As expected; its TTL begins anew.
    Renewed,
    /// No such key: evicted, deleted or flushed.
    Missing,
    /// Another value than the last one written.
    Other,
}

impl Renewal {
    pub(super) fn from_value(value: &Value) -> Self {
        match value {
            Value::Int(1) => Self::Renewed,
            Value::Int(0) => Self::Missing,
            _ => Self::Other,
        }
    }
}

/// Keys to verify and renew in one step (`EVALSHA`).
#[derive(Debug)]
pub struct RenewBatch {
    /// The objects, in order.
    pub slots: Vec<u32>,
    keys: Vec<Vec<u8>>,
    expected: Vec<(Vec<u8>, Vec<u8>)>,
    ttl_ms: u64,
    head: usize,
}

impl RenewBatch {
    /// An empty batch that extends TTLs to `ttl_ms` and looks at the first `head` bytes of each value.
    pub fn new(ttl_ms: u64, head: usize) -> Self {
        Self { slots: Vec::new(), keys: Vec::new(), expected: Vec::new(), ttl_ms, head }
    }

    /// Adds an object whose value must begin with `start` and contain `further` behind it, within the head.
    pub fn push(&mut self, slot: u32, keys: &Keys, id: &str, start: Vec<u8>, further: Vec<u8>) {
        self.slots.push(slot);
        self.keys.push([keys.object_prefix().as_bytes(), id.as_bytes()].concat());
        self.expected.push((start, further));
    }

    /// Number of objects in it.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>, sha: &str, fence: &str, epoch: Epoch) {
        let (count, epoch) = ((self.keys.len() + 1).to_string(), epoch.0.to_string());
        let (ttl, head) = (self.ttl_ms.to_string(), self.head.to_string());
        let mut parts: Vec<&[u8]> = vec![b"EVALSHA", sha.as_bytes(), count.as_bytes(), fence.as_bytes()];
        parts.extend(self.keys.iter().map(Vec::as_slice));
        parts.extend([epoch.as_bytes(), ttl.as_bytes(), head.as_bytes()]);
        for (start, further) in &self.expected {
            parts.extend([start.as_slice(), further.as_slice()]);
        }
        command(out, &parts);
    }
}
