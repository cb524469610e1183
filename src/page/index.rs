//! The index of extensions, drawn here: what each shows, of which objects, how fresh, whom to ask. It must not know where
//! descriptors come from.

use serde::Serialize;

use super::{escape, put};
use crate::{
    model::{ContentType, UnixMs},
    registry::{Descriptor, Stamp},
};

/// What the program is asked with to write it anew.
const MADE: &str = "Written by `ralphext index`; `ralphext index --check FILE` tells when it has drifted.";

/// One extension.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The service's name.
    pub service: String,
    /// Its title.
    pub title: String,
    /// What it shows.
    pub description: Option<String>,
    /// Whom to ask.
    pub owner: Option<String>,
    /// Where it is documented.
    pub docs_url: Option<String>,
    /// Ralph's models that it has content for; empty: any.
    pub models: Vec<String>,
    /// Its keys, with `<object_id>` for the object.
    pub keys: String,
    /// Usual type of its content.
    pub content_type: Option<String>,
    /// Where the schema of its content is.
    pub content_schema: Option<String>,
    /// Kind of its source.
    pub source: String,
    /// Seconds after which content is called stale; none where nobody says how often the service is written.
    pub stale_after: Option<f64>,
    /// Seconds that content lives without its writer.
    pub ttl: f64,
    /// How it is now; none where only its configuration is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<State>,
}

/// How a service is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// In a word.
    pub status: &'static str,
    /// Whether its writer lives; none where it runs now and then.
    pub writer_alive: Option<bool>,
    /// From when its content is.
    pub as_of: Option<Stamp>,
    /// How many objects it has.
    pub objects: u64,
}

impl Entry {
    /// What `descriptor` says, below the keys' `prefix`; with `now` also how the service is.
    pub fn new(descriptor: &Descriptor, prefix: &str, now: Option<UnixMs>) -> Self {
        let d = descriptor;
        let is_card = d.content_type.as_deref() == Some(ContentType::CARD.as_str());
        let of_cards = || "schemas/card.v1.schema.json".to_owned();
        Self {
            service: d.service.clone(),
            title: d.title.clone(),
            description: d.description.clone(),
            owner: d.owner.clone(),
            docs_url: d.docs_url.clone().filter(|url| is_link(url)),
            models: d.models.clone(),
            keys: format!("{prefix}:v1:{}:<object_id>", d.service),
            content_type: d.content_type.clone(),
            content_schema: d.content_schema.clone().filter(|url| is_link(url)).or_else(|| is_card.then(of_cards)),
            source: d.writer.source.clone(),
            stale_after: d.heartbeat_every.map(|_| d.stale_after),
            ttl: d.ttl,
            now: now.map(|now| State {
                status: d.status.as_str(),
                writer_alive: d.is_alive(now),
                as_of: d.as_of,
                objects: d.counts.objects,
            }),
        }
    }

    /// The promise of freshness in a sentence; `ttl` and `stale_after` as people say them.
    fn freshness(&self) -> String {
        let ttl = span(self.ttl);
        match self.stale_after {
            Some(after) => format!("called stale when older than {}; lives {ttl} without its writer", span(after)),
            None => format!("written now and then; lives {ttl} after that"),
        }
    }

    /// Names and texts of what else there is to say, in order; a link where `bool` says so.
    fn facts(&self) -> Vec<(&'static str, String, bool)> {
        let mut facts = vec![("Service", self.service.clone(), false), ("Keys", self.keys.clone(), false)];
        let models = if self.models.is_empty() { "any".to_owned() } else { self.models.join(", ") };
        facts.push(("Models", models, false));
        facts.extend(self.owner.iter().map(|owner| ("Owner", owner.clone(), false)));
        facts.extend(self.docs_url.iter().map(|url| ("Documentation", url.clone(), true)));
        facts.push(("Freshness", self.freshness(), false));
        facts.extend(self.content_type.iter().map(|kind| ("Content", kind.clone(), false)));
        facts.extend(self.content_schema.iter().map(|url| ("Schema", url.clone(), is_link(url))));
        facts.push(("Source", self.source.clone(), false));
        facts
    }
}

