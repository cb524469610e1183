//! The push API and the API for operators by a tester of others' that knows nothing but the published documents: schemathesis makes
//! requests from them, good and bad ones, sends them to a running sidecar, and compares what is answered with what the document says.

use std::process::Command;

use crate::harness::{Ext, Pusher, Redis, free_port, records, repository};

const TOKEN: &str = "correct-horse-battery";

/// `schemathesis`, installed where it is missing.
fn tool() -> String {
    let found =
        Command::new(repository().join("scripts/python-tool.sh")).arg("schemathesis").output().expect("it runs");
    let err = String::from_utf8_lossy(&found.stderr);
    assert!(found.status.success(), "{err}");
    String::from_utf8_lossy(&found.stdout).trim().to_owned()
}

fn seed() -> u64 {
    std::env::var("RALPHEXT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7)
}

/// Lets it try all of a document against `url`; whether all was well, and what it said.
fn examine(document: &str, checks: &str, url: &str, seed: u64) -> (bool, String) {
    let here = repository().join("tests/it/more/schemathesis");
    let scratch = tempfile::TempDir::new().expect("a directory");
    let mut command = Command::new(tool());
    command.current_dir(scratch.path()).env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", &here);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("--config-file").arg(here.join(checks)).arg("run");
    command.arg(repository().join("schemas").join(document)).args(["--url", url]);
    command.args(["--header", &format!("Authorization: Bearer {TOKEN}"), "--continue-on-failure", "--no-color"]);
    if document.starts_with("api") {
        command.args(["--exclude-path", "/api/v1/events"]);
    }
    command.args(["--max-examples", "100", "--seed", &seed.to_string()]);
    let output = command.output().expect("it starts");
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), told.concat())
}

#[test]
#[ignore = "make test-all: needs Python and the package index"]
fn whatever_an_outside_tester_sends_is_answered_as_the_document_says() {
    let redis = Redis::start();
    let address = format!("127.0.0.1:{}", free_port());
    let ext = Ext::brisk(&redis).unset("source.path").set("source.kind", "push").set("source.listen", address.as_str());
    let ext = ext.set("source.token", TOKEN);
    let pusher = Pusher::Tcp(address.clone());
    let mut sidecar = ext.run();
    let token = [format!("Authorization: Bearer {TOKEN}")];
    let token = [token[0].as_str()];
    sidecar.wait_until("it writes", || pusher.is_there() && pusher.ask("GET /v1/status", &token, b"").status == 200);
    let seed = seed();
    let (is_well, told) = examine("push.v1.openapi.json", "checks.toml", &format!("http://{address}"), seed);
    assert!(is_well, "--seed {seed}\n{told}");
    for words in ["6 selected / 6 total", "Coverage", "Fuzzing", "Stateful"] {
        assert!(told.contains(words), "it did not try all: {told}");
    }
    // All that it put there is as the contract says, cards included.
    redis.objects("hwinfo");
    let card = r#"{"title":"x","timeline":[{"at":"2026-01-01T00:00:00Z","text":"x","status":null}]}"#;
    let kind = "Content-Type: application/vnd.ralphext.card+json";
    let told = pusher.ask("PUT /v1/objects/1", &[token[0], kind], card.as_bytes()).expect(422);
    assert!(told.json["refusals"].to_string().contains("timeline[0].status: null is no value of it"), "{told:?}");
    sidecar.stop().expect(0);
}

#[test]
#[ignore = "make test-all: needs Python and the package index"]
fn the_api_for_operators_answers_as_its_document_says() {
    let redis = Redis::start();
    let address = format!("127.0.0.1:{}", free_port());
    let ext = Ext::brisk(&redis).set("admin.page_listen", address.as_str()).set("admin.page_token_file", "token");
    ext.write("token", TOKEN);
    ext.source(&records(300, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 300);
    let page = Pusher::Tcp(address.clone());
    let token = format!("Authorization: Bearer {TOKEN}");
    sidecar
        .wait_until("it is served", || page.is_there() && page.ask("GET /api/v1/status", &[&token], b"").status == 200);
    let seed = seed();
    let (is_well, told) = examine("api.v1.openapi.json", "api.toml", &format!("http://{address}"), seed);
    assert!(is_well, "--seed {seed}\n{told}");
    // The stream of events has no end, and is tried elsewhere.
    for words in ["4 selected / 5 total", "Coverage", "Fuzzing"] {
        assert!(told.contains(words), "it did not try all: {told}");
    }
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    assert_eq!(redis.objects("hwinfo").len(), 300, "nothing was changed by asking");
    sidecar.stop().expect(0);
}
