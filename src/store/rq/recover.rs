//! Jobs whose worker died: found in the intermediate queue or in `rq:wip`, and put back or failed. It must not touch what a
//! living worker has.

use std::{
    collections::HashMap,
    time::{Instant, SystemTime},
};

use redis::RedisResult;

use super::{
    BEGUN, Desk, FAMILY, RUN, exec, lock,
    names::{WORKER, WORKERS},
    seconds, stamp,
};
use crate::store::{StoreError, connection::Connection};

/// Most entries that are looked at in one round.
const ROUND: isize = 1000;

/// Ids in intermediate queues, and since when they stand there as far as is known.
pub(super) type Seen = HashMap<(String, String), Instant>;

/// Moves an id back, if it is still there.
const PUT_BACK: &str = "if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end\n\
    redis.call('LPUSH', KEYS[2], ARGV[1])\nreturn 1";

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Jobs that are in their queue again.
    pub requeued: Vec<String>,
    /// Jobs that failed as abandoned.
    pub failed: Vec<String>,
}

/// What is known of an entry in `rq:wip`.
struct Entry {
    queue: String,
    member: String,
    id: String,
    expired: bool,
}

impl Desk {
    /// One round over all queues. `in_hand` are ids that were taken here and are about to begin.
    ///
    /// # Errors
    /// When Redis fails; the next round goes on.
    pub fn recover(&self, in_hand: &[String]) -> Result<Recovered, StoreError> {
        let mut found = Recovered::default();
        for queue in &self.settings.queues {
            self.call(|c| self.stuck(c, queue, in_hand, &mut found))?;
            for entry in self.call(|c| self.under_way(c, queue))? {
                self.call(|c| self.abandoned(c, &entry, &mut found))?;
            }
            self.call(|c| self.dead_workers(c, queue))?;
        }
        Ok(found)
    }

    /// Ids that were taken and not begun for longer than any worker needs for that.
    fn stuck(&self, c: &mut Connection, queue: &str, in_hand: &[String], found: &mut Recovered) -> RedisResult<()> {
        let key = self.names.intermediate(queue);
        let ids: Vec<String> = redis::cmd("LRANGE").arg(&key).arg(0).arg(ROUND).query(c)?;
        let mut seen = lock(&self.seen);
        seen.retain(|(of, id), _| of != queue || ids.contains(id));
        for id in ids.into_iter().filter(|id| !in_hand.contains(id)) {
            let since = *seen.entry((queue.to_owned(), id.clone())).or_insert_with(Instant::now);
            if since.elapsed() < self.settings.life {
                continue;
            }
            let mut script = redis::cmd("EVAL");
            script.arg(PUT_BACK).arg(2).arg(&key).arg(self.names.queue(queue)).arg(&id);
            if script.query::<bool>(c)? {
                seen.remove(&(queue.to_owned(), id.clone()));
                found.requeued.push(id);
            }
        }
        Ok(())
    }

    /// What others have under way.
    fn under_way(&self, c: &mut Connection, queue: &str) -> RedisResult<Vec<Entry>> {
        let key = self.names.registry("wip", queue);
        let all: Vec<(String, f64)> = redis::cmd("ZRANGE").arg(&key).arg(0).arg(ROUND).arg("WITHSCORES").query(c)?;
        let (now, own) = (seconds(SystemTime::now()), lock(&self.live));
        let others = all.into_iter().filter(|(member, _)| !own.iter().any(|one| one.member == *member));
        Ok(others
            .map(|(member, score)| {
                let id = member.split_once(':').map_or(member.as_str(), |(id, _)| id).to_owned();
                Entry { queue: queue.to_owned(), id, expired: score < now, member }
            })
            .collect())
    }

    fn abandoned(&self, c: &mut Connection, entry: &Entry, found: &mut Recovered) -> RedisResult<()> {
        let job = self.names.job(&entry.id);
        let fields = ["status", "worker_name", RUN, BEGUN, "failure_ttl", "data"];
        redis::cmd("WATCH").arg(&job).exec(c)?;
        let told: Vec<Option<String>> = redis::cmd("HMGET").arg(&job).arg(&fields[..5]).query(c)?;
        let field = |at: usize| told.get(at).and_then(Option::as_deref);
        let ours = field(1).filter(|worker| worker.starts_with(FAMILY));
        let is_dead = match ours {
            // Its own name: another process of the same would have another one, so nobody is at work on it here.
            Some(worker) => {
                *worker == self.settings.name
                    || !redis::cmd("EXISTS").arg(format!("{WORKER}{worker}")).query::<bool>(c)?
            }
            None => entry.expired,
        };
        // Begun anew meanwhile, by a run that has an entry of its own.
        let is_old = entry.member.split_once(':').is_some_and(|(_, run)| ours.is_some() && field(2) != Some(run));
        if !is_dead && !is_old || is_old && !entry.expired {
            return redis::cmd("UNWATCH").exec(c);
        }
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("ZREM").arg(self.names.registry("wip", &entry.queue)).arg(&entry.member);
        let begun = field(3).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
        let mut into = None;
        if field(0) == Some("started") && !is_old {
            if ours.is_some() && begun < self.settings.attempts {
                pipe.cmd("HSET").arg(&job).arg(&[("status", "queued"), ("enqueued_at", &stamp(SystemTime::now()))]);
                pipe.cmd("HDEL").arg(&job).arg(RUN);
                pipe.cmd("LPUSH").arg(self.names.queue(&entry.queue)).arg(&entry.id);
                into = Some(&mut found.requeued);
            } else {
                let ttl = field(4).and_then(|text| text.parse().ok()).unwrap_or(self.settings.failure_ttl);
                self.put_failed(&mut pipe, &entry.queue, &entry.id, &abandoned(field(1), begun), "failed", ttl);
                into = Some(&mut found.failed);
            }
        }
        if exec(&mut pipe, c)?.is_some()
            && let Some(into) = into
        {
            into.push(entry.id.clone());
        }
        Ok(())
    }

    /// Bridges that are gone do not stay in the lists of workers.
    fn dead_workers(&self, c: &mut Connection, queue: &str) -> RedisResult<()> {
        let key = self.names.workers_of(queue);
        let workers: Vec<String> = redis::cmd("SMEMBERS").arg(&key).query(c)?;
        let family = format!("{WORKER}{FAMILY}");
        for worker in workers.iter().filter(|worker| worker.starts_with(&family)) {
            if !redis::cmd("EXISTS").arg(worker).query::<bool>(c)? {
                redis::pipe().cmd("SREM").arg(&key).arg(worker).cmd("SREM").arg(WORKERS).arg(worker).exec(c)?;
            }
        }
        Ok(())
    }
}

fn abandoned(worker: Option<&str>, begun: u32) -> String {
    let worker = worker.filter(|name| !name.is_empty()).unwrap_or("a worker that did not say its name");
    let times = match begun {
        0 | 1 => String::new(),
        n => format!(" (it was begun {n} times)"),
    };
    format!("AbandonedJobError: the job was abandoned: {worker} died over it{times}")
}
