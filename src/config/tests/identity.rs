//! `[identity]` and `source.absent`: what is refused.

use super::*;

#[test]
fn impossible_inventories() {
    let cases = [
        ("kind = \"ralph\"\ntoken = \"s3cret\"", "identity.url: kind ralph needs it"),
        ("kind = \"ralph\"\nurl = \"https://x/api/\"", "Ralph answers nobody without a token"),
        ("kind = \"file\"", "identity.path: kind file needs it"),
        ("kind = \"file\"\npath = \"a\"\nurl = \"https://x/\"", "kind file has no use for it"),
        (
            "kind = \"ralph\"\nurl = \"https://x/\"\ntoken = \"s3cret\"\ntoken_file = \"t\"",
            "identity.token is given too",
        ),
        ("kind = \"file\"\npath = \"a\"\nrefresh = \"2h\"", "it is less than identity.refresh (2h)"),
    ];
    for (keys, expected) in cases {
        let error = toml(&format!("service = \"a\"\nsource.kind = \"stdin\"\n[identity]\n{keys}\n")).error();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{keys}\n{error}");
    }
    let alone = toml("service = \"a\"\n[source]\nkind = \"stdin\"\nabsent = \"empty\"").error();
    assert!(alone.contains("without an inventory nobody knows whose data is absent"), "{alone}");
    let stream =
        "service = \"a\"\n[source]\nkind = \"push\"\nabsent = \"empty\"\n[identity]\nkind = \"file\"\npath = \"a\"";
    let stream = toml(stream).error();
    assert!(stream.contains("kind push tells changes"), "{stream}");
}
