//! The objects of Ralph and what each is known by, at one moment: compact, and never changed. It must not know where it
//! comes from, nor how old it is.

use std::{collections::HashSet, ops::RangeInclusive};

use hashbrown::HashTable;
use xxhash_rust::xxh3::Xxh3;

use super::{
    key::{Key, Kind},
    row::Row,
    rows::{RowRef, Rows},
};
use crate::model::UnixMs;

/// Most objects that are told of one key.
pub(super) const MANY: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub struct Inventory {
    pub(super) rows: Rows,
    /// Row numbers, each once for each of its keys; [`MANY`] + 1 at most for one key.
    index: HashTable<u32>,
    seed: u64,
    pub(super) short_names: bool,
    /// Numeric ids between which there are objects that could not be read.
    holes: Vec<RangeInclusive<u64>>,
    live: usize,
}

/// Objects that have a key.
#[derive(Debug, Default)]
pub(super) struct Hits {
    /// Their rows: those that count, or where there are none, those that are gone.
    pub rows: Vec<u32>,
    /// There are more.
    pub more: bool,
}

/// Collects rows, in any order.
#[derive(Debug, Default)]
pub struct Builder {
    rows: Rows,
    holes: Vec<RangeInclusive<u64>>,
    is_full: bool,
}

impl Builder {
    /// Adds a row. Rows of one object add up.
    pub fn add(&mut self, row: &Row) {
        self.is_full |= !self.rows.push(row);
    }

    /// Objects with ids in this range could not be read.
    pub fn add_hole(&mut self, ids: RangeInclusive<u64>) {
        self.holes.push(ids);
    }

    /// Whether some rows found no room: more than 4 GiB of them.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Goes on from all rows of `known` but those of the objects in `without`.
    pub fn from_rows(known: &Inventory, without: &HashSet<&str>) -> Self {
        let mut builder = Self { holes: known.holes.clone(), ..Self::default() };
        known.rows.iter().filter(|row| !without.contains(row.id())).for_each(|row| builder.add(&row.to_row()));
        builder
    }

    /// Takes over what `known` has and this has not: where `is_whole`, Ralph does not have it any more since `now`, and it is
    /// remembered as that for `remember_ms`; else, or where it may have been unreadable, it is kept as it is.
    pub fn inherit(&mut self, known: &Inventory, is_whole: bool, now: UnixMs, remember_ms: u64) {
        self.rows.settle();
        let mut kept = Vec::new();
        for row in known.rows.iter().filter(|row| self.rows.find(row.id()).is_none()) {
            let is_hidden = row.id().parse::<u64>().is_ok_and(|id| self.holes.iter().any(|hole| hole.contains(&id)));
            let mut row = row.to_row();
            if row.gone_at == 0 && is_whole && !is_hidden {
                row.gone_at = now.max(1);
            }
            if row.gone_at == 0 || now.saturating_sub(row.gone_at) < remember_ms {
                kept.push(row);
            }
        }
        kept.iter().for_each(|row| self.add(row));
    }

    /// Rows so far, those of one object counted each.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inventory of these rows. With `short_names` host names are found by their first label too.
    pub fn finish(mut self, short_names: bool) -> Inventory {
        self.rows.settle();
        let live = self.rows.iter().filter(RowRef::is_live).count();
        let mut inventory = Inventory {
            rows: self.rows,
            index: HashTable::new(),
            seed: fastrand::u64(..),
            short_names,
            holes: self.holes,
            live,
        };
        inventory.fill_index();
        inventory
    }
}

