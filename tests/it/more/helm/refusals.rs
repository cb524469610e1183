//! What the chart refuses, by both Helms, and that it is understood.

use std::{fs, process::Command};

use serde_json::json;
use tempfile::TempDir;

use super::{chart, template, tools};
use crate::harness::{Ext, Redis};

/// A service that is well.
fn values() -> serde_json::Value {
    let source = json!({"kind": "http", "http": {"url": "https://facts.example.org/"}});
    json!({"services": {"hwinfo": {"redis": {"url": "redis://r:6379/0"}, "config": {"source": source}}}})
}

/// Whether each Helm renders the chart with `values` and what is set on top, and what it says.
fn judge(values: &serde_json::Value, sets: &[&str]) -> Vec<(bool, String)> {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("values.yaml");
    fs::write(&path, values.to_string()).expect("JSON is YAML");
    let judged = tools().helms.iter().map(|helm| {
        let mut command: Command = template(helm, &chart());
        command.arg("--values").arg(&path);
        sets.iter().for_each(|set| _ = command.args(["--set-string", set]));
        let output = command.output().expect("it starts");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    });
    judged.collect()
}

#[test]
#[ignore = "make test-all: needs Helm"]
fn what_is_wrong_is_refused_and_says_what_to_do() {
    assert!(judge(&values(), &[]).iter().all(|(good, _)| *good));
    let at = "services.hwinfo.";
    for (set, says) in [
        ("config.source.intervall=60s", "intervall"),
        ("replica=x", "replica"),
        ("config.redis.password=hunter2", "services.hwinfo.config.redis.password is a secret in the values"),
        ("config.source.http.token=hunter2", "config.source.http.token is a secret in the values"),
        ("config.source.http.headers.Authorization=hunter2", "headers.Authorization is a secret in the values"),
        ("config.source.env.API_KEY=hunter2", "source.env.API_KEY is a secret in the values"),
        ("config.source.sql.url=postgres://u:hunter2@db/x", "config.source.sql.url has a password in its address"),
        ("redis.url=redis://u:hunter2@r:6379/0", "redis.url has a password in its address"),
        ("env[0].name=DB_PASSWORD,services.hwinfo.env[0].value=hunter2", "env.DB_PASSWORD is a secret in the values"),
        ("mode=CronJob", "set services.hwinfo.schedule"),
        ("mode=CronJob,services.hwinfo.schedule=0 0 * * 1", "does not outlast one failed run"),
        ("mode=CronJob,services.hwinfo.schedule=0 99 * * *", "is not understood"),
        ("mode=CronJob,services.hwinfo.schedule=@daily,services.hwinfo.config.content.ttl=47h", "2880m or more"),
        ("mode=CronJob,services.hwinfo.schedule=@hourly,services.hwinfo.config.source.kind=push", "has no end"),
        ("redis.url=", "has no Redis"),
        ("extension.config=/app/ralphext.toml", "set services.hwinfo.extension.image"),
        ("extension.image=x,services.hwinfo.extension.config=/app/r.toml", "has two configurations"),
    ] {
        for (good, told) in judge(&values(), &[&format!("{at}{set}")]) {
            assert!(!good, "{set} was taken");
            assert!(told.contains(says), "{set} is not refused with {says:?}: {told}");
            assert!(!told.contains("hunter2"), "the secret is told: {told}");
        }
    }
    for good in [
        "config.redis.password=${REDIS_PASSWORD}",
        "config.source.http.token_file=/run/secrets/api/token",
        "config.source.http.headers.Accept=application/json",
        "mode=CronJob,services.hwinfo.schedule=@daily,services.hwinfo.config.content.ttl=48h",
    ] {
        for (taken, told) in judge(&values(), &[&format!("{at}{good}")]) {
            assert!(taken, "{good}: {told}");
        }
    }
}

