//! The source of kind `push`: whatever is handed in from outside, in order. It must not know how it gets here.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    BoxFuture, Sink, Source, SourceError,
    cut::{Cutter, Forms},
};
use crate::{
    model::{Answer, Confirm, Ending, Fetched, SharedTally},
    settings::Limits,
};

/// Items that wait between those who push and the pipeline: blocks of up to 256 KiB.
const WAITING: usize = 8;

/// The source of kind `push`; its fetch never ends by itself.
pub struct Push {
    inbox: mpsc::Receiver<Fetched>,
    shown: String,
}

/// Where requests hand their records in.
#[derive(Debug, Clone)]
pub struct Inbox {
    tx: mpsc::Sender<Fetched>,
    max_line: usize,
    /// One snapshot at a time: their records would count for each other.
    snapshot: Arc<Semaphore>,
}

/// The source, and where requests hand their records in; `shown` names it for people.
pub fn push(shown: String, limits: &Limits) -> (Inbox, Push) {
    let (tx, inbox) = mpsc::channel(WAITING);
    let snapshot = Arc::new(Semaphore::new(1));
    (Inbox { tx, max_line: super::max_line(limits), snapshot }, Push { inbox, shown })
}

impl Push {
    async fn run(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        loop {
            let item = match self.inbox.try_recv() {
                Ok(item) => item,
                Err(_) => {
                    // Whatever waits for its answer should not wait for the next request.
                    sink.send(Fetched::Idle).await?;
                    match self.inbox.recv().await {
                        Some(item) => item,
                        None => return std::future::pending().await,
                    }
                }
            };
            sink.send(item).await?;
        }
    }
}

impl Source for Push {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("push {}", self.shown)
    }
}

/// Nobody knows whether what was handed in is in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unconfirmed;

/// One request under way.
pub struct Feed {
    tx: mpsc::Sender<Fetched>,
    cutter: Cutter,
    tally: SharedTally,
    sent: u64,
    /// Held by a snapshot that has not come to its end.
    snapshot: Option<OwnedSemaphorePermit>,
    /// Changes whose answer has not come.
    is_open: bool,
}

impl Inbox {
    /// Longest record in bytes.
    pub fn max_line(&self) -> usize {
        self.max_line
    }

    /// Begins a request of changes; `origin` names it in logs.
    pub fn changes(&self, origin: &str) -> Feed {
        let cutter = Cutter::new(Arc::from(origin), self.max_line, Forms::Lines);
        Feed { tx: self.tx.clone(), cutter, tally: SharedTally::default(), sent: 0, snapshot: None, is_open: true }
    }

    /// Begins a snapshot; none while another one is under way.
    ///
    /// # Errors
    /// [`Unconfirmed`] when nobody takes it.
    pub async fn snapshot(&self, origin: &str) -> Result<Option<Feed>, Unconfirmed> {
        let Ok(permit) = self.snapshot.clone().try_acquire_owned() else { return Ok(None) };
        let mut feed = self.changes(origin);
        feed.snapshot = Some(permit);
        feed.is_open = false;
        feed.tally.lock().is_snapshot = true;
        feed.push(b"{\"begin\":true}\n").await?;
        // Changes that come from now on are part of it.
        feed.cutter.flush();
        feed.drain().await?;
        Ok(Some(feed))
    }
}

impl Feed {
    /// Hands in the next bytes of the request's records, one a line; waits while the pipeline is behind.
    ///
    /// # Errors
    /// [`Unconfirmed`] when nobody takes them any more.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), Unconfirmed> {
        self.cutter.room().extend_from_slice(bytes);
        self.cutter.advance();
        self.drain().await
    }

    /// Ends the request, and waits until all that it wrote is in Redis.
    ///
    /// # Errors
    /// [`Unconfirmed`] when that cannot be known: Redis failed, or another writer took over.
    pub async fn finish(mut self) -> Result<Answer, Unconfirmed> {
        // Lines have no end that could be missing.
        let _ = self.cutter.finish();
        self.drain().await?;
        let (tx, answered) = oneshot::channel();
        let reply = Box::new(move |answer| drop(tx.send(answer)));
        let confirm = Confirm { tally: self.tally.clone(), reply };
        self.tx.send(Fetched::Confirm(confirm)).await.map_err(|_| Unconfirmed)?;
        let answer: Answer = answered.await.map_err(|_| Unconfirmed)?;
        // Items may have been lost with the pass that they were in.
        if !answer.tally.has_all(self.sent) {
            return Err(Unconfirmed);
        }
        if self.snapshot.is_some() && !answer.tally.is_complete {
            self.tx.send(Fetched::BrokenOff).await.map_err(|_| Unconfirmed)?;
        }
        self.snapshot = None;
        self.is_open = false;
        Ok(answer)
    }

    async fn drain(&mut self) -> Result<(), Unconfirmed> {
        while let Some(item) = self.cutter.pop() {
            let item = Fetched::Asked(Box::new(item), self.tally.clone());
            self.tx.send(item).await.map_err(|_| Unconfirmed)?;
            self.sent += 1;
        }
        Ok(())
    }
}

impl Drop for Feed {
    /// A snapshot that broke off, whatever the reason: what came of it in whole lines is taken, and it must not go on in the
    /// next request's records. Of changes that nobody waits for any more, those that are still on their way are dropped: the
    /// spool has them, or their sender was told that nobody knows.
    fn drop(&mut self) {
        if self.is_open {
            self.tally.lock().is_abandoned = true;
        }
        if let Some(permit) = self.snapshot.take() {
            self.cutter.flush();
            let left: Vec<Fetched> = std::iter::from_fn(|| self.cutter.pop()).collect();
            let (tx, tally) = (self.tx.clone(), self.tally.clone());
            let tell = async move {
                // Nobody there: then there is nothing that could go on.
                for item in left {
                    let _ = tx.send(Fetched::Asked(Box::new(item), tally.clone())).await;
                }
                let _ = tx.send(Fetched::BrokenOff).await;
                drop(permit);
            };
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(tell);
            }
        }
    }
}
