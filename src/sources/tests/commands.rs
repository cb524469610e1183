//! Real commands: what they print, how they end, and what they leave behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{
    super::{Options, Sink, build},
    Got, built, command, fetch, run, shell,
};
use crate::{
    model::{Ending, FaultKind},
    settings::{self, HumanDuration, Limits, Secret, SourceKind},
};

fn hasty(script: &str, millis: u64) -> settings::Source {
    settings::Source { timeout: Some(HumanDuration::from_millis(millis)), ..shell(script) }
}

/// Whether the process whose id stands in `file` ends soon.
async fn ends(file: &Path) -> bool {
    let pid = fs::read_to_string(file).expect("the script wrote its id");
    let stat = format!("/proc/{}/stat", pid.trim());
    for _ in 0..150 {
        match fs::read_to_string(&stat) {
            Ok(text) if !text.contains(") Z ") => sleep(Duration::from_millis(20)).await,
            _ => return true,
        }
    }
    false
}

async fn appears(file: &Path) {
    while !fs::read_to_string(file).is_ok_and(|text| text.ends_with('\n')) {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn exit_status_0_makes_it_complete() {
    let (got, result) = run(&shell(r#"printf '{"id":1}\r\n\n{"id":2}'; echo note >&2"#)).await;
    assert_eq!(got.texts(), [r#"{"id":1}"#, r#"{"id":2}"#]);
    assert_eq!(result.ok(), Some(Ending::Complete));
    let (got, result) = run(&shell(r#"printf '[{"id":1},\n{"id":2}]\n'"#)).await;
    assert_eq!((got.records.len(), result.ok()), (2, Some(Ending::Complete)));
}

#[tokio::test]
async fn another_end_is_an_error_even_after_records() {
    let (got, result) = run(&shell(r#"echo '{"id":1}'; printf '{"id":'; echo 'no route to db' >&2; exit 3"#)).await;
    assert_eq!(got.texts(), [r#"{"id":1}"#], "a half record does not count");
    let error = result.expect_err("it failed");
    assert_eq!(error.kind(), "exit");
    assert!(error.message().contains("exit status 3; its last words: no route to db"), "{error}");

    let error = run(&shell("kill -9 $$")).await.1.expect_err("it was killed");
    assert!(error.message().contains("signal 9 (SIGKILL)"), "{error}");
    let error = run(&shell("no-such-program")).await.1.expect_err("not found");
    assert!(error.hint().starts_with("127"), "{error}");
}

#[tokio::test]
async fn printing_nothing_is_an_error() {
    for silent in ["true", "echo; echo '  '"] {
        let error = run(&shell(silent)).await.1.expect_err("it said nothing");
        assert_eq!(error.kind(), "nothing");
        assert!(error.hint().contains(r#"{"end": true}"#), "{error}");
    }
    assert_eq!(run(&shell("echo '{\"end\": true}'")).await.1.ok(), Some(Ending::Complete));
}

#[tokio::test]
async fn a_command_that_hangs_is_stopped_with_its_children() {
    let dir = TempDir::new().expect("a directory");
    let pid = dir.path().join("pid");
    let script = format!("echo '{{\"id\":1}}'; echo waiting >&2; sleep 60 & echo $! > {}; wait", pid.display());
    let begun = Instant::now();
    let (got, result) = run(&hasty(&script, 400)).await;
    let error = result.expect_err("it hung");
    assert_eq!(error.kind(), "timed_out");
    assert!(error.message().contains("within 400ms; its last words: waiting"), "{error}");
    assert_eq!(got.records.len(), 1, "whole records count, as a delta");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(ends(&pid).await, "the child outlived it");
}

#[tokio::test]
async fn a_command_that_ignores_sigterm_is_killed() {
    let dir = TempDir::new().expect("a directory");
    let pid = dir.path().join("pid");
    let script = format!("trap '' TERM; echo $$ > {}; while :; do sleep 0.1; done", pid.display());
    let error = run(&hasty(&script, 300)).await.1.expect_err("it hung");
    assert_eq!(error.kind(), "timed_out");
    assert!(ends(&pid).await);
}

#[tokio::test]
async fn a_child_left_behind_that_holds_the_pipe_does_not_hang_the_fetch() {
    let dir = TempDir::new().expect("a directory");
    let pid = dir.path().join("pid");
    let script = format!("echo '{{\"id\":1}}'; sleep 60 & echo $! > {}", pid.display());
    let begun = Instant::now();
    let (got, result) = run(&shell(&script)).await;
    assert_eq!((got.records.len(), result.ok()), (1, Some(Ending::Complete)));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(ends(&pid).await, "the group is ended");
    // One that left the group cannot be ended, but does not hold up the fetch either.
    let begun = Instant::now();
    let (got, result) = run(&shell("echo '{\"id\":1}'; setsid sleep 6 &")).await;
    assert_eq!((got.records.len(), result.ok()), (1, Some(Ending::Complete)));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn cancelling_ends_the_whole_group() {
    let dir = TempDir::new().expect("a directory");
    let pid = dir.path().join("pid");
    let told = dir.path().join("told");
    let script = format!(
        "trap 'sleep 0.1; echo x > {}; exit' TERM; sleep 60 & echo $! > {}; while :; do sleep 0.05; done",
        told.display(),
        pid.display()
    );
    for kind in [SourceKind::Exec, SourceKind::Stream] {
        let _ = fs::remove_file(&pid);
        let _ = fs::remove_file(&told);
        let mut source = built(&command(kind, &["/bin/sh", "-c", &script]));
        let (sink, _rx) = Sink::channel(4);
        tokio::select! {
            result = source.fetch(&sink) => panic!("it ended by itself: {result:?}"),
            () = appears(&pid) => {}
        }
        source.close().await;
        assert!(told.exists(), "it was not given the time to clean up");
        assert!(ends(&pid).await, "{kind}: the child outlived it");
    }
}

#[test]
fn the_end_of_the_runtime_ends_the_group() {
    let dir = TempDir::new().expect("a directory");
    let pid = dir.path().join("pid");
    let script = format!("trap '' TERM; echo $$ > {}; while :; do sleep 0.1; done", pid.display());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut source = built(&command(SourceKind::Stream, &["/bin/sh", "-c", &script]));
        tokio::spawn(async move {
            let (sink, _rx) = Sink::channel(4);
            let _ = source.fetch(&sink).await;
        });
        appears(&pid).await;
    });
    drop(runtime);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    assert!(runtime.block_on(ends(&pid)));
}

#[tokio::test]
async fn a_huge_line_is_skipped_in_bounded_memory() {
    let script = r#"echo '{"id":1}'
        printf '{"id":4711,"content":"'; head -c 100000000 /dev/zero | tr '\0' x; echo '"}'
        echo '{"id":2}'"#;
    let (got, result) = run(&shell(script)).await;
    assert_eq!(got.texts(), [r#"{"id":1}"#, r#"{"id":2}"#]);
    assert_eq!(got.broken, [(2, Some("4711".to_owned()), FaultKind::TooLarge)]);
    assert!(got.largest < 3_000_000, "{}", got.largest);
    assert_eq!(result.ok(), Some(Ending::Complete));
}

#[tokio::test]
async fn redis_secrets_are_not_inherited() {
    let settings = settings::Source {
        env: [("MINE".to_owned(), "yes".to_owned())].into(),
        ..shell(r#"env | sed 's/.*/{"&"}/'; [ -t 0 ] || read -r line || echo '{"no stdin"}'"#)
    };
    // Cargo sets it for the tests that it runs: inherited, unless it is taken for a secret.
    let secret = std::env::var("CARGO_PKG_DESCRIPTION").expect("cargo runs the tests");
    let (open, _) = fetch(built(&settings).as_mut()).await;
    assert!(open.texts().iter().any(|text| text.contains(&secret)));
    let options = Options { secrets: vec![Secret::new(secret.clone())], watch: false };
    let mut source = build(&settings, &Limits::default(), &options).expect("built");
    let (got, result) = fetch(source.as_mut()).await;
    assert_eq!(result.ok(), Some(Ending::Complete));
    let texts = got.texts();
    assert!(texts.contains(&r#"{"MINE=yes"}"#) && texts.contains(&r#"{"PYTHONUNBUFFERED=1"}"#), "{texts:?}");
    assert!(texts.contains(&r#"{"no stdin"}"#));
    assert!(texts.iter().any(|text| text.starts_with("{\"PATH=")));
    assert!(!texts.iter().any(|text| text.contains(&secret)), "{texts:?}");
}

#[tokio::test]
async fn commands_that_cannot_be_started_say_why() {
    let dir = TempDir::new().expect("a directory");
    let script = |name: &str, text: &str, mode: u32| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permitted");
        path.to_str().expect("UTF-8").to_owned()
    };
    let no_x = script("no_x.sh", "#!/bin/sh\n", 0o644);
    let no_interpreter = script("a.py", "#!/opt/none/python3 -u\n", 0o755);
    let dos = script("dos.sh", "#!/bin/sh\r\necho\r\n", 0o755);
    let no_line = script("plain", "\u{1}\u{2}", 0o755);
    let directory = dir.path().to_str().expect("UTF-8");
    for (program, cause, hint) in [
        ("./no-such.sh", "./no-such.sh does not exist", "working directory is /"),
        ("no-such-program", "no-such-program is in none of the directories of PATH", "install it"),
        (&no_x, "is not executable", "chmod +x"),
        (&no_interpreter, "asks for the interpreter /opt/none/python3, which does not exist", "install it"),
        (&dos, "carriage return", "Unix line ends"),
        (&no_line, "is no program", "#!/bin/sh"),
        (directory, "is a directory", "name a program"),
    ] {
        let error = run(&command(SourceKind::Exec, &[program])).await.1.expect_err(program);
        assert_eq!(error.kind(), "spawn");
        assert!(error.message().contains(cause), "{program}: {error}");
        assert!(error.hint().contains(hint), "{program}: {error}");
    }
    let options = Options::default();
    let error = build(&command(SourceKind::Exec, &[]), &Limits::default(), &options).err().expect("no command");
    assert!(error.message().contains("source.command"), "{error}");
}

#[tokio::test]
async fn a_slow_taker_is_not_the_commands_fault() {
    // Ends at once, but has more to say than the queue and the pipe hold.
    let mut source = built(&hasty("yes '{\"id\":1,\"content\":\"xxxxxxxxxxxxxxxxxxxx\"}' | head -n 100000", 700));
    let (sink, mut rx) = Sink::channel(1);
    let take = async {
        sleep(Duration::from_millis(2500)).await;
        let mut got = Got::default();
        while let Some(item) = rx.recv().await {
            got.add(item);
        }
        got
    };
    let run = async {
        let result = source.fetch(&sink).await;
        drop(sink);
        result
    };
    let (result, got) = tokio::join!(run, take);
    assert_eq!(result.expect("it was never too slow"), Ending::Complete);
    assert_eq!(got.records.len(), 100_000, "nothing is lost");
}

#[tokio::test]
async fn a_stream_hands_over_each_record_at_once() {
    let script = r#"for n in 1 2 3; do echo "{\"id\":$n}"; sleep 0.3; done"#;
    let mut source = built(&command(SourceKind::Stream, &["/bin/sh", "-c", script]));
    assert!(source.is_stream());
    let (sink, mut rx) = Sink::channel(4);
    let run = async {
        let result = source.fetch(&sink).await;
        drop(sink);
        result
    };
    let take = async {
        let mut at = Vec::new();
        let mut got = Got::default();
        while let Some(item) = rx.recv().await {
            let idles = got.idles;
            got.add(item);
            if got.idles > idles {
                at.push((Instant::now(), got.records.len()));
            }
        }
        at
    };
    let (result, at) = timeout(Duration::from_secs(10), async { tokio::join!(run, take) }).await.expect("it ends");
    assert_eq!(result.ok(), Some(Ending::Open));
    let told: Vec<_> = (1..=3).map(|n| at.iter().find(|(_, records)| *records == n).expect("told idle").0).collect();
    assert!(told[1] - told[0] > Duration::from_millis(150) && told[2] - told[1] > Duration::from_millis(150));

    let error = run_stream("echo '{\"id\":1}'; exit 2").await.expect_err("it failed");
    assert_eq!(error.kind(), "exit");
    assert_eq!(run_stream("true").await.ok(), Some(Ending::Open));
}

async fn run_stream(script: &str) -> Result<Ending, super::SourceError> {
    run(&command(SourceKind::Stream, &["/bin/sh", "-c", script])).await.1
}

#[tokio::test]
async fn a_flood_on_standard_error_does_not_block_the_command() {
    let (got, result) = run(&shell("yes error | head -c 3000000 >&2; echo '{\"id\":1}'")).await;
    assert_eq!((got.records.len(), result.ok()), (1, Some(Ending::Complete)));
}
