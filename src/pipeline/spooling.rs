//! The spool's part in a pass: what was taken is kept before it is sent, what Redis lost is told again out of it. It must
//! not know how the spool keeps things.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::task::block_in_place;
use tracing::{error, info, warn};

use super::{
    engine::{Engine, Kind},
    handle::Handler,
    merge::{self, Board},
};
use crate::{
    model::{Block, Fetched, Span, Version},
    spool::{Change, Spool, SpoolError},
};

/// Bytes of records told again at once.
const PAGE: usize = 256 << 10;
/// Objects looked up at once.
const LOOKED_UP: usize = 500;

/// A spool that others may write to as well; none while it is not open.
pub type SharedSpool = Arc<Mutex<Option<Spool>>>;

/// What is being told again out of the spool.
#[derive(Debug)]
pub(super) struct Replay {
    what: What,
    /// What stands in Redis with a greater version was written by someone who knew better.
    mark: Version,
}

#[derive(Debug)]
enum What {
    /// Every record behind this id, then every removal.
    All(String),
    /// Every removal behind this id.
    Removed(String),
    /// These objects.
    These(Vec<u32>),
}

impl Engine {
    /// The spool, once it is open.
    pub fn shared_spool(&self) -> SharedSpool {
        self.spool.clone()
    }

    /// Opens the spool, if the source has one and it is not open yet, and has all of it told again: it may know what Redis
    /// does not.
    pub(super) fn open_spool(&mut self) {
        let keeps = self.kind == Kind::Run || (self.kind == Kind::Once && self.inputs.is_some());
        let Some(folder) = self.settings.source.spool.clone().filter(|_| keeps) else { return };
        let service = self.settings.name().clone();
        let ttl = self.settings.content.ttl.0;
        let mut shared = lock(&self.spool);
        if shared.is_none() {
            match block_in_place(|| Spool::open(&folder, &service, ttl)) {
                Ok(spool) => *shared = Some(spool),
                Err(e) => {
                    self.live.metrics.spool_usable.set_flag(false);
                    error!(service = service.as_str(), error = %e, hint = e.hint(), "there is no spool to keep things in");
                    return;
                }
            }
        }
        if self.inputs.is_some() {
            // What inputs told is merged before it is told again; what they removed may be back.
            self.replay = Some(Replay { what: What::Removed(String::new()), mark: Version(u64::MAX) });
            return self.live.metrics.spool_usable.set_flag(shared.is_some());
        }
        let Some(spool) = shared.as_ref() else { return };
        // All of it is told.
        spool.take_owed();
        self.live.metrics.spool_usable.set_flag(true);
        match block_in_place(|| Ok((spool.mark()?, spool.len()?, spool.is_empty()?))) {
            Ok((.., true)) => {}
            Ok((mark, records, false)) => {
                info!(service = service.as_str(), records, "the spool has {records} records: they are told again");
                self.replay = Some(Replay { what: What::All(String::new()), mark });
            }
            Err(e) => tell(service.as_str(), &e),
        }
        drop(shared);
        self.handler.kept.get_or_insert_default();
    }

    /// Lets another process have the spool.
    pub(super) fn close_spool(&mut self) {
        (*lock(&self.spool), self.replay, self.handler.kept) = (None, None, None);
    }

    /// Has told what requests put into the spool by themselves, since the pipeline did not come to it in time.
    pub(super) fn replay_owed(&mut self) {
        if self.replay.is_some() || self.inputs.is_some() {
            return;
        }
        let shared = lock(&self.spool);
        let Some(spool) = shared.as_ref().filter(|spool| spool.take_owed()) else { return };
        match block_in_place(|| spool.mark()) {
            Ok(mark) => self.replay = Some(Replay { what: What::All(String::new()), mark }),
            Err(e) => tell(self.settings.name().as_str(), &e),
        }
    }

    /// Has what Redis lost told again out of the spool; false when there is none.
    pub(super) fn replay_lost(&mut self) -> bool {
        if lock(&self.spool).is_none() {
            return false;
        }
        let ledger = &self.handler.ledger;
        let lost: Vec<u32> = ledger.iter().filter(|slot| ledger.is_broken(*slot)).collect();
        self.replay = Some(Replay { what: What::These(lost), mark: Version(u64::MAX) });
        true
    }

    /// Tells the next records again; afterwards there is no [`Replay`] any more when it is over. False when something that
    /// Redis lost is not in the spool, so that the source has to say it again.
    pub(super) async fn replay_more(&mut self) -> bool {
        let Some(mut replay) = self.replay.take() else { return true };
        let shared = self.spool.clone();
        let left_out = self.inputs.as_ref().map(Board::left_out);
        let page = match lock(&shared).as_ref() {
            Some(spool) => block_in_place(|| replay.next(spool, &self.handler, left_out.as_ref())),
            None => Ok(None),
        };
        match page {
            Ok(Some(block)) => {
                // They are kept already.
                let kept = self.handler.kept.take();
                self.take(Fetched::Block { origin: "spool".into(), block }, None).await;
                self.handler.kept = kept;
                self.replay = Some(replay);
                true
            }
            Ok(None) => self.end_replay(&replay).await,
            Err(e) => {
                tell(self.service(), &e);
                false
            }
        }
    }

