//! `ralphext config`: what is set and where it comes from, and the documents in etcd. It must not know how settings are merged.

use std::{
    fs,
    io::{IsTerminal as _, Read as _},
    path::Path,
};

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Config, Globals, Output, Push, Rollback, Show, Which},
    diff,
    output::{self, Cell},
    target,
};
use crate::{
    app::{Former, SharedError, Sharing},
    config::{self, Document, Place, Remote},
    etcd::Kv,
};

impl From<SharedError> for Failure {
    fn from(e: SharedError) -> Self {
        let exit = if matches!(e, SharedError::Changed { .. }) { Exit::Failed } else { Exit::Usage };
        Self::told(exit, e.to_string())
    }
}

/// Does what is asked for.
pub fn config(globals: &Globals, what: &Config) -> Result<Exit, Failure> {
    match what {
        Config::Show(args) => show(globals, args),
        Config::Push(args) => push(globals, args),
        Config::Diff(args) => changes(globals, args),
        Config::History(which) => history(globals, which),
        Config::Rollback(args) => rollback(globals, args),
    }
}

fn show(globals: &Globals, args: &Show) -> Result<Exit, Failure> {
    let mut all = config::show(&target::request(globals)?)?;
    let is_wanted = |key: &str| {
        let below = |top: &str| key == top || key.strip_prefix(top).is_some_and(|rest| rest.starts_with('.'));
        args.key.as_deref().is_none_or(below)
    };
    for (_, settings) in &mut all {
        settings.retain(|shown| is_wanted(&shown.key) && (!args.only_set || shown.origin.is_some()));
    }
    if globals.output == Output::Json {
        #[derive(Serialize)]
        struct One {
            service: String,
            settings: Vec<config::Shown>,
        }
        let all: Vec<One> = all.into_iter().map(|(service, settings)| One { service, settings }).collect();
        output::json(&all);
        return Ok(Exit::Well);
    }
    for (service, settings) in &all {
        if all.len() > 1 {
            output::say!("# {}", output::clean(service));
        }
        let rows: Vec<Vec<Cell>> = settings
            .iter()
            .map(|shown| {
                let style = if shown.origin.is_some() { output::BOLD } else { output::DIM };
                let mut row = vec![Cell::new(shown.key.as_str(), style), shown.value.to_string().into()];
                if args.origin {
                    row.push(Cell::new(shown.origin.as_deref().unwrap_or("default"), output::DIM));
                }
                row
            })
            .collect();
        let header = ["KEY", "VALUE", "ORIGIN"];
        output::table(if args.origin { &header } else { &header[..2] }, &rows);
    }
    Ok(Exit::Well)
}

fn sharing(globals: &Globals) -> Result<Sharing, Failure> {
    target::sharing(globals)?.ok_or_else(|| {
        let hint = "write --config-etcd http://host:2379, or set RALPHEXT_CONFIG_ETCD";
        Failure::new(Exit::Usage, "no etcd is named", hint)
    })
}

fn place(which: &Which) -> Result<Place, Failure> {
    match &which.service {
        Some(name) => Ok(Place::Service(target::service_name(name)?)),
        None => Ok(Place::Defaults),
    }
}

fn push(globals: &Globals, args: &Push) -> Result<Exit, Failure> {
    let (sharing, place, text) = (sharing(globals)?, place(&args.which)?, read(&args.file)?);
    let seen = sharing.now()?;
    store(&sharing, &seen, &place, &text, args.with_secrets)
}

/// Checks and stores.
fn store(sharing: &Sharing, seen: &[Kv], place: &Place, text: &str, with_secrets: bool) -> Result<Exit, Failure> {
    let remote = with(sharing.remote(seen.to_vec(), false), place, text);
    let env = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?))).collect();
    remote.check(place, &env)?;
    if let Some(key) = remote.plain_secret(place).filter(|_| !with_secrets) {
        let message = format!("{key} stands in it, for everybody who reads etcd");
        let hint = "write ${VARIABLE} or name a file (password_file); --with-secrets stores it all the same";
        return Err(Failure::new(Exit::Usage, message, hint));
    }
    let (key, shown) = (place.key(&sharing.prefix), place.shown());
    if seen.iter().any(|kv| kv.key == key && kv.value == text) {
        output::say!("{shown}: {key} is so already");
        return Ok(Exit::Well);
    }
    sharing.store(seen, place, text, &target::who())?;
    output::say!("{shown}: stored at {key}");
    let above = seen.iter().filter(|kv| kv.key.starts_with(&format!("{key}/"))).count();
    if above > 0 {
        output::note(format_args!(
            "note: {above} keys below {key} lie over it; see them with `etcdctl get --prefix {key}/`"
        ));
    }
    Ok(Exit::Well)
}

