//! Exit codes, decided in one place. It must not print.

use std::process::ExitCode;

use crate::{
    config::ConfigError,
    pipeline::EngineError,
    sources::SourceError,
    store::{FailureClass, StoreError},
};

/// How the process ends; the codes are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: all well.
    Well,
    /// 1: the pass ran, and more objects failed than `limits.max_failed`; or what was asked for is not there.
    Failed,
    /// 2: wrong command line or configuration.
    Usage,
    /// 3: the source failed.
    Source,
    /// 4: Redis failed.
    Redis,
    /// 5: another writer holds the lease.
    Lease,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a verb could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// The code to end with.
    pub exit: Exit,
    /// What is wrong; may have more than one line.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with a hint.
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: Some(hint.into()) }
    }

    /// A failure whose message already ends with its hint.
    pub fn told(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        let exit = if e.class == FailureClass::Fenced { Exit::Lease } else { Exit::Redis };
        Self::new(exit, e.to_string(), e.hint())
    }
}

impl From<EngineError> for Failure {
    fn from(e: EngineError) -> Self {
        match e {
            EngineError::Store(e) => e.into(),
            EngineError::Settings(message) => Self::told(Exit::Usage, message),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(e: ConfigError) -> Self {
        Self::told(Exit::Usage, e.to_string())
    }
}

impl From<SourceError> for Failure {
    fn from(e: SourceError) -> Self {
        let exit = if matches!(e, SourceError::Settings { .. }) { Exit::Usage } else { Exit::Source };
        Self::told(exit, e.to_string())
    }
}
