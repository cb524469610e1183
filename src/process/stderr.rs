//! A child's standard error, into the log: bounded in line length and rate, and safe to show. It must not judge the child.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::telemetry::Budget;

/// Longest line logged, in bytes; the rest of it is dropped.
const MAX_LINE: usize = 4096;
/// Lines that may come at once ...
const BURST: u32 = 200;
/// ... and how often one more, from then on.
const EVERY: Duration = Duration::from_millis(500);
/// How often it is told that lines were left out.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What a command may still say, from run to run: one that is started each minute has no new budget each minute.
#[derive(Debug)]
pub struct Quota {
    lines: Budget,
    notices: Budget,
}

impl Default for Quota {
    fn default() -> Self {
        Self { lines: Budget::new(BURST, EVERY), notices: Budget::new(1, TELL_EVERY) }
    }
}

/// The last line that was not blank.
#[derive(Debug, Default)]
pub struct LastLine(Mutex<Option<String>>);

impl LastLine {
    /// The line, which is then forgotten.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, line: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }
}

/// When something was read last.
#[derive(Debug)]
pub struct Meter(Mutex<Instant>);

impl Default for Meter {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Meter {
    /// Now.
    pub fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long nothing was read.
    pub fn silent_for(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// Logs what comes from `input` until it ends.
pub async fn log(
    mut input: impl AsyncRead + Unpin,
    command: &str,
    last: &LastLine,
    meter: &Meter,
    quota: &Mutex<Quota>,
) {
    let mut logger = Logger { command, last, line: Vec::new(), cut: false, quota };
    let mut buf = Vec::with_capacity(8192);
    loop {
        buf.clear();
        match input.read_buf(&mut buf).await {
            Ok(n) if n > 0 => logger.take(&buf),
            // A pipe that cannot be read is one that has ended.
            _ => break,
        }
        meter.touch();
    }
    logger.end_line();
    logger.tell_dropped();
}

struct Logger<'a> {
    command: &'a str,
    last: &'a LastLine,
    line: Vec<u8>,
    cut: bool,
    quota: &'a Mutex<Quota>,
}

impl Logger<'_> {
    fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (text, ended) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let room = MAX_LINE - self.line.len();
            self.cut |= text.len() > room;
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ended {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let mut text = clean(&self.line);
        if std::mem::take(&mut self.cut) {
            text.push_str(" ...");
        }
        self.line.clear();
        if text.is_empty() {
            return;
        }
        self.last.set(text.clone());
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        if !quota.lines.take() {
            return;
        }
        drop(quota);
        self.tell_dropped();
        let command = self.command;
        if sounds_bad(&text) {
            tracing::warn!(command, "{text}");
        } else {
            tracing::info!(command, "{text}");
        }
    }

    fn tell_dropped(&self) {
        let mut quota = self.quota.lock().unwrap_or_else(PoisonError::into_inner);
        if quota.lines.is_exceeded() && quota.notices.take() {
            let lines = quota.lines.held_back();
            tracing::warn!(command = self.command, lines, "left out lines of standard error: too many a second");
        }
    }
}

/// The text, with what could move a terminal's cursor or fake a log line escaped.
fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.trim_ascii());
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            // Controls, and marks that turn the direction of what follows.
            c if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

fn sounds_bad(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ["error", "warn", "traceback", "exception", "fatal", "critical", "panic"].iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_safe_to_show() {
        assert_eq!(clean(b"  a\tb\r"), "a b");
        assert_eq!(clean(b"\x1b[31mred\x07"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(clean("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(clean(b"\xff"), "\u{fffd}");
    }

    #[tokio::test]
    async fn length_and_rate_are_bounded_and_the_last_line_is_kept() {
        let mut text = vec![b'x'; 100_000];
        text.push(b'\n');
        let (last, meter) = (LastLine::default(), Meter::default());
        let quota = Mutex::default();
        log(text.as_slice(), "test", &last, &meter, &quota).await;
        assert_eq!(last.take().map(|line| line.len()), Some(MAX_LINE + 4));

        for run in 0..10 {
            // Each run of a command has a logger of its own, and none a budget of its own.
            let mut logger = Logger { command: "test", last: &last, line: Vec::new(), cut: false, quota: &quota };
            for i in 0..1000 {
                logger.take(format!("line {}\n\n", run * 1000 + i).as_bytes());
            }
        }
        let dropped = quota.lock().unwrap().lines.held_back();
        assert!(dropped > 9_700, "{dropped}");
        assert_eq!(last.take().as_deref(), Some("line 9999"));
    }
}
