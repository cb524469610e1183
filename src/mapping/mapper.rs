//! The mapper: blocks of items in, blocks of records out. It must not read, nor wait for anything.

use std::sync::Arc;

use super::{
    condition::Wanted,
    content::Content,
    date::Day,
    group::{self, Group, Groups, TooMuch},
    key::{Key, Object},
    pick::{Picked, Plan, Slot},
    scalar::{cut, quote},
};
use crate::{
    model::{Block, Document, Fault, FaultKind, Fetched, Place, Span},
    settings::Map,
};

/// Records are handed on in blocks of about this size.
const BLOCK: usize = 256 * 1024;

/// See the module. One for each source.
#[derive(Debug)]
pub struct Mapper {
    plan: Plan,
    key: Key,
    only: Wanted,
    unless: Wanted,
    deleted: Wanted,
    content: Content,
    /// What an item that is collected is reduced to, beside its content.
    kept: Vec<Slot>,
    /// By which of its parts it is ordered.
    order: Vec<(usize, bool)>,
    groups: Option<Groups>,
    group_max: usize,
    today: Day,
}

/// What a block becomes.
struct Out {
    origin: Arc<str>,
    block: Block,
    done: Vec<Fetched>,
}

impl Mapper {
    /// For what `map` says, which `check` has found possible.
    pub fn new(map: &Map) -> Self {
        let mut plan = Plan::default();
        let key = Key::new(map, &mut plan);
        let (only, unless) = (Wanted::new(&map.only, &mut plan), Wanted::new(&map.unless, &mut plan));
        let deleted = Wanted::new(&map.deleted, &mut plan);
        plan.note_use();
        let content = Content::new(map, &mut plan);
        // Content that is put aside as it is needs no parts of it.
        if !matches!(content, Content::Card(_)) {
            plan.note_use();
        }
        let sort: Vec<_> = map.sort.iter().map(|key| (plan.slot(&key.pointer), key.reverse)).collect();
        let kept = plan.used();
        // The content stands before the parts.
        let at = |slot: Slot| 1 + kept.iter().position(|kept| *kept == slot).unwrap_or(0);
        let order = sort.into_iter().map(|(slot, reverse)| (at(slot), reverse)).collect();
        let groups = map.group.then(Groups::default);
        let group_max = map.group_max.as_usize();
        Self { plan, key, only, unless, deleted, content, kept, order, groups, group_max, today: 0 }
    }

    /// Whether items are collected until [`Self::finish`].
    pub fn is_grouping(&self) -> bool {
        self.groups.is_some()
    }

    /// Whether the same items give something else on another day.
    pub fn is_by_date(&self) -> bool {
        matches!(&self.content, Content::Card(card) if card.is_by_date())
    }

    /// A fetch begins, `today`.
    pub fn begin(&mut self, today: Day) {
        self.today = today;
        self.groups.iter_mut().for_each(Groups::clear);
    }

    /// Whether items are collected that were not handed on.
    pub fn holds_items(&self) -> bool {
        self.groups.as_ref().is_some_and(|groups| !groups.is_empty())
    }

    /// Takes one item of the source; returns what to hand on, in order.
    ///
    /// # Errors
    /// [`TooMuch`] when more would be collected than `source.map.group_max`.
    pub fn take(&mut self, item: Fetched) -> Result<Vec<Fetched>, TooMuch> {
        match item {
            Fetched::Block { origin, block } => {
                let mut out = Out::new(origin.clone(), block.data.len());
                for span in &block.records {
                    let place = Place { origin: origin.clone(), line: span.line };
                    self.text(&block.data[span.range()], None, &place, &mut out)?;
                }
                Ok(out.end())
            }
            Fetched::Document(document) => self.document(&document),
            other => Ok(vec![other]),
        }
    }

