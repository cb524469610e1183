//! The names of rq's keys. It must not send anything.

/// The keys as seen by one worker.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The worker's name.
    pub(super) worker: String,
}

/// Where all workers are named.
pub(super) const WORKERS: &str = "rq:workers";
/// What `rq suspend` sets.
pub(super) const SUSPENDED: &str = "rq:suspended";
/// What a worker's key begins with.
pub(super) const WORKER: &str = "rq:worker:";

impl Names {
    pub(super) fn queue(&self, queue: &str) -> String {
        format!("rq:queue:{queue}")
    }

    /// Where an id stands between its queue and `rq:wip`.
    pub(super) fn intermediate(&self, queue: &str) -> String {
        format!("rq:queue:{queue}:intermediate")
    }

    /// A registry (`wip`, `finished`, `failed`, `deferred`, `scheduled`) of a queue.
    pub(super) fn registry(&self, kind: &str, queue: &str) -> String {
        format!("rq:{kind}:{queue}")
    }

    pub(super) fn job(&self, id: &str) -> String {
        format!("rq:job:{id}")
    }

    pub(super) fn dependents(&self, id: &str) -> String {
        format!("rq:job:{id}:dependents")
    }

    pub(super) fn results(&self, id: &str) -> String {
        format!("rq:results:{id}")
    }

    /// A run of a job, as rq 2 and later know it.
    pub(super) fn execution(&self, id: &str, run: &str) -> String {
        format!("rq:execution:{id}:{run}")
    }

    pub(super) fn executions(&self, id: &str) -> String {
        format!("rq:executions:{id}")
    }

    pub(super) fn worker(&self) -> String {
        format!("{WORKER}{}", self.worker)
    }

    pub(super) fn worker_executions(&self) -> String {
        format!("{WORKER}{}:executions", self.worker)
    }

    pub(super) fn workers_of(&self, queue: &str) -> String {
        format!("{WORKERS}:{queue}")
    }

    pub(super) fn channel(worker: &str) -> String {
        format!("rq:pubsub:{worker}")
    }
}
