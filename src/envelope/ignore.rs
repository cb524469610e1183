//! Members of JSON content that the digest leaves out (`content.ignore`), as RFC 6901 pointers.
//! It must not know the settings they come from.

use std::ops::Range;

use super::{MAX_DEPTH, canonical_string, scan::plain_end};

/// Why a text is no pointer that content can be ignored by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    /// RFC 6901, section 3: a pointer begins with a slash.
    #[error("{0:?} is no JSON pointer (RFC 6901): it does not begin with \"/\"\nhint: write \"/{0}\"")]
    NoSlash(String),
    /// The pointer to the whole document.
    #[error(
        "\"\" points to the whole content, so that no change of it would be seen\nhint: name a member, as in \"/generated_at\""
    )]
    Whole,
    /// RFC 6901, section 3: `~` stands only in `~0` and `~1`.
    #[error(
        "{0:?} is no JSON pointer (RFC 6901): \"~\" must be followed by 0 or 1\nhint: write \"~0\" for \"~\" and \"~1\" for \"/\""
    )]
    Tilde(String),
    /// Deeper than content can be.
    #[error(
        "a pointer of {0} steps points deeper than content can be nested ({MAX_DEPTH})\nhint: name an outer member"
    )]
    TooDeep(usize),
}

/// Compiled `content.ignore`.
///
/// An ignored member is left out together with its name; an ignored element of an array (`/disks/0`) is left out, and
/// the others are counted as if it were still there. Pointers to what is not in the content change nothing. The last
/// step `-` of RFC 6901 points behind an array's end, so to nothing, but is a name like any other in an object.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    root: Node,
}

#[derive(Debug, Clone, Default)]
struct Node {
    ignored: bool,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
struct Step {
    /// As canonical text has it: escaped, within quotes.
    name: Vec<u8>,
    index: Option<usize>,
    node: Node,
}

impl Ignore {
    /// Compiles pointers; names the first that is none.
    pub fn new<S: AsRef<str>>(pointers: impl IntoIterator<Item = S>) -> Result<Self, IgnoreError> {
        let mut root = Node::default();
        for pointer in pointers {
            root.add(pointer.as_ref())?;
        }
        Ok(Self { root })
    }

    /// Whether nothing is ignored.
    pub fn is_empty(&self) -> bool {
        self.root.steps.is_empty()
    }

    /// The parts of `canonical` (canonical JSON text) that are not ignored; together they are canonical again.
    ///
    /// `ends` says where the members of the outermost object end ([`super::Canonicaliser::member_ends`]), which saves
    /// reading them; it may be empty. `cuts` is working memory.
    pub fn kept<'a>(
        &self,
        canonical: &'a [u8],
        ends: &[usize],
        cuts: &'a mut Vec<Range<usize>>,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        cuts.clear();
        if !self.is_empty() {
            prune(&self.root, canonical, 0, cuts, Some(ends));
        }
        let starts = std::iter::once(0).chain(cuts.iter().map(|cut| cut.end));
        let ends = cuts.iter().map(|cut| cut.start).chain(std::iter::once(canonical.len()));
        starts.zip(ends).map(|(start, end)| canonical.get(start..end).unwrap_or_default())
    }
}

impl Node {
    fn add(&mut self, pointer: &str) -> Result<(), IgnoreError> {
        if pointer.is_empty() {
            return Err(IgnoreError::Whole);
        }
        let rest = pointer.strip_prefix('/').ok_or_else(|| IgnoreError::NoSlash(pointer.to_owned()))?;
        let steps = rest.split('/').count();
        if steps > MAX_DEPTH {
            return Err(IgnoreError::TooDeep(steps));
        }
        let mut node = self;
        for token in rest.split('/') {
            if token.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
                return Err(IgnoreError::Tilde(pointer.to_owned()));
            }
            let token = token.replace("~1", "/").replace("~0", "~");
            let mut name = Vec::new();
            canonical_string(&token, &mut name);
            let at = node.steps.iter().position(|step| step.name == name).unwrap_or_else(|| {
                let number = token == "0" || token.starts_with(|c: char| ('1'..='9').contains(&c));
                let index = if number { token.parse().ok() } else { None };
                node.steps.push(Step { name, index, node: Self::default() });
                node.steps.len() - 1
            });
            node = &mut node.steps[at].node;
        }
        node.ignored = true;
        Ok(())
    }
}

