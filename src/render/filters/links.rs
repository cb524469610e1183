//! `link`, `urlize`, `nl2br`, `badge`: small pieces of HTML around escaped text. It must not let through what the sanitiser would
//! remove.

use std::fmt::Write as _;

use minijinja::{Error, Value};

use super::{is_nothing, refuse};

/// `{{ url|link }}`, `{{ url|link("the ticket") }}`; an address that is none is shown as text.
pub(super) fn link(value: &Value, text: Option<&Value>, html: bool) -> Result<Value, Error> {
    if is_nothing(value) {
        return Ok(Value::from(""));
    }
    let url = value.to_string();
    let text = text.filter(|text| !is_nothing(text)).map_or_else(|| url.clone(), Value::to_string);
    if !html {
        return Ok(Value::from(if text == url { url } else { format!("{text} ({url})") }));
    }
    if !is_link(&url) {
        return Ok(Value::from_safe_string(escape(&text)));
    }
    Ok(Value::from_safe_string(format!("<a href=\"{}\">{}</a>", escape(&url), escape(&text))))
}

/// Whether it is an address that a link may lead to.
fn is_link(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    let has_scheme = ["http://", "https://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme));
    has_scheme && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// `{{ text|urlize }}`: addresses within a text become links.
pub(super) fn urlize(value: &Value, html: bool) -> Value {
    let text = if is_nothing(value) { String::new() } else { value.to_string() };
    if !html {
        return Value::from(text);
    }
    let mut out = String::with_capacity(text.len() + 32);
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let (before, rest) = bare.split_at(bare.find(|c: char| !"([<\"'".contains(c)).unwrap_or(0));
        let url = rest.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '>', '"', '\'']);
        if is_link(url) {
            let after = &word[before.len() + url.len()..];
            // Writing to a String cannot fail.
            let _ = write!(out, "{}<a href=\"{1}\">{1}</a>{2}", escape(before), escape(url), escape(after));
        } else {
            out += &escape(word);
        }
    }
    Value::from_safe_string(out)
}

/// `{{ text|nl2br }}`.
pub(super) fn nl2br(value: &Value, html: bool) -> Value {
    let text = if is_nothing(value) { String::new() } else { value.to_string() };
    if !html {
        return Value::from(text);
    }
    let text = if value.is_safe() { text } else { escape(&text) };
    Value::from_safe_string(text.replace("\r\n", "\n").replace('\n', "<br>\n"))
}

/// `{{ "in warranty"|badge("ok") }}`: a short mark in the status' colour.
pub(super) fn badge(value: &Value, status: Option<String>, html: bool) -> Result<Value, Error> {
    if is_nothing(value) {
        return Ok(Value::from(""));
    }
    let class = match status.as_deref() {
        None => String::new(),
        Some(word @ ("ok" | "warning" | "critical" | "unknown")) => format!(" ralphext-{word}"),
        Some(other) => return Err(refuse(format!("{other:?} is no status: ok, warning, critical and unknown are"))),
    };
    let text = value.to_string();
    if !html {
        return Ok(Value::from(text));
    }
    Ok(Value::from_safe_string(format!("<span class=\"ralphext-badge{class}\">{}</span>", escape(&text))))
}

/// Text for HTML, also within an attribute, and within Markdown.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // What Markdown would read between two tags.
            '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '|' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_escaped_and_lead_to_known_schemes() {
        let shown = |url: &str, text: Option<&str>| {
            link(&Value::from(url), text.map(Value::from).as_ref(), true).unwrap().to_string()
        };
        assert_eq!(
            shown("https://a.example/?a=1&b=\"", None),
            "<a href=\"https://a.example/?a=1&amp;b=&quot;\">https://a.example/?a=1&amp;b=&quot;</a>"
        );
        assert_eq!(shown("mailto:a@b.example", Some("<b>")), "<a href=\"mailto:a@b.example\">&lt;b&gt;</a>");
        for bad in ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "//a", "/a", "ftp://a", "https://a b"] {
            assert!(!shown(bad, None).contains("<a"), "{bad}");
        }
        let text = link(&Value::from("https://a.example"), Some(&Value::from("a")), false).unwrap();
        assert_eq!(text.to_string(), "a (https://a.example)");
    }

    #[test]
    fn addresses_in_a_text_become_links() {
        let shown = urlize(&Value::from("see (https://a.example/x), or <b> mailto:a@b.example.\njavascript:x"), true);
        assert_eq!(
            shown.to_string(),
            "see (<a href=\"https://a.example/x\">https://a.example/x</a>), or &lt;b&gt; \
                   <a href=\"mailto:a@b.example\">mailto:a@b.example</a>.\njavascript:x"
        );
    }

    #[test]
    fn lines_and_marks() {
        assert_eq!(nl2br(&Value::from("a<\nb"), true).to_string(), "a&lt;<br>\nb");
        let ok = badge(&Value::from("in <warranty>"), Some("ok".into()), true).unwrap().to_string();
        assert_eq!(ok, "<span class=\"ralphext-badge ralphext-ok\">in &lt;warranty&gt;</span>");
        assert!(badge(&Value::from("x"), Some("fine".into()), true).unwrap_err().to_string().contains("fine"));
    }
}