    /// The snapshot is complete: everything that was collected.
    pub fn finish(&mut self) -> Vec<Fetched> {
        let Some(groups) = &mut self.groups else { return Vec::new() };
        let groups = groups.take();
        let mut out = Out::new("".into(), BLOCK);
        for (object, group) in groups {
            if group.bad {
                continue;
            }
            if out.origin != group.place.origin {
                out.flush();
                out.origin = group.place.origin.clone();
            }
            let start = out.block.data.len();
            match self.group(&object, &group, &mut out.block.data) {
                Ok(()) => out.record(start, group.place.line),
                Err(reason) => {
                    out.block.data.truncate(start);
                    out.fault(&group.place, id_in(&object), Fault::new(FaultKind::Render, reason));
                }
            }
        }
        out.end()
    }

    fn document(&mut self, document: &Document) -> Result<Vec<Fetched>, TooMuch> {
        let mut out = Out::new(document.place.origin.clone(), document.data.len());
        if document.content_type.is_json() {
            let mut name = Vec::new();
            quote(&document.id, &mut name);
            let name = String::from_utf8_lossy(&name);
            self.text(document.data.trim_ascii(), Some(&name), &document.place, &mut out)?;
        } else {
            let reason = format!("the file is {}, and source.map maps JSON", document.content_type.as_str());
            out.fault(&document.place, None, Fault::new(FaultKind::NotJson, reason));
        }
        Ok(out.end())
    }

    /// One item's text.
    fn text(&mut self, bytes: &[u8], name: Option<&str>, place: &Place, out: &mut Out) -> Result<(), TooMuch> {
        if let Some(control) = control(bytes) {
            match (&mut self.groups, control) {
                (Some(_), Control::End) => {
                    out.flush();
                    let groups = self.finish();
                    out.done.extend(groups);
                }
                (Some(groups), Control::Begin) => groups.clear(),
                _ => {}
            }
            let start = out.block.data.len();
            out.block.data.extend_from_slice(bytes);
            out.record(start, place.line);
            return Ok(());
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => {
                let reason = format!("no UTF-8 from byte {} on", e.valid_up_to() + 1);
                out.fault(place, None, Fault::new(FaultKind::NotJson, reason));
                return Ok(());
            }
        };
        match self.plan.pick(text, name) {
            Ok(picked) => self.item(text, &picked, place, out),
            Err(e) => {
                let cause = e.to_string();
                let what = cause.split(" at line ").next().unwrap_or(&cause);
                let reason = format!("no JSON: {what} at byte {} of {}", e.column(), text.len());
                out.fault(place, None, Fault::new(FaultKind::NotJson, reason));
                Ok(())
            }
        }
    }

    fn item(&mut self, text: &str, picked: &Picked<'_>, place: &Place, out: &mut Out) -> Result<(), TooMuch> {
        if !self.only.all(picked) || self.unless.any(picked) {
            return Ok(());
        }
        let object = match self.key.find(picked, &self.plan) {
            Ok(object) => object,
            Err(fault) => {
                out.fault(place, None, fault);
                return Ok(());
            }
        };
        if self.groups.is_some() {
            return self.collect(text, picked, &object, place, out);
        }
        let start = out.block.data.len();
        open(&object.member, &mut out.block.data);
        if !self.deleted.is_empty() && self.deleted.all(picked) {
            out.block.data.extend_from_slice(b"\"deleted\":true}");
            out.record(start, place.line);
            return Ok(());
        }
        out.block.data.extend_from_slice(b"\"content\":");
        match self.content.write(text, picked, self.today, &mut out.block.data) {
            Ok(()) => {
                out.block.data.push(b'}');
                out.record(start, place.line);
            }
            Err(fault) => {
                out.block.data.truncate(start);
                out.fault(place, object.id, fault);
            }
        }
        Ok(())
    }

