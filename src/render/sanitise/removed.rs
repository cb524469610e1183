//! What the sanitiser took away: what went in, counted, less what came out. It must not decide what goes.

use std::{cell::RefCell, collections::HashMap, fmt};

use html5ever::{
    LocalName,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::{Rawtext, Rcdata, ScriptData},
    },
};
use serde::Serialize;

/// Most names that are told one by one.
const NAMES: usize = 20;

/// What was taken out of some HTML, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Removed {
    parts: Vec<Part>,
}

/// One kind of thing that was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// An element (`script`), an attribute of an element (`a href`), a class of any element (`class="x"`), or `comment`.
    pub what: String,
    /// How many of them.
    pub count: u64,
}

impl Removed {
    /// What is in `before` and not in `after` any more. Nothing where both are the same.
    pub(super) fn between(before: &str, after: &str) -> Self {
        if before == after {
            return Self::default();
        }
        let counts = count(before, 1, Counts::default());
        let counts = count(after, -1, counts);
        let mut parts = counts.parts();
        parts.sort_by(|a, b| a.what.cmp(&b.what));
        if parts.len() > NAMES {
            let rest = parts.split_off(NAMES - 1);
            parts.push(Part { what: "other".to_owned(), count: rest.iter().map(|part| part.count).sum() });
        }
        Self { parts }
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How many things in all.
    pub fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.count).sum()
    }

    /// What it was, by name.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match part.count {
                1 => write!(f, "{comma}{}", part.what)?,
                count => write!(f, "{comma}{} ({count})", part.what)?,
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Counts {
    elements: HashMap<LocalName, i64>,
    attributes: HashMap<(LocalName, LocalName), i64>,
    classes: HashMap<String, i64>,
    comments: i64,
}

impl Counts {
    fn parts(self) -> Vec<Part> {
        let part = |what: String, count: i64| Part { what, count: count.unsigned_abs() };
        let elements = self.elements.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| part(shown(&name), n));
        let attributes = self.attributes.into_iter().filter(|(_, n)| *n > 0);
        let attributes = attributes.map(|((tag, name), n)| part(format!("{} {}", shown(&tag), shown(&name)), n));
        let classes = self.classes.into_iter().filter(|(_, n)| *n > 0);
        let classes = classes.map(|(name, n)| part(format!("class=\"{}\"", shown(&name)), n));
        let comments = (self.comments > 0).then(|| part("comment".to_owned(), self.comments));
        elements.chain(attributes).chain(classes).chain(comments).collect()
    }

    fn tag(&mut self, tag: &Tag, sign: i64) {
        *self.elements.entry(tag.name.clone()).or_default() += sign;
        for attribute in &tag.attrs {
            let name = &attribute.name.local;
            if &**name == "class" {
                for class in attribute.value.split_ascii_whitespace() {
                    *self.classes.entry(class.to_owned()).or_default() += sign;
                }
            } else if &**name != "rel" {
                // The sanitiser writes it itself.
                *self.attributes.entry((tag.name.clone(), name.clone())).or_default() += sign;
            }
        }
    }
}

/// A name from the content, short and harmless.
fn shown(name: &str) -> String {
    name.chars().take(30).map(|c| if c.is_ascii_graphic() && c != '"' { c } else { '?' }).collect()
}

struct Counter {
    counts: RefCell<Counts>,
    sign: i64,
}

impl TokenSink for Counter {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                self.counts.borrow_mut().tag(&tag, self.sign);
                // What stands in these is text, whatever it looks like.
                match &*tag.name {
                    "script" => TokenSinkResult::RawData(ScriptData),
                    "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(Rawtext),
                    "title" | "textarea" => TokenSinkResult::RawData(Rcdata),
                    "plaintext" => TokenSinkResult::Plaintext,
                    _ => TokenSinkResult::Continue,
                }
            }
            Token::CommentToken(_) => {
                self.counts.borrow_mut().comments += self.sign;
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

fn count(html: &str, sign: i64, counts: Counts) -> Counts {
    let counter = Counter { counts: RefCell::new(counts), sign };
    let tokenizer = Tokenizer::new(counter, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(html.into());
    // A script element stops it, so that one could run: here none does.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    tokenizer.sink.counts.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_named_and_counted() {
        let before = "<p class='a b' onclick=x>1</p><!-- c --><script>if (a<b) '<i>'</script><script></script><p>2</p>";
        let removed = Removed::between(before, "<p class=\"b\">1</p><p>2</p>");
        assert_eq!(removed.to_string(), "class=\"a\", comment, p onclick, script (2)");
        assert_eq!(removed.total(), 5);
        assert!(Removed::between("<b>x</b>", "<b>x</b>").is_empty());
        // What the parser adds is not removed.
        assert!(
            Removed::between("<table><tr><td>1</table>", "<table><tbody><tr><td>1</td></tr></tbody></table>")
                .is_empty()
        );
    }

    #[test]
    fn names_are_bounded_and_harmless() {
        let many: String = (0..200).map(|n| format!("<x{n} \u{1b}[31m=1>")).collect();
        let removed = Removed::between(&many, "");
        assert_eq!(removed.parts().len(), NAMES);
        assert_eq!(removed.total(), 400);
        assert!(removed.to_string().bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{removed}");
    }
}
