//! The first records as they would be shown, without Redis (`ralphext test`). It must not write anywhere.

use super::{
    each::each,
    intake::{Intake, Taken},
    vet::check_size,
};
use crate::{
    envelope::{Ignore, Sealer},
    model::{Block, Content, Encoding, Fault, FaultKind, Fetched, Place, Span},
    render::{Removed, decoded_len},
    settings::Settings,
    sources::Source,
};

/// One record as it would be taken.
#[derive(Debug, serde::Serialize)]
pub struct Shown {
    /// Where it stands.
    pub place: String,
    /// The object, where it could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// What kind of record it is: `content`, `deleted`, `control` or `refused`.
    pub kind: &'static str,
    /// The content's media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The content as a reader would get it: rendered, sanitised, canonical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What the sanitiser took out of it.
    #[serde(skip_serializing_if = "Removed::is_empty")]
    pub removed: Removed,
    /// Names that the template asks for and this object does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Bytes that count against the limit, and the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<(u64, u64)>,
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a source gives.
#[derive(Debug, Default, serde::Serialize)]
pub struct Preview {
    /// The source, for people.
    pub source: String,
    /// The first records.
    pub records: Vec<Shown>,
    /// How many records there were in all.
    pub total: u64,
    /// How many of them are refused.
    pub refused: u64,
    /// How many of those are whole, and about no object of the inventory.
    #[serde(skip_serializing_if = "is_none")]
    pub unmatched: u64,
    /// Why the source failed, with its hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// Fetches once and keeps the first `limit` records; a stream is stopped after them.
pub async fn preview(settings: &Settings, source: &mut dyn Source, limit: usize) -> Preview {
    look(Viewer::new(settings, limit, None), source).await
}

/// Fetches once and keeps the record of the object `id`, or the first one.
pub async fn preview_one(settings: &Settings, source: &mut dyn Source, id: Option<&str>) -> Preview {
    look(Viewer::new(settings, 1, id), source).await
}

/// As [`preview_one`], for records that are here already, one JSON text each.
pub fn preview_sample(settings: &Settings, origin: &str, records: &[String], id: Option<&str>) -> Preview {
    let mut viewer = Viewer::new(settings, 1, id);
    origin.clone_into(&mut viewer.out.source);
    let mut block = Block::default();
    for (i, record) in records.iter().enumerate() {
        let start = block.data.len() as u32;
        block.data.extend_from_slice(record.as_bytes());
        block.records.push(Span { start, end: block.data.len() as u32, line: i as u64 + 1 });
    }
    viewer.take(Fetched::Block { origin: origin.into(), block });
    viewer.out
}

async fn look(mut viewer: Viewer, source: &mut dyn Source) -> Preview {
    viewer.out.source = source.describe();
    let is_stream = source.is_stream();
    let ended = each(source, |item| {
        viewer.take(item);
        !is_stream || viewer.out.records.len() < viewer.limit
    })
    .await;
    viewer.out.error = ended.err().map(|e| e.to_string());
    viewer.out
}

struct Viewer {
    sealer: Sealer,
    intake: Intake,
    max_content: usize,
    max_binary: usize,
    limit: usize,
    /// Nothing but this object.
    only: Option<String>,
    out: Preview,
}

impl Viewer {
    fn new(settings: &Settings, limit: usize, only: Option<&str>) -> Self {
        // What is ignored does not count for the hash; pointers have been checked with the configuration.
        let ignore = Ignore::new(&settings.content.ignore).unwrap_or_default();
        Self {
            sealer: Sealer::new(settings.name(), ignore),
            intake: Intake::new(settings),
            max_content: settings.limits.max_content.as_usize(),
            max_binary: settings.limits.max_binary.as_usize(),
            limit,
            only: only.map(str::to_owned),
            out: Preview::default(),
        }
    }

