//! How the inputs of a service are, told by the merged source and read by the engine; and what the engine has to say to it. It
//! must not decide anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    model::UnixMs,
    pipeline::spooling::SharedSpool,
    registry::{FailedObject, InputState, LastError, Stamp, UnmatchedRecords},
};

/// Examples that are kept for the descriptor.
const EXAMPLES: usize = 20;
/// The descriptor is told at least so often.
const TOLD_EVERY_MS: u64 = 1000;

/// What is known of an input.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// When it last told all that it has, unix ms; 0 never.
    pub(super) as_of: UnixMs,
    /// When it was last well, unix ms; 0 never.
    pub(super) success: UnixMs,
    /// It tells changes, and silence is no failure: it is as of now while it is well.
    pub(super) is_live: bool,
    /// It tells changes.
    pub(super) tells_changes: bool,
    /// Some of what it told is missing.
    pub(super) lost: bool,
    pub(super) error: Option<LastError>,
    /// Objects that it has something for.
    pub(super) objects: u64,
    /// Objects that it could not be taken of.
    pub(super) failed: u64,
    pub(super) failed_objects: Vec<FailedObject>,
    pub(super) unmatched: UnmatchedRecords,
}

#[derive(Debug, Default)]
struct State {
    inputs: BTreeMap<String, Standing>,
    left_out: BTreeSet<String>,
    /// Kinds of failures that were not counted yet.
    failures: Vec<&'static str>,
    /// Refused shrinks of inputs that were not counted yet, by whether nothing was left.
    refusals: Vec<bool>,
    /// Something was told that the descriptor does not say.
    is_news: bool,
    noted_at: UnixMs,
    /// Why objects that no input has are kept.
    refused: Option<String>,
    /// Objects that stood in Redis when this became the writer.
    stood: usize,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Board {
    state: Arc<Mutex<State>>,
    spool: SharedSpool,
}

/// All inputs together.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub(super) as_of: UnixMs,
    pub(super) success: UnixMs,
    pub(super) error: Option<LastError>,
    pub(super) failed: u64,
    pub(super) failed_objects: Vec<FailedObject>,
    pub(super) unmatched: UnmatchedRecords,
    pub(super) inputs: BTreeMap<String, InputState>,
}

impl Board {
    /// For an engine with this spool.
    pub fn new(spool: SharedSpool) -> Self {
        Self { state: Arc::default(), spool }
    }

    pub(super) fn spool(&self) -> &SharedSpool {
        &self.spool
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An input stands like this now, which is news to be told at once, or not.
    pub(super) fn put(&self, input: &str, standing: Standing, is_news: bool) {
        let mut state = self.lock();
        state.is_news |= is_news;
        state.inputs.insert(input.to_owned(), standing);
    }

    /// A failure of this kind is to be counted.
    pub(super) fn count_failure(&self, kind: &'static str) {
        self.lock().failures.push(kind);
    }

    /// A refused shrink of an input is to be counted.
    pub(super) fn count_refusal(&self, is_zero: bool) {
        self.lock().refusals.push(is_zero);
    }

    /// What is to be counted since this was last asked: kinds of failures, refused shrinks.
    pub(super) fn take_counts(&self) -> (Vec<&'static str>, Vec<bool>) {
        let mut state = self.lock();
        (std::mem::take(&mut state.failures), std::mem::take(&mut state.refusals))
    }

    /// The parts of these inputs are too old to be shown.
    pub(super) fn leave_out(&self, inputs: BTreeSet<String>) {
        self.lock().left_out = inputs;
    }

    /// See [`Board::leave_out`].
    pub(in crate::pipeline) fn left_out(&self) -> BTreeSet<String> {
        self.lock().left_out.clone()
    }

    /// Whether the descriptor has to be told, at `now`.
    pub(super) fn is_due(&self, now: UnixMs) -> bool {
        let mut state = self.lock();
        let is_due = state.is_news || now.abs_diff(state.noted_at) >= TOLD_EVERY_MS;
        if is_due {
            (state.is_news, state.noted_at) = (false, now);
        }
        is_due
    }

    /// Objects that no input has are kept, or not any more.
    pub(in crate::pipeline) fn refuse(&self, why: Option<String>) {
        self.lock().refused = why;
    }

    /// Whether objects are kept that no input has.
    pub(super) fn is_refused(&self) -> bool {
        self.lock().refused.is_some()
    }

    /// So many objects stand in Redis at the beginning.
    pub(in crate::pipeline) fn found(&self, objects: usize) {
        self.lock().stood = objects;
    }

    /// See [`Board::found`].
    pub(super) fn stood(&self) -> usize {
        self.lock().stood
    }

    /// Whether the spool began anew while Redis did not: what was pushed before is not known here.
    pub(in crate::pipeline) fn has_lost(&self) -> bool {
        self.lock().inputs.values().any(|standing| standing.lost)
    }

    /// All of it at `now`.
    pub(super) fn sum(&self, now: UnixMs) -> Sum {
        let state = self.lock();
        let mut sum = Sum::default();
        let mut messages = Vec::new();
        let mut since = None::<Stamp>;
        if let Some(why) = &state.refused {
            messages.push(why.clone());
        }
        let has_snapshots = state.inputs.values().any(|standing| !standing.tells_changes);
        let mut as_of = None::<UnixMs>;
        for (name, standing) in &state.inputs {
            let is_well_now = standing.is_live && standing.error.is_none();
            let of = if is_well_now { now } else { standing.as_of };
            let success = if is_well_now { now } else { standing.success };
            // Silence of one that tells changes says nothing of how old its parts are.
            if !is_well_now || !has_snapshots {
                as_of = Some(as_of.map_or(of, |before| before.min(of)));
            }
            sum.success = sum.success.max(success);
            if let Some(e) = &standing.error {
                messages.push(format!("input {name}: {}", e.message));
                since = Some(since.map_or(e.since, |before| before.min(e.since)));
            }
            sum.failed += standing.failed;
            let room = EXAMPLES.saturating_sub(sum.failed_objects.len());
            sum.failed_objects.extend(standing.failed_objects.iter().take(room).cloned());
            add(&mut sum.unmatched, &standing.unmatched);
            sum.inputs.insert(name.clone(), shown(standing));
        }
        sum.as_of = as_of.unwrap_or(0);
        if !messages.is_empty() {
            let at = Stamp(now);
            sum.error = Some(LastError { at, since: since.unwrap_or(at), message: messages.join("; ") });
        }
        sum
    }
}

fn shown(standing: &Standing) -> InputState {
    let stamp = |at: UnixMs| (at > 0).then_some(Stamp(at));
    InputState {
        as_of: stamp(standing.as_of),
        last_success_at: stamp(standing.success),
        last_error: standing.error.clone(),
        objects: standing.objects,
        failed: standing.failed,
    }
}

fn add(sum: &mut UnmatchedRecords, one: &UnmatchedRecords) {
    sum.count += one.count;
    for (reason, count) in &one.by_reason {
        *sum.by_reason.entry(reason.clone()).or_default() += count;
    }
    let room = EXAMPLES.saturating_sub(sum.examples.len());
    sum.examples.extend(one.examples.iter().take(room).cloned());
}
