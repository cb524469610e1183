//! One job, from its id to its end in Redis. It must not decide which job comes next.

use std::{
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    call::{BadCall, Call, Serializer},
    doer::Failed,
    value::Value,
    work::{Halt, Shared},
};
use crate::store::{
    StoreError,
    rq::{Begun, Desk, Ended, Run},
};

/// First and longest pause before Redis is told again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How a run came to its end.
enum Outcome {
    Done(Vec<u8>),
    Failed(Failed),
    Stopped,
    PutBack,
    /// Nobody wants to know.
    Lost,
}

/// Begins the job `id`, does it, and tells its end.
pub(super) async fn job(shared: Arc<Shared>, queue: String, id: String) {
    let max = shared.settings.max_job.0;
    let begun = {
        let (queue, id) = (queue.clone(), id.clone());
        on_desk(&shared, move |desk| desk.begin(&queue, &id, max)).await
    };
    shared.out_of_hand(&id);
    let run = match begun {
        Ok(Begun::Job(run)) => Arc::new(*run),
        Ok(Begun::Gone) => return tracing::debug!(job = id, queue, "there is no such job any more"),
        Err(e) => {
            let hint = e.hint();
            return tracing::warn!(job = id, queue, error = %e, hint, "job {id} could not be begun; it is found again");
        }
    };
    tracing::info!(job = id, queue, begun = run.begun, "job {id} begun");
    if !run.unserved.is_empty() {
        let fields = run.unserved.join(", ");
        tracing::warn!(job = id, queue, fields, "job {id} asks for what only a Python worker can do: left undone");
    }
    let (halt, halted) = watch::channel(Halt::No);
    shared.watch_run(&run, halt);
    let started = Instant::now();
    let outcome = run_it(&shared, &run, halted).await;
    tell(&shared, &run, outcome, started).await;
    shared.unwatch_run(&run.run);
}

/// Does it within its time, unless it is halted.
async fn run_it(shared: &Shared, run: &Run, mut halted: watch::Receiver<Halt>) -> Outcome {
    let limit = limit(shared, run.timeout);
    let work = async {
        let call = read(shared, run)?;
        tracing::debug!(job = run.id, function = call.function, "job {} calls {}", run.id, call.function);
        let value = shared.doer.answer(&call, &run.id, &run.queue).await?;
        dump(call.serializer, &value, shared.settings.max_result.0)
    };
    let halt = async {
        match halted.wait_for(|halt| *halt != Halt::No).await.map(|halt| *halt) {
            Ok(halt) => halt,
            // Nobody can halt it any more.
            Err(_) => pending().await,
        }
    };
    tokio::select! {
        biased;
        done = work => match done {
            Ok(result) => Outcome::Done(result),
            Err(failed) => Outcome::Failed(failed),
        },
        halt = halt => match halt {
            Halt::Back => Outcome::PutBack,
            Halt::Killed => Outcome::Failed(Failed::new("JobKilled", "it was killed by command (kill-horse)")),
            Halt::Lost => Outcome::Lost,
            Halt::Stopped | Halt::No => Outcome::Stopped,
        },
        () = tokio::time::sleep(limit) => {
            // As rq says it.
            let what = format!("Task exceeded maximum timeout value ({} seconds)", limit.as_secs_f64());
            let mut failed = Failed::new("JobTimeoutException", what);
            failed.outcome = "timed_out";
            Outcome::Failed(failed)
        }
    }
}

fn read(shared: &Shared, run: &Run) -> Result<Call, Failed> {
    let max = shared.settings.max_job.0;
    let data = run.data.as_deref().ok_or(BadCall::TooLarge(max))?;
    Ok(Call::read(data, max)?)
}

