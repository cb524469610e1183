//! Bad configurations and what is said about them.

use super::{SMALLEST, World, load, toml};

#[test]
fn errors_in_environment_and_flags_name_them() {
    let world = toml(SMALLEST)
        .env("RALPHEXT__REDIS__TIMEOOUT", "3s")
        .env("RALPHEXT__REDIS__TIMEOUT", "3")
        .set("redis.batch_commands", "many")
        .set("content.ignore", "[/a]");
    assert_eq!(
        world.error(),
        "4 problems in the configuration\n\
         environment variable RALPHEXT__REDIS__TIMEOOUT: redis.timeoout = \"3s\": there is no such key; the nearest is redis.timeout\n\
         hint: rename it to timeout\n\
         environment variable RALPHEXT__REDIS__TIMEOUT: redis.timeout = \"3\": it is no duration: it has no unit\n\
         hint: write \"3s\" for seconds\n\
         command line: content.ignore = \"[/a]\": it begins like JSON, but is none: expected value at line 1 column 2\n\
         hint: write JSON such as [\"a\", \"b\"], or a, b\n\
         command line: redis.batch_commands = \"many\": a whole number from 1 to 5000 is needed\n\
         hint: write batch_commands = 1 or more"
    );
}

#[test]
fn all_problems_of_a_file_are_told_at_once() {
    let text = r#"service = "hwinfo"
ttl = "1h"

[redis]
url = "http://user:s3cret@h"
pasword = "s3cret"
batch_commands = "many"

[source]
kind = "exce"
command = "./facts.sh"
intervall = "60s"

[content]
ttl = 60
max_stale = "3 weeks ago"

[limits]
max_shrink = 0.2
max_content = "1TiB"

[logging]
level = "debug"
"#;
    assert_eq!(
        toml(text).error(),
        r#"12 problems in the configuration
f.toml:2: ttl = "1h": there is no such key; the nearest is content.ttl
hint: write it as ttl in [content]
f.toml:5: redis.url = "http://user:***@h": it is no Redis address: the scheme "http" is not known
hint: write redis:// (or rediss:// for TLS)
f.toml:6: redis.pasword = ***: there is no such key; the nearest is redis.password
hint: rename it to password
f.toml:7: redis.batch_commands = "many": a whole number from 1 to 5000 is needed
hint: write batch_commands = 1 or more
f.toml:10: source.kind = "exce": it is none of file, exec, stream, push, stdin, events, http, sql; the nearest is "exec"
hint: write kind = "exec"
f.toml:11: source.command = "./facts.sh": a list of texts is needed
hint: write command = ["./facts.sh"]
f.toml:12: source.intervall = "60s": there is no such key; the nearest is source.interval
hint: rename it to interval
f.toml:15: content.ttl = 60: it is no duration: it has no unit
hint: write "60s" for seconds
f.toml:16: content.max_stale = "3 weeks ago": it is no duration: it is not made of numbers with units
hint: write such as "90s", "1h 30m" or "500ms"
f.toml:19: limits.max_shrink = 0.2: it is no share: it has no % sign
hint: write "20%" or "0.2%"
f.toml:20: limits.max_content = "1TiB": it is no size: its unit is not known
hint: write such as "256KiB", "1MiB" or "1MB"; a plain number is bytes
f.toml:22: logging = a table: there is no such key; the nearest is log (it is called log)
hint: rename it to log"#
    );
}

#[test]
fn yaml_and_json_problems_have_lines_too() {
    let yaml = "service: hwinfo\nsource:\n  kind: stdin\n  interval: 60\n  owner: 5\nredis:\n  username: 123\n";
    assert_eq!(
        World::new(&[("f.yaml", yaml)]).error(),
        "3 problems in the configuration\n\
         f.yaml:4: source.interval = 60: it is no duration: it has no unit\n\
         hint: write \"60s\" for seconds\n\
         f.yaml:5: source.owner = 5: there is no such key; the nearest is service.owner (it stands in another table)\n\
         hint: write it as owner in [service]\n\
         f.yaml:7: redis.username = 123: a text is needed\n\
         hint: put it in quotes: username = \"...\""
    );
    let json = "{\n\"service\": \"hwinfo\",\n\"source\": {\"kind\": \"stdin\",\n\"complete\": \"yes\"}}";
    assert_eq!(
        World::new(&[("f.json", json)]).error(),
        "f.json:4: source.complete = \"yes\": true or false is needed\nhint: write complete = true"
    );
}

