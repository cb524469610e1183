//! The page for operators, as a browser is given it; and a hostile object, which is shown as what it is wherever it is shown.

use serde_json::{Value, json};

use crate::{
    api::strangers::on_loopback,
    harness::{Answer, DEADLINE, Ext, PASSWORD, Redis, Running, eventually, records, talk},
};

/// As long as an id can be, and of everything that it can be made of.
fn longest_id() -> String {
    format!("A{}z.-_", ".-_9".repeat(31)).chars().take(128).collect()
}

fn get(port: u16, path: &str) -> Answer {
    talk(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).expect("an answer")
}

fn page(port: u16, path: &str) -> String {
    let answer = get(port, path);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    assert!(answer.head["content-type"].starts_with("text/html"), "{answer:?}");
    let policy = &answer.head["content-security-policy"];
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    // Nothing that such a policy would have to forbid; what stands in a frame has a policy of its own.
    for tag in answer.body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
        let tag = tag.split("srcdoc=\"").next().unwrap_or_default();
        let is_bad =
            tag == "script" || [" style=", " onclick=", " onerror=", "javascript:"].iter().any(|bad| tag.contains(bad));
        assert!(!is_bad, "{tag} on {path}");
    }
    answer.body
}

#[test]
fn pages_lead_from_services_to_an_object() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("admin.page_listen", "127.0.0.1:0").unset("service");
    let ext = ext.set("service.name", "hwinfo").set("service.title", "Hardware <b>facts</b>");
    ext.source(&records(250, 1));
    let (mut sidecar, port) = on_loopback(&ext);
    sidecar.wait_until("it wrote", || get(port, "/s/hwinfo").body.contains("<dt>Objects</dt><dd>250</dd>"));
    let first = get(port, "/");
    assert_eq!((first.status, first.head["location"].as_str()), (307, "/s/hwinfo"), "one service is no list");
    let list = page(port, "/s/hwinfo");
    assert!(list.contains("Hardware &lt;b&gt;facts") && list.contains("href=\"/s/hwinfo/o/1\""), "{list}");
    let (_, next) = list.split_once("rel=\"next\" href=\"").expect("there is more");
    let next = next.split('"').next().expect("an address").replace("&amp;", "&");
    assert!(!page(port, &next).contains("href=\"/s/hwinfo/o/1\""));
    let found = page(port, "/s/hwinfo?q=24");
    assert!(found.contains("/o/241\"") && !found.contains("/o/1\""));
    assert!(page(port, "/s/hwinfo?q=&state=broken").contains("There are no such objects"));
    let object = page(port, "/s/hwinfo/o/241");
    for shown in ["host-00241.dc1.example.net", "Raw envelope", "Expires in", "<li><time", "ralphext:v1:hwinfo:241"] {
        assert!(object.contains(shown), "{shown} is missing: {object}");
    }
    assert!(!object.contains("Fetch it anew"), "nothing can be changed here");
    assert!(page(port, "/s/hwinfo/live").contains("data-feed=\"hwinfo\""));
    let index = page(port, "/index");
    assert!(
        index.contains("Hardware &lt;b&gt;facts") && index.contains("ralphext:v1:hwinfo:&lt;object_id&gt;"),
        "{index}"
    );
    for (path, status) in [("/s/tickets", 404), ("/s/No", 404), ("/s/hwinfo/o/a:b", 422), ("/s/hwinfo?state=x", 422)] {
        let answer = get(port, path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.body.contains("<h1>") || path == "/none", "{answer:?}");
    }
    assert_eq!(get(port, "/nothing").status, 404);
    let kinds = [("/style.css", "text/css"), ("/page.js", "text/javascript")];
    for (path, kind) in kinds {
        let answer = get(port, path);
        assert!(answer.status == 200 && answer.head["content-type"].starts_with(kind), "{answer:?}");
    }
    sidecar.stop().expect(0);
}

#[test]
fn the_button_fetches_an_object_anew_and_other_sites_cannot_press_it() {
    let redis = Redis::start();
    let script = "echo run >> runs\ncat objects.ndjson\necho '{\"end\": true}'";
    let ext = Ext::brisk(&redis).set("source.interval", "1h").script("exec", script);
    let ext = ext.set("admin.page_listen", "127.0.0.1:0").set("admin.page_token_file", "token");
    ext.write("token", "correct-horse-battery\n");
    ext.source(&records(3, 1));
    let (sidecar, port) = on_loopback(&ext);
    let token = "Authorization: Bearer correct-horse-battery\r\n";
    let ask = |request: &str, headers: &str| {
        let text = format!(
            "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n{token}{headers}\r\n"
        );
        talk(port, &text).expect("an answer")
    };
    eventually("it wrote", || redis.count("hwinfo") == 3);
    assert!(ask("GET /s/hwinfo/o/2", "").body.contains("Fetch it anew"));
    let runs = || std::fs::read_to_string(ext.path("runs")).expect("the runs").lines().count();
    let before = runs();
    for other in ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n", ""] {
        assert_eq!(ask("POST /s/hwinfo/o/2/refresh", other).status, 403, "{other:?}");
    }
    assert_eq!(runs(), before);
    let pressed = ask("POST /s/hwinfo/o/2/refresh", "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!((pressed.status, pressed.head["location"].as_str()), (303, "/s/hwinfo/o/2?told=unchanged"));
    assert_eq!(runs(), before + 1);
    assert!(ask("GET /s/hwinfo/o/2?told=unchanged", "").body.contains("Fetched anew"));
    sidecar.stop().expect(0);
}

