//! A program that the demo runs beside itself, and its end. It must not know which program it is.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::scratch::Scratch;
use crate::cli::{Exit, Failure, output};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);
/// Lines of a log that are worth showing.
const LAST_LINES: usize = 12;

/// A running program, whose output goes to a log; ended when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in `scratch`, logging to the file `log` there.
    pub fn start(name: &str, command: &mut Command, scratch: &Scratch, log: &str) -> Result<Self, Failure> {
        let refused = |e: std::io::Error| {
            let hint = "try the program by itself, and check the limits on processes (ulimit -a)";
            Failure::new(Exit::Failed, format!("cannot start {name}: {e}"), hint)
        };
        let file = scratch.log(log)?;
        command
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .stderr(file.try_clone().map_err(refused)?)
            .stdout(file);
        // A group of its own: Ctrl-C reaches the demo alone, which then ends everything in order.
        let child = command.process_group(0).spawn().map_err(refused)?;
        Ok(Self { name: name.to_owned(), child, log: scratch.join(log) })
    }

    /// Nothing while it runs; a failure with the last lines of its log when it has ended.
    pub fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.ended(status)),
            Err(e) => Err(Failure::told(Exit::Failed, format!("cannot ask after {}: {e}", self.name))),
        }
    }

    /// The last lines of its log.
    pub fn last_lines(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        output::clean(&lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"))
    }

    fn ended(&self, status: ExitStatus) -> Failure {
        let message = format!("{} ended by itself ({status}); it said last:\n{}", self.name, self.last_lines());
        Failure::told(Exit::Failed, message)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // It has not been waited for, so the id is still its own. Ended meanwhile: nothing to do.
            let _ = i32::try_from(self.child.id()).map(|id| Pid::from_raw(id).map(|id| kill_process(id, Signal::TERM)));
            let begun = Instant::now();
            while begun.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
                thread::sleep(Duration::from_millis(2));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