#[test]
fn what_is_required() {
    assert_eq!(
        toml("[redis]\n").error(),
        "2 problems in the configuration\n\
         f.toml: service: the service's name is missing\n\
         hint: write service = \"hwinfo\" at the top\n\
         f.toml: source.kind: the kind of source is missing\n\
         hint: write kind = \"exec\" (or \"file\", \"stream\", \"stdin\") in [source]"
    );
    assert_eq!(
        toml("[service]\ntitle = \"x\"\n[source]\nkind = \"stdin\"").error(),
        "f.toml:1: service.name: the service's name is missing\nhint: write service = \"hwinfo\" at the top"
    );
    let error = toml("service = \"HW info\"\nsource.kind = \"stdin\"").error();
    assert_eq!(
        error,
        "f.toml:1: service.name = \"HW info\": it is no service name: it must not begin with 'H'\n\
         hint: write lower-case letters, digits and -, at most 63, beginning with a letter"
    );
}

#[test]
fn variables_in_values() {
    let text = "service = \"${NAME}\"\n[redis]\nurl = \"redis://:${PASSWORD}@h\"\nbatch_commands = \"${BATCH}\"\n\
                [source]\nkind = \"exec\"\ncommand = [\"./a\", \"$${NOT}\", \"${DIR:-x}/y\"]\nenv = { A = \"${NAME}!\" }\n";
    let world = toml(text).env("NAME", "hwinfo").env("PASSWORD", "s3cret").env("BATCH", "7");
    let settings = world.one();
    assert_eq!(settings.name().as_str(), "hwinfo");
    assert_eq!(settings.redis.url.expose(), "redis://:s3cret@h");
    assert_eq!(settings.redis.batch_commands, 7);
    assert_eq!(settings.source.command[1..], ["${NOT}", "x/y"]);
    assert_eq!(settings.source.env["A"], "hwinfo!");

    let world = toml(text).env("NAME", "hwinfo").env("BATCH", "none").env("RALPHEXT__SOURCE__ENV__A", "b");
    assert_eq!(
        world.error(),
        "2 problems in the configuration\n\
         f.toml:3: redis.url = \"redis://:***@h\": the environment variable PASSWORD is not set\n\
         hint: set PASSWORD, or write ${PASSWORD:-default}, or $${PASSWORD} for the text itself\n\
         f.toml:4: redis.batch_commands = \"${BATCH}\": a whole number from 1 to 5000 is needed\n\
         hint: write batch_commands = 1 or more"
    );
    let world = toml("service = \"a\"\nsource.kind = \"stdin\"\n[redis]\nusername = \"${\"\npassword = \"${}s3cret\"");
    assert_eq!(
        world.error(),
        "2 problems in the configuration\n\
         f.toml:4: redis.username = \"${\": what follows ${ in it is no variable's name and }\n\
         hint: write ${NAME} or ${NAME:-default}, or $${ for the text itself\n\
         f.toml:5: redis.password = ***: what follows ${ in it is no variable's name and }\n\
         hint: write ${NAME} or ${NAME:-default}, or $${ for the text itself"
    );
}

