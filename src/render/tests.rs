//! Templates, Markdown and HTML, from settings to what a reader is shown.

use std::{fs, path::Path};

use super::*;

fn settings() -> Settings {
    Settings::for_tests("hwinfo", "redis://localhost")
}

fn with(template: &str, output: RenderOutput) -> Renderer {
    let mut settings = settings();
    settings.render.template = Some(template.to_owned());
    settings.render.output = output;
    Renderer::new(&settings)
}

fn body(renderer: &Renderer, content: &str, content_type: Option<ContentType>) -> String {
    renderer.record("4711", content, content_type).unwrap_or_else(|e| panic!("{e}")).content.body.into_owned()
}

fn html(template: &str, content: &str) -> String {
    body(&with(template, RenderOutput::Html), content, None)
}

fn reason(template: &str, content: &str) -> String {
    let fault = with(template, RenderOutput::Html).record("4711", content, None).expect_err("it should fail");
    assert_eq!(fault.kind, FaultKind::Render, "{fault}");
    fault.reason
}

#[test]
fn the_type_follows_the_value_where_none_is_named() {
    let plain = Renderer::new(&settings());
    let taken = |content: &'static str, kind: Option<ContentType>| plain.record("1", content, kind).map(|r| r.content);
    assert_eq!(taken("\"a\"", None).unwrap().content_type, ContentType::TEXT);
    assert_eq!(taken("{}", None).unwrap().content_type, ContentType::JSON);
    assert_eq!(taken("\"a\"", Some(ContentType::JSON)).unwrap().body, "\"a\"");
    assert_eq!(taken("{}", Some(ContentType::HTML)).unwrap_err().kind, FaultKind::BadType);
    let mut settings = settings();
    settings.render.markdown = true;
    assert_eq!(body(&Renderer::new(&settings), "\"**a**\"", None), "<p><strong>a</strong></p>\n");
    assert_eq!(body(&Renderer::new(&settings), "\"**a**\"", Some(ContentType::TEXT)), "**a**");
}

