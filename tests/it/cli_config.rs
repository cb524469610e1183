//! `check`, `schema`, `completions`, and what usage errors look like. Nothing here needs a server.

use std::{fs, process::Command};

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Ext, Outcome, Redis, Running, repository};

/// An extension whose Redis does not exist.
fn lonely() -> Ext {
    Ext::at(&Redis::nowhere())
}

fn bare(ext: &Ext, words: &[&str]) -> Outcome {
    Running::spawn(&mut ext.bare(words), None).finish(DEADLINE)
}

#[track_caller]
fn check(toml: &str, words: &[&str]) {
    let ext = lonely();
    ext.write("f.toml", toml);
    for verb in ["check", "once", "run"] {
        let outcome = bare(&ext, &["-c", "f.toml", verb]).expect(2);
        outcome.says(words);
        outcome.says(&["f.toml"]);
        assert!(!outcome.stderr.contains("panicked"), "{outcome}");
    }
}

#[test]
fn a_good_configuration_passes_without_a_network() {
    let ext = lonely();
    let outcome = ext.verb(&["check"]).expect(0);
    assert!(outcome.all().contains("hwinfo"), "it says what is good: {outcome}");
    ext.write("least.toml", "service = \"hwinfo\"\n\n[redis]\nurl = \"redis://127.0.0.1:6379/0\"\n\n[source]\nkind = \"exec\"\ncommand = [\"./facts.sh\"]\ninterval = \"60s\"\n");
    ext.write("facts.sh", "#!/bin/sh\ntouch ran\n");
    let outcome = bare(&ext, &["-c", "least.toml", "check"]).expect(0);
    assert!(!ext.path("ran").exists(), "check has no side effects: {outcome}");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_valid_one() {
    let toml = "service = \"hwinfo\"\n\n[source]\nkind = \"file\"\npath = \"x\"\nintervall = \"60s\"\n";
    check(toml, &["source.intervall", "interval", "6"]);
    check("service = \"a\"\n[source]\nkind = \"stdin\"\n[conten]\nttl = \"1h\"\n", &["conten", "content", "4"]);
}

#[test]
fn a_wrong_value_is_named_with_its_key_and_line() {
    let with = |line: &str| format!("service = \"hwinfo\"\n[source]\nkind = \"stdin\"\n{line}\n");
    check(&with("interval = \"sixty\""), &["source.interval", "sixty", "4"]);
    check(&with("interval = true"), &["source.interval", "true", "4"]);
    check(&with("[limits]\nmax_shrink = \"120%\""), &["limits.max_shrink", "120", "5"]);
    check(&with("[limits]\nmax_content = \"many\""), &["limits.max_content", "many", "5"]);
    check(&with("[redis]\nurl = \"http://127.0.0.1\""), &["redis.url", "http", "5"]);
    check(&with("kind = \"stdin\""), &["duplicate", ":4:1"]);
    check("service = \"Hardware Info\"\n[source]\nkind = \"stdin\"\n", &["service", "Hardware Info"]);
    check("service = \"a\"\n[source]\nkind = \"fille\"\n", &["source.kind", "fille", "file"]);
    check("[source]\nkind = \"stdin\"\n", &["service"]);
    check("service = ", &["1"]);
}

#[test]
fn impossible_combinations_are_refused() {
    let with = |lines: &str| format!("service = \"hwinfo\"\n{lines}\n");
    check(&with("[source]\nkind = \"exec\""), &["source.command"]);
    check(&with("[source]\nkind = \"file\""), &["source.path"]);
    check(
        &with("[source]\nkind = \"stdin\"\n[content]\nttl = \"1m\"\n[verify]\nevery = \"2m\""),
        &["verify.every", "content.ttl"],
    );
    check(
        &with("[source]\nkind = \"stdin\"\n[content]\nignore = [\"generated_at\"]"),
        &["content.ignore", "generated_at"],
    );
    check(
        &with("[source]\nkind = \"stdin\"\n[content]\nignore = [\"/a\"]\ncontent_type = \"text/html\""),
        &["content.ignore", "text/html"],
    );
    check(
        &with("[source]\nkind = \"stdin\"\n[redis]\npassword = \"geheim\"\npassword_file = \"x\""),
        &["redis.password", "redis.password_file"],
    );
}

#[test]
fn variables_are_filled_in_or_refused() {
    let ext = lonely().unset("service").set("service.name", "hwinfo").set("service.title", "Hardware in ${SITE}");
    ext.verb(&["check"]).expect(2).says(&["SITE", "hint"]);
    ext.env("SITE", "Warsaw").verb(&["check"]).expect(0);
}

#[test]
fn the_file_yields_to_the_environment_and_that_to_flags() {
    let redis = Redis::start();
    let ttl = |ext: &Ext| {
        redis.flush();
        ext.once_with(&crate::harness::records(1, 1)).expect(0);
        redis.cmd::<i64>(&["PTTL", "ralphext:v1:hwinfo:1"])
    };
    let ext = Ext::new(&redis).set("content.ttl", "10m");
    assert!((500_000..=600_000).contains(&ttl(&ext)));
    let ext = ext.env("RALPHEXT__CONTENT__TTL", "20m");
    assert!((1_100_000..=1_200_000).contains(&ttl(&ext)));
    let ext = ext.flag("--set").flag("content.ttl=30m");
    assert!((1_700_000..=1_800_000).contains(&ttl(&ext)));
    let ext = ext.set("redis.url", Redis::nowhere()).flag("--redis-url").flag(&redis.url());
    assert!((1_700_000..=1_800_000).contains(&ttl(&ext)));
    ext.env("RALPHEXT__CONTENT__TLT", "20m").verb(&["check"]).expect(2).says(&["TLT"]);
}

#[test]
fn the_configuration_is_found_or_its_absence_explained() {
    let ext = lonely();
    let outcome = bare(&ext, &["-c", "none.toml", "check"]).expect(2);
    outcome.says(&["none.toml", "hint"]);
    let config = ext.config();
    bare(&ext, &["check"]).expect(0);
    fs::rename(&config, ext.path("elsewhere.toml")).expect("moved");
    let mut command = ext.bare(&["check"]);
    command.env("RALPHEXT_CONFIG", ext.path("elsewhere.toml"));
    Running::spawn(&mut command, None).finish(DEADLINE).expect(0);
}

#[test]
fn usage_errors_are_exit_2_and_help_tells_the_exit_codes() {
    let ext = lonely();
    bare(&ext, &["no-such-verb"]).expect(2);
    bare(&ext, &["once", "--no-such-flag"]).expect(2);
    let help = bare(&ext, &["--help"]).expect(0);
    for verb in
        ["run", "once", "check", "test", "status", "plan", "get", "ls", "explain", "schema", "completions", "demo"]
    {
        assert!(help.stdout.contains(verb), "--help does not name {verb}: {help}");
        bare(&ext, &[verb, "--help"]).expect(0);
    }
    for code in 0..=5 {
        assert!(help.stdout.contains(&code.to_string()), "--help does not tell of exit code {code}: {help}");
    }
    bare(&ext, &["--version"]).expect(0);
}

#[test]
fn schema_prints_what_is_committed() {
    let ext = lonely();
    for name in ["envelope.v1", "record.v1", "service.v1", "card.v1", "config", "push.v1", "push"] {
        let file = if name.starts_with("push") { "push.v1.openapi".to_owned() } else { format!("{name}.schema") };
        let committed = fs::read_to_string(repository().join(format!("schemas/{file}.json"))).expect("a schema");
        let printed = bare(&ext, &["schema", name]).expect(0);
        assert_eq!(printed.stdout.trim_end(), committed.trim_end(), "{name}: run `make generate`");
    }
    bare(&ext, &["schema", "envelop"]).expect(2).says(&["envelope"]);
}

#[test]
fn completions_for_the_usual_shells() {
    let ext = lonely();
    for shell in ["bash", "zsh", "fish"] {
        let outcome = bare(&ext, &["completions", shell]).expect(0);
        assert!(outcome.stdout.contains("ralphext") && outcome.stdout.contains("explain"), "{shell}: {outcome}");
    }
}

#[test]
fn the_committed_configurations_are_good() {
    let schema = crate::harness::Schema::load("config");
    let examples: Value = serde_json::from_str(&crate::harness::Schema::text("config")).expect("JSON");
    for example in examples["examples"].as_array().expect("examples") {
        schema.check("an example", example);
    }
    assert!(!schema.allows(&json!({"service": "hwinfo", "sourc": {}})), "unknown keys are refused by the schema too");
    let ext = lonely();
    let mut seen = 0;
    for entry in fs::read_dir(repository().join("examples")).expect("examples") {
        let config = entry.expect("an entry").path().join("ralphext.toml");
        if config.exists() {
            seen += 1;
            bare(&ext, &["-c", &config.display().to_string(), "check"]).expect(0);
        }
    }
    assert!(seen > 0);
}

#[test]
fn a_schedule_has_to_leave_room_for_a_run_that_fails() {
    let ext = lonely().set("content.ttl", "1h");
    for schedule in ["*/30 * * * *", "@every 30m"] {
        ext.verb(&["check", "--schedule", schedule]).expect(0);
    }
    let outcome = ext.verb(&["check", "--schedule", "0 * * * *"]).expect(2);
    outcome.says(&["hwinfo", "content.ttl = 1h", "\"0 * * * *\"", "hint: set content.ttl to 2h"]);
    // Once an hour, but not at night.
    ext.verb(&["check", "--schedule", "*/5 6-20 * * *"]).expect(2).says(&["9h 5m", "18h 10m"]);
    ext.verb(&["check", "--schedule", "often"]).expect(2).says(&["often", "1 fields, not five", "hint:"]);
    let ext = lonely().script("stream", "cat").unset("source.path");
    ext.verb(&["check"]).expect(0);
    ext.verb(&["check", "--schedule", "@hourly"]).expect(2).says(&["stream", "has no end"]);
}

#[test]
fn the_program_installs_itself_where_it_is_told() {
    let ext = lonely();
    ext.write("bin/.keep", "");
    for to in ["bin", "bin/other"] {
        let put = bare(&ext, &["install", to]).expect(0).stdout;
        let told = Command::new(ext.path(put.trim())).arg("--version").output().expect("it is executable");
        assert!(told.stdout.starts_with(b"ralphext "), "{told:?}");
    }
    // Over one that runs, too: a container that is started again.
    bare(&ext, &["install", "bin"]).expect(0);
    bare(&ext, &["install", "nowhere/at/all"]).expect(2).says(&["nowhere/at/all", "hint:"]);
    let left: Vec<_> =
        fs::read_dir(ext.path("bin")).expect("a directory").map(|e| e.expect("it").file_name()).collect();
    assert_eq!(left.len(), 3, "nothing half is left: {left:?}");
}
