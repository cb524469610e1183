//! An inventory out of an NDJSON export: one object a line. It must not know who wrote it.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{inventory::Builder, origin::Reading, row::Row};
use crate::{identity::IdentityError, settings};

/// Longest line in bytes.
const LINE: u64 = 1 << 20;

/// What tells one state of a file from another.
type Stamp = (u64, u64, i64, i64);

/// See the module.
#[derive(Debug)]
pub struct Export {
    path: PathBuf,
    models: BTreeSet<String>,
    decommissioned: Vec<String>,
    seen: Option<Stamp>,
}

impl Export {
    pub(super) fn new(settings: &settings::Identity) -> Result<Self, IdentityError> {
        let path = settings.path.clone().ok_or_else(|| {
            IdentityError::settings("identity.path is missing", "write path = \"inventory.ndjson\" in [identity]")
        })?;
        let (models, decommissioned) = (settings.model_names(), settings.decommissioned.clone());
        Ok(Self { path, models, decommissioned, seen: None })
    }

    /// Reads the file, unless it is the one that was read last and `may_skip`.
    pub(super) async fn look(&mut self, may_skip: bool) -> Result<Reading, IdentityError> {
        let (path, models, decommissioned) = (self.path.clone(), self.models.clone(), self.decommissioned.clone());
        let seen = self.seen.filter(|_| may_skip);
        let read = tokio::task::spawn_blocking(move || read(&path, &models, &decommissioned, seen)).await;
        let (stamp, reading) = read.unwrap_or_else(|e| Err(IdentityError::new(e.to_string(), "report it")))?;
        self.seen = Some(stamp);
        Ok(reading)
    }
}

fn read(
    path: &Path,
    models: &BTreeSet<String>,
    decommissioned: &[String],
    seen: Option<Stamp>,
) -> Result<(Stamp, Reading), IdentityError> {
    let shown = path.display();
    let failed = |e: io::Error| {
        let hint = match e.kind() {
            io::ErrorKind::NotFound => "let the export write it there, or correct identity.path",
            io::ErrorKind::PermissionDenied => "let the user that ralphext runs as read it",
            _ => "try to read it by hand as the same user",
        };
        IdentityError::new(format!("cannot read the inventory {shown}: {e}"), hint)
    };
    let file = File::open(path).map_err(failed)?;
    let before = stamp(&file).map_err(failed)?;
    if seen == Some(before) {
        return Ok((before, Reading::Same));
    }
    let mut builder = Builder::default();
    let (mut bad, mut first) = (0u64, None);
    for (number, line) in (1u64..).zip(Lines(BufReader::with_capacity(1 << 16, &file))) {
        let line = line.map_err(failed)?;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let row = std::str::from_utf8(text).map_err(|_| "it is no UTF-8".to_owned());
        match row.and_then(|text| Row::parse(text, decommissioned)) {
            Ok(row) if models.is_empty() || models.contains(&row.model) => builder.add(&row),
            Ok(_) => {}
            Err(why) => {
                bad += 1;
                first.get_or_insert_with(|| format!("{shown}:{number}: {why}"));
            }
        }
    }
    let changing = || {
        IdentityError::new(
            format!("the inventory {shown} changed while it was read"),
            "let the export write to a temporary name and rename it when it is whole",
        )
    };
    if stamp(&file).map_err(failed)? != before {
        return Err(changing());
    }
    if builder.is_empty() {
        let why = first.map_or_else(
            || format!("the inventory {shown} has no object"),
            |first| format!("the inventory has no object: {first}"),
        );
        return Err(IdentityError::new(why, "write one object a line: docs/identity.md has the format"));
    }
    let missing = first.map(|first| format!("{bad} lines are no objects, such as {first}"));
    Ok((before, Reading::Whole { builder, missing, notes: Vec::new() }))
}

fn stamp(file: &File) -> io::Result<Stamp> {
    let meta = file.metadata()?;
    Ok((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// Lines of at most [`LINE`] bytes.
struct Lines<R>(R);

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        match (&mut self.0).take(LINE).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.len() as u64 == LINE && line.last() != Some(&b'\n') => {
                Some(Err(io::Error::new(io::ErrorKind::InvalidData, "a line has more than 1 MiB")))
            }
            Ok(_) => Some(Ok(line)),
            Err(e) => Some(Err(e)),
        }
    }
}
