//! Standard input, read to its end: for pipes. It must not know who writes to it.

use std::{io::IsTerminal, sync::Arc};

use super::{
    BoxFuture, Sink, Source, SourceError,
    cut::{Cutter, Forms},
    pump,
};
use crate::{model::Ending, settings};

/// The source of kind `stdin`. It is not a stream: when it has ended, there is nothing to start again.
pub(super) struct Stdin {
    complete: bool,
    max_line: usize,
    forms: Forms,
    ended: bool,
}

impl Stdin {
    pub(super) fn new(settings: &settings::Source, max_line: usize) -> Self {
        Self { complete: settings.complete, max_line, forms: Forms::of(settings.items.as_deref()), ended: false }
    }

    async fn read(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        if std::mem::replace(&mut self.ended, true) {
            return Err(SourceError::Settings {
                problem: "standard input was read to its end before, and cannot be read again".into(),
                hint: "use `ralphext once` with --source stdin, or source.kind = \"exec\" or \"stream\"",
            });
        }
        if std::io::stdin().is_terminal() {
            tracing::info!("reading records from the terminal, one a line; Ctrl-D ends");
        }
        let (max_line, forms) = (self.max_line, self.forms.clone());
        let said = pump::on_thread(sink, "standard input", move |outlet| {
            let mut cutter = Cutter::new(Arc::from("stdin"), max_line, forms);
            pump::pump_blocking(&std::io::stdin(), &mut cutter, outlet, true, "standard input")
        })
        .await?;
        match (said, self.complete) {
            (false, _) => Err(SourceError::Nothing {
                origin: "standard input".into(),
                problem: "held nothing at all",
                hint: "see what the command before the pipe prints; print {\"end\": true} where there are no objects",
            }),
            (true, true) => Ok(Ending::Complete),
            (true, false) => Ok(Ending::Open),
        }
    }
}

impl Source for Stdin {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.read(sink))
    }

    fn describe(&self) -> String {
        "stdin".into()
    }
}
