//! Many rows in little room: one after the other in one piece of memory. It must not know how one is found.

use std::cmp::Ordering;

use super::{
    key::{Key, Kind},
    row::Row,
};
use crate::model::UnixMs;

const RETIRED: u8 = 1;
/// Ralph does not have it any more.
const GONE: u8 = 2;
/// Of more models than this, the last ones are not told apart.
const MODELS: usize = 255;

/// Rows, by number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rows {
    data: Vec<u8>,
    starts: Vec<u32>,
    models: Vec<String>,
}

/// A row where it stands: `len id | flags | model | modified | gone_at | count | (kind len value)*`.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    bytes: &'a [u8],
    models: &'a [String],
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// The row with number `at`.
    pub fn get(&self, at: u32) -> RowRef<'_> {
        RowRef { bytes: &self.data[self.starts[at as usize] as usize..], models: &self.models }
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = RowRef<'_>> {
        (0..self.starts.len() as u32).map(|at| self.get(at))
    }

    /// Adds one; false when there is no room for it (4 GiB).
    pub fn push(&mut self, row: &Row) -> bool {
        let Ok(start) = u32::try_from(self.data.len()) else { return false };
        self.starts.push(start);
        let model = self.model(&row.model);
        let data = &mut self.data;
        // Ids are checked: at most 128 bytes. Values have at most 255.
        data.push(row.id.len() as u8);
        data.extend_from_slice(row.id.as_bytes());
        data.push(if row.retired { RETIRED } else { 0 } | if row.gone_at > 0 { GONE } else { 0 });
        data.push(model);
        data.extend_from_slice(&row.modified.to_le_bytes());
        data.extend_from_slice(&row.gone_at.to_le_bytes());
        let keys = &row.keys[..row.keys.len().min(usize::from(u16::MAX))];
        data.extend_from_slice(&(keys.len() as u16).to_le_bytes());
        for key in keys {
            data.push(key.kind as u8);
            data.push(key.value.len() as u8);
            data.extend_from_slice(&key.value);
        }
        true
    }

    fn model(&mut self, name: &str) -> u8 {
        let at = self.models.iter().position(|known| known == name).unwrap_or_else(|| {
            if self.models.len() < MODELS {
                self.models.push(name.to_owned());
            }
            self.models.len() - 1
        });
        at as u8
    }

    /// Sorts them by id, and makes one of those that have the same.
    pub fn settle(&mut self) {
        let mut starts = std::mem::take(&mut self.starts);
        let at = |data: &[u8], start: u32| -> (usize, usize) {
            let start = start as usize;
            (start + 1, start + 1 + usize::from(data[start]))
        };
        starts.sort_by(|a, b| {
            let ((a, a_end), (b, b_end)) = (at(&self.data, *a), at(&self.data, *b));
            by_id(&self.data[a..a_end], &self.data[b..b_end])
        });
        self.starts = starts;
        let is_twice = |rows: &Self, at: usize| at > 0 && rows.get(at as u32).id() == rows.get(at as u32 - 1).id();
        if !(1..self.len()).any(|at| is_twice(self, at)) {
            self.data.shrink_to_fit();
            return;
        }
        let mut settled = Self { models: self.models.clone(), ..Self::default() };
        let mut last: Option<Row> = None;
        for row in self.iter().map(|row| row.to_row()) {
            match &mut last {
                Some(last) if last.id == row.id => last.merge(row),
                _ => drop(last.replace(row).map(|row| settled.push(&row))),
            }
        }
        last.map(|row| settled.push(&row));
        *self = settled;
    }

    /// The number of the row with this id, once they are settled.
    pub fn find(&self, id: &str) -> Option<u32> {
        let found = self.starts.binary_search_by(|start| {
            let row = RowRef { bytes: &self.data[*start as usize..], models: &self.models };
            by_id(row.id().as_bytes(), id.as_bytes())
        });
        found.ok().map(|at| at as u32)
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.data.capacity() + self.starts.capacity() * size_of::<u32>()
    }
}

