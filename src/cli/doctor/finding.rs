//! One finding of the doctor: how bad, about what, what to do. It must not look at anything itself.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Works, and may not for long, or not as well as it could.
    Warning,
    /// Something does not work, or soon will not.
    Serious,
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// The server's address, or the service's name.
    pub(super) subject: String,
    /// What was looked at, one word.
    pub(super) check: &'static str,
    /// What it is, in one line.
    pub(super) message: String,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

/// The findings about one subject.
pub(super) struct Findings {
    subject: String,
    pub(super) all: Vec<Finding>,
}

impl Findings {
    pub(super) fn about(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), all: Vec::new() }
    }

    fn push(&mut self, severity: Severity, check: &'static str, message: impl Into<String>, hint: Option<String>) {
        let subject = self.subject.clone();
        self.all.push(Finding { severity, subject, check, message: message.into(), hint });
    }

    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.push(Severity::Ok, check, message, None);
    }

    pub(super) fn note(&mut self, check: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Note, check, message, Some(hint.into()));
    }

    pub(super) fn warn(&mut self, check: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Warning, check, message, Some(hint.into()));
    }

    pub(super) fn serious(&mut self, check: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Serious, check, message, Some(hint.into()));
    }
}

/// The beginning of a long text.
pub(super) fn clip(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST { text.to_owned() } else { text.chars().take(MOST).chain(['…']).collect() }
}
