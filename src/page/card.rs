//! A card as HTML, every part of it. It must not know the page around it.

use super::{chart, escape, put, scalar, sign};
use crate::envelope::{Badge, Card, Event, Field, Link, Status, Table};

/// Draws a card.
pub fn card(card: &Card) -> String {
    let mut out = String::with_capacity(2048);
    let class = card.status.map_or("", Status::as_str);
    let space = if class.is_empty() { "" } else { " ralphext-" };
    put(&mut out, format_args!("<article class=\"ralphext-card{space}{class}\">\n<div class=\"ralphext-head\">"));
    put(&mut out, format_args!("<h2>{}</h2>", escape(&card.title)));
    if let Some(status) = card.status {
        badge(&mut out, &format!("{} {}", sign(status), status.as_str()), Some(status));
    }
    for Badge { text, status } in &card.badges {
        badge(&mut out, text, *status);
    }
    out += "</div>\n";
    if let Some(summary) = &card.summary {
        put(&mut out, format_args!("<p>{}</p>\n", lines(summary)));
    }
    fields(&mut out, &card.fields);
    card.tables.iter().for_each(|found| table(&mut out, found));
    card.charts.iter().for_each(|found| chart::chart(&mut out, found));
    timeline(&mut out, &card.timeline);
    links(&mut out, &card.links);
    out += "</article>\n";
    out
}

fn badge(out: &mut String, text: &str, status: Option<Status>) {
    put(out, format_args!("<span class=\"ralphext-badge{}\">{}</span>", of(status), escape(text)));
}

/// The class of a status, behind others.
fn of(status: Option<Status>) -> &'static str {
    match status {
        None => "",
        Some(Status::Ok) => " ralphext-ok",
        Some(Status::Warning) => " ralphext-warning",
        Some(Status::Critical) => " ralphext-critical",
        Some(Status::Unknown) => " ralphext-unknown",
    }
}

fn lines(text: &str) -> String {
    escape(text).replace('\n', "<br>")
}

fn anchor(url: &str, html: &str) -> String {
    // Checked with the card; looked at again, as readers do.
    let safe = ["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme));
    if !safe {
        return html.to_owned();
    }
    format!("<a href=\"{}\" rel=\"noopener noreferrer\">{html}</a>", escape(url))
}

fn fields(out: &mut String, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    *out += "<dl class=\"ralphext-fields\">\n";
    for field in fields {
        let unit = field.unit.as_deref().map_or(String::new(), |unit| format!("\u{a0}{unit}"));
        let mut value = lines(&format!("{}{unit}", scalar(&field.value)));
        if let Some(link) = &field.link {
            value = anchor(link, &value);
        }
        if let Some(status) = field.status {
            let word = status.as_str();
            value = format!("<span class=\"ralphext-{word}\">{} {value}</span>", sign(status));
        }
        put(out, format_args!("<dt>{}</dt><dd>{value}</dd>\n", escape(&field.label)));
    }
    *out += "</dl>\n";
}

fn table(out: &mut String, table: &Table) {
    *out += "<table class=\"ralphext-table\">";
    if let Some(title) = &table.title {
        put(out, format_args!("<caption>{}</caption>", escape(title)));
    }
    *out += "\n<thead><tr>";
    // A column is of numbers when nothing else stands in it.
    let is_number = |at: usize| {
        let mut cells = table.rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_null()).peekable();
        cells.peek().is_some() && cells.all(serde_json::Value::is_number)
    };
    let classes: Vec<&str> =
        (0..table.columns.len()).map(|at| if is_number(at) { " class=\"ralphext-number\"" } else { "" }).collect();
    for (column, class) in table.columns.iter().zip(&classes) {
        put(out, format_args!("<th scope=\"col\"{class}>{}</th>", escape(column)));
    }
    *out += "</tr></thead>\n<tbody>\n";
    for row in &table.rows {
        *out += "<tr>";
        for (cell, class) in row.iter().zip(&classes) {
            put(out, format_args!("<td{class}>{}</td>", lines(&scalar(cell))));
        }
        *out += "</tr>\n";
    }
    *out += "</tbody></table>\n";
}

fn timeline(out: &mut String, events: &[Event]) {
    if events.is_empty() {
        return;
    }
    *out += "<ul class=\"ralphext-timeline\">\n";
    for event in events {
        let at = escape(&event.at);
        let shown = at.replacen('T', " ", 1);
        let mut text = lines(&event.text);
        if let Some(link) = &event.link {
            text = anchor(link, &text);
        }
        if let Some(status) = event.status {
            text = format!("<span class=\"ralphext-{}\">{} {text}</span>", status.as_str(), sign(status));
        }
        put(out, format_args!("<li><time datetime=\"{at}\">{shown}</time>{text}</li>\n"));
    }
    *out += "</ul>\n";
}

fn links(out: &mut String, links: &[Link]) {
    if links.is_empty() {
        return;
    }
    *out += "<ul class=\"ralphext-links\">\n";
    for link in links {
        put(out, format_args!("<li>{}</li>\n", anchor(&link.url, &escape(&link.label))));
    }
    *out += "</ul>\n";
}
