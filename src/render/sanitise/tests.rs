//! What goes, what stays, and that sanitising twice is sanitising once.

use proptest::prelude::*;

use super::*;

fn clean(html: &str) -> String {
    let sanitiser = Sanitiser::new(&["img.example.net".to_owned(), "img.example.net:8443".to_owned()], true);
    sanitiser.clean(html).unwrap_or_else(|e| panic!("{e}: {html}")).0
}

#[test]
fn what_a_tab_needs_stays() {
    let table = "<table class=\"ralphext-table\"><thead><tr><th scope=\"col\">a</th></tr></thead><tbody><tr><td align=\"right\" \
                 colspan=\"2\">1</td></tr></tbody></table>";
    assert_eq!(clean(table), table);
    let link = "<a href=\"https://example.org/\">x</a>";
    assert_eq!(clean(link), "<a href=\"https://example.org/\" rel=\"noopener noreferrer\">x</a>");
    assert_eq!(clean("<p class=\"x ralphext-ok y\" id=\"i\">a</p>"), "<p class=\"ralphext-ok\">a</p>");
    assert_eq!(clean("<p class=\"x\">a</p>"), "<p>a</p>");
    assert_eq!(clean("<td>a"), "a");
    assert_eq!(
        clean("<ol start=\"3\" reversed=\"\"><li value=\"4\">a</li></ol>"),
        "<ol start=\"3\" reversed=\"\"><li value=\"4\">a</li></ol>"
    );
}

#[test]
fn images_only_from_named_hosts() {
    for good in
        ["https://img.example.net/a.png", "https://img.example.net:443/a.png", "https://img.example.net:8443/a.png"]
    {
        assert_eq!(clean(&format!("<img src=\"{good}\" alt=\"a\">")), format!("<img src=\"{good}\" alt=\"a\">"));
    }
    for bad in [
        "http://img.example.net/a.png",
        "https://evil.example/a.png",
        "https://img.example.net.evil.example/a.png",
        "https://img.example.net@evil.example/a.png",
        "https://user:pass@img.example.net/a.png",
        "https://img.example.net:8444/a.png",
        "//img.example.net/a.png",
        "/a.png",
        "data:image/png;base64,AAAA",
    ] {
        assert_eq!(clean(&format!("<img src=\"{bad}\" alt=\"a\">")), "<img alt=\"a\">", "{bad}");
    }
    let none = Sanitiser::new(&[], true);
    assert_eq!(none.clean("<img src=\"https://img.example.net/a.png\">x").unwrap().0, "x");
}

#[test]
fn what_was_removed_is_told() {
    let sanitiser = Sanitiser::new(&[], true);
    let (html, removed) = sanitiser
        .clean("<p onclick=x class='y ralphext-ok'>a</p><script>b</script><a href='javascript:x'>c</a>")
        .unwrap();
    assert_eq!(html, "<p class=\"ralphext-ok\">a</p><a rel=\"noopener noreferrer\">c</a>");
    assert_eq!(removed.to_string(), "a href, class=\"y\", p onclick, script");
    assert!(Sanitiser::new(&[], false).clean("<script></script>").unwrap().1.is_empty());
}

/// What would cost a multiple of its length.
#[test]
fn html_that_is_built_to_be_expensive_is_refused_or_cheap() {
    let hostile = [
        (0..4000).map(|n| format!("<b a={n}>")).collect::<String>() + &"<p>x".repeat(8000),
        (0..4000).map(|n| format!("<b a={n}></i>")).collect::<String>() + &"<p>x".repeat(8000),
        (0..4000).map(|n| format!("<b a={n}><object></b></object>")).collect::<String>() + &"<p>x".repeat(8000),
        (0..4000).map(|n| format!("<a href=https://x/{n}><table>")).collect::<String>(),
        "<div>".repeat(50_000),
        "<div></b>".repeat(25_000),
        "<table><td>".repeat(20_000),
        "<b><i><u>".repeat(25_000),
        "<p><svg><math>".repeat(15_000),
        "<a><button>".repeat(20_000),
        "<li>".repeat(60_000),
        "<ruby><rt>".repeat(20_000),
    ];
    let sanitiser = Sanitiser::new(&[], true);
    for html in hostile {
        let started = std::time::Instant::now();
        let out = sanitiser.clean(&html).map_or_else(|e| e, |(html, _)| html);
        let took = started.elapsed();
        println!("{} -> {} in {took:?}", html.len(), out.len());
        assert!(out.len() < html.len() * 20 && took.as_secs() < 20, "{:.40}: {} bytes in {took:?}", html, out.len());
    }
}

/// Pieces that make trouble where they meet.
const PIECES: &[&str] = &[
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<i title='",
    "'>",
    "\"",
    "<a href=\"https://a.example/",
    "\">",
    "</a>",
    "<table>",
    "<tr>",
    "<td>",
    "</td>",
    "</table>",
    "<svg>",
    "</svg>",
    "<math>",
    "<mtext>",
    "<mglyph>",
    "<style>",
    "</style>",
    "<title>",
    "</title>",
    "<noscript>",
    "</noscript>",
    "<template>",
    "<textarea>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "&lt;",
    "&amp;",
    "&#60;",
    "<script>",
    "</script>",
    "<form>",
    "<select>",
    "<option>",
    "<img src=x>",
    "<ul>",
    "<li>",
    "<pre>",
    "\n",
    "text",
    "<h1>",
    "</h1>",
    "<div class='ralphext-ok x'>",
    "</div>",
    "<br>",
    "</br>",
    "</p>",
    "\u{0}",
    "é",
    "<details open>",
    "<summary>",
    "<ruby>",
    "<rt>",
    "<rp>",
    "<dl>",
    "<dt>",
    "<dd>",
    "<col span=2>",
    "<caption>",
    "<colgroup>",
    "<plaintext>",
    "<body>",
    "<frameset>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sanitising_twice_changes_nothing(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30)) {
        let once = clean(&pieces.concat());
        prop_assert_eq!(&clean(&once), &once);
    }

    #[test]
    fn any_text_at_all_is_a_fixed_point(text in "[<>/a-z=\"' !&;\\-\\[\\]]{0,60}") {
        let once = clean(&text);
        prop_assert_eq!(&clean(&once), &once);
    }
}
