//! How results look: aligned tables, colour only on a terminal, ages for people. It must not know what is shown.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write as _},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Failure;
pub use crate::browse::{ago, size, span};

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

/// `--output ndjson`: what would be an array is one line for each of its elements. Set once, before anything is printed.
pub static LINES: AtomicBool = AtomicBool::new(false);

/// Prints one value as JSON on one line.
pub fn json(value: &impl Serialize) {
    let text = if LINES.load(Ordering::Relaxed) { lines(value) } else { serde_json::to_string(value) };
    match text {
        Ok(text) if text.is_empty() => {}
        Ok(text) => say!("{text}"),
        Err(e) => anstream::eprintln!("error: cannot print the result as JSON: {e}"),
    }
}

fn lines(value: &impl Serialize) -> serde_json::Result<String> {
    match serde_json::to_value(value)? {
        serde_json::Value::Array(elements) => {
            let lines: Result<Vec<String>, _> = elements.iter().map(serde_json::to_string).collect();
            Ok(lines?.join("\n"))
        }
        other => serde_json::to_string(&other),
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

/// Numbers of objects by model, in words.
pub fn objects_by_model(objects: &std::collections::BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = objects.iter().map(|(model, count)| format!("{count} {}", clean(model))).collect();
    format!("{} objects ({})", objects.values().sum::<u64>(), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stored_reaches_the_terminal_as_an_escape() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\nd"), "a\\u{1b}[31mb\\u{202e}c\nd");
    }
}