#[test]
fn problems_of_a_directory() {
    let error = World::new(&[
        ("a.toml", "service = \"a\"\nsource.kind = \"stdin\"\n"),
        ("b.toml", "source.kind = \"stdin\"\nservice = \"a\"\n"),
        ("c.toml", "service = \"c\"\nsource.kind = \"stdin\"\n[log]\nlevel = \"debug\"\n"),
    ])
    .error();
    let (duplicate, log) = error.split_once("c.toml:3").expect("two problems");
    assert!(
        duplicate.starts_with("2 problems in the configuration\nb.toml:2: service = \"a\": another service has the")
    );
    assert!(duplicate.contains("same name: a.toml:1\nhint: give each service a name of its own"), "{error}");
    assert!(log.starts_with(": log = a table: it differs between the services a and c of one process\n"), "{error}");

    let error = World::new(&[
        ("00.toml", "[source]\ninterval = \"5s\"\n[redis]\ntimeout = 5\n"),
        ("a.toml", "service = \"a\"\nsource.kind = \"stdin\"\n"),
        ("b.toml", "service = \"b\"\nsource.kind = \"stdin\"\n"),
        ("c.toml", "service = \n"),
    ])
    .error();
    assert_eq!(error.matches("hint: ").count(), 3, "a shared problem is told once:\n{error}");
    assert!(error.contains("00.toml:1: source = a table: a file without service holds what services share"), "{error}");

    let error = World::new(&[("a.toml", "[redis]\n"), ("b.toml", "[log]\n")]).error();
    assert!(error.starts_with("a.toml: no file of the configuration names a service\nhint: "), "{error}");
    let world = World::new(&[]);
    let error = load(&world.request).expect_err("an empty directory").to_string();
    assert!(error.contains(": the directory holds no configuration file\nhint: put files ending in .toml"), "{error}");
}

/// A file that is good but for `lines` in `table`, and the message about it.
fn refused(lines: &str) -> String {
    let text = if lines.contains("[source]") { String::new() } else { "[source]\nkind = \"stdin\"\n".to_owned() };
    toml(&format!("service = \"a\"\n{text}{lines}\n")).error()
}

