//! The only per-object state: what was last written of each object, compactly. It must not know Redis or the source.
//!
//! Slots are stable numbers; entries stand in chunks, so that growing copies nothing.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    ids::{IdArena, IdRef},
    volume::{SizeClass, Stamp, Volume},
};
use crate::{
    decision::Known,
    model::{DigestPrefix, Version},
};

const CHUNK: usize = 4096;
/// No object: the slot is free.
const FREE: u32 = u32::MAX;
/// The value in Redis is not what was last written: to be healed.
const BROKEN: u32 = 1 << 31;

/// What is kept of an object: 48 bytes, and its place in the index.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: IdRef,
    digest: DigestPrefix,
    /// Seeded hash of the record's bytes that gave this digest; 0 when unknown.
    raw: u64,
    /// 48 bits, that is until the year 10889, and the value's size.
    stamp: Stamp,
    /// When the value expires, in ticks.
    expires: u32,
    /// The last snapshot that named the object, and [`BROKEN`].
    seen: u32,
}

/// The objects of one service.
#[derive(Debug)]
pub struct Ledger {
    index: HashTable<u32>,
    chunks: Vec<Vec<Entry>>,
    free: Vec<u32>,
    ids: IdArena,
    seed: u64,
    /// Objects that are broken.
    broken: usize,
    volume: Volume,
}

impl Default for Ledger {
    fn default() -> Self {
        // Random for each process, so that nobody can choose records whose hashes collide.
        Self {
            index: HashTable::new(),
            chunks: Vec::new(),
            free: Vec::new(),
            ids: IdArena::default(),
            seed: fastrand::u64(..),
            broken: 0,
            volume: Volume::default(),
        }
    }
}

/// A moment in ticks of 100 ms since some fixed start; wraps never within 13 years.
pub type Tick = u32;

/// Ms in one [`Tick`].
pub const TICK_MS: u64 = 100;

impl Ledger {
    /// Number of objects.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether it has no object.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// One past the highest slot ever used: what a walk over all slots goes up to.
    pub fn slots(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        (full + self.chunks.last().map_or(0, Vec::len)) as u32
    }

