//! Where verdicts go: into batches for Redis, or into a plan that touches nothing. It must not decide anything.

use crate::{
    decision::{Known, Verdict, WriteReason},
    model::{Clock, Content, Fault},
    spool::PartChange,
    store::{Batch, BatchBuilder},
};

use super::vet::check_part;

/// Planned objects kept for showing.
const SHOWN: usize = 1000;

/// What happens with verdicts.
pub enum Output {
    /// They become batches.
    Batches {
        /// The batch under way.
        builder: Box<BatchBuilder>,
        /// Full batches, to be sent.
        ready: Vec<Batch>,
    },
    /// They are told.
    Plan(Plan),
    /// They are changes of the parts that an input has.
    Parts(Vec<PartChange>),
}

/// What `once` would do.
#[derive(Debug, Default)]
pub struct Plan {
    /// The first objects that something would happen to.
    pub items: Vec<Planned>,
    /// Values that would be written.
    pub writes: u64,
    /// Keys that would be removed.
    pub removes: u64,
}

/// What would happen to one object.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Planned {
    /// The object.
    pub object_id: String,
    /// `write`, `renew` or `remove`.
    pub action: &'static str,
    /// Why.
    pub reason: &'static str,
}

impl Planned {
    pub(super) fn remove(object_id: String) -> Self {
        Self { object_id, action: "remove", reason: "the source no longer has it" }
    }
}

impl Plan {
    pub(super) fn add(&mut self, item: Planned) {
        match item.action {
            "write" => self.writes += 1,
            "remove" => self.removes += 1,
            _ => {}
        }
        if self.items.len() < SHOWN {
            self.items.push(item);
        }
    }
}

impl Output {
    /// Whether `content` can go there.
    ///
    /// # Errors
    /// Parts have to be JSON, since a JSON object is made of them.
    pub(super) fn check(&self, content: &Content<'_>) -> Result<(), Fault> {
        if let Self::Parts(_) = self { check_part(content) } else { Ok(()) }
    }

    /// Forgets an earlier pass.
    pub(super) fn begin(&mut self) {
        if let Self::Plan(plan) = self {
            *plan = Plan::default();
        }
    }

    pub(super) fn note(&mut self, service: &str, id: &str, verdict: Verdict, known: Known) {
        tracing::trace!(service, object_id = id, ?verdict, ?known, "{id}: {}", reason(verdict));
        let Self::Plan(plan) = self else { return };
        let action = match verdict {
            Verdict::Write(_) => "write",
            Verdict::Renew => "renew",
            Verdict::Skip => return,
        };
        plan.add(Planned { object_id: id.to_owned(), action, reason: reason(verdict) });
    }

    /// Ends the batch under way, if anything is in it; with `full` only if nothing more fits into it.
    ///
    /// One that only removes takes a version too: the canary has to tell that Redis lost it.
    pub(super) fn flush(&mut self, clock: &mut Clock, full: bool) {
        if let Self::Batches { builder, ready } = self
            && !builder.is_empty()
            && (!full || builder.is_full())
        {
            let highest = if builder.has_values() { clock.last() } else { clock.next(super::now().unix_ms) };
            ready.push(builder.take(highest));
        }
    }

    /// Whether a value stands in the batch under way.
    pub(super) fn has_values(&self) -> bool {
        matches!(self, Self::Batches { builder, .. } if builder.has_values())
    }

    /// The batches to be sent.
    pub(super) fn take_ready(&mut self) -> Vec<Batch> {
        match self {
            Self::Batches { ready, .. } => std::mem::take(ready),
            Self::Plan(_) | Self::Parts(_) => Vec::new(),
        }
    }
}

/// Why a write is due, for `plan`.
fn reason(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Write(reason) => match reason {
            WriteReason::New => "no key yet",
            WriteReason::Changed => "content changed",
            WriteReason::Healed => "the key is missing or holds something else",
            WriteReason::Expired => "the key has expired",
        },
        Verdict::Renew => "its TTL has run down",
        Verdict::Skip => "unchanged",
    }
}