    /// Puts an item aside, reduced to what will be needed of it.
    fn collect(
        &mut self,
        text: &str,
        picked: &Picked<'_>,
        object: &Object,
        place: &Place,
        out: &mut Out,
    ) -> Result<(), TooMuch> {
        let Some(groups) = &mut self.groups else { return Ok(()) };
        let mut item = b"[".to_vec();
        let content = match &self.content {
            // It is made of all items at once.
            Content::Card(_) => {
                item.extend_from_slice(b"null");
                Ok(())
            }
            content => content.write(text, picked, self.today, &mut item),
        };
        if let Err(fault) = content {
            out.fault(place, object.id.clone(), fault);
            return groups.add(&object.member, place, None, self.group_max);
        }
        for slot in &self.kept {
            item.push(b',');
            item.extend_from_slice(picked.raw(*slot).unwrap_or("null").as_bytes());
        }
        item.push(b']');
        // It was made of texts.
        let item = String::from_utf8_lossy(&item).into_owned();
        groups.add(&object.member, place, Some(item), self.group_max)
    }

    /// Appends the record of a group.
    fn group(&self, object: &str, group: &Group, out: &mut Vec<u8>) -> Result<(), String> {
        let items = group::sort(&group.items, &self.order);
        open(object, out);
        out.extend_from_slice(b"\"content\":");
        if let Content::Card(card) = &self.content {
            let mut picked = Vec::with_capacity(items.len());
            for parts in &items {
                let mut all = vec![None; self.plan.len()];
                for (slot, part) in self.kept.iter().zip(parts.iter().skip(1)) {
                    all[*slot] = *part;
                }
                picked.push(Picked::from_texts(all));
            }
            if self.order.is_empty() {
                card.worst_first(&mut picked, self.today);
            }
            card.write(&picked, self.today, out)?;
        } else {
            out.extend_from_slice(b"{\"items\":[");
            for (at, parts) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(parts.first().copied().flatten().unwrap_or("null").as_bytes());
            }
            out.extend_from_slice(b"]}");
        }
        out.push(b'}');
        Ok(())
    }
}

impl Out {
    fn new(origin: Arc<str>, capacity: usize) -> Self {
        let block = Block { data: Vec::with_capacity(capacity.min(2 * BLOCK)), records: Vec::new() };
        Self { origin, block, done: Vec::new() }
    }

    /// What was appended from `start` on is a record.
    fn record(&mut self, start: usize, line: u64) {
        let at = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
        let end = self.block.data.len();
        self.block.records.push(Span { start: at(start), end: at(end), line });
        if end >= BLOCK {
            self.flush();
        }
    }

    fn fault(&mut self, place: &Place, id: Option<String>, fault: Fault) {
        self.flush();
        self.done.push(Fetched::Broken { place: place.clone(), id, fault });
    }

    fn flush(&mut self) {
        let block = std::mem::take(&mut self.block);
        if block.records.is_empty() {
            self.block.data = block.data;
            return;
        }
        self.done.push(Fetched::Block { origin: self.origin.clone(), block });
    }

    fn end(mut self) -> Vec<Fetched> {
        self.flush();
        self.done
    }
}

fn open(member: &str, out: &mut Vec<u8>) {
    out.push(b'{');
    out.extend_from_slice(member.as_bytes());
    out.push(b',');
}

/// The id in a record's first member, where that is one.
fn id_in(member: &str) -> Option<String> {
    Some(cut(member.strip_prefix("\"id\":\"")?.strip_suffix('"')?, 128).into_owned())
}

enum Control {
    Begin,
    End,
    Heartbeat,
}

/// Records that are about the source, and no items.
fn control(bytes: &[u8]) -> Option<Control> {
    if bytes.len() > 40 || !bytes.starts_with(b"{") {
        return None;
    }
    let dense: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    match dense.as_slice() {
        b"{\"begin\":true}" => Some(Control::Begin),
        b"{\"end\":true}" => Some(Control::End),
        b"{\"heartbeat\":true}" => Some(Control::Heartbeat),
        _ => None,
    }
}