/// Collects into `cuts`, in order, what `node` ignores of the value at `at`; returns the value's end, or some position
/// before it where the rest of the whole text is of no interest. `ends` is given for the whole text only.
///
/// It calls itself as deep as the pointers are, which is at most [`MAX_DEPTH`].
fn prune(node: &Node, text: &[u8], at: usize, cuts: &mut Vec<Range<usize>>, ends: Option<&[usize]>) -> usize {
    let object = match text.get(at) {
        Some(b'{') => true,
        Some(b'[') => false,
        _ => return skip_value(text, at),
    };
    let mut start = at + 1;
    let mut kept = false;
    let mut index = 0;
    let mut wanted = node.steps.len();
    while !matches!(text.get(start), None | Some(b'}' | b']')) {
        let (step, value) = if object {
            let name_end = skip_string(text, start);
            let name = text.get(start..name_end).unwrap_or_default();
            (node.steps.iter().find(|step| step.name == name), name_end + 1)
        } else {
            (node.steps.iter().find(|step| step.index == Some(index)), start)
        };
        let ignored = step.is_some_and(|step| step.node.ignored);
        let end = match step {
            Some(step) if !ignored => prune(&step.node, text, value, cuts, None),
            _ => ends.and_then(|ends| ends.get(index).copied()).unwrap_or_else(|| skip_value(text, value)),
        };
        let comma = text.get(end) == Some(&b',');
        if ignored {
            // One comma goes with it: the one before if there is any to keep, else the one behind.
            cuts.push(if kept { start - 1..end } else { start..end + usize::from(comma) });
        }
        kept |= !ignored;
        wanted -= usize::from(step.is_some());
        if ends.is_some() && wanted == 0 {
            return end;
        }
        index += 1;
        start = end + usize::from(comma);
    }
    start + 1
}

/// The end of the string that begins at `at`.
fn skip_string(text: &[u8], at: usize) -> usize {
    let mut at = plain_end(text, at + 1);
    while text.get(at).is_some_and(|b| *b != b'"') {
        at = plain_end(text, at + 2);
    }
    at + 1
}

/// The end of the value that begins at `at` in canonical text.
fn skip_value(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = skip_string(text, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pointers: &[&str], text: &str) -> String {
        let ignore = Ignore::new(pointers).unwrap();
        let mut cuts = Vec::new();
        String::from_utf8(ignore.kept(text.as_bytes(), &[], &mut cuts).collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn members_and_elements_are_left_out() {
        let text = r#"{"a":{"b":[1,{"c":"}\"]"},3],"d":null},"e/f":1,"g~h":[],"é":"x"}"#;
        for (pointers, left) in [
            (&[][..], text),
            (&["/a"], r#"{"e/f":1,"g~h":[],"é":"x"}"#),
            (&["/é"], r#"{"a":{"b":[1,{"c":"}\"]"},3],"d":null},"e/f":1,"g~h":[]}"#),
            (&["/e~1f", "/g~0h"], r#"{"a":{"b":[1,{"c":"}\"]"},3],"d":null},"é":"x"}"#),
            (&["/a/b/1", "/a/d"], r#"{"a":{"b":[1,3]},"e/f":1,"g~h":[],"é":"x"}"#),
            (&["/a/b/0", "/a/b/2"], r#"{"a":{"b":[{"c":"}\"]"}],"d":null},"e/f":1,"g~h":[],"é":"x"}"#),
            (&["/a/b/1/c"], r#"{"a":{"b":[1,{},3],"d":null},"e/f":1,"g~h":[],"é":"x"}"#),
            (&["/a", "/a/b", "/e~1f", "/g~0h", "/é"], "{}"),
            (&["/a/b", "/a"], r#"{"e/f":1,"g~h":[],"é":"x"}"#),
            (&["/a/b/-", "/a/b/01", "/a/b/9", "/x", "/a/d/y", "/"], text),
        ] {
            assert_eq!(kept(pointers, text), left, "{pointers:?}");
        }
        assert_eq!(kept(&["/0"], "[1]"), "[]");
        assert_eq!(kept(&["/0"], "7"), "7");
        assert_eq!(kept(&["/0"], r#"{"0":1,"00":2}"#), r#"{"00":2}"#);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        assert_eq!(Ignore::new(["a"]).unwrap_err(), IgnoreError::NoSlash("a".into()));
        assert_eq!(Ignore::new([""]).unwrap_err(), IgnoreError::Whole);
        assert_eq!(Ignore::new(["/a~2"]).unwrap_err(), IgnoreError::Tilde("/a~2".into()));
        assert_eq!(Ignore::new(["/a~"]).unwrap_err(), IgnoreError::Tilde("/a~".into()));
        assert_eq!(Ignore::new(["/a".repeat(129)]).unwrap_err(), IgnoreError::TooDeep(129));
        assert!(Ignore::new(["/a".repeat(128)]).is_ok());
    }
}
