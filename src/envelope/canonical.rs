//! RFC 8785 (JSON Canonicalization Scheme) over JSON text, in a single pass, without a tree of values.
//! It must not know envelopes.
//!
//! The text is read once and checked against RFC 8259; what is canonical already is copied in long spans. Members are
//! written as they come, and an object is put in order only if they came in another one. `number` says which numbers are
//! refused; lone surrogates and names that stand twice are refused too.

use super::{
    error::{CanonicalError, Problem, Stop, explain},
    key::Member,
    number, scan,
};

/// Deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 128;

/// Appends `text` as a canonical JSON string, quotes included (RFC 8785, section 3.2.2.2).
pub fn canonical_string(text: &str, out: &mut Vec<u8>) {
    scan::push_string(out, text);
}

/// Reads JSON text and writes its canonical form; keeps its working memory, so that it allocates only until it is warm.
#[derive(Debug, Default)]
pub struct Canonicaliser {
    frames: Vec<Frame>,
    members: Vec<Member>,
    swap: Vec<u8>,
    ends: Vec<usize>,
}

/// One open array or object.
#[derive(Debug, Clone, Copy)]
struct Frame {
    array: bool,
    /// Whether an object's members have come in order so far.
    sorted: bool,
    /// How many members were open outside it.
    first: usize,
    /// An array's element that is being read, from 0.
    index: usize,
}

/// What stands after a value.
enum Next {
    Value,
    Closed,
    End,
}

impl Canonicaliser {
    /// Appends the canonical form of the JSON `text` to `out`; leaves `out` as it was when it fails.
    pub fn json(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
        self.frames.clear();
        self.members.clear();
        self.ends.clear();
        let before = out.len();
        out.reserve(text.len());
        let mut reader = Reader { text: text.as_bytes(), source: text, pos: 0, from: 0, before, out, scratch: self };
        match reader.run() {
            Ok(()) => Ok(()),
            Err(stop) => {
                out.truncate(before);
                Err(explain(text, stop, self.pointer(text.as_bytes())))
            }
        }
    }

    /// Where the members of the outermost object that was written last end, from the beginning of its canonical text;
    /// empty if it was no object.
    pub fn member_ends(&self) -> &[usize] {
        &self.ends
    }

    /// RFC 6901 pointer to what is being read.
    #[cold]
    fn pointer(&self, text: &[u8]) -> String {
        let mut pointer = String::new();
        for (i, frame) in self.frames.iter().enumerate() {
            let end = self.frames.get(i + 1).map_or(self.members.len(), |inner| inner.first);
            if frame.array {
                pointer.push_str(&format!("/{}", frame.index));
            } else if let Some(member) = self.members.get(frame.first..end).and_then(<[_]>::last) {
                pointer.push('/');
                for c in member.chars(text) {
                    match c {
                        '~' => pointer.push_str("~0"),
                        '/' => pointer.push_str("~1"),
                        c => pointer.push(c),
                    }
                }
            }
        }
        pointer
    }
}

struct Reader<'a> {
    text: &'a [u8],
    source: &'a str,
    pos: usize,
    /// From here to `pos` the text is canonical as it stands, and not copied yet.
    from: usize,
    /// Length of the output before this text.
    before: usize,
    out: &'a mut Vec<u8>,
    scratch: &'a mut Canonicaliser,
}

