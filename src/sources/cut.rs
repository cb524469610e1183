//! The cutter: bytes as read in, blocks of record texts out, in bounded memory. It must not read, and not parse records.

use std::{collections::VecDeque, mem, sync::Arc};

use super::{
    SourceError,
    array::Array,
    document::{Document, Wanted},
    lines::Lines,
};
use crate::model::{Block, Fault, FaultKind, Fetched, Place, Span};

/// Bytes read at once, and the size of a block: large enough that a block costs little, small enough for the cache.
pub(super) const READ: usize = 256 * 1024;

/// Blocks with less in them are copied out, so that the buffer is not given away for a few records.
const SMALL: usize = READ / 4;

/// Spans count in u32.
const MAX_LINE: usize = 1 << 30;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Which forms the input may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Forms {
    /// One record a line.
    Lines,
    /// One record a line, or one JSON array of records, told apart by the first non-blank byte.
    LinesOrArray,
    /// One JSON document, with the array of records somewhere in it.
    At(Arc<Wanted>),
}

impl Forms {
    /// Of something that is read to its end: with `items` the array at that pointer.
    pub(super) fn of(items: Option<&str>) -> Self {
        // `check` has refused what is no pointer.
        items.and_then(|items| Wanted::new(items, &[])).map_or(Self::LinesOrArray, Self::At)
    }
}

/// Cuts one input.
pub(super) struct Cutter {
    tape: Tape,
    scan: Scan,
    forms: Forms,
    handed: bool,
}

enum Scan {
    Undecided,
    Lines(Lines),
    Array(Array),
    Document(Document),
}

impl Cutter {
    /// A cutter for one input; records longer than `max_line` bytes are skipped and reported.
    pub(super) fn new(origin: Arc<str>, max_line: usize, forms: Forms) -> Self {
        let max_line = max_line.min(MAX_LINE);
        let tape = Tape {
            data: Vec::with_capacity(READ),
            records: Vec::new(),
            keep: 0,
            at: 0,
            found: 0,
            ready: VecDeque::new(),
            origin,
            max_line,
        };
        Self { tape, scan: Scan::Undecided, forms, handed: false }
    }

    /// The buffer to append what is read to; it has room for some more.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        self.tape.grow();
        &mut self.tape.data
    }

    /// Cuts what was appended.
    pub(super) fn advance(&mut self) {
        if matches!(self.scan, Scan::Undecided) {
            self.decide(false);
        }
        self.scan();
        if self.tape.is_full() {
            self.tape.take();
        }
    }

    /// Hands over what is cut already, however little.
    pub(super) fn flush(&mut self) {
        self.tape.take();
    }

    /// Whether records are cut that [`Self::flush`] would hand over.
    pub(super) fn has_records(&self) -> bool {
        !self.tape.records.is_empty()
    }

    /// What is ready to be sent, in order.
    pub(super) fn pop(&mut self) -> Option<Fetched> {
        let item = self.tape.ready.pop_front();
        self.handed |= item.is_some();
        item
    }

    /// Whether anything was popped since this was asked last.
    pub(super) fn handed_over(&mut self) -> bool {
        mem::take(&mut self.handed)
    }

    /// The input has ended.
    ///
    /// Returns whether it said anything at all: a record, a broken one, or an array, be it empty.
    ///
    /// # Errors
    /// [`SourceError::Truncated`] for an array without its end.
    pub(super) fn finish(&mut self) -> Result<bool, SourceError> {
        if matches!(self.scan, Scan::Undecided) {
            self.decide(true);
            self.scan();
        }
        let result = match &mut self.scan {
            Scan::Undecided => Ok(()),
            Scan::Lines(lines) => {
                lines.finish(&mut self.tape);
                Ok(())
            }
            Scan::Array(array) => array.finish(&mut self.tape),
            Scan::Document(document) => document.finish(&mut self.tape),
        };
        self.tape.take();
        result?;
        let is_list = match &self.scan {
            Scan::Array(_) => true,
            Scan::Document(document) => document.has_items(),
            Scan::Undecided | Scan::Lines(_) => false,
        };
        Ok(self.tape.found > 0 || is_list)
    }

    /// How many records there were so far, the broken ones included.
    pub(super) fn found(&self) -> u64 {
        self.tape.found
    }

    /// The scalars that a document was asked for, as JSON.
    pub(super) fn scalars(&self) -> &[Option<String>] {
        match &self.scan {
            Scan::Document(document) => document.scalars(),
            _ => &[],
        }
    }

    fn scan(&mut self) {
        match &mut self.scan {
            Scan::Undecided => {}
            Scan::Lines(lines) => lines.scan(&mut self.tape),
            Scan::Array(array) => array.scan(&mut self.tape),
            Scan::Document(document) => document.scan(&mut self.tape),
        }
    }

    fn decide(&mut self, ended: bool) {
        let data = &self.tape.data;
        let bom = if data.starts_with(BOM) { BOM.len() } else { 0 };
        let first = data[bom..].iter().find(|b| !b.is_ascii_whitespace());
        // Two bytes of a byte order mark are no first byte yet.
        let undecided = !ended && (BOM.starts_with(data) || (first.is_none() && data.len() < SMALL));
        if undecided {
            return;
        }
        self.scan = match (first, &self.forms) {
            (_, Forms::At(wanted)) => Scan::Document(Document::new(wanted.clone())),
            (Some(b'['), Forms::LinesOrArray) => Scan::Array(Array::new()),
            _ => Scan::Lines(Lines::new()),
        };
        (self.tape.keep, self.tape.at) = (bom, bom);
    }
}