    /// The slot of `id`.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.index.find(self.hash(id), |slot| self.ids.equals(self.entry(*slot).id, id)).copied()
    }

    /// Adds `id`, of which nothing stands in Redis, or returns the slot that it has.
    pub fn insert(&mut self, id: &str) -> u32 {
        self.find(id).unwrap_or_else(|| self.insert_new(id))
    }

    /// Adds `id`, which is not in the ledger, and of which nothing stands in Redis.
    pub fn insert_new(&mut self, id: &str) -> u32 {
        debug_assert!(self.find(id).is_none(), "{id} twice");
        if self.index.len() == self.index.capacity() {
            self.grow();
        }
        let entry =
            Entry { id: self.ids.insert(id), digest: [0; 16], raw: 0, stamp: Stamp::default(), expires: 0, seen: 0 };
        let slot = match self.free.pop() {
            Some(slot) => {
                *self.entry_mut(slot) = entry;
                slot
            }
            None => self.append(entry),
        };
        let hash = self.hash(id);
        // There is room, so that nothing is hashed again.
        self.index.insert_unique(hash, slot, |_| hash);
        slot
    }

    /// Makes the index anew with twice the room, entry by entry in the order in which they stand: faster than moving the
    /// old one, and without holding both.
    fn grow(&mut self) {
        let room = (self.index.capacity() * 2).max(CHUNK);
        self.index = HashTable::new();
        self.index.reserve(room, |_| 0);
        for (at, entry) in self.chunks.iter().flatten().enumerate().filter(|(_, entry)| entry.seen != FREE) {
            let hash = hash_of(self.seed, self.ids.text(entry.id).as_str());
            self.index.insert_unique(hash, at as u32, |_| hash);
        }
    }

    /// Forgets the object in `slot`.
    pub fn remove(&mut self, slot: u32) {
        let id = self.entry(slot).id;
        let hash = hash_of(self.seed, self.ids.text(id).as_str());
        if let Ok(found) = self.index.find_entry(hash, |s| *s == slot) {
            found.remove();
        }
        self.ids.remove(id);
        self.broken -= usize::from(self.is_broken(slot));
        self.set_size(slot, 0);
        self.entry_mut(slot).seen = FREE;
        self.free.push(slot);
        if self.ids.is_wasteful() {
            self.compact_ids();
        }
    }

    /// Whether `slot` holds an object.
    pub fn is_used(&self, slot: u32) -> bool {
        self.entry(slot).seen != FREE
    }

    /// The object's id.
    pub fn id(&self, slot: u32) -> impl AsRef<str> {
        self.ids.text(self.entry(slot).id)
    }

    /// Seeded hash of a record's bytes, never 0.
    pub fn raw_hash(&self, record: &[u8]) -> u64 {
        xxh3_64_with_seed(record, self.seed).max(1)
    }

    /// Whether the record with this hash gave what now stands in Redis.
    pub fn is_same_raw(&self, slot: u32, raw: u64) -> bool {
        self.entry(slot).raw == raw
    }

    /// Takes note that the record with hash `raw` has the content that stands in Redis.
    pub fn set_raw(&mut self, slot: u32, raw: u64) {
        self.entry_mut(slot).raw = raw;
    }

    /// What stands in Redis, as far as is known.
    pub fn known(&self, slot: u32, now: Tick) -> Known {
        let entry = self.entry(slot);
        if entry.seen & BROKEN != 0 {
            Known::Broken
        } else if entry.stamp.version() == Version(0) {
            Known::Nothing
        } else {
            let left_ms = u64::from(entry.expires.saturating_sub(now)) * TICK_MS;
            Known::Value { digest: entry.digest, left_ms }
        }
    }

    /// Version and digest of the value last written.
    pub fn written(&self, slot: u32) -> (Version, DigestPrefix) {
        let entry = self.entry(slot);
        (entry.stamp.version(), entry.digest)
    }

    /// The value's TTL begins anew.
    pub fn set_expires(&mut self, slot: u32, expires: Tick) {
        self.entry_mut(slot).expires = expires;
    }

    /// A value with this version and digest stands in Redis, or is on its way there.
    pub fn set_written(&mut self, slot: u32, version: Version, digest: DigestPrefix, raw: u64, expires: Tick) {
        self.broken -= usize::from(self.is_broken(slot));
        let entry = self.entry_mut(slot);
        entry.stamp = Stamp::new(version, entry.stamp.size());
        entry.digest = digest;
        entry.raw = raw;
        entry.expires = expires;
        entry.seen &= !BROKEN;
    }

    /// The value in `slot` has `bytes`; 0 when that is not known.
    pub fn set_size(&mut self, slot: u32, bytes: usize) {
        let entry = self.entry_mut(slot);
        let (old, new) = (entry.stamp.size(), SizeClass::of(bytes));
        if old != new {
            entry.stamp = Stamp::new(entry.stamp.version(), new);
            self.volume.replace(old, new);
        }
    }

    /// Bytes of the value in `slot`, about; where that is not known, of any value on average.
    pub fn size(&self, slot: u32) -> u64 {
        match self.entry(slot).stamp.size().bytes() {
            0 => self.volume.mean(),
            bytes => bytes,
        }
    }

    /// Bytes of all values, about.
    pub fn bytes(&self) -> u64 {
        self.volume.estimate(self.len() as u64)
    }

    /// Number of objects whose value has to be healed.
    pub fn broken(&self) -> usize {
        self.broken
    }

    /// What stands in Redis is not what was last written, or nobody knows.
    pub fn set_broken(&mut self, slot: u32) {
        if !self.is_used(slot) {
            return;
        }
        self.broken += usize::from(!self.is_broken(slot));
        let entry = self.entry_mut(slot);
        entry.seen |= BROKEN;
        entry.raw = 0;
    }

    /// Whether the object's value has to be healed.
    pub fn is_broken(&self, slot: u32) -> bool {
        let seen = self.entry(slot).seen;
        seen != FREE && seen & BROKEN != 0
    }

    /// Whether something stands in the object's place, and never a value of ours did.
    pub fn is_foreign(&self, slot: u32) -> bool {
        self.is_broken(slot) && self.written(slot).0 == Version(0)
    }

    /// The snapshot that named the object last.
    pub fn seen(&self, slot: u32) -> u32 {
        self.entry(slot).seen & !BROKEN
    }

    /// Snapshot `pass` names the object.
    pub fn set_seen(&mut self, slot: u32, pass: u32) {
        let entry = self.entry_mut(slot);
        entry.seen = entry.seen & BROKEN | pass & !BROKEN;
    }

    /// All slots that hold an object.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.slots()).filter(|slot| self.is_used(*slot))
    }

    fn append(&mut self, entry: Entry) -> u32 {
        let slot = self.slots();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(entry),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(entry);
                self.chunks.push(chunk);
            }
        }
        slot
    }

    fn compact_ids(&mut self) {
        let old = std::mem::take(&mut self.ids);
        for entry in self.chunks.iter_mut().flatten().filter(|e| e.seen != FREE) {
            entry.id = self.ids.insert(old.text(entry.id).as_str());
        }
    }

    fn hash(&self, id: &str) -> u64 {
        hash_of(self.seed, id)
    }

    fn entry(&self, slot: u32) -> &Entry {
        &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    fn entry_mut(&mut self, slot: u32) -> &mut Entry {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }
}

