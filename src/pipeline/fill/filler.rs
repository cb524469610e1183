//! A task that asks a source of its own for single objects, whatever the pass under way does. It must not know who wants them.

use std::time::Duration;

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    model::Fetched,
    sources::{Sink, Source},
};

/// Items that wait between the source and the task.
const QUEUE: usize = 4;
/// Bytes that one answer may have: it is to be about some objects, not all of them.
const MOST: usize = 64 << 20;
/// How long an answer may take where the source has no time limit of its own.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a source says of the objects that it was asked for.
#[derive(Debug)]
pub(in crate::pipeline) struct Told {
    /// Of which term of the writer the question was.
    pub(super) term: u64,
    /// What was asked for.
    pub(super) ids: Vec<String>,
    /// What it said.
    pub(super) items: Vec<Fetched>,
    /// Why it failed.
    pub(super) failed: Option<String>,
}

/// The asking end.
#[derive(Debug)]
pub(super) struct Filler {
    asks: mpsc::Sender<(u64, Vec<String>)>,
    told: mpsc::Receiver<Told>,
    task: JoinHandle<()>,
    /// A question is under way.
    pub(super) is_busy: bool,
}

impl Filler {
    /// Starts the task. `source` has single objects.
    pub(super) fn start(source: Box<dyn Source>) -> Self {
        let ((asks, asked), (tell, told)) = (mpsc::channel(1), mpsc::channel(1));
        Self { asks, told, task: tokio::spawn(work(source, asked, tell)), is_busy: false }
    }

    /// Asks for `ids`; the answer comes from [`Self::told`].
    pub(super) fn ask(&mut self, term: u64, ids: Vec<String>) {
        // There is room: one question is under way at a time.
        self.is_busy = self.asks.try_send((term, ids)).is_ok();
    }

    /// The next answer. May be dropped without losing any.
    pub(super) async fn told(&mut self) -> Told {
        match self.told.recv().await {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }

    /// Ends what is under way, and waits for it.
    pub(super) async fn close(self) {
        let Self { asks, told, task, .. } = self;
        drop((asks, told));
        let _ = task.await;
    }
}

async fn work(mut source: Box<dyn Source>, mut asked: mpsc::Receiver<(u64, Vec<String>)>, tell: mpsc::Sender<Told>) {
    while let Some((term, ids)) = asked.recv().await {
        let fetched = tokio::select! {
            () = tell.closed() => break,
            fetched = fetch(source.as_mut(), &ids) => fetched,
        };
        let (items, failed) = fetched.map_or_else(|failed| (Vec::new(), Some(failed)), |items| (items, None));
        if tell.send(Told { term, ids, items, failed }).await.is_err() {
            break;
        }
    }
    source.close().await;
}

/// Asks once; what it says, or why it failed.
async fn fetch(source: &mut dyn Source, ids: &[String]) -> Result<Vec<Fetched>, String> {
    if !source.narrow(ids) {
        return Err("the source has no single objects any more".to_owned());
    }
    let (sink, mut items) = Sink::channel(QUEUE);
    let fetching = async {
        let ended = source.fetch(&sink).await.map(drop).map_err(|e| e.to_string());
        drop(sink);
        ended
    };
    let taking = async {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(item) = items.recv().await {
            bytes += size(&item);
            if bytes > MOST {
                return Err(format!("it says more than {MOST} bytes of {} objects", ids.len()));
            }
            taken.push(item);
        }
        Ok(taken)
    };
    let both = async { tokio::try_join!(taking, fetching).map(|(taken, ())| taken) };
    tokio::time::timeout(PATIENCE, both).await.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")))
}

fn size(item: &Fetched) -> usize {
    match item {
        Fetched::Block { block, .. } => block.data.len(),
        Fetched::Document(document) => document.data.len(),
        _ => 1024,
    }
}
