//! One object as a page in one file: what people will see, and above it what authors want to know. It must not serve it.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    super::{Exit, Failure, output},
    Looked,
};
use crate::page::{self, Page, escape};

pub(super) fn page(looked: &Looked, script: Option<&str>) -> String {
    let service = looked.settings.name().as_str();
    let id = looked.shown().and_then(|shown| shown.object_id.as_deref()).unwrap_or("-");
    let title = format!("{service} {id}");
    let body = body(looked, &title);
    Page { title: &title, body: &body, script, images: &looked.settings.render.images }.html()
}

/// A page that says what is wrong before there is anything to be shown.
pub(super) fn trouble(message: &str, script: Option<&str>) -> String {
    let body = format!("<div class=\"ralphext-note ralphext-critical\"><pre>{}</pre></div>\n", escape(message));
    Page { title: "ralphext preview", body: &body, script, images: &[] }.html()
}

fn body(looked: &Looked, title: &str) -> String {
    let mut out = format!("<header class=\"ralphext-about\"><h1>{}</h1>\n", escape(title));
    let mut put = |text: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{text}");
    };
    let Some(shown) = looked.shown() else {
        let why = looked.preview.error.clone().unwrap_or_else(|| "there is no such object".to_owned());
        put(format!("</header><div class=\"ralphext-note ralphext-critical\"><pre>{}</pre></div>", escape(&why)));
        return out;
    };
    let mut facts = vec![escape(&shown.place)];
    if let (Some(kind), Some((bytes, max)), Some(hash)) = (&shown.content_type, shown.size, &shown.hash) {
        facts.push(escape(kind));
        facts.push(format!("{} of {}", output::size(bytes), output::size(max)));
        facts.push(format!("hash {}", hash.get(..16).unwrap_or(hash)));
    }
    put(format!("<p class=\"ralphext-muted\">{}</p>", facts.join(" \u{b7} ")));
    if !shown.removed.is_empty() {
        let removed = escape(&shown.removed.to_string());
        put(format!("<p class=\"ralphext-note ralphext-warning\">the sanitiser removed {removed}</p>"));
    }
    if !shown.missing.is_empty() {
        let names = escape(&shown.missing.join(", "));
        put(format!("<p class=\"ralphext-note\">not in this record, though the template asks for it: {names}</p>"));
    }
    put("</header>".to_owned());
    match (&shown.reason, &shown.content, Looked::content_type(shown)) {
        (Some(reason), ..) => {
            put(format!("<div class=\"ralphext-note ralphext-critical\">refused: {}</div>", escape(reason)));
        }
        (None, Some(content), Some(kind)) => put(page::content(&kind, content, &looked.settings.render.images)),
        _ => put(format!("<p>{}</p>", escape(shown.kind))),
    }
    out
}

/// Writes the page to `path`, or to a place that only this user can read.
pub(super) fn write(path: Option<&Path>, page: &str) -> Result<PathBuf, Failure> {
    let failed = |path: &Path, e: std::io::Error| {
        let hint = "name a file in a directory that this user may write to";
        Failure::new(Exit::Usage, format!("cannot write the page to {}: {e}", path.display()), hint)
    };
    if let Some(path) = path {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        fs::write(&beside, page).and_then(|()| fs::rename(&beside, path)).map_err(|e| failed(path, e))?;
        return Ok(path.to_owned());
    }
    let dir = std::env::temp_dir().join(format!("ralphext-preview-{}", std::process::id()));
    let path = dir.join("preview.html");
    let write = || {
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        std::io::Write::write_all(&mut file, page.as_bytes())
    };
    write().map_err(|e| failed(&path, e))?;
    Ok(path)
}

/// Opens a file or an address in a browser, where there is one.
pub(super) fn open(target: &str) {
    let named = std::env::var("BROWSER").ok().filter(|name| !name.is_empty());
    for program in named.iter().map(String::as_str).chain(["xdg-open", "open"]) {
        let quiet = || Stdio::null();
        let started = Command::new(program).arg(target).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
        if started.is_ok() {
            return;
        }
    }
    output::note(format_args!("no browser was found (BROWSER, xdg-open, open): open {target} yourself"));
}