#[test]
fn a_hostile_object_is_shown_as_what_it_is() {
    let redis = Redis::start();
    let id = longest_id();
    assert_eq!(id.len(), 128);
    let evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}gnp.exe\u{200b}\u{1b}[31mred\u{7}\"'&";
    let large = "\u{202e}<b>".repeat((256 << 10) / 6 - 10);
    let html = format!("<p>hello</p>{evil}<a href=\"javascript:alert(3)\">x</a></section></iframe>");
    let ext = Ext::brisk(&redis).set("admin.page_listen", "127.0.0.1:0").unset("service");
    let ext = ext.set("service.name", "hwinfo").set("service.title", evil.replace(['\u{1b}', '\u{7}'], ""));
    ext.source(&[
        json!({"id": id, "content": {"note": evil, "\u{202e}key<script>": [evil]}}),
        json!({"id": "2", "content": large}),
        json!({"id": "3", "content_type": "text/html", "content": html}),
        json!({"id": "4", "content_type": "text/plain", "content": evil}),
        json!({"id": "5", "content": "x".repeat(300 << 10)}),
        json!({"id": "6<script>\u{1b}[31m", "content": 1}),
    ]);
    let (sidecar, port) = on_loopback(&ext);
    eventually("it wrote", || redis.count("hwinfo") == 4);
    let list = page(port, "/s/hwinfo");
    let shown: Vec<String> = [&id, "2", "3", "4", "5"]
        .iter()
        .map(|id| match *id {
            "5" => get(port, "/s/hwinfo/o/5").body,
            id => page(port, &format!("/s/hwinfo/o/{id}")),
        })
        .collect();
    for text in shown.iter().chain([&list, &page(port, "/s/hwinfo/live")]) {
        assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "{text}");
        // What stands in a frame can turn no text but its own.
        let outside = text.split("srcdoc=\"").next().unwrap_or_default();
        for hidden in ['\u{202e}', '\u{1b}', '\u{7}'] {
            assert!(!outside.contains(hidden), "{hidden:?} is let out");
        }
    }
    assert!(
        shown[0].contains("&lt;script&gt;alert(1)") && shown[0].contains("\\u202e") && shown[0].contains("\\u200b"),
        "{}",
        shown[0]
    );
    assert!(shown[2].contains("sandbox=\"") && !shown[2].contains("allow-scripts"), "{}", shown[2]);
    assert!(shown[4].contains("too_large"), "{}", shown[4]);

    // The same on the command line, in every form, and in the log.
    says_it_safely(&ext, &id);
    let said = sidecar.stop().expect(0).stderr;
    for hidden in ['\u{202e}', '\u{1b}', '\u{7}'] {
        assert!(!said.contains(hidden), "{hidden:?} is in the log: {said}");
    }
    assert!(said.contains("too_large"), "{said}");
    // Whoever asks by the API gets the content as it is.
    let told: Value =
        serde_json::from_str(&redis.get(&format!("ralphext:v1:hwinfo:{id}")).expect("a value")).expect("JSON");
    assert_eq!(told["content"]["note"], evil);
}

