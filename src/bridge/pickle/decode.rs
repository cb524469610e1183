//! The stack machine that reads a pickle (protocols 0 to 5). It must not run anything: see [`super`].

use std::collections::HashMap;

use super::{
    names::{self, Name},
    reader::{BadPickle, Reader, long, quoted, raw_unicode, utf8},
};
use crate::bridge::value::{MAX_DEPTH, Value};

/// Most parts: values, and references to them.
const MAX_PARTS: usize = 1_000_000;

/// Reads a pickle of plain data that has at most `max_bytes` of texts and bytes, counted as often as they are referred to.
///
/// # Errors
/// Whatever is no plain data, or more of it than allowed.
pub fn decode(pickle: &[u8], max_bytes: usize) -> Result<Value, BadPickle> {
    let mut machine = Machine {
        input: Reader(pickle),
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        parts_left: MAX_PARTS,
        bytes_left: max_bytes,
    };
    let root = machine.run()?;
    machine.value(root, 0)
}

/// A value on the stack or in the memo, by its place among the nodes.
type At = usize;

enum Node {
    Leaf(Value),
    /// A list, tuple or set.
    List(Vec<At>),
    Dict(Vec<(At, At)>),
    Name(Name),
}

struct Machine<'a> {
    input: Reader<'a>,
    nodes: Vec<Node>,
    stack: Vec<At>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, At>,
    parts_left: usize,
    bytes_left: usize,
}

const EMPTY: BadPickle = BadPickle::Broken("it takes more than there is");

