//! What the records of one pass become where they name objects by what is known of them: records with ids, or the reason why
//! there is none. It must not fetch anything.

use std::{
    collections::{HashMap, HashSet},
    ops::RangeInclusive,
    sync::Arc,
};

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{now, record};
use crate::{
    identity::{Inventory, Outcome, Query, Reason, Standing, View},
    model::{Block, Ending, Fault, FaultKind, Fetched, Place, Refusal, Span, Unmatched},
    sources::{Sink, SourceError},
};

/// Bytes of cards in one block.
const CARDS: usize = 128 << 10;
/// Longest match that is shown.
const SHOWN: usize = 200;
/// Bytes of ids and matches that are remembered, to be named when an object is matched twice.
const REMEMBERED: usize = 8 << 20;

/// A record with `match`, the fields as they stand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matched<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "match")]
    matching: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    content_type: Option<&'a RawValue>,
    #[serde(borrow)]
    deleted: Option<&'a RawValue>,
}

/// The matches of this pass that led to an object, by its id, as long as there is room.
#[derive(Default)]
struct Firsts {
    matches: HashMap<String, String>,
    bytes: usize,
    /// The object that the record at hand and one before it are about, and by what.
    again: Option<(String, String)>,
}

impl Firsts {
    fn note(&mut self, id: &str, matching: &str) {
        let shown: String = matching.chars().take(SHOWN).collect();
        if let Some(first) = self.matches.get(id) {
            self.again = Some((id.to_owned(), format!("it is the object of {first}, and of {shown}")));
        } else if self.bytes < REMEMBERED {
            self.bytes += id.len() + shown.len();
            self.matches.insert(id.to_owned(), shown);
        }
    }
}

/// Resolves the records of one pass.
pub(super) struct Resolver {
    view: Arc<View>,
    standing: Standing,
    /// The content of objects without data, as the rest of a record behind its id; none where absence means gone.
    empty: Option<String>,
    pub(super) has_unmatched: bool,
    /// A record does not tell which object it is about.
    pub(super) hides: bool,
    /// `{"end": true}` was there.
    pub(super) ended: bool,
    /// Objects that were named, where somebody wants to know.
    named: Option<HashSet<String>>,
    /// None where an object may be told of as often as one likes.
    firsts: Option<Firsts>,
}

/// Why a record is about no object, for whoever sent it.
pub(super) struct Unresolved {
    /// In a word, where it may lead to one another time.
    pub(super) reason: Option<&'static str>,
    pub(super) refusal: Refusal,
}

impl Resolver {
    /// By `view`; `empty` is the rest of the record of an object without data. In a snapshot each object is named once.
    pub(super) fn new(view: Arc<View>, empty: Option<String>, is_snapshot: bool) -> Self {
        let standing = view.standing(now().unix_ms);
        let named = (empty.is_some() && is_snapshot).then(HashSet::new);
        let firsts = is_snapshot.then(Firsts::default);
        Self { view, standing, empty, has_unmatched: false, hides: false, ended: false, named, firsts }
    }

