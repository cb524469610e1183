//! Jobs that wait for another one (`depends_on`). It must not know how the other one ended but whether well.

use std::time::SystemTime;

use redis::RedisResult;

use super::{Desk, stamp};
use crate::store::connection::Connection;

/// Those that need wait no longer.
#[derive(Debug, Default)]
pub(super) struct Dependents {
    here: Vec<Ready>,
    /// In queues that are not served here: nothing may be put there.
    pub(super) elsewhere: Vec<String>,
}

#[derive(Debug)]
struct Ready {
    id: String,
    queue: String,
    is_front: bool,
}

/// Who waits for the job `id` alone, now that it has ended; all that is read is watched.
pub(super) fn of(desk: &Desk, c: &mut Connection, id: &str, well: bool) -> RedisResult<Dependents> {
    let ids: Vec<String> = redis::cmd("SMEMBERS").arg(desk.names.dependents(id)).query(c)?;
    let mut found = Dependents::default();
    for dependent in ids {
        let job = desk.names.job(&dependent);
        redis::cmd("WATCH").arg(&job).exec(c)?;
        let fields =
            ["status", "origin", "dependency_ids", "dependency_id", "allow_dependency_failures", "enqueue_at_front"];
        let fields: Vec<Option<String>> = redis::cmd("HMGET").arg(&job).arg(&fields).query(c)?;
        let field = |at: usize| fields.get(at).and_then(Option::as_deref);
        let allows = field(4) == Some("1");
        let (Some("deferred"), Some(queue)) = (field(0), field(1)) else { continue };
        if !well && !allows {
            continue;
        }
        let several = field(2).and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
        let awaited = several.unwrap_or_else(|| field(3).map(str::to_owned).into_iter().collect());
        let mut is_ready = true;
        for other in awaited.iter().filter(|other| *other != id) {
            let status: Option<String> = redis::cmd("HGET").arg(desk.names.job(other)).arg("status").query(c)?;
            is_ready &= match status.as_deref() {
                Some("finished") => true,
                Some("failed" | "stopped" | "canceled") => allows,
                _ => false,
            };
        }
        if !is_ready {
            continue;
        }
        if desk.settings.queues.iter().any(|served| served == queue) {
            let (queue, is_front) = (queue.to_owned(), field(5) == Some("1"));
            found.here.push(Ready { id: dependent, queue, is_front });
        } else {
            found.elsewhere.push(dependent);
        }
    }
    Ok(found)
}

impl Dependents {
    /// Puts those into their queues that can be.
    pub(super) fn put(&self, desk: &Desk, pipe: &mut redis::Pipeline, of: &str) {
        for ready in &self.here {
            let job = desk.names.job(&ready.id);
            pipe.cmd("ZREM").arg(desk.names.registry("deferred", &ready.queue)).arg(&ready.id);
            pipe.cmd("HSET").arg(&job).arg(&[("status", "queued"), ("enqueued_at", &stamp(SystemTime::now()))]);
            let push = if ready.is_front { "LPUSH" } else { "RPUSH" };
            pipe.cmd(push).arg(desk.names.queue(&ready.queue)).arg(&ready.id);
            pipe.cmd("SREM").arg(desk.names.dependents(of)).arg(&ready.id);
        }
    }
}