#[test]
#[ignore = "make test-all: needs Helm"]
fn chart_and_program_judge_a_schedule_alike() {
    for schedule in [
        "* * * * *",
        "*/5 * * * *",
        "7/20 * * * *",
        "0,10 * * * *",
        "50,10 * * * *",
        "*/7 */5 * * *",
        "0 8-18 * * *",
        "5,35 2,14-16 * * *",
        "*/10 9-17 * * MON-FRI",
        "0 0 * * sun",
        "0 0 * * 7",
        "0 3 * * 2,5",
        "0 0 1-31 * 1",
        "@hourly",
        "@weekly",
        "@every 90m",
    ] {
        let ext = Ext::at(&Redis::nowhere()).set("content.ttl", "1s");
        let told = ext.verb(&["check", "--schedule", schedule]).expect(2).stderr;
        let least = told.split("set content.ttl to ").nth(1).and_then(|rest| rest.split(" or more").next());
        let least = least.unwrap_or_else(|| panic!("{schedule}: {told}"));
        Ext::at(&Redis::nowhere()).set("content.ttl", least).verb(&["check", "--schedule", schedule]).expect(0);
        let mut values = values();
        let service = &mut values["services"]["hwinfo"];
        service["mode"] = json!("CronJob");
        service["schedule"] = json!(schedule);
        service["config"]["content"] = json!({"ttl": least});
        for (taken, told) in judge(&values, &[]) {
            assert!(taken, "{schedule} with {least}: {told}");
        }
        let less = humantime::parse_duration(least).expect("a duration") - std::time::Duration::from_secs(1);
        values["services"]["hwinfo"]["config"]["content"]["ttl"] = json!(format!("{}s", less.as_secs()));
        assert!(judge(&values, &[]).iter().all(|(taken, _)| !taken), "{schedule} with {less:?} was taken");
    }
    // Where the chart cannot tell exactly it is stricter, never less strict.
    for schedule in ["0 0 31 * *", "0 0 29 2 *", "0 0 1 */3 *", "0 0 13 * 5", "0 0 */2 * 1"] {
        let least = Ext::at(&Redis::nowhere()).set("content.ttl", "1s").verb(&["check", "--schedule", schedule]);
        let told = least.expect(2).stderr;
        let least = told.split("set content.ttl to ").nth(1).and_then(|rest| rest.split(" or more").next());
        let least = humantime::parse_duration(least.expect("a duration")).expect("it is one");
        let mut values = values();
        values["services"]["hwinfo"]["mode"] = json!("CronJob");
        values["services"]["hwinfo"]["schedule"] = json!(schedule);
        let less = format!("{}s", least.as_secs() - 1);
        values["services"]["hwinfo"]["config"]["content"] = json!({"ttl": less});
        assert!(judge(&values, &[]).iter().all(|(taken, _)| !taken), "{schedule} with {less} was taken");
    }
}

#[test]
#[ignore = "make test-all: needs Helm"]
fn the_page_for_all_services_needs_a_token_and_a_name_of_its_own() {
    let with = |ui: serde_json::Value, service: &str| {
        let mut values = values();
        values["ui"] = ui;
        let own = values["services"]["hwinfo"].clone();
        values["services"][service] = own;
        values
    };
    let redis = json!({"url": "redis://r:6379/0"});
    let whole = json!({"enabled": true, "token": {"secret": "ui"}, "redis": redis});
    assert!(judge(&with(whole.clone(), "hwinfo"), &[]).iter().all(|(good, _)| *good));
    for (values, says) in [
        (with(json!({"enabled": true, "redis": redis}), "hwinfo"), "ui.token.secret"),
        (with(json!({"enabled": true, "token": {"secret": "ui"}}), "hwinfo"), "ui.redis.url"),
        (with(whole, "ui"), "call the service something else"),
        (
            with(
                json!({"enabled": true, "token": {"secret": "ui"}, "redis": {"url": "redis://u:hunter2@r"}}),
                "hwinfo",
            ),
            "password",
        ),
    ] {
        for (good, told) in judge(&values, &[]) {
            assert!(!good && told.contains(says) && !told.contains("hunter2"), "{says:?}: {told}");
        }
    }
}
