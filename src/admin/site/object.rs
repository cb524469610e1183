//! An object's page: what people see of it, why it is so, its raw envelope, what was decided about it. It must not look
//! anything up.

use super::layout::{Layout, badge, moment, put, seen};
use crate::{
    admin::view::{Object, Service},
    browse::{size, span},
    envelope::Envelope,
    model::{ContentType, UnixMs},
    page::{self, escape, pretty},
    pipeline::Decision,
    registry::Stamp,
};

/// Bytes of an envelope that are shown as they are.
const RAW_MAX: usize = 512 << 10;
/// Length of the ring's line.
const RING: f64 = 100.0;

/// What is to be shown.
pub(super) struct Shown<'a> {
    pub service: &'a Service,
    pub id: &'a str,
    pub object: &'a Object,
    pub is_writer: bool,
    pub may_refresh: bool,
    /// What a refresh led to.
    pub told: Option<(String, String)>,
}

pub(super) fn page(shown: &Shown<'_>) -> Layout {
    let now = Stamp::now().0;
    let (service, looked) = (shown.service, &shown.object.looked);
    let (name, id) = (escape(&service.name), escape(shown.id));
    let title = service.descriptor.as_ref().map_or(service.name.clone(), |d| seen(&d.title));
    let mut main = format!("<h1>{id}</h1>\n");
    if let Some((_, outcome)) = &shown.told {
        let words = match outcome.as_str() {
            "written" => "Fetched anew: its content was written.",
            "unchanged" => "Fetched anew: its content is the same.",
            "absent" => "Fetched anew: the source does not have it.",
            "failed" => "It could not be fetched, or was refused; see below.",
            _ => "The source tells changes by itself: it cannot be asked.",
        };
        put(&mut main, format_args!("<p class=\"ralphext-note\" role=\"status\">{words}</p>\n"));
    }
    if shown.may_refresh {
        put(
            &mut main,
            format_args!(
                "<form method=\"post\" action=\"/s/{name}/o/{id}/refresh\"><button type=\"submit\">Fetch it anew</button></form>\n"
            ),
        );
    }
    let events =
        if shown.is_writer { format!(" data-events=\"/api/v1/events?service={name}\"") } else { String::new() };
    put(&mut main, format_args!("<div data-part=\"object\" data-object=\"{id}\"{events}>\n"));
    about(&mut main, shown, now);
    decisions(&mut main, shown.object.known.as_ref().map(|known| known.decisions.as_slice()), now);
    main += "</div>\n";
    match &looked.envelope {
        None => main += "<p>There is no value under its key.</p>\n",
        Some(Err(why)) => {
            let why = escape(&seen(why));
            put(
                &mut main,
                format_args!(
                    "<p class=\"ralphext-note ralphext-critical\">The value is no envelope of it: {why}</p>\n"
                ),
            );
        }
        Some(Ok(envelope)) => value(&mut main, envelope),
    }
    let path = vec![
        (title, format!("/s/{}", service.name)),
        (shown.id.to_owned(), format!("/s/{}/o/{}", service.name, shown.id)),
    ];
    Layout { title: format!("{} {}", shown.id, service.name), path, main, again: None }
}

