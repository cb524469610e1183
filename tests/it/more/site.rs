//! The operators' page in a real browser, on a live sidecar with a hundred thousand objects.

use std::{
    io::{BufRead, BufReader, Read},
    time::Instant,
};

use serde_json::{Value, json};

use super::browser::{browser, node};
use crate::{
    api::strangers::on_loopback,
    harness::{Ext, Redis, records, repository, talk},
};

const OBJECTS: u64 = 100_000;

/// Records of each kind of content, one of them hostile.
fn mixed() -> Vec<Value> {
    let mut all = records(OBJECTS, 1);
    all[0] = json!({"id": 1, "content_type": "card", "content": {
        "title": "node-1.example.net", "status": "warning", "summary": "One disk is about to fail",
        "fields": [{"label": "Serial", "value": "CZ3"}, {"label": "Memory", "value": 256, "unit": "GiB"}],
        "tables": [{"columns": ["Disk", "Wear"], "rows": [["sda", 3], ["sdb", 97]]}],
        "links": [{"label": "Runbook", "url": "https://example.net/runbook"}],
    }});
    all[1] = json!({"id": 2, "content_type": "html", "content": "<h2>Rack</h2><p>Row <b>3</b></p><script>alert(1)</script>"});
    all[2] = json!({"id": 3, "content": {"note": "<script>alert(1)</script>\u{202e}gnp.exe\u{200b}"}});
    all
}

/// Ms that the server takes for a page, in the middle of many.
fn server_ms(port: u16, path: &str) -> f64 {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut took: Vec<f64> = (0..21)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(talk(port, &request).expect("an answer").status, 200, "{path}");
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

/// With `RALPHEXT_IMAGES`, screenshots are written there: `docs/images` for the documents.
#[test]
#[ignore = "make test-all: needs Chromium and Node.js"]
fn every_page_is_sound_in_two_sizes_and_two_themes() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("admin.page_listen", "127.0.0.1:0").unset("service");
    let ext = ext.set("service.name", "hwinfo").set("service.title", "Hardware facts");
    let ext = ext.set("service.description", "What the machines say of themselves").set("source.interval", "1m");
    let mut all = mixed();
    ext.source(&all);
    let (mut sidecar, port) = on_loopback(&ext);
    sidecar.wait_for_objects(&redis, "hwinfo", OBJECTS as usize);
    for path in ["/s/hwinfo", "/s/hwinfo?q=99999", "/s/hwinfo?q=zzz", "/s/hwinfo/o/1", "/api/v1/objects?limit=100"] {
        eprintln!("{path}: {:.1} ms in the middle of 21, with {OBJECTS} objects", server_ms(port, path));
    }
    let (dir, chromium) = browser();
    let page = |name: &str, path: &str| json!({"name": name, "path": path});
    let input = json!({
        "chromium": chromium,
        "axe": dir.join("node_modules/axe-core/axe.min.js"),
        "origin": format!("http://127.0.0.1:{port}"),
        "images": std::env::var("RALPHEXT_IMAGES").ok().map(|dir| repository().join(dir)),
        "pages": [
            page("index", "/index"), page("objects", "/s/hwinfo"), page("failed", "/s/hwinfo?q=&state=failed"), page("object", "/s/hwinfo/o/1"),
            page("html", "/s/hwinfo/o/2"), page("hostile", "/s/hwinfo/o/3"), page("live", "/s/hwinfo/live"),
        ],
        "search": {"path": "/s/hwinfo", "text": "77777"},
        "live": {"path": "/s/hwinfo/live"},
    });
    let mut child = node("site.cjs", &dir, &input);
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().expect("its errors")).lines().map_while(Result::ok) {
        if line == "LISTENING" {
            all[4]["content"]["revision"] = json!(2);
            ext.source(&all);
        }
        said.push(line);
    }
    let mut text = String::new();
    child.stdout.take().expect("its output").read_to_string(&mut text).expect("text");
    assert!(child.wait().expect("it ends").success(), "the browser's script failed: {}", said.join("\n"));
    let told: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text:.500}"));
    let problems: Vec<&str> = told["problems"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(told["visits"], 7 * 4);
    sidecar.stop().expect(0);
}
