//! Moves bytes from where they come from through the cutter into the sink. It must not know which kind of source it is.

use std::{future::poll_fn, io, os::fd::AsFd, task::Poll, thread, time::Duration};

use rustix::{
    buffer::spare_capacity,
    event::{PollFd, PollFlags, poll},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::{mpsc, oneshot},
};

use super::{Sink, SourceError, cut::Cutter};
use crate::{model::Fetched, process::Meter};

/// What to do when no bytes are at hand for the moment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quiet {
    /// Hand over what there is after this time; a snapshot is in no hurry.
    Linger(Duration),
    /// Hand it over at once and say [`Fetched::Idle`]: a delta has to become visible.
    Tell,
}

/// Reads `input` to its end. The cutter is not finished: whether its last line counts depends on more.
pub(super) async fn pump(
    input: &mut (impl AsyncRead + Unpin),
    cutter: &mut Cutter,
    sink: &Sink,
    quiet: Quiet,
    meter: &Meter,
    what: &str,
) -> Result<(), SourceError> {
    loop {
        let read = match read_now(input, cutter).await {
            Some(read) => read,
            None => match quiet {
                Quiet::Tell => {
                    cutter.flush();
                    drain(cutter, sink).await?;
                    if cutter.handed_over() {
                        sink.send(Fetched::Idle).await?;
                    }
                    input.read_buf(cutter.room()).await
                }
                Quiet::Linger(time) if cutter.has_records() => {
                    match tokio::time::timeout(time, input.read_buf(cutter.room())).await {
                        Ok(read) => read,
                        Err(_) => {
                            cutter.flush();
                            drain(cutter, sink).await?;
                            continue;
                        }
                    }
                }
                Quiet::Linger(_) => input.read_buf(cutter.room()).await,
            },
        };
        match read {
            Ok(0) => return Ok(()),
            Ok(_) => cutter.advance(),
            Err(e) => return Err(SourceError::io(what, e)),
        }
        meter.touch();
        drain(cutter, sink).await?;
    }
}

/// Sends what is ready.
pub(super) async fn drain(cutter: &mut Cutter, sink: &Sink) -> Result<(), SourceError> {
    while let Some(item) = cutter.pop() {
        sink.send(item).await?;
    }
    Ok(())
}

/// Reads what is at hand; `None` where that is nothing yet.
async fn read_now(input: &mut (impl AsyncRead + Unpin), cutter: &mut Cutter) -> Option<io::Result<usize>> {
    let buf = cutter.room();
    poll_fn(|cx| {
        let read = std::pin::pin!(input.read_buf(buf));
        Poll::Ready(match read.poll(cx) {
            Poll::Ready(read) => Some(read),
            Poll::Pending => None,
        })
    })
    .await
}

/// The way out of a reading thread.
pub(super) struct Outlet(mpsc::Sender<Fetched>);

impl Outlet {
    /// Waits while the queue is full.
    ///
    /// # Errors
    /// [`SourceError::Closed`] when the fetch was cancelled.
    pub(super) fn send(&self, item: Fetched) -> Result<(), SourceError> {
        self.0.blocking_send(item).map_err(|_| SourceError::Closed)
    }

    pub(super) fn drain(&self, cutter: &mut Cutter) -> Result<(), SourceError> {
        while let Some(item) = cutter.pop() {
            self.send(item)?;
        }
        Ok(())
    }
}

/// Runs `job`, which reads with blocking calls, on a thread of its own and sends on what it hands over.
///
/// A thread and not the runtime's blocking pool: a read that never returns (standard input, a dead network drive) must
/// not hold up the end of the process.
pub(super) async fn on_thread<T: Send + 'static>(
    sink: &Sink,
    what: &str,
    job: impl FnOnce(&Outlet) -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let (tx, mut rx) = mpsc::channel(1);
    let (done, result) = oneshot::channel();
    let work = move || {
        let outlet = Outlet(tx);
        let result = job(&outlet);
        drop(outlet);
        // Nobody listens when the fetch was cancelled.
        let _ = done.send(result);
    };
    thread::Builder::new().name("source".into()).spawn(work).map_err(|e| SourceError::io(what, e))?;
    while let Some(item) = rx.recv().await {
        sink.send(item).await?;
    }
    result.await.map_err(|_| SourceError::io(what, io::Error::other("the reading thread panicked")))?
}

/// Reads `input` to its end with blocking calls, and finishes the cutter. With `tell`, says [`Fetched::Idle`] whenever
/// nothing more is at hand.
///
/// Returns whether the input said anything at all.
pub(super) fn pump_blocking(
    input: &impl AsFd,
    cutter: &mut Cutter,
    outlet: &Outlet,
    tell: bool,
    what: &str,
) -> Result<bool, SourceError> {
    loop {
        match rustix::io::read(input, spare_capacity(cutter.room())) {
            Ok(0) => break,
            Ok(_) => cutter.advance(),
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(SourceError::io(what, e.into())),
        }
        outlet.drain(cutter)?;
        if tell && !at_hand(input) {
            cutter.flush();
            outlet.drain(cutter)?;
            if cutter.handed_over() {
                outlet.send(Fetched::Idle)?;
            }
        }
    }
    let finished = cutter.finish();
    outlet.drain(cutter)?;
    finished
}

/// Whether a read would return at once.
fn at_hand(input: &impl AsFd) -> bool {
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut fds = [PollFd::new(input, PollFlags::IN)];
    // When in doubt, read: that is right whatever happened.
    poll(&mut fds, Some(&now)).map_or(true, |ready| ready > 0)
}