#[test]
fn ui_shows_every_service_of_a_redis_and_changes_nothing() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--with", "peers"]);
    let ext = Ext::brisk(&redis);
    ext.source(&records(120, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 120);
    Ext::of(&redis, "tickets").once_with(&records(3, 1)).expect(0);
    let before = redis.everything().len();
    let mut ui = Running::spawn(&mut ext.command(&["ui", "--listen", "127.0.0.1:0"]), None);
    ui.wait_until_says("the page is served: 127.0.0.1:");
    let said = ui.stderr();
    let (_, port) = said.split_once("the page is served: 127.0.0.1:").expect("its address");
    let port: u16 = port.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a port");
    let first = page(port, "/");
    assert!(first.contains("href=\"/s/hwinfo\"") && first.contains("href=\"/s/tickets\""), "{first}");
    assert!(page(port, "/s/hwinfo?q=119").contains("/o/119\""));
    assert!(page(port, "/s/tickets/o/2").contains("host-00002"));
    let metrics = get(port, "/metrics").body;
    for line in [
        "ralphext_objects{service=\"hwinfo\",state=\"sound\"} 120",
        "ralphext_objects{service=\"tickets\",state=\"sound\"} 3",
        "ralphext_writer_alive{service=\"hwinfo\"} 1",
        "ralphext_content_stale{service=\"tickets\"} 0",
    ] {
        assert!(metrics.lines().any(|told| told == line), "{line} is missing: {metrics}");
    }
    assert!(metrics.contains("ralphext_heartbeat_timestamp_seconds{service=\"tickets\"} 1"), "{metrics}");
    assert!(!metrics.contains("ralphext_writer_alive{service=\"tickets\"}"), "it is written now and then");
    assert!(!metrics.contains("_total{service="), "what is not known is not told: {metrics}");
    sidecar.kill();
    eventually("a dead sidecar is told", || {
        get(port, "/metrics").body.contains("ralphext_writer_alive{service=\"hwinfo\"} 0")
    });
    assert!(page(port, "/").contains("writer not running"));
    let refused = talk(
        port,
        "POST /api/v1/objects/1:refresh?service=hwinfo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(refused.expect("an answer").status, 403);
    ui.stop().expect(0);
    // The lease of the one that was killed may have run out.
    assert!(before - redis.everything().len() <= 1);
    ext.verb(&["ui", "--listen", "0.0.0.0:0"]).expect(2).says(&["--listen", "--token-file"]);
}

#[test]
fn ui_needs_no_configuration_and_the_rights_of_a_viewer() {
    let redis = Redis::start();
    redis.grant(&["--viewer"]);
    Ext::new(&redis).once_with(&records(3, 1)).expect(0);
    // As the chart runs it: everything by environment, secrets in files.
    let ext = Ext::at(&redis.url());
    ext.write("redis", PASSWORD);
    ext.write("token", "correct-horse-battery\n");
    let path = |name: &str| ext.path(name).display().to_string();
    let (password, token) = (path("redis"), path("token"));
    let mut command = ext.bare(&["ui", "--listen", "0.0.0.0:0", "--token-file", &token]);
    command.env("RALPHEXT__REDIS__URL", redis.url()).env("RALPHEXT__REDIS__USERNAME", "ralphext-viewer");
    command.env("RALPHEXT__REDIS__PASSWORD_FILE", password);
    let mut ui = Running::spawn(&mut command, None);
    let port = ui.port();
    let ask = |path: &str, head: &str| {
        talk(port, &format!("GET {path} HTTP/1.0\r\nHost: ui.example.org\r\n{head}\r\n")).expect("an answer")
    };
    assert_eq!((ask("/metrics", "").status, ask("/s/hwinfo", "").status), (401, 401));
    let bearer = "Authorization: Bearer correct-horse-battery\r\n";
    let metrics = ask("/metrics", bearer).body;
    assert!(metrics.contains("ralphext_objects{service=\"hwinfo\",state=\"sound\"} 3"), "{metrics}");
    assert!(ask("/s/hwinfo", bearer).body.contains("/o/3\""));
    assert!(ask("/s/hwinfo/o/2", bearer).body.contains("host-00002"));
    for verb in [
        &["top"][..],
        &["ls"],
        &["ls", "hwinfo"],
        &["get", "hwinfo", "1"],
        &["stats", "hwinfo"],
        &["explain", "hwinfo", "1"],
    ] {
        let mut command = ext.bare(verb);
        command.env("RALPHEXT__REDIS__URL", redis.url()).env("RALPHEXT__REDIS__USERNAME", "ralphext-viewer");
        command.env("RALPHEXT__REDIS__PASSWORD", PASSWORD);
        Running::spawn(&mut command, None).finish(DEADLINE).expect(0);
    }
    ui.stop().expect(0);
}

/// Every verb that shows something of a hostile object lets nothing out that could steer a terminal.
#[track_caller]
fn says_it_safely(ext: &Ext, id: &str) {
    for words in [
        &["get", "hwinfo", id][..],
        &["get", "hwinfo", "4"],
        &["get", "hwinfo", id, "--field", "/content/note"],
        &["explain", "hwinfo", id],
        &["explain", "hwinfo", "5"],
        &["ls"],
        &["ls", "hwinfo"],
        &["status"],
        &["watch", "--count", "1"],
        &["stats", "hwinfo"],
        &["diff", "hwinfo", id],
        &["purge", "hwinfo", "--older-than", "0s"],
    ] {
        let outcome = ext.verb(words);
        for hidden in ['\u{202e}', '\u{200b}', '\u{1b}', '\u{7}'] {
            assert!(!outcome.all().contains(hidden), "{hidden:?} reaches the terminal: {words:?}: {outcome}");
        }
    }
}
