//! One fenced batch as the bytes that go over the wire (RESP 2). It must not know what the values mean.

use std::sync::Arc;

use super::{Announcer, Keys};
use crate::model::Version;

const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// The objects that a batch touches, by the caller's own numbers.
#[derive(Debug, Default)]
pub struct Touched {
    /// Objects with a value set.
    pub sets: Vec<u32>,
    /// Objects removed.
    pub removes: Vec<u32>,
    /// Bytes of values set.
    pub value_bytes: u64,
    /// What the canary is after them.
    pub highest: Version,
    /// Change events told of them.
    pub events: u32,
}

/// Writes and removals that become visible together, or not at all.
///
/// Its bytes begin with the `EXEC` of the batch before it, so that one system call ends that one and brings this one.
#[derive(Debug)]
pub struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) commands: u32,
    /// What comes back with the receipt.
    pub(super) touched: Touched,
}

impl Batch {
    /// Whether nothing was put in.
    pub fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// Objects with a value set, by the caller's own numbers.
    pub fn sets(&self) -> &[u32] {
        &self.touched.sets
    }
}

/// Makes batches of one service, within the bounds of `redis.batch_commands` and `redis.batch_bytes`.
#[derive(Debug)]
pub struct BatchBuilder {
    keys: Keys,
    preamble: Arc<[u8]>,
    canary: String,
    ttl: Vec<u8>,
    max_commands: u32,
    max_bytes: usize,
    announcer: Option<Announcer>,
    batch: Batch,
}

impl BatchBuilder {
    /// A builder for `keys`; values get `ttl_ms`.
    pub fn new(keys: Keys, ttl_ms: u64, max_commands: u32, max_bytes: usize) -> Self {
        let mut preamble = Vec::with_capacity(160);
        preamble.extend_from_slice(EXEC);
        let fence = keys.fence();
        command(&mut preamble, &[b"WATCH", fence.as_bytes()]);
        command(&mut preamble, &[b"GET", fence.as_bytes()]);
        command(&mut preamble, &[b"MULTI"]);
        let mut ttl = Vec::with_capacity(32);
        ttl.extend_from_slice(b"$2\r\nPX\r\n");
        bulk(&mut ttl, ttl_ms.to_string().as_bytes());
        ttl.extend_from_slice(b"\r\n");
        let preamble: Arc<[u8]> = preamble.into();
        let batch = empty(&preamble, max_bytes);
        Self { canary: keys.canary(), keys, preamble, ttl, max_commands, max_bytes, announcer: None, batch }
    }

    /// The same with change events, if `announcer` is one.
    pub fn announcing(self, announcer: Option<Announcer>) -> Self {
        Self { announcer, ..self }
    }

    /// Whether changes are told.
    pub fn announces(&self) -> bool {
        self.announcer.is_some()
    }

    /// Tells, in the same transaction, what was put in last: `write` appends the beginning of the event. Nothing where no changes
    /// are told.
    pub fn announce(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(announcer) = &mut self.announcer {
            announcer.take(write);
        }
    }

    /// The batch under way comes behind the one after which the canary was `previous`.
    pub fn follow(&mut self, previous: Version) {
        if let Some(announcer) = &mut self.announcer {
            announcer.follow(previous);
        }
    }

    /// `SET <key> <value> PX <ttl>`; `write` appends exactly `len` bytes of value.
    pub fn set(&mut self, slot: u32, id: &str, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let out = &mut self.batch.bytes;
        out.extend_from_slice(b"*5\r\n$3\r\nSET\r\n");
        key(out, self.keys.object_prefix(), id);
        out.push(b'$');
        number(out, len as u64);
        out.extend_from_slice(b"\r\n");
        let before = out.len();
        write(out);
        debug_assert_eq!(out.len() - before, len, "the announced length of {id}");
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.ttl);
        self.batch.touched.value_bytes += len as u64;
        self.batch.touched.sets.push(slot);
        self.batch.commands += 1;
    }

    /// `DEL <key>`.
    pub fn remove(&mut self, slot: u32, id: &str) {
        let out = &mut self.batch.bytes;
        out.extend_from_slice(b"*2\r\n$3\r\nDEL\r\n");
        key(out, self.keys.object_prefix(), id);
        self.batch.touched.removes.push(slot);
        self.batch.commands += 1;
    }

    /// `SET` of the service's descriptor.
    pub fn describe(&mut self, descriptor: &str, ttl_ms: u64) {
        let (key, ttl) = (self.keys.descriptor().as_bytes(), ttl_ms.to_string());
        command(&mut self.batch.bytes, &[b"SET", key, descriptor.as_bytes(), b"PX", ttl.as_bytes()]);
        self.batch.commands += 1;
    }

    /// Whether the batch should be sent before more is put in.
    pub fn is_full(&self) -> bool {
        let (commands, bytes) = self.announcer.as_ref().map_or((0, 0), |events| (events.commands(), events.bytes()));
        self.batch.commands + commands >= self.max_commands || self.batch.bytes.len() + bytes >= self.max_bytes
    }

    /// Whether nothing was put in.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Whether a value was put in.
    pub fn has_values(&self) -> bool {
        !self.batch.touched.sets.is_empty()
    }

    /// Ends the batch with the canary at `highest` and begins the next one.
    pub fn take(&mut self, highest: Version) -> Batch {
        let mut batch = std::mem::replace(&mut self.batch, empty(&self.preamble, self.max_bytes));
        if let Some(announcer) = &mut self.announcer {
            batch.touched.events = announcer.commands();
            batch.commands += batch.touched.events;
            announcer.append(&mut batch.bytes, highest);
        }
        command(&mut batch.bytes, &[b"SET", self.canary.as_bytes(), highest.0.to_string().as_bytes()]);
        batch.commands += 1;
        batch.touched.highest = highest;
        batch
    }
}