/// The index as Markdown: a table to find one's way, then a section for each. Nothing in it changes while settings stay.
pub fn markdown(entries: &[Entry]) -> String {
    let mut out =
        format!("# Extensions\n\n{MADE}\n\n| extension | shows | of | called stale after |\n|---|---|---|---|\n");
    for entry in entries {
        let shows = plain(entry.description.as_deref().unwrap_or_default());
        let models = if entry.models.is_empty() { "any".to_owned() } else { plain(&entry.models.join(", ")) };
        let after = entry.stale_after.map_or_else(|| "\u{2013}".to_owned(), span);
        put(
            &mut out,
            format_args!("| [{}](#{}) | {shows} | {models} | {after} |\n", plain(&entry.title), entry.service),
        );
    }
    for entry in entries {
        let (name, title) = (&entry.service, plain(&entry.title));
        put(&mut out, format_args!("\n<a id=\"{}\"></a>\n\n## {title}\n\n", escape(name)));
        if let Some(description) = &entry.description {
            put(&mut out, format_args!("{}\n\n", plain(description)));
        }
        for (what, text, link) in entry.facts() {
            match (what, link) {
                ("Service" | "Keys" | "Content", _) => put(&mut out, format_args!("- {what}: `{}`\n", code(&text))),
                (_, true) => put(&mut out, format_args!("- {what}: <{}>\n", address(&text))),
                _ => put(&mut out, format_args!("- {what}: {}\n", plain(&text))),
            }
        }
    }
    out
}

/// The index as a part of a page, below a heading of the first rank.
pub fn html(entries: &[Entry]) -> String {
    let mut out = String::new();
    for entry in entries {
        let (name, title) = (escape(&entry.service), escape(&entry.title));
        put(&mut out, format_args!("<section id=\"{name}\" class=\"ralphext-card\">\n<h2>{title}</h2>\n"));
        if let Some(description) = &entry.description {
            put(&mut out, format_args!("<p>{}</p>\n", escape(description)));
        }
        out += "<dl class=\"ralphext-fields\">\n";
        for (what, text, link) in entry.facts() {
            let text = escape(&text);
            let text = match (what, link) {
                ("Service" | "Keys" | "Content", _) => format!("<code>{text}</code>"),
                (_, true) => format!("<a href=\"{text}\" rel=\"noopener noreferrer\">{text}</a>"),
                _ => text,
            };
            put(&mut out, format_args!("<dt>{what}</dt><dd>{text}</dd>\n"));
        }
        out += "</dl>\n</section>\n";
    }
    out
}

fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Seconds for people.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// Text in which Markdown sees nothing but text, on one line.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '\n' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => out.extend(['\\', c]),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Text within backticks, in which nothing else counts.
fn code(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '`' && *c != '|').collect()
}

/// An address within angle brackets.
fn address(url: &str) -> String {
    url.chars().filter(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | '`')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        Entry {
            service: "hwinfo".to_owned(),
            title: text.to_owned(),
            description: Some(text.to_owned()),
            owner: Some(text.to_owned()),
            docs_url: Some(format!("https://h/{text}")),
            models: vec![text.to_owned()],
            keys: "ralphext:v1:hwinfo:<object_id>".to_owned(),
            content_type: Some("text/html".to_owned()),
            content_schema: None,
            source: "exec".to_owned(),
            stale_after: Some(210.0),
            ttl: 86_400.0,
            now: None,
        }
    }

    #[test]
    fn what_others_wrote_stays_text() {
        let hostile = "<script>x</script>|[a](javascript:b)\n# c `d` \u{202e}";
        let html = html(&[entry(hostile)]);
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
        let markdown = markdown(&[entry(hostile)]);
        assert!(!markdown.contains("<script") && !markdown.contains("\n# c"), "{markdown}");
        let rows = markdown.lines().filter(|line| line.starts_with("| \\[") || line.starts_with("| [")).count();
        assert_eq!(rows, 1, "{markdown}");
        let mut parsed = String::new();
        pulldown_cmark::html::push_html(&mut parsed, pulldown_cmark::Parser::new(&markdown));
        assert!(!parsed.contains("<script") && !parsed.contains("href=\"javascript"), "{parsed}");
    }

    #[test]
    fn promises_are_short() {
        let text = markdown(&[entry("Facts")]);
        assert!(text.contains("| [Facts](#hwinfo) | Facts | Facts | 4 min |"), "{text}");
        assert!(
            text.contains("- Freshness: called stale when older than 4 min; lives 24 h without its writer"),
            "{text}"
        );
        let seldom = Entry { stale_after: None, ..entry("Facts") };
        assert!(markdown(&[seldom]).contains("written now and then; lives 24 h after that"));
    }
}
