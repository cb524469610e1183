//! Objects that somebody wants to be fetched anew, now: one fetch for all who wait. It must not know how a source fetches.

use tokio::sync::oneshot;

use crate::{
    model::{FaultKind, ObjectId},
    pipeline::{engine::Engine, report::PassReport},
    sources::Source,
};

/// Objects that are asked for one by one in one fetch; of more, all are fetched.
const AT_ONCE: usize = 16;

/// What a refresh led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RefreshOutcome {
    /// The value was written.
    Written,
    /// The source has the same content still.
    Unchanged,
    /// The source has no such object (any more); a key that there is goes with the next whole pass.
    Absent,
    /// The record was refused, or the source failed.
    Failed,
    /// The source tells changes by itself and cannot be asked.
    NotAsked,
}

impl RefreshOutcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Absent => "absent",
            Self::Failed => "failed",
            Self::NotAsked => "not_asked",
        }
    }
}

/// The answer to who wanted a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// What it led to.
    pub outcome: RefreshOutcome,
    /// The object's version now.
    pub version: Option<u64>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Only this object was asked for, not all of them.
    pub single: bool,
}

/// Somebody who waits for a refresh.
#[derive(Debug)]
pub struct Waiting {
    /// The object.
    pub(super) id: ObjectId,
    /// Its version before.
    pub(super) before: u64,
    /// Takes the answer.
    pub(super) reply: oneshot::Sender<Refreshed>,
}

impl Engine {
    pub(super) fn wait_for_refresh(&mut self, waiting: Waiting) {
        if self.is_stream() {
            let version = self.version_of(waiting.id.as_str());
            let refreshed = Refreshed { outcome: RefreshOutcome::NotAsked, version, reason: None, single: false };
            let _ = waiting.reply.send(refreshed);
            return;
        }
        self.desk.waiting.push(waiting);
    }

    /// Whether somebody waits for a fetch.
    pub(in crate::pipeline) fn is_asked(&self) -> bool {
        !self.desk.waiting.is_empty()
    }

    /// Takes those who wait, and makes the next pass fetch what they asked for whatever is known of it.
    pub(in crate::pipeline) async fn begin_refresh(&mut self, source: &mut dyn Source) -> Vec<Waiting> {
        let mut waiting = std::mem::take(&mut self.desk.waiting);
        waiting.retain(|one| !one.reply.is_closed());
        if waiting.is_empty() {
            source.narrow(&[]);
            return waiting;
        }
        let mut slots = Vec::new();
        for one in &mut waiting {
            let Some(slot) = self.handler.ledger.find(one.id.as_str()) else { continue };
            one.before = self.handler.ledger.written(slot).0.0;
            // The same bytes as last time are no reason to look at nothing.
            self.handler.ledger.set_raw(slot, 0);
            if !self.handler.ledger.is_broken(slot) {
                slots.push(slot);
            }
        }
        // Whatever somebody did to the value is found out by a look at it.
        self.link.renew(&mut self.handler, &slots).await;
        self.link.settle(&mut self.handler).await;
        let mut ids: Vec<String> = waiting.iter().map(|one| one.id.to_string()).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() <= AT_ONCE && source.narrow(&ids) {
            self.desk.narrow = ids;
        } else {
            source.narrow(&[]);
            source.forget();
        }
        waiting
    }

    /// Answers those who waited for the pass that `report` is about; whether it asked for their objects only.
    pub(in crate::pipeline) fn end_refresh(&mut self, waiting: Vec<Waiting>, report: &PassReport) -> bool {
        let single = self.desk.is_narrow();
        if single {
            self.handler.end_narrow();
            self.desk.narrow.clear();
        }
        if report.store_error.is_some() || report.interrupted {
            // Dropped, they are told that nobody knows.
            return single;
        }
        for one in waiting {
            let id = one.id.as_str();
            let (version, slot) = (self.version_of(id), self.handler.ledger.find(id));
            let is_named = slot.is_some_and(|slot| self.handler.ledger.seen(slot) == self.handler.pass);
            let refused = report.failed_objects.iter().find(|f| f.object_id.as_deref() == Some(id));
            let (outcome, reason) = if let Some(error) = &report.public_error {
                (RefreshOutcome::Failed, Some(error.clone()))
            } else if self.handler.faults.is_failing(id) {
                let reason = refused.map_or_else(|| FaultKind::Unreadable.as_str().to_owned(), |f| f.reason.clone());
                (RefreshOutcome::Failed, Some(reason))
            } else if version.is_some_and(|version| version != one.before) {
                (RefreshOutcome::Written, None)
            } else if is_named {
                (RefreshOutcome::Unchanged, None)
            } else {
                (RefreshOutcome::Absent, None)
            };
            let _ = one.reply.send(Refreshed { outcome, version, reason, single });
        }
        single
    }

    fn version_of(&self, id: &str) -> Option<u64> {
        let slot = self.handler.ledger.find(id)?;
        Some(self.handler.ledger.written(slot).0.0).filter(|version| *version > 0)
    }
}
