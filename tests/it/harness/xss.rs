//! The vectors of cross-site scripting in `tests/data/xss.txt`, and an eye on what a browser would make of some HTML.

use html5ever::{ParseOpts, parse_document, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

use super::repository;

/// One vector, and the list that it is of.
pub struct Vector {
    /// The list.
    pub from: String,
    /// The vector itself.
    pub text: String,
}

/// All of them.
pub fn vectors() -> Vec<Vector> {
    let path = repository().join("tests/data/xss.txt");
    let text = std::fs::read_to_string(&path).expect("the vectors are there");
    let mut from = String::new();
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("## ")) {
        match line.strip_prefix("#: ") {
            Some(source) => source.clone_into(&mut from),
            None => found.push(Vector { from: from.clone(), text: unescape(line) }),
        }
    }
    found
}

fn unescape(line: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'0') => out.push(0),
            Some(b'x') => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap_or_else(|e| panic!("{line}: {e}")));
            }
            Some(b'\\') => out.push(b'\\'),
            other => out.extend([Some(b'\\'), other].into_iter().flatten()),
        }
    }
    String::from_utf8(out).unwrap_or_else(|e| panic!("{line}: {e}"))
}

/// Elements that do nothing by themselves, and how they got there does not matter.
const HARMLESS: &str = "html head body a abbr b bdi blockquote br caption cite code col colgroup dd del details dfn div dl dt em \
    figcaption figure h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q rp rt ruby s samp small span strong sub summary sup \
    table tbody td tfoot th thead time tr u ul var wbr";
/// Attributes of theirs that run, load and hide nothing.
const QUIET: &str = "align class colspan datetime dir lang open rel reversed rowspan scope span start title value";

/// What is dangerous in `html`, as a parser sees it; nothing where all is well.
pub fn dangers(html: &str) -> Vec<String> {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
    let mut found = Vec::new();
    let mut waiting: Vec<Handle> = vec![dom.document.clone()];
    while let Some(node) = waiting.pop() {
        match &node.data {
            NodeData::Element { name, attrs, template_contents, .. } => {
                let tag = name.local.to_string();
                if &*name.ns != "http://www.w3.org/1999/xhtml" || !HARMLESS.split_whitespace().any(|word| word == tag) {
                    found.push(format!("<{tag}>"));
                }
                if template_contents.borrow().is_some() {
                    found.push("a template".to_owned());
                }
                for attr in attrs.borrow().iter() {
                    found.extend(attribute(&tag, &attr.name.local, &attr.value));
                }
            }
            NodeData::Comment { .. } | NodeData::ProcessingInstruction { .. } => found.push("a comment".to_owned()),
            NodeData::Document | NodeData::Doctype { .. } | NodeData::Text { .. } => {}
        }
        waiting.extend(node.children.borrow().iter().cloned());
    }
    found
}

fn attribute(tag: &str, name: &str, value: &str) -> Option<String> {
    let told = || Some(format!("<{tag} {name}={value:?}>"));
    if tag == "a" && name == "href" {
        // As browsers do before they look at the scheme (WHATWG URL, section 4.4).
        let bare: String =
            value.trim_matches(|c: char| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
        let lower = bare.to_ascii_lowercase();
        return if ["http:", "https:", "mailto:"].iter().any(|s| lower.starts_with(s)) { None } else { told() };
    }
    let quiet = QUIET.split_whitespace().any(|word| word == name);
    let class = name != "class" || value.split_whitespace().all(|class| class.starts_with("ralphext-"));
    if quiet && class && !name.starts_with("on") { None } else { told() }
}

#[test]
fn the_eye_sees_what_is_dangerous() {
    for bad in [
        "<script>x</script>",
        "<p onclick=x>",
        "<p style=x>",
        "<a href=' javascript:x'>",
        "<a href='java\nscript:x'>",
        "<a href=/x>",
        "<img>",
        "<svg>",
        "<!-- x -->",
        "<p id=x>",
        "<p class=x>",
        "<iframe>",
        "<template>",
        "<math><mi>",
    ] {
        assert!(!dangers(bad).is_empty(), "{bad}");
    }
    assert_eq!(dangers("<p class=ralphext-ok>a<a href=HTTPS://x>b</a></p>"), Vec::<String>::new());
    assert!(vectors().len() >= 200, "{}", vectors().len());
}
