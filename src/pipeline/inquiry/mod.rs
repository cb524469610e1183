//! Questions to a running engine about its objects, answered between two pieces of work, a bounded slice at a time. It must
//! not know who asks.

mod history;
mod refresh;

use memchr::memmem;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, oneshot};

pub use self::{
    history::{Change, Decision},
    refresh::{RefreshOutcome, Refreshed},
};
pub(super) use self::{
    history::{Decided, History},
    refresh::Waiting,
};
use super::{engine::Engine, ledger::TICK_MS};
use crate::{
    decision::Known,
    model::{ObjectId, UnixMs},
    registry::FailedObject,
};

/// Slots looked at for one question: some 100 microseconds, so that work under way is not held up.
const SLICE: u32 = 4096;
/// Questions that wait at a time.
const QUEUE: usize = 16;

/// How an object is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ObjectState {
    /// Its value is what the source said last.
    Current,
    /// The last whole snapshot did not name it; it was kept all the same.
    Stale,
    /// The last pass refused its record; its last good content stays.
    Failed,
    /// What stands in Redis is not what was written; the next pass or renewal heals it.
    Broken,
}

impl ObjectState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Current, Self::Stale, Self::Failed, Self::Broken];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Broken => "broken",
        }
    }
}

/// Which objects are asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Stands somewhere in the id; empty: any.
    pub text: String,
    /// In this state; none: any.
    pub state: Option<ObjectState>,
    /// Written since; 0: ever.
    pub since: UnixMs,
}

/// An object as it is known without a look into Redis.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectRow {
    /// Its id.
    pub id: String,
    /// How it is doing.
    pub state: ObjectState,
    /// Version of the value last written, unix ms; 0 for none.
    pub version: u64,
    /// Bytes of its value, about; 0 where that is not known.
    pub bytes: u64,
    /// Ms until it expires, unless it is renewed.
    pub ttl_left_ms: u64,
}

/// A part of a list.
#[derive(Debug, Default)]
pub struct Slice {
    /// The objects found.
    pub rows: Vec<ObjectRow>,
    /// Where the next slice begins; none at the end.
    pub next: Option<u32>,
    /// One past the last place there is.
    pub end: u32,
}

/// What is known of one object.
#[derive(Debug, Default)]
pub struct KnownObject {
    /// As in a list; none where there is no such object.
    pub row: Option<ObjectRow>,
    /// What was decided of late, newest first.
    pub decisions: Vec<Decision>,
    /// Why the last pass refused it.
    pub refusal: Option<FailedObject>,
}

/// A question.
#[derive(Debug)]
pub(super) enum Inquiry {
    List { from: u32, limit: usize, filter: Filter, reply: oneshot::Sender<Slice> },
    One { id: ObjectId, reply: oneshot::Sender<KnownObject> },
    Recent { limit: usize, reply: oneshot::Sender<Vec<(String, Decision)>> },
    Refresh(Waiting),
}

/// The asking end.
#[derive(Debug, Clone)]
pub struct Inquiries {
    asks: mpsc::Sender<Inquiry>,
    changes: broadcast::Sender<Change>,
}

impl Inquiries {
    /// Objects from `from` on, at most `limit`; fewer where the slice ends before. None when the engine does not answer.
    pub async fn list(&self, from: u32, limit: usize, filter: Filter) -> Option<Slice> {
        self.ask(|reply| Inquiry::List { from, limit, filter, reply }).await
    }

    /// One object.
    pub async fn one(&self, id: ObjectId) -> Option<KnownObject> {
        self.ask(|reply| Inquiry::One { id, reply }).await
    }

    /// What was decided last, newest first, with the objects that it was about.
    pub async fn recent(&self, limit: usize) -> Option<Vec<(String, Decision)>> {
        self.ask(|reply| Inquiry::Recent { limit, reply }).await
    }

    /// Fetches an object anew from its source, or all of them where the source has no single ones. Who asks for the same
    /// meanwhile shares the fetch. None when it was not done: Redis failed, or the process ends.
    pub async fn refresh(&self, id: ObjectId) -> Option<Refreshed> {
        self.ask(|reply| Inquiry::Refresh(Waiting { id, before: 0, reply })).await
    }

