//! Rows of named columns (of a query, a spreadsheet) as record texts in blocks. It must not know where rows come from.
//!
//! One row is one record in the usual layout, `{"id":"4711","content":{"cpu":"Xeon","ram":256}}`: the column `id` (or
//! columns that match an object) say whose it is, `content` says what it shows, or else all other columns do as fields, in
//! their order. `content_type` says what the content is, `deleted` that there is none any more.

mod cell;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc};

pub(super) use cell::Cell;

use super::{SourceError, cut::READ};
use crate::model::{Block, Fault, FaultKind, Fetched, Place, Span};

/// Columns that say whose a row is, where there is no `id` and the settings name none.
pub(super) const MATCHING: [&str; 6] = ["sn", "barcode", "host_id", "mac", "ip", "hostname"];

/// What a column is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    Id,
    Match,
    Content,
    ContentType,
    Deleted,
    Field,
    /// Nothing: it has no name, or there is a `content` beside it.
    Nothing,
}

/// What the columns of all rows are for.
#[derive(Debug)]
pub(super) struct Layout {
    roles: Vec<Role>,
    /// Each column's name with what stands before its value: `"ram_gib":`.
    names: Vec<Vec<u8>>,
    shown: Vec<String>,
    is_raw: bool,
    has_content: bool,
}

impl Layout {
    /// For rows that are records, with these columns. `matching` names the columns that say whose a row is, in place of
    /// `id`; when it is empty, they are the [`MATCHING`] ones, where there is no `id`.
    ///
    /// # Errors
    /// When no column says whose a row is, or one is there twice.
    pub(super) fn records<S: AsRef<str>>(columns: &[S], matching: &[String]) -> Result<Self, SourceError> {
        let mut layout = Self::raw(columns)?;
        layout.is_raw = false;
        let has = |name: &str| layout.shown.iter().any(|column| column == name);
        if let Some(missing) = matching.iter().find(|name| !has(name)) {
            return Err(SourceError::Settings {
                problem: format!("there is no column {missing} to match by; there are {}", layout.list()),
                hint: "name columns that there are, and that Ralph knows objects by",
            });
        }
        let is_matching = |name: &str| match matching {
            [] => !has("id") && MATCHING.contains(&name),
            names => names.iter().any(|n| n == name),
        };
        let by_id = matching.is_empty() && has("id");
        if !by_id && !layout.shown.iter().any(|name| is_matching(name)) {
            return Err(SourceError::Settings {
                problem: format!("there is no column id, nor one to match objects by; there are {}", layout.list()),
                hint: "name the one with Ralph's id: SELECT asset_id AS id, ...; or match by hostname, sn, barcode, ip or mac",
            });
        }
        let has_content = has("content");
        let roles = layout.shown.iter().map(|name| match name.as_str() {
            "" => Role::Nothing,
            "id" if by_id => Role::Id,
            name if is_matching(name) => Role::Match,
            "content" => Role::Content,
            "content_type" if has_content => Role::ContentType,
            "deleted" => Role::Deleted,
            _ if has_content => Role::Nothing,
            _ => Role::Field,
        });
        layout.roles = roles.collect();
        layout.has_content = has_content;
        Ok(layout)
    }

    /// For rows that are told as they are, as one JSON object each, to be mapped by someone else.
    ///
    /// # Errors
    /// When a column is there twice.
    pub(super) fn raw<S: AsRef<str>>(columns: &[S]) -> Result<Self, SourceError> {
        let shown: Vec<String> = columns.iter().map(|name| name.as_ref().to_owned()).collect();
        let twice = shown.iter().enumerate().find(|(at, name)| !name.is_empty() && shown[..*at].contains(name));
        if let Some((_, name)) = twice {
            return Err(SourceError::Settings {
                problem: format!("there are two columns {name}"),
                hint: "give each a name of its own: SELECT a.name AS vendor, b.name AS model, ...",
            });
        }
        let roles = shown.iter().map(|name| if name.is_empty() { Role::Nothing } else { Role::Field }).collect();
        let names = shown.iter().map(|name| {
            let mut out = Vec::new();
            cell::push_text(&mut out, name);
            out.push(b':');
            out
        });
        Ok(Self { names: names.collect(), roles, shown, is_raw: true, has_content: false })
    }

    fn list(&self) -> String {
        if self.shown.is_empty() { "no columns at all".to_owned() } else { self.shown.join(", ") }
    }

    fn of<'a, 'c>(&'a self, role: &'a Role, cells: &'a [Cell<'c>]) -> impl Iterator<Item = (usize, &'a Cell<'c>)> {
        cells.iter().enumerate().filter(move |(at, _)| self.roles.get(*at) == Some(role))
    }
}

/// Takes rows, gives blocks of record texts.
pub(super) struct Rows {
    layout: Layout,
    origin: Arc<str>,
    max_line: usize,
    /// Rows are changes: one that is `deleted` says so, and is not just left out.
    is_delta: bool,
    block: Block,
    ready: VecDeque<Fetched>,
    rows: u64,
}

impl Rows {
    /// For rows of `layout`; a record longer than `max_line` bytes is reported in place of being held.
    pub(super) fn new(origin: Arc<str>, layout: Layout, max_line: usize) -> Self {
        let (block, ready) = (Block::default(), VecDeque::new());
        Self { layout, origin, max_line, is_delta: false, block, ready, rows: 0 }
    }

