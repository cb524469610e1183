//! A directory of `<object_id>.json|.html|.md|.txt`: each file is one object's content. It must not look into them.

use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use super::{
    SourceError,
    file::{Stamp, missing_or},
    pump::Outlet,
};
use crate::model::{ContentType, Document, Ending, Fault, FaultKind, Fetched, Place};

/// How often a file is read again that changed while it was read.
const ATTEMPTS: u32 = 3;
/// The endings of files that count.
const EXTENSIONS: [&str; 4] = ["json", "html", "md", "txt"];

/// One file that counts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    stem: String,
    extension: &'static str,
    /// Whether listing it told that it is a plain file: anything else is looked at before it is opened.
    plain: bool,
}

/// Whether a file's name is one of those that editors and writers use on the way: hidden, `x~`, `x.tmp`, `#x#`.
pub(super) fn is_passing(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") || name.starts_with(b"#") || name.ends_with(b"~") || name.ends_with(b".tmp")
}

/// Reads every file of `path`, in the order of their names.
///
/// Files above `max` bytes are not read. Complete, if the directory is the same afterwards.
pub(super) fn read(path: &Path, before: &Metadata, max: usize, outlet: &Outlet) -> Result<Ending, SourceError> {
    let what = path.display().to_string();
    let io = |e| SourceError::io(&what, e);
    let mut entries = list(path, outlet).map_err(io)??;
    entries.sort_unstable();
    if entries.is_empty() {
        return Err(SourceError::Nothing {
            origin: what,
            problem: "holds no file named <object_id>.json, .html, .md or .txt",
            hint: "an empty directory is taken for one that is not mounted; use an NDJSON file to say that there are no objects",
        });
    }
    let mut whole = true;
    for same in entries.chunk_by(|a, b| a.stem == b.stem) {
        match same {
            [entry] => whole &= read_entry(path, entry, max, outlet)?,
            _ => outlet.send(ambiguous(path, same))?,
        }
    }
    let after = fs::metadata(path).map_err(io)?;
    if whole && Stamp::of(before) == Stamp::of(&after) {
        return Ok(Ending::Complete);
    }
    tracing::debug!(path = what, "the directory changed while it was read: not taken for complete");
    Ok(Ending::Open)
}

/// Reads the files of these objects, those that there are; a delta.
pub(super) fn read_some(path: &Path, ids: &[String], max: usize, outlet: &Outlet) -> Result<Ending, SourceError> {
    // A directory that is not there says nothing of its files.
    fs::metadata(path).map_err(|e| missing_or(path, e))?;
    for id in ids {
        let entry = |extension| Entry { stem: id.clone(), extension, plain: false };
        let is_there = |entry: &Entry| path.join(format!("{id}.{}", entry.extension)).symlink_metadata().is_ok();
        let same: Vec<Entry> = EXTENSIONS.map(entry).into_iter().filter(is_there).collect();
        match same.as_slice() {
            [] => {}
            [entry] => drop(read_entry(path, entry, max, outlet)?),
            _ => outlet.send(ambiguous(path, &same))?,
        }
    }
    Ok(Ending::Delta)
}

fn list(path: &Path, outlet: &Outlet) -> io::Result<Result<Vec<Entry>, SourceError>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if is_passing(&name) || kind.is_dir() {
            continue;
        }
        let file = Path::new(&name);
        let extension = file.extension().and_then(OsStr::to_str);
        let Some(extension) = EXTENSIONS.into_iter().find(|known| extension == Some(known)) else {
            tracing::debug!(file = %entry.path().display(), "ignored: its name does not end with .json, .html, .md or .txt");
            continue;
        };
        match file.file_stem().and_then(OsStr::to_str) {
            Some(stem) => entries.push(Entry { stem: stem.to_owned(), extension, plain: kind.is_file() }),
            None => {
                let reason = format!("the file's name {name:?} is not UTF-8");
                if let Err(e) = outlet.send(broken(&entry.path(), None, FaultKind::BadId, reason)) {
                    return Ok(Err(e));
                }
            }
        }
    }
    Ok(Ok(entries))
}

/// Returns whether the file was there.
fn read_entry(dir: &Path, entry: &Entry, max: usize, outlet: &Outlet) -> Result<bool, SourceError> {
    let path = dir.join(format!("{}.{}", entry.stem, entry.extension));
    let data = match load(&path, entry.plain, max) {
        Loaded::Data(data) => data,
        Loaded::Gone => return Ok(false),
        Loaded::NoFile => {
            tracing::debug!(file = %path.display(), "ignored: it is no file");
            return Ok(true);
        }
        Loaded::Fault(kind, reason) => {
            outlet.send(broken(&path, Some(entry.stem.clone()), kind, reason))?;
            return Ok(true);
        }
    };
    let content_type = match entry.extension {
        "json" => ContentType::JSON,
        "html" => ContentType::HTML,
        "md" => ContentType::MARKDOWN,
        _ => ContentType::TEXT,
    };
    let place = place(&path);
    outlet.send(Fetched::Document(Document { id: entry.stem.clone(), content_type, data, place }))?;
    Ok(true)
}

enum Loaded {
    Data(Vec<u8>),
    Gone,
    NoFile,
    Fault(FaultKind, String),
}

fn load(path: &Path, plain: bool, max: usize) -> Loaded {
    // Opening a named pipe would wait for its writer.
    if !plain && fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return Loaded::NoFile;
    }
    for _ in 0..ATTEMPTS {
        match load_once(path, max) {
            Ok(Some(loaded)) => return loaded,
            Ok(None) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
                return Loaded::Gone;
            }
            Err(e) => return Loaded::Fault(FaultKind::Unreadable, format!("cannot read the file: {e}")),
        }
    }
    Loaded::Fault(FaultKind::Unreadable, "the file changed each time it was read".into())
}

/// `None` where the file changed meanwhile.
fn load_once(path: &Path, max: usize) -> io::Result<Option<Loaded>> {
    let file = fs::File::open(path)?;
    let before = file.metadata()?;
    let limit = max as u64;
    if before.len() > limit {
        let reason = format!("the file has {} bytes, more than limits.max_content allows ({max})", before.len());
        return Ok(Some(Loaded::Fault(FaultKind::TooLarge, reason)));
    }
    let mut data = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(max) + 1);
    (&file).take(limit + 1).read_to_end(&mut data)?;
    if Stamp::of(&before) != Stamp::of(&file.metadata()?) {
        return Ok(None);
    }
    if data.starts_with(b"\xef\xbb\xbf") {
        data.drain(..3);
    }
    Ok(Some(Loaded::Data(data)))
}

fn ambiguous(dir: &Path, same: &[Entry]) -> Fetched {
    let names: Vec<_> = same.iter().map(|e| format!("{}.{}", e.stem, e.extension)).collect();
    let reason = format!("{} are for the same object", names.join(" and "));
    broken(&dir.join(&names[0]), Some(same[0].stem.clone()), FaultKind::BadId, reason)
}

fn broken(path: &Path, id: Option<String>, kind: FaultKind, reason: String) -> Fetched {
    Fetched::Broken { place: place(path), id, fault: Fault::new(kind, reason) }
}

fn place(path: &Path) -> Place {
    Place { origin: Arc::from(path.to_string_lossy()), line: 0 }
}
