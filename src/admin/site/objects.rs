//! A service's page: how it is doing, and its objects with search and filters. It must not look anything up.

use super::{
    layout::{Layout, badge, moment, put, seen},
    services::{badges, last_error},
};
use crate::{
    admin::{
        api::Query,
        view::{Part, Row, Service},
    },
    browse::{size, span},
    model::UnixMs,
    page::escape,
    pipeline::ObjectState,
    registry::Stamp,
};

/// What can be filtered by: name for people, state, changed within.
const FILTERS: [(&str, &str, &str); 6] = [
    ("All", "", ""),
    ("Changed in the last hour", "", "1h"),
    ("Changed in the last day", "", "1d"),
    ("Stale", "stale", ""),
    ("Failed", "failed", ""),
    ("Broken", "broken", ""),
];

pub(super) fn page(service: &Service, query: &Query, part: &Part, is_writer: bool) -> Layout {
    let now = Stamp::now().0;
    let name = escape(&service.name);
    let d = service.descriptor.as_ref();
    let title = d.map_or(service.name.clone(), |d| seen(&d.title));
    let mut main =
        format!("<h1>{}</h1>\n<div data-part=\"service\">\n<p>{}</p>\n", escape(&title), badges(service, now));
    if let Some(about) = d.and_then(|d| d.description.as_deref()) {
        put(&mut main, format_args!("<p>{}</p>\n", escape(&seen(about))));
    }
    main += &last_error(service);
    main += "<dl class=\"ralphext-fields\">\n";
    for (label, value) in [
        ("Objects", d.map_or(0, |d| d.counts.objects).to_string()),
        ("Failed", d.map_or(0, |d| d.counts.failed).to_string()),
        ("Content of", moment(d.and_then(|d| d.as_of).map(|at| at.0), now)),
        ("Last good pass", moment(d.and_then(|d| d.last_success_at).map(|at| at.0), now)),
        ("Source", escape(&seen(d.map_or("-", |d| d.writer.source.as_str())))),
    ] {
        put(&mut main, format_args!("<dt>{label}</dt><dd>{value}</dd>\n"));
    }
    main += "</dl>\n";
    inputs(&mut main, service, now);
    main += "</div>\n";
    if is_writer {
        put(&mut main, format_args!("<p><a href=\"/s/{name}/live\">Follow changes live</a></p>\n"));
    }
    main += "<h2>Objects</h2>\n";
    search(&mut main, &name, query);
    table(&mut main, &name, &part.rows, now);
    if let Some(next) = part.next {
        let words = if part.rows.is_empty() { "Nothing so far. Look further" } else { "More" };
        let address = address(&name, query, Some(next));
        put(&mut main, format_args!("<p><a class=\"button\" rel=\"next\" href=\"{address}\">{words}</a></p>\n"));
    } else if part.rows.is_empty() {
        main += "<p>There are no such objects.</p>\n";
    }
    let path = vec![(title.clone(), format!("/s/{}", service.name))];
    Layout { title, path, main, again: Some(10) }
}

/// How each of several inputs is.
fn inputs(main: &mut String, service: &Service, now: UnixMs) {
    let Some(d) = service.descriptor.as_ref().filter(|d| !d.inputs.is_empty()) else { return };
    *main += "<h2>Inputs</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Inputs\"><table class=\"list\">\n\
              <thead><tr><th scope=\"col\">Input</th><th scope=\"col\">State</th><th scope=\"col\">Objects</th>\
              <th scope=\"col\">Failed</th><th scope=\"col\">Content of</th><th scope=\"col\">Last well</th></tr></thead>\n<tbody>\n";
    for (name, input) in &d.inputs {
        let (state, why) = match &input.last_error {
            Some(e) => (badge("failing", "warning"), format!("<br>{}", escape(&seen(&e.message)))),
            None if input.last_success_at.is_none() => (badge("starting", "unknown"), String::new()),
            None => (badge("ok", "ok"), String::new()),
        };
        put(
            main,
            format_args!(
                "<tr><th scope=\"row\">{}</th><td>{state}{why}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                escape(&seen(name)),
                input.objects,
                input.failed,
                moment(input.as_of.map(|at| at.0), now),
                moment(input.last_success_at.map(|at| at.0), now)
            ),
        );
    }
    *main += "</tbody></table></div>\n";
}

/// The address of the list with this query, fit for an attribute.
fn address(name: &str, query: &Query, cursor: Option<u64>) -> String {
    let text = encoded(&query.text);
    let cursor = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
    escape(&format!("/s/{name}?q={text}&state={}&changed_within={}{cursor}", query.state, encoded(&query.within)))
}

/// For a query (RFC 3986, 2.1).
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'.' | b'_' | b'-' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn search(main: &mut String, name: &str, query: &Query) {
    let text = escape(&query.text);
    put(
        main,
        format_args!(
            "<form class=\"search\" role=\"search\" action=\"/s/{name}\" method=\"get\">\n\
             <label for=\"q\">Id has</label> <input id=\"q\" name=\"q\" type=\"search\" value=\"{text}\" maxlength=\"128\" \
             autocomplete=\"off\" spellcheck=\"false\">\n\
             <input type=\"hidden\" name=\"state\" value=\"{}\"><input type=\"hidden\" name=\"changed_within\" value=\"{}\">\n\
             <button type=\"submit\">Search</button>\n</form>\n<nav aria-label=\"Filters\"><ul class=\"filters\">\n",
            escape(&query.state),
            escape(&query.within)
        ),
    );
    for (label, state, within) in FILTERS {
        let is_here = query.state == state && query.within == within;
        let here = if is_here { " aria-current=\"true\"" } else { "" };
        let text = encoded(&query.text);
        let address = escape(&format!("/s/{name}?q={text}&state={state}&changed_within={within}"));
        put(main, format_args!("<li><a href=\"{address}\"{here}>{label}</a></li>\n"));
    }
    *main += "</ul></nav>\n";
}

fn table(main: &mut String, name: &str, rows: &[Row], now: UnixMs) {
    if rows.is_empty() {
        return;
    }
    *main += "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Objects\"><table class=\"list\">\n<thead><tr>\
              <th scope=\"col\">Object</th><th scope=\"col\">State</th><th scope=\"col\">Changed</th>\
              <th scope=\"col\">Expires in</th><th scope=\"col\">Size</th></tr></thead>\n<tbody>\n";
    for row in rows {
        let id = escape(&row.id);
        let ttl = row.ttl_left_ms.map_or_else(|| "never".to_owned(), span);
        put(
            main,
            format_args!(
                "<tr><th scope=\"row\"><a href=\"/s/{name}/o/{id}\">{id}</a></th><td>{}</td><td>{}</td><td>{ttl}</td><td>{}</td></tr>\n",
                state(row.state),
                moment(row.changed_at, now),
                size(row.bytes)
            ),
        );
    }
    *main += "</tbody></table></div>\n";
}

/// An object's state in a badge.
pub(super) fn state(state: ObjectState) -> String {
    let colour = match state {
        ObjectState::Current => "ok",
        ObjectState::Stale => "unknown",
        ObjectState::Failed => "warning",
        ObjectState::Broken => "critical",
    };
    badge(state.as_str(), colour)
}
