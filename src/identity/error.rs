//! Why an inventory could not be read, for people: what, the cause once, and what to do. It must not know what follows.

/// Why an inventory could not be read. Its text is one line, and a second one, `hint: ...`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}\nhint: {hint}")]
pub struct IdentityError {
    /// What happened, in one line without secrets.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
    /// The settings are wrong, not the world.
    pub is_settings: bool,
    /// Trying again at once is of no use.
    pub is_patient: bool,
}

impl IdentityError {
    pub(super) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into(), is_settings: false, is_patient: false }
    }

    pub(super) fn settings(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { is_settings: true, ..Self::new(problem, hint) }
    }

    pub(super) fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }
}
