//! A source whose records name objects by what is known of them: on their way they get the ids of those objects, and at the end
//! of a snapshot the objects without data get their card. It must not know which source it is, nor where an inventory comes
//! from.

use std::{collections::HashSet, ops::RangeInclusive, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{now, record};
use crate::{
    identity::{Handle, Outcome, Query, Reason, Standing, View},
    model::{Block, Ending, Fault, FaultKind, Fetched, Place, Span, Unmatched},
    settings::{Absent, Settings},
    sources::{BoxFuture, Sink, Source, SourceError},
};

/// Items that wait between the source and the resolution.
const QUEUE: usize = 1;
/// Bytes of cards in one block.
const CARDS: usize = 128 << 10;
/// Longest match that is shown.
const SHOWN: usize = 200;
/// How long a fetch waits for the first try to read the inventory.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
struct Resolved {
    source: Box<dyn Source>,
    inventory: Handle,
    /// The content of objects without data, as the rest of a record behind its id; none where absence means gone.
    empty: Option<String>,
    /// The generation of the inventory that the last fetch went by.
    generation: Option<u64>,
    /// Another inventory may lead to other objects.
    depends: bool,
}

/// `source` with its records resolved by `inventory`; itself where there is none.
pub fn resolved(source: Box<dyn Source>, settings: &Settings, inventory: Option<Handle>) -> Box<dyn Source> {
    let Some(inventory) = inventory else { return source };
    let empty = (settings.source.absent == Absent::Empty).then(|| settings.source.empty.record());
    Box::new(Resolved { source, inventory, empty, generation: None, depends: false })
}

impl Resolved {
    async fn run(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        // Records are not resolved by nothing while an inventory is on its way.
        let _ = tokio::time::timeout(PATIENCE, self.inventory.tried()).await;
        // One pass goes by one inventory; a stream, which has no end, by the newest.
        let is_stream = self.source.is_stream();
        let (view, newest) = (self.inventory.view(), self.inventory.clone());
        if self.generation.replace(view.generation) != Some(view.generation) {
            // What did not change has to be looked at all the same.
            self.source.forget();
        }
        let mut resolver = Resolver::new(view, self.empty.is_some());
        let (source, resolving) = (&mut self.source, &mut resolver);
        let (inner, mut items) = Sink::channel(QUEUE);
        let fetch = async move {
            let ending = source.fetch(&inner).await;
            drop(inner);
            Ok(ending)
        };
        let forward = async {
            while let Some(item) = items.recv().await {
                if is_stream {
                    resolving.look(newest.view());
                }
                for item in resolving.take(item) {
                    sink.send(item).await?;
                }
            }
            Ok(())
        };
        let (ending, ()) = tokio::try_join!(fetch, forward)?;
        let ending = ending?;
        self.depends |= resolver.has_unmatched;
        // `{"end": true}` says the same in so many words.
        if ending != Ending::Complete && !(ending == Ending::Open && resolver.ended && !is_stream) {
            return Ok(ending);
        }
        self.depends = resolver.has_unmatched || self.empty.is_some();
        if let Some(keep) = resolver.keep() {
            sink.send(keep).await?;
        }
        match &self.empty {
            None => Ok(ending),
            // What could not be read may be about any object: none is clear for certain.
            Some(_) if resolver.hides => Ok(ending),
            Some(empty) => resolver.fill(empty, sink).await,
        }
    }
}

impl Source for Resolved {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn forget(&mut self) {
        self.source.forget();
    }

    fn narrow(&mut self, ids: &[String]) -> bool {
        self.source.narrow(ids)
    }

    fn changed<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        let (inventory, generation, depends) = (self.inventory.clone(), self.generation, self.depends);
        let inner = self.source.changed();
        Box::pin(async move {
            tokio::select! {
                () = inner => {}
                () = inventory.is_other_than(generation.unwrap_or_default()), if depends => {}
            }
        })
    }

    fn is_stream(&self) -> bool {
        self.source.is_stream()
    }

    fn describe(&self) -> String {
        self.source.describe()
    }

    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        self.source.close()
    }
}

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

/// Resolves the records of one pass.
struct Resolver {
    view: Arc<View>,
    standing: Standing,
    has_unmatched: bool,
    /// A record does not tell which object it is about.
    hides: bool,
    /// `{"end": true}` was there.
    ended: bool,
    /// Objects that were named, where somebody wants to know.
    named: Option<HashSet<String>>,
}

impl Resolver {
    fn new(view: Arc<View>, wants_named: bool) -> Self {
        let standing = view.standing(now().unix_ms);
        let named = wants_named.then(HashSet::new);
        Self { view, standing, has_unmatched: false, hides: false, ended: false, named }
    }

    /// Goes on with this view.
    fn look(&mut self, view: Arc<View>) {
        self.standing = view.standing(now().unix_ms);
        self.view = view;
    }

    /// What an item becomes.
    fn take(&mut self, item: Fetched) -> Vec<Fetched> {
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
        let is_plain = |span: &Span| record::fast_id(&block.data[span.range()]).is_some();
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
                Ok(start) => {
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

    /// Takes note of the object of a record that is not resolved here, if it tells which that is.
    fn note_other(&mut self, text: &[u8]) {
        match record::parse(text) {
            Ok(record::Record::Upsert { id, .. } | record::Record::Remove { id }) => self.note(&id),
            Ok(record::Record::Begin) => {
                (self.hides, self.ended) = (false, false);
                self.named.iter_mut().for_each(HashSet::clear);
            }
            Ok(record::Record::End) => self.ended = true,
            Ok(record::Record::Heartbeat) => {}
            Err(bad) => match bad.id {
                Some(id) => self.note(&id),
                None => self.hides = true,
            },
        }
    }

    /// Appends the record `text` to `out`, by its id; the answer is where it begins.
    fn record(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<usize, Problem> {
        let start = out.len();
        if let Some(id) = record::fast_id(text) {
            self.note(id);
            out.extend_from_slice(text);
            return Ok(start);
        }
        let raw = std::str::from_utf8(text).ok().and_then(|text| serde_json::from_str::<Matched<'_>>(text).ok());
        let Some((raw, matching)) =
            raw.and_then(|raw| Some((raw.matching.filter(|_| raw.id.is_none())?, raw)).map(|(m, r)| (r, m)))
        else {
            // A record of another kind, or a broken one: whoever parses it says so.
            self.note_other(text);
            out.extend_from_slice(text);
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
                    write(out, &id, &raw);
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
    fn keep(&self) -> Option<Fetched> {
        let inventory = self.view.inventory.as_ref().filter(|_| self.has_unmatched)?;
        let holes: Vec<RangeInclusive<u64>> = inventory.holes().to_vec();
        (!holes.is_empty()).then_some(Fetched::Keep(holes))
    }

    /// Hands on the card of every object that was not named.
    async fn fill(&self, empty: &str, sink: &Sink) -> Result<Ending, SourceError> {
        let (Some(inventory), Standing::Fresh, Some(named)) = (&self.view.inventory, self.standing, &self.named) else {
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
            block.data.extend_from_slice(b"{\"id\":\"");
            block.data.extend_from_slice(id.as_bytes());
            block.data.extend_from_slice(empty.as_bytes());
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
