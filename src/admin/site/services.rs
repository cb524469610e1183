//! The first page: services with status, age and counts. It must not look anything up.

use super::layout::{Layout, badge, moment, put, seen};
use crate::{
    admin::view::Service,
    model::UnixMs,
    page::escape,
    pipeline::Role,
    registry::{Descriptor, ServiceStatus, Stamp},
    store::StoreError,
};

/// Seconds between two looks.
const AGAIN: u32 = 5;

pub(super) fn page(services: &[Service], failed: Option<&StoreError>) -> Layout {
    let now = Stamp::now().0;
    let mut main = String::from("<h1>Services</h1>\n<div data-part=\"services\">\n");
    if let Some(e) = failed {
        let (error, hint) = (escape(&seen(&e.to_string())), escape(e.hint()));
        put(
            &mut main,
            format_args!("<p class=\"ralphext-note ralphext-critical\" role=\"alert\">{error}<br>{hint}</p>\n"),
        );
    }
    if services.is_empty() && failed.is_none() {
        main +=
            "<p>No services here yet; <code>ralphext run</code> or <code>ralphext once</code> brings the first.</p>\n";
    }
    main += "<ul class=\"tiles\">\n";
    for service in services {
        tile(&mut main, service, now);
    }
    main += "</ul>\n</div>\n<p><a href=\"/index\">Index: what each shows, for whom, and whom to ask</a></p>\n";
    Layout { title: "Services".to_owned(), path: Vec::new(), main, again: Some(AGAIN) }
}

fn tile(main: &mut String, service: &Service, now: UnixMs) {
    let (name, d) = (escape(&service.name), service.descriptor.as_ref());
    let title = escape(&seen(d.map_or(service.name.as_str(), |d| d.title.as_str())));
    put(main, format_args!("<li class=\"tile\"><h2><a href=\"/s/{name}\">{title}</a></h2>\n<p><code>{name}</code> "));
    *main += &badges(service, now);
    *main += "</p>\n<dl class=\"ralphext-fields\">\n";
    put(main, format_args!("<dt>Objects</dt><dd>{}</dd>\n", d.map_or(0, |d| d.counts.objects)));
    let failed = d.map_or(0, |d| d.counts.failed);
    if failed > 0 {
        put(main, format_args!("<dt>Failed</dt><dd class=\"ralphext-critical\">{failed}</dd>\n"));
    }
    put(main, format_args!("<dt>Content of</dt><dd>{}</dd>\n", moment(d.and_then(|d| d.as_of).map(|at| at.0), now)));
    put(main, format_args!("<dt>Heartbeat</dt><dd>{}</dd>\n", moment(d.map(|d| d.heartbeat_at.0), now)));
    *main += "</dl>\n";
    *main += &last_error(service);
    *main += "</li>\n";
}

/// Status, role and liveness in badges.
pub(super) fn badges(service: &Service, now: UnixMs) -> String {
    let mut out = match &service.descriptor {
        None => badge("unknown", "critical"),
        Some(d) => status(d, now),
    };
    if let Some(state) = &service.here {
        out.push(' ');
        out += &match &state.role {
            Role::Writer { .. } => badge("writer", "ok"),
            Role::Standby { holder } => badge(&format!("standby behind {holder}"), "unknown"),
            Role::Connecting => badge("cannot reach Redis", "critical"),
            Role::Stopped => badge("stopped", "unknown"),
        };
    }
    out
}

fn status(d: &Descriptor, now: UnixMs) -> String {
    let colour = match d.status {
        ServiceStatus::Ok => "ok",
        ServiceStatus::Starting | ServiceStatus::Stopped => "unknown",
        ServiceStatus::Failing => "warning",
        ServiceStatus::Stale => "critical",
    };
    let mut out = badge(d.status.as_str(), colour);
    if d.is_stale(now) && d.status != ServiceStatus::Stale {
        out.push(' ');
        out += &badge("older than it promises", "warning");
    }
    if d.is_alive(now) == Some(false) && d.status != ServiceStatus::Stopped {
        out.push(' ');
        out += &badge("writer not running", "critical");
    }
    out
}

/// What goes wrong, if anything.
pub(super) fn last_error(service: &Service) -> String {
    let told = service.descriptor.as_ref().and_then(|d| d.last_error.as_ref()).map(|e| e.message.as_str());
    let told = service.here.as_ref().and_then(|state| state.last_error.as_deref()).or(told);
    told.map_or(String::new(), |error| {
        format!("<p class=\"ralphext-note ralphext-warning\">{}</p>\n", escape(&seen(error)))
    })
}
