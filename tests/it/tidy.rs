//! The rules of the code itself: imports fall, rooms are small, every file says what it is for.

mod rust;

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use crate::harness::repository;

/// The tiers, from the ground up; rooms of one tier never import each other.
const TIERS: [&[&str]; 10] = [
    &["model"],
    &["settings"],
    &["telemetry"],
    &["store", "web", "process"],
    &[
        "sources", "spool", "mapping", "identity", "render", "envelope", "decision", "registry", "events", "bridge",
        "config", "etcd",
    ],
    &["pipeline", "page", "browse"],
    &["admin"],
    &["app"],
    &["cli"],
    &["main"],
];
/// Most lines of a file.
const FILE_LINES: usize = 400;
/// Most lines of code in a function.
const FUNCTION_LINES: usize = 70;

/// One source file.
struct File {
    /// Relative to the repository.
    path: PathBuf,
    text: String,
    code: String,
}

impl File {
    /// The room it belongs to: the first name below `src`.
    fn room(&self) -> Option<String> {
        let below = self.path.strip_prefix("src").ok()?;
        let first = Path::new(below.components().next()?.as_os_str()).file_stem()?.to_str()?.to_owned();
        (first != "lib").then_some(first)
    }

    /// Whether the whole file is a test.
    fn is_test(&self) -> bool {
        self.path.components().any(|c| matches!(c.as_os_str().to_str(), Some("tests.rs" | "tests")))
    }

