//! Several inputs: each judged as a source is, in its own words.

use super::*;

const GOOD: &str = "service = \"a\"\n[source]\nspool = \"spool\"\n\
    [source.inputs.facts]\nkind = \"exec\"\ncommand = [\"./facts.sh\"]\nenv = { A = \"b\" }\n\
    [source.inputs.status]\nkind = \"push\"\nlisten = \"unix:push.sock\"\n";

#[test]
fn inputs_are_read_and_their_paths_are_those_of_the_file() {
    let world = toml(GOOD).env("RALPHEXT__SOURCE__INPUTS__FACTS__INTERVAL", "5s");
    let settings = world.one();
    let at = |name: &str| world.path().join(name).display().to_string();
    let inputs = &settings.source.inputs;
    assert_eq!(inputs["facts"].command, [at("facts.sh")]);
    assert_eq!((inputs["facts"].interval, inputs["facts"].env["A"].as_str()), (HumanDuration::from_secs(5), "b"));
    assert_eq!(inputs["status"].listen, Some(format!("unix:{}", at("push.sock"))));
    assert_eq!(settings.source.spool, Some(world.path().join("spool")));
    let facts = settings.for_input("facts").expect("it is there");
    assert_eq!((facts.source.kind, facts.content.content_type.as_deref()), (SourceKind::Exec, Some("json")));
    assert!(settings.for_input("none").is_none() && settings.source.tells_changes());
}

#[test]
fn an_input_is_refused_in_the_words_of_a_source() {
    for (keys, line) in [
        (
            "kind = \"exec\"\n",
            "source.inputs.x.command: kind exec needs a command\nhint: write command = [\"./facts.sh\"] in [source.inputs.x]",
        ),
        (
            "kind = \"sql\"\n[source.inputs.x.sql]\nurl = \"sqlite:a.db\"\n",
            "source.inputs.x.sql.query: kind sql needs the query",
        ),
        (
            "kind = \"file\"\npath = \"a\"\nlisten = \"unix:a\"\n",
            "kind file has no use for it\nhint: remove it, or choose another source.inputs.x.kind than \"file\"",
        ),
        (
            "kind = \"file\"\npath = \"a\"\ninterval = \"1ms\"\n",
            "source.inputs.x.interval = \"1ms\": it is less than 10ms",
        ),
        (
            "kind = \"file\"\npath = \"a\"\nintervall = \"1s\"\n",
            "source.inputs.x.intervall = \"1s\": there is no such key; the nearest is source.inputs.x.interval\nhint: rename it to interval",
        ),
        (
            "kind = \"file\"\npath = \"a\"\nspool = \"s\"\n",
            "source.inputs.x.spool = \"s\": an input has none of its own",
        ),
        ("kind = \"stdin\"\n", "source.inputs.x.kind = \"stdin\": standard input is for a service with one source"),
        ("kind = \"exce\"\n", "source.inputs.x.kind = \"exce\": it is none of file, exec,"),
        (
            "path = \"a\"\n",
            "source.inputs.x.kind: the kind of input is missing\nhint: write kind = \"exec\" (or \"file\", \"stream\", \"stdin\") in [source.inputs.x]",
        ),
        (
            "kind = \"file\"\npath = \"a\"\nabsent = \"empty\"\n",
            "source.inputs.x.absent = \"empty\": without an inventory",
        ),
        (
            "kind = \"push\"\n",
            "source.inputs.x.kind = \"push\": status is pushed too, and requests do not say which one they are for",
        ),
        (
            "kind = \"file\"\npath = \"a\"\n[source.inputs.x.inputs.y]\nkind = \"file\"\n",
            "source.inputs.x.inputs = a table: there is no such key",
        ),
    ] {
        let error = toml(&format!("{GOOD}[source.inputs.x]\n{keys}")).error();
        assert!(error.contains(line), "{keys} gives\n{error}");
        assert!(!error.contains("problems"), "{keys} gives\n{error}");
    }
}

#[test]
fn what_a_single_source_has_is_refused_beside_inputs() {
    for (from, to, line) in [
        ("spool = \"spool\"\n", "", "source.spool: what each of several inputs said last is kept there"),
        (
            "[source]\n",
            "[source]\nkind = \"file\"\n",
            "source.kind = \"file\": there are inputs, and each has its own\nhint: write kind in the table of an input",
        ),
        ("[source]\n", "[source]\ninterval = \"5s\"\n", "source.interval = \"5s\": there are inputs"),
        ("inputs.facts]", "inputs.Facts]", "source.inputs.Facts = a table: that is no name for an input"),
        (
            "service = \"a\"\n",
            "service = \"a\"\ncontent.content_type = \"card\"\n",
            "content.content_type = \"card\": the content of several inputs is a JSON object",
        ),
    ] {
        let error = toml(&GOOD.replace(from, to)).error();
        assert!(error.contains(line) && !error.contains("problems"), "{to} gives\n{error}");
    }
    let many: String = (0..17).map(|n| format!("[source.inputs.n{n}]\nkind = \"file\"\npath = \"a\"\n")).collect();
    let error = toml(&format!("service = \"a\"\n[source]\nspool = \"s\"\n{many}")).error();
    assert!(error.contains("source.inputs = a table: there are 17 of them, more than 16"), "{error}");
}

#[test]
fn what_loads_with_inputs_fits_the_schema() {
    let validator = jsonschema::validator_for(&crate::settings::config_schema()).expect("a schema");
    let mut report = Report::default();
    let good = formats::parse(&Arc::from(Path::new("f.toml")), GOOD, &mut report).expect("a tree").to_value();
    assert!(validator.is_valid(&good), "{good}");
    for (from, to) in [("facts", "Facts"), ("command", "comand"), ("exec", "exce")] {
        let bad: serde_json::Value = serde_json::from_str(&good.to_string().replace(from, to)).expect("JSON");
        assert!(!validator.is_valid(&bad), "{bad}");
    }
}
