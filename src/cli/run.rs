//! `ralphext run`: the sidecar. It must not know how services run.

use super::{Exit, Failure, args::Globals, target};
use crate::{
    app::{self, AppError},
    settings::SourceKind,
};

impl From<AppError> for Failure {
    fn from(e: AppError) -> Self {
        match e {
            AppError::Engine(e) => e.into(),
            AppError::Source(e) => e.into(),
            AppError::Identity(e) => Self::told(Exit::Usage, e.to_string()),
            AppError::Traces(e) => Self::told(Exit::Usage, format!("telemetry.otlp: {e}")),
            AppError::Admin(e) => Self::told(Exit::Usage, e.to_string()),
        }
    }
}

/// Ends when it is told to.
pub fn run(globals: &Globals) -> Result<Exit, Failure> {
    let all = target::services(globals)?;
    if let Some(stdin) = all.iter().find(|s| s.source.kind == SourceKind::Stdin && !s.source.is_merged()) {
        let message =
            format!("service {}: source.kind \"stdin\" ends with its input, so it cannot be run", stdin.name());
        return Err(Failure::new(
            Exit::Usage,
            message,
            "use `ralphext once`, or source.kind \"stream\" with a command",
        ));
    }
    blocking(async move {
        let stop = app::stop_on_signal().map_err(system)?;
        app::run(all, stop).await?;
        Ok(Exit::Well)
    })
}

/// Runs `future`; what the operating system refuses is a failure.
pub(super) fn blocking<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    app::block_on(future).map_err(system)?
}

pub(super) fn system(e: std::io::Error) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("the system refused: {e}"),
        "check the limits on threads and open files (ulimit -a)",
    )
}