/// What stands in the file, and how the message begins.
const IMPOSSIBLE: &[(&str, &str)] = &[
    (
        "[source]\nkind = \"exec\"",
        "f.toml:3: source.command: kind exec needs a command\nhint: write command = [\"./facts.sh\"] in [source]",
    ),
    (
        "[source]\nkind = \"stream\"\ncommand = []",
        "f.toml:4: source.command = []: kind stream needs a command\nhint: write command",
    ),
    (
        "[source]\nkind = \"file\"",
        "f.toml:3: source.path: kind file needs a path\nhint: write path = \"...\" in [source]",
    ),
    (
        "[source]\nkind = \"stdin\"\npath = \"x\"",
        "f.toml:4: source.path = \"x\": kind stdin has no use for it\nhint: remove it, or choose",
    ),
    (
        "[source]\nkind = \"file\"\npath = \"x\"\ncommand = [\"x\"]",
        "f.toml:5: source.command = [\"x\"]: kind file has no use for it\n",
    ),
    (
        "[source]\nkind = \"file\"\npath = \"x\"\ncomplete = true",
        "f.toml:5: source.complete = true: kind file has no use for it\n",
    ),
    (
        "[source]\nkind = \"stdin\"\nbackoff_min = \"2m\"",
        "f.toml:4: source.backoff_min = \"2m\": it is more than source.backoff_max (1m)\n",
    ),
    (
        "[source]\nkind = \"file\"\npath = \"x\"\ninterval = \"1000h\"",
        "f.toml:5: content.max_stale = \"72h\" (the default): it is less than source.interval (1000h), so content would expire\n",
    ),
    ("[content]\nttl = \"999ms\"", "f.toml:5: content.ttl = \"999ms\": it is less than 1s\nhint: write \"1s\" or more"),
    (
        "[content]\nttl = \"1h\"\n[verify]\nevery = \"1h\"",
        "f.toml:7: verify.every = \"1h\": it is not less than content.ttl (1h), so keys would expire before they are renewed\nhint: leave it out, or write half",
    ),
    ("[verify]\nevery = \"48h\"", "f.toml:5: verify.every = \"48h\": it is not less than content.ttl (24h)"),
    (
        "[content]\nignore = [\"generated_at\"]",
        "f.toml:5: content.ignore = [\"generated_at\"]: the pointer \"generated_at\" does not begin with /\nhint: write an RFC 6901 pointer",
    ),
    (
        "[content]\nignore = [\"/a~2\"]",
        "f.toml:5: content.ignore = [\"/a~2\"]: in the pointer \"/a~2\" a ~ stands alone\nhint: write ~0 for ~",
    ),
    ("[content]\nignore = [\"\"]", "f.toml:5: content.ignore = [\"\"]: \"\" is the whole content"),
    (
        "[content]\nignore = [\"/a\"]\ncontent_type = \"html\"",
        "f.toml:5: content.ignore = [\"/a\"]: parts of content can only be ignored in JSON, and content.content_type is \"html\"\nhint: remove one of the two",
    ),
    (
        "[content]\ncontent_type = \"pdf\"",
        "f.toml:5: content.content_type = \"pdf\": it is no content type\nhint: write type/subtype",
    ),
    (
        "[redis]\nprefix = \"a:b\"",
        "f.toml:5: redis.prefix = \"a:b\": it cannot be the first part of a key\nhint: write letters",
    ),
    ("[redis]\nprefix = \"a*\"", "f.toml:5: redis.prefix = \"a*\": it cannot"),
    ("[redis]\nprefix = \"\"", "f.toml:5: redis.prefix = \"\": it cannot"),
    (
        "[redis]\npassword = \"s3cret\"\npassword_file = \"x\"",
        "f.toml:6: redis.password_file = \"x\": redis.password is given too\nhint: give the password in one place",
    ),
    (
        "[redis]\npassword = \"s3cret\"\nurl = \"redis://:s3cret@h\"",
        "f.toml:5: redis.password = ***: a password stands in redis.url too\n",
    ),
    (
        "[redis]\nmax_in_flight = \"1KiB\"",
        "f.toml:5: redis.max_in_flight = \"1KiB\": it is less than redis.batch_bytes (1MiB)\n",
    ),
    ("[redis]\nbatch_commands = 0", "f.toml:5: redis.batch_commands = 0: a whole number from 1 to 5000 is needed\n"),
    ("[redis]\ntimeout = \"0s\"", "f.toml:5: redis.timeout = \"0s\": it is less than 10ms\n"),
    ("[writer]\nlease = \"100ms\"", "f.toml:5: writer.lease = \"100ms\": it is less than 1s\n"),
    ("[writer]\nheartbeat = \"1ms\"", "f.toml:5: writer.heartbeat = \"1ms\": it is less than 100ms\n"),
    (
        "[limits]\nmax_content = \"1GiB\"",
        "f.toml:5: limits.max_content = \"1GiB\": it has to be from 1 byte to 256MiB\n",
    ),
    (
        "[limits]\nmax_total = \"1KiB\"",
        "f.toml:5: limits.max_total = \"1KiB\": it is less than limits.max_content (256KiB)\nhint: write \"512MiB\"",
    ),
    ("[recovery]\nmax_rate = 0", "f.toml:5: recovery.max_rate = 0: a whole number from 1"),
    ("[events]\nmax_len = 99", "f.toml:5: events.max_len = 99: "),
    ("[events]\nkind = \"list\"", "f.toml:5: events.kind = \"list\": "),
    ("[events]\nstream = \"s\"", "f.toml:5: events.stream"),
    (
        "[source]\nkind = \"exec\"\ncommand = [\"x\"]\nexpect_every = \"5m\"",
        "f.toml:5: source.expect_every = \"5m\": kind exec has no use for it\n",
    ),
    (
        "[limits]\nmax_failed = \"101%\"",
        "f.toml:5: limits.max_failed = \"101%\": it is no share: it is not between 0% and 100%\nhint: write 0% to 100%",
    ),
    (
        "[log]\nlevel = \"infos\"",
        "f.toml:5: log.level = \"infos\": \"infos\" is none of off, error, warn, info, debug, trace; the nearest is \"info\"\n",
    ),
    ("[service2]", "f.toml:4: service2 = a table: there is no such key; the nearest is service\n"),
];

#[test]
fn impossible_values_and_combinations() {
    for (lines, message) in IMPOSSIBLE {
        let error = refused(lines);
        assert!(error.starts_with(message), "{lines}\ngives\n{error}\nnot\n{message}");
        assert_eq!(error.matches("hint: ").count(), 1, "one problem, not more:\n{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn nothing_follows_from_a_value_that_was_refused() {
    let error = refused("[content]\nttl = \"60\"\n[verify]\nevery = \"90h\"");
    assert_eq!(
        error,
        "f.toml:5: content.ttl = \"60\": it is no duration: it has no unit\nhint: write \"60s\" for seconds"
    );
}