/// Numbers by their value, and before texts.
fn by_id(a: &[u8], b: &[u8]) -> Ordering {
    let is_number = |id: &[u8]| id.iter().all(u8::is_ascii_digit);
    match (is_number(a), is_number(b)) {
        (true, true) => (a.len(), a).cmp(&(b.len(), b)),
        (a_is, b_is) => b_is.cmp(&a_is).then_with(|| a.cmp(b)),
    }
}

impl<'a> RowRef<'a> {
    /// The object's id.
    pub fn id(&self) -> &'a str {
        // It was a text when it was pushed.
        std::str::from_utf8(&self.bytes[1..1 + self.id_len()]).unwrap_or_default()
    }

    fn id_len(&self) -> usize {
        usize::from(self.bytes[0])
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[1 + self.id_len()..]
    }

    fn number(&self, at: usize) -> u64 {
        let bytes = &self.rest()[at..at + 8];
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Whether Ralph has it, and it counts.
    pub fn is_live(&self) -> bool {
        self.rest()[0] == 0
    }

    /// When Ralph was found not to have it any more, unix ms; 0: it has it.
    pub fn gone_at(&self) -> UnixMs {
        self.number(10)
    }

    /// When it was changed last, in microseconds since 1970.
    pub fn modified(&self) -> u64 {
        self.number(2)
    }

    /// Its model.
    pub fn model(&self) -> &'a str {
        self.models.get(usize::from(self.rest()[1])).map_or("", String::as_str)
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = (Kind, &'a [u8])> {
        let rest = self.rest();
        let count = usize::from(rest[18]) | usize::from(rest[19]) << 8;
        let mut rest = &rest[20..];
        (0..count).filter_map(move |_| {
            let (kind, len) = (rest[0], usize::from(rest[1]));
            let value = &rest[2..2 + len];
            rest = &rest[2 + len..];
            Some((Kind::from_number(kind)?, value))
        })
    }

    /// As a value of its own.
    pub fn to_row(self) -> Row {
        Row {
            id: self.id().to_owned(),
            model: self.model().to_owned(),
            retired: self.rest()[0] & RETIRED != 0,
            gone_at: self.gone_at(),
            modified: self.modified(),
            keys: self.keys().map(|(kind, value)| Key { kind, value: value.to_vec() }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, sn: &str) -> Row {
        Row {
            id: id.into(),
            model: "cluster".into(),
            modified: 1_795_476_802_123_000,
            keys: vec![Key { kind: Kind::Sn, value: sn.into() }, Key { kind: Kind::Ip, value: vec![10, 0, 0, 1] }],
            ..Row::default()
        }
    }

    #[test]
    fn rows_come_back_as_they_were_sorted_and_each_once() {
        let mut rows = Rows::default();
        let gone = Row { gone_at: 77, retired: true, keys: vec![], ..row("data_center.rack.1", "") };
        let all = [row("10", "a"), gone.clone(), row("9", "b"), row("10", "c")];
        all.iter().for_each(|row| assert!(rows.push(row)));
        rows.settle();
        let ids: Vec<_> = rows.iter().map(|row| row.id()).collect();
        assert_eq!(ids, ["9", "10", "data_center.rack.1"]);
        assert_eq!(rows.get(0).to_row(), row("9", "b"));
        assert_eq!((rows.get(2).to_row(), rows.get(2).is_live()), (gone, false));
        let both: Vec<_> = rows.get(1).keys().map(|(_, value)| value.to_vec()).collect();
        assert_eq!(both, [b"a".to_vec(), b"c".to_vec(), vec![10, 0, 0, 1]]);
        assert_eq!((rows.find("10"), rows.find("11"), rows.find("data_center.rack.1")), (Some(1), None, Some(2)));
    }
}
