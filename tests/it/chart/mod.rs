//! The Helm chart, as far as it needs no Helm: its values and their schema, its alert rules and its dashboard. What needs tools
//! is in `more::helm`.

mod alerts;
mod promql;

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::harness::{binary, repository, yaml};

/// A file of the chart.
fn file(name: &str) -> String {
    let path = repository().join("helm/ralphext").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn only(text: &str) -> Value {
    let mut documents = yaml::documents(text);
    assert_eq!(documents.len(), 1, "one document");
    documents.remove(0)
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&file("values.schema.json")).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::meta::validate(&schema).expect("it is a schema");
    jsonschema::validator_for(&schema).expect("it can be used")
}

fn wrong(validator: &jsonschema::Validator, values: &Value) -> Vec<String> {
    validator.iter_errors(values).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

/// What the chart's scenarios set, by file.
fn scenarios() -> Vec<(String, Value)> {
    let entries = fs::read_dir(repository().join("helm/ralphext/ci")).expect("scenarios").flatten();
    let mut found: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("UTF-8");
            let text = file(&format!("ci/{name}"));
            (name, only(&text))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn what_is_generated_has_not_drifted() {
    let output = Command::new(repository().join("scripts/chart.py")).arg("--check").output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_value_and_every_scenario_is_in_the_schema() {
    let validator = validator();
    let defaults = only(&file("values.yaml"));
    assert_eq!(wrong(&validator, &defaults), [""; 0], "values.yaml");
    let mut modes = Vec::new();
    for (name, values) in scenarios() {
        assert_eq!(wrong(&validator, &values), [""; 0], "{name}");
        let of_all = values["defaults"]["mode"].as_str();
        let services = values["services"].as_object().expect("services").values();
        modes.extend(services.map(|s| s["mode"].as_str().or(of_all).unwrap_or("Deployment").to_owned()));
    }
    modes.sort();
    modes.dedup();
    assert_eq!(modes, ["CronJob", "Deployment", "Sidecar", "StatefulSet"], "a scenario for each mode");
    // The other way round: what may be set is in values.yaml, with its comment.
    let schema: Value = serde_json::from_str(&file("values.schema.json")).expect("JSON");
    let names = |of: &Value| of.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let mut told = names(&defaults);
    told.push("global".to_owned());
    told.sort();
    assert_eq!(names(&schema["properties"]), told);
    assert_eq!(names(&schema["$defs"]["workload"]["properties"]), names(&defaults["defaults"]));
    let page = file("README.md");
    let dark: Vec<_> =
        names(&defaults["defaults"]).into_iter().filter(|n| !page.contains(&format!("`defaults.{n}`"))).collect();
    assert_eq!(dark, [""; 0], "values without a comment");
}

#[test]
fn the_schema_refuses_what_is_misspelt_or_of_the_wrong_kind() {
    let validator = validator();
    let service = |settings: Value| json!({"services": {"hwinfo": settings}});
    assert!(validator.is_valid(&service(json!({"replicas": 2, "config": {"content": {"ttl": "1h"}}}))));
    for bad in [
        json!({"service": {}}),
        json!({"services": {"Hw_info": {}}}),
        service(json!({"replica": 2})),
        service(json!({"replicas": "two"})),
        service(json!({"mode": "DaemonSet"})),
        service(json!({"config": {"source": {"intervall": "60s"}}})),
        service(json!({"config": {"content": {"ttl": 3600}}})),
        service(json!({"config": {"source": {"kind": "ftp"}}})),
        service(json!({"redis": {"url": "http://redis"}})),
        service(json!({"redis": {"password": "secret"}})),
        service(json!({"port": 70_000})),
        json!({"prometheusRule": {"severity": ""}}),
        json!({"image": {"digest": "sha256:1234"}}),
    ] {
        assert!(!validator.is_valid(&bad), "{bad}");
    }
}

#[test]
fn the_values_that_init_makes_fit() {
    let validator = validator();
    let dir = tempfile::TempDir::new().expect("a directory");
    let made =
        Command::new(binary()).args(["init", "costs", "--yes", "--dir"]).arg(dir.path()).output().expect("it runs");
    assert!(made.status.success(), "{made:?}");
    let root = dir.path().join("ralph_ext_costs");
    let values = only(&fs::read_to_string(root.join("values.yaml")).expect("values"));
    assert_eq!(wrong(&validator, &values), [""; 0]);
    let config = values["services"]["costs"]["extension"]["config"].as_str().expect("a path in the image");
    let dockerfile = fs::read_to_string(root.join("Dockerfile")).expect("a Dockerfile");
    assert!(dockerfile.contains(config), "the image has no {config}");
}
