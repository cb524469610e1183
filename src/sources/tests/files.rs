//! A single file: complete or not, and watched.

use std::{fs, io::Write, os::unix::fs::symlink, path::Path, time::Duration};

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{
    super::{Options, Sink, Source, build},
    Got, fetch,
};
use crate::{
    model::Ending,
    settings::{self, Limits, SourceKind},
};

pub(super) fn source(path: &Path, watch: bool) -> Box<dyn Source> {
    let settings =
        settings::Source { kind: SourceKind::File, path: Some(path.to_owned()), ..settings::Source::default() };
    build(&settings, &Limits::default(), &Options { watch, ..Options::default() }).expect("a path is all it needs")
}

pub(super) async fn changes(source: &mut dyn Source) -> bool {
    timeout(Duration::from_secs(2), source.changed()).await.is_ok()
}

pub(super) async fn is_still(source: &mut dyn Source) -> bool {
    timeout(Duration::from_millis(300), source.changed()).await.is_err()
}

#[tokio::test]
async fn a_file_is_complete_and_an_empty_one_an_error() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("facts.ndjson");
    let (_, missing) = fetch(source(&path, false).as_mut()).await;
    let error = missing.expect_err("it is not there");
    assert_eq!(error.kind(), "missing");
    assert!(error.message().contains("facts.ndjson") && !error.hint().is_empty(), "{error}");

    for empty in ["", "\n \n"] {
        fs::write(&path, empty).expect("written");
        let (_, result) = fetch(source(&path, false).as_mut()).await;
        assert_eq!(result.expect_err("it says nothing").kind(), "nothing");
    }
    fs::write(&path, "{\"id\":1}\n{\"id\":2}").expect("written");
    let (got, result) = fetch(source(&path, false).as_mut()).await;
    assert_eq!((got.records.len(), result.ok()), (2, Some(Ending::Complete)));

    fs::write(&path, "[]").expect("written");
    let (got, result) = fetch(source(&path, false).as_mut()).await;
    assert_eq!((got.records.len(), result.ok()), (0, Some(Ending::Complete)));

    fs::write(&path, "[{\"id\":1},{\"id\":2},{\"id\"").expect("written");
    let (got, result) = fetch(source(&path, false).as_mut()).await;
    assert_eq!(got.records.len(), 2);
    assert_eq!(result.expect_err("it is cut off").kind(), "truncated");
}

#[tokio::test]
async fn a_large_file_comes_in_blocks_of_bounded_size() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("facts.ndjson");
    let line = format!("{{\"id\":1,\"content\":\"{}\"}}\n", "x".repeat(1000));
    fs::write(&path, line.repeat(5000)).expect("written");
    let (got, result) = fetch(source(&path, false).as_mut()).await;
    assert_eq!((got.records.len(), result.ok()), (5000, Some(Ending::Complete)));
    assert_eq!(got.records.last().map(|(line, _)| *line), Some(5000));
    assert!(got.records.iter().all(|(_, text)| text.len() == line.len() - 1));
    assert!(got.largest <= 300_000 && got.blocks >= 15, "{} blocks, {} bytes", got.blocks, got.largest);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_not_complete() {
    let dir = TempDir::new().expect("a directory");
    for replace in [false, true] {
        let path = dir.path().join("facts.ndjson");
        fs::write(&path, format!("{{\"id\":\"{}\"}}\n", "x".repeat(1000)).repeat(5000)).expect("written");
        let (sink, mut rx) = Sink::channel(1);
        let mut source = source(&path, false);
        let run = async {
            let result = source.fetch(&sink).await;
            drop(sink);
            result
        };
        let disturb = async {
            let mut got = Got::default();
            got.add(rx.recv().await.expect("a first block"));
            if replace {
                let new = dir.path().join("new");
                fs::write(&new, "{\"id\":1}\n").expect("written");
                fs::rename(new, &path).expect("renamed");
            } else {
                let mut file = fs::File::options().append(true).open(&path).expect("opened");
                writeln!(file, "{{\"id\":2}}").expect("written");
            }
            while let Some(item) = rx.recv().await {
                got.add(item);
            }
            got
        };
        let (result, got) = tokio::join!(run, disturb);
        assert_eq!(result.ok(), Some(Ending::Open), "replaced: {replace}");
        assert!(got.records.len() >= 5000);
    }
}

