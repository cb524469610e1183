//! The source of kind `exec`: one run of a command is one snapshot. It must not know when it is run.

use std::time::Duration;

use super::{
    BoxFuture, Sink, Source, SourceError,
    child::{Manner, Program},
    cut::Forms,
    pump::Quiet,
};
use crate::{
    model::Ending,
    settings::{self, Secret},
};

/// Records of a slow command are handed over in time.
const LINGER: Duration = Duration::from_millis(100);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// The source of kind `exec`.
pub(super) struct Exec {
    program: Program,
    timeout: Option<Duration>,
    forms: Forms,
}

impl Exec {
    pub(super) fn new(settings: &settings::Source, max_line: usize, secrets: &[Secret]) -> Result<Self, SourceError> {
        let program = Program::new(settings, max_line, secrets)?;
        Ok(Self { program, timeout: settings.timeout(), forms: Forms::of(settings.items.as_deref()) })
    }

    async fn run(&self, sink: &Sink) -> Result<Ending, SourceError> {
        let forms = self.forms.clone();
        let manner = Manner { timeout: self.timeout, grace: GRACE, quiet: Quiet::Linger(LINGER), forms };
        if self.program.run(sink, manner).await? {
            return Ok(Ending::Complete);
        }
        Err(SourceError::Nothing {
            origin: self.program.shown().to_owned(),
            problem: "printed nothing",
            hint: "print {\"end\": true} where there are no objects; an outage must not look the same",
        })
    }
}

impl Source for Exec {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn describe(&self) -> String {
        format!("exec {}", self.program.shown())
    }

    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        Box::pin(self.program.close())
    }
}