fn hash_of(seed: u64, id: &str) -> u64 {
    xxh3_64_with_seed(id.as_bytes(), seed)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_behaves_like_a_map(ops in proptest::collection::vec((0u16..300, any::<bool>(), any::<bool>()), 1..600)) {
            let mut ledger = Ledger::default();
            let mut model: HashMap<String, u64> = HashMap::new();
            for (n, (id, text, remove)) in ops.into_iter().enumerate() {
                let id = if text { format!("data_center.rack.{id}") } else { id.to_string() };
                if remove {
                    if let Some(slot) = ledger.find(&id) {
                        ledger.remove(slot);
                    }
                    model.remove(&id);
                } else {
                    let slot = ledger.insert(&id);
                    ledger.set_written(slot, Version(n as u64 + 1), [n as u8; 16], 7, 9);
                    model.insert(id, n as u64 + 1);
                }
            }
            prop_assert_eq!(ledger.len(), model.len());
            prop_assert_eq!(ledger.iter().count(), model.len());
            for (id, version) in &model {
                let slot = ledger.find(id).expect("kept");
                prop_assert_eq!(ledger.written(slot).0.0, *version);
                let kept = ledger.id(slot);
                prop_assert_eq!(kept.as_ref(), id.as_str());
            }
        }
    }

    #[test]
    fn broken_is_known_until_it_is_written() {
        let mut ledger = Ledger::default();
        let slot = ledger.insert("1");
        assert_eq!(ledger.known(slot, 0), Known::Nothing);
        ledger.set_seen(slot, 3);
        ledger.set_written(slot, Version(1), [1; 16], 5, 100);
        assert_eq!(ledger.known(slot, 40), Known::Value { digest: [1; 16], left_ms: 6000 });
        ledger.set_broken(slot);
        assert_eq!((ledger.known(slot, 40), ledger.seen(slot)), (Known::Broken, 3));
        assert!(!ledger.is_same_raw(slot, 5));
        ledger.set_broken(slot);
        assert_eq!(ledger.broken(), 1);
        ledger.set_written(slot, Version(2), [1; 16], 5, 100);
        assert_eq!((ledger.seen(slot), ledger.broken()), (3, 0));
        assert_eq!(ledger.known(slot, 100), Known::Value { digest: [1; 16], left_ms: 0 });
    }

    #[test]
    fn sizes_add_up_over_changes_and_removals() {
        let mut ledger = Ledger::default();
        let slots: Vec<u32> = (0..3).map(|id| ledger.insert(&id.to_string())).collect();
        for slot in &slots {
            ledger.set_size(*slot, 1000);
            ledger.set_written(*slot, Version(u64::MAX), [0; 16], 1, 1);
        }
        assert_eq!((ledger.bytes(), ledger.size(slots[0])), (3 * 1024, 1024));
        ledger.set_size(slots[0], 100);
        ledger.set_broken(slots[1]);
        ledger.remove(slots[1]);
        assert_eq!((ledger.bytes(), ledger.broken()), (1024 + 128, 0));
    }

    #[test]
    fn entries_are_small() {
        assert_eq!(size_of::<Entry>(), 48);
    }
}
