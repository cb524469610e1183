//! Object ids at 8 bytes each: numbers as they are, others in an arena. It must not know what else is kept of an object.

use std::ops::Range;

const CHUNK: usize = 1 << 16;
const TEXT: u64 = 1 << 63;

/// An id as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IdRef(u64);

/// Where ids that are no plain numbers stand. Grows by chunks, so that growing copies nothing.
#[derive(Debug, Default)]
pub(super) struct IdArena {
    chunks: Vec<Box<[u8]>>,
    used: usize,
    /// Bytes of ids that were removed.
    pub(super) dead: usize,
}

/// A primary key as a number, if writing that number gives the same text again.
fn number(id: &str) -> Option<u64> {
    let bytes = id.as_bytes();
    if bytes.len() > 18 || bytes.is_empty() || (bytes[0] == b'0' && bytes.len() > 1) {
        return None;
    }
    bytes.iter().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
}

/// Text of an id; numbers are written into its own small buffer.
#[derive(Debug)]
pub(super) struct IdText<'a> {
    number: [u8; 20],
    at: usize,
    text: Option<&'a str>,
}

impl IdText<'_> {
    pub(super) fn as_str(&self) -> &str {
        // The buffer holds nothing but ASCII digits.
        self.text.unwrap_or_else(|| std::str::from_utf8(&self.number[self.at..]).unwrap_or_default())
    }
}

impl AsRef<str> for IdText<'_> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl IdArena {
    /// Keeps `id`, at most 128 bytes.
    pub(super) fn insert(&mut self, id: &str) -> IdRef {
        if let Some(n) = number(id) {
            return IdRef(n);
        }
        if self.chunks.is_empty() || self.used + id.len() > CHUNK {
            self.chunks.push(vec![0; CHUNK].into_boxed_slice());
            self.used = 0;
        }
        let chunk = self.chunks.len() - 1;
        self.chunks[chunk][self.used..self.used + id.len()].copy_from_slice(id.as_bytes());
        let at = chunk * CHUNK + self.used;
        self.used += id.len();
        IdRef(TEXT | (at as u64) << 8 | id.len() as u64)
    }

    /// Takes note that `id` is no longer needed.
    pub(super) fn remove(&mut self, id: IdRef) {
        if id.0 & TEXT != 0 {
            self.dead += (id.0 & 0xff) as usize;
        }
    }

    /// Whether most of the arena is ids that were removed.
    pub(super) fn is_wasteful(&self) -> bool {
        self.dead > 1 << 20 && self.dead > self.chunks.len() * CHUNK / 2
    }

    /// Whether `kept` is `id`.
    pub(super) fn equals(&self, kept: IdRef, id: &str) -> bool {
        match kept.0 & TEXT {
            0 => number(id) == Some(kept.0),
            _ => self.bytes(kept) == id.as_bytes(),
        }
    }

    /// The text of `id`.
    pub(super) fn text(&self, id: IdRef) -> IdText<'_> {
        let mut out = IdText { number: [0; 20], at: 20, text: None };
        if id.0 & TEXT != 0 {
            // Only text that was a &str is ever copied into the arena.
            out.text = std::str::from_utf8(self.bytes(id)).ok();
            return out;
        }
        let mut n = id.0;
        loop {
            out.at -= 1;
            out.number[out.at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                return out;
            }
        }
    }

    fn bytes(&self, id: IdRef) -> &[u8] {
        let at = ((id.0 & !TEXT) >> 8) as usize;
        let range: Range<usize> = at % CHUNK..at % CHUNK + (id.0 & 0xff) as usize;
        &self.chunks[at / CHUNK][range]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_as_it_was() {
        let mut arena = IdArena::default();
        let long = "x".repeat(128);
        let mut ids: Vec<String> =
            ["0", "4711", "007", "999999999999999999", "1234567890123456789", "data_center.rack.12", &long]
                .map(String::from)
                .into();
        ids.extend((0..5000).map(|n| format!("data_center.rack.{n}")));
        let kept: Vec<IdRef> = ids.iter().map(|id| arena.insert(id)).collect();
        for (id, kept) in ids.iter().zip(&kept) {
            assert_eq!(arena.text(*kept).as_str(), id);
            assert!(arena.equals(*kept, id));
            assert!(!arena.equals(*kept, "7"));
        }
        assert!(arena.chunks.len() > 1);
    }
}
