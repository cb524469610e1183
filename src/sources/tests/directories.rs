//! A directory: one object a file.

use std::{fs, os::unix::fs::symlink};

use tempfile::TempDir;

use super::{
    fetch,
    files::{changes, is_still, source},
};
use crate::model::{Ending, FaultKind};

#[tokio::test]
async fn files_are_objects_by_their_names() {
    let dir = TempDir::new().expect("a directory");
    let root = dir.path();
    for (name, text) in [
        ("4711.json", "{}"),
        ("4712.html", "<p>"),
        ("data_center.rack.12.md", "# a"),
        ("4713.txt", "\u{feff}plain"),
        (".hidden.json", "x"),
        ("4714.json~", "x"),
        ("4715.json.tmp", "x"),
        ("4715.tmp", "x"),
        (".#4716.json", "x"),
        ("#4716.json#", "x"),
        ("README", "x"),
        ("4717.yaml", "x"),
    ] {
        fs::write(root.join(name), text).expect("written");
    }
    fs::create_dir(root.join("4718.json")).expect("created");
    symlink("4711.json", root.join("4719.json")).expect("linked");
    let (got, result) = fetch(source(root, false).as_mut()).await;
    let documents: Vec<_> = got.documents.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(
        documents,
        [
            ("4711", "application/json", "{}"),
            ("4712", "text/html", "<p>"),
            ("4713", "text/plain", "plain"),
            ("4719", "application/json", "{}"),
            ("data_center.rack.12", "text/markdown", "# a"),
        ]
    );
    assert!(got.broken.is_empty(), "{got:?}");
    assert_eq!(result.ok(), Some(Ending::Complete));
}

#[tokio::test]
async fn bad_files_are_named_and_the_others_read() {
    let dir = TempDir::new().expect("a directory");
    let root = dir.path();
    fs::write(root.join("1.json"), "{}").expect("written");
    fs::write(root.join("2.json"), "{}").expect("written");
    fs::write(root.join("2.txt"), "x").expect("written");
    let big = fs::File::create(root.join("3.txt")).expect("created");
    // Sparse: reading it would take long, and much memory.
    big.set_len(1 << 40).expect("extended");
    symlink("nowhere", root.join("4.txt")).expect("linked");
    let (got, result) = fetch(source(root, false).as_mut()).await;
    assert_eq!(got.documents.len(), 1);
    let some = |id: &str| Some(id.to_owned());
    assert_eq!(
        got.broken,
        [(0, some("2"), FaultKind::BadId), (0, some("3"), FaultKind::TooLarge), (0, some("4"), FaultKind::Unreadable),]
    );
    assert_eq!(result.ok(), Some(Ending::Complete));
}

#[tokio::test]
async fn an_empty_directory_says_nothing() {
    let dir = TempDir::new().expect("a directory");
    fs::write(dir.path().join("notes"), "x").expect("written");
    let (_, result) = fetch(source(dir.path(), false).as_mut()).await;
    assert_eq!(result.expect_err("no documents").kind(), "nothing");
}

#[tokio::test]
async fn changes_of_its_files_are_seen() {
    let dir = TempDir::new().expect("a directory");
    let root = dir.path();
    fs::write(root.join("1.json"), "{}").expect("written");
    let mut source = source(root, true);
    fetch(source.as_mut()).await.1.expect("read");
    assert!(is_still(source.as_mut()).await, "reading is no change");
    fs::write(root.join(".2.json.swp"), "x").expect("written");
    assert!(is_still(source.as_mut()).await, "a hidden file is none");
    fs::rename(root.join(".2.json.swp"), root.join("2.json")).expect("renamed");
    assert!(changes(source.as_mut()).await, "a file that came");
    assert_eq!(fetch(source.as_mut()).await.0.documents.len(), 2);
    fs::write(root.join("1.json"), "{\"a\":1}").expect("written");
    assert!(changes(source.as_mut()).await, "a file that changed");
    fetch(source.as_mut()).await.1.expect("read");
    fs::remove_file(root.join("2.json")).expect("removed");
    assert!(changes(source.as_mut()).await, "a file that went");
    assert_eq!(fetch(source.as_mut()).await.0.documents.len(), 1);
}

#[tokio::test]
async fn a_directory_behind_a_link_that_is_swapped() {
    let dir = TempDir::new().expect("a directory");
    let root = dir.path();
    for n in ["1", "2"] {
        fs::create_dir(root.join(n)).expect("created");
        fs::write(root.join(n).join("4711.txt"), n).expect("written");
    }
    symlink("1", root.join("current")).expect("linked");
    let mut source = source(&root.join("current"), true);
    assert_eq!(fetch(source.as_mut()).await.0.documents[0].2, "1");
    symlink("2", root.join("next")).expect("linked");
    fs::rename(root.join("next"), root.join("current")).expect("renamed");
    assert!(changes(source.as_mut()).await);
    assert_eq!(fetch(source.as_mut()).await.0.documents[0].2, "2");
    fs::write(root.join("2").join("4711.txt"), "3").expect("written");
    assert!(changes(source.as_mut()).await);
    assert_eq!(fetch(source.as_mut()).await.0.documents[0].2, "3");
}
