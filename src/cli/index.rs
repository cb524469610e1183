//! `ralphext index`: what extensions there are, for documentation. It must not change anything, nor know how an index looks.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Exit, Failure,
    args::{Globals, Index, IndexForm, Output},
    output, target,
};
use crate::{
    config::{self, Request},
    page::{
        Page,
        index::{Entry, html, markdown},
    },
    pipeline::profile,
    registry::Descriptor,
};

/// What a configuration is called in a directory of directories.
const NAMES: [&str; 4] = ["ralphext.toml", "ralphext.yaml", "ralphext.yml", "ralphext.json"];

/// Prints the index, or compares it.
pub fn index(globals: &Globals, args: &Index) -> Result<Exit, Failure> {
    let form = form(globals, args);
    let mut entries = if args.from.is_empty() { of_redis(globals)? } else { of_files(&args.from)? };
    let Some(file) = &args.check else {
        output::write(format_args!("{}", text(&entries, form)?));
        return Ok(Exit::Well);
    };
    // How a service is just now is no drift.
    entries.iter_mut().for_each(|entry| entry.now = None);
    compare(file, &text(&entries, form)?)
}

fn form(globals: &Globals, args: &Index) -> IndexForm {
    let ending = args.check.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    match (args.form, ending) {
        (Some(form), _) => form,
        (None, Some("html" | "htm")) => IndexForm::Html,
        (None, Some("json")) => IndexForm::Json,
        (None, _) if globals.output != Output::Table => IndexForm::Json,
        (None, _) => IndexForm::Markdown,
    }
}

fn text(entries: &[Entry], form: IndexForm) -> Result<String, Failure> {
    Ok(match form {
        IndexForm::Markdown => markdown(entries),
        IndexForm::Html => {
            let body = format!("<h1>Extensions</h1>\n{}", html(entries));
            Page { title: "Extensions", body: &body, ..Page::default() }.html()
        }
        IndexForm::Json => {
            let json = serde_json::to_string_pretty(entries);
            json.map_err(|e| Failure::told(Exit::Failed, format!("the index cannot be written as JSON: {e}")))? + "\n"
        }
    })
}

/// Of all services of a Redis that have a descriptor.
fn of_redis(globals: &Globals) -> Result<Vec<Entry>, Failure> {
    let (redis, prefix) = target::redis(globals)?;
    let mut reader = crate::store::Reader::open(redis, &prefix)?;
    let now = target::now_ms();
    let mut entries = Vec::new();
    for listed in reader.services().map_err(super::ls::refused)? {
        // A service whose descriptor holds something else gets it back with its writer's next heartbeat.
        let descriptor = listed.descriptor.and_then(|json| serde_json::from_slice::<Descriptor>(&json).ok());
        entries.extend(descriptor.map(|descriptor| Entry::new(&descriptor, &prefix, Some(now))));
    }
    entries.sort_by(|a, b| a.service.cmp(&b.service));
    Ok(entries)
}

/// Of all services that configurations name, as they stand there: the environment of whoever asks sets nothing in them.
fn of_files(paths: &[PathBuf]) -> Result<Vec<Entry>, Failure> {
    let env = std::env::vars().filter(|(name, _)| !name.to_ascii_uppercase().starts_with("RALPHEXT_"));
    let request = Request { search: Vec::new(), ..Request::new(env) };
    let mut found: BTreeMap<String, (PathBuf, Entry)> = BTreeMap::new();
    for path in paths.iter().map(|path| configurations(path)).collect::<Result<Vec<_>, _>>()?.concat() {
        for loaded in config::load(&Request { paths: vec![path.clone()], ..request.clone() })? {
            let entry = Entry::new(&profile(&loaded.settings), &loaded.settings.redis.prefix, None);
            let file = loaded.file.unwrap_or_else(|| path.clone());
            if let Some((other, _)) = found.get(&entry.service).filter(|(other, _)| *other != file) {
                let (name, other, file) = (&entry.service, other.display(), file.display());
                let message = format!("{file}: the service {name} is in {other} too");
                return Err(Failure::new(
                    Exit::Usage,
                    message,
                    "each service has one configuration: name only one of them",
                ));
            }
            found.insert(entry.service.clone(), (file, entry));
        }
    }
    Ok(found.into_values().map(|(_, entry)| entry).collect())
}

/// What is to be loaded of `path`, each by itself.
fn configurations(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |e: std::io::Error| {
        Failure::new(
            Exit::Usage,
            format!("{}: it cannot be read: {e}", path.display()),
            "check who may read the directory",
        )
    };
    let (mut own, mut below) = (false, Vec::new());
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        own |= config::is_configuration(&entry);
        below.extend(NAMES.iter().map(|name| entry.join(name)).find(|file| file.is_file()));
    }
    below.sort();
    // Its own files are one configuration, which may share a file; with nothing at all it is told as any such directory.
    if own || below.is_empty() {
        below.insert(0, path.to_owned());
    }
    Ok(below)
}

fn compare(file: &Path, text: &str) -> Result<Exit, Failure> {
    let shown = file.display();
    let old = fs::read_to_string(file).map_err(|e| {
        let hint = format!("write it first: ralphext index ... > {shown}");
        Failure::new(Exit::Failed, format!("{shown}: it cannot be read: {e}"), hint)
    })?;
    if old == text {
        output::say!("{shown} is up to date");
        return Ok(Exit::Well);
    }
    let (was, is): (Vec<&str>, Vec<&str>) = (old.lines().collect(), text.lines().collect());
    let at = was.iter().zip(&is).position(|(was, is)| was != is).unwrap_or_else(|| was.len().min(is.len()));
    let line = |lines: &[&str]| lines.get(at).map_or_else(|| "(the end)".to_owned(), |line| format!("{line:?}"));
    let message =
        format!("{shown}:{}: the index has drifted: it has {}, and should have {}", at + 1, line(&was), line(&is));
    Err(Failure::new(Exit::Failed, message, format!("write it anew: ralphext index ... > {shown}")))
}
