//! How the demo looks: headings, paragraphs, commands, what a tab would show. It must not know what happens.

use std::{io::IsTerminal as _, time::Duration};

use serde_json::Value;

use crate::{
    cli::output::{self, BAD, BOLD, Cell, DIM, GOOD, PLAIN, WARN, clean, say},
    envelope::{Card, Status, Table},
};

/// Columns that nothing is wider than, the rows of tables apart.
pub const WIDTH: usize = 98;

/// The heading of an act.
pub fn heading(number: usize, title: &str) {
    let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 7));
    say!("\n{BOLD}── {number}  {title}{BOLD:#} {DIM}{rule}{DIM:#}");
}

/// A heading without a number.
pub fn section(title: &str) {
    let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 4));
    say!("\n{BOLD}── {title}{BOLD:#} {DIM}{rule}{DIM:#}");
}

/// A paragraph.
pub fn text(text: &str) {
    lines(text, WIDTH).iter().for_each(|line| say!("{line}"));
}

/// A paragraph that explains; less important than what was measured.
pub fn aside(text: &str) {
    lines(text, WIDTH).iter().for_each(|line| say!("{DIM}{line}{DIM:#}"));
}

/// A command as one would type it.
pub fn command(command: &str) {
    say!("\n{DIM}${DIM:#} {BOLD}{command}{BOLD:#}");
}

/// Commands, each with a remark or an empty one.
pub fn commands(lines: &[(String, &str)]) {
    let remarked = lines.iter().filter(|(_, remark)| !remark.is_empty());
    let width = remarked.map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    for (command, remark) in lines {
        let (width, remark) = if remark.is_empty() { (0, String::new()) } else { (width, format!("   # {remark}")) };
        say!("  {BOLD}{command:<width$}{BOLD:#}{DIM}{remark}{DIM:#}");
    }
}

/// Something that was checked, and is as it should be.
pub fn proved(text: &str) {
    for (n, line) in lines(text, WIDTH - 2).iter().enumerate() {
        let mark = if n == 0 { "✓" } else { " " };
        say!("{GOOD}{mark}{GOOD:#} {line}");
    }
}

/// Says on a terminal what is waited for, until [`waited`].
pub fn waiting(what: &str) {
    if std::io::stdout().is_terminal() {
        output::write(format_args!("{DIM}  … {what}{DIM:#}"));
    }
}

/// Takes [`waiting`]'s line back.
pub fn waited() {
    if std::io::stdout().is_terminal() {
        output::write(format_args!("\r\u{1b}[K"));
    }
}

/// A stored value in lines broken behind commas: its first `head` bytes, which are ASCII, stand out; of the rest there are
/// `rest` characters.
pub fn value(value: &str, head: usize, rest: usize) {
    let (mut at, mut line) = (0, 0);
    let all = clean(value);
    let shown: String = all.chars().take(head + rest).collect();
    output::write(format_args!("  "));
    for piece in shown.split_inclusive(',') {
        if line > 0 && line + piece.len() > WIDTH - 4 {
            output::write(format_args!("\n  "));
            line = 0;
        }
        let style = if at < head { BOLD } else { DIM };
        output::write(format_args!("{style}{piece}{style:#}"));
        (at, line) = (at + piece.len(), line + piece.len());
    }
    say!("{DIM}{}{DIM:#}", if shown.len() < all.len() { " …" } else { "" });
}

/// One line, cut to what fits behind two spaces.
pub fn cut(text: &str, width: usize) -> String {
    let text = clean(text).replace('\n', " ");
    if text.chars().count() <= width { text } else { text.chars().take(width - 2).chain(" …".chars()).collect() }
}

/// A time for people, at the precision that it is worth: `87 µs`, `3.2 ms`, `410 ms`, `1.3 s`.
pub fn time(time: Duration) -> String {
    let us = time.as_micros();
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{:.1} ms", us as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// What is left of a TTL: `23 h 59 min`.
pub fn ttl(ms: u64) -> String {
    let minutes = ms / 60_000;
    format!("{} h {:02} min", minutes / 60, minutes % 60)
}

/// A card, about as a tab shows it.
pub fn card(card: &Card) {
    let mut rows: Vec<(String, String)> = Vec::new();
    for field in &card.fields {
        let unit = field.unit.as_deref().map_or(String::new(), |unit| format!(" {unit}"));
        rows.push((clean(&field.label), format!("{}{unit}", plain(&field.value))));
    }
    let label = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let mut body: Vec<String> = card.summary.iter().map(|s| cut(s, WIDTH - 6)).collect();
    body.extend(rows.iter().map(|(name, value)| cut(&format!("{name:label$}   {value}"), WIDTH - 6)));
    card.tables.iter().for_each(|table| body.extend(rows_of(table)));
    let badges: String = card.badges.iter().map(|badge| format!("  [{}]", clean(&badge.text))).collect();
    let title = cut(&format!("{}{badges}", card.title), WIDTH - 30);
    let (word, style) = card.status.map_or(("", PLAIN), status);
    let width = body.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(title.chars().count() + 16);
    let rule = "─".repeat((width - title.chars().count()).saturating_sub(word.chars().count() + 3));
    say!("  {DIM}┌─{DIM:#} {BOLD}{title}{BOLD:#} {DIM}{rule}{DIM:#} {style}{word}{style:#} {DIM}┐{DIM:#}");
    for line in &body {
        let pad = width - line.chars().count() + 1;
        say!("  {DIM}│{DIM:#} {line}{:pad$}{DIM}│{DIM:#}", "");
    }
    say!("  {DIM}└{}┘{DIM:#}", "─".repeat(width + 2));
}

/// Old and new side by side; what differs stands out.
pub fn compared(titles: [&str; 2], rows: &[(&str, String, String)]) {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|(name, old, new)| {
            let style = if old == new { DIM } else { BOLD };
            vec![Cell::new(format!("  {name}"), DIM), Cell::new(old.as_str(), PLAIN), Cell::new(new.as_str(), style)]
        })
        .collect();
    output::table(&["  ", titles[0], titles[1]], &cells);
}

fn status(status: Status) -> (&'static str, anstyle::Style) {
    match status {
        Status::Ok => ("ok", GOOD),
        Status::Warning => ("warning", WARN),
        Status::Critical => ("critical", BAD),
        Status::Unknown => ("unknown", WARN),
    }
}

fn rows_of(table: &Table) -> Vec<String> {
    let mut rows = vec![table.columns.clone()];
    rows.extend(table.rows.iter().take(3).map(|row| row.iter().map(plain).collect()));
    let columns = table.columns.len();
    let width = |n: usize| rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cut(cells.collect::<Vec<_>>().join("   ").trim_end(), WIDTH - 6)
    };
    let mut lines = vec![String::new()];
    lines.extend(rows.iter().map(line));
    if table.rows.len() > 3 {
        lines.push(format!("… {} more", table.rows.len() - 3));
    }
    lines
}

/// A field's or a cell's value without JSON's quotes.
fn plain(value: &Value) -> String {
    clean(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The text in lines of at most `width` characters, broken at spaces.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_broken_at_spaces() {
        assert_eq!(lines("ein  Wort\n nach dem", 8), ["ein Wort", "nach dem"]);
        assert_eq!(lines("żółć-gęślą jaźń", 5), ["żółć-gęślą", "jaźń"]);
        assert!(lines("", 5).is_empty());
    }

    #[test]
    fn what_is_too_long_is_cut_and_cannot_steer_the_terminal() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcd …");
        assert_eq!(cut("a\u{1b}[31m\nb", 99), "a\\u{1b}[31m b");
    }
}