fn dump(serializer: Serializer, value: &Value, max: u64) -> Result<Vec<u8>, Failed> {
    let result = serializer.dump(value).map_err(|e| Failed::new("BadResult", e.to_string()))?;
    // A few bytes are the serializer's own; base64 in JSON takes four for three.
    if result.len() as u64 > max.saturating_mul(4) / 3 + 1024 {
        return Err(Failed::new("ResultTooLarge", format!("the result has more than {max} bytes (bridge.max_result)")));
    }
    Ok(result)
}

/// How long a job may take.
fn limit(shared: &Shared, timeout: Option<i64>) -> Duration {
    let max = shared.settings.max_timeout.0;
    match timeout {
        None => shared.settings.timeout.0.min(max),
        // rq's -1 is for ever.
        Some(seconds) => u64::try_from(seconds).ok().filter(|s| *s > 0).map_or(max, Duration::from_secs).min(max),
    }
}

async fn tell(shared: &Arc<Shared>, run: &Arc<Run>, outcome: Outcome, started: Instant) {
    let took = started.elapsed();
    let (word, ended) = match outcome {
        Outcome::Done(result) => ("done", until_told(shared, run, move |desk, run| desk.succeed(run, &result)).await),
        Outcome::Failed(failed) => {
            let reason = failed.text.lines().next().unwrap_or_default();
            if failed.is_hostile {
                tracing::error!(
                    job = run.id,
                    queue = run.queue,
                    reason,
                    "job {} is refused, and not read: {reason}",
                    run.id
                );
            } else {
                tracing::warn!(job = run.id, queue = run.queue, reason, "job {} failed: {reason}", run.id);
            }
            let word = failed.outcome;
            (word, until_told(shared, run, move |desk, run| desk.fail(run, &failed.text, false)).await)
        }
        Outcome::Stopped => {
            let why = "Job stopped by user, work-horse terminated.";
            ("stopped", until_told(shared, run, move |desk, run| desk.fail(run, why, true)).await)
        }
        Outcome::PutBack => ("put_back", until_told(shared, run, Desk::put_back).await),
        // The desk finds that it is another's by now, and takes it out of its books.
        Outcome::Lost => ("dropped", until_told(shared, run, Desk::put_back).await),
    };
    let took_ms = took.as_millis() as u64;
    let word = match &ended {
        Some(Ended::Dropped) => "dropped",
        Some(Ended::Retried) => "retried",
        _ => word,
    };
    if let Some(queue) = shared.metrics.queue(&run.queue) {
        queue.jobs.of(word).add(1);
        queue.took.observe(took);
    }
    tracing::info!(job = run.id, queue = run.queue, outcome = word, took_ms, "job {} ended: {word}", run.id);
    if let Some(Ended::Told(elsewhere)) = ended
        && !elsewhere.is_empty()
    {
        let jobs = elsewhere.join(", ");
        tracing::warn!(
            job = run.id,
            jobs,
            "jobs in queues that are not served here waited for job {}, and still do",
            run.id
        );
    }
}

/// Tells Redis until it has it, or the process has no time left; none then, and the job is found as abandoned.
async fn until_told<F>(shared: &Arc<Shared>, run: &Arc<Run>, what: F) -> Option<Ended>
where
    F: Fn(&Desk, &Run) -> Result<Ended, StoreError> + Send + Sync + 'static,
{
    let what = Arc::new(what);
    let mut pause = PAUSES.0;
    loop {
        let (what, of) = (what.clone(), run.clone());
        match on_desk(shared, move |desk| what(desk, &of)).await {
            Ok(ended) => return Some(ended),
            Err(e) => {
                let hint = e.hint();
                tracing::warn!(job = run.id, error = %e, hint, "the end of job {} cannot be told; trying again", run.id);
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// What blocks, where it may.
pub(super) async fn on_desk<T: Send + 'static>(
    shared: &Shared,
    what: impl FnOnce(&Desk) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let desk = shared.desk.clone();
    match tokio::task::spawn_blocking(move || what(&desk)).await {
        Ok(done) => done,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}