impl Inventory {
    /// The ids of the objects that count.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter(RowRef::is_live).map(|row| row.id())
    }

    /// Objects that count.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Number of places where objects could not be read.
    pub fn holes(&self) -> &[RangeInclusive<u64>] {
        &self.holes
    }

    /// Whether `id` may be an object that could not be read.
    pub fn may_hide(&self, id: &str) -> bool {
        !self.holes.is_empty()
            && self.rows.find(id).is_none()
            && id.parse::<u64>().is_ok_and(|id| self.holes.iter().any(|hole| hole.contains(&id)))
    }

    /// Whether `id` is an object that counts.
    pub fn has(&self, id: &str) -> bool {
        self.rows.find(id).is_some_and(|at| self.rows.get(at).is_live())
    }

    /// Ids of the objects that count, the ones with numbers in `range` of all rows; see [`Inventory::span`].
    pub fn live_ids(&self, range: std::ops::Range<u32>) -> impl Iterator<Item = &str> {
        range.map(|at| self.rows.get(at)).filter(RowRef::is_live).map(|row| row.id())
    }

    /// Numbers of all rows.
    pub fn span(&self) -> std::ops::Range<u32> {
        0..self.rows.len() as u32
    }

    /// Whether another inventory says the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let same_rows = || self.rows.iter().zip(other.rows.iter()).all(|(a, b)| a.to_row() == b.to_row());
        self.short_names == other.short_names
            && self.holes == other.holes
            && self.rows.len() == other.rows.len()
            && same_rows()
    }

    /// Rows that Ralph has, of one model, and the newest time of change among them.
    pub(super) fn of_model(&self, model: &str) -> (u64, u64) {
        let rows = self.rows.iter().filter(|row| row.model() == model && row.gone_at() == 0);
        rows.fold((0, 0), |(count, newest), row| (count + 1, newest.max(row.modified())))
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.rows.bytes() + self.index.allocation_size()
    }

    fn fill_index(&mut self) {
        let short_names = self.short_names;
        let keys_of = |row: RowRef<'_>| -> usize {
            row.keys().map(|(kind, _)| if short_names && kind == Kind::Hostname { 2 } else { 1 }).sum()
        };
        let count = self.rows.iter().map(keys_of).sum();
        // Exactly as many as needed: nothing is hashed again.
        self.index = HashTable::with_capacity(count);
        // Those that count go first, so that a key that many have is known by them.
        for wants_live in [true, false] {
            for at in 0..self.rows.len() as u32 {
                if self.rows.get(at).is_live() == wants_live {
                    self.enter(at);
                }
            }
        }
    }

    fn enter(&mut self, at: u32) {
        let row = self.rows.get(at);
        let mut places = Vec::new();
        for (kind, value) in row.keys() {
            places.push((kind, value));
            if self.short_names && kind == Kind::Hostname {
                let end = value.iter().position(|b| *b == b'.').unwrap_or(value.len());
                places.push((Kind::Short, &value[..end]));
            }
        }
        let mut hashes = Vec::with_capacity(places.len());
        for (kind, value) in places {
            let hash = self.hash(kind, value);
            if self.index.iter_hash(hash).filter(|at| self.has_key(**at, kind, value)).count() <= MANY {
                hashes.push(hash);
            }
        }
        for hash in hashes {
            self.index.insert_unique(hash, at, |_| hash);
        }
    }

    pub(super) fn has_key(&self, at: u32, kind: Kind, value: &[u8]) -> bool {
        self.rows.get(at).keys().any(|(other, theirs)| match kind {
            Kind::Short if other == Kind::Hostname => {
                theirs.strip_prefix(value).is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
            }
            _ => other == kind && theirs == value,
        })
    }

    fn hash(&self, kind: Kind, value: &[u8]) -> u64 {
        let mut hash = Xxh3::with_seed(self.seed);
        hash.update(&[kind as u8]);
        hash.update(value);
        hash.digest()
    }

    /// The objects that have `key`, in the order of their ids.
    pub(super) fn find(&self, key: &Key) -> Hits {
        let mut rows: Vec<u32> = match key.kind {
            Kind::Id => {
                let id = std::str::from_utf8(&key.value).unwrap_or_default();
                self.rows.find(id).into_iter().collect()
            }
            kind => {
                let hash = self.hash(kind, &key.value);
                let found = self.index.iter_hash(hash).copied();
                found.filter(|at| self.has_key(*at, kind, &key.value)).collect()
            }
        };
        if rows.iter().any(|at| self.rows.get(*at).is_live()) {
            rows.retain(|at| self.rows.get(*at).is_live());
        }
        rows.sort_unstable();
        // A row may stand there twice: two of its keys with one hash.
        rows.dedup();
        let more = rows.len() > MANY;
        rows.truncate(MANY);
        Hits { rows, more }
    }
}