    fn shown(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

fn files(folders: &[&str]) -> Vec<File> {
    let root = repository();
    let mut waiting: Vec<PathBuf> = folders.iter().map(|f| root.join(f)).collect();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).expect("a folder").map(|e| e.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("source is UTF-8");
            let code = rust::code_only(&text);
            let path = path.strip_prefix(&root).expect("below the root").to_owned();
            found.push(File { path, text, code });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no Rust files in {folders:?}");
    found
}

#[track_caller]
fn none(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}, but:\n  {}", broken.join("\n  "));
}

fn tier(room: &str) -> Option<usize> {
    TIERS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn imports_fall() {
    let mut broken = Vec::new();
    for file in files(&["src"]) {
        let Some(room) = file.room() else { continue };
        let Some(own) = tier(&room) else {
            broken.push(format!("{}: room {room} has no tier", file.path.display()));
            continue;
        };
        for (line, other) in rust::crate_paths(&file.code) {
            let allowed = other == room || tier(&other).is_some_and(|t| t < own);
            if !allowed {
                broken.push(format!("{}: {room} imports {other}", file.shown(line)));
            }
        }
    }
    none(
        "imports fall: main -> cli -> app -> admin -> pipeline -> ... -> store -> telemetry -> settings -> model",
        broken,
    );
}

#[test]
fn no_import_climbs_out_of_its_room_by_super() {
    let mut broken = Vec::new();
    for file in files(&["src"]).iter().filter(|f| f.room().is_some() && !f.is_test()) {
        let code = rust::without_tests(&file.code);
        let below = file.path.components().count() - 2;
        let depth = if file.path.ends_with("mod.rs") { below } else { below + 1 };
        let climb = "super::".repeat(depth);
        broken.extend(code.match_indices(&climb).map(|(at, _)| file.shown(rust::line_of(&code, at))));
    }
    none("other rooms are named from `crate::`", broken);
}

#[test]
fn only_the_store_knows_redis() {
    let mut broken = Vec::new();
    for file in files(&["src"]).iter().filter(|f| f.room().as_deref() != Some("store")) {
        for (at, found) in file.code.match_indices("redis::") {
            let before = file.code[..at].chars().next_back().unwrap_or(' ');
            // `settings::redis::...` and `self::redis::...` are modules of ours.
            if !before.is_alphanumeric() && before != '_' && before != ':' && !own_module(file) {
                broken.push(format!("{}: {found}", file.shown(rust::line_of(&file.code, at))));
            }
        }
    }
    none("only src/store imports the redis crate", broken);
}

/// Whether the file declares a module of its own that is called `redis`.
fn own_module(file: &File) -> bool {
    file.code.lines().any(|l| matches!(l.trim(), "mod redis;" | "pub mod redis;"))
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |f: &File| !f.text.starts_with("//! ");
    let broken = files(&["src", "tests", "benches"]).iter().filter(|f| silent(f)).map(|f| f.shown(1)).collect();
    none("every file opens with a //! line", broken);
}

#[test]
fn files_and_functions_are_small() {
    let mut broken = Vec::new();
    for file in files(&["src", "tests", "benches"]) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES {
            broken.push(format!("{}: {lines} lines", file.path.display()));
        }
        for (name, range) in rust::functions(&file.code) {
            let first = rust::line_of(&file.code, range.start);
            let lines = file.code[range].lines().filter(|l| !l.trim().is_empty()).count();
            if lines > FUNCTION_LINES {
                broken.push(format!("{}: fn {name} has {lines} lines", file.shown(first)));
            }
        }
    }
    none(&format!("files have at most {FILE_LINES} lines, functions {FUNCTION_LINES}"), broken);
}

#[test]
fn nothing_panics_without_a_proof() {
    let mut broken = Vec::new();
    for file in files(&["src"]).iter().filter(|f| !f.is_test()) {
        let code = rust::without_tests(&file.code);
        let lines: Vec<&str> = file.text.lines().collect();
        let told = documented_panics(&code, &lines);
        for (index, line) in code.lines().enumerate() {
            let may_panic = [".unwrap()", ".expect(", "panic!(", "unreachable!()", "todo!(", "unimplemented!("];
            if may_panic.iter().any(|p| line.contains(p))
                && !told.iter().any(|r| r.contains(&index))
                && !is_proved(&lines, index)
            {
                broken.push(format!("{}: {}", file.shown(index + 1), lines[index].trim()));
            }
        }
    }
    none("what may panic has a comment on the same or the preceding line that proves it cannot", broken);
}

/// The lines (from 0) of functions whose documentation has a `# Panics` section.
fn documented_panics(code: &str, lines: &[&str]) -> Vec<Range<usize>> {
    let documented = |first: &usize| {
        let above = lines[..*first].iter().rev().map(|l| l.trim());
        above.take_while(|l| l.starts_with("///") || l.starts_with("#[")).any(|l| l == "/// # Panics")
    };
    let ranges =
        rust::functions(code).into_iter().map(|(_, r)| rust::line_of(code, r.start) - 1..rust::line_of(code, r.end));
    ranges.filter(|r| documented(&r.start)).collect()
}

/// Whether the statement around line `index` has a comment or a lint's reason, on it or just before it.
fn is_proved(lines: &[&str], index: usize) -> bool {
    let tells = |l: &str| l.contains("// ") || l.contains("reason = ");
    if tells(lines[index]) {
        return true;
    }
    for line in lines[..index].iter().rev().take(6).map(|l| l.trim()) {
        if tells(line) {
            return true;
        }
        if line.is_empty() || line.ends_with([';', '{', '}']) {
            return false;
        }
    }
    false
}

#[test]
fn nothing_is_unsafe() {
    let mut broken = Vec::new();
    for file in files(&["src", "tests", "benches"]) {
        for (number, line) in file.code.lines().enumerate() {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.into_iter().any(|w| w == "unsafe") {
                broken.push(file.shown(number + 1));
            }
        }
    }
    none("there is no unsafe code", broken);
}

#[test]
fn the_grammar_is_read_well_enough() {
    let text = "//! x\nuse crate::{model::{A, B}, store};\nfn a<'x>(c: char) { let s = \"crate::cli }\"; '\\'' }\n\
                // crate::app\n#[cfg(test)]\nmod tests { fn b() { x.unwrap() } }\nlet r = r#\"crate::cli\"#;\nfn c() {}\n";
    let code = rust::code_only(text);
    assert_eq!(code.len(), text.len());
    assert_eq!(rust::crate_paths(&code), [(2, "model".to_owned()), (2, "store".to_owned())]);
    let names = |code: &str| rust::functions(code).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&code), ["a", "b", "c"]);
    assert_eq!(names(&rust::without_tests(&code)), ["a", "c"]);
    assert!(tier("cli") > tier("store") && tier("no such room").is_none());
}
