//! The thread that sends fenced batches over one connection, in order. It must not know what the batches mean.
//!
//! Fencing is per batch: `WATCH @fence`, `GET @fence`, `MULTI`, the batch, and `EXEC` only after that `GET` answered with
//! our own epoch. The `EXEC` of one batch travels with the beginning of the next, so the server never waits long.

use std::{
    thread,
    time::{Duration, Instant},
};

use redis::{RedisError, Value};
use tokio::sync::mpsc;

use super::{
    Batch, FailureClass, StoreError, Target,
    batch::{EXEC_LEN, Touched, command},
    connection::Connection,
    internal::is_wrong_type,
    keys::Keys,
    renew::{RenewBatch, Renewal},
    scripts,
};
use crate::model::Epoch;

/// What the writer is asked to do, in order.
#[derive(Debug)]
pub enum Job {
    /// Forget an earlier failure and write under this epoch from here on.
    Open(Epoch),
    /// Write and remove.
    Write(Batch),
    /// Verify and extend TTLs.
    Renew(RenewBatch),
    /// Look whether the fence is still our own.
    Look,
}

/// What became of a job.
#[derive(Debug)]
pub enum Receipt {
    /// A batch: all of it, or nothing.
    Written {
        /// The batch's objects.
        touched: Touched,
        /// From its sending to its confirmation.
        took: Duration,
        /// Whether it is in Redis.
        result: Result<(), StoreError>,
    },
    /// A renewal.
    Renewed {
        /// The objects asked for.
        slots: Vec<u32>,
        /// From its sending to its answer.
        took: Duration,
        /// One answer for each of them.
        result: Result<Vec<Renewal>, StoreError>,
    },
    /// A look at the fence.
    Looked(Result<(), StoreError>),
}

/// The two ends that the pipeline holds.
#[derive(Debug)]
pub struct Writer {
    /// Bounded: a slow Redis slows down whoever sends.
    pub jobs: mpsc::Sender<Job>,
    /// One receipt for each job but [`Job::Open`], in order.
    pub receipts: mpsc::UnboundedReceiver<Receipt>,
}

impl Writer {
    /// Starts the thread; it ends when `jobs` is dropped. `depth` jobs may wait.
    pub fn spawn(target: Target, keys: Keys, depth: usize) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel(depth.max(1));
        let (outbox, receipts) = mpsc::unbounded_channel();
        thread::Builder::new().name("redis-writer".into()).spawn(move || {
            Worker { target, keys, state: State::Closed, renew_sha: None, pending: None, outbox }.run(inbox);
        })?;
        Ok(Self { jobs, receipts })
    }
}

enum State {
    Closed,
    Open(Box<Connection>),
    Failed(StoreError),
}

struct Worker {
    target: Target,
    keys: Keys,
    state: State,
    renew_sha: Option<String>,
    /// A batch that waits for its `EXEC`, and since when it is under way.
    pending: Option<(Batch, Instant)>,
    outbox: mpsc::UnboundedSender<Receipt>,
}

impl Worker {
    fn run(mut self, mut inbox: mpsc::Receiver<Job>) {
        let mut epoch = Epoch::default();
        loop {
            let job = if self.pending.is_some() { inbox.try_recv().ok() } else { inbox.blocking_recv() };
            match job {
                Some(Job::Open(new)) => {
                    self.finish();
                    epoch = new;
                    self.state = State::Closed;
                    self.renew_sha = None;
                }
                Some(Job::Write(batch)) => self.write(batch, epoch),
                Some(Job::Renew(batch)) => {
                    self.finish();
                    let begun = Instant::now();
                    let result = self.renew(&batch, epoch);
                    self.answer(Receipt::Renewed { slots: batch.slots, took: begun.elapsed(), result });
                }
                Some(Job::Look) => {
                    self.finish();
                    let result = self.look(epoch);
                    self.answer(Receipt::Looked(result));
                }
                None if self.pending.is_some() => self.finish(),
                None => return,
            }
        }
    }

    fn answer(&self, receipt: Receipt) {
        // Nobody listens any more only when the pipeline is gone, and then nobody needs the receipt.
        let _ = self.outbox.send(receipt);
    }

