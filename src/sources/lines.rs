//! NDJSON: one record a line, cut at newlines. It must not know what a record means.

use super::cut::{Oversize, Tape};

/// Where the scan of lines stands.
pub(super) struct Lines {
    line: u64,
    skipping: Option<Oversize>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { line: 1, skipping: None }
    }

    /// Cuts every whole line; an unfinished one stays, unless it is too long already.
    pub(super) fn scan(&mut self, tape: &mut Tape) {
        while let Some(i) = memchr::memchr(b'\n', &tape.data[tape.at..]) {
            let end = tape.at + i;
            self.end_line(tape, end);
            tape.keep = end + 1;
            tape.at = end + 1;
            self.line += 1;
        }
        tape.at = tape.data.len();
        if let Some(over) = &mut self.skipping {
            over.add(tape.pending());
            tape.forget();
        } else if tape.pending() > tape.max_line() {
            self.skipping = Some(Oversize::begin(&tape.data[tape.keep..], self.line, tape.max_line()));
            tape.forget();
        }
    }

    /// The last line may lack its newline.
    pub(super) fn finish(&mut self, tape: &mut Tape) {
        self.end_line(tape, tape.data.len());
        tape.keep = tape.data.len();
        tape.at = tape.keep;
    }

    fn end_line(&mut self, tape: &mut Tape, end: usize) {
        match self.skipping.take() {
            None => tape.record(tape.keep, end, self.line),
            Some(mut over) => {
                over.add(end - tape.keep);
                tape.oversize(&over);
            }
        }
    }
}
