//! The rights of the bridge to rq: a list of its own, for a user of its own. It must not send anything.

use super::{Dialect, blank};

/// A command of the bridge.
#[derive(Debug)]
pub struct BridgeGrant {
    /// In lower case.
    pub command: &'static str,
    /// What it is for.
    pub purpose: &'static str,
}

const fn grant(command: &'static str, purpose: &'static str) -> BridgeGrant {
    BridgeGrant { command, purpose }
}

/// Every command that the bridge uses.
pub static BRIDGE_GRANTS: &[BridgeGrant] = &[
    grant("lmove", "taking a job off one of several queues"),
    grant("blmove", "waiting for a job"),
    grant("lrem", "taking an id out of the intermediate queue"),
    grant("lpush", "putting a job back"),
    grant("rpush", "another try, and jobs that waited for this one"),
    grant("lrange", "looking for ids that a dead worker took"),
    grant("llen", "how many jobs wait, for metrics"),
    grant("hmget", "what a job says of itself"),
    grant("hget", "a job's data"),
    grant("hstrlen", "its size, before it is read"),
    grant("hset", "statuses, results, the worker's registration"),
    grant("hdel", "what is no longer so"),
    grant("hincrby", "counts of jobs"),
    grant("hincrbyfloat", "the worker's time at work"),
    grant("xadd", "results, where newer versions of rq look"),
    grant("del", "results that are not to be kept"),
    grant("expire", "TTLs of results and failures"),
    grant("pexpire", "the worker's life"),
    grant("persist", "a job under way does not expire"),
    grant("exists", "whether workers live, or are suspended"),
    grant("zadd", "registries"),
    grant("zrem", "registries"),
    grant("zrange", "looking for jobs of dead workers"),
    grant("sadd", "the lists of workers"),
    grant("srem", "the lists of workers"),
    grant("smembers", "jobs that wait for another one; dead workers"),
    grant("watch", "an end is told only by the run that may"),
    grant("unwatch", "the same"),
    grant("multi", "each step is one"),
    grant("exec", "each step is one"),
    grant("eval", "an id goes back into its queue only once"),
    grant("subscribe", "commands to the worker, such as to stop a job"),
    grant("ping", "a sign of life at every connect"),
];

/// The rules that make the user of a bridge which serves `queues`, with `select` and `role` where they are needed.
pub fn bridge_rules(queues: &[String], needs: &super::Needs, dialect: Dialect) -> Vec<String> {
    let mut rules = blank();
    rules.push("&rq:pubsub:ralphext.*".to_owned());
    // Jobs of all queues are named alike.
    for key in ["rq:job:*", "rq:results:*", "rq:execution:*", "rq:executions:*", "rq:worker:ralphext.*", "rq:workers"] {
        rules.push(format!("~{key}"));
    }
    for queue in queues {
        for kind in ["workers", "queue", "wip", "finished", "failed", "deferred", "scheduled"] {
            rules.push(format!("~rq:{kind}:{queue}"));
        }
        rules.push(format!("~rq:queue:{queue}:intermediate"));
    }
    rules.push(format!("{}rq:suspended", if dialect == Dialect::Seven { "%R~" } else { "~" }));
    rules.extend(BRIDGE_GRANTS.iter().map(|grant| format!("+{}", grant.command)));
    let more = [("+select", needs.database != 0), ("+role", needs.sentinel)];
    rules.extend(more.into_iter().filter(|(_, is_needed)| *is_needed).map(|(rule, _)| rule.to_owned()));
    rules
}
