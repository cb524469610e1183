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
    /// Prints single objects, whose ids it is given.
    of_objects: Option<Program>,
    /// The only objects that the next fetch asks for; none: all.
    only: Vec<String>,
    timeout: Option<Duration>,
    forms: Forms,
}

impl Exec {
    pub(super) fn new(settings: &settings::Source, max_line: usize, secrets: &[Secret]) -> Result<Self, SourceError> {
        let program = Program::new(settings, max_line, secrets)?;
        let of_objects = match settings.object_command.as_slice() {
            [] => None,
            words => {
                let settings = settings::Source { command: words.to_vec(), ..settings.clone() };
                Some(Program::new(&settings, max_line, secrets)?)
            }
        };
        Ok(Self {
            program,
            of_objects,
            only: Vec::new(),
            timeout: settings.timeout(),
            forms: Forms::of(settings.items.as_deref()),
        })
    }

    async fn run(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        let forms = self.forms.clone();
        let manner = Manner { timeout: self.timeout, grace: GRACE, quiet: Quiet::Linger(LINGER), forms };
        if let (Some(program), [_, ..]) = (&self.of_objects, self.only.as_slice()) {
            // Whoever prints nothing says that they have no content.
            program.run(sink, manner, &std::mem::take(&mut self.only)).await?;
            return Ok(Ending::Delta);
        }
        if self.program.run(sink, manner, &[]).await? {
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

    fn narrow(&mut self, ids: &[String]) -> bool {
        self.only = if self.of_objects.is_some() { ids.to_vec() } else { Vec::new() };
        !self.only.is_empty()
    }

    fn describe(&self) -> String {
        format!("exec {}", self.program.shown())
    }

    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        Box::pin(async {
            self.program.close().await;
            if let Some(program) = &self.of_objects {
                program.close().await;
            }
        })
    }
}
