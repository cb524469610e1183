//! Markdown (CommonMark with tables and strikethrough) to HTML, which is not sanitised yet. It must not know where it comes
//! from.

use std::borrow::Cow;

use pulldown_cmark::{Options, Parser, html::push_html};

/// `text` as HTML; raw HTML in it is kept, for the sanitiser to judge.
pub(super) fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 3 / 2);
    push_html(&mut html, Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH));
    // Columns are aligned by a style, which the sanitiser removes. Quotes after `<` are never text.
    for side in ["left", "right", "center"] {
        for tag in ["th", "td"] {
            let styled = format!("<{tag} style=\"text-align: {side}\">");
            if html.contains(&styled) {
                html = html.replace(&styled, &format!("<{tag} align=\"{side}\">"));
            }
        }
    }
    html
}

/// `text` so that Markdown shows it as it is.
///
/// Letters, digits and what is common in names (`.`, `-`, and `_` within a word) stay, also for use in code spans.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let special =
        |c: char| matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '#' | '\n' | '\r');
    if !text.contains(special) && !starts_a_list(text) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut chars = text.trim_start().chars().peekable();
    if starts_a_list(text) {
        out.push('\\');
    }
    while let Some(c) = chars.next() {
        let within = |next: Option<&char>| before.is_alphanumeric() && next.is_some_and(|next| next.is_alphanumeric());
        match c {
            // A line of its own could begin a heading, a list, a quotation.
            '\n' | '\r' => out.push(' '),
            '_' if within(chars.peek()) => out.push('_'),
            c if special(c) => out.extend(['\\', c]),
            c => out.push(c),
        }
        before = c;
    }
    out.into()
}

/// Whether it begins with what makes a list, a rule or an underlined heading of a line.
fn starts_a_list(text: &str) -> bool {
    text.trim_start().starts_with(['-', '+', '='])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_they_are() {
        for text in [
            "web_1.example.net",
            "*a*",
            "# x",
            "- x",
            "a | b",
            "[x](javascript:y)",
            "<b>x</b>",
            "a\n# b",
            "\\",
            "&amp;",
            "~~x~~",
        ] {
            let shown = html(&format!("| {} |\n|---|\n", escape(text)));
            let flat = text.replace('\n', " ");
            let expected = flat.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            assert!(shown.contains(&format!("<th>{expected}</th>")), "{text}: {shown}");
            let alone = html(&escape(text));
            assert!(!alone.contains("<h1>") && !alone.contains("<li>") && !alone.contains("<a "), "{text}: {alone}");
        }
        assert_eq!(escape("web_1-a.example.net"), "web_1-a.example.net");
    }

    #[test]
    fn columns_keep_their_side() {
        let table = html("| a | b |\n|--:|:-:|\n| 1 | `<td style=\"text-align: right\">` |\n");
        assert!(table.contains("<td align=\"right\">1</td>"), "{table}");
        assert!(table.contains("<th align=\"center\">b</th>"), "{table}");
        assert!(table.contains("&lt;td style="), "{table}");
    }
}
