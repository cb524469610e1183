//! Everything in Redis against what the source says now, each value once, and what differs a second time. It must not know
//! how it is shown, nor have a way of its own to write: what is wrong is mended by a pass.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::watch;

use super::{
    engine::{Engine, Kind},
    findings::{Finding, FindingCounts, FindingKind, Findings},
    report::{PassReport, Summary},
    second_look::{FOR_EVER, GONE, NO_KEY, Scope},
    stopped,
    survey::{Mark, Survey, Verifying},
};
use crate::{
    envelope::Ignore,
    model::UnixMs,
    registry::{Descriptor, Stamp},
    sources::Source,
    store::{AtWork, StoreError},
};

/// Objects that are looked at again in one step.
const STEP: usize = 500;
/// Findings that are told in all.
const TOLD: usize = 1000;
/// How long a running sidecar is given to take up what changed in its source.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a verification found, and what became of it; the JSON object that `verify --output json` prints.
#[derive(Debug, Default, Serialize)]
pub struct Verification {
    /// The service.
    pub service: String,
    /// Values read.
    pub values: u64,
    /// Objects that the source named, the failed ones included.
    pub objects: u64,
    /// Objects that the source has in a form that cannot be taken: only the soundness of their values was looked at.
    pub failed: u64,
    /// Whether values were compared with the source.
    pub compared: bool,
    /// Whether the source told all that it has, so that orphans could be told.
    pub complete: bool,
    /// What was found.
    #[serde(flatten)]
    pub counts: FindingCounts,
    /// Values that looked wrong and were written while the verification ran.
    pub changed_meanwhile: u64,
    /// Who writes now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer: Option<WriterSeen>,
    /// Why orphans are kept, or would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What a repair did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Repaired>,
    /// What a repair has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<FindingCounts>,
    /// What went wrong with the source, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took, in ms.
    pub duration_ms: u64,
    /// Some of what was found; after a repair, what is left comes first.
    pub findings: Vec<Finding>,
    /// The source's pass, where it was asked.
    #[serde(skip)]
    pub report: Option<Box<PassReport>>,
    /// It was stopped before its end.
    #[serde(skip)]
    pub interrupted: bool,
}

/// A writer that is at work beside a verification.
#[derive(Debug, Clone, Serialize)]
pub struct WriterSeen {
    /// Its instance.
    pub holder: String,
    /// When its last pass began.
    pub last_pass_at: Option<Stamp>,
}

/// What a repair did.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Repaired {
    /// Values written.
    pub written: u64,
    /// TTLs extended.
    pub renewed: u64,
    /// Keys removed.
    pub removed: u64,
}

impl Engine {
    /// From now on opening reads whole values, and what a pass removes is remembered: for [`Engine::verify`].
    pub fn inspect_values(&mut self, progress: Arc<Verifying>) {
        // Pointers have been checked with the configuration.
        let ignore = Ignore::new(&self.settings.content.ignore).unwrap_or_default();
        self.survey = Some(Survey::new(self.settings.name(), ignore, progress));
        self.handler.removed = Some(Vec::new());
    }

    /// Compares what was learnt by opening with the source; without one, only the values' soundness is told. An engine of
    /// [`Kind::Once`] mends what it finds, and looks again.
    ///
    /// # Errors
    /// When Redis fails.
    pub async fn verify(
        &mut self,
        source: Option<&mut dyn Source>,
        stop: &mut watch::Receiver<bool>,
        progress: &Verifying,
    ) -> Result<Verification, StoreError> {
        let Some(survey) = self.survey.take() else { return Ok(Verification::default()) };
        let (begun, before) = (survey.begun, self.handler.clock.last());
        let report = match source {
            Some(source) => Some(Box::new(self.pass(source, stop, Some(progress.pass.clone())).await)),
            None => None,
        };
        let answered_at = super::now().unix_ms;
        if let Some(e) = report.as_ref().and_then(|report| report.store_error.clone()) {
            return Err(e);
        }
        let mut told = Verification {
            service: self.service().to_owned(),
            values: survey.values,
            interrupted: report.as_ref().is_some_and(|report| report.interrupted),
            ..Verification::default()
        };
        let mut scope = Scope { compared: false, complete: false, before };
        if let Some(report) = &report {
            scope.compared = report.source_error.is_none() && !report.interrupted;
            scope.complete = scope.compared && (report.summary.complete || report.refused.is_some());
            (told.objects, told.failed) = (report.summary.objects, report.summary.failed);
            (told.refused, told.error) = (report.refused.clone(), report.public_error.clone());
        }
        (told.compared, told.complete, told.report) = (scope.compared, scope.complete, report);
        if !told.interrupted {
            told = tokio::select! {
                biased;
                () = stopped(stop) => Verification { interrupted: true, ..Verification::default() },
                looked = self.look(survey, scope, answered_at, told) => looked?,
            };
        }
        told.duration_ms = begun.elapsed().as_millis() as u64;
        Ok(told)
    }

