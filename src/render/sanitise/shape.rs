//! HTML that is built to be expensive: formatting that is never closed comes back in every later block, so that a parser makes
//! a square of it; and elements within elements without end. It must not parse, only follow what is open.

/// Most formatting elements that are open at once.
const MOST_FORMATTING: usize = 64;
/// Most elements within each other.
const MOST_DEPTH: usize = 256;
/// Longest name that is told apart from others.
const NAME: usize = 10;

const FORMATTING: [&[u8]; 14] =
    [b"a", b"b", b"big", b"code", b"em", b"font", b"i", b"nobr", b"s", b"small", b"strike", b"strong", b"tt", b"u"];
const VOID: [&[u8]; 10] = [b"br", b"hr", b"img", b"wbr", b"col", b"input", b"meta", b"link", b"area", b"embed"];
/// Their end tags are left out by habit: the next one closes them.
const CLOSED_BY_NEXT: [&[u8]; 9] = [b"p", b"li", b"dt", b"dd", b"option", b"rp", b"rt", b"tbody", b"thead"];
/// An end tag within one of these closes nothing outside of it.
const BARRIERS: [&[u8]; 8] = [b"table", b"object", b"applet", b"marquee", b"button", b"template", b"select", b"svg"];
/// Cells: the next one, and the end of their row, forget what was left open in them.
const CELLS: [&[u8]; 3] = [b"td", b"th", b"caption"];

#[derive(Clone, Copy, PartialEq, Eq)]
struct Name([u8; NAME]);

impl Name {
    fn is_in(self, list: &[&[u8]]) -> bool {
        let len = self.0.iter().position(|b| *b == 0).unwrap_or(NAME);
        list.contains(&&self.0[..len])
    }
}

struct Open {
    name: Name,
    /// Formatting that counted when it was opened.
    formatting: usize,
}

/// What is open at some point of a text.
#[derive(Default)]
struct Shape {
    stack: Vec<Open>,
    formatting: usize,
}

/// Whether `html` can be parsed at a price that fits its length.
pub(super) fn check(html: &str) -> Result<(), String> {
    let bytes = html.as_bytes();
    let mut shape = Shape::default();
    for at in memchr::memchr_iter(b'<', bytes) {
        let rest = &bytes[at + 1..];
        let is_end = rest.first() == Some(&b'/');
        let rest = if is_end { &rest[1..] } else { rest };
        let len = rest.iter().take(NAME).take_while(|b| b.is_ascii_alphanumeric()).count();
        if len == 0 {
            continue;
        }
        let mut name = [0; NAME];
        name[..len].copy_from_slice(&rest[..len]);
        name.make_ascii_lowercase();
        if is_end {
            shape.end(Name(name));
        } else {
            shape.start(Name(name));
        }
        if shape.formatting > MOST_FORMATTING {
            return Err(format!(
                "its HTML has more than {MOST_FORMATTING} formatting elements (b, i, a, ...) open at once"
            ));
        }
        if shape.stack.len() > MOST_DEPTH {
            return Err(format!("its HTML has more than {MOST_DEPTH} elements within each other"));
        }
    }
    Ok(())
}

impl Shape {
    fn start(&mut self, name: Name) {
        if name.is_in(&VOID) || name.is_in(&CLOSED_BY_NEXT) {
            return;
        }
        if name.is_in(&CELLS) || name == Name(*b"tr\0\0\0\0\0\0\0\0") {
            self.close_cell();
            if !name.is_in(&CELLS) {
                return;
            }
        }
        self.stack.push(Open { name, formatting: self.formatting });
        self.formatting += usize::from(name.is_in(&FORMATTING));
    }

    fn end(&mut self, name: Name) {
        if name.is_in(&CELLS) || name == Name(*b"tr\0\0\0\0\0\0\0\0") {
            return self.close_cell();
        }
        let is_barrier = |open: &Open| open.name.is_in(&BARRIERS) || open.name.is_in(&CELLS);
        if name == Name(*b"table\0\0\0\0\0") {
            self.close_cell();
        }
        let found = self.stack.iter().rev().position(|open| open.name == name || is_barrier(open));
        let found = found.map(|from_top| self.stack.len() - 1 - from_top);
        match found.filter(|at| self.stack[*at].name == name) {
            // Whatever it holds stays open, as parsers have it.
            Some(at) if name.is_in(&FORMATTING) => {
                self.stack.remove(at);
                self.formatting = self.formatting.saturating_sub(1);
            }
            // Formatting within it is closed, and comes back behind it.
            Some(at) => self.stack.truncate(at),
            None if found.is_none() && name.is_in(&FORMATTING) => self.formatting = self.formatting.saturating_sub(1),
            None => {}
        }
    }

    fn close_cell(&mut self) {
        let table = Name(*b"table\0\0\0\0\0");
        let found = self.stack.iter().rposition(|open| open.name.is_in(&CELLS) || open.name == table);
        if let Some(at) = found.filter(|at| self.stack[*at].name != table) {
            self.formatting = self.stack[at].formatting;
            self.stack.truncate(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn sloppy_html_passes() {
        for html in [
            "<table>".to_owned() + &"<tr><td><b>a<td><i>b</tr>".repeat(500) + "</table>",
            "<p>a<p>b<ul><li>c<li>d</ul><br>".repeat(1000),
            "<b>x</b> <div><i>y</i></div> <a href=x>z</a>".repeat(1000),
            "<div>".repeat(200) + &"</div>".repeat(200),
        ] {
            assert_eq!(check(&html), Ok(()), "{html:.60}");
        }
    }

    #[test]
    fn towers_do_not() {
        for html in [
            "<div>",
            "<div></b>",
            "<b></i>",
            "<b><div></b>",
            "<div><object></div></object>",
            "<b><object></b></object>",
            "<table><td>",
            "<div><b></div>",
            "<DIV>",
        ] {
            assert!(check(&html.repeat(300)).is_err(), "{html}");
        }
    }
}