    /// Appends the record `text` to `out`, by its id.
    ///
    /// # Errors
    /// Why it has none.
    pub(super) fn one(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Unresolved> {
        let (reason, why) = match self.record(text, out) {
            Ok(_) => return Ok(()),
            Err(Problem::Bad(why)) => (None, why),
            Err(Problem::Unmatched(unmatched)) => {
                (Some(unmatched.reason), format!("{}: {}", unmatched.reason, unmatched.why))
            }
        };
        let refusal = Refusal { object_id: None, kind: FaultKind::Unresolved.as_str(), reason: why };
        Err(Unresolved { reason, refusal })
    }

    /// Goes on with this view.
    pub(super) fn look(&mut self, view: Arc<View>) {
        self.standing = view.standing(now().unix_ms);
        self.view = view;
    }

    /// What an item becomes.
    pub(super) fn take(&mut self, item: Fetched) -> Vec<Fetched> {
        match item {
            Fetched::Block { origin, block } => self.block(&origin, block),
            Fetched::Asked(item, tally) => {
                let items = self.take(*item);
                tally.lock().split += items.len().saturating_sub(1) as u64;
                items.into_iter().map(|item| Fetched::Asked(Box::new(item), tally.clone())).collect()
            }
            item => {
                if let Fetched::Document(document) = &item {
                    self.note(&document.id);
                }
                if let Fetched::Same { id } = &item {
                    self.note(id);
                }
                match &item {
                    Fetched::Broken { id: Some(id), .. } => self.note(id),
                    Fetched::Broken { id: None, .. } => self.hides = true,
                    _ => {}
                }
                vec![item]
            }
        }
    }

    fn note(&mut self, id: &str) {
        if let Some(named) = &mut self.named
            && !named.contains(id)
        {
            named.insert(id.to_owned());
        }
    }

    fn block(&mut self, origin: &Arc<str>, block: Block) -> Vec<Fetched> {
        let is_plain = |span: &Span| {
            let text = &block.data[span.range()];
            record::fast_id(text).is_some() && !self.may_clear(text)
        };
        if block.records.iter().all(is_plain) {
            if self.named.is_some() {
                for span in &block.records {
                    let id = record::fast_id(&block.data[span.range()]).unwrap_or_default();
                    self.note(id);
                }
            }
            return vec![Fetched::Block { origin: origin.clone(), block }];
        }
        let (mut out, mut next) =
            (Vec::new(), Block { data: Vec::with_capacity(block.data.len()), records: Vec::new() });
        for span in &block.records {
            let text = &block.data[span.range()];
            match self.record(text, &mut next.data) {
                Ok(mut start) => {
                    if let Some((id, why)) = self.firsts.as_mut().and_then(|firsts| firsts.again.take()) {
                        let data = next.data.split_off(start);
                        let before = std::mem::replace(&mut next, Block { data, records: Vec::new() });
                        if !before.records.is_empty() {
                            out.push(Fetched::Block { origin: origin.clone(), block: before });
                        }
                        out.push(Fetched::Again { id, why });
                        start = 0;
                    }
                    // No record becomes longer than its block and an id.
                    let at = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
                    next.records.push(Span { start: at(start), end: at(next.data.len()), line: span.line });
                }
                Err(problem) => {
                    if !next.records.is_empty() {
                        let block = std::mem::take(&mut next);
                        out.push(Fetched::Block { origin: origin.clone(), block });
                    }
                    out.push(self.problem(problem, Place { origin: origin.clone(), line: span.line }));
                }
            }
        }
        if !next.records.is_empty() {
            out.push(Fetched::Block { origin: origin.clone(), block: next });
        }
        out
    }

    /// Whether a record may say that an object has no data any more, which then is clear.
    fn may_clear(&self, text: &[u8]) -> bool {
        self.empty.is_some() && memmem::find(text, b"deleted").is_some()
    }

    /// Appends the card of the object `id`, which has no data any more; false where that means that it is gone: always, or
    /// since Ralph does not have it.
    fn clear(&self, id: &str, out: &mut Vec<u8>) -> bool {
        let Some(empty) = &self.empty else { return false };
        let is_gone = |inventory: &Arc<Inventory>| !inventory.has(id) && !inventory.may_hide(id);
        if self.standing == Standing::Fresh && self.view.inventory.as_ref().is_some_and(is_gone) {
            return false;
        }
        card(id, empty, out);
        true
    }

    /// Appends a record that is not resolved here, and takes note of its object, if it tells which that is.
    fn other(&mut self, text: &[u8], out: &mut Vec<u8>) {
        match record::parse(text) {
            Ok(record::Record::Remove { id }) => {
                self.note(&id);
                if self.clear(&id, out) {
                    return;
                }
            }
            Ok(record::Record::Upsert { id, .. }) => self.note(&id),
            Ok(record::Record::Begin) => {
                (self.hides, self.ended) = (false, false);
                self.named.iter_mut().for_each(HashSet::clear);
                self.firsts = self.firsts.take().map(|_| Firsts::default());
            }
            Ok(record::Record::End) => self.ended = true,
            Ok(record::Record::Heartbeat) => {}
            Err(bad) => match bad.id {
                Some(id) => self.note(&id),
                None => self.hides = true,
            },
        }
        out.extend_from_slice(text);
    }

    /// Appends the record `text` to `out`, by its id; the answer is where it begins.
    fn record(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<usize, Problem> {
        let start = out.len();
        if let Some(id) = record::fast_id(text).filter(|_| !self.may_clear(text)) {
            self.note(id);
            out.extend_from_slice(text);
            return Ok(start);
        }
        let raw = std::str::from_utf8(text).ok().and_then(|text| serde_json::from_str::<Matched<'_>>(text).ok());
        let Some((raw, matching)) =
            raw.and_then(|raw| Some((raw.matching.filter(|_| raw.id.is_none())?, raw)).map(|(m, r)| (r, m)))
        else {
            // A record of another kind, or a broken one: whoever parses it says so.
            self.other(text, out);
            return Ok(start);
        };
        let query = Query::parse(matching.get()).map_err(|e| Problem::Bad(e.to_string()))?;
        let unmatched = match &self.view.inventory {
            None => {
                return Err(Problem::unmatched(matching.get(), Reason::NoInventory, "there is no inventory yet", true));
            }
            Some(inventory) => match inventory.resolve(&query) {
                Outcome::Id(id) => {
                    let id = id.to_owned();
                    self.note(&id);
                    let is_removed = raw.deleted.is_some_and(|deleted| deleted.get() == "true");
                    if !(is_removed && self.clear(&id, out)) {
                        write(out, &id, &raw);
                    }
                    if let Some(firsts) = &mut self.firsts {
                        firsts.note(&id, matching.get());
                    }
                    return Ok(start);
                }
                Outcome::Unmatched(unmatched) => unmatched,
            },
        };
        // Those that it may be about stay as they are; of one that nothing is known of, only a whole and fresh inventory can
        // say that it is none of the objects that stand in Redis.
        let hides = match unmatched.reason {
            Reason::Unknown => self.standing != Standing::Fresh,
            Reason::Ambiguous => unmatched.more,
            Reason::Decommissioned => false,
            Reason::NoInventory => true,
        };
        let keep = if unmatched.reason == Reason::Ambiguous { unmatched.candidates.clone() } else { Vec::new() };
        let Problem::Unmatched(mut problem) =
            Problem::unmatched(matching.get(), unmatched.reason, &unmatched.why, hides)
        else {
            return Ok(start);
        };
        problem.keep = keep;
        Err(Problem::Unmatched(problem))
    }

    fn problem(&mut self, problem: Problem, place: Place) -> Fetched {
        match problem {
            Problem::Bad(reason) => {
                self.hides = true;
                Fetched::Broken { place, id: None, fault: Fault::new(FaultKind::Unresolved, reason) }
            }
            Problem::Unmatched(unmatched) => {
                self.has_unmatched = true;
                self.hides |= unmatched.hides;
                // What it may be about is no object without data.
                unmatched.keep.iter().for_each(|id| self.note(id));
                Fetched::Unmatched(Box::new(Unmatched { place, ..*unmatched }))
            }
        }
    }

    /// Objects that could not be read in Ralph: a record that matches nothing may be about one of them.
    pub(super) fn keep(&self) -> Option<Fetched> {
        let inventory = self.view.inventory.as_ref().filter(|_| self.has_unmatched)?;
        let holes: Vec<RangeInclusive<u64>> = inventory.holes().to_vec();
        (!holes.is_empty()).then_some(Fetched::Keep(holes))
    }

    /// Hands on the card of every object that was not named.
    pub(super) async fn fill(&self, sink: &Sink) -> Result<Ending, SourceError> {
        let (Some(inventory), Standing::Fresh, Some(named), Some(empty)) =
            (&self.view.inventory, self.standing, &self.named, &self.empty)
        else {
            tracing::debug!(
                standing = self.standing.as_str(),
                "the inventory is not to be relied on: no card is made by it"
            );
            // Nor is absence a reason to remove anything, also where the end was told.
            sink.send(Fetched::BrokenOff).await?;
            return Ok(Ending::Open);
        };
        let origin: Arc<str> = Arc::from("the inventory");
        let mut block = Block::default();
        for id in inventory.ids().filter(|id| !named.contains(*id)) {
            let start = block.data.len();
            card(id, empty, &mut block.data);
            let at = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
            block.records.push(Span { start: at(start), end: at(block.data.len()), line: 0 });
            if block.data.len() > CARDS {
                sink.send(Fetched::Block { origin: origin.clone(), block: std::mem::take(&mut block) }).await?;
            }
        }
        if !block.records.is_empty() {
            sink.send(Fetched::Block { origin, block }).await?;
        }
        Ok(Ending::Complete)
    }
}

/// Why a record is about no object.
enum Problem {
    /// Its match is none.
    Bad(String),
    Unmatched(Box<Unmatched>),
}

impl Problem {
    fn unmatched(matching: &str, reason: Reason, why: &str, hides: bool) -> Self {
        let shown: String = matching.chars().take(SHOWN).collect();
        let place = Place { origin: Arc::from(""), line: 0 };
        let (reason, why) = (reason.as_str(), why.to_owned());
        Self::Unmatched(Box::new(Unmatched { place, matching: shown, reason, why, hides, keep: Vec::new() }))
    }
}

/// Appends the record of an object without data.
fn card(id: &str, empty: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(empty.as_bytes());
}

fn write(out: &mut Vec<u8>, id: &str, raw: &Matched<'_>) {
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(id.as_bytes());
    out.push(b'"');
    for (name, value) in [("content", raw.content), ("content_type", raw.content_type), ("deleted", raw.deleted)] {
        if let Some(value) = value {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            out.extend_from_slice(value.get().as_bytes());
        }
    }
    out.push(b'}');
}
