//! `ralphext demo`: shows what it says and leaves nothing behind. It must not repeat what the demo checks by itself.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::harness::{DEADLINE, Running, binary, eventually, signal};

/// The demo in a temporary directory of its own.
fn demo(flags: &[&str]) -> (TempDir, Command) {
    let tmp = tempfile::Builder::new().prefix("demo-").tempdir_in("/tmp").expect("a directory for the demo");
    let mut command = Command::new(binary());
    // Settings of somebody's own sidecar have nothing to say in the demo.
    command.arg("demo").args(flags).current_dir(tmp.path()).env("TMPDIR", tmp.path());
    command.env("RALPHEXT__REDIS__PASSWORD", "s3cret").env("RALPHEXT_CONFIG", "/nowhere");
    (tmp, command)
}

/// What the demo made.
fn left_behind(tmp: &Path) -> Vec<PathBuf> {
    fs::read_dir(tmp).expect("the directory").map(|entry| entry.expect("an entry").path()).collect()
}

/// Processes that name a path below `tmp` in their command line or work there.
fn processes(tmp: &Path) -> Vec<String> {
    let tmp = tmp.display().to_string();
    let all = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok).map(|entry| entry.path());
    let words = |path: &PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        let dir = fs::read_link(path.join("cwd")).unwrap_or_default();
        format!("{} in {}", String::from_utf8_lossy(&line).replace('\0', " "), dir.display())
    };
    all.filter(|path| path.join("cmdline").is_file()).map(|path| words(&path)).filter(|w| w.contains(&tmp)).collect()
}

#[track_caller]
fn assert_clean(tmp: &Path) {
    assert_eq!(left_behind(tmp), Vec::<PathBuf>::new());
    assert_eq!(processes(tmp), Vec::<String>::new());
}

/// Starts it and waits until its sidecar has said `word`.
fn started(flags: &[&str], word: &str) -> (TempDir, Running, PathBuf) {
    let (tmp, mut command) = demo(flags);
    let mut running = Running::spawn(&mut command, None);
    let mut dir = PathBuf::new();
    running.wait_until(&format!("the sidecar says {word:?}"), || {
        dir = left_behind(tmp.path()).pop().unwrap_or_default();
        fs::read_to_string(dir.join("sidecar.log")).is_ok_and(|log| log.contains(word))
    });
    (tmp, running, dir)
}

#[test]
fn it_shows_everything_and_ends_by_itself() {
    let (tmp, mut command) = demo(&[]);
    let outcome = Running::spawn(&mut command, None).finish(DEADLINE).expect(0);
    let facts = [
        "$ ralphext ls",
        "ralphext:v1:hwinfo:4711",
        " objects had their key ",
        "$ GET ralphext:v1:hwinfo:4711",
        r#"{"schema":"envelope.v1","version":"#,
        "no `set` on any object's key since the first pass",
        "exactly 1 `set`; the other 401 values",
        "ralphext:v1:inventory:data_center.rack.9 was gone",
        "refused to delete 201 of 402 (50.0 % > max_shrink 20 %)",
        "All 402 keys are still there",
        "nothing had to be written",
        " keys were back after ",
        "Seen and checked in",
    ];
    let missing: Vec<_> = facts.iter().filter(|words| !outcome.stdout.contains(**words)).collect();
    assert!(missing.is_empty(), "not shown: {missing:?}: {outcome}");
    assert!(!outcome.stdout.contains('\u{1b}'), "no colour where there is no terminal");
    let tables = ["SERVICE ", "KEY ", "hwinfo ", "inventory ", "ralphext:"];
    let wide: Vec<&str> = outcome.stdout.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.iter().all(|line| tables.iter().any(|t| line.starts_with(t))), "too wide: {wide:#?}");
    assert!(outcome.stderr.is_empty(), "{outcome}");
    assert_clean(tmp.path());
}

#[test]
fn kept_running_it_ends_when_told_and_cleans_up() {
    for name in ["INT", "TERM"] {
        let (tmp, mut running, dir) = started(&["--keep"], "pass finished");
        let looks = |words: &[&str]| {
            let mut command = Command::new(binary());
            command.arg("-c").arg(dir.join("conf.d")).args(words).current_dir(tmp.path());
            Running::spawn(&mut command, None).finish(DEADLINE).code == 0
        };
        let passes = || {
            let log = fs::read_to_string(dir.join("sidecar.log")).unwrap_or_default();
            log.rsplit_once("flushed").map_or(0, |(_, last)| last.matches("pass finished").count())
        };
        running.wait_until("the last act is over", || passes() > 2);
        assert!(looks(&["status"]), "its configuration serves to look around");
        assert!(looks(&["get", "hwinfo", "4711"]));
        signal(running.pid(), name);
        // A second one must not keep it from cleaning up.
        signal(running.pid(), name);
        let outcome = running.finish(DEADLINE).expect(0);
        assert!(outcome.stdout.contains("Left running"), "{outcome}");
        assert_clean(tmp.path());
    }
}

#[test]
fn interrupted_in_the_middle_it_cleans_up() {
    let (tmp, running, dir) = started(&[], "service configured");
    assert!(UnixStream::connect(dir.join("redis.sock")).is_ok(), "the server runs");
    signal(running.pid(), "TERM");
    running.finish(DEADLINE).expect(1).says(&["interrupted"]);
    assert_clean(tmp.path());
}

#[test]
fn a_sidecar_that_dies_is_told() {
    let (tmp, running, dir) = started(&["--keep"], "pass finished");
    let sidecar = || {
        let all = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok).map(|entry| entry.path());
        let here = |path: &PathBuf| fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd == dir);
        let is_run = |path: &PathBuf| fs::read(path.join("cmdline")).is_ok_and(|line| line.ends_with(b"\0run\0"));
        let found = all.filter(here).find(is_run)?;
        found.file_name()?.to_str()?.parse::<u32>().ok()
    };
    eventually("the sidecar is found", || sidecar().is_some());
    signal(sidecar().expect("just found"), "KILL");
    running.finish(DEADLINE).expect(1).says(&["ralphext run ended by itself", "pass finished"]);
    // Who is killed stops no command; the one that ran just then ends by itself.
    eventually("its command has ended", || processes(tmp.path()).is_empty());
    assert_clean(tmp.path());
}

#[test]
fn without_a_server_it_says_what_to_do() {
    let (tmp, mut command) = demo(&[]);
    command.env("PATH", tmp.path());
    let outcome = Running::spawn(&mut command, None).finish(Duration::from_secs(10)).expect(1);
    outcome.says(&["neither redis-server nor valkey-server is in PATH", "hint: `make setup`"]);
    assert_clean(tmp.path());
}
