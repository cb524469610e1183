//! Everything of a card is drawn, nothing of it runs, and everybody can read it.

use super::*;

fn everything() -> Card {
    let schema = crate::envelope::card_schema();
    serde_json::from_value(schema["examples"][0].clone()).expect("the example is a card")
}

#[test]
fn every_part_of_a_card_is_drawn() {
    let html = card(&everything());
    for part in [
        "<h2>Disks</h2>",
        "ralphext-card ralphext-warning",
        "! warning</span>",
        "One of two disks is worn out.",
        "<span class=\"ralphext-badge ralphext-ok\">in warranty</span>",
        "<a href=\"https://wiki.example.net/perc-h755\" rel=\"noopener noreferrer\">PERC H755</a>",
        "1.92\u{a0}TB",
        "<dd>yes</dd>",
        "<span class=\"ralphext-warning\">! 97\u{a0}%</span>",
        "<caption>Disks</caption>",
        "<td class=\"ralphext-number\">0</td><td>PM893</td>",
        "<svg viewBox",
        "Slot 1: 97\u{a0}%",
        "<time datetime=\"2026-11-20T08:15:00+01:00\">2026-11-20 08:15:00+01:00</time>",
        "<a href=\"https://grafana.example.net/d/disks\"",
        "<a href=\"mailto:spares@example.net\" rel=\"noopener noreferrer\">Order a disk</a>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

/// Puts a text wherever a card takes one.
fn hostile(card: &mut serde_json::Value, text: &str) {
    match card {
        serde_json::Value::String(place) if !matches!(place.as_str(), "ok" | "warning" | "line") => {
            text.clone_into(place);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| hostile(item, text)),
        serde_json::Value::Object(members) => members.values_mut().for_each(|member| hostile(member, text)),
        _ => {}
    }
}

#[test]
fn nothing_in_a_card_is_read_as_html() {
    for text in
        ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "javascript:alert(1)", "'\u{202e}\u{0}&lt;"]
    {
        let mut value = serde_json::to_value(everything()).expect("JSON");
        hostile(&mut value, text);
        let html = card(&serde_json::from_value(value).expect("still the shape of a card"));
        for bad in ["<script", "<img", "href=\"javascript", "\u{202e}", "\u{0}"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
    }
}

#[test]
fn charts_of_all_sizes_are_drawn() {
    let huge = f64::MAX;
    for values in [
        "[null]",
        "[0]",
        "[1,1]",
        "[-1,null,5]",
        &format!("[{huge:?},-{huge:?}]"),
        "[1e308]",
        "[-1e17]",
        "[1e-300,2e-300]",
    ] {
        for kind in ["line", "bar"] {
            let count = values.split(',').count();
            let labels = vec!["x"; count];
            let text = format!(
                r#"{{"title":"t","charts":[{{"kind":"{kind}","labels":{labels:?},"series":[{{"label":"s","values":{values}}}]}}]}}"#
            );
            let html = card(&serde_json::from_str(&text).expect(&text));
            assert!(!html.contains("NaN") && !html.contains("inf"), "{text}: {html}");
        }
    }
}

#[test]
fn html_stands_in_a_frame_that_runs_nothing() {
    let html = content(&ContentType::HTML, &serde_json::to_string("<p title=\"a&amp;\">\"x\"</p>").expect("JSON"), &[]);
    assert!(html.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\""), "{html}");
    assert!(html.contains("srcdoc=\"&lt;") || html.contains("srcdoc=\"<!doctype"), "{html}");
    assert!(html.contains("<p title=&quot;a&amp;amp;&quot;>&quot;x&quot;</p>"), "{html}");
    let page =
        Page { title: "</title><script>", body: &html, script: None, images: &["img.example.net".into()] }.html();
    assert!(page.contains("default-src &#39;none&#39;") && page.contains("img-src https://img.example.net"), "{page}");
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn html_can_be_read_on_a_terminal() {
    let html = "<h1>A &amp; B</h1><p>one <b>two</b>\n three<br>four</p><ul><li>x<ol start=\"3\"><li>y</li></ol></li><li>z</li></ul>\
                <table><thead><tr><th>Name</th><th>N</th></tr></thead><tbody><tr><td>long name</td><td>1</td></tr></tbody></table>\
                <pre>a  b\n c</pre><p><a href=\"https://a.example/\">there</a> <a href=\"https://b.example/\">https://b.example/</a></p>";
    assert_eq!(
        outline(html),
        "# A & B\n\none two three\nfour\n\n- x\n  3. y\n- z\n\nName       N\nlong name  1\n\na  b\n c\n\n\
         there <https://a.example/> https://b.example/\n"
    );
}

/// WCAG 2.2, relative luminance.
fn luminance(hex: &str) -> f64 {
    let channel = |at: usize| {
        let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect(hex)) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

#[test]
fn everybody_can_read_it_in_light_and_dark() {
    let (light, dark) = STYLE.split_once("prefers-color-scheme: dark").expect("both schemes");
    for (scheme, css) in [("light", light), ("dark", dark)] {
        let colour = |name: &str| {
            let found = css.split(&format!("--rx-{name}: #")).nth(1).unwrap_or_else(|| panic!("{scheme}: no {name}"));
            luminance(&found[..6])
        };
        let mut pairs =
            vec![("text", "back"), ("muted", "back"), ("link", "back"), ("text", "soft"), ("muted", "soft")];
        for (status, behind) in
            [("ok", "ok-back"), ("warning", "warning-back"), ("critical", "critical-back"), ("unknown", "unknown-back")]
        {
            pairs.extend([(status, behind), (status, "back"), (status, "soft")]);
        }
        for (text, back) in pairs {
            let (a, b) = (colour(text), colour(back));
            let ratio = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(ratio >= 4.5, "{scheme}: {text} on {back} has a contrast of {ratio:.2}, AA wants 4.5");
        }
    }
    // Whatever HTML may use is styled.
    for (class, _) in crate::render::CLASSES {
        assert!(STYLE.contains(&format!(".{class}")), "{class} has no style");
    }
}