/// Length of the leading `EXEC`, which is left out when no batch waits for it.
pub(super) const EXEC_LEN: usize = EXEC.len();

fn empty(preamble: &[u8], max_bytes: usize) -> Batch {
    // A quarter at first: small batches (one changed object) are common, and growing is cheap beside sending.
    let mut bytes = Vec::with_capacity(preamble.len() + max_bytes / 4);
    bytes.extend_from_slice(preamble);
    Batch { bytes, commands: 0, touched: Touched::default() }
}

fn key(out: &mut Vec<u8>, prefix: &str, id: &str) {
    out.push(b'$');
    number(out, (prefix.len() + id.len()) as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends one command in RESP.
pub(super) fn command(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.push(b'*');
    number(out, parts.len() as u64);
    out.extend_from_slice(b"\r\n");
    for part in parts {
        bulk(out, part);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a text with its length, without what ends it.
pub(super) fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    number(out, bytes.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
}

/// Appends a number in digits.
pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Position, ServiceName},
        settings::{Announce, AnnounceKind},
    };

    #[test]
    fn a_batch_is_fenced_and_ends_with_the_canary() {
        let keys = Keys::new("r", &ServiceName::new("s").unwrap());
        let mut builder = BatchBuilder::new(keys, 60_000, 2, 1 << 20);
        builder.set(7, "1", 2, |out| out.extend_from_slice(b"{}"));
        assert!(!builder.is_full());
        builder.remove(8, "2");
        assert!(builder.is_full());
        let batch = builder.take(Version(5));
        let text = String::from_utf8(batch.bytes).unwrap();
        assert_eq!(
            text,
            "*1\r\n$4\r\nEXEC\r\n*2\r\n$5\r\nWATCH\r\n$13\r\nr:v1:s:@fence\r\n*2\r\n$3\r\nGET\r\n$13\r\nr:v1:s:@fence\r\n\
             *1\r\n$5\r\nMULTI\r\n*5\r\n$3\r\nSET\r\n$8\r\nr:v1:s:1\r\n$2\r\n{}\r\n$2\r\nPX\r\n$5\r\n60000\r\n\
             *2\r\n$3\r\nDEL\r\n$8\r\nr:v1:s:2\r\n*3\r\n$3\r\nSET\r\n$14\r\nr:v1:s:@canary\r\n$1\r\n5\r\n"
        );
        assert_eq!((batch.commands, batch.touched.value_bytes), (3, 2));
        assert_eq!((batch.touched.sets, batch.touched.removes), (vec![7], vec![8]));
        assert!(builder.is_empty());
    }

    #[test]
    fn events_stand_behind_their_changes_count_toward_the_bounds_and_follow_each_other() {
        let end = |out: &mut Vec<u8>, at: Position| {
            out.extend(format!("{}<{} {}/{}", at.previous.0, at.batch.0, at.place, at.of).into_bytes());
        };
        let keys = Keys::new("r", &ServiceName::new("s").unwrap());
        let announce = Announce { kind: AnnounceKind::Pubsub, ..Announce::default() };
        let announcer = Announcer::new(&announce, &keys, end);
        let mut builder = BatchBuilder::new(keys, 60_000, 4, 1 << 20).announcing(announcer);
        builder.follow(Version(3));
        for id in ["1", "2"] {
            assert!(!builder.is_full());
            builder.remove(0, id);
            builder.announce(|out| out.extend(b"e "));
        }
        assert!(builder.is_full());
        let batch = builder.take(Version(5));
        let text = String::from_utf8(batch.bytes).unwrap();
        let told = "*3\r\n$7\r\nPUBLISH\r\n$15\r\nr:v1:s:@changes\r\n$9\r\ne 3<5 1/2\r\n".to_owned();
        let both = [told.clone(), told.replace("1/2", "2/2")].concat();
        assert!(text.contains(&format!("$8\r\nr:v1:s:2\r\n{both}*3\r\n$3\r\nSET")), "{text:?}");
        assert_eq!((batch.commands, batch.touched.events), (5, 2));
        builder.describe("{}", 7);
        builder.announce(|out| out.extend(b"e "));
        let text = String::from_utf8(builder.take(Version(9)).bytes).unwrap();
        assert!(text.contains("$9\r\ne 5<9 1/1"), "{text:?}");
    }
}
