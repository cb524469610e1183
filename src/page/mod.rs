//! What people see of an object, drawn here: content as HTML and as plain text, in one look. It must not know where content comes
//! from, nor who serves it.
//!
//! Cards are drawn natively; HTML of extensions stands in a frame that can run nothing, whoever wrote it.

mod card;
mod chart;
mod frame;
pub mod index;
mod outline;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

pub use self::{
    card::card,
    frame::{Page, STYLE, style_hash},
    outline::outline,
};
use crate::{
    envelope::{Card, Status},
    model::{ContentType, Encoding},
};

/// One object's content as HTML for a [`Page`]; `content` is its canonical JSON.
pub fn content(content_type: &ContentType, content: &str, images: &[String]) -> String {
    let text = || serde_json::from_str::<String>(content).unwrap_or_else(|_| content.to_owned());
    if *content_type == ContentType::CARD
        && let Ok(found) = serde_json::from_str::<Card>(content)
    {
        return card(&found);
    }
    match content_type.encoding() {
        Encoding::Json => format!("<pre class=\"ralphext-mono\">{}</pre>", escape(&pretty(content))),
        Encoding::Utf8 if *content_type == ContentType::HTML => frame::frame(&text(), images),
        Encoding::Utf8 => format!("<pre>{}</pre>", escape(&text())),
        Encoding::Base64 => {
            let bytes = text().len() / 4 * 3;
            let kind = escape(content_type.as_str());
            format!("<p class=\"ralphext-note\">About {bytes} bytes of {kind}: readers offer it as a download.</p>")
        }
    }
}

/// JSON with one member a line.
pub fn pretty(json: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(json);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| json.to_owned())
}

/// The sign of a status, for those who do not see colours.
pub fn sign(status: Status) -> &'static str {
    match status {
        Status::Ok => "\u{2713}",
        Status::Warning => "!",
        Status::Critical => "\u{2715}",
        Status::Unknown => "?",
    }
}

/// A value of a field or a cell, for people.
pub fn scalar(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "\u{2013}".to_owned(),
        serde_json::Value::Bool(true) => "yes".to_owned(),
        serde_json::Value::Bool(false) => "no".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Text for HTML, also within an attribute in double quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // Whatever is no character of HTML, and what turns the direction of what follows.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Appends to a text, which cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