/// The bytes that are held, with what is cut of them.
pub(super) struct Tape {
    /// Bytes as read.
    pub(super) data: Vec<u8>,
    /// What is cut of them.
    records: Vec<Span>,
    /// Where the unfinished record begins; the end of `data` where there is none.
    pub(super) keep: usize,
    /// How far the scanner looked.
    pub(super) at: usize,
    found: u64,
    ready: VecDeque<Fetched>,
    origin: Arc<str>,
    max_line: usize,
}

impl Tape {
    /// Whole bytes of the unfinished record.
    pub(super) fn pending(&self) -> usize {
        self.data.len() - self.keep
    }

    pub(super) fn max_line(&self) -> usize {
        self.max_line
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Cuts `data[start..end]` as a record, without the white space around it; nothing where that is all.
    pub(super) fn record(&mut self, start: usize, end: usize, line: u64) {
        let text = &self.data[start..end];
        if text.len() > self.max_line {
            let over = Oversize::begin(text, line, self.max_line);
            self.oversize(&over);
            return;
        }
        let left = text.len() - text.trim_ascii_start().len();
        let len = text.trim_ascii().len();
        if len == 0 {
            return;
        }
        self.found += 1;
        // `data` never grows to 4 GiB: see MAX_LINE and `grow`.
        let at = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
        self.records.push(Span { start: at(start + left), end: at(start + left + len), line });
    }

    /// Reports something that is no record, after what was cut before it.
    pub(super) fn broken(&mut self, line: u64, id: Option<String>, fault: Fault) {
        self.found += 1;
        self.push_block();
        let place = Place { origin: self.origin.clone(), line };
        self.ready.push_back(Fetched::Broken { place, id, fault });
    }

    /// Reports a record that is too large.
    pub(super) fn oversize(&mut self, over: &Oversize) {
        let reason =
            format!("the record has {} bytes, more than limits.max_content allows ({})", over.bytes, self.max_line);
        self.broken(over.line, over.id.clone(), Fault::new(FaultKind::TooLarge, reason));
    }

    /// Forgets the unfinished record's bytes: it is being skipped.
    pub(super) fn forget(&mut self) {
        self.data.truncate(self.keep);
        self.at = self.keep;
    }

    fn is_full(&self) -> bool {
        self.data.capacity() - self.data.len() < READ / 8
    }

    /// Copies the records so far out as a block of their own; the buffer stays.
    fn push_block(&mut self) {
        if self.records.is_empty() {
            return;
        }
        let mut records = mem::take(&mut self.records);
        // From the first record's start to the last one's end is all that these spans name.
        let start = records.first().map_or(0, |span| span.start);
        let end = records.last().map_or(0, |span| span.end);
        for span in &mut records {
            span.start -= start;
            span.end -= start;
        }
        let block = Block { data: self.data[start as usize..end as usize].to_vec(), records };
        self.ready.push_back(Fetched::Block { origin: self.origin.clone(), block });
    }

    /// Hands over the records so far, and moves the unfinished one to the front.
    fn take(&mut self) {
        if self.keep == 0 {
            return;
        }
        if self.keep < SMALL || self.records.is_empty() {
            self.push_block();
            self.data.drain(..self.keep);
        } else {
            let mut next = Vec::with_capacity(READ.max(self.pending() * 2));
            next.extend_from_slice(&self.data[self.keep..]);
            let mut data = mem::replace(&mut self.data, next);
            data.truncate(self.keep);
            let like = self.records.len();
            let records = mem::replace(&mut self.records, Vec::with_capacity(like));
            self.ready.push_back(Fetched::Block { origin: self.origin.clone(), block: Block { data, records } });
        }
        self.at -= self.keep;
        self.keep = 0;
    }

    fn grow(&mut self) {
        if !self.is_full() {
            return;
        }
        // Only an unfinished record is left here: double, but never hold much more than the longest that is allowed.
        let target = (self.data.len() * 2).clamp(READ, self.max_line + READ).max(self.data.len() + READ / 4);
        self.data.reserve_exact(target - self.data.len());
    }
}

/// A record that is being skipped because it is too long.
#[derive(Debug)]
pub(super) struct Oversize {
    line: u64,
    id: Option<String>,
    bytes: u64,
}

impl Oversize {
    /// Its first bytes tell the id, if it stands there; no more of them than may be held.
    pub(super) fn begin(text: &[u8], line: u64, max_line: usize) -> Self {
        let first = &text[..text.len().min(max_line)];
        Self { line, id: super::peek::id_of(first), bytes: text.len() as u64 }
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }
}
