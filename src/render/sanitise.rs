//! The allow-list for HTML. It must not know where the HTML comes from.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

/// Removes whatever could run, load or hide something in the reader's page.
///
/// Tables, lists, headings and links (`http`, `https`, `mailto`; opened with `rel="noopener noreferrer"`) stay; scripts, styles,
/// handlers, forms, frames and images go.
pub fn html(text: &str) -> String {
    static CLEANER: OnceLock<ammonia::Builder<'static>> = OnceLock::new();
    CLEANER.get_or_init(cleaner).clean(text).to_string()
}

fn cleaner() -> ammonia::Builder<'static> {
    let mut builder = ammonia::Builder::default();
    builder
        .rm_tags(["img", "map", "area"])
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer"))
        .allowed_classes(HashMap::new());
    builder
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn what_runs_loads_or_hides_goes() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg onload=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"JaVaScRiPt:alert(1)\">x</a>",
            "<iframe src=//evil></iframe>",
            "<div style=\"background:url(//evil)\">x</div>",
            "<form action=//evil><input></form>",
            "<style>*{display:none}</style>",
            "<a href=\"data:text/html,x\">x</a>",
        ] {
            let clean = html(hostile).to_ascii_lowercase();
            for word in ["alert", "evil", "script", "style", "onload", "onerror", "data:", "<form", "<input"] {
                assert!(!clean.contains(word), "{hostile} -> {clean}");
            }
        }
    }

    #[test]
    fn what_a_tab_needs_stays() {
        let table = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>";
        assert_eq!(html(table), table);
        let link = html("<a href=\"https://example.org/\">x</a>");
        assert_eq!(link, "<a href=\"https://example.org/\" rel=\"noopener noreferrer\">x</a>");
        assert_eq!(html(&html("a < b & c")), html("a < b & c"), "sanitising twice changes nothing");
    }
}
