//! One JSON document, walked through as it comes: the array at a pointer (RFC 6901) is cut into its elements, scalars at other
//! pointers are kept, the rest is passed over. It must not know what any of it means.

use std::sync::Arc;

use super::{SourceError, array::Array, cut::Tape};

/// Longest name of a member, and longest scalar, that is looked at.
const LONGEST: usize = 64 << 10;

/// What is looked for in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// As it was written.
    shown: String,
    items: Vec<String>,
    scalars: Vec<Vec<String>>,
}

impl Wanted {
    /// The array at `items`, and the scalars at the other pointers; none when one is no pointer.
    pub(super) fn new(items: &str, scalars: &[&str]) -> Option<Arc<Self>> {
        let scalars = scalars.iter().map(|text| tokens(text)).collect::<Option<_>>()?;
        Some(Arc::new(Self { shown: items.to_owned(), items: tokens(items)?, scalars }))
    }
}

/// The names of a pointer: `/a/b~1c` is `a`, `b/c`.
fn tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let rest = pointer.strip_prefix('/')?;
    Some(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

/// See the module.
pub(super) struct Document {
    wanted: Arc<Wanted>,
    /// The containers that the walk is in, as far as something wanted may be in them.
    path: Vec<Frame>,
    at: At,
    /// Cuts the array that was found.
    array: Option<Array>,
    /// Why there is none, where something else stands in its place.
    instead: Option<&'static str>,
    scalars: Vec<Option<String>>,
    broken: bool,
}

/// A container, and where in it the walk is.
enum Frame {
    Object(String),
    Array(usize),
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    /// Before a value; `first`: or the end of the array that it would be the first of.
    Value {
        first: bool,
    },
    /// Before a name; `first`: or the end of the object.
    Name {
        first: bool,
    },
    /// In a name.
    InName {
        escaped: bool,
    },
    Colon,
    /// After a value.
    After,
    /// In a text or a bare word that is kept (for this pointer), or passed over.
    Text {
        keep: Option<usize>,
        escaped: bool,
    },
    Bare {
        keep: Option<usize>,
    },
    /// In a container in which nothing is wanted.
    Nested {
        depth: u32,
        string: bool,
        escaped: bool,
    },
    /// In the array that is wanted.
    Items,
    /// After the document.
    End,
    /// In something that is no JSON.
    Broken,
}

impl Document {
    pub(super) fn new(wanted: Arc<Wanted>) -> Self {
        let scalars = vec![None; wanted.scalars.len()];
        let at = At::Value { first: false };
        Self { wanted, path: Vec::new(), at, array: None, instead: None, scalars, broken: false }
    }

    /// The scalars that were found, as JSON, in the order in which they were asked for.
    pub(super) fn scalars(&self) -> &[Option<String>] {
        &self.scalars
    }

    /// Walks through what is there.
    pub(super) fn scan(&mut self, tape: &mut Tape) {
        while tape.at < tape.data.len() {
            match self.at {
                At::InName { escaped } => self.name(tape, escaped),
                At::Text { keep, escaped } => self.text(tape, keep, escaped),
                At::Bare { keep } => self.bare(tape, keep),
                At::Nested { depth, string, escaped } => self.nested(tape, depth, string, escaped),
                At::Items => self.items(tape),
                At::Broken => tape.at = tape.data.len(),
                _ => self.between(tape),
            }
        }
        match self.at {
            At::Items => {}
            // Begun, and to be looked at whole; the bound is kept in `pending_text`.
            At::InName { .. } | At::Text { keep: Some(_), .. } | At::Bare { keep: Some(_) } => {}
            _ => tape.keep = tape.at,
        }
    }

    /// # Errors
    /// [`SourceError::Truncated`] for a document without its end, [`SourceError::NoItems`] for one without the array.
    pub(super) fn finish(&mut self, tape: &mut Tape) -> Result<(), SourceError> {
        if let At::Bare { keep } = self.at {
            self.end_bare(tape, keep);
        }
        if let Some(array) = &mut self.array
            && self.at == At::Items
        {
            return array.finish(tape);
        }
        tape.forget();
        let problem = match (self.broken || self.at == At::Broken, self.at == At::End, &self.array, self.instead) {
            (true, ..) => "is no JSON document",
            (_, false, ..) => "is cut off: its JSON document has no end",
            (.., None, Some(instead)) => instead,
            (.., None, None) => "has nothing there",
            (.., Some(_), _) => return Ok(()),
        };
        let (origin, pointer) = (tape.origin().to_owned(), self.wanted.shown.clone());
        Err(SourceError::NoItems { origin, pointer, problem })
    }

    /// Whether the array was found.
    pub(super) fn has_items(&self) -> bool {
        self.array.is_some()
    }

    fn between(&mut self, tape: &mut Tape) {
        let byte = tape.data[tape.at];
        tape.keep = tape.at;
        tape.at += 1;
        self.at = match (self.at, byte) {
            (at, b' ' | b'\t' | b'\r' | b'\n') => at,
            (At::Value { first: true }, b']') | (At::Name { first: true }, b'}') => self.leave(),
            (At::Value { .. }, _) => self.value(tape, byte),
            (At::Name { .. }, b'"') => At::InName { escaped: false },
            (At::Colon, b':') => At::Value { first: false },
            (At::After, b',') => match self.path.last_mut() {
                Some(Frame::Object(_)) => At::Name { first: false },
                Some(Frame::Array(index)) => {
                    *index += 1;
                    At::Value { first: false }
                }
                None => At::Broken,
            },
            (At::After, b'}') if matches!(self.path.last(), Some(Frame::Object(_))) => self.leave(),
            (At::After, b']') if matches!(self.path.last(), Some(Frame::Array(_))) => self.leave(),
            _ => At::Broken,
        };
        self.broken |= self.at == At::Broken;
    }

    /// A container ends.
    fn leave(&mut self) -> At {
        self.path.pop();
        self.after()
    }

    fn after(&self) -> At {
        if self.path.is_empty() { At::End } else { At::After }
    }

    /// A value begins with `byte`.
    fn value(&mut self, tape: &mut Tape, byte: u8) -> At {
        let here = self.path.len();
        if self.is_at(&self.wanted.items) {
            if byte == b'[' && self.array.is_none() {
                self.array = Some(Array::opened());
                tape.keep = tape.at;
                return At::Items;
            }
            self.instead.get_or_insert(match byte {
                b'{' => "has an object there, and no array",
                b'[' => "has two of them",
                b'n' => "has null there",
                _ => "has a single value there, and no array",
            });
        }
        match byte {
            b'{' | b'[' if self.leads_on(here) => {
                if byte == b'{' {
                    self.path.push(Frame::Object(String::new()));
                    At::Name { first: true }
                } else {
                    self.path.push(Frame::Array(0));
                    At::Value { first: true }
                }
            }
            b'{' | b'[' => At::Nested { depth: 1, string: false, escaped: false },
            b'"' => At::Text { keep: self.scalar_here(), escaped: false },
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => At::Bare { keep: self.scalar_here() },
            _ => At::Broken,
        }
    }

    /// Whether the walk is at `pointer`.
    fn is_at(&self, pointer: &[String]) -> bool {
        pointer.len() == self.path.len() && self.follows(pointer)
    }

    /// Whether the walk's path is the beginning of `pointer`.
    fn follows(&self, pointer: &[String]) -> bool {
        self.path.iter().zip(pointer).all(|(frame, token)| match frame {
            Frame::Object(name) => name == token,
            Frame::Array(index) => token.parse() == Ok(*index),
        })
    }

    /// Whether something wanted may be below the value here.
    fn leads_on(&self, depth: usize) -> bool {
        let mut pointers = self.wanted.scalars.iter().chain([&self.wanted.items]);
        pointers.any(|pointer| pointer.len() > depth && self.follows(pointer))
    }

    fn scalar_here(&self) -> Option<usize> {
        (0..self.scalars.len()).find(|at| self.is_at(&self.wanted.scalars[*at]))
    }

    /// Up to the end of a text, if it is there; its position.
    fn end_of_text(tape: &mut Tape, escaped: &mut bool) -> Option<usize> {
        while tape.at < tape.data.len() {
            let byte = tape.data[tape.at];
            tape.at += 1;
            match byte {
                _ if *escaped => *escaped = false,
                b'\\' => *escaped = true,
                b'"' => return Some(tape.at),
                _ => {}
            }
        }
        None
    }

    fn name(&mut self, tape: &mut Tape, mut escaped: bool) {
        let Some(end) = Self::end_of_text(tape, &mut escaped) else {
            self.at = if tape.pending() > LONGEST { At::Broken } else { At::InName { escaped } };
            return;
        };
        let name = serde_json::from_slice(&tape.data[tape.keep..end]);
        self.at = match (name, self.path.last_mut()) {
            (Ok(name), Some(Frame::Object(current))) => {
                *current = name;
                At::Colon
            }
            _ => At::Broken,
        };
    }

    fn text(&mut self, tape: &mut Tape, mut keep: Option<usize>, mut escaped: bool) {
        if let Some(end) = Self::end_of_text(tape, &mut escaped) {
            self.end_scalar(tape, keep, end);
            return;
        }
        keep = keep.filter(|_| tape.pending() <= LONGEST);
        self.at = At::Text { keep, escaped };
    }

    fn bare(&mut self, tape: &mut Tape, keep: Option<usize>) {
        let stop = |b: &u8| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
        match tape.data[tape.at..].iter().position(stop) {
            Some(len) => {
                tape.at += len;
                self.end_bare(tape, keep);
            }
            None => {
                tape.at = tape.data.len();
                self.at = At::Bare { keep: keep.filter(|_| tape.pending() <= LONGEST) };
            }
        }
    }

    fn end_bare(&mut self, tape: &mut Tape, keep: Option<usize>) {
        self.end_scalar(tape, keep, tape.at);
    }

    fn end_scalar(&mut self, tape: &mut Tape, keep: Option<usize>, end: usize) {
        if let Some(at) = keep {
            self.scalars[at] = std::str::from_utf8(&tape.data[tape.keep..end]).ok().map(str::to_owned);
        }
        self.at = self.after();
    }

    fn nested(&mut self, tape: &mut Tape, mut depth: u32, mut string: bool, mut escaped: bool) {
        while tape.at < tape.data.len() {
            let byte = tape.data[tape.at];
            tape.at += 1;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if string => escaped = true,
                b'"' => string = !string,
                b'{' | b'[' if !string => depth += 1,
                b'}' | b']' if !string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at = self.after();
                return;
            }
        }
        self.at = At::Nested { depth, string, escaped };
    }

    fn items(&mut self, tape: &mut Tape) {
        let Some(array) = &mut self.array else { return };
        if array.scan_within(tape) {
            self.at = self.after();
        }
    }
}
