//! What is told to a worker from outside (`rq:pubsub:<worker>`): stop a job, shut down. It must not do it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use redis::Value;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::names::Names;
use crate::store::{StoreError, Target};

/// How often the listener looks whether it should end.
const LOOK: Duration = Duration::from_millis(500);

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `send_stop_job_command`: stop the job of this id.
    StopJob(String),
    /// `send_stop_execution_command`: stop this run.
    StopRun(String),
    /// `send_kill_horse_command`: kill whatever runs, which is a failure.
    Kill,
    /// `send_shutdown_command`.
    Shutdown,
}

#[derive(Deserialize)]
struct Payload {
    command: String,
    job_id: Option<String>,
    execution_id: Option<String>,
}

/// A listener's end to take commands from; dropping it ends the listener within a second.
#[derive(Debug)]
pub struct Commands {
    /// Lossy: what is told while nobody listens is lost, as with rq's own workers.
    pub told: mpsc::Receiver<Command>,
    stop: Arc<AtomicBool>,
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Commands {
    /// Listens on a thread of its own (`SUBSCRIBE`).
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn listen(target: Target, worker: String) -> std::io::Result<Self> {
        let (tx, told) = mpsc::channel(64);
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        thread::Builder::new().name("rq-commands".into()).spawn(move || {
            let is_over = || ended.load(Ordering::Relaxed) || tx.is_closed();
            while !is_over() {
                if let Err(error) = listen(&target, &worker, &tx, &is_over) {
                    tracing::debug!(%error, "commands to the worker are not heard; trying again");
                }
                // Redis' state is told where jobs are taken.
                thread::sleep(LOOK);
            }
        })?;
        Ok(Self { told, stop })
    }
}

fn listen(
    target: &Target,
    worker: &str,
    tx: &mpsc::Sender<Command>,
    is_over: &impl Fn() -> bool,
) -> Result<(), StoreError> {
    let mut connection = target.open()?;
    connection.say(&[b"SUBSCRIBE", Names::channel(worker).as_bytes()])?;
    while !is_over() {
        let Some(message) = connection.message_within(LOOK).map_err(|e| target.failed(&e))? else { continue };
        if let Some(command) = read(&message)
            && tx.blocking_send(command).is_err()
        {
            break;
        }
    }
    Ok(())
}

fn read(message: &Value) -> Option<Command> {
    let Value::Array(parts) = message else { return None };
    let [_, _, Value::BulkString(payload)] = parts.as_slice() else { return None };
    let Payload { command, job_id, execution_id } = serde_json::from_slice(payload).ok()?;
    match command.as_str() {
        "stop-job" => job_id.map(Command::StopJob),
        "stop-execution" => execution_id.map(Command::StopRun),
        "kill-horse" => Some(Command::Kill),
        "shutdown" => Some(Command::Shutdown),
        _ => None,
    }
}