    async fn look(
        &mut self,
        mut survey: Survey,
        scope: Scope,
        answered_at: UnixMs,
        mut told: Verification,
    ) -> Result<Verification, StoreError> {
        let prefix = self.link.keys().object_prefix().to_owned();
        let mut findings = Findings::new(&prefix);
        if self.kind == Kind::Plan {
            let suspects = self.suspects(&survey, scope);
            if !suspects.is_empty() {
                told.writer = self.let_writer_act(answered_at).await?;
            }
            self.look_at_foreign(&survey, &mut findings).await?;
            for chunk in suspects.chunks(STEP) {
                let expected = chunk.iter().map(|suspect| self.expected(suspect, &survey, scope)).collect();
                survey = self.look_twice(survey, expected, &mut findings, &mut told.changed_meanwhile).await?;
            }
            (told.counts, told.findings) = (findings.counts, findings.told());
            return Ok(told);
        }
        if let Some(summary) = told.report.as_ref().map(|report| &report.summary) {
            let Summary { written, renewed, removed, .. } = *summary;
            told.repaired = Some(Repaired { written, renewed, removed });
        }
        self.tell_found(&mut survey, scope, &mut findings);
        let left = self.look_at_all(survey, scope, Findings::new(&prefix)).await?;
        (told.counts, told.remaining) = (findings.counts, Some(left.counts));
        let after = |findings: Findings, left| {
            findings.told().into_iter().map(move |finding| Finding { left: Some(left), ..finding })
        };
        told.findings = after(left, true).collect();
        let known: HashSet<String> = told.findings.iter().map(|finding| finding.key.clone()).collect();
        told.findings.extend(after(findings, false).filter(|finding| !known.contains(&finding.key)));
        told.findings.truncate(TOLD);
        Ok(told)
    }

    /// Where a sidecar runs: gives it the time to take up what its source said at that moment, by a pass that began later.
    async fn let_writer_act(&self, answered_at: UnixMs) -> Result<Option<WriterSeen>, StoreError> {
        let begun = Instant::now();
        loop {
            let writer = self.control(|session| session.writer()).await?;
            let Some(AtWork { lease, descriptor }) = writer else { return Ok(None) };
            let descriptor = descriptor.and_then(|text| serde_json::from_slice::<Descriptor>(&text).ok());
            let last_pass_at = descriptor.and_then(|d| d.last_pass).map(|pass| pass.started_at);
            if last_pass_at.is_some_and(|at| at.0 > answered_at) || begun.elapsed() > PATIENCE {
                let holder = String::from_utf8_lossy(&lease).chars().take(200).collect();
                return Ok(Some(WriterSeen { holder, last_pass_at }));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What was found before a pass mended it.
    fn tell_found(&mut self, survey: &mut Survey, scope: Scope, findings: &mut Findings) {
        findings.add_foreign(&survey.foreign().keys, survey.foreign().count());
        for (slot, id) in self.handler.removed.take().unwrap_or_default() {
            match survey.mark(slot) {
                Mark::Invalid => findings.add(FindingKind::Invalid, &id, || survey.reason(slot).to_owned()),
                _ => findings.add(FindingKind::Orphaned, &id, || GONE.to_owned()),
            }
            survey.forget(slot);
        }
        let ledger = &self.handler.ledger;
        for slot in ledger.iter() {
            let id = ledger.id(slot);
            let written = scope.compared && ledger.written(slot).0 > scope.before;
            match survey.mark(slot) {
                Mark::Invalid => {
                    findings.add(FindingKind::Invalid, id.as_ref(), || survey.reason(slot).to_owned());
                }
                _ if scope.complete && ledger.seen(slot) != self.handler.pass => {
                    findings.add(FindingKind::Orphaned, id.as_ref(), || GONE.to_owned());
                }
                Mark::NoTtl => findings.add(FindingKind::NoTtl, id.as_ref(), || FOR_EVER.to_owned()),
                Mark::Absent if written => findings.add(FindingKind::Missing, id.as_ref(), || NO_KEY.to_owned()),
                Mark::Sound if written => {
                    findings.add(FindingKind::Different, id.as_ref(), || "it had other content than the source".into());
                }
                Mark::Absent | Mark::Sound => {}
            }
        }
    }
}
