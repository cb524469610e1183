//! Who may ask, and what they may ask for.

use serde_json::json;

use super::{described, paged, started};
use crate::harness::{Ext, Pusher, Redis, Running, records, talk};

/// A sidecar with a page on loopback, and its port.
pub fn on_loopback(ext: &Ext) -> (Running, u16) {
    let mut sidecar = ext.run();
    sidecar.wait_until_says("the page is served: http://127.0.0.1:");
    let said = sidecar.stderr();
    let (_, address) = said.split_once("the page is served: http://127.0.0.1:").expect("its address");
    let port: String = address.chars().take_while(char::is_ascii_digit).collect();
    (sidecar, port.parse().expect("a port"))
}

fn status(port: u16, request: &str, headers: &str) -> u16 {
    talk(port, &format!("{request} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n")).expect("an answer").status
}

#[test]
fn loopback_without_a_token_is_for_reading_from_this_host() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("admin.page_listen", "127.0.0.1:0");
    ext.source(&records(3, 1));
    let (sidecar, port) = on_loopback(&ext);
    assert_eq!(status(port, "GET /api/v1/status", &format!("Host: 127.0.0.1:{port}\r\n")), 200);
    assert_eq!(status(port, "GET /api/v1/status", "Host: localhost\r\n"), 200);
    assert_eq!(status(port, "GET /api/v1/status", "Host: evil.example\r\n"), 403, "a name that somebody's DNS answers");
    let other = "Host: localhost\r\nOrigin: http://evil.example\r\n";
    assert_eq!(status(port, "GET /api/v1/status", other), 403);
    assert_eq!(status(port, "POST /api/v1/objects/1:refresh", "Host: localhost\r\nContent-Length: 0\r\n"), 403);
    sidecar.stop().expect(0);
}

#[test]
fn a_token_is_asked_for_and_never_shown() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("admin.page_listen", "127.0.0.1:0").set("admin.page_token_file", "token");
    ext.write("token", "correct-horse-battery\n");
    ext.source(&records(3, 1));
    let (mut sidecar, port) = on_loopback(&ext);
    let page = Pusher::Tcp(format!("127.0.0.1:{port}"));
    let answered = page.ask("GET /api/v1/status", &[], b"").expect(401);
    described("get", "/api/v1/status", &answered);
    assert!(answered.head.to_ascii_lowercase().contains("www-authenticate: basic"), "{answered:?}");
    page.ask("GET /api/v1/status", &["Authorization: Bearer wrong-horse-battery"], b"").expect(401);
    let token = "Authorization: Bearer correct-horse-battery";
    sidecar.wait_until("it writes", || {
        page.ask("GET /api/v1/status", &[token], b"").expect(200).json["services"][0]["objects"] == 3
    });
    // "x:correct-horse-battery", as a browser sends it.
    let basic = "Authorization: Basic eDpjb3JyZWN0LWhvcnNlLWJhdHRlcnk=";
    page.ask("GET /api/v1/objects", &[basic], b"").expect(200);
    page.ask("POST /api/v1/objects/1:refresh", &[token], b"").expect(200);
    page.ask("POST /api/v1/objects/1:refresh", &[token, "Origin: https://evil.example"], b"").expect(403);
    ext.write("token", "another-horse-battery\n");
    page.ask("GET /api/v1/status", &[token], b"").expect(401);
    let said = sidecar.stop().expect(0).stderr;
    assert!(!said.contains("horse"), "{said}");
}

#[test]
fn an_address_for_everybody_needs_a_token() {
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("admin.page_listen", "0.0.0.0:0");
    ext.verb(&["check"]).expect(2).says(&["admin.page_listen", "without a token", "admin.page_token_file"]);
    let ext = Ext::new(&redis).set("admin.page_token_file", "token");
    ext.verb(&["check"]).expect(2).says(&["admin.page_token_file", "admin.page_listen"]);
    let ext = Ext::new(&redis).set("admin.page_listen", "nonsense");
    ext.verb(&["check"]).expect(2).says(&["admin.page_listen", "unix:/path"]);
}

#[test]
fn what_makes_no_sense_is_refused_as_described() {
    let redis = Redis::start();
    let (ext, page) = paged(Ext::brisk(&redis));
    ext.source(&records(3, 1));
    let sidecar = started(&ext, &page, 3);
    for query in [
        "service=No",
        "state=nonsense",
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=-1",
        "changed_within=soon",
        &format!("q={}", "x".repeat(129)),
    ] {
        let answered = page.ask(&format!("GET /api/v1/objects?{query}"), &[], b"").expect(422);
        described("get", "/api/v1/objects", &answered);
    }
    let answered = page.ask("GET /api/v1/objects?service=other", &[], b"").expect(404);
    described("get", "/api/v1/objects", &answered);
    for id in ["a:b", "%ff", "..%2f..", "%00", "@lease", &"9".repeat(129)] {
        let answered = page.ask(&format!("GET /api/v1/objects/{id}"), &[], b"").expect(422);
        described("get", "/api/v1/objects/{id}", &answered);
    }
    let odd = page.ask("GET /api/v1/objects?q=%1b%5b31m%22%3Cscript%3E&cursor=999999999999", &[], b"").expect(200);
    assert_eq!(odd.json["objects"], json!([]));
    page.ask("GET /api/v2", &[], b"").expect(404);
    for request in ["DELETE /api/v1/objects/1", "POST /api/v1/objects/1", "POST /api/v1/status"] {
        let answered = page.ask(request, &[], b"").expect(405);
        assert!(answered.head.to_ascii_lowercase().contains("\r\nallow: "), "{request}: {answered:?}");
    }
    let said = sidecar.stop().expect(0).stderr;
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn other_methods_are_told_which_there_are() {
    let redis = Redis::start();
    let (ext, page) = paged(Ext::brisk(&redis));
    ext.source(&records(3, 1));
    let sidecar = started(&ext, &page, 3);
    for (request, allow) in [
        ("GET /api/v1/objects/1:refresh", "POST"),
        ("DELETE /api/v1/objects/1%3Arefresh", "POST"),
        ("POST /api/v1/objects/1", "GET,HEAD"),
        ("DELETE /api/v1/objects/1", "GET,HEAD"),
        ("POST /api/v1/status", "GET,HEAD"),
    ] {
        let answered = page.ask(request, &[], b"").expect(405);
        let told = answered.head.lines().find_map(|line| line.strip_prefix("allow: "));
        assert_eq!(told, Some(allow), "{request}: {answered:?}");
    }
    page.ask("GET /api/v1/objects?service=", &[], b"").expect(200);
    sidecar.stop().expect(0);
}
