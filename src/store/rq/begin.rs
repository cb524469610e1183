//! From an id in the intermediate queue to a job that has begun, in one step. It must not read a job's data.

use std::time::SystemTime;

use redis::RedisResult;

use super::{BEGUN, BEYOND, Desk, Live, RUN, TRIES, exec, lock, ms, seconds, stamp};
use crate::store::{FailureClass, StoreError, connection::Connection};

/// What became of an id.
#[derive(Debug)]
pub enum Begun {
    /// It runs.
    Job(Box<Run>),
    /// There is no such job any more, or it is over, or was cancelled: nothing is left to do.
    Gone,
}

/// A job that has begun.
#[derive(Debug)]
pub struct Run {
    /// Its queue.
    pub queue: String,
    /// Its id.
    pub id: String,
    /// This run's id, 32 hexadecimal digits.
    pub run: String,
    /// Its data; none where it is larger than allowed.
    pub data: Option<Vec<u8>>,
    /// How long it may take, in seconds, where it says so; less than 1 is for ever.
    pub timeout: Option<i64>,
    /// How often it was begun, this time included.
    pub begun: u32,
    /// What it asks for and is not done here, such as callbacks.
    pub unserved: Vec<&'static str>,
    pub(super) result_ttl: Option<i64>,
    pub(super) failure_ttl: Option<i64>,
    pub(super) newer: bool,
    pub(super) started: SystemTime,
}

/// The fields that are read, in order.
const FIELDS: [&str; 12] = [
    "status",
    "timeout",
    "result_ttl",
    "failure_ttl",
    "last_heartbeat",
    BEGUN,
    "success_callback_name",
    "failure_callback_name",
    "stopped_callback_name",
    "repeats_left",
    "rate_limit_key",
    "webhooks",
];

impl Desk {
    /// Begins the job `id`, taken from `queue`; its data is read if it has at most `max` bytes as it is stored.
    ///
    /// # Errors
    /// When Redis fails: then it may have begun or not, and is found again by [`Desk::recover`].
    pub fn begin(&self, queue: &str, id: &str, max: u64) -> Result<Begun, StoreError> {
        for _ in 0..TRIES {
            if let Some(begun) = self.call(|c| self.try_begin(c, queue, id, max))? {
                return Ok(begun);
            }
        }
        Err(self.target.error(FailureClass::Server, format!("job {id} changes all the time and cannot be begun")))
    }

    fn try_begin(&self, c: &mut Connection, queue: &str, id: &str, max: u64) -> RedisResult<Option<Begun>> {
        let (job, names) = (self.names.job(id), &self.names);
        let mut read = redis::pipe();
        read.cmd("WATCH").arg(&job).ignore();
        read.cmd("HMGET").arg(&job).arg(&FIELDS);
        read.cmd("HSTRLEN").arg(&job).arg("data");
        let (fields, size): (Vec<Option<String>>, u64) = read.query(c)?;
        let field = |at: usize| fields.get(at).and_then(Option::as_deref).filter(|text| !text.is_empty());
        let over = ["finished", "failed", "canceled", "stopped"];
        if size == 0 || field(0).is_some_and(|status| over.contains(&status)) {
            redis::pipe().cmd("UNWATCH").cmd("LREM").arg(names.intermediate(queue)).arg(1).arg(id).exec(c)?;
            return Ok(Some(Begun::Gone));
        }
        let data = if size <= max { Some(redis::cmd("HGET").arg(&job).arg("data").query(c)?) } else { None };
        let number = |at: usize| field(at).and_then(|text| text.parse::<i64>().ok());
        let run = Run {
            queue: queue.to_owned(),
            id: id.to_owned(),
            run: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
            data,
            timeout: number(1),
            begun: u32::try_from(number(5).unwrap_or(0)).unwrap_or(u32::MAX).saturating_add(1),
            unserved: (6..FIELDS.len()).filter(|at| field(*at).is_some()).map(|at| FIELDS[at]).collect(),
            result_ttl: number(2),
            failure_ttl: number(3),
            // Every newer rq writes this field, an empty one at first; 1.0 does not know it.
            newer: fields.get(4).is_some_and(Option::is_some),
            started: SystemTime::now(),
        };
        let live = self.live_of(&run);
        let mut pipe = redis::pipe();
        pipe.atomic();
        self.put_begin(&mut pipe, &run, &live);
        lock(&self.live).push(live);
        self.put_state(&mut pipe);
        match exec(&mut pipe, c) {
            Ok(Some(_)) => Ok(Some(Begun::Job(Box::new(run)))),
            other => {
                self.forget(&run.run);
                other.map(|_| None)
            }
        }
    }

    fn live_of(&self, run: &Run) -> Live {
        let member = if run.newer { format!("{}:{}", run.id, run.run) } else { run.id.clone() };
        let (queue, id) = (run.queue.clone(), run.id.clone());
        Live { queue, id, run: run.run.clone(), member, newer: run.newer, started: run.started }
    }

    fn put_begin(&self, pipe: &mut redis::Pipeline, run: &Run, live: &Live) {
        let (names, now) = (&self.names, stamp(run.started));
        let job = names.job(&run.id);
        pipe.cmd("HSET").arg(&job).arg(&[("status", "started"), ("started_at", &now)]);
        pipe.cmd("HSET").arg(&job).arg(&[("worker_name", self.settings.name.as_str()), (RUN, &run.run)]);
        pipe.cmd("HINCRBY").arg(&job).arg(BEGUN).arg(1);
        if run.newer {
            pipe.cmd("HSET").arg(&job).arg("last_heartbeat").arg(&now);
            self.put_execution(pipe, live);
            pipe.cmd("SADD").arg(names.worker_executions()).arg(&live.member);
            pipe.cmd("PEXPIRE").arg(names.worker_executions()).arg(ms(self.settings.life + BEYOND));
        }
        pipe.cmd("PERSIST").arg(&job);
        pipe.cmd("ZADD").arg(names.registry("wip", &run.queue)).arg(self.until()).arg(&live.member);
        pipe.cmd("LREM").arg(names.intermediate(&run.queue)).arg(1).arg(&run.id);
    }

    /// A run as rq 2 and later know it.
    pub(super) fn put_execution(&self, pipe: &mut redis::Pipeline, live: &Live) {
        let key = self.names.execution(&live.id, &live.run);
        let life = ms(self.settings.life + BEYOND);
        pipe.cmd("HSET").arg(&key).arg(&[
            ("id", live.run.as_str()),
            ("job_id", &live.id),
            ("created_at", &seconds(live.started).to_string()),
            ("last_heartbeat", &seconds(SystemTime::now()).to_string()),
            ("worker_name", &self.settings.name),
        ]);
        pipe.cmd("PEXPIRE").arg(&key).arg(life);
        pipe.cmd("ZADD").arg(self.names.executions(&live.id)).arg(self.until()).arg(&live.run);
        pipe.cmd("PEXPIRE").arg(self.names.executions(&live.id)).arg(life);
    }
}
