//! The inventory kept in a file, so that a restart knows it at once. It must not know how it is read anew.
//!
//! The first line says what it is of, then one object a line as in an export, at last a sum over everything before.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::{
    inventory::{Builder, Inventory},
    row::Row,
    view::View,
};
use crate::{model::UnixMs, settings};

const VERSION: u32 = 1;
/// The word for objects that count as gone although Ralph has them.
const RETIRED: &str = "retired";

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    ralphext_inventory: u32,
    of: String,
    read_at: UnixMs,
    checked_at: UnixMs,
    complete: bool,
    holes: Vec<(u64, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct End {
    end: bool,
    sum: String,
}

/// What the cache is of: what was read under other settings is of no use.
fn subject(settings: &settings::Identity) -> String {
    let place = settings.url.clone().or_else(|| settings.path.as_ref().map(|path| path.display().to_string()));
    let models: Vec<_> = settings.model_names().into_iter().collect();
    let (kind, place) = (settings.kind, place.unwrap_or_default());
    format!("{kind} {place} {} {}", models.join(","), settings.decommissioned.join(","))
}

/// Writes `view` beside `path`, then renames it: the file is always whole.
pub fn save(path: &Path, settings: &settings::Identity, view: &View) -> io::Result<()> {
    let Some(inventory) = &view.inventory else { return Ok(()) };
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(name);
    let written = write(&beside, settings, view, inventory).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It is of no use to anybody.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write(beside: &Path, settings: &settings::Identity, view: &View, inventory: &Inventory) -> io::Result<()> {
    // Left by a process of the same number that was killed.
    let _ = fs::remove_file(beside);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let mut sum = Xxh3::new();
    let mut line = |out: &mut BufWriter<File>, text: String| {
        sum.update(text.as_bytes());
        sum.update(b"\n");
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")
    };
    let head = Head {
        ralphext_inventory: VERSION,
        of: subject(settings),
        read_at: view.read_at,
        checked_at: view.checked_at,
        complete: view.is_complete,
        holes: inventory.holes().iter().map(|hole| (*hole.start(), *hole.end())).collect(),
    };
    line(&mut out, serde_json::to_string(&head)?)?;
    for row in inventory.rows.iter() {
        line(&mut out, row.to_row().to_line(RETIRED))?;
    }
    let end = End { end: true, sum: format!("{:016x}", sum.digest()) };
    out.write_all(serde_json::to_string(&end)?.as_bytes())?;
    out.write_all(b"\n")?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

/// Reads what [`save`] wrote; nothing where there is no file.
///
/// # Errors
/// Why it cannot be used, in words.
pub fn load(path: &Path, settings: &settings::Identity) -> Result<Option<View>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
    };
    let (body, end) = text.trim_end_matches('\n').rsplit_once('\n').ok_or("it is cut off")?;
    let body = &text[..=body.len()];
    let end: End = serde_json::from_str(end).map_err(|_| "it is cut off")?;
    let mut sum = Xxh3::new();
    sum.update(body.as_bytes());
    if end.sum != format!("{:016x}", sum.digest()) {
        return Err("its sum is wrong".into());
    }
    let mut lines = body.lines();
    let head: Head = serde_json::from_str(lines.next().unwrap_or_default()).map_err(|e| format!("its head: {e}"))?;
    if head.ralphext_inventory != VERSION {
        return Err(format!("it has version {}, this program knows {VERSION}", head.ralphext_inventory));
    }
    if head.of != subject(settings) {
        return Err("it was read under other settings".into());
    }
    let mut builder = Builder::default();
    for line in lines {
        builder.add(&Row::parse(line, &[RETIRED.to_owned()])?);
    }
    head.holes.iter().for_each(|(first, last)| builder.add_hole(*first..=*last));
    Ok(Some(View {
        inventory: Some(builder.finish(settings.short_names).into()),
        read_at: head.read_at,
        checked_at: head.checked_at,
        is_complete: head.complete,
        ..View::default()
    }))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, sync::Arc};

    use super::*;
    use crate::settings::IdentityKind;

    #[test]
    fn what_was_saved_comes_back_and_what_was_damaged_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("identity.ndjson");
        let settings = settings::Identity {
            kind: IdentityKind::Ralph,
            url: Some("https://ralph/api/".into()),
            ..settings::Identity::default()
        };
        assert!(load(&path, &settings).expect("no file is no fault").is_none());
        let mut builder = Builder::default();
        for n in 1..=100 {
            let line = format!(r#"{{"id":{n},"sn":"s{n}","hostname":"h{n}.x","ip":"10.0.0.{n}","model":"a.B"}}"#);
            builder.add(&Row { retired: n == 7, gone_at: n % 3, ..Row::parse(&line, &[]).expect("a row") });
        }
        builder.add_hole(3..=9);
        let inventory = Arc::new(builder.finish(false));
        let view = View {
            inventory: Some(inventory.clone()),
            read_at: 5,
            checked_at: 6,
            is_complete: true,
            ..View::default()
        };
        save(&path, &settings, &view).expect("it is saved");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        let read = load(&path, &settings).expect("it is sound").expect("it is there");
        assert!(read.inventory.as_ref().expect("rows").says_the_same(&inventory));
        assert_eq!((read.read_at, read.checked_at, read.is_complete), (5, 6, true));
        let text = fs::read_to_string(&path).expect("text");
        let other = settings::Identity { models: vec!["a.C".into()], ..settings.clone() };
        assert_eq!(load(&path, &other).expect_err("other settings"), "it was read under other settings");
        for (damaged, why) in [
            (text.replacen("s50", "s51", 1), "its sum is wrong"),
            (text[..text.len() / 2].to_owned(), "it is cut off"),
            (String::new(), "it is cut off"),
        ] {
            fs::write(&path, damaged).expect("a file");
            assert_eq!(load(&path, &settings).expect_err("damaged"), why);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
    }
}
