//! Where a source puts what it fetched: a bounded queue. It must not know who takes it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::SourceError;
use crate::model::Fetched;

/// The sending end of the queue from a source to the pipeline. Sending waits while it is full: a slow Redis slows the
/// source down.
#[derive(Debug)]
pub struct Sink {
    tx: mpsc::Sender<Fetched>,
    stall: Mutex<Stall>,
}

#[derive(Debug, Default)]
struct Stall {
    total: Duration,
    since: Option<Instant>,
}

impl Sink {
    /// A sink that sends to `tx`.
    pub fn new(tx: mpsc::Sender<Fetched>) -> Self {
        Self { tx, stall: Mutex::default() }
    }

    /// A sink, and the end to take from; at most `capacity` items (a block is up to 256 KiB) wait between them.
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<Fetched>) {
        let (tx, rx) = mpsc::channel(capacity);
        (Self::new(tx), rx)
    }

    /// Hands `item` over.
    ///
    /// # Errors
    /// [`SourceError::Closed`] when nobody takes it any more.
    pub async fn send(&self, item: Fetched) -> Result<(), SourceError> {
        let item = match self.tx.try_send(item) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(SourceError::Closed),
            Err(mpsc::error::TrySendError::Full(item)) => item,
        };
        let _waiting = Waiting::begin(&self.stall);
        self.tx.send(item).await.map_err(|_| SourceError::Closed)
    }

    /// Whether a sender is waiting now.
    pub(super) fn is_stalled(&self) -> bool {
        self.stall.lock().unwrap_or_else(PoisonError::into_inner).since.is_some()
    }

    /// How long senders have waited so far, all in all: that time is not the source's fault.
    pub(super) fn stalled(&self) -> Duration {
        let stall = self.stall.lock().unwrap_or_else(PoisonError::into_inner);
        stall.total + stall.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// Counts the time until it is dropped, also when the sending is cancelled.
struct Waiting<'a>(&'a Mutex<Stall>);

impl<'a> Waiting<'a> {
    fn begin(stall: &'a Mutex<Stall>) -> Self {
        stall.lock().unwrap_or_else(PoisonError::into_inner).since = Some(Instant::now());
        Self(stall)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut stall = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = stall.since.take() {
            stall.total += since.elapsed();
        }
    }
}
