//! Sanitised HTML as plain text for a terminal: headings, lists, aligned tables, links with where they lead. It must not know
//! colours.

use std::cell::RefCell;

use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// `html`, which is sanitised, as text.
pub fn outline(html: &str) -> String {
    let tokenizer = Tokenizer::new(Sink(RefCell::new(Writer::default())), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(html.into());
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    tokenizer.sink.0.into_inner().finish()
}

struct Sink(RefCell<Writer>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut writer = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => writer.start(&tag),
            Token::TagToken(tag) => writer.end(&tag.name),
            Token::CharacterTokens(text) => writer.text(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// The line that is being written.
    line: String,
    /// Lists around it: the number of the next item, or none with bullets.
    lists: Vec<Option<u64>>,
    links: Vec<(String, usize)>,
    pre: bool,
    /// Rows of the table that is being read.
    table: Option<Vec<Vec<String>>>,
}

impl Writer {
    fn start(&mut self, tag: &Tag) {
        let attribute = |name: &str| tag.attrs.iter().find(|a| &*a.name.local == name).map(|a| a.value.to_string());
        match &*tag.name {
            "br" => self.end_line(),
            "hr" => {
                self.end_line();
                self.out += "----\n";
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.paragraph();
                let level = tag.name.as_bytes()[1] - b'0';
                self.line = format!("{} ", "#".repeat(level.into()));
            }
            "p" | "div" | "blockquote" | "dl" | "figure" | "details" => self.paragraph(),
            "ul" => self.open_list(None),
            "ol" => self.open_list(Some(attribute("start").and_then(|n| n.parse().ok()).unwrap_or(1))),
            "li" => {
                self.end_line();
                let depth = self.lists.len().saturating_sub(1);
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.line = "  ".repeat(depth) + &mark;
            }
            "dt" | "summary" | "caption" | "figcaption" => self.end_line(),
            "dd" => {
                self.end_line();
                self.line = "    ".to_owned();
            }
            "pre" => {
                self.paragraph();
                self.pre = true;
            }
            "table" => {
                self.paragraph();
                self.table = Some(Vec::new());
            }
            "tr" => {
                self.line.clear();
                self.table.iter_mut().for_each(|rows| rows.push(Vec::new()));
            }
            "td" | "th" => self.line.clear(),
            "a" => self.links.push((attribute("href").unwrap_or_default(), self.line.len())),
            "img" => self.text(&attribute("alt").map_or("[image]".to_owned(), |alt| format!("[image: {alt}]"))),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "a" => {
                let Some((url, from)) = self.links.pop() else { return };
                // A link that is its own text says all.
                if !url.is_empty() && self.line.get(from..).is_some_and(|text| text.trim() != url) {
                    self.line += &format!(" <{url}>");
                }
            }
            "ul" | "ol" => {
                self.end_line();
                self.lists.pop();
                self.blank_line();
            }
            "td" | "th" => {
                let cell = std::mem::take(&mut self.line).trim().to_owned();
                if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(cell);
                }
            }
            "table" => self.end_table(),
            "pre" => {
                self.paragraph();
                self.pre = false;
            }
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "div" | "blockquote" | "dl" | "figure" | "details" => {
                self.paragraph();
            }
            "li" | "dt" | "dd" | "summary" | "caption" | "figcaption" => self.end_line(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.pre {
            for (i, line) in text.split('\n').enumerate() {
                if i > 0 {
                    self.out += &std::mem::take(&mut self.line);
                    self.out.push('\n');
                }
                self.line += line;
            }
            return;
        }
        for (i, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            if i > 0 && !self.line.is_empty() && !self.line.ends_with(' ') {
                self.line.push(' ');
            }
            self.line += word;
        }
    }

    fn open_list(&mut self, first: Option<u64>) {
        self.end_line();
        self.lists.push(first);
    }

    fn end_line(&mut self) {
        if self.table.is_some() {
            // Within a cell.
            return;
        }
        let line = std::mem::take(&mut self.line);
        if !line.trim().is_empty() {
            self.out += line.trim_end();
            self.out.push('\n');
        }
    }

    fn paragraph(&mut self) {
        if self.table.is_some() {
            return self.text(" ");
        }
        self.end_line();
        self.blank_line();
    }

    fn blank_line(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") && self.lists.is_empty() {
            self.out.push('\n');
        }
    }

    fn end_table(&mut self) {
        let Some(rows) = self.table.take() else { return };
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
        for row in &rows {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            self.out += cells.join("  ").trim_end();
            self.out.push('\n');
        }
        self.line.clear();
        self.blank_line();
    }

    fn finish(mut self) -> String {
        self.end_table();
        self.end_line();
        self.out.trim().to_owned() + "\n"
    }
}