    fn written(&self, (batch, begun): (Batch, Instant), result: Result<(), StoreError>) {
        self.answer(Receipt::Written { touched: batch.touched, took: begun.elapsed(), result });
    }

    /// The connection, opened if none is; an earlier failure stays until [`Job::Open`], so that whatever was queued
    /// behind it fails at once instead of waiting for a time-out each.
    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        if matches!(self.state, State::Closed) {
            self.state = match self.target.open().and_then(|c| self.try_fencing(c)) {
                Ok(connection) => State::Open(Box::new(connection)),
                Err(e) => State::Failed(e),
            };
        }
        match &mut self.state {
            State::Open(connection) => Ok(connection),
            State::Failed(e) => Err(e.clone()),
            State::Closed => Err(self.target.error(FailureClass::Unreachable, "not connected")),
        }
    }

    /// Fences need `WATCH`, `MULTI` and `EXEC`: were one of them refused in the middle of a batch, the rest would be
    /// executed unfenced. So they are tried first.
    fn try_fencing(&self, mut connection: Connection) -> Result<Connection, StoreError> {
        let fence = self.keys.fence();
        let mut bytes = Vec::new();
        command(&mut bytes, &[b"WATCH", fence.as_bytes()]);
        command(&mut bytes, &[b"GET", fence.as_bytes()]);
        command(&mut bytes, &[b"MULTI"]);
        command(&mut bytes, &[b"EXEC"]);
        connection.send_packed_command(&bytes).map_err(|e| self.target.failed(&e))?;
        for _ in 0..4 {
            match receive(&mut connection) {
                Err(e) if !is_wrong_type(&e) => return Err(self.target.failed(&e)),
                _ => {}
            }
        }
        Ok(connection)
    }

    fn fail(&mut self, error: StoreError) -> StoreError {
        // Dropping the connection makes the server discard whatever is queued but not yet executed.
        self.state = State::Failed(error.clone());
        error
    }

    /// Sends `batch` up to its `EXEC`, together with the `EXEC` of the one before.
    fn write(&mut self, batch: Batch, epoch: Epoch) {
        let begun = Instant::now();
        let waiting = self.pending.take();
        let from = if waiting.is_some() { 0 } else { EXEC_LEN };
        let target = self.target.clone();
        let sent =
            self.connection().and_then(|c| c.send_packed_command(&batch.bytes[from..]).map_err(|e| target.failed(&e)));
        if let Err(e) = sent {
            let e = self.fail(e);
            if let Some(waiting) = waiting {
                self.written(waiting, Err(e.clone()));
            }
            return self.written((batch, begun), Err(e));
        }
        if let Some(waiting) = waiting {
            let result = self.executed(&waiting.0);
            let failed = result.as_ref().err().cloned();
            self.written(waiting, result);
            if let Some(e) = failed {
                return self.written((batch, begun), Err(e));
            }
        }
        match self.fence_is(epoch) {
            Ok(()) => self.pending = Some((batch, begun)),
            Err(e) => {
                let e = self.fail(e);
                self.written((batch, begun), Err(e));
            }
        }
    }

    /// Executes the batch that waits, if one does.
    fn finish(&mut self) {
        let Some(waiting) = self.pending.take() else { return };
        let target = self.target.clone();
        let mut exec = Vec::with_capacity(EXEC_LEN);
        command(&mut exec, &[b"EXEC"]);
        let sent = self.connection().and_then(|c| c.send_packed_command(&exec).map_err(|e| target.failed(&e)));
        let result = match sent {
            Ok(()) => self.executed(&waiting.0),
            Err(e) => Err(self.fail(e)),
        };
        self.written(waiting, result);
    }

    /// Reads the answers to `WATCH` and `GET @fence`.
    fn fence_is(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        let target = self.target.clone();
        let connection = self.connection()?;
        receive(connection).map_err(|e| target.failed(&e))?;
        match receive(connection) {
            Ok(fence) => check_fence(&target, &fence, epoch),
            // No string in its place: it was overwritten, and the next takeover puts a new one there.
            Err(e) if is_wrong_type(&e) => Err(lost(&target)),
            Err(e) => Err(target.failed(&e)),
        }
    }

    /// Reads the answers to `MULTI`, the commands and `EXEC`.
    fn executed(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let (target, fence) = (self.target.clone(), self.keys.fence());
        let result = self.connection().and_then(|connection| {
            let mut refused = None;
            for _ in 0..=batch.commands {
                match receive(connection) {
                    Ok(_) => {}
                    Err(e) if e.is_io_error() => return Err(target.failed(&e)),
                    Err(e) => refused = refused.or(Some(e)),
                }
            }
            let answer = receive(connection);
            if let Some(e) = refused {
                return Err(target.failed(&e));
            }
            match answer.map_err(|e| target.failed(&e))? {
                // Somebody changed the fence: another writer, or a flush.
                Value::Nil => match redis::cmd("GET").arg(&fence).query(connection) {
                    Ok(Value::Nil) => Err(lost(&target)),
                    Ok(_) => Err(fenced(&target)),
                    Err(e) if is_wrong_type(&e) => Err(lost(&target)),
                    Err(e) => Err(target.failed(&e)),
                },

                Value::Array(answers) => answers.into_iter().try_for_each(|v| match v {
                    Value::ServerError(e) => Err(target.failed(&RedisError::from(e))),
                    _ => Ok(()),
                }),
                other => Err(target.error(FailureClass::Server, format!("EXEC answered {other:?}"))),
            }
        });
        result.map_err(|e| self.fail(e))
    }

    fn look(&mut self, epoch: Epoch) -> Result<(), StoreError> {
        let (target, fence) = (self.target.clone(), self.keys.fence());
        let result = self.connection().and_then(|connection| match redis::cmd("GET").arg(&fence).query(connection) {
            Ok(fence) => check_fence(&target, &fence, epoch),
            Err(e) if is_wrong_type(&e) => Err(lost(&target)),
            Err(e) => Err(target.failed(&e)),
        });
        result.map_err(|e| self.fail(e))
    }

    fn renew(&mut self, batch: &RenewBatch, epoch: Epoch) -> Result<Vec<Renewal>, StoreError> {
        let target = self.target.clone();
        let fence = self.keys.fence();
        let sha = self.renew_sha.take();
        let result = self.connection().and_then(|connection| {
            let failed = |e: RedisError| target.failed(&e);
            let sha = match sha {
                Some(sha) => sha,
                None => redis::cmd("SCRIPT").arg("LOAD").arg(scripts::RENEW).query(connection).map_err(failed)?,
            };
            let mut bytes = Vec::new();
            batch.encode(&mut bytes, &sha, &fence, epoch);
            connection.send_packed_command(&bytes).map_err(failed)?;
            let answer = receive(connection).map_err(failed)?;
            Ok((sha, answer))
        });
        let result = result.and_then(|(sha, answer)| {
            self.renew_sha = Some(sha);
            match answer {
                Value::Array(answers) => Ok(answers.iter().map(Renewal::from_value).collect()),
                Value::Int(-1) => Err(fenced(&target)),
                _ => Err(lost(&target)),
            }
        });
        result.map_err(|e| self.fail(e))
    }
}

/// One answer; an error that the server sent as an answer is an error here.
fn receive(connection: &mut Connection) -> Result<Value, RedisError> {
    match connection.recv_response()? {
        Value::ServerError(e) => Err(e.into()),
        value => Ok(value),
    }
}

fn check_fence(target: &Target, fence: &Value, epoch: Epoch) -> Result<(), StoreError> {
    match fence {
        Value::BulkString(text) if *text == epoch.0.to_string().into_bytes() => Ok(()),
        Value::Nil => Err(lost(target)),
        _ => Err(fenced(target)),
    }
}

fn fenced(target: &Target) -> StoreError {
    target.error(FailureClass::Fenced, "another writer took the lease over")
}

fn lost(target: &Target) -> StoreError {
    target.error(FailureClass::DataLost, "the fence is gone")
}
