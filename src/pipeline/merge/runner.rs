//! Asks one input again and again, each on its own schedule. It must not know what becomes of what the input tells.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    model::{Ending, Fetched},
    pipeline::schedule::{Outcome, Schedule},
    settings::Settings,
    sources::{Sink, Source, SourceError},
};

/// Items that wait between an input and the queue of all inputs.
const QUEUE: usize = 1;

/// What an input does.
#[derive(Debug)]
pub(super) enum News {
    /// It is asked.
    Begins,
    /// It tells this.
    Item(Fetched),
    /// It has told all, or failed.
    Ended(Result<Ending, SourceError>),
}

/// What an input does, by its place among the inputs.
pub(super) type Told = (usize, News);

/// See the module.
pub(super) struct Runner {
    at: usize,
    service: String,
    input: String,
    source: Box<dyn Source>,
    schedule: Schedule,
    /// When it is asked next; at once where nothing is said.
    due: Option<Instant>,
    /// All of what it told last is in the spool.
    settled: Arc<AtomicBool>,
}

impl Runner {
    pub(super) fn new(
        at: usize,
        input: &str,
        source: Box<dyn Source>,
        settings: &Settings,
        settled: Arc<AtomicBool>,
    ) -> Self {
        let own = settings.source.inputs.get(input).unwrap_or(&settings.source);
        let schedule = Schedule::new(own, source.is_stream());
        Self { at, service: settings.name().to_string(), input: input.to_owned(), source, schedule, due: None, settled }
    }

    /// Asks the input once, or `forever`, and tells `news` what it does. Dropping the future cancels it.
    pub(super) async fn run(&mut self, forever: bool, news: mpsc::Sender<Told>) {
        loop {
            if let Some(due) = self.due.filter(|_| forever) {
                let is_stream = self.source.is_stream();
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = self.source.changed(), if !is_stream => {}
                }
            }
            // Until it is known how this ends, there is no reason to wait before the next try.
            self.due = None;
            // What nobody takes needs not be asked for.
            if self.ask(&news).await.is_err() || !forever {
                return;
            }
        }
    }

    async fn ask(&mut self, news: &mpsc::Sender<Told>) -> Result<(), mpsc::error::SendError<Told>> {
        let (at, begun) = (self.at, Instant::now());
        news.send((at, News::Begins)).await?;
        if !self.settled.swap(false, Relaxed) {
            self.source.forget();
        }
        let (sink, mut items) = Sink::channel(QUEUE);
        let source = &mut self.source;
        let fetch = async move {
            let ended = source.fetch(&sink).await;
            drop(sink);
            ended
        };
        let forward = async {
            while let Some(item) = items.recv().await {
                news.send((at, News::Item(item))).await?;
            }
            Ok(())
        };
        let (ended, forwarded) = tokio::join!(fetch, forward);
        forwarded?;
        let outcome = if ended.is_ok() { Outcome::Told } else { Outcome::Failed };
        self.due = Some(begun + self.schedule.next(outcome, begun.elapsed()));
        if self.schedule.has_just_opened() {
            let (service, input) = (self.service.as_str(), self.input.as_str());
            let (failures, pause_s) = (self.schedule.failures(), self.schedule.pause().as_secs_f64());
            warn!(
                service,
                input, failures, pause_s, "input {input} failed {failures} times in a row: it is tried less often now"
            );
        }
        news.send((at, News::Ended(ended))).await
    }

    /// See [`Source::close`].
    pub(super) async fn close(&mut self) {
        self.source.close().await;
    }
}
