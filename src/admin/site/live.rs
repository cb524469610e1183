//! A service's live feed: what was decided last, and each change from now on. It must not look anything up.

use super::layout::{Layout, moment, put, seen};
use crate::{admin::view::Service, page::escape, pipeline::Decision, registry::Stamp};

pub(super) fn page(service: &Service, recent: &[(String, Decision)], is_writer: bool) -> Layout {
    let now = Stamp::now().0;
    let name = escape(&service.name);
    let title = service.descriptor.as_ref().map_or(service.name.clone(), |d| seen(&d.title));
    let mut main = format!("<h1>{}: live</h1>\n", escape(&title));
    if is_writer {
        put(
            &mut main,
            format_args!(
                "<p data-listening role=\"status\">Listening needs JavaScript.</p>\n\
                 <ol class=\"history\" aria-label=\"Changes\" data-feed=\"{name}\" data-events=\"/api/v1/events?service={name}\">\n"
            ),
        );
    } else {
        main += "<p>Changes are told by the sidecar that writes the service; this is not the one.</p>\n<ol class=\"history\">\n";
    }
    for (id, decision) in recent {
        let (id, at) = (escape(id), moment(Some(decision.at.0), now));
        put(&mut main, format_args!("<li>{at} <a href=\"/s/{name}/o/{id}\">{id}</a> {}</li>\n", decision.decision));
    }
    main += "</ol>\n";
    let path =
        vec![(title.clone(), format!("/s/{}", service.name)), ("Live".to_owned(), format!("/s/{}/live", service.name))];
    Layout { title: format!("{title}: live"), path, main, again: None }
}