#[test]
fn html_and_markdown_come_out_sanitised() {
    let plain = Renderer::new(&settings());
    let html = body(&plain, r#""<p onclick=\"x()\">hi<script>alert(1)</script></p>""#, Some(ContentType::HTML));
    assert_eq!(html, "<p>hi</p>");
    let markdown = r##""# A\n\n[x](javascript:alert(1))\n\n<script>alert(1)</script>""##;
    let html = body(&plain, markdown, Some(ContentType::MARKDOWN));
    assert!(html.contains("<h1>A</h1>") && !html.contains("<script") && !html.contains("href"), "{html}");
}

#[test]
fn binary_has_to_be_base64() {
    let pdf = ContentType::parse("application/pdf");
    let plain = Renderer::new(&settings());
    assert_eq!(body(&plain, "\"JVBERi0=\"", pdf.clone()), "JVBERi0=");
    assert_eq!(plain.record("1", "\"%%%\"", pdf).unwrap_err().kind, FaultKind::BadType);
}

#[test]
fn a_template_sees_fields_the_whole_the_id_and_the_service() {
    let content =
        r#"{"host": "a<b", "disks": [{"bay": 0}, {"bay": 1}], "with-dash": 1, "object_id": "other", "none": null}"#;
    assert_eq!(html("{{ host }}, {{ object_id }}, {{ service }}", content), "a&lt;b, 4711, hwinfo");
    assert_eq!(
        html("{% for d in disks %}{{ d.bay }} {% endfor %}{{ content['with-dash'] }}{{ none }}", content),
        "0 1 1"
    );
    assert_eq!(html("{{ content|length }}: {{ content[1] }}", "[1, 2]"), "2: 2");
    assert_eq!(html("{{ content }}", "\"text\""), "text");
    // What people who know Jinja2 write.
    let methods = "{% for k, v in content.items() %}{{ k.upper() }}={{ v }};{% endfor %}{{ 'a-b'.split('-')[1] }}";
    assert_eq!(html(methods, r#"{"b": 1, "a": 2}"#), "A=2;B=1;b");
}

#[test]
fn records_of_another_type_pass_a_template_by() {
    let renderer = with("T", RenderOutput::Html);
    assert_eq!(body(&renderer, "{}", None), "T");
    assert_eq!(body(&renderer, "{}", Some(ContentType::JSON)), "T");
    assert_eq!(body(&renderer, "\"**a**\"", Some(ContentType::MARKDOWN)), "<p><strong>a</strong></p>\n");
    assert_eq!(body(&renderer, "{\"title\":\"x\"}", Some(ContentType::CARD)), "{\"title\":\"x\"}");
}

#[test]
fn every_output_escapes_for_itself() {
    let content = r#"{"t": "\"*<b>\" |x|\n- y"}"#;
    let of = |template: &str, output| body(&with(template, output), content, None);
    assert_eq!(of("{{ t }}", RenderOutput::Html), "\"*&lt;b&gt;\" |x|\n- y");
    assert_eq!(of("{{ t }}", RenderOutput::Text), "\"*<b>\" |x|\n- y");
    assert_eq!(of("| {{ t }} |\n|---|\n", RenderOutput::Markdown).matches("<th>").count(), 1);
    assert_eq!(of("{{ t }}", RenderOutput::Markdown), "<p>\"*&lt;b&gt;\" |x| - y</p>\n");
    assert_eq!(of("{{ '**b**'|safe }}", RenderOutput::Markdown), "<p><strong>b</strong></p>\n");
    let json: serde_json::Value =
        serde_json::from_str(&of("{\"a\": {{ t }}, \"b\": {{ x }}, \"c\": {{ t|tojson }}}", RenderOutput::Json))
            .unwrap();
    assert_eq!(json, serde_json::json!({"a": "\"*<b>\" |x|\n- y", "b": null, "c": "\"*<b>\" |x|\n- y"}));
    // Nothing that a template marks as safe passes the sanitiser by.
    assert_eq!(of("{{ '<script>x</script><b>y</b>'|safe }}", RenderOutput::Html), "<b>y</b>");
}

#[test]
fn json_that_is_none_is_told_with_its_line() {
    let renderer = with("{\n \"title\": \"{{ t }}\"\n}", RenderOutput::Card);
    let fault = renderer.record("1", r#"{"t": "x"}"#, None).unwrap_err();
    for part in ["render.template", "in line 2", "texts with their quotes"] {
        assert!(fault.reason.contains(part), "{fault}");
    }
    assert_eq!(body(&with("{\"title\": {{ t }}}", RenderOutput::Card), r#"{"t": "x"}"#, None), r#"{"title": "x"}"#);
}

#[test]
fn what_is_not_there_is_nothing_or_with_strict_a_fault() {
    assert_eq!(html("[{{ a }}{{ b.c.d }}]", "{}"), "[]");
    let renderer = with("{{ host }}{{ disks.size }}{% for d in list %}{{ d.x }}{% endfor %}", RenderOutput::Html);
    assert_eq!(renderer.missing("1", r#"{"host": 1, "disks": {}}"#), ["disks.size", "list"]);
    let mut settings = settings();
    settings.render.strict = true;
    for output in [RenderOutput::Html, RenderOutput::Markdown, RenderOutput::Text, RenderOutput::Json] {
        settings.render.template = Some("\n  {{ warranty }}".to_owned());
        settings.render.output = output;
        let fault = Renderer::new(&settings).record("1", "{}", None).unwrap_err();
        assert!(fault.reason.starts_with("render.template:2:"), "{output}: {fault}");
        assert!(fault.reason.contains("default(") && fault.reason.contains("undefined"), "{output}: {fault}");
    }
    settings.render.template = Some("{{ warranty|default('-') }}{% if x is defined %}{% endif %}".to_owned());
    assert_eq!(body(&Renderer::new(&settings), "{}", None), "\"-\"");
}

#[test]
fn a_template_that_does_not_compile_is_told_with_line_and_column() {
    for (template, says) in [
        ("a\n  {{ x ", "render.template:2:"),
        ("a\n{% for x in y %}", "render.template:2:"),
        ("\n\n{{ x|fliesize }}", "render.template:3:6: filter fliesize is unknown"),
        ("{{ now() }}", "render.template:1:4: now is unknown"),
        ("{% include 'x' %}", "render.template"),
    ] {
        let renderer = with(template, RenderOutput::Html);
        let problem = renderer.problem().unwrap_or_else(|| panic!("{template} is fine")).for_settings();
        assert!(problem.starts_with(says), "{template}: {problem}");
        assert!(problem.contains("\nhint: "), "{problem}");
    }
    let hint = |template: &str| with(template, RenderOutput::Html).problem().unwrap().hint.clone();
    assert!(hint("{{ x|fliesize }}").contains("filesize"));
    assert!(hint("{{ now() }}").contains("no clock"));
}

#[test]
fn a_fault_names_template_line_and_what_to_do() {
    let reason = reason("\n{{ at|date }}", r#"{"at": "yesterday"}"#);
    assert!(reason.starts_with("render.template:2:7: yesterday is no point in time"), "{reason}");
    assert!(
        html("{{ at|date('%d.%m.%Y') }} {{ n|filesize }}", r#"{"at": "2026-11-23T10:00:00Z", "n": 1536}"#)
            .contains("23.11.2026 1.5 KiB")
    );
}

#[test]
fn nothing_that_a_template_does_is_without_bounds() {
    let content = r#"{"a": [1, 2, 3]}"#;
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
    for template in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'x' * 1000000000 }}",
        "{{ range(1000000000)|list|length }}",
    ] {
        let started = std::time::Instant::now();
        let reason = reason(template, content);
        assert!(reason.starts_with("render.template"), "{template}: {reason}");
        assert!(started.elapsed().as_secs() < 20, "{template}");
    }
    assert!(
        reason("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", content)
            .contains("steps")
    );
    let fault = with(endless, RenderOutput::Text).record("1", content, None).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLarge, "{fault}");
    assert!(fault.reason.contains("limits.max_content (262144)"), "{fault}");
}

fn file(path: &Path) -> Renderer {
    let mut settings = settings();
    settings.render.template_file = Some(path.to_owned());
    Renderer::new(&settings)
}

#[test]
fn files_include_extend_and_import_within_their_directory() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("templates");
    fs::create_dir_all(dir.join("parts")).unwrap();
    fs::write(outer.path().join("secret.html"), "s3cret").unwrap();
    fs::write(dir.join("base.html"), "<h1>{% block title %}{% endblock %}</h1>{% block body %}{% endblock %}").unwrap();
    fs::write(dir.join("parts/m.html"), "{% macro row(k, v) %}<b>{{ k }}</b>: {{ v }}{% endmacro %}").unwrap();
    let main = "{% extends 'base.html' %}{% from 'parts/m.html' import row %}{% block title %}{{ host }}{% endblock %}\
                {% block body %}{{ row('<k>', host) }}{% include 'nowhere.html' ignore missing %}{% endblock %}";
    fs::write(dir.join("host.html"), main).unwrap();
    let renderer = file(&dir.join("host.html"));
    assert_eq!(renderer.problem(), None);
    // Nothing is read later.
    fs::remove_dir_all(&dir).unwrap();
    assert_eq!(body(&renderer, r#"{"host": "a&b"}"#, None), "<h1>a&amp;b</h1><b>&lt;k&gt;</b>: a&amp;b");

    fs::create_dir_all(&dir).unwrap();
    for (text, says) in [
        ("\n{% include '../secret.html' %}", "is not named by a path below"),
        ("{% include 'part.html' %}", "part.html:2:"),
        ("{% include 'nowhere.html' %}", "nowhere.html"),
    ] {
        fs::write(dir.join("part.html"), "a\n{{ x").unwrap();
        fs::write(dir.join("host.html"), text).unwrap();
        let problem = file(&dir.join("host.html")).problem().expect("it is wrong").for_settings();
        assert!(problem.contains(says), "{text}: {problem}");
        assert!(!problem.contains("s3cret"));
    }
    // A name that is made of content is looked for at run time, and no less carefully.
    fs::write(dir.join("host.html"), "{% include name %}").unwrap();
    let fault = file(&dir.join("host.html")).record("1", r#"{"name": "../secret.html"}"#, None).unwrap_err();
    assert!(fault.reason.contains("is not named by a path below"), "{fault}");
    assert!(file(&dir.join("no.html")).problem().is_some());
}

#[test]
fn one_object_that_fails_leaves_the_renderer_as_it_was() {
    let renderer = with("{{ at|date }}", RenderOutput::Html);
    for _ in 0..3 {
        assert!(renderer.record("1", r#"{"at": "x"}"#, None).is_err());
        assert_eq!(body(&renderer, r#"{"at": 0}"#, None), "1970-01-01");
    }
    assert_eq!(renderer.record("1", "{", None).unwrap_err().kind, FaultKind::NotJson);
}
