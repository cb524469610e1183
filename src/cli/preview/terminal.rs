//! One object on a terminal: cards aligned and in colour, HTML as text, JSON with one member a line. It must not know where it
//! comes from.

use anstyle::Style;
use serde_json::Value;

use super::{super::output, Looked};
use crate::{
    envelope::{Card, Chart, Status, Table},
    model::{ContentType, Encoding},
    page,
    pipeline::Shown,
};

/// Signs for values from small to large.
const BARS: [char; 8] =
    ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];

pub(super) fn show(looked: &Looked) {
    let Some(shown) = looked.shown() else { return };
    let (dim, bold, bad) = (output::DIM, output::BOLD, output::BAD);
    let id = shown.object_id.as_deref().unwrap_or("-");
    let (service, place) = (looked.settings.name(), output::clean(&shown.place));
    output::say!("{bold}{service} {}{bold:#}  {dim}{place}{dim:#}", output::clean(id));
    about(shown);
    output::say!("");
    match (&shown.reason, &shown.content) {
        (Some(reason), _) => output::say!("{bad}refused{bad:#} {}", output::clean(reason)),
        (None, Some(content)) => body(Looked::content_type(shown), content),
        (None, None) => output::say!("{}", shown.kind),
    }
}

fn about(shown: &Shown) {
    let (dim, warn) = (output::DIM, output::WARN);
    if let (Some(kind), Some((bytes, max)), Some(hash)) = (&shown.content_type, shown.size, &shown.hash) {
        let (size, limit) = (output::size(bytes), output::size(max));
        output::say!("{dim}{kind}, {size} of {limit}, hash {}{dim:#}", hash.get(..16).unwrap_or(hash));
    }
    if !shown.removed.is_empty() {
        output::say!("{warn}the sanitiser removed{warn:#} {}", shown.removed);
    }
    if !shown.missing.is_empty() {
        let names = output::clean(&shown.missing.join(", "));
        output::say!("{dim}not in this record, though the template asks for it: {names}{dim:#}");
    }
}

fn body(kind: Option<ContentType>, content: &str) {
    let text = || serde_json::from_str::<String>(content).unwrap_or_else(|_| content.to_owned());
    match kind {
        Some(kind) if kind == ContentType::CARD => match serde_json::from_str::<Card>(content) {
            Ok(found) => card(&found),
            Err(_) => output::say!("{}", output::clean(&page::pretty(content))),
        },
        Some(kind) if kind == ContentType::HTML => {
            output::write(format_args!("{}", output::clean(&page::outline(&text()))));
        }
        Some(kind) if kind.encoding() == Encoding::Utf8 => output::say!("{}", output::clean(&text())),
        Some(kind) if kind.encoding() == Encoding::Base64 => {
            output::say!("about {} of {}", output::size(text().len() as u64 / 4 * 3), kind.as_str());
        }
        _ => output::say!("{}", output::clean(&page::pretty(content))),
    }
}

fn style(status: Option<Status>) -> Style {
    match status {
        Some(Status::Ok) => output::GOOD,
        Some(Status::Warning) => output::WARN,
        Some(Status::Critical) => output::BAD,
        Some(Status::Unknown) => output::DIM,
        None => output::PLAIN,
    }
}

/// A text in the colour of a status, with its sign.
fn marked(text: &str, status: Option<Status>) -> String {
    let colour = style(status);
    let sign = status.map_or(String::new(), |status| format!("{} ", page::sign(status)));
    format!("{colour}{sign}{}{colour:#}", output::clean(text))
}

fn linked(text: String, link: Option<&str>) -> String {
    let dim = output::DIM;
    link.map_or_else(|| text.clone(), |link| format!("{text} {dim}<{}>{dim:#}", output::clean(link)))
}

fn card(card: &Card) {
    let (bold, dim) = (output::BOLD, output::DIM);
    let mut head = format!("{bold}{}{bold:#}", output::clean(&card.title));
    if let Some(status) = card.status {
        head += &format!("  {}", marked(status.as_str(), Some(status)));
    }
    for badge in &card.badges {
        head += &format!("  [{}]", marked(&badge.text, badge.status));
    }
    output::say!("{head}");
    if let Some(summary) = &card.summary {
        output::say!("{}", output::clean(summary));
    }
    if !card.fields.is_empty() {
        output::say!("");
    }
    let width = card.fields.iter().map(|field| output::clean(&field.label).chars().count()).max().unwrap_or(0);
    for field in &card.fields {
        let unit = field.unit.as_deref().map_or(String::new(), |unit| format!(" {unit}"));
        let value = marked(&format!("{}{unit}", page::scalar(&field.value)), field.status);
        output::say!("{dim}{:width$}{dim:#}  {}", output::clean(&field.label), linked(value, field.link.as_deref()));
    }
    card.tables.iter().for_each(table);
    card.charts.iter().for_each(chart);
    if !card.timeline.is_empty() {
        output::say!("");
    }
    for event in &card.timeline {
        let text = linked(marked(&event.text, event.status), event.link.as_deref());
        output::say!("{dim}{}{dim:#}  {text}", output::clean(&event.at));
    }
    if !card.links.is_empty() {
        output::say!("");
    }
    for link in &card.links {
        output::say!("{}", linked(output::clean(&link.label), Some(&link.url)));
    }
}

fn table(table: &Table) {
    let bold = output::BOLD;
    output::say!("");
    if let Some(title) = &table.title {
        output::say!("{bold}{}{bold:#}", output::clean(title));
    }
    let columns: Vec<String> = table.columns.iter().map(|column| one_line(column)).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let cell = |value: &Value| output::Cell::from(one_line(&page::scalar(value)));
    let rows: Vec<Vec<output::Cell>> = table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    output::table(&columns, &rows);
}

fn one_line(text: &str) -> String {
    output::clean(text).replace('\n', " ")
}

fn chart(chart: &Chart) {
    let (bold, dim) = (output::BOLD, output::DIM);
    output::say!("");
    if let Some(title) = &chart.title {
        output::say!("{bold}{}{bold:#}", output::clean(title));
    }
    let values = || chart.series.iter().flat_map(|series| series.values.iter().copied().flatten());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let unit = chart.unit.as_deref().map_or(String::new(), |unit| format!(" {}", output::clean(unit)));
    let width = chart.series.iter().map(|series| output::clean(&series.label).chars().count()).max().unwrap_or(0);
    for series in &chart.series {
        let bars: String = series.values.iter().map(|value| value.map_or(' ', |value| bar(value, low, high))).collect();
        let last = series.values.iter().rev().find_map(|value| *value);
        let last = last.map_or("-".to_owned(), |value| format!("{value}{unit}"));
        output::say!("{:width$}  {bars}  {last}", output::clean(&series.label));
    }
    if low <= high
        && let (Some(first), Some(last)) = (chart.labels.first(), chart.labels.last())
    {
        let (first, last) = (one_line(first), one_line(last));
        output::say!("{dim}{first} to {last}, {low} to {high}{unit}{dim:#}");
    }
}

fn bar(value: f64, low: f64, high: f64) -> char {
    // Halves, as the whole range may be beyond what a number can hold.
    let part = if high > low { (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { 0.5 };
    BARS[((part * 7.0).round() as usize).min(7)]
}
