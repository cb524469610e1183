//! How results look: aligned tables, colour only on a terminal, ages for people. It must not know what is shown.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Failure;

/// Writes to standard output, in colour only on a terminal. Whoever reads it may stop reading (`| head`): that is no error.
pub fn write(text: std::fmt::Arguments<'_>) {
    let _ = anstream::stdout().write_fmt(text);
}

/// Prints one line on standard output; see [`write`].
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::output::write(format_args!("{}\n", format_args!($($text)*)))
    };
}
pub(crate) use say;

/// Bold.
pub const BOLD: Style = Style::new().bold();
/// For what is less important.
pub const DIM: Style = Style::new().dimmed();
/// All is well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Worth a look.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// Something is wrong.
pub const BAD: Style = AnsiColor::Red.on_default();
/// Plain.
pub const PLAIN: Style = Style::new();

/// A line that tells how far something has come, on a terminal. To be called within the async runtime.
pub fn progress(service: &str, told: impl Fn() -> String + Send + 'static) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.set_prefix(service.to_owned());
    let shown = bar.clone();
    tokio::spawn(async move {
        while !shown.is_finished() {
            tokio::time::sleep(Duration::from_millis(200)).await;
            shown.set_message(told());
            shown.tick();
        }
    });
    bar
}

/// Prints a failure: message, hint on its own line.
pub fn failure(failure: &Failure) {
    let label = BAD.bold();
    anstream::eprintln!("{label}error:{label:#} {}", clean(&failure.message));
    if let Some(hint) = &failure.hint {
        anstream::eprintln!("hint: {}", clean(hint));
    }
}

/// Prints one line beside the result, on standard error.
pub fn note(text: std::fmt::Arguments<'_>) {
    anstream::eprintln!("{text}");
}

/// Prints one value as JSON on one line.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => say!("{text}"),
        Err(e) => anstream::eprintln!("error: cannot print the result as JSON: {e}"),
    }
}

/// Text without control characters, so that nothing stored can steer the terminal; line breaks stay.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n') || is_invisible(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that reorder or hide what stands around them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// One cell of a table.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A cell in `style`.
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: clean(&text.into()).replace('\n', " "), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, PLAIN)
    }
}

/// Prints rows in aligned columns under `header`.
pub fn table(header: &[&str], rows: &[Vec<Cell>]) {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(i, title)| {
            rows.iter()
                .filter_map(|row| row.get(i))
                .map(|c| c.text.chars().count())
                .chain([title.len()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let head: Vec<Cell> = header.iter().map(|title| Cell::new(*title, DIM)).collect();
    for row in std::iter::once(&head).chain(rows) {
        let last = row.len().saturating_sub(1);
        for (i, cell) in row.iter().enumerate() {
            let pad = if i == last { 0 } else { widths[i].saturating_sub(cell.text.chars().count()) + 2 };
            let style = cell.style;
            write(format_args!("{style}{}{style:#}{:pad$}", cell.text, ""));
        }
        say!("");
    }
}

/// Prints `name  value` lines with the names aligned.
pub fn pairs(rows: &[(&str, Cell)]) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    for (name, cell) in rows {
        let style = cell.style;
        say!("{DIM}{name:width$}{DIM:#}{style}{}{style:#}", cell.text);
    }
}

/// How long ago, for people: `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`.
pub fn ago(then_ms: u64, now_ms: u64) -> String {
    format!("{} ago", span(now_ms.saturating_sub(then_ms)))
}

/// A time span for people.
pub fn span(ms: u64) -> String {
    match ms / 1000 {
        0 => "0 s".to_owned(),
        s @ 1..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s @ 7200..=172_799 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

/// A size for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=9_999_999 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stored_reaches_the_terminal_as_an_escape() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\nd"), "a\\u{1b}[31mb\\u{202e}c\nd");
    }

    #[test]
    fn spans_are_short() {
        assert_eq!([0, 1500, 130_000, 8_000_000, 200_000_000].map(span), ["0 s", "1 s", "2 min", "2 h", "2 d"]);
    }
}