    /// Each change from now on, once Redis has it.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    async fn ask<T>(&self, inquiry: impl FnOnce(oneshot::Sender<T>) -> Inquiry) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(inquiry(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// The answering end.
#[derive(Debug, Default)]
pub(super) struct Desk {
    asked: Option<mpsc::Receiver<Inquiry>>,
    /// Objects to be fetched anew.
    pub(super) waiting: Vec<Waiting>,
    /// The only objects that the running pass asks for; it says nothing of others. None: all.
    pub(super) narrow: Vec<String>,
    /// The last pass that named all objects.
    pub(super) whole_pass: u32,
}

impl Desk {
    /// Whether the running pass asks for some objects only.
    pub(super) fn is_narrow(&self) -> bool {
        !self.narrow.is_empty()
    }

    /// The next question; pending for ever where nobody can ask.
    pub(super) async fn next(&mut self) -> Inquiry {
        match &mut self.asked {
            Some(asked) => match asked.recv().await {
                Some(inquiry) => inquiry,
                None => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }
}

impl Engine {
    /// Lets its objects be asked about, from now on; what is decided is remembered for that.
    pub fn inquiries(&mut self) -> Inquiries {
        let (asks, asked) = mpsc::channel(QUEUE);
        self.desk.asked = Some(asked);
        Inquiries { asks, changes: self.handler.history.switch_on() }
    }

    /// Answers a question, or takes note of what it asks for. Who asked may have gone: that is no loss.
    pub(super) fn inquire(&mut self, inquiry: Inquiry) {
        match inquiry {
            Inquiry::List { from, limit, filter, reply } => {
                let _ = reply.send(self.slice(from, limit, &filter));
            }
            Inquiry::One { id, reply } => {
                let _ = reply.send(self.known_of(id.as_str()));
            }
            Inquiry::Recent { limit, reply } => {
                let _ = reply.send(self.handler.recent(limit));
            }
            Inquiry::Refresh(waiting) => self.wait_for_refresh(waiting),
        }
    }

    fn slice(&self, from: u32, limit: usize, filter: &Filter) -> Slice {
        let end = self.handler.ledger.slots();
        let last = from.saturating_add(SLICE).min(end);
        let text = memmem::Finder::new(filter.text.as_bytes());
        let mut rows = Vec::new();
        let mut at = from;
        while at < last && rows.len() < limit {
            if self.handler.ledger.is_used(at) && self.fits(at, filter, &text) {
                rows.push(self.row(at));
            }
            at += 1;
        }
        Slice { rows, next: (at < end).then_some(at), end }
    }

    fn fits(&self, slot: u32, filter: &Filter, text: &memmem::Finder<'_>) -> bool {
        let ledger = &self.handler.ledger;
        ledger.written(slot).0.0 >= filter.since
            && (filter.text.is_empty() || text.find(ledger.id(slot).as_ref().as_bytes()).is_some())
            && filter.state.is_none_or(|state| state == self.state(slot))
    }

    fn state(&self, slot: u32) -> ObjectState {
        let Self { handler, desk, .. } = self;
        if handler.ledger.is_broken(slot) {
            ObjectState::Broken
        } else if handler.faults.is_failing(handler.ledger.id(slot).as_ref()) {
            ObjectState::Failed
        } else if handler.ledger.seen(slot) < desk.whole_pass {
            ObjectState::Stale
        } else {
            ObjectState::Current
        }
    }

    fn row(&self, slot: u32) -> ObjectRow {
        let ledger = &self.handler.ledger;
        let ttl_left_ms = match ledger.known(slot, super::now().tick) {
            Known::Value { left_ms, .. } => left_ms / TICK_MS * TICK_MS,
            _ => 0,
        };
        ObjectRow {
            id: ledger.id(slot).as_ref().to_owned(),
            state: self.state(slot),
            version: ledger.written(slot).0.0,
            bytes: ledger.size(slot),
            ttl_left_ms,
        }
    }

    fn known_of(&self, id: &str) -> KnownObject {
        let refusal = self.handler.faults.examples.iter().find(|f| f.object_id.as_deref() == Some(id)).cloned();
        let slot = self.handler.ledger.find(id);
        KnownObject { row: slot.map(|slot| self.row(slot)), decisions: self.handler.history.of(id), refusal }
    }
}
