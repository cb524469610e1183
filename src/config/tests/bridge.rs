//! `[bridge]` from a file.

use super::*;
use crate::settings::JobOutput;

const WHOLE: &str = r#"
    [redis]
    url = "redis://h"
    [bridge]
    queues = ["ralph_ext_pdf"]
    functions = ["inkpy_jinja.pdf"]
    command = ["./job.py", "--fast"]
    env = { LANG = "pl_PL" }
    output = "text"
    sidecar = "unix:page.sock"
    sidecar_service = "hwinfo"
    concurrency = 4
    timeout = "10s"
    max_timeout = "1m"
    result_ttl = "1h"
    failure_ttl = "2h"
    attempts = 1
    heartbeat = "1s"
    max_job = "1MiB"
    max_result = "2MiB"
"#;

#[test]
fn every_key_of_the_bridge() {
    let world = toml(WHOLE);
    let (bridge, settings) = load_bridge(&world.request).expect("it loads").expect("there is one");
    assert_eq!(settings.redis.url.expose(), "redis://h");
    assert_eq!(bridge.command, [world.path().join("job.py").display().to_string(), "--fast".to_owned()]);
    assert_eq!(bridge.sidecar_socket(), Ok(Some(world.path().join("page.sock"))));
    assert_eq!((bridge.output, bridge.concurrency, bridge.max_result), (Some(JobOutput::Text), 4, Size::mib(2)));
    let mut report = Report::default();
    let tree = formats::parse(&Arc::from(Path::new("f.toml")), WHOLE, &mut report).expect("a tree");
    let all = serde_json::to_value(&bridge).expect("it serialises");
    let keys = all.as_object().expect("a table").keys();
    let unset: Vec<_> = keys.filter(|key| tree.at(&format!("bridge.{key}")).is_none()).collect();
    assert_eq!(unset, ["ca", "token_file", "url"], "not together with a command");
    let validator = jsonschema::validator_for(&crate::settings::config_schema()).expect("a schema");
    assert!(validator.is_valid(&tree.to_value()));
}

#[test]
fn files_of_a_server_are_beside_the_configuration() {
    let url = "url = \"https://h/\"\ntoken_file = \"token\"\nca = \"ca.pem\"\n";
    let world = toml(&format!("[bridge]\nqueues = [\"q\"]\nfunctions = [\"f\"]\n{url}"));
    let (bridge, _) = load_bridge(&world.request).expect("it loads").expect("there is one");
    assert_eq!(bridge.token_file, Some(world.path().join("token")));
    assert_eq!(bridge.ca, Some(world.path().join("ca.pem")));
    assert!(load_bridge(&toml("[redis]\nurl = \"redis://h\"\n").request).expect("it loads").is_none());
}

#[test]
fn a_bridge_beside_a_service_is_refused() {
    let text = "service = \"a\"\nsource.kind = \"stdin\"\n[bridge]\nqueues = [\"q\"]\nfunctions = [\"f\"]\ncommand = [\"c\"]\n";
    let error = toml(text).error();
    assert!(error.contains("bridge") && error.contains("has to be apart from it"), "{error}");
    let shared = "[bridge]\nqueues = [\"q\"]\nfunctions = [\"f\"]\ncommand = [\"c\"]\n";
    let error = World::new(&[("a.toml", shared), ("b.toml", "service = \"b\"\nsource.kind = \"stdin\"\n")]).error();
    assert!(error.contains("has to be apart from it"), "{error}");
}
