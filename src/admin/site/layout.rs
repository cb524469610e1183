//! The frame that all pages have, and the small pieces that they share. It must not know what a page is about.

use std::fmt::Write as _;

use crate::{
    admin::refused::Refused,
    browse::ago,
    model::UnixMs,
    page::{self, escape},
    registry::Stamp,
};

/// A page, to be put into its frame.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// In the browser's title.
    pub title: String,
    /// Where it is: names and addresses, from the first page on; the last one is the page itself.
    pub path: Vec<(String, String)>,
    /// What stands in it; everything from others is escaped already.
    pub main: String,
    /// Seconds after which what is marked `data-part` is fetched again.
    pub again: Option<u32>,
}

impl Layout {
    /// The page's text.
    pub(super) fn html(&self) -> String {
        let mut out = String::with_capacity(self.main.len() + 2048);
        let again = self.again.map_or(String::new(), |seconds| format!(" data-again=\"{seconds}\""));
        let title = escape(&self.title);
        put(
            &mut out,
            format_args!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} \u{b7} ralphext</title>\n\
                 <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/style.css\">\n\
                 <script src=\"/page.js\" defer></script>\n</head>\n<body{again}>\n\
                 <a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header class=\"top\">\n\
                 <nav aria-label=\"Where this is\"><ol class=\"crumbs\">\n<li><a href=\"/\">ralphext</a></li>\n"
            ),
        );
        for (at, (name, address)) in self.path.iter().enumerate() {
            let here = if at + 1 == self.path.len() { " aria-current=\"page\"" } else { "" };
            put(&mut out, format_args!("<li><a href=\"{}\"{here}>{}</a></li>\n", escape(address), escape(name)));
        }
        put(&mut out, format_args!("</ol></nav>\n</header>\n<main id=\"main\">\n{}</main>\n", self.main));
        put(&mut out, format_args!("<footer class=\"foot\">ralphext {}</footer>\n", env!("CARGO_PKG_VERSION")));
        out += "</body>\n</html>\n";
        out
    }
}

/// What a browser may run and load: our style and script, and the style of what is drawn into frames, by its hash.
pub(super) fn policy() -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' '{}'; connect-src 'self'; img-src data:; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        page::style_hash()
    )
}

/// A page that says what is wrong.
pub(super) fn trouble(why: &Refused) -> Layout {
    let main = format!(
        "<h1>{}</h1>\n<p class=\"ralphext-note ralphext-critical\">{}</p>\n<p>{}</p>\n",
        why.status.canonical_reason().unwrap_or("It did not work"),
        escape(&seen(&why.error)),
        escape(why.hint)
    );
    Layout { title: why.status.to_string(), main, ..Layout::default() }
}

/// A moment as its age, which the script keeps up to date.
pub(super) fn moment(at: Option<UnixMs>, now: UnixMs) -> String {
    let Some(at) = at else { return "<span class=\"ralphext-muted\">never</span>".to_owned() };
    let stamp = Stamp(at);
    format!("<time datetime=\"{stamp}\" title=\"{stamp}\" data-at=\"{at}\">{}</time>", ago(at, now))
}

/// A word in a badge of a colour: `ok`, `warning`, `critical` or `unknown`.
pub(super) fn badge(word: &str, colour: &str) -> String {
    let sign = match colour {
        "ok" => "\u{2713} ",
        "warning" => "! ",
        "critical" => "\u{2715} ",
        _ => "",
    };
    format!("<span class=\"ralphext-badge ralphext-{colour}\">{sign}{}</span>", escape(word))
}

/// Text in which what is invisible is written out: what looks the same is the same.
pub(super) fn seen(text: &str) -> String {
    let is_invisible = |c: char| {
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
            || (c.is_control() && !matches!(c, '\n' | '\t'))
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) {
            put(&mut out, format_args!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Appends to a text, which cannot fail.
pub(super) fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_invisible_is_written_out() {
        assert_eq!(seen("a\u{202e}b\u{200b}c\u{1b}d\n\u{17c}"), "a\\u202eb\\u200bc\\u001bd\n\u{17c}");
    }

    #[test]
    fn a_hostile_text_stays_text() {
        let why = Refused::new(axum::http::StatusCode::NOT_FOUND, "<script>alert(1)</script>\"'", "look elsewhere");
        let html = trouble(&why).html();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>alert"), "{html}");
    }
}