#[tokio::test]
async fn every_way_to_change_a_file_is_seen_and_reading_it_is_none() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("facts.ndjson");
    let new = dir.path().join("facts.ndjson.tmp");
    let mut source = source(&path, true);
    // A file that is not there yet.
    assert_eq!(fetch(source.as_mut()).await.1.expect_err("not there").kind(), "missing");
    fs::write(&path, "{\"id\":1}\n").expect("written");
    assert!(changes(source.as_mut()).await, "created");

    assert_eq!(fetch(source.as_mut()).await.1.ok(), Some(Ending::Complete));
    assert!(is_still(source.as_mut()).await, "reading is no change");

    for n in 0..3 {
        fs::write(&new, format!("{{\"id\":{n}}}\n")).expect("written");
        fs::rename(&new, &path).expect("renamed");
        assert!(changes(source.as_mut()).await, "renamed over, round {n}");
        let (got, result) = fetch(source.as_mut()).await;
        assert_eq!(got.texts(), [format!("{{\"id\":{n}}}")]);
        assert_eq!(result.ok(), Some(Ending::Complete));
        assert!(is_still(source.as_mut()).await);
    }
    fs::write(&path, "{\"id\":9}\n").expect("written");
    assert!(changes(source.as_mut()).await, "written in place");
    // Asked again without a fetch, it is still changed: nothing is lost.
    assert!(changes(source.as_mut()).await, "not fetched yet");
    assert_eq!(fetch(source.as_mut()).await.0.texts(), ["{\"id\":9}"]);

    fs::write(dir.path().join("other"), "x").expect("written");
    assert!(is_still(source.as_mut()).await, "another file");
    fs::remove_file(&path).expect("removed");
    assert!(changes(source.as_mut()).await, "removed");
}

#[tokio::test]
async fn a_change_between_two_fetches_is_not_lost_when_nobody_waits() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("facts.ndjson");
    fs::write(&path, "{\"id\":1}\n").expect("written");
    let mut source = source(&path, true);
    fetch(source.as_mut()).await.1.expect("read");
    fs::write(&path, "{\"id\":2}\n").expect("written");
    sleep(Duration::from_millis(50)).await;
    // Given up at once, as by another branch of a select.
    let _ = timeout(Duration::from_millis(1), source.changed()).await;
    assert!(changes(source.as_mut()).await);
}

#[tokio::test]
async fn a_file_held_open_by_its_writer_is_not_complete() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("facts.ndjson");
    fs::write(&path, "{\"id\":1}\n").expect("written");
    let mut source = source(&path, true);
    let mut file = fs::File::create(&path).expect("opened");
    writeln!(file, "{{\"id\":1}}").expect("written");
    assert!(changes(source.as_mut()).await);
    assert_eq!(fetch(source.as_mut()).await.1.ok(), Some(Ending::Open));
    drop(file);
    assert!(changes(source.as_mut()).await, "closing is a change");
    assert_eq!(fetch(source.as_mut()).await.1.ok(), Some(Ending::Complete));
}

#[tokio::test]
async fn a_config_map_swap_is_seen() {
    let dir = TempDir::new().expect("a directory");
    let root = dir.path();
    for (version, text) in [("..1", "{\"id\":1}"), ("..2", "{\"id\":2}"), ("..3", "{\"id\":3}")] {
        fs::create_dir(root.join(version)).expect("created");
        fs::write(root.join(version).join("facts.ndjson"), text).expect("written");
    }
    symlink("..1", root.join("..data")).expect("linked");
    symlink("..data/facts.ndjson", root.join("facts.ndjson")).expect("linked");
    let mut source = source(&root.join("facts.ndjson"), true);
    assert_eq!(fetch(source.as_mut()).await.0.texts(), ["{\"id\":1}"]);
    for version in ["..2", "..3"] {
        symlink(version, root.join("..data_tmp")).expect("linked");
        fs::rename(root.join("..data_tmp"), root.join("..data")).expect("renamed");
        assert!(changes(source.as_mut()).await, "{version}");
        let expected = format!("{{\"id\":{}}}", &version[2..]);
        assert_eq!(fetch(source.as_mut()).await.0.texts(), [expected]);
        assert!(is_still(source.as_mut()).await);
    }
}

#[tokio::test]
async fn a_directory_that_is_made_anew_is_watched_again() {
    let dir = TempDir::new().expect("a directory");
    let parent = dir.path().join("out");
    let path = parent.join("facts.ndjson");
    let mut source = source(&path, true);
    for n in 0..2 {
        assert_eq!(fetch(source.as_mut()).await.1.expect_err("not there").kind(), "missing");
        fs::create_dir(&parent).expect("created");
        // The next fetch, on its interval, finds the directory and watches it.
        assert_eq!(fetch(source.as_mut()).await.1.expect_err("not there").kind(), "missing");
        fs::write(&path, format!("{{\"id\":{n}}}")).expect("written");
        assert!(changes(source.as_mut()).await, "round {n}");
        assert_eq!(fetch(source.as_mut()).await.0.texts(), [format!("{{\"id\":{n}}}")]);
        fs::remove_dir_all(&parent).expect("removed");
    }
}

#[tokio::test]
async fn a_cancelled_fetch_hands_over_nothing_later() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("facts.ndjson");
    fs::write(&path, format!("{{\"id\":\"{}\"}}\n", "x".repeat(1000)).repeat(5000)).expect("written");
    let (sink, mut rx) = Sink::channel(1);
    let mut source = source(&path, false);
    assert!(timeout(Duration::from_millis(200), source.fetch(&sink)).await.is_err(), "nobody takes, so it waits");
    rx.recv().await.expect("what was handed over before");
    sleep(Duration::from_millis(100)).await;
    assert!(rx.try_recv().is_err());
}
