//! Runs a command and reads what it prints. It must not know whether that is a snapshot or a stream.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    Sink, SourceError,
    cut::{Cutter, Forms},
    pump::{self, Quiet},
};
use crate::{
    process::{self, Group, LastLine, Leader, Leavings, Meter, Quota, explain, shown},
    settings::{self, Secret},
};

/// How long a pipe may stay open and silent after the command itself has ended: then somebody it left behind holds it.
const HELD: Duration = Duration::from_secs(1);

/// How a command is run.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// The longest that it may take, without the time it had to wait for a slow Redis.
    pub(super) timeout: Option<Duration>,
    /// Between SIGTERM and SIGKILL.
    pub(super) grace: Duration,
    pub(super) quiet: Quiet,
    pub(super) forms: Forms,
}

/// A command, ready to be run.
#[derive(Debug)]
pub(super) struct Program {
    words: Vec<String>,
    shown: String,
    env: BTreeMap<OsString, OsString>,
    max_line: usize,
    leavings: Leavings,
    quota: Mutex<Quota>,
}

/// Whether the command of `settings` could be started, as far as its file tells; nothing is started.
///
/// # Errors
/// [`SourceError::Spawn`], as starting it would fail.
pub fn foresee(settings: &settings::Source) -> Result<(), SourceError> {
    let Some(program) = settings.command.first() else { return Ok(()) };
    let path = settings.env.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH"));
    process::foresee(program, "source.command", path.as_ref()).map_err(|why| SourceError::Spawn {
        command: program.clone(),
        cause: why.cause,
        hint: why.hint,
    })
}

impl Program {
    /// # Errors
    /// [`SourceError::Settings`] without a command.
    pub(super) fn new(settings: &settings::Source, max_line: usize, secrets: &[Secret]) -> Result<Self, SourceError> {
        if settings.command.first().is_none_or(|program| program.is_empty()) {
            return Err(SourceError::Settings {
                problem: format!("source.kind = \"{}\" needs source.command", settings.kind),
                hint: "write command = [\"./facts.sh\"] under [source]; each argument is a text of its own",
            });
        }
        Ok(Self {
            words: settings.command.clone(),
            shown: shown(&settings.command),
            env: process::for_child(std::env::vars_os(), &settings.env, secrets),
            max_line,
            leavings: Leavings::default(),
            quota: Mutex::default(),
        })
    }

    /// The command, for people.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Waits for what cancelled runs left behind.
    pub(super) async fn close(&self) {
        self.leavings.ended().await;
    }

    /// Runs it once, with `more` behind its arguments, to the end of its output and itself.
    ///
    /// Returns whether it said anything at all. Whole records are handed over also when it fails in the end.
    pub(super) async fn run(&self, sink: &Sink, manner: Manner, more: &[String]) -> Result<bool, SourceError> {
        let mut group = self.start(manner.grace, more)?;
        let mut cutter = Cutter::new(Arc::from(self.shown.as_str()), self.max_line, manner.forms.clone());
        let (last, meter) = (LastLine::default(), Meter::default());
        let result = {
            let (Some(stdout), Some(stderr)) = (&mut group.stdout, &mut group.stderr) else {
                return Err(SourceError::io(self.shown.as_str(), std::io::Error::other("it has no pipes")));
            };
            let reading = pump::pump(stdout, &mut cutter, sink, manner.quiet, &meter, &self.shown);
            let logging = async {
                process::log(stderr, &self.shown, &last, &meter, &self.quota).await;
                Ok(())
            };
            let pipes = async { tokio::try_join!(reading, logging).map(drop) };
            self.attend(&mut group.leader, pipes, sink, manner, &meter).await
        };
        let status = match result {
            Ok(status) if status.success() => {
                let finished = cutter.finish();
                pump::drain(&mut cutter, sink).await?;
                return finished;
            }
            Ok(status) => Ok(status),
            // Nobody is there to take the rest.
            Err(SourceError::Closed) => return Err(SourceError::Closed),
            Err(e) => Err(e),
        };
        // Whole records count, as a delta; a record that broke off in the middle does not.
        cutter.flush();
        pump::drain(&mut cutter, sink).await?;
        let stderr = last.take();
        Err(match status {
            Ok(status) => {
                let (status, hint) = explain(status);
                SourceError::Exit { command: self.shown.clone(), status, stderr, hint }
            }
            Err(SourceError::TimedOut { command, after, .. }) => SourceError::TimedOut { command, after, stderr },
            Err(e) => e,
        })
    }

    fn start(&self, grace: Duration, more: &[String]) -> Result<Group, SourceError> {
        let child = process::command(&self.words[0], &self.env)
            .args(&self.words[1..])
            .args(more)
            .stdin(Stdio::null())
            .spawn()
            .map_err(|e| {
                let why = process::unstartable(&self.words[0], "source.command", self.env.get(OsStr::new("PATH")), e);
                SourceError::Spawn { command: self.shown.clone(), cause: why.cause, hint: why.hint }
            })?;
        Ok(Group::new(child, grace, self.leavings.clone()))
    }

    /// Waits for the end of the command and of its pipes, whichever is later, within the time allowed.
    async fn attend(
        &self,
        leader: &mut Leader,
        pipes: impl Future<Output = Result<(), SourceError>>,
        sink: &Sink,
        manner: Manner,
        meter: &Meter,
    ) -> Result<ExitStatus, SourceError> {
        let mut pipes = std::pin::pin!(pipes);
        let (begun, stalled) = (Instant::now(), sink.stalled());
        let left = || {
            // Time spent waiting for a slow Redis is not the command's.
            manner.timeout.map(|allowed| (allowed + (sink.stalled() - stalled)).saturating_sub(begun.elapsed()))
        };
        let (mut status, mut piped) = (None, false);
        loop {
            if let (Some(status), true) = (status, piped) {
                leader.kill();
                return Ok(status);
            }
            tokio::select! {
                biased;
                result = &mut pipes, if !piped => {
                    result?;
                    piped = true;
                }
                result = leader.wait(), if status.is_none() => {
                    status = Some(result.map_err(|e| SourceError::io(self.shown.as_str(), e))?);
                    meter.touch();
                }
                () = sleep(HELD.saturating_sub(meter.silent_for())), if status.is_some() => {
                    if sink.is_stalled() {
                        meter.touch();
                    } else if meter.silent_for() >= HELD {
                        tracing::debug!(command = self.shown, "ended, but its output is held open by a process it left behind");
                        piped = true;
                    }
                }
                () = sleep(left().unwrap_or(Duration::MAX)), if manner.timeout.is_some() => {
                    if left().is_some_and(|left| left.is_zero()) {
                        let mut stop = std::pin::pin!(leader.stop(manner.grace));
                        tokio::select! {
                            () = &mut stop => {}
                            // Its last words are still heard.
                            _ = &mut pipes, if !piped => stop.await,
                        }
                        let after = manner.timeout.unwrap_or_default();
                        return Err(SourceError::TimedOut { command: self.shown.clone(), after, stderr: None });
                    }
                }
            }
        }
    }
}
