//! What a pass did, for people and programs. It must not know how it is shown.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    registry::{FailedObject, LastPass, Stamp},
    settings::Percent,
    store::{FailureClass, StoreError},
};

/// How a pass ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of the source's truth is in Redis.
    Complete,
    /// All that changed is in Redis; what is gone was not looked for.
    Delta,
    /// What came is in Redis; it was no complete snapshot, so nothing was removed.
    Partial,
    /// More objects failed than `limits.max_failed`.
    TooManyFailed,
    /// The source failed.
    SourceFailed,
    /// Too much vanished to be believed.
    RefusedShrink,
    /// Redis failed.
    RedisFailed,
    /// Another writer took over.
    LeaseLost,
    /// It was stopped.
    Interrupted,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Complete,
        Self::Delta,
        Self::Partial,
        Self::TooManyFailed,
        Self::SourceFailed,
        Self::RefusedShrink,
        Self::RedisFailed,
        Self::LeaseLost,
        Self::Interrupted,
    ];

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Delta => "delta",
            Self::Partial => "partial",
            Self::TooManyFailed => "too_many_failed",
            Self::SourceFailed => "source_failed",
            Self::RefusedShrink => "refused_shrink",
            Self::RedisFailed => "redis_failed",
            Self::LeaseLost => "lease_lost",
            Self::Interrupted => "interrupted",
        }
    }

    /// What `report` tells; the first cause counts.
    pub fn of(report: &PassReport, max_failed: Percent) -> Self {
        match &report.store_error {
            Some(e) if e.class == FailureClass::Fenced => Self::LeaseLost,
            Some(_) => Self::RedisFailed,
            None if report.interrupted => Self::Interrupted,
            None if report.source_failure.is_some() => Self::SourceFailed,
            None if report.refused.is_some() => Self::RefusedShrink,
            None if report.too_many_failed(max_failed) => Self::TooManyFailed,
            None if report.summary.complete => Self::Complete,
            None if report.delta => Self::Delta,
            None => Self::Partial,
        }
    }
}

/// The summary of one pass; the JSON object that `once --output json` prints.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// The service.
    pub service: String,
    /// Whether it was a complete snapshot: absence meant gone.
    pub complete: bool,
    /// Objects that the source named, the failed ones included.
    pub objects: u64,
    /// Values written.
    pub written: u64,
    /// TTLs extended.
    pub renewed: u64,
    /// Objects left alone: unchanged.
    pub skipped: u64,
    /// Keys removed: vanished or deleted.
    pub removed: u64,
    /// Objects that could not be taken.
    pub failed: u64,
    /// Bytes of the values written.
    pub bytes_written: u64,
    /// How long it took, in ms.
    pub duration_ms: u64,
    /// Records about objects that Ralph does not have, or has more than once.
    pub unmatched: u64,
    /// Number of failed objects by kind of cause.
    pub faults: BTreeMap<&'static str, u64>,
    /// Objects that vanished and were kept, since so many at once are not believed.
    pub kept: u64,
    /// What went wrong with the pass as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Everything that is to be known of a pass.
#[derive(Debug, Clone, Default)]
pub struct PassReport {
    /// The numbers.
    pub summary: Summary,
    /// When it began, unix ms.
    pub started_at: u64,
    /// Why the source failed, with its hint.
    pub source_error: Option<String>,
    /// The kind of that failure, in a word.
    pub source_failure: Option<&'static str>,
    /// The same without what the source's command said or was given: fit to be shown.
    pub public_error: Option<String>,
    /// The source told all that it has, apart from what could not be read.
    pub whole: bool,
    /// The source told what changed since its last pass, all of it.
    pub delta: bool,
    /// Why Redis failed.
    pub store_error: Option<StoreError>,
    /// Why vanished objects were kept.
    pub refused: Option<String>,
    /// Some of the failed objects.
    pub failed_objects: Vec<FailedObject>,
    /// Values that renewals found missing or overwritten.
    pub lost: u64,
    /// It was ended before its source was.
    pub interrupted: bool,
    /// Values that were lost are left to the next pass, which follows at once.
    pub unfinished: bool,
    /// A stream was ended so that it says again what Redis lost.
    pub anew: bool,
}

impl PassReport {
    /// Whether more objects failed than `max_failed` of all.
    pub fn too_many_failed(&self, max_failed: Percent) -> bool {
        max_failed.is_exceeded(self.summary.failed, self.summary.objects)
    }

    /// Whether the source told the truth and Redis has it.
    pub fn is_good(&self, max_failed: Percent) -> bool {
        self.source_error.is_none()
            && self.store_error.is_none()
            && self.refused.is_none()
            && !self.interrupted
            && !self.too_many_failed(max_failed)
    }

    /// What is wrong, in one line without a hint; none when it is good.
    pub fn error(&self, max_failed: Percent) -> Option<String> {
        if let Some(e) = &self.store_error {
            return Some(e.to_string());
        }
        if let Some(e) = &self.public_error {
            return Some(e.clone());
        }
        if let Some(e) = &self.refused {
            return Some(e.clone());
        }
        if self.interrupted {
            return Some("it was stopped before its source ended".to_owned());
        }
        let Summary { failed, objects, .. } = self.summary;
        self.too_many_failed(max_failed)
            .then(|| format!("{failed} of {objects} objects failed, more than limits.max_failed ({max_failed})"))
    }

    /// As [`PassReport::error`], for the descriptor: where there is a way to mend it, with that.
    pub fn public(&self, max_failed: Percent) -> Option<String> {
        let error = self.error(max_failed)?;
        if self.refused.as_ref() == Some(&error) {
            return Some(format!("{error}; if it is right: {}", self.approve_command()));
        }
        Some(error)
    }

    /// What to do when vanished objects were kept, and are really gone.
    pub fn refused_hint(&self) -> String {
        let command = self.approve_command();
        if self.summary.objects == 0 {
            return format!(
                "if the service has no objects any more: {command}, or stop it, and its keys expire by themselves"
            );
        }
        format!(
            "if they are really gone: {command}; or wait: complete snapshots that confirm it for limits.shrink_confirm \
             are believed"
        )
    }

    fn approve_command(&self) -> String {
        let zero = if self.summary.objects == 0 { " --to-zero" } else { "" };
        format!("`ralphext approve-shrink {}{zero}`", self.summary.service)
    }

    /// The descriptor's view of it.
    pub fn last_pass(&self) -> LastPass {
        let s = &self.summary;
        LastPass {
            started_at: Stamp(self.started_at),
            duration_ms: s.duration_ms,
            complete: s.complete,
            objects: s.objects,
            written: s.written,
            renewed: s.renewed,
            skipped: s.skipped,
            removed: s.removed,
            failed: s.failed,
            bytes_written: s.bytes_written,
        }
    }
}