/// `remote` with another document at `place`.
fn with(mut remote: Remote, place: &Place, text: &str) -> Remote {
    let key = place.key(&remote.prefix);
    remote.documents.retain(|document| document.key != key);
    remote.documents.push(Document { key, text: text.to_owned() });
    remote.documents.sort_by(|a, b| a.key.cmp(&b.key));
    remote
}

fn changes(globals: &Globals, args: &Push) -> Result<Exit, Failure> {
    let (sharing, place, text) = (sharing(globals)?, place(&args.which)?, read(&args.file)?);
    let key = place.key(&sharing.prefix);
    let old = sharing.now()?.into_iter().find(|kv| kv.key == key).map(|kv| kv.value).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    if old == text {
        output::say!("{key} is the same");
        return Ok(Exit::Well);
    }
    diff::print(&diff::changes(&lines(&old), &lines(&text)));
    Ok(Exit::Failed)
}

fn history(globals: &Globals, which: &Which) -> Result<Exit, Failure> {
    let (sharing, place) = (sharing(globals)?, place(which)?);
    let mut formers = sharing.formers(&sharing.now()?, &place);
    formers.reverse();
    if globals.output == Output::Json {
        output::json(&formers);
        return Ok(Exit::Well);
    }
    if formers.is_empty() {
        output::say!("nothing was pushed yet for {}", place.shown());
        return Ok(Exit::Well);
    }
    let now = target::now_ms();
    let rows: Vec<Vec<Cell>> = formers
        .iter()
        .map(|former| {
            let size = output::size(former.text.len() as u64);
            vec![
                former.at.to_string().into(),
                output::ago(former.at.0, now).into(),
                size.into(),
                former.by.as_str().into(),
            ]
        })
        .collect();
    output::table(&["MOMENT", "AGE", "SIZE", "BY"], &rows);
    Ok(Exit::Well)
}

fn rollback(globals: &Globals, args: &Rollback) -> Result<Exit, Failure> {
    let (sharing, place) = (sharing(globals)?, place(&args.which)?);
    let seen = sharing.now()?;
    let formers = sharing.formers(&seen, &place);
    let key = place.key(&sharing.prefix);
    let present = seen.iter().find(|kv| kv.key == key).map(|kv| kv.value.as_str());
    let former = former(&formers, present, args.to.as_deref()).ok_or_else(|| {
        let which = args.to.as_deref().map_or_else(|| "before the present one".to_owned(), |to| format!("of {to}"));
        let message = format!("{}: there is no text {which}", place.shown());
        Failure::new(Exit::Failed, message, "`ralphext config history` lists them")
    })?;
    // It was taken as it is once.
    store(&sharing, &seen, &place, &former.text, true)
}

fn former<'a>(formers: &'a [Former], present: Option<&str>, to: Option<&str>) -> Option<&'a Former> {
    match to {
        Some(to) => {
            let at = humantime::parse_rfc3339_weak(to).ok()?;
            let at = at.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis();
            formers.iter().find(|former| u128::from(former.at.0) == at)
        }
        None => {
            let last = formers.iter().rposition(|former| Some(former.text.as_str()) == present)?;
            formers[..last].iter().rev().find(|former| Some(former.text.as_str()) != present)
        }
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let read = if file.as_os_str() == "-" {
        if std::io::stdin().is_terminal() {
            output::note(format_args!("reading the document from the terminal; end it with Ctrl-D"));
        }
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    read.map_err(|e| {
        Failure::new(Exit::Usage, format!("{}: it cannot be read: {e}", file.display()), "name a file, or -")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Stamp;

    #[test]
    fn back_is_to_what_was_before() {
        let former_of = |at: u64, text: &str| Former { at: Stamp(at), by: String::new(), text: text.to_owned() };
        let formers = [former_of(1, "a"), former_of(2, "b"), former_of(3, "b")];
        assert_eq!(former(&formers, Some("b"), None).map(|f| f.at.0), Some(1));
        assert_eq!(former(&formers, Some("a"), None), None);
        assert_eq!(former(&formers, Some("x"), None), None, "what nobody pushed is not in the way back");
        assert_eq!(former(&formers, Some("b"), Some("1970-01-01T00:00:00.002Z")).map(|f| f.at.0), Some(2));
    }
}
