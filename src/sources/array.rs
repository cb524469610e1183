//! One JSON array, cut into its elements as it comes. It must not know what an element means, nor check its JSON.

use super::{
    SourceError,
    cut::{Oversize, Tape},
};
use crate::model::{Fault, FaultKind};

/// Where the scan of an array stands.
pub(super) struct Array {
    at: At,
    /// Number of the element that is being read, or was read last; from 1.
    element: u64,
    skipping: Option<Oversize>,
}

#[derive(Clone, Copy)]
enum At {
    /// Before the opening bracket.
    Open,
    /// Before an element; the first one may be missing.
    Value { first: bool },
    /// In an element of this kind.
    Nested { depth: u32, string: bool, escaped: bool },
    /// In a number or a word.
    Bare,
    /// After an element: a comma or the closing bracket.
    After,
    /// In something that is no element, up to the next comma or bracket.
    Garbage,
    /// After the closing bracket: nothing.
    Done,
    /// After the closing bracket, where there was something, told once.
    Over,
}

impl Array {
    pub(super) fn new() -> Self {
        Self { at: At::Open, element: 0, skipping: None }
    }

    /// One whose opening bracket was read already.
    pub(super) fn opened() -> Self {
        Self { at: At::Value { first: true }, ..Self::new() }
    }

    /// As [`Self::scan`], up to the closing bracket: true when that was there.
    pub(super) fn scan_within(&mut self, tape: &mut Tape) -> bool {
        while tape.at < tape.data.len() && !self.is_done() {
            self.step(tape);
        }
        if !self.is_done() {
            self.hold(tape);
            return false;
        }
        tape.keep = tape.at;
        true
    }

    fn is_done(&self) -> bool {
        matches!(self.at, At::Done)
    }

    /// Cuts every whole element; an unfinished one stays, unless it is too long already.
    pub(super) fn scan(&mut self, tape: &mut Tape) {
        while tape.at < tape.data.len() {
            self.step(tape);
        }
        self.hold(tape);
    }

    fn step(&mut self, tape: &mut Tape) {
        match self.at {
            At::Nested { depth, string, escaped } => self.nested(tape, depth, string, escaped),
            At::Bare => self.bare(tape),
            _ => self.between(tape),
        }
    }

    /// Keeps the unfinished element, unless it is too long.
    fn hold(&mut self, tape: &mut Tape) {
        if !self.in_element() {
            tape.keep = tape.data.len();
        } else if let Some(over) = &mut self.skipping {
            over.add(tape.pending());
            tape.forget();
        } else if tape.pending() > tape.max_line() {
            self.skipping = Some(Oversize::begin(&tape.data[tape.keep..], self.element, tape.max_line()));
            tape.forget();
        }
    }

    /// # Errors
    /// [`SourceError::Truncated`] when the closing bracket did not come.
    pub(super) fn finish(&mut self, tape: &mut Tape) -> Result<(), SourceError> {
        tape.forget();
        match self.at {
            At::Done | At::Over => Ok(()),
            _ => {
                let elements = if self.in_element() { self.element - 1 } else { self.element };
                Err(SourceError::Truncated { origin: tape.origin().to_owned(), elements })
            }
        }
    }

    fn in_element(&self) -> bool {
        matches!(self.at, At::Nested { .. } | At::Bare)
    }

    /// One byte outside the elements.
    fn between(&mut self, tape: &mut Tape) {
        let byte = tape.data[tape.at];
        tape.at += 1;
        self.at = match (self.at, byte) {
            (at, b' ' | b'\t' | b'\r' | b'\n') => at,
            (At::Open, _) => At::Value { first: true },
            (At::Value { first: true } | At::After | At::Garbage, b']') => At::Done,
            (At::Value { .. }, b']') => {
                self.broken(tape, "a comma stands before the array's end");
                At::Done
            }
            (At::Value { .. }, b',') => {
                self.element += 1;
                self.broken(tape, "an element of the array is missing between two commas");
                At::Value { first: false }
            }
            (At::After | At::Garbage, b',') => At::Value { first: false },
            (At::Garbage, _) => At::Garbage,
            (At::Value { .. }, _) => self.begin(tape, byte),
            (At::After, b'{' | b'[') => {
                self.broken(tape, "no comma stands after this element of the array");
                self.begin(tape, byte)
            }
            (At::After, _) => {
                self.broken(tape, "something else than a comma stands after this element of the array");
                At::Garbage
            }
            (At::Done, _) => {
                self.broken(tape, "something stands after the array's end");
                At::Over
            }
            (at, _) => at,
        };
    }

    fn begin(&mut self, tape: &mut Tape, byte: u8) -> At {
        self.element += 1;
        tape.keep = tape.at - 1;
        match byte {
            b'{' | b'[' => At::Nested { depth: 1, string: false, escaped: false },
            b'"' => At::Nested { depth: 0, string: true, escaped: false },
            _ => At::Bare,
        }
    }

    /// Looks through an object, array or string up to its end, or to the end of what is there.
    fn nested(&mut self, tape: &mut Tape, mut depth: u32, mut string: bool, mut escaped: bool) {
        let data = &tape.data;
        let mut i = tape.at;
        while i < data.len() {
            if escaped {
                escaped = false;
                i += 1;
                continue;
            }
            if string {
                let Some(next) = memchr::memchr2(b'"', b'\\', &data[i..]) else {
                    i = data.len();
                    break;
                };
                i += next + 1;
                if data[i - 1] == b'\\' {
                    escaped = true;
                    continue;
                }
                string = false;
            } else {
                match data[i] {
                    b'"' => string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                i += 1;
            }
            if depth == 0 && !string {
                self.end(tape, i);
                return;
            }
        }
        tape.at = i;
        self.at = At::Nested { depth, string, escaped };
    }

    fn bare(&mut self, tape: &mut Tape) {
        let stop = |b: &u8| matches!(b, b',' | b']' | b' ' | b'\t' | b'\r' | b'\n');
        match tape.data[tape.at..].iter().position(stop) {
            Some(len) => self.end(tape, tape.at + len),
            None => tape.at = tape.data.len(),
        }
    }

    /// The element ends before `end`.
    fn end(&mut self, tape: &mut Tape, end: usize) {
        match self.skipping.take() {
            None => tape.record(tape.keep, end, self.element),
            Some(mut over) => {
                over.add(end - tape.keep);
                tape.oversize(&over);
            }
        }
        tape.at = end;
        tape.keep = end;
        self.at = At::After;
    }

    fn broken(&self, tape: &mut Tape, reason: &str) {
        tape.broken(self.element, None, Fault::new(FaultKind::NotJson, reason));
    }
}