    fn take(&mut self, item: Fetched) {
        match item {
            Fetched::Block { origin, block } => {
                for span in &block.records {
                    let place = Place { origin: origin.clone(), line: span.line };
                    let shown = self.record(&place, &block.data[span.range()]);
                    self.keep(shown);
                }
            }
            Fetched::Document(d) => {
                let shown = match self.intake.document_id(&d) {
                    Ok(id) => match self.intake.document(&d) {
                        Ok(rendered) => self.content(&d.place, id, &rendered.content, rendered.removed),
                        Err(fault) => refused(&d.place, Some(id.to_owned()), &fault),
                    },
                    Err(fault) => refused(&d.place, None, &fault),
                };
                self.keep(shown);
            }
            Fetched::Broken { place, id, fault } => self.keep(refused(&place, id, &fault)),
            Fetched::Unmatched(unmatched) => {
                self.out.unmatched += 1;
                let reason = format!("{} is about no object: {}", unmatched.matching, unmatched.why);
                self.keep(refused(&unmatched.place, None, &Fault::new(FaultKind::Unresolved, reason)));
            }
            Fetched::Asked(item, _) => self.take(*item),
            // Nothing is kept, so nothing is lost.
            Fetched::Vanishing(asked) => (asked.reply)(Ok(())),
            Fetched::Same { .. }
            | Fetched::Again { .. }
            | Fetched::Keep(_)
            | Fetched::Idle
            | Fetched::Confirm(_)
            | Fetched::BrokenOff => {}
        }
    }

    fn keep(&mut self, shown: Shown) {
        self.out.total += u64::from(shown.kind != "control");
        self.out.refused += u64::from(shown.kind == "refused");
        let is_other = self.only.is_some() && self.only != shown.object_id;
        // Without a wish it is an object that is wanted, not the mark of a snapshot's end.
        if is_other || (self.limit == 1 && shown.kind == "control") {
            return;
        }
        // A refused record is worth more than a good one: it is shown wherever it stands, up to as many again.
        let room = if shown.kind == "refused" { self.limit * 2 } else { self.limit };
        if self.out.records.len() < room {
            self.out.records.push(shown);
        }
    }

    fn record(&mut self, place: &Place, bytes: &[u8]) -> Shown {
        match self.intake.record(bytes) {
            Ok(Taken::Upsert { id, content, removed }) => {
                let shown = self.content(place, &id, &content, removed);
                Shown { missing: self.intake.missing(bytes), ..shown }
            }
            Ok(Taken::Remove { id }) => Shown { object_id: Some(id.into_owned()), ..bare(place, "deleted") },
            Ok(Taken::Begin | Taken::End | Taken::Heartbeat) => bare(place, "control"),
            Err(bad) => refused(place, bad.id, &bad.fault),
        }
    }

    /// Bytes that count, and their limit.
    fn size(&self, content: &Content<'_>) -> (u64, u64) {
        let is_binary = content.content_type.encoding() == Encoding::Base64;
        let max = if is_binary { self.max_binary } else { self.max_content };
        (decoded_len(content) as u64, max as u64)
    }

    fn content(&mut self, place: &Place, id: &str, content: &Content<'_>, removed: Removed) -> Shown {
        let sized = check_size(content, self.max_content, self.max_binary);
        match sized.and_then(|()| self.sealer.prepare(content)) {
            Ok(digest) => Shown {
                removed,
                size: Some(self.size(content)),
                object_id: Some(id.to_owned()),
                content_type: Some(content.content_type.as_str().to_owned()),
                content: Some(String::from_utf8_lossy(self.sealer.content()).into_owned()),
                hash: Some(digest.to_string()),
                ..bare(place, "content")
            },
            Err(fault) => refused(place, Some(id.to_owned()), &fault),
        }
    }
}

fn bare(place: &Place, kind: &'static str) -> Shown {
    Shown {
        place: place.to_string(),
        object_id: None,
        kind,
        content_type: None,
        content: None,
        removed: Removed::default(),
        missing: Vec::new(),
        size: None,
        hash: None,
        reason: None,
    }
}

fn refused(place: &Place, id: Option<String>, fault: &Fault) -> Shown {
    Shown { object_id: id, reason: Some(fault.reason.clone()), ..bare(place, "refused") }
}
