//! The source of kind `stream`: the life of a command that prints changes as they happen. It must not start it again.

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

/// Between SIGTERM and SIGKILL: a long-running command may have something to put away.
const GRACE: Duration = Duration::from_secs(5);

/// The source of kind `stream`.
pub(super) struct Stream {
    program: Program,
}

impl Stream {
    pub(super) fn new(settings: &settings::Source, max_line: usize, secrets: &[Secret]) -> Result<Self, SourceError> {
        Ok(Self { program: Program::new(settings, max_line, secrets)? })
    }

    async fn run(&self, sink: &Sink) -> Result<Ending, SourceError> {
        let manner = Manner { timeout: None, grace: GRACE, quiet: Quiet::Tell, forms: Forms::Lines };
        // A stream that ends without a word is one without changes.
        self.program.run(sink, manner, &[]).await.map(|_| Ending::Open)
    }
}

impl Source for Stream {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("stream {}", self.program.shown())
    }

    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        Box::pin(self.program.close())
    }
}