    async fn end_replay(&mut self, replay: &Replay) -> bool {
        self.flush().await;
        self.link.settle(&mut self.handler).await;
        let missing = self.handler.ledger.broken();
        // After a start the source says everything again by itself.
        if !matches!(replay.what, What::These(_)) || missing == 0 {
            return true;
        }
        warn!(
            service = self.service(),
            missing, "the spool does not have all that is missing; the stream is started anew"
        );
        false
    }

    /// Makes durable what was taken and not kept yet.
    pub(super) fn keep(&mut self) {
        let Some(kept) = &mut self.handler.kept else { return };
        if kept.is_empty() {
            return;
        }
        let changes = std::mem::take(kept);
        let mark = self.handler.clock.last();
        let shared = self.spool.clone();
        let done = match lock(&shared).as_ref() {
            Some(spool) => block_in_place(|| spool.commit(&changes, mark)),
            None => Ok(()),
        };
        self.live.metrics.spool_usable.set_flag(done.is_ok());
        match done {
            Ok(()) if std::mem::take(&mut self.spool_fails) => {
                info!(service = self.service(), "the spool takes records again");
            }
            Ok(()) => {}
            Err(e) => {
                // Redis has it all the same; only a loss there would show.
                if !std::mem::replace(&mut self.spool_fails, true) {
                    tell(self.service(), &e);
                }
            }
        }
    }
}

impl Replay {
    /// The next records; none when all are told. Those of several inputs are merged, without the inputs `left_out`.
    fn next(
        &mut self,
        spool: &Spool,
        handler: &Handler,
        left_out: Option<&BTreeSet<String>>,
    ) -> Result<Option<Block>, SpoolError> {
        loop {
            let (found, is_over) = match &mut self.what {
                What::All(after) => {
                    let page = spool.page(after, PAGE)?;
                    if let Some((last, _)) = page.last() {
                        after.clone_from(last);
                    }
                    if page.is_empty() {
                        self.what = What::Removed(String::new());
                        continue;
                    }
                    (page, false)
                }
                What::Removed(after) => {
                    let ids = spool.removed(after, LOOKED_UP)?;
                    if let Some(last) = ids.last() {
                        after.clone_from(last);
                    }
                    let is_over = ids.is_empty();
                    let is_there = |id: &String| handler.ledger.find(id).is_some();
                    (ids.into_iter().filter(is_there).map(removal).collect(), is_over)
                }
                What::These(slots) => {
                    let mut found = Vec::new();
                    for slot in slots.drain(slots.len().saturating_sub(LOOKED_UP)..) {
                        if !handler.ledger.is_broken(slot) {
                            continue;
                        }
                        let id = handler.ledger.id(slot).as_ref().to_owned();
                        let record = match left_out {
                            Some(left_out) => merge::record(spool, &id, left_out)?,
                            None => spool.get(&id)?,
                        };
                        found.extend(record.map(|record| (id, record)));
                    }
                    (found, slots.is_empty())
                }
            };
            let block = block(found.into_iter().filter(|(id, _)| self.is_wanted(handler, id)));
            if !block.records.is_empty() {
                return Ok(Some(block));
            }
            if is_over {
                return Ok(None);
            }
        }
    }

    fn is_wanted(&self, handler: &Handler, id: &str) -> bool {
        match handler.ledger.find(id) {
            Some(slot) => handler.ledger.is_broken(slot) || handler.ledger.written(slot).0 <= self.mark,
            None => true,
        }
    }
}

/// The record that removes an object.
fn removal(id: String) -> (String, Vec<u8>) {
    // Ids need no escapes.
    let record = format!("{{\"id\":\"{id}\",\"deleted\":true}}").into_bytes();
    (id, record)
}

fn block(records: impl Iterator<Item = (String, Vec<u8>)>) -> Block {
    let mut block = Block::default();
    for (line, (_, record)) in (1..).zip(records) {
        let start = block.data.len() as u32;
        block.data.extend_from_slice(&record);
        block.records.push(Span { start, end: block.data.len() as u32, line });
    }
    block
}

pub(super) fn lock(spool: &SharedSpool) -> std::sync::MutexGuard<'_, Option<Spool>> {
    spool.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(service: &str, e: &SpoolError) {
    warn!(service, error = %e, hint = e.hint(), "the spool failed: what Redis loses now may have to be told again by the source");
}

/// Changes of the spool that wait to be kept.
#[derive(Debug, Default)]
pub struct Kept(Vec<Change>);

impl Kept {
    /// The record of `id` is now this.
    pub fn put(&mut self, id: &str, record: &[u8]) {
        self.0.push((id.to_owned(), Some(record.to_vec())));
    }

    /// There is no record of `id` any more.
    pub fn remove(&mut self, id: &str) {
        self.0.push((id.to_owned(), None));
    }
}

impl std::ops::Deref for Kept {
    type Target = Vec<Change>;

    fn deref(&self) -> &Vec<Change> {
        &self.0
    }
}
