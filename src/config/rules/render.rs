//! What is impossible in `[render]`. It must not know templates: whether one compiles is seen when the service is built.

use super::Rules;
use crate::settings::RenderOutput;

impl Rules<'_> {
    pub(super) fn render(&mut self) {
        let render = &self.settings.render;
        if render.template.is_some() && render.template_file.is_some() {
            let keys = ["render.template_file", "render.template"];
            self.refuse(&keys, "render.template is given too", "write the template in one place");
        }
        if render.template_file.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            self.refuse(&["render.template_file"], "the path is empty", "name a file, such as \"templates/host.html\"");
        }
        let outputs = ["render.output", "render.markdown"];
        if !render.has_template() && render.output != RenderOutput::Html {
            let hint = "write render.template or render.template_file, or remove it";
            self.refuse(&["render.output"], "it says what a template yields, and there is none", hint);
        } else if render.markdown && !matches!(render.output, RenderOutput::Html | RenderOutput::Markdown) {
            let reason = format!("render.markdown is true, and {} is no Markdown", render.output);
            self.refuse(&outputs, reason, "remove one of the two");
        }
        self.content_of_templates();
        for host in &render.images {
            if !is_host(host) {
                let reason = format!("{host:?} is no host name");
                let hint = "write host names in lower case, with a port where it is not 443: \"img.example.net\"";
                self.refuse(&["render.images"], reason, hint);
            }
        }
    }

    /// Templates are for JSON content, and what they yield has a type of its own.
    fn content_of_templates(&mut self) {
        let (render, content) = (&self.settings.render, &self.settings.content);
        let kind = content.content_type.as_deref();
        if render.has_template() && kind.is_some_and(|kind| !matches!(kind, "json" | "application/json")) {
            let reason = "templates are for JSON content; render.output says what one yields";
            let keys = ["content.content_type", "render.template", "render.template_file"];
            self.refuse(&keys, reason, "remove content.content_type");
        } else if render.markdown && kind.is_some_and(|kind| !matches!(kind, "markdown" | "text/markdown")) {
            let keys = ["render.markdown", "content.content_type"];
            self.refuse(&keys, "content.content_type says that content is something else", "remove one of the two");
        }
        if render.has_template() && !render.yields().is_json() && !content.ignore.is_empty() {
            let reason =
                format!("parts of content can only be ignored in JSON, and the template yields {}", render.yields());
            let hint = "leave what changes all the time out of the template";
            self.refuse(&["content.ignore", "render.template", "render.template_file"], reason, hint);
        }
    }
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let labels = |label: &str| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty() && label.bytes().all(fits)
    };
    host.split('.').all(labels) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}