impl Reader<'_> {
    fn run(&mut self) -> Result<(), Stop> {
        loop {
            self.space();
            if self.value()? {
                continue;
            }
            loop {
                match self.after()? {
                    Next::Value => break,
                    Next::Closed => {}
                    Next::End => return Ok(()),
                }
            }
        }
    }

    /// The byte at the current position; 0, which JSON has nowhere, behind the end.
    #[inline(always)]
    fn peek(&self) -> u8 {
        self.text.get(self.pos).copied().unwrap_or(0)
    }

    /// Copies what is canonical as it stands, up to the current position.
    #[inline(always)]
    fn flush(&mut self) {
        self.out.extend_from_slice(&self.text[self.from..self.pos]);
        self.from = self.pos;
    }

    /// Where the current position will stand in the output.
    #[inline(always)]
    fn out_pos(&self) -> usize {
        self.out.len() + (self.pos - self.from)
    }

    #[inline(always)]
    fn space(&mut self) {
        if matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.flush();
            while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
                self.pos += 1;
            }
            self.from = self.pos;
        }
    }

    /// Reads a value, or opens an array or object that holds any: then true, and its first value comes next.
    #[inline(always)]
    fn value(&mut self) -> Result<bool, Stop> {
        match self.peek() {
            b'"' => self.string().map(|_| false),
            b'-' | b'0'..=b'9' => self.number().map(|()| false),
            b'{' => {
                self.open(false)?;
                if self.peek() == b'}' {
                    self.close();
                    return Ok(false);
                }
                self.name().map(|()| true)
            }
            b'[' => {
                self.open(true)?;
                if self.peek() == b']' {
                    self.close();
                    return Ok(false);
                }
                Ok(true)
            }
            b't' => self.word(b"true").map(|()| false),
            b'f' => self.word(b"false").map(|()| false),
            b'n' => self.word(b"null").map(|()| false),
            _ => Err(Stop::expected(self.pos, "a value")),
        }
    }

    /// Reads what follows a value.
    #[inline(always)]
    fn after(&mut self) -> Result<Next, Stop> {
        self.space();
        let Some(frame) = self.scratch.frames.last_mut() else {
            if self.pos < self.text.len() {
                return Err(Stop::expected(self.pos, "the end of the text"));
            }
            self.flush();
            return Ok(Next::End);
        };
        match (self.text.get(self.pos), frame.array) {
            (Some(b','), false) => {
                self.pos += 1;
                self.space();
                self.name()?;
                Ok(Next::Value)
            }
            (Some(b','), true) => {
                frame.index += 1;
                self.pos += 1;
                Ok(Next::Value)
            }
            (Some(b'}'), false) => {
                let (sorted, first) = (frame.sorted, frame.first);
                if !sorted {
                    self.reorder(first)?;
                }
                if first == 0 && self.scratch.frames.len() == 1 {
                    self.note_ends();
                }
                self.scratch.members.truncate(first);
                self.close();
                Ok(Next::Closed)
            }
            (Some(b']'), true) => {
                self.close();
                Ok(Next::Closed)
            }
            (_, true) => Err(Stop::expected(self.pos, "\",\" or \"]\"")),
            (_, false) => Err(Stop::expected(self.pos, "\",\" or \"}\"")),
        }
    }

    #[inline(always)]
    fn open(&mut self, array: bool) -> Result<(), Stop> {
        if self.scratch.frames.len() == MAX_DEPTH {
            return Err(Stop { offset: self.pos, problem: Problem::TooDeep });
        }
        self.scratch.frames.push(Frame { array, sorted: true, first: self.scratch.members.len(), index: 0 });
        self.pos += 1;
        self.space();
        Ok(())
    }

    #[inline(always)]
    fn close(&mut self) {
        self.pos += 1;
        self.scratch.frames.pop();
    }

    /// Reads a member's name and the colon.
    #[inline(always)]
    fn name(&mut self) -> Result<(), Stop> {
        if self.peek() != b'"' {
            return Err(Stop::expected(self.pos, "a name in double quotes"));
        }
        let (at, start) = (self.out_pos(), self.pos + 1);
        let escaped = self.string()?;
        let member = Member::new(self.text, (start, self.pos - 1), escaped, at);
        let scratch = &mut *self.scratch;
        let mut twice = false;
        if let Some(frame) = scratch.frames.last_mut().filter(|frame| frame.sorted)
            && let Some(previous) = scratch.members.get(frame.first..).and_then(<[_]>::last)
        {
            let order = previous.compare(&member, self.text);
            frame.sorted = order.is_lt();
            twice = order.is_eq();
        }
        scratch.members.push(member);
        if twice {
            return Err(Stop { offset: member.offset(), problem: Problem::Duplicate });
        }
        self.space();
        if self.peek() != b':' {
            return Err(Stop::expected(self.pos, "\":\""));
        }
        self.pos += 1;
        Ok(())
    }

    /// Reads a string; true if there were escapes in it.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, Stop> {
        self.pos = scan::plain_end(self.text, self.pos + 1);
        if self.peek() == b'"' {
            self.pos += 1;
            return Ok(false);
        }
        self.escaped_string().map(|()| true)
    }

    /// Reads the rest of a string whose plain bytes end here.
    fn escaped_string(&mut self) -> Result<(), Stop> {
        loop {
            match self.text.get(self.pos) {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let (c, next) = scan::unescape(self.text, self.pos)?;
                    if next == self.pos + 2 && c != '/' {
                        // The short escapes are canonical.
                        self.pos = next;
                    } else {
                        self.flush();
                        scan::push_char(self.out, c);
                        self.pos = next;
                        self.from = next;
                    }
                }
                Some(_) => return Err(Stop { offset: self.pos, problem: Problem::Control }),
                None => return Err(Stop::expected(self.pos, "a closing quote")),
            }
            self.pos = scan::plain_end(self.text, self.pos);
        }
    }

    #[inline(always)]
    fn number(&mut self) -> Result<(), Stop> {
        let start = self.pos;
        let scanned = number::scan(self.text, start)?;
        if !scanned.verbatim {
            self.flush();
            let literal = self.source.get(start..scanned.end).unwrap_or_default();
            number::push_number(self.out, literal).map_err(|problem| Stop { offset: start, problem })?;
            self.from = scanned.end;
        }
        self.pos = scanned.end;
        Ok(())
    }

    #[inline(always)]
    fn word(&mut self, word: &[u8]) -> Result<(), Stop> {
        if self.text[self.pos..].starts_with(word) {
            self.pos += word.len();
            Ok(())
        } else {
            Err(Stop::expected(self.pos, "a value"))
        }
    }

    /// Notes where the members of the outermost object, which are in order now, end.
    fn note_ends(&mut self) {
        let end = self.out_pos() - self.before;
        let Canonicaliser { members, ends, .. } = &mut *self.scratch;
        // A comma stands between a member and the next.
        ends.extend(members.iter().skip(1).map(|next| next.at - 1 - self.before));
        ends.push(end);
    }

    /// Puts the members of the object that ends here, the ones from `first` on, in order.
    fn reorder(&mut self, first: usize) -> Result<(), Stop> {
        self.flush();
        let (text, out) = (self.text, &mut *self.out);
        let Canonicaliser { members, swap, .. } = &mut *self.scratch;
        let members = &mut members[first..];
        let body = members[0].at;
        let mut end = out.len();
        for member in members.iter_mut().rev() {
            member.end = end;
            // A comma stands before each but the first, whose `at` is not looked at again.
            end = member.at.wrapping_sub(1);
        }
        members.sort_unstable_by(|a, b| a.compare(b, text));
        if let Some(i) = members.windows(2).position(|pair| pair[0].compare(&pair[1], text).is_eq()) {
            let offset = members[i].offset().max(members[i + 1].offset());
            // The pointer of the error is made from the last one.
            let last = members.len() - 1;
            members.swap(i, last);
            return Err(Stop { offset, problem: Problem::Duplicate });
        }
        swap.clear();
        swap.extend_from_slice(&out[body..]);
        out.truncate(body);
        for (i, member) in members.iter_mut().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            let from = std::mem::replace(&mut member.at, out.len());
            out.extend_from_slice(&swap[from - body..member.end - body]);
        }
        Ok(())
    }
}
