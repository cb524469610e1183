//! A job done by a command: JSON on its standard input, the result from its standard output. It must not know rq.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    process::Stdio,
    sync::Mutex,
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::doer::{Failed, Job};
use crate::{
    process::{self, Group, LastLine, Leavings, Meter, Quota, explain, shown},
    settings::{Bridge, Secret},
};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long its output may stay open after it has ended: then somebody it left behind holds it.
const HELD: Duration = Duration::from_secs(1);

/// The command of `bridge.command`.
pub(super) struct Program {
    words: Vec<String>,
    shown: String,
    env: BTreeMap<OsString, OsString>,
    max_result: u64,
    quota: Mutex<Quota>,
    leavings: Leavings,
}

impl Program {
    pub(super) fn new(settings: &Bridge, secrets: &[Secret]) -> Self {
        Self {
            words: settings.command.clone(),
            shown: shown(&settings.command),
            env: process::for_child(std::env::vars_os(), &settings.env, secrets),
            max_result: settings.max_result.0,
            quota: Mutex::default(),
            leavings: Leavings::default(),
        }
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Waits for what was stopped.
    pub(super) async fn close(&self) {
        self.leavings.ended().await;
    }

    /// What it prints for `input`. Dropping the future stops it with all its children.
    pub(super) async fn run(&self, input: &str, job: &Job<'_>) -> Result<Vec<u8>, Failed> {
        let (mut group, stdin) = self.start(job)?;
        let (stdout, stderr) = (group.stdout.take(), group.stderr.take());
        let (last, meter) = (LastLine::default(), Meter::default());
        let (mut out, mut status, mut piped) = (Vec::new(), None, None);
        {
            let feeding = async {
                if let Some(mut stdin) = stdin {
                    // It need not read all of it.
                    let _ = stdin.write_all(input.as_bytes()).await;
                }
            };
            let reading = read(stdout, &mut out, self.max_result);
            let logging = async {
                if let Some(stderr) = stderr {
                    process::log(stderr, &self.shown, &last, &meter, &self.quota).await;
                }
            };
            let pipes = async { tokio::join!(reading, feeding, logging).0 };
            let mut pipes = std::pin::pin!(pipes);
            while status.is_none() || piped.is_none() {
                tokio::select! {
                    biased;
                    read = &mut pipes, if piped.is_none() => piped = Some(read),
                    ended = group.leader.wait(), if status.is_none() => {
                        status = Some(ended.map_err(|e| Failed::new("CommandFailed", format!("{}: {e}", self.shown)))?);
                    }
                    () = tokio::time::sleep(HELD), if status.is_some() => piped = Some(true),
                }
                if piped == Some(false) {
                    let why = format!(
                        "{}: its result has more than {} bytes (bridge.max_result)",
                        self.shown, self.max_result
                    );
                    return Err(Failed::new("ResultTooLarge", why));
                }
            }
        }
        group.leader.kill();
        match status {
            Some(status) if status.success() => Ok(out),
            Some(status) => {
                let (how, hint) = explain(status);
                let said = last.take().map(|line| format!("; it said last: {line}")).unwrap_or_default();
                Err(Failed::new("CommandFailed", format!("{}: {how}{said}\nhint: {hint}", self.shown)))
            }
            None => Err(Failed::new("CommandFailed", format!("{}: it was lost", self.shown))),
        }
    }

    fn start(&self, job: &Job<'_>) -> Result<(Group, Option<tokio::process::ChildStdin>), Failed> {
        // There is one: it was checked.
        let program = self.words.first().map_or("", String::as_str);
        let mut child = process::command(program, &self.env)
            .args(self.words.iter().skip(1))
            .env("JOB_ID", job.id)
            .env("JOB_FUNCTION", job.function)
            .env("JOB_QUEUE", job.queue)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|e| {
                let why = process::unstartable(program, "bridge.command", self.env.get(OsStr::new("PATH")), e);
                Failed::new(
                    "CommandFailed",
                    format!("{} cannot be started: {}\nhint: {}", self.shown, why.cause, why.hint),
                )
            })?;
        let stdin = child.stdin.take();
        Ok((Group::new(child, GRACE, self.leavings.clone()), stdin))
    }
}

/// Reads to the end; false where there is more than `max`.
async fn read(input: Option<impl AsyncRead + Unpin>, out: &mut Vec<u8>, max: u64) -> bool {
    let Some(input) = input else { return true };
    let mut input = input.take(max.saturating_add(1));
    // What broke off shows in how the command ends.
    let _ = input.read_to_end(out).await;
    out.len() as u64 <= max
}
