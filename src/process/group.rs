//! A child and all its descendants, as one process group that ends as one. It must not know what the child is for.

use std::{
    io,
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, ChildStderr, ChildStdout},
    runtime::Handle,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// A child that leads a process group of its own, with its pipes. Dropping it stops the whole group: SIGTERM, and
/// SIGKILL after the grace (at once where no runtime is left to wait).
#[derive(Debug)]
pub struct Group {
    /// Who leads it.
    pub leader: Leader,
    /// What it prints.
    pub stdout: Option<ChildStdout>,
    /// What it says beside that.
    pub stderr: Option<ChildStderr>,
    grace: Duration,
    leavings: Leavings,
}

impl Group {
    /// `child` must have been started with `process_group(0)`.
    pub fn new(mut child: Child, grace: Duration, leavings: Leavings) -> Self {
        let pgid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        Self { leader: Leader { child: Some(child), pgid }, stdout, stderr, grace, leavings }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut leader = Leader { child: self.leader.child.take(), pgid: self.leader.pgid };
        let Ok(runtime) = Handle::try_current() else { return };
        if !leader.is_running() {
            return;
        }
        leader.signal(Signal::TERM);
        let (stdout, stderr, grace) = (self.stdout.take(), self.stderr.take(), self.grace);
        // Dropped with the runtime, the task drops the leader, which kills at once.
        let task = runtime.spawn(async move {
            // The pipes stay open and are emptied: its last words must not be what ends it (SIGPIPE).
            let drained = async { tokio::join!(discard(stdout), discard(stderr)) };
            let mut end = std::pin::pin!(leader.end(grace));
            tokio::select! {
                () = &mut end => {}
                _ = drained => end.await,
            }
        });
        self.leavings.add(task);
    }
}

async fn discard(pipe: Option<impl AsyncRead + Unpin>) {
    let Some(mut pipe) = pipe else { return };
    let mut buf = [0; 4096];
    while pipe.read(&mut buf).await.is_ok_and(|n| n > 0) {}
}

/// The process that leads the group. Dropping it before it was seen to end kills the group.
#[derive(Debug)]
pub struct Leader {
    /// Nothing once it has ended and its group with it.
    child: Option<Child>,
    pgid: Option<Pid>,
}

impl Leader {
    /// Waits until it ends. May be dropped and called again.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        match &mut self.child {
            Some(child) => child.wait().await,
            None => Err(io::Error::other("it was waited for before")),
        }
    }

    /// Kills whatever is left of the group.
    pub fn kill(&mut self) {
        if self.child.take().is_some() {
            // Its own last reference to the child kills and reaps the leader.
            self.signal(Signal::KILL);
        }
    }

    /// SIGTERM, then SIGKILL to whatever is left after the grace.
    pub async fn stop(&mut self, grace: Duration) {
        self.signal(Signal::TERM);
        self.end(grace).await;
    }

    async fn end(&mut self, grace: Duration) {
        if timeout(grace, self.wait()).await.is_ok() {
            // Its children got the signal with it; they have a moment to follow.
            sleep(Duration::from_millis(20)).await;
        } else {
            self.signal(Signal::KILL);
            // Killed, so it ends; a process stuck in the kernel must not hold us up.
            let _ = timeout(Duration::from_secs(1), self.wait()).await;
        }
        self.kill();
    }

    fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pgid) = self.pgid {
            // There is nobody left, or nobody that we may end: both need nothing done.
            let _ = kill_process_group(pgid, signal);
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What cancelled fetches left to end by itself.
#[derive(Debug, Clone, Default)]
pub struct Leavings(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Leavings {
    fn add(&self, task: JoinHandle<()>) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Waits until all of it has ended.
    pub async fn ended(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // Cancelled or done: it has ended.
            let _ = task.await;
        }
    }
}
