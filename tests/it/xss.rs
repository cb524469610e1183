//! The public lists of cross-site scripting against everything that becomes HTML: raw HTML, Markdown, values in templates, cards.

use std::fmt::Write as _;

use ralphext::{
    model::ContentType,
    render::{Renderer, Sanitiser},
    settings::{RenderOutput, Settings},
};
use serde_json::json;

use crate::harness::xss::{dangers, vectors};

fn settings() -> Settings {
    let name = ralphext::model::ServiceName::new("hwinfo").expect("a name");
    Settings::new(name, ralphext::settings::RedisUrl::parse("redis://localhost").expect("an address"))
}

/// Fails with every vector that came through.
#[track_caller]
fn none_comes_through(way: &str, shown: impl Fn(&str) -> Option<String>) {
    let (mut told, mut seen) = (String::new(), 0);
    for vector in vectors() {
        let Some(html) = shown(&vector.text) else { continue };
        seen += 1;
        let found = dangers(&html);
        if !found.is_empty() {
            let _ = writeln!(told, "{:?} ({}) -> {html:?}: {found:?}", vector.text, vector.from);
        }
    }
    assert!(told.is_empty(), "{way}:\n{told}");
    assert!(seen >= 400, "{way}: only {seen} vectors were shown, the others were refused");
}

#[test]
fn no_vector_comes_through_as_html() {
    let sanitiser = Sanitiser::new(&[], true);
    none_comes_through("HTML", |text| sanitiser.clean(text).ok().map(|(html, _)| html));
    none_comes_through("HTML within HTML", |text| {
        sanitiser.clean(&format!("<table><tr><td><p>a {text} b</p></td></tr></table>")).ok().map(|(html, _)| html)
    });
    none_comes_through("twice", |text| {
        let once = sanitiser.clean(text).ok()?.0;
        let twice = sanitiser.clean(&once).ok()?.0;
        assert_eq!(once, twice, "sanitising twice changes something of {text:?}");
        // Within another text it is read as it is alone.
        Some(format!("<div><p>{once}</p></div>"))
    });
}

#[test]
fn no_vector_comes_through_as_markdown() {
    let renderer = Renderer::new(&settings());
    let shown = |text: &str| {
        let record = json!(text).to_string();
        renderer.record("1", &record, Some(ContentType::MARKDOWN)).ok().map(|r| r.content.body.into_owned())
    };
    none_comes_through("Markdown", shown);
    none_comes_through("a link's target", |text| shown(&format!("[a]({text})")));
    none_comes_through("a link's target in brackets", |text| {
        shown(&format!("[a](<{}>)", text.replace(['<', '>', '\n'], "")))
    });
    none_comes_through("an image's target", |text| shown(&format!("![a]({text})")));
    none_comes_through("a code block", |text| shown(&format!("```{text}\n{text}\n```")));
    none_comes_through("a table", |text| shown(&format!("| a |\n|---|\n| {text} |\n")));
}

#[test]
fn no_vector_comes_through_as_a_value_of_a_template() {
    for (output, template) in [
        (RenderOutput::Html, "<p title=\"{{ v }}\">{{ v }}</p>"),
        (RenderOutput::Html, "<p title='{{ v }}' class={{ v }}>{{ v }}</p>"),
        (RenderOutput::Html, "<a href=\"{{ v }}\">{{ v }}</a>"),
        (RenderOutput::Html, "<{{ v }}>x</p>"),
        (RenderOutput::Html, "{{ v|safe }}"),
        (RenderOutput::Html, "<p title=\"{{ v|safe }}\">{{ v|safe }}</p>"),
        (
            RenderOutput::Html,
            "{{ v|link }} {{ v|link(v) }} {{ v|urlize }} {{ v|nl2br }} {{ v|badge }} {{ v|upper|safe }}",
        ),
        (RenderOutput::Html, "<!-- {{ v|safe }} --><style>{{ v|safe }}</style><script>{{ v|safe }}</script>"),
        (RenderOutput::Markdown, "# {{ v }}\n\n- {{ v }}\n\n[{{ v }}]({{ v }})\n\n`{{ v }}`"),
        (RenderOutput::Markdown, "{{ v|safe }}"),
        (
            RenderOutput::Markdown,
            "| {{ v }} | {{ v|link }} | {{ v|urlize }} |\n|---|---|---|\n| {{ v|badge }} | {{ v|nl2br }} | x |",
        ),
    ] {
        let mut settings = settings();
        (settings.render.template, settings.render.output) = (Some(template.to_owned()), output);
        let renderer = Renderer::new(&settings);
        assert_eq!(renderer.problem(), None);
        none_comes_through(template, |text| {
            renderer.record("1", &json!({"v": text}).to_string(), None).ok().map(|r| r.content.body.into_owned())
        });
    }
}

/// Escaped values are text: whatever stands in them is shown, not read.
#[test]
fn values_of_templates_are_shown_as_they_are() {
    let mut settings = settings();
    settings.render.template = Some("<p>{{ v }}</p>".to_owned());
    let renderer = Renderer::new(&settings);
    for vector in vectors() {
        let record = json!({"v": vector.text}).to_string();
        let html = renderer.record("1", &record, None).expect("it renders").content.body.into_owned();
        assert_eq!(html.matches('<').count(), 2, "{:?} -> {html}", vector.text);
    }
}
