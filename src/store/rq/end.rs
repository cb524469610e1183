//! The end of a run: its result or failure into all places where one version or another of rq looks for it, in one step. It
//! must not know what a result means.

use std::{io::Write, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use redis::RedisResult;

use super::{
    BEGUN, Desk, Live, RUN, Run, TRIES,
    dependents::{self, Dependents},
    exec, lock, seconds, stamp,
};
use crate::store::{FailureClass, StoreError, connection::Connection};

/// What became of the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It is told; with the jobs that waited for this one, stand in queues that are not served here, and still wait.
    Told(Vec<String>),
    /// It failed, and is to be tried again, as it asks for.
    Retried,
    /// It was cancelled or taken over meanwhile: what came of this run is dropped.
    Dropped,
}

/// The end of a run.
enum End<'a> {
    Result(&'a [u8]),
    Failure { why: &'a str, is_stopped: bool },
    Back,
}

impl Desk {
    /// Tells the result, as the job's serializer has it.
    ///
    /// # Errors
    /// When Redis fails: to be told again.
    pub fn succeed(&self, run: &Run, result: &[u8]) -> Result<Ended, StoreError> {
        self.end(run, &End::Result(result))
    }

    /// Tells why it failed; with `is_stopped`, that somebody stopped it.
    ///
    /// # Errors
    /// When Redis fails: to be told again.
    pub fn fail(&self, run: &Run, why: &str, is_stopped: bool) -> Result<Ended, StoreError> {
        self.end(run, &End::Failure { why, is_stopped })
    }

    /// Puts the job back to the front of its queue, as if it had not been begun.
    ///
    /// # Errors
    /// When Redis fails: then it is found by who looks for abandoned jobs.
    pub fn put_back(&self, run: &Run) -> Result<Ended, StoreError> {
        self.end(run, &End::Back)
    }

    /// Puts an id back that was taken and not begun.
    ///
    /// # Errors
    /// When Redis fails: then it stays in the intermediate queue, and is found there.
    pub fn return_id(&self, queue: &str, id: &str) -> Result<(), StoreError> {
        self.call(|c| {
            let mut pipe = redis::pipe();
            pipe.atomic().cmd("LREM").arg(self.names.intermediate(queue)).arg(1).arg(id);
            pipe.cmd("LPUSH").arg(self.names.queue(queue)).arg(id);
            pipe.exec(c)
        })
    }

    fn end(&self, run: &Run, end: &End<'_>) -> Result<Ended, StoreError> {
        for _ in 0..TRIES {
            if let Some(ended) = self.call(|c| self.try_end(c, run, end))? {
                return Ok(ended);
            }
        }
        Err(self.target.error(FailureClass::Server, format!("job {} changes all the time and cannot be ended", run.id)))
    }

    fn try_end(&self, c: &mut Connection, run: &Run, end: &End<'_>) -> RedisResult<Option<Ended>> {
        let job = self.names.job(&run.id);
        redis::cmd("WATCH").arg(&job).arg(self.names.dependents(&run.id)).exec(c)?;
        let fields = ["status", RUN, "retries_left", "retry_intervals"];
        let fields: Vec<Option<String>> = redis::cmd("HMGET").arg(&job).arg(&fields).query(c)?;
        let field = |at: usize| fields.get(at).and_then(Option::as_deref);
        let is_ours = field(0) == Some("started") && field(1) == Some(&run.run);
        let dependents = match end {
            _ if !is_ours => Dependents::default(),
            End::Back => Dependents::default(),
            End::Result(_) => dependents::of(self, c, &run.id, true)?,
            End::Failure { .. } => dependents::of(self, c, &run.id, false)?,
        };
        let Some(live) = lock(&self.live).iter().find(|live| live.run == run.run).cloned() else {
            redis::cmd("UNWATCH").exec(c)?;
            return Ok(Some(Ended::Dropped));
        };
        let mut pipe = redis::pipe();
        pipe.atomic();
        let mut ended = Ended::Told(dependents.elsewhere.clone());
        match end {
            _ if !is_ours => ended = Ended::Dropped,
            End::Back => self.put_queued(&mut pipe, run, true),
            End::Result(result) => self.put_result(&mut pipe, run, result),
            End::Failure { why, is_stopped } => match retry(field(2), field(3)).filter(|_| !is_stopped) {
                Some(retry) => {
                    self.put_retry(&mut pipe, run, &retry);
                    ended = Ended::Retried;
                }
                None => self.put_failure(&mut pipe, run, why, *is_stopped),
            },
        }
        if ended != Ended::Retried {
            dependents.put(self, &mut pipe, &run.id);
        }
        self.put_over(&mut pipe, &live);
        if is_ours && !matches!(end, End::Back) {
            let count = if matches!(end, End::Result(_)) { "successful_job_count" } else { "failed_job_count" };
            pipe.cmd("HINCRBY").arg(self.names.worker()).arg(count).arg(1);
            let took = run.started.elapsed().unwrap_or_default().as_secs_f64();
            pipe.cmd("HINCRBYFLOAT").arg(self.names.worker()).arg("total_working_time").arg(took);
        }
        self.forget(&run.run);
        self.put_state(&mut pipe);
        match exec(&mut pipe, c) {
            Ok(Some(_)) => Ok(Some(ended)),
            other => {
                // It is still under way.
                lock(&self.live).push(live);
                other.map(|_| None)
            }
        }
    }

    /// Takes a run out of the registries of what is under way.
    pub(super) fn put_over(&self, pipe: &mut redis::Pipeline, live: &Live) {
        pipe.cmd("ZREM").arg(self.names.registry("wip", &live.queue)).arg(&live.member);
        if live.newer {
            pipe.cmd("DEL").arg(self.names.execution(&live.id, &live.run));
            pipe.cmd("ZREM").arg(self.names.executions(&live.id)).arg(&live.run);
            pipe.cmd("SREM").arg(self.names.worker_executions()).arg(&live.member);
        }
    }

    fn put_result(&self, pipe: &mut redis::Pipeline, run: &Run, result: &[u8]) {
        let names = &self.names;
        let job = names.job(&run.id);
        let ttl = run.result_ttl.unwrap_or(self.settings.result_ttl);
        if ttl == 0 {
            pipe.cmd("DEL").arg(&job).arg(names.dependents(&run.id)).arg(names.results(&run.id));
            return;
        }
        let now = SystemTime::now();
        pipe.cmd("HSET").arg(&job).arg(&[("status", "finished"), ("ended_at", &stamp(now))]);
        pipe.cmd("HSET").arg(&job).arg("result").arg(result);
        pipe.cmd("HDEL").arg(&job).arg("exc_info").arg(BEGUN);
        if run.newer {
            self.put_stream(pipe, run, now, 1, ("return_value", STANDARD.encode(result)), ttl);
        }
        expire(pipe, &job, ttl);
        // The registry takes what never goes for infinite.
        let score = if ttl < 0 { f64::INFINITY } else { seconds(now) + ttl as f64 };
        pipe.cmd("ZADD").arg(names.registry("finished", &run.queue)).arg(score).arg(&run.id);
    }

    fn put_failure(&self, pipe: &mut redis::Pipeline, run: &Run, why: &str, is_stopped: bool) {
        let ttl = run.failure_ttl.unwrap_or(self.settings.failure_ttl);
        self.put_failed(pipe, &run.queue, &run.id, why, if is_stopped { "stopped" } else { "failed" }, ttl);
        if run.newer {
            let told = ("exc_string", STANDARD.encode(packed(why)));
            self.put_stream(pipe, run, SystemTime::now(), 2, told, ttl);
        }
    }

    /// A failure as every version reads it.
    pub(super) fn put_failed(
        &self,
        pipe: &mut redis::Pipeline,
        queue: &str,
        id: &str,
        why: &str,
        status: &str,
        ttl: i64,
    ) {
        let (job, now) = (self.names.job(id), SystemTime::now());
        pipe.cmd("HSET").arg(&job).arg(&[("status", status), ("ended_at", &stamp(now))]);
        pipe.cmd("HSET").arg(&job).arg("exc_info").arg(packed(why));
        pipe.cmd("HDEL").arg(&job).arg("result").arg(BEGUN);
        expire(pipe, &job, ttl);
        let score = if ttl < 0 { f64::INFINITY } else { seconds(now) + ttl as f64 };
        pipe.cmd("ZADD").arg(self.names.registry("failed", queue)).arg(score).arg(id);
    }

    /// An entry in the stream of results, where rq 1.12 and later look.
    fn put_stream(
        &self,
        pipe: &mut redis::Pipeline,
        run: &Run,
        now: SystemTime,
        kind: u8,
        told: (&str, String),
        ttl: i64,
    ) {
        let key = self.names.results(&run.id);
        pipe.cmd("XADD").arg(&key).arg("MAXLEN").arg(10).arg("*").arg("type").arg(kind);
        pipe.arg("worker_name").arg(&self.settings.name).arg(told.0).arg(told.1).arg("execution_id").arg(&run.run);
        pipe.arg("execution_started_at").arg(seconds(run.started)).arg("execution_ended_at").arg(seconds(now));
        expire(pipe, &key, ttl);
    }

    /// Back into the queue.
    pub(super) fn put_queued(&self, pipe: &mut redis::Pipeline, run: &Run, is_front: bool) {
        let job = self.names.job(&run.id);
        pipe.cmd("HSET").arg(&job).arg(&[("status", "queued"), ("enqueued_at", &stamp(SystemTime::now()))]);
        pipe.cmd("HDEL").arg(&job).arg(RUN);
        if is_front {
            // It was stopped by our own end, which is no attempt.
            pipe.cmd("HINCRBY").arg(&job).arg(BEGUN).arg(-1);
        }
        pipe.cmd(if is_front { "LPUSH" } else { "RPUSH" }).arg(self.names.queue(&run.queue)).arg(&run.id);
    }

    fn put_retry(&self, pipe: &mut redis::Pipeline, run: &Run, retry: &Retry) {
        let job = self.names.job(&run.id);
        pipe.cmd("HSET").arg(&job).arg("retries_left").arg(retry.left);
        pipe.cmd("HDEL").arg(&job).arg(BEGUN);
        if retry.after == 0 {
            return self.put_queued(pipe, run, false);
        }
        pipe.cmd("HSET").arg(&job).arg("status").arg("scheduled");
        let at = seconds(SystemTime::now()) as i64 + retry.after;
        pipe.cmd("ZADD").arg(self.names.registry("scheduled", &run.queue)).arg(at).arg(&run.id);
    }
}

/// Another try that a job asked for.
struct Retry {
    /// How many are left after it.
    left: i64,
    /// Seconds until it.
    after: i64,
}

fn retry(left: Option<&str>, intervals: Option<&str>) -> Option<Retry> {
    let left: i64 = left?.parse().ok().filter(|left| *left > 0)?;
    let intervals: Vec<i64> = intervals.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let at = (intervals.len() as i64 - left).max(0);
    let after = usize::try_from(at).ok().and_then(|at| intervals.get(at)).copied().unwrap_or(0).max(0);
    Some(Retry { left: left - 1, after })
}

fn expire(pipe: &mut redis::Pipeline, key: &str, ttl: i64) {
    match ttl {
        ..0 => pipe.cmd("PERSIST").arg(key),
        ttl => pipe.cmd("EXPIRE").arg(key).arg(ttl),
    };
}

/// As rq stores texts of failures.
pub(super) fn packed(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(text.as_bytes());
    encoder.finish().unwrap_or_default()
}
