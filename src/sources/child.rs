//! Runs a command and reads what it prints. It must not know whether that is a snapshot or a stream.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{process::Command, time::sleep};

use super::{
    Sink, SourceError,
    cut::{Cutter, Forms},
    environment,
    group::{Group, Leader, Leavings},
    pump::{self, Quiet},
    spawn_error,
    stderr::{self, LastLine, Quota},
};
use crate::settings::{self, MASK, Secret};

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

/// When something was read last.
#[derive(Debug)]
pub(super) struct Meter(Mutex<Instant>);

impl Default for Meter {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Meter {
    pub(super) fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn silent_for(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
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
            env: environment::for_child(std::env::vars_os(), &settings.env, secrets),
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
                stderr::log(stderr, &self.shown, &last, &meter, &self.quota).await;
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
        let child = Command::new(&self.words[0])
            .args(&self.words[1..])
            .args(more)
            .env_clear()
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| spawn_error::explain(&self.words[0], &self.shown, self.env.get(OsStr::new("PATH")), e))?;
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

/// The words as one would type them, but for what may be a secret: arguments other than paths and bare flags are masked, since
/// this stands in logs and in the descriptor.
fn shown(words: &[String]) -> String {
    let masked = words.iter().enumerate().map(|(at, word)| match word.split_once('=') {
        _ if at == 0 || std::path::Path::new(word).exists() => word.clone(),
        Some((flag, _)) if flag.starts_with('-') => format!("{flag}={MASK}"),
        None if word.starts_with('-') => word.clone(),
        _ => MASK.to_owned(),
    });
    let quote = |word: String| {
        let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%*".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.escape_debug().to_string().replace("\\'", "'\\''").replace("\\\"", "\""))
        }
    };
    let mut out = masked.map(quote).collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = out.char_indices().nth(200) {
        out.truncate(cut);
        out.push_str("...");
    }
    out
}

fn explain(status: ExitStatus) -> (String, &'static str) {
    if let Some(signal) = status.signal() {
        let name = match signal {
            1 => " (SIGHUP)",
            2 => " (SIGINT)",
            6 => " (SIGABRT)",
            9 => " (SIGKILL)",
            11 => " (SIGSEGV)",
            13 => " (SIGPIPE)",
            15 => " (SIGTERM)",
            _ => "",
        };
        let hint = match signal {
            9 => "somebody killed it, or the kernel did for its memory: see the memory limit",
            _ => "run it by hand as the same user to see why",
        };
        return (format!("signal {signal}{name}"), hint);
    }
    let code = status.code().unwrap_or_default();
    let hint = match code {
        126 => "126 says that a program it calls is not executable",
        127 => "127 says that a program it calls, or its interpreter, was not found in PATH",
        _ => "run it by hand as the same user; its standard error is in the log",
    };
    (format!("exit status {code}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_without_what_may_be_a_secret() {
        let words = |words: &[&str]| shown(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&["./facts.sh", "--all"]), "./facts.sh --all");
        assert_eq!(words(&["sh", "-c", "curl -H token:s3cret", "--key=s3cret"]), "sh -c *** --key=***");
        assert_eq!(words(&["sh", "/etc/host name"]), "sh ***");
        assert_eq!(words(&["a b"]), "'a b'");
        assert!(words(&[&"ü".repeat(500)]).len() < 500);
    }
}
