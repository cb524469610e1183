//! What the doctor says about a service's source: whether it can be asked, and whether what it gives can be taken. It must not
//! keep anything of it.

use super::{
    super::{Failure, output, run::system},
    finding::{Findings, clip},
};
use crate::{
    app,
    pipeline::{Preview, preview},
    settings::{Settings, SourceKind},
    sources, spool,
};

/// With less free space a spool may soon be full.
const LITTLE: u64 = 64 << 20;
/// Refused records that are named.
const NAMED: usize = 3;

/// All findings about the source, or about each of several inputs; they are asked once if `ask`.
pub(super) fn judge(settings: &Settings, ask: bool) -> Result<Findings, Failure> {
    let mut findings = Findings::about(settings.name().as_str());
    let f = &mut findings;
    if let Err(e) = app::check_template(settings) {
        let (message, hint) = parts(&e.to_string());
        f.serious("template", message, hint);
    }
    if !settings.source.is_merged() {
        one(f, settings, "", ask)?;
    }
    for name in settings.source.inputs.keys() {
        if let Some(own) = settings.for_input(name) {
            one(f, &own, &format!("input {name}: "), ask)?;
        }
    }
    if let Some(folder) = &settings.source.spool {
        kept(f, folder);
    }
    Ok(findings)
}

fn one(f: &mut Findings, settings: &Settings, input: &str, ask: bool) -> Result<(), Failure> {
    match settings.source.kind {
        // What comes from outside cannot be asked for.
        SourceKind::Stdin | SourceKind::Push | SourceKind::Events => {}
        SourceKind::Stream => match sources::foresee(&settings.source) {
            Ok(()) => f.ok("source", format!("{input}its command can be started")),
            Err(e) => f.serious("source", format!("{input}{}", e.message()), e.hint()),
        },
        _ if !ask => {}
        _ => {
            let asked = app::block_on(async {
                let mut source = app::source_once(settings, None).await?;
                Ok::<_, app::AppError>(preview(settings, source.as_mut(), NAMED).await)
            });
            match asked.map_err(system)? {
                Ok(told) => given(f, settings, input, &told),
                Err(e) => {
                    let (message, hint) = parts(&e.to_string());
                    f.serious("source", format!("{input}{message}"), hint);
                }
            }
        }
    }
    Ok(())
}

/// What it gave when it was asked.
fn given(f: &mut Findings, settings: &Settings, input: &str, told: &Preview) {
    if let Some(error) = &told.error {
        let (message, hint) = parts(error);
        return f.serious("source", format!("{input}{message}"), hint);
    }
    if told.total == 0 {
        let hint =
            "if it has none, so be it; what stands is not removed by an empty answer unless an operator approves it";
        return f.warn("source", format!("{input}it gives no record at all"), hint);
    }
    f.ok("source", format!("{input}{} records", told.total));
    let refused = told.refused - told.unmatched;
    let shown = told.records.iter().find(|record| record.kind == "refused" && record.reason.is_some());
    match shown {
        Some(shown) if refused > 0 => {
            let reason = clip_line(shown.reason.as_deref().unwrap_or_default());
            let message =
                format!("{input}{refused} of {} records are refused: {}: {reason}", told.total, clip(&shown.place));
            let hint = "`ralphext test` shows each; docs/contract.md has what a record is";
            if settings.limits.max_failed.is_exceeded(refused, told.total) {
                f.serious("schema", message, hint);
            } else {
                f.warn("schema", message, hint);
            }
        }
        _ => f.ok("schema", format!("{input}all records can be taken")),
    }
    if told.unmatched > 0 {
        let message = format!("{input}{} of {} records are about no object of Ralph", told.unmatched, told.total);
        f.note("unmatched", message, "`ralphext unmatched --live` tells which, and why");
    }
}

fn kept(f: &mut Findings, folder: &std::path::Path) {
    match spool::look(folder) {
        Ok(free) if free < LITTLE => {
            let message = format!("source.spool: {} are free in {}", output::size(free), folder.display());
            f.serious("spool", message, "make room: what cannot be kept is lost when Redis loses it");
        }
        Ok(free) => f.ok("spool", format!("{} free", output::size(free))),
        Err(e) => f.serious("spool", format!("source.spool: {}", e.cause()), e.hint()),
    }
}

/// A text of a message and, in a line of its own, its hint.
fn parts(text: &str) -> (String, String) {
    let (message, hint) = text.split_once("\nhint: ").unwrap_or((text, "see `ralphext check`"));
    (message.to_owned(), hint.to_owned())
}

/// The first line of a reason.
fn clip_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
