//! The two text formats that Prometheus reads. It must not know any metric.
//!
//! Prometheus text 0.0.4 and OpenMetrics 1.0 differ in the heads (a counter's family has no `_total` in OpenMetrics, an
//! info's no `_info`; units are told there) and in the `# EOF` at the end. Samples are the same in both.

use std::fmt::{Display, Write as _};

use super::{Entry, Kind};

/// Which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Its media type with version.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// An exposition in the making.
pub(super) struct Text {
    format: Format,
    out: String,
}

impl Text {
    pub(super) fn new(format: Format) -> Self {
        Self { format, out: String::new() }
    }

    /// The lines before a family's samples.
    pub(super) fn head(&mut self, entry: &Entry) {
        let (name, kind) = match self.format {
            Format::OpenMetrics => (entry.family(), entry.kind.as_str()),
            // What this format does not know is a gauge.
            Format::Prometheus if entry.kind == Kind::Info => (entry.name, Kind::Gauge.as_str()),
            Format::Prometheus => (entry.name, entry.kind.as_str()),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "# HELP {name} {}", escaped(&entry.help(), false));
        let _ = writeln!(self.out, "# TYPE {name} {kind}");
        if let (Format::OpenMetrics, Some(unit)) = (self.format, entry.unit()) {
            let _ = writeln!(self.out, "# UNIT {name} {unit}");
        }
    }

    /// Where the samples of a family go; `label` is its first label with its value.
    pub(super) fn samples<'a>(&'a mut self, entry: &'a Entry, label: Option<(&'a str, &'a str)>) -> Samples<'a> {
        Samples { out: &mut self.out, entry, label }
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

/// Takes one family's samples.
pub(super) struct Samples<'a> {
    out: &'a mut String,
    entry: &'a Entry,
    label: Option<(&'a str, &'a str)>,
}

impl Samples<'_> {
    /// One sample: the name's suffix, the value of the family's own label, a bucket's bound.
    pub(super) fn push(&mut self, suffix: &str, word: Option<&str>, le: Option<&str>, value: impl Display) {
        let word = self.entry.label.zip(word);
        let labels = [self.label, word, le.map(|le| ("le", le))];
        let _ = write!(self.out, "{}{suffix}", self.entry.name);
        let mut open = '{';
        for (name, value) in labels.into_iter().flatten() {
            let _ = write!(self.out, "{open}{name}=\"{}\"", escaped(value, true));
            open = ',';
        }
        let close = if open == ',' { "}" } else { "" };
        let _ = writeln!(self.out, "{close} {value}");
    }
}

/// Text as it may stand in a help line, or within the quotes of a label.
fn escaped(text: &str, in_quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if in_quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_label() {
        assert_eq!(escaped("a\"b\\c\nd", true), "a\\\"b\\\\c\\nd");
        assert_eq!(escaped("a\"b\\c\nd", false), "a\"b\\\\c\\nd");
    }
}