    /// Rows are changes, no snapshot: what is `deleted` has to be told.
    pub(super) fn of_delta(mut self, is_delta: bool) -> Self {
        self.is_delta = is_delta;
        self
    }

    /// Takes the row `line` (from 1), with a cell for each column; one that is missing at its end is null.
    pub(super) fn push(&mut self, line: u64, cells: &[Cell<'_>]) {
        self.rows += 1;
        let start = self.block.data.len();
        let written = if self.layout.is_raw {
            self.fields(cells);
            Ok(true)
        } else {
            self.record(cells)
        };
        let bytes = self.block.data.len() - start;
        let broken = match written {
            Ok(true) if bytes > self.max_line => {
                let id = super::peek::id_of(&self.block.data[start..]);
                let max = self.max_line;
                let reason = format!("the record has {bytes} bytes, more than limits.max_content allows ({max})");
                Some((id, Fault::new(FaultKind::TooLarge, reason)))
            }
            Ok(true) => {
                let at = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
                self.block.records.push(Span { start: at(start), end: at(start + bytes), line });
                None
            }
            Ok(false) => {
                self.block.data.truncate(start);
                None
            }
            Err(broken) => Some(broken),
        };
        if let Some((id, fault)) = broken {
            self.block.data.truncate(start);
            self.flush();
            let place = Place { origin: self.origin.clone(), line };
            self.ready.push_back(Fetched::Broken { place, id, fault });
        } else if self.block.data.len() >= READ {
            self.flush();
        }
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Makes a block of what there is, however little.
    pub(super) fn flush(&mut self) {
        if self.block.records.is_empty() {
            self.block.data.clear();
            return;
        }
        let next = Block { data: Vec::with_capacity(READ + READ / 8), records: Vec::new() };
        let block = std::mem::replace(&mut self.block, next);
        self.ready.push_back(Fetched::Block { origin: self.origin.clone(), block });
    }

    /// What is ready to be sent, in order.
    pub(super) fn pop(&mut self) -> Option<Fetched> {
        self.ready.pop_front()
    }

    /// Writes one record; whether there is one.
    fn record(&mut self, cells: &[Cell<'_>]) -> Result<bool, (Option<String>, Fault)> {
        let Self { layout, block, is_delta, .. } = self;
        let out = &mut block.data;
        let id = identity(layout, cells, out)?;
        let is_deleted = match layout.of(&Role::Deleted, cells).next().map(|(_, cell)| (cell, cell.truth())) {
            None => false,
            Some((_, Some(truth))) => truth,
            Some((cell, None)) => {
                let reason = format!("the column deleted holds {}, neither true nor false", cell.shown());
                return Err((id, Fault::new(FaultKind::BadField, reason)));
            }
        };
        if is_deleted {
            out.extend_from_slice(b",\"deleted\":true}");
            // A snapshot does not name what is gone, and the guard against losing too much looks at that.
            return Ok(*is_delta);
        }
        out.extend_from_slice(b",\"content\":");
        if !layout.has_content {
            self.fields(cells);
            self.block.data.push(b'}');
            return Ok(true);
        }
        let media = layout.of(&Role::ContentType, cells).next().and_then(|(_, cell)| cell.text());
        let content = layout.of(&Role::Content, cells).next().map_or(&Cell::Null, |(_, cell)| cell);
        if content.is_null() {
            let reason = "the column content is NULL; leave such rows out (WHERE), or say what there is to show";
            return Err((id, Fault::new(FaultKind::NoContent, reason)));
        }
        content.push_content(out, media.as_deref());
        if let Some(media) = media {
            out.extend_from_slice(b",\"content_type\":");
            cell::push_text(out, &media);
        }
        out.push(b'}');
        Ok(true)
    }

    /// Writes the row's fields as one object.
    fn fields(&mut self, cells: &[Cell<'_>]) {
        let Self { layout, block, .. } = self;
        let out = &mut block.data;
        out.push(b'{');
        let mut is_first = true;
        for (at, name) in layout.names.iter().enumerate() {
            if layout.roles[at] != Role::Field {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            out.extend_from_slice(name);
            cells.get(at).unwrap_or(&Cell::Null).push_json(out);
        }
        out.push(b'}');
    }
}

/// Writes whose the row is, and the record's beginning with it.
fn identity(layout: &Layout, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<Option<String>, (Option<String>, Fault)> {
    if layout.roles.contains(&Role::Id) {
        let Some(id) = layout.of(&Role::Id, cells).next().and_then(|(_, cell)| cell.text()) else {
            return Err((None, Fault::new(FaultKind::NoId, "the column id is empty")));
        };
        out.extend_from_slice(b"{\"id\":");
        cell::push_text(out, &id);
        return Ok(crate::model::ObjectId::check(&id).is_ok().then_some(id));
    }
    out.extend_from_slice(b"{\"match\":{");
    let mut is_first = true;
    for (at, cell) in layout.of(&Role::Match, cells) {
        let Some(text) = cell.text() else { continue };
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        out.extend_from_slice(&layout.names[at]);
        cell::push_text(out, &text);
    }
    out.push(b'}');
    if is_first {
        let names = layout.shown.iter().zip(&layout.roles).filter(|(_, role)| **role == Role::Match);
        let names = names.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let reason = format!("all columns to match an object by are empty: {names}");
        return Err((None, Fault::new(FaultKind::NoId, reason)));
    }
    Ok(None)
}
