//! `top`, and Redis targets that a user has names for.

use std::process::Command;

use serde_json::Value;

use crate::harness::{DEADLINE, Ext, PASSWORD, Redis, Running, binary, eventually, records, user_of};

#[test]
fn top_shows_all_services_once_the_worst_first() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--with", "peers"]);
    let ext = Ext::brisk(&redis);
    ext.source(&records(12, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    Ext::of(&redis, "tickets").once_with(&records(3, 1)).expect(0);
    let shown = ext.verb(&["top"]).expect(0).stdout;
    for words in ["2 services, 2 well, 15 objects, 0 failed", "hwinfo", "tickets", "WRITES/S"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}') && shown.lines().count() == 4, "once, and nothing for a terminal:\n{shown}");

    let top = |words: &[&str]| {
        let told = ext.verb(&[&["-o", "json", "top"], words].concat()).expect(0).stdout;
        told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    let first = &top(&[])[0][0];
    assert_eq!((&first["service"], &first["state"], &first["objects"]), (&"hwinfo".into(), &"ok".into(), &12.into()));
    assert!(first["written_per_second"].is_null(), "nothing was seen to happen yet");
    assert!(first["age_seconds"].as_f64().is_some_and(|age| age < 30.0), "{first}");

    // What happens while somebody looks is counted.
    let watching = Running::spawn(&mut ext.command(&["-o", "json", "top", "--every", "200ms", "--count", "40"]), None);
    for rev in 2..=6 {
        ext.source(&records(12, rev));
        sidecar.wait_until("it changed", || redis.object("hwinfo", "1").content()["revision"] == rev);
    }
    let told = watching.finish(DEADLINE).expect(0).stdout;
    let last: Value = serde_json::from_str(told.lines().last().expect("a line")).expect("JSON");
    assert!(last[0]["written_per_second"].as_f64().is_some_and(|rate| rate > 1.0), "{last}");

    sidecar.kill();
    eventually("a dead one comes first", || {
        let rows = &top(&[])[0];
        rows[0]["state"] == "dead" && rows[0]["service"] == "hwinfo"
    });
}

#[test]
fn top_draws_over_itself_on_a_terminal() {
    let redis = Redis::start();
    let ext = Ext::at(&redis.url());
    ext.once_with(&records(3, 1)).expect(0);
    // Whatever runs in it has a terminal.
    let script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(binary()).args([
        "--redis-url",
        &redis.url(),
        "top",
        "--count",
        "3",
        "--every",
        "100ms",
    ]);
    let output = command.env("TERM", "xterm").output().expect("python3");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(shown.matches("\u{1b}[H\u{1b}[2J").count(), 3, "{shown:?}");
    assert_eq!(shown.matches("hwinfo").count(), 3, "{shown:?}");
}

#[test]
fn a_redis_goes_by_the_name_that_its_user_gave_it() {
    let (near, far) = (Redis::start(), Redis::start());
    let ext = Ext::new(&near);
    ext.once_with(&records(3, 1)).expect(0);
    Ext::new(&far).once_with(&records(5, 1)).expect(0);
    ext.write("far.password", PASSWORD);
    ext.write(
        "own/ralphext/contexts.toml",
        &format!(
            "[contexts.near.redis]\nurl = {:?}\n\n[contexts.far.redis]\nurl = {:?}\nusername = {:?}\npassword_file = \"../../far.password\"\n",
            near.url(),
            far.url(),
            user_of("hwinfo")
        ),
    );
    let own = ext.path("own").display().to_string();
    let with = |words: &[&str]| {
        let mut command = ext.bare(words);
        command.env("XDG_CONFIG_HOME", &own);
        Running::spawn(&mut command, None).finish(DEADLINE)
    };
    let count =
        |name: &str| with(&["--context", name, "-o", "json", "ls", "hwinfo"]).expect(0).json().as_array().map(Vec::len);
    assert_eq!((count("near"), count("far")), (Some(3), Some(5)));
    with(&["--context", "far", "get", "hwinfo", "5"]).expect(0);
    with(&["--context", "far", "doctor"]).expect(0);
    with(&["--context", "away", "ls"])
        .expect(2)
        .says(&["there is no context \"away\": it has far, near", "contexts.toml"]);
    with(&["--context", "near", "-c", "x.toml", "ls"]).expect(2).says(&["--context"]);
    let mut elsewhere = ext.bare(&["--context", "x", "ls"]);
    elsewhere.env("RALPHEXT_CONTEXTS", ext.path("mine.toml"));
    ext.write("mine.toml", &format!("[contexts.x.redis]\nurl = {:?}\nurll = \"\"\n", near.url()));
    Running::spawn(&mut elsewhere, None).finish(DEADLINE).expect(2).says(&["mine.toml:3", "urll"]);
    let mut none = ext.bare(&["--context", "x", "ls"]);
    none.env("RALPHEXT_CONTEXTS", ext.path("nothing.toml"));
    Running::spawn(&mut none, None).finish(DEADLINE).expect(2).says(&["there is no file of contexts", "hint"]);
}