fn about(main: &mut String, shown: &Shown<'_>, now: UnixMs) {
    let looked = &shown.object.looked;
    let colour = match looked.state {
        "current" => "ok",
        "kept" | "refused" => "warning",
        "absent" => "unknown",
        _ => "critical",
    };
    put(
        main,
        format_args!("<p>{} {}</p>\n<div class=\"facts\">\n", badge(looked.state, colour), escape(&seen(&looked.why))),
    );
    let ttl = shown.service.descriptor.as_ref().map_or(0.0, |d| d.ttl * 1000.0);
    ring(main, looked.ttl_left_ms, ttl, now);
    *main += "<dl class=\"ralphext-fields\">\n";
    let mut field = |label: &str, value: String| put(main, format_args!("<dt>{label}</dt><dd>{value}</dd>\n"));
    field("Key", format!("<code>{}</code>", escape(&looked.key)));
    if let Some(Ok(envelope)) = &looked.envelope {
        let changed_at: Option<Stamp> = serde_json::from_value(envelope.changed_at.clone().into()).ok();
        field("Version", format!("<code data-version>{}</code>", envelope.version));
        field("Changed", moment(changed_at.map(|at| at.0), now));
        field("Type", format!("{} ({})", escape(&envelope.content_type), escape(&envelope.encoding)));
        field("Hash", format!("<code>{}</code>", escape(&envelope.hash)));
    }
    field("Size", size(looked.bytes));
    let known = shown.object.known.as_ref().and_then(|known| known.refusal.as_ref());
    if let Some(refusal) = known.or(looked.refusal.as_ref()) {
        let why = format!("{} ({}): {}", refusal.place, refusal.kind, refusal.reason);
        field("Refused", format!("<span class=\"ralphext-critical\">{}</span>", escape(&seen(&why))));
    }
    *main += "</dl>\n</div>\n";
}

/// What is left of the TTL, as a ring that the script lets run down.
fn ring(main: &mut String, left: Option<u64>, ttl: f64, now: UnixMs) {
    let Some(left) = left else {
        *main += "<p class=\"ring\">It never expires.</p>\n";
        return;
    };
    let share = if ttl > 0.0 { (left as f64 / ttl).clamp(0.0, 1.0) } else { 1.0 };
    let words = span(left);
    put(
        main,
        format_args!(
            "<figure class=\"ring\" data-until=\"{}\" data-ttl=\"{ttl:.0}\"><svg viewBox=\"0 0 36 36\" aria-hidden=\"true\">\
             <circle class=\"ring-back\" cx=\"18\" cy=\"18\" r=\"15.915\"/>\
             <circle class=\"ring-left\" cx=\"18\" cy=\"18\" r=\"15.915\" pathLength=\"{RING}\" stroke-dasharray=\"{:.1} {RING}\"/></svg>\
             <figcaption>Expires in <span data-left>{words}</span>, unless it is renewed</figcaption></figure>\n",
            now.saturating_add(left),
            share * RING
        ),
    );
}

fn decisions(main: &mut String, decisions: Option<&[Decision]>, now: UnixMs) {
    *main += "<h2>What was decided</h2>\n";
    match decisions {
        None => *main += "<p>Told by the sidecar that writes the service; this is not the one.</p>\n",
        Some([]) => *main += "<p>Nothing since it started, or nothing but skips.</p>\n",
        Some(_) => {}
    }
    *main += "<ol class=\"history\" data-history>\n";
    for decision in decisions.unwrap_or_default() {
        let kind = decision.kind.map_or(String::new(), |kind| format!(" ({})", escape(kind)));
        let at = moment(Some(decision.at.0), now);
        put(main, format_args!("<li>{at} {}{kind}, pass {}</li>\n", decision.decision, decision.pass));
    }
    *main += "</ol>\n";
}

fn value(main: &mut String, envelope: &Envelope) {
    let kind = ContentType::parse(&envelope.content_type).unwrap_or(ContentType::JSON);
    let content = page::content(&kind, &envelope.content.to_string(), &[]);
    put(
        main,
        format_args!("<h2>Preview</h2>\n<section class=\"preview\" aria-label=\"Preview\">\n{content}</section>\n"),
    );
    let raw = serde_json::to_string(envelope).unwrap_or_default();
    let pretty = pretty(&raw);
    let cut = pretty.char_indices().map(|(at, _)| at).take_while(|at| *at <= RAW_MAX).last().unwrap_or(0);
    let shown = if pretty.len() > RAW_MAX { &pretty[..cut] } else { pretty.as_str() };
    let rest = if pretty.len() > RAW_MAX { "\n\u{2026}" } else { "" };
    put(
        main,
        format_args!(
            "<details class=\"raw\"><summary>Raw envelope</summary>\n<pre tabindex=\"0\" dir=\"ltr\">{}{rest}</pre></details>\n",
            escape(&seen(shown))
        ),
    );
}
