//! The allow-list: what may stand in a tab's HTML. docs/security.md lists the same; a test compares them. It must not know
//! how anything is removed.

/// Elements that stay, each with its own attributes. Of any other element the text stays, unless it is one of
/// [`SWALLOWED`].
pub const TAGS: &[(&str, &[&str])] = &[
    ("a", &["href"]),
    ("abbr", &[]),
    ("b", &[]),
    ("bdi", &[]),
    ("blockquote", &[]),
    ("br", &[]),
    ("caption", &[]),
    ("cite", &[]),
    ("code", &[]),
    ("col", &["span"]),
    ("colgroup", &["span"]),
    ("dd", &[]),
    ("del", &["datetime"]),
    ("details", &["open"]),
    ("dfn", &[]),
    ("div", &[]),
    ("dl", &[]),
    ("dt", &[]),
    ("em", &[]),
    ("figcaption", &[]),
    ("figure", &[]),
    ("h1", &[]),
    ("h2", &[]),
    ("h3", &[]),
    ("h4", &[]),
    ("h5", &[]),
    ("h6", &[]),
    ("hr", &[]),
    ("i", &[]),
    ("ins", &["datetime"]),
    ("kbd", &[]),
    ("li", &["value"]),
    ("mark", &[]),
    ("ol", &["start", "reversed"]),
    ("p", &[]),
    ("pre", &[]),
    ("q", &[]),
    ("rp", &[]),
    ("rt", &[]),
    ("ruby", &[]),
    ("s", &[]),
    ("samp", &[]),
    ("small", &[]),
    ("span", &[]),
    ("strong", &[]),
    ("sub", &[]),
    ("summary", &[]),
    ("sup", &[]),
    ("table", &[]),
    ("tbody", &[]),
    ("td", &["align", "colspan", "rowspan"]),
    ("tfoot", &[]),
    ("th", &["align", "colspan", "rowspan", "scope"]),
    ("thead", &[]),
    ("time", &["datetime"]),
    ("tr", &[]),
    ("u", &[]),
    ("ul", &[]),
    ("var", &[]),
    ("wbr", &[]),
];

/// The image element, only where `render.images` names hosts.
pub const IMAGE: (&str, &[&str]) = ("img", &["alt", "height", "src", "width"]);

/// Attributes that every element may have, beside `class`.
pub const ATTRIBUTES: &[&str] = &["dir", "lang", "title"];

/// Schemes of links, in any case; relative addresses go.
pub const SCHEMES: &[&str] = &["http", "https", "mailto"];

/// Classes that stay, and what readers style them as. Any other class goes.
pub const CLASSES: &[(&str, &str)] = &[
    ("ralphext-ok", "as it should be"),
    ("ralphext-warning", "somebody should look at it"),
    ("ralphext-critical", "somebody must look at it now"),
    ("ralphext-unknown", "nobody can tell"),
    ("ralphext-badge", "a short mark; with one of the four above, in its colour"),
    ("ralphext-note", "a box around what should be seen first; with one of the four, in its colour"),
    ("ralphext-muted", "less important"),
    ("ralphext-mono", "letters of equal width: serial numbers, addresses"),
    ("ralphext-number", "digits of equal width, set right"),
    ("ralphext-nowrap", "never broken into lines"),
    ("ralphext-table", "a table with lines and headings"),
    ("ralphext-compact", "the same with little space, beside ralphext-table"),
    ("ralphext-fields", "a dl with labels beside their values"),
];

/// Elements that go together with everything in them.
pub const SWALLOWED: &[&str] = &[
    "script",
    "style",
    "template",
    "noscript",
    "title",
    "textarea",
    "select",
    "iframe",
    "frame",
    "frameset",
    "noembed",
    "noframes",
    "xmp",
    "plaintext",
    "object",
    "embed",
    "applet",
    "audio",
    "video",
    "canvas",
    "svg",
    "math",
];

/// Whether the value of an allowed attribute is one that it may have. Links and images are judged elsewhere.
pub fn fits(attribute: &str, value: &str) -> bool {
    let word = |words: &[&str]| words.contains(&value);
    match attribute {
        "align" => word(&["left", "right", "center"]),
        "dir" => word(&["ltr", "rtl", "auto"]),
        "scope" => word(&["row", "col", "rowgroup", "colgroup"]),
        "open" | "reversed" => value.is_empty(),
        "colspan" | "rowspan" | "span" | "width" | "height" | "start" | "value" => {
            (1..=4).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit())
        }
        "datetime" => value.len() <= 40 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b" :+-.".contains(&b)),
        "lang" => value.len() <= 35 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
        _ => true,
    }
}
