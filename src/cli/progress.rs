//! How far a walk over keys has come, on a terminal, and how fast it may go. It must not know what is walked over.

use std::{
    io::IsTerminal,
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::Scan;

/// Keys between two looks at the clock.
const STEP: u64 = 256;

/// See the module.
pub(super) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    done: u64,
    max_rate: u64,
}

impl Progress {
    /// `what` says what is being done: `hwinfo: looking`.
    pub(super) fn new(what: &str, scan: Scan) -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {pos} keys ({per_sec}, {elapsed})") {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        Self { bar, begun: Instant::now(), done: 0, max_rate: scan.max_rate.into() }
    }

    /// One more key; waits where that was too fast.
    pub(super) fn one(&mut self) {
        self.done += 1;
        if self.done.is_multiple_of(STEP) {
            self.keep_pace();
        }
    }

    /// So many more.
    pub(super) fn add(&mut self, keys: usize) {
        self.done += keys as u64;
        self.keep_pace();
    }

    fn keep_pace(&self) {
        self.bar.set_position(self.done);
        if let Some(micros) = (self.done * 1_000_000).checked_div(self.max_rate) {
            thread::sleep(Duration::from_micros(micros).saturating_sub(self.begun.elapsed()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
