//! The worker's signs of life: its registration, its heartbeat, that of its jobs, its end. It must not begin or end a job.

use std::time::SystemTime;

use super::{BEYOND, Desk, RUN, lock, ms, names::WORKERS, stamp};
use crate::store::StoreError;

impl Desk {
    /// Registers the worker, or says that it still lives; the runs that are nobody's business any more, as their job was
    /// cancelled, removed or taken over.
    ///
    /// # Errors
    /// When Redis fails.
    pub fn beat(&self) -> Result<Vec<String>, StoreError> {
        let live = lock(&self.live).clone();
        let mut pipe = redis::pipe();
        for one in &live {
            pipe.cmd("HMGET").arg(self.names.job(&one.id)).arg("status").arg(RUN);
            pipe.cmd("ZADD").arg(self.names.registry("wip", &one.queue)).arg("XX").arg(self.until()).arg(&one.member);
            pipe.ignore();
        }
        type Words = (Option<String>, Option<String>);
        let told: Vec<Words> = if live.is_empty() { Vec::new() } else { self.call(|c| pipe.query(c))? };
        let is_ours =
            |words: &Words, run: &str| words.0.as_deref() == Some("started") && words.1.as_deref() == Some(run);
        let mut pipe = redis::pipe();
        self.put_life(&mut pipe);
        let mut lost = Vec::new();
        for (one, words) in live.iter().zip(&told) {
            match is_ours(words, &one.run) {
                true if one.newer => self.put_execution(&mut pipe, one),
                true => {}
                false => lost.push(one.run.clone()),
            }
        }
        self.call(|c| pipe.exec(c))?;
        // What ended meanwhile is not lost.
        let still = lock(&self.live);
        lost.retain(|run| still.iter().any(|one| one.run == *run));
        Ok(lost)
    }

    /// Tells that `rq suspend` is heeded, or over.
    ///
    /// # Errors
    /// When Redis fails.
    pub fn suspend(&self, is_suspended: bool) -> Result<(), StoreError> {
        if std::mem::replace(&mut *lock(&self.suspended), is_suspended) == is_suspended {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        pipe.atomic();
        self.put_state(&mut pipe);
        self.call(|c| pipe.exec(c))
    }

    /// Takes the worker out of rq's books.
    ///
    /// # Errors
    /// When Redis fails: its key expires by itself.
    pub fn leave(&self) -> Result<(), StoreError> {
        let (key, names) = (self.names.worker(), &self.names);
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("SREM").arg(WORKERS).arg(&key);
        for queue in &self.settings.queues {
            pipe.cmd("SREM").arg(names.workers_of(queue)).arg(&key);
        }
        pipe.cmd("HSET").arg(&key).arg("death").arg(stamp(SystemTime::now()));
        pipe.cmd("EXPIRE").arg(&key).arg(60);
        pipe.cmd("DEL").arg(names.worker_executions());
        self.call(|c| pipe.exec(c))
    }

    /// All of it each time: whatever was lost is there again.
    fn put_life(&self, pipe: &mut redis::Pipeline) {
        let (key, names) = (self.names.worker(), &self.names);
        let pid = std::process::id().to_string();
        pipe.cmd("HSET").arg(&key).arg(&[
            ("birth", self.birth.as_str()),
            ("last_heartbeat", &stamp(SystemTime::now())),
            ("queues", &self.settings.queues.join(",")),
            ("pid", &pid),
            ("hostname", &self.settings.host),
            ("ip_address", ""),
            ("version", env!("CARGO_PKG_VERSION")),
            ("python_version", "none: ralphext bridge"),
        ]);
        self.put_state(pipe);
        pipe.cmd("PEXPIRE").arg(&key).arg(ms(self.settings.life));
        pipe.cmd("PEXPIRE").arg(names.worker_executions()).arg(ms(self.settings.life + BEYOND));
        pipe.cmd("SADD").arg(WORKERS).arg(&key);
        for queue in &self.settings.queues {
            pipe.cmd("SADD").arg(names.workers_of(queue)).arg(&key);
        }
    }
}