impl Machine<'_> {
    fn run(&mut self) -> Result<At, BadPickle> {
        loop {
            let code = self.input.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Result<(), BadPickle> {
        match code {
            // Which protocol it is, and how its bytes are framed, changes nothing.
            0x80 => self.input.byte().map(drop),
            0x95 => self.input.u64().map(drop),
            b'(' => {
                self.spend(1)?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' if self.marks.last() == Some(&self.stack.len()) => {
                self.marks.pop();
                Ok(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.cut().map(drop),
            b'2' => {
                let top = *self.stack.last().ok_or(EMPTY)?;
                self.push_at(top)
            }
            b'p' | b'q' | b'r' | 0x94 => self.put(code),
            b'g' | b'h' | b'j' => self.get(code),
            b']' | b')' | b'}' | 0x8f | b'l' | b't' | b'd' | 0x85..=0x87 | 0x91 => self.container(code),
            b'a' | b'e' | 0x90 | b's' | b'u' => self.fill(code),
            b'c' | 0x93 | b'R' | 0x81 | b'b' => self.name(code),
            _ => {
                let leaf = self.leaf(code)?;
                self.push(Node::Leaf(leaf))
            }
        }
    }

    fn leaf(&mut self, code: u8) -> Result<Value, BadPickle> {
        let number = BadPickle::Broken("a number");
        Ok(match code {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(self.input.byte()?.into()),
            b'M' => Value::Int(self.input.u16()?.into()),
            b'J' => Value::Int(self.input.i32()?.into()),
            b'I' | b'L' => match self.input.text_line()?.trim() {
                "01" if code == b'I' => Value::Bool(true),
                "00" if code == b'I' => Value::Bool(false),
                digits => whole(digits.trim_end_matches('L')).ok_or(number)?,
            },
            0x8a | 0x8b => {
                let count = if code == 0x8a { self.input.byte()?.into() } else { self.input.u32()? };
                let digits = long(self.input.take(count.into())?)?;
                whole(&digits).ok_or(number)?
            }
            b'G' => Value::Float(self.input.f64()?),
            b'F' => Value::Float(self.input.text_line()?.trim().parse().map_err(|_| number)?),
            b'V' => Value::Str(raw_unicode(self.input.line()?)?),
            b'X' | 0x8c | 0x8d => Value::Str(utf8(self.counted(code)?)?),
            b'B' | b'C' | 0x8e | 0x96 => Value::Bytes(self.counted(code)?.to_vec()),
            // Python 2 did not say whether it is a text.
            b'S' => old_str(&quoted(self.input.line()?)?),
            b'T' | b'U' => old_str(self.counted(code)?),
            other => return Err(refused(other, &mut self.input)),
        })
    }

    /// Bytes behind their count.
    fn counted(&mut self, code: u8) -> Result<&[u8], BadPickle> {
        let count = match code {
            0x8c | b'C' | b'U' => self.input.byte()?.into(),
            0x8d | 0x8e | 0x96 => self.input.u64()?,
            _ => self.input.u32()?.into(),
        };
        self.input.take(count)
    }

    fn put(&mut self, code: u8) -> Result<(), BadPickle> {
        let top = *self.stack.last().ok_or(EMPTY)?;
        let place = match code {
            b'q' => self.input.byte()?.into(),
            b'r' => self.input.u32()?.into(),
            b'p' => self.memo_line()?,
            _ => self.memo.len() as u64,
        };
        self.spend(1)?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn get(&mut self, code: u8) -> Result<(), BadPickle> {
        let place = match code {
            b'h' => self.input.byte()?.into(),
            b'j' => self.input.u32()?.into(),
            _ => self.memo_line()?,
        };
        let at = *self.memo.get(&place).ok_or(BadPickle::Broken("it refers to nothing"))?;
        self.push_at(at)
    }

    fn memo_line(&mut self) -> Result<u64, BadPickle> {
        self.input.text_line()?.trim().parse().map_err(|_| BadPickle::Broken("a place"))
    }

    fn container(&mut self, code: u8) -> Result<(), BadPickle> {
        let node = match code {
            b']' | b')' | 0x8f => Node::List(Vec::new()),
            b'}' => Node::Dict(Vec::new()),
            b'l' | b't' | 0x91 => Node::List(self.cut()?),
            b'd' => Node::Dict(pairs(&self.cut()?)?),
            _ => {
                let from = self.stack.len().checked_sub(usize::from(code - 0x84)).ok_or(EMPTY)?;
                Node::List(self.stack.split_off(from))
            }
        };
        self.push(node)
    }

    /// Puts what is on the stack into the container below it.
    fn fill(&mut self, code: u8) -> Result<(), BadPickle> {
        let items = match code {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.cut()?,
        };
        let into = *self.stack.last().ok_or(EMPTY)?;
        match (&mut self.nodes[into], code) {
            (Node::List(list), b'a' | b'e' | 0x90) => list.extend(items),
            (Node::Dict(dict), b's' | b'u') => dict.extend(pairs(&items)?),
            _ => return Err(BadPickle::Broken("it fills what is no container")),
        }
        Ok(())
    }

    /// The instructions by which a pickle names, calls and makes things.
    fn name(&mut self, code: u8) -> Result<(), BadPickle> {
        match code {
            b'c' => {
                let (module, name) = (self.input.text_line()?, self.input.text_line()?);
                let name = names::find(module, name)?;
                self.push(Node::Name(name))
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Leaf(Value::Str(module)), Node::Leaf(Value::Str(name))) =
                    (&self.nodes[module], &self.nodes[name])
                else {
                    return Err(BadPickle::Broken("a name is no text"));
                };
                let name = names::find(module, name)?;
                self.push(Node::Name(name))
            }
            b'b' => self.build(),
            _ => {
                let (args, callee) = (self.pop()?, self.pop()?);
                let Node::Name(name) = self.nodes[callee] else {
                    return Err(BadPickle::Broken("it calls what has no name"));
                };
                let node = self.make(name, args)?;
                self.push(node)
            }
        }
    }

    /// What `name` makes of the tuple `args`.
    fn make(&mut self, name: Name, args: At) -> Result<Node, BadPickle> {
        let bad = BadPickle::Broken("what a type is made of");
        let Node::List(args) = &self.nodes[args] else { return Err(bad) };
        let args = args.clone();
        self.spend(args.len())?;
        match (name, args.as_slice()) {
            (Name::OrderedDict | Name::DefaultDict, []) => Ok(Node::Dict(Vec::new())),
            (Name::DefaultDict, [factory]) => match self.nodes[*factory] {
                Node::Name(_) | Node::Leaf(Value::None) => Ok(Node::Dict(Vec::new())),
                _ => Err(bad),
            },
            (Name::OrderedDict, [list]) => self.ordered(*list),
            (Name::Set, [list]) => {
                let Node::List(items) = &self.nodes[*list] else { return Err(bad) };
                let items = items.clone();
                self.spend(items.len())?;
                Ok(Node::List(items))
            }
            // Its number comes later, by BUILD.
            (Name::Uuid, []) => Ok(Node::Name(Name::Uuid)),
            _ => {
                let values = args.iter().map(|at| self.value(*at, MAX_DEPTH - 2)).collect::<Result<Vec<_>, _>>()?;
                names::make(name, &values).map(Node::Leaf)
            }
        }
    }

    /// A dict of a list of pairs, as Python 2 wrote an `OrderedDict`.
    fn ordered(&mut self, list: At) -> Result<Node, BadPickle> {
        let bad = BadPickle::Broken("what a type is made of");
        let Node::List(items) = &self.nodes[list] else { return Err(bad) };
        let count = items.len();
        let dict = items.iter().map(|item| match &self.nodes[*item] {
            Node::List(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => Err(bad.clone()),
        });
        let dict = dict.collect::<Result<_, _>>()?;
        self.spend(count)?;
        Ok(Node::Dict(dict))
    }

    /// The state of what was made: a UUID's number, and nothing else.
    fn build(&mut self) -> Result<(), BadPickle> {
        let (state, of) = (self.pop()?, *self.stack.last().ok_or(EMPTY)?);
        let (Node::Name(Name::Uuid), Node::Dict(state)) = (&self.nodes[of], &self.nodes[state]) else {
            return Err(refused(b'b', &mut self.input));
        };
        let is_int = |key: At| matches!(&self.nodes[key], Node::Leaf(Value::Str(name)) if name == "int");
        let number = state.iter().find(|(key, _)| is_int(*key)).map(|(_, value)| &self.nodes[*value]);
        let Some(Node::Leaf(number)) = number else { return Err(BadPickle::Broken("a UUID without its number")) };
        let text = names::uuid(number).ok_or(BadPickle::Broken("a UUID's number"))?;
        self.nodes[of] = Node::Leaf(Value::Str(text));
        Ok(())
    }

    /// The plain data at `at`, all of it.
    fn value(&mut self, at: At, depth: usize) -> Result<Value, BadPickle> {
        if depth > MAX_DEPTH {
            return Err(BadPickle::TooMuch);
        }
        self.spend(1)?;
        match &self.nodes[at] {
            Node::Leaf(leaf) => {
                let size = match leaf {
                    Value::Str(text) | Value::BigInt(text) => text.len(),
                    Value::Bytes(bytes) => bytes.len(),
                    _ => 0,
                };
                let leaf = leaf.clone();
                self.bytes_left = self.bytes_left.checked_sub(size).ok_or(BadPickle::TooMuch)?;
                Ok(leaf)
            }
            Node::List(items) => {
                // Not more than were pushed, each of which was counted.
                let items = items.clone();
                self.spend(items.len())?;
                items.into_iter().map(|item| self.value(item, depth + 1)).collect::<Result<_, _>>().map(Value::List)
            }
            Node::Dict(pairs) => {
                let pairs = pairs.clone();
                self.spend(pairs.len())?;
                let pair = |(key, value)| Ok((self.value(key, depth + 1)?, self.value(value, depth + 1)?));
                pairs.into_iter().map(pair).collect::<Result<_, _>>().map(Value::Dict)
            }
            Node::Name(_) => Err(BadPickle::Broken("a type is no value")),
        }
    }

    fn spend(&mut self, parts: usize) -> Result<(), BadPickle> {
        self.parts_left = self.parts_left.checked_sub(parts).ok_or(BadPickle::TooMuch)?;
        Ok(())
    }

    fn push(&mut self, node: Node) -> Result<(), BadPickle> {
        self.nodes.push(node);
        self.push_at(self.nodes.len() - 1)
    }

    fn push_at(&mut self, at: At) -> Result<(), BadPickle> {
        self.spend(1)?;
        self.stack.push(at);
        Ok(())
    }

    fn pop(&mut self) -> Result<At, BadPickle> {
        if self.marks.last() == Some(&self.stack.len()) {
            return Err(EMPTY);
        }
        self.stack.pop().ok_or(EMPTY)
    }

    /// What is on the stack above the last mark, which goes too.
    fn cut(&mut self) -> Result<Vec<At>, BadPickle> {
        let mark = self.marks.pop().ok_or(EMPTY)?;
        if mark > self.stack.len() {
            return Err(EMPTY);
        }
        Ok(self.stack.split_off(mark))
    }
}

fn pairs(items: &[At]) -> Result<Vec<(At, At)>, BadPickle> {
    let (pairs, []) = items.as_chunks::<2>() else {
        return Err(BadPickle::Broken("a key without a value"));
    };
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

/// A whole number of its decimal digits.
fn whole(digits: &str) -> Option<Value> {
    if let Ok(int) = digits.parse() {
        return Some(Value::Int(int));
    }
    let bare = digits.strip_prefix('-').unwrap_or(digits);
    let is_number = !bare.is_empty() && bare.len() <= 2500 && bare.bytes().all(|b| b.is_ascii_digit());
    let bare = bare.trim_start_matches('0');
    is_number.then(|| Value::BigInt(format!("{}{bare}", if digits.starts_with('-') { "-" } else { "" })))
}

fn old_str(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| Value::Bytes(bytes.to_vec()), |text| Value::Str(text.to_owned()))
}

/// What an instruction that calls something is told as: by the name, where it brings one.
fn refused(code: u8, input: &mut Reader<'_>) -> BadPickle {
    if code == b'i'
        && let (Ok(module), Ok(name)) = (input.text_line(), input.text_line())
        && let Err(named) = names::find(module, name)
    {
        return named;
    }
    BadPickle::Instruction(code)
}
