//! `[source.http]` and `source.items`: what is taken, and what is refused.

use super::*;

fn http(keys: &str) -> World {
    toml(&format!("service = \"a\"\n[source]\nkind = \"http\"\nitems = \"/data\"\n[source.http]\n{keys}\n"))
}

#[test]
fn every_key_of_http() {
    let world = http(
        "url = \"https://x.example/list\"\nid_at = \"/key\"\nconcurrency = 2\nspread = \"1m\"\npaging = \"cursor\"\n\
         next_at = \"/meta/next\"\ncount_at = \"/meta/total\"\npage_param = \"after\"\nlimit_param = \"size\"\n\
         page_size = 10\nmax_pages = 20\ntoken_file = \"t\"\ntoken_scheme = \"Token\"\nheaders = { X-A = \"s3cret\" }\n\
         header_files = { X-B = \"b\" }\nca = \"ca.pem\"\ncert = \"c.pem\"\nkey = \"k.pem\"\nproxy = \"none\"\n\
         connect_timeout = \"1s\"\nidle_timeout = \"2s\"\nmax_body = \"1MiB\"\nrate = 3\nretries = 0",
    );
    let source = world.one().source;
    assert_eq!(source.timeout(), Some(Duration::from_secs(300)));
    let http = source.http.expect("it is there");
    assert_eq!(http.page_param(), "after");
    assert_eq!((http.token_file, http.ca), (Some(world.path().join("t")), Some(world.path().join("ca.pem"))));
    assert_eq!(http.header_files["X-B"], world.path().join("b"));
    assert_eq!((http.rate, http.retries, http.headers["X-A"].expose()), (Some(3), 0, "s3cret"));
}

#[test]
fn impossible_servers() {
    let url = "url = \"https://x.example/\"\n";
    let cases = [
        ("", "kind http needs an address"),
        ("url = \"x.example\"", "it is no address of a server"),
        ("url = \"https://u:s3cret@x.example/\"", "it holds a user or password"),
        ("object_url = \"https://x.example/\"", "there is no {id} in it"),
        ("object_url = \"https://x.example/{id}\"", "it is not known whose ids to ask for"),
        ("url = \"https://x.example/\"\nids = [\"1\"]", "ids are for object_url"),
        ("url = \"https://x.example/\"\nnext_at = \"next\"", "it is no pointer"),
        ("url = \"https://x.example/\"\ncert = \"c\"", "source.http.key is missing"),
        ("url = \"https://x.example/\"\ntoken = \"s3cret\"\ntoken_file = \"t\"", "source.http.token is given too"),
        ("url = \"https://x.example/\"\npassword_file = \"p\"", "there is no user that it is of"),
        ("url = \"https://x.example/\"\ntoken_file = \"t\"\nusername = \"u\"", "both go into the same header"),
    ];
    for (keys, expected) in cases {
        let error = http(keys).error();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{keys}\n{error}");
    }
    let paged = format!("service = \"a\"\n[source]\nkind = \"http\"\n[source.http]\npaging = \"next\"\n{url}");
    assert!(toml(&paged).error().contains("looks for the next page in a document"));
    let pointer = "service = \"a\"\n[source]\nkind = \"stdin\"\nitems = \"data\"";
    assert!(toml(pointer).error().contains("source.items = \"data\": it is no pointer"));
    let unused = format!("service = \"a\"\n[source]\nkind = \"stdin\"\n[source.http]\n{url}");
    assert!(toml(&unused).error().contains("kind stdin has no use for it"));
    let none = toml("service = \"a\"\n[source]\nkind = \"http\"").error();
    assert!(none.contains("kind http needs a server"), "{none}");
}
