//! rq's keys, as versions 1.0 to the newest read and write them, for a worker that is no Python. It must not know what a job's
//! data or result means, nor who does it.
//!
//! A job's id goes from its queue to `rq:queue:<q>:intermediate` in one step, and from there, in another one, into `rq:wip:<q>`
//! with the job marked as started: wherever the process is killed, the id stands in one of the three. What was begun carries
//! the id of that run (`ralphext_run`); an end that another run has overtaken is dropped.

mod beat;
mod begin;
mod commands;
mod dependents;
mod end;
mod names;
mod recover;
mod take;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use redis::{RedisResult, Value};

pub use self::{
    begin::{Begun, Run},
    commands::{Command, Commands},
    end::Ended,
    recover::Recovered,
    take::{Taken, Taker},
};
use self::{names::Names, recover::Seen};
use super::{StoreError, Target, connection::Connection};

/// The name that every bridge's worker begins with: so they know each other, and an access list knows them.
pub const FAMILY: &str = "ralphext.";
/// The field of a job that names the run that may end it.
const RUN: &str = "ralphext_run";
/// The field of a job that counts how often it was begun.
const BEGUN: &str = "ralphext_begun";
/// How long a job stays in `rq:wip` beyond the life of its worker: rq's own clean-up comes after ours.
const BEYOND: Duration = Duration::from_secs(60);
/// How often a step is tried again when somebody changed the job meanwhile.
const TRIES: usize = 20;

/// What a worker is to rq.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Its name, which begins with [`FAMILY`].
    pub name: String,
    /// The host's name.
    pub host: String,
    /// The queues that it serves.
    pub queues: Vec<String>,
    /// How long it lives without a heartbeat.
    pub life: Duration,
    /// Default of results' TTL in seconds.
    pub result_ttl: i64,
    /// Default of failures' TTL in seconds.
    pub failure_ttl: i64,
    /// How often a job is begun before it fails as abandoned.
    pub attempts: u32,
}

/// A job under way.
#[derive(Debug, Clone)]
struct Live {
    queue: String,
    id: String,
    run: String,
    /// Its entry in `rq:wip`.
    member: String,
    newer: bool,
    started: SystemTime,
}

/// A worker's registration and books. All of its calls block; each is one step on the server, or leaves nothing behind.
pub struct Desk {
    target: Target,
    names: Names,
    settings: WorkerSettings,
    birth: String,
    connection: Mutex<Option<Connection>>,
    live: Mutex<Vec<Live>>,
    seen: Mutex<Seen>,
    suspended: Mutex<bool>,
}

impl Desk {
    /// Nothing is sent yet.
    pub fn new(target: Target, settings: WorkerSettings) -> Self {
        Self {
            target,
            names: Names { worker: settings.name.clone() },
            settings,
            birth: stamp(SystemTime::now()),
            connection: Mutex::default(),
            live: Mutex::default(),
            seen: Mutex::default(),
            suspended: Mutex::default(),
        }
    }

    /// How many jobs are under way.
    pub fn running(&self) -> usize {
        lock(&self.live).len()
    }

    /// How many jobs wait in each queue (`LLEN`).
    ///
    /// # Errors
    /// When Redis fails.
    pub fn waiting(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.call(|c| {
            let count = |queue: &String| {
                let count = redis::cmd("LLEN").arg(self.names.queue(queue)).query::<u64>(c)?;
                Ok((queue.clone(), count))
            };
            self.settings.queues.iter().map(count).collect()
        })
    }

    /// Does `what` on the connection, which is opened if there is none, and dropped with whatever it watches after an error.
    fn call<T>(&self, what: impl FnOnce(&mut Connection) -> RedisResult<T>) -> Result<T, StoreError> {
        let mut held = lock(&self.connection);
        let mut connection = match held.take() {
            Some(connection) => connection,
            None => {
                self.target.forget();
                self.target.open()?
            }
        };
        match what(&mut connection) {
            Ok(done) => {
                *held = Some(connection);
                Ok(done)
            }
            Err(e) => Err(self.target.failed(&e)),
        }
    }

    /// The last word of a worker's hash on what it is doing.
    fn put_state(&self, pipe: &mut redis::Pipeline) {
        let live = lock(&self.live);
        let key = self.names.worker();
        let state = match live.first() {
            Some(_) => "busy",
            None if *lock(&self.suspended) => "suspended",
            None => "idle",
        };
        pipe.cmd("HSET").arg(&key).arg("state").arg(state);
        match live.first() {
            Some(first) => pipe.cmd("HSET").arg(&key).arg("current_job").arg(&first.id),
            None => pipe.cmd("HDEL").arg(&key).arg("current_job"),
        };
    }

    fn forget(&self, run: &str) -> Option<Live> {
        let mut live = lock(&self.live);
        let at = live.iter().position(|one| one.run == run)?;
        Some(live.remove(at))
    }

    /// When an entry in `rq:wip` is abandoned to everybody, in unix seconds.
    fn until(&self) -> f64 {
        seconds(SystemTime::now() + self.settings.life + BEYOND)
    }
}

/// Sends a transaction; none where what was watched has changed.
fn exec(pipe: &mut redis::Pipeline, connection: &mut Connection) -> RedisResult<Option<Vec<Value>>> {
    pipe.query(connection)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A point in time as rq writes it: `2026-11-23T23:33:22.123456Z`.
fn stamp(at: SystemTime) -> String {
    humantime::format_rfc3339_micros(at).to_string()
}

fn seconds(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Whole milliseconds for `PEXPIRE`.
fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
