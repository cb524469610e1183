//! What a service is doing right now, told to whoever asks: probes, metrics. It must not know HTTP, nor decide anything.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    report::{Outcome, PassReport},
    traced::Measured,
};
use crate::{
    model::Epoch,
    registry::{Descriptor, Stamp},
    store::{FailureClass, StoreError},
    telemetry::{metrics::ServiceMetrics, traces::Tracer},
};

/// What this process is to the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Role {
    /// It cannot reach Redis yet, or not any more, and tries again.
    Connecting,
    /// Another writer holds the lease; this one takes over when that one ends.
    Standby {
        /// The other's instance.
        holder: String,
    },
    /// It writes.
    Writer {
        /// Under this epoch.
        epoch: u64,
    },
    /// It has ended.
    Stopped,
}

/// A service as this process sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What this process is to it.
    #[serde(flatten)]
    pub role: Role,
    /// Since when.
    pub since: Stamp,
    /// When a pass was last good; none when it is not known here.
    pub last_success_at: Option<Stamp>,
    /// From when the content is; none when it is not known here.
    pub as_of: Option<Stamp>,
    /// What goes wrong now.
    pub last_error: Option<String>,
}

/// The telling end: [`State`] for probes, [`ServiceMetrics`] for scrapes.
#[derive(Debug)]
pub struct Live {
    state: watch::Sender<State>,
    /// What is counted of the service.
    pub metrics: Arc<ServiceMetrics>,
    /// Takes traces of passes, where anybody wants them.
    pub tracer: Option<Tracer>,
    /// What was measured of the running pass.
    pub(super) measured: Option<Measured>,
}

impl Live {
    /// A service that has not begun.
    pub fn new(metrics: Arc<ServiceMetrics>) -> Self {
        let since = Stamp(super::now().unix_ms);
        let state = State { role: Role::Connecting, since, last_success_at: None, as_of: None, last_error: None };
        metrics.lease_held.set_flag(false);
        metrics.standby.set_flag(false);
        Self { state: watch::Sender::new(state), metrics, tracer: None, measured: None }
    }

    /// The state, now and later.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// This is the writer now.
    pub fn writes(&self, epoch: Epoch) {
        self.metrics.leases_acquired.add(1);
        self.metrics.epoch.set(epoch.0 as f64);
        self.turn(Role::Writer { epoch: epoch.0 }, None);
    }

    /// `holder` is the writer.
    pub fn stands_by(&self, holder: &str) {
        self.turn(Role::Standby { holder: holder.to_owned() }, None);
    }

    /// Redis failed, or found this writer taken over.
    pub fn failed(&self, error: &StoreError) {
        self.metrics.redis_failures.of(error.class.as_str()).add(1);
        match error.class {
            FailureClass::Fenced => self.metrics.leases_lost.add(1),
            FailureClass::DataLost => self.metrics.data_losses.add(1),
            _ => {}
        }
        self.turn(Role::Connecting, Some(error.to_string()));
    }

    /// It has ended.
    pub fn stopped(&self) {
        self.turn(Role::Stopped, None);
    }

    fn turn(&self, role: Role, error: Option<String>) {
        self.metrics.lease_held.set_flag(matches!(role, Role::Writer { .. }));
        self.metrics.standby.set_flag(matches!(role, Role::Standby { .. }));
        // What the other writer does is not known here.
        let knows = matches!(role, Role::Writer { .. } | Role::Connecting);
        if !knows {
            self.metrics.forget();
        }
        self.state.send_modify(|state| {
            if std::mem::discriminant(&state.role) != std::mem::discriminant(&role) {
                state.since = Stamp(super::now().unix_ms);
            }
            if !knows {
                (state.last_success_at, state.as_of) = (None, None);
            }
            (state.role, state.last_error) = (role, error);
        });
    }

    /// The writer's descriptor says this now.
    pub fn describes(&self, descriptor: &Descriptor) {
        let (last_success_at, as_of) = (descriptor.last_success_at, descriptor.as_of);
        self.metrics.last_success.set_moment(last_success_at.map(|at| at.0));
        self.metrics.as_of.set_moment(as_of.map(|at| at.0));
        let last_error = descriptor.last_error.as_ref().map(|e| e.message.clone());
        self.state.send_modify(|state| {
            (state.last_success_at, state.as_of, state.last_error) = (last_success_at, as_of, last_error);
        });
    }

    /// How old the content is, judged from time to time. One that was never whole counts from when this began to write.
    pub fn ages(&self, descriptor: &Descriptor, is_too_stale: bool) {
        let as_of = descriptor.as_of.unwrap_or_else(|| self.state.borrow().since);
        let age = super::now().unix_ms.saturating_sub(as_of.0) as f64 / 1000.0;
        self.metrics.stale.set_flag(age > descriptor.stale_after);
        self.metrics.renewals_stopped.set_flag(is_too_stale);
    }

    /// A pass ended.
    pub fn passed(&self, report: &PassReport, outcome: Outcome) {
        let metrics = &self.metrics;
        metrics.passes.of(outcome.as_str()).add(1);
        metrics.last_pass.set_moment(Some(super::now().unix_ms));
        if let Some(kind) = report.source_failure {
            metrics.source_failures.of(kind).add(1);
        }
        if report.refused.is_some() {
            let left = if report.summary.objects == 0 { "none" } else { "some" };
            metrics.shrink_refusals.of(left).add(1);
        }
    }
}
