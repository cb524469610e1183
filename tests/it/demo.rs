//! `ralphext demo`: shows what it says and leaves nothing behind. It must not repeat what the demo checks by itself.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::harness::{DEADLINE, Running, binary, eventually, signal};

/// Directories of demos that are there now.
fn left_behind(tmp: &Path) -> BTreeSet<String> {
    let names =
        fs::read_dir(tmp).expect("a temporary directory").filter_map(|e| e.ok()?.file_name().into_string().ok());
    names.filter(|name| name.starts_with("ralphext-demo")).collect()
}

#[test]
fn it_shows_everything_and_ends_by_itself() {
    let tmp = tempfile::tempdir().expect("a directory for the demo");
    let mut command = Command::new(binary());
    command.arg("demo").env("TMPDIR", tmp.path());
    let outcome = Running::spawn(&mut command, None).finish(DEADLINE).expect(0);
    for words in [
        "ralphext:v1:hwinfo:4711",
        "0 written, 402 skipped",
        "1 written, 401 skipped",
        "ralphext:v1:inventory:1002 is gone",
        "> max_shrink 20 %",
        "Shown and checked",
    ] {
        assert!(outcome.stdout.contains(words), "{words} is missing: {outcome}");
    }
    assert!(!outcome.stdout.contains('\u{1b}'), "no colour where there is no terminal");
    assert_eq!(left_behind(tmp.path()), BTreeSet::new());
}

#[test]
fn kept_running_it_ends_when_told_and_cleans_up() {
    let tmp = tempfile::tempdir().expect("a directory for the demo");
    let mut command = Command::new(binary());
    command.args(["demo", "--keep"]).env("TMPDIR", tmp.path());
    let running = Running::spawn(&mut command, None);
    // Its last act: a shrink is refused, then the whole file is read again.
    let log = || {
        let dir = left_behind(tmp.path()).into_iter().next()?;
        fs::read_to_string(tmp.path().join(dir).join("sidecar.log")).ok()
    };
    eventually("the last act is over", || {
        log().is_some_and(|log| log.split("refused to delete").nth(1).is_some_and(|rest| rest.contains("objects=402")))
    });
    assert_eq!(left_behind(tmp.path()).len(), 1, "it should still be running");
    // It answers within its own patience, also when it is told in the middle of a line.
    std::thread::sleep(std::time::Duration::from_millis(300));
    signal(running.pid(), "INT");
    let outcome = running.finish(DEADLINE).expect(0);
    assert!(outcome.stdout.contains("Left running."), "{outcome}");
    assert_eq!(left_behind(tmp.path()), BTreeSet::new());
}
