//! `ralphext verify`: everything in Redis against what the source says now. It must not know how anything is compared or
//! mended.

use std::sync::{Arc, atomic::Ordering};

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Verify},
    once::exit_of,
    output::{self, Cell},
    run::{blocking, system},
    target,
};
use crate::{
    app::{self, AppError, Verified, VerifyJob},
    pipeline::{EngineError, FindingCounts, FindingKind, Verification, Verifying},
    settings::{Settings, SourceKind},
    store::FailureClass,
};

/// Findings of each kind that a table shows.
const SHOWN: usize = 20;

#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    verification: Verification,
    /// Why the source was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_compared: Option<&'static str>,
}

/// Ends with 0 when nothing is wrong (any more), 1 when something is, 3 when the source failed.
pub fn verify(globals: &Globals, args: &Verify) -> Result<Exit, Failure> {
    let mut all = chosen(target::services(globals)?, args.service.as_deref())?;
    target::with_source(&mut all, args.source, args.complete, false)?;
    let with_input = args.source.is_some();
    if let Some((settings, why)) = all.iter().find_map(|s| Some((s, unasked(s, with_input)?))).filter(|_| args.repair) {
        let message = format!("service {} cannot be repaired from here: {why}", settings.name());
        return Err(Failure::new(Exit::Usage, message, repair_hint(settings)));
    }
    let (is_json, repair, wait) = (globals.output == Output::Json, args.repair, args.wait);
    blocking(async move {
        let stop = app::stop_on_signal().map_err(system)?;
        let (mut worst, mut told) = (Exit::Well, Vec::new());
        for settings in all {
            let (max_failed, not_compared) = (settings.limits.max_failed, unasked(&settings, with_input));
            let service = settings.name().to_string();
            let progress = Arc::new(Verifying::default());
            let shown = progress.clone();
            let bar = output::progress(&service, move || {
                let (values, objects) = (&shown.values, &shown.pass.objects);
                format!(
                    "{} values read, {} objects of the source compared",
                    values.load(Ordering::Relaxed),
                    objects.load(Ordering::Relaxed)
                )
            });
            let job = VerifyJob { ask: not_compared.is_none(), repair, wait };
            let verified = app::verify(settings, job, stop.clone(), progress).await;
            bar.finish_and_clear();
            let verification = match verified.map_err(failed).and_then(|verified| done(verified, &service)) {
                Ok(verification) => verification,
                Err(failure) => {
                    output::failure(&failure);
                    worst = worst.max(failure.exit);
                    continue;
                }
            };
            let one = Told { verification, not_compared };
            if !is_json {
                show(&one);
            }
            worst = worst.max(tell(&one.verification, repair, max_failed));
            told.push(one);
        }
        match (is_json, told.as_slice()) {
            (true, [one]) => output::json(one),
            (true, many) => output::json(&many),
            (false, _) => {}
        }
        Ok(worst)
    })
}

/// The service that was named, or all.
fn chosen(mut all: Vec<Settings>, name: Option<&str>) -> Result<Vec<Settings>, Failure> {
    let Some(name) = name else { return Ok(all) };
    let service = target::service_name(name)?;
    let names: Vec<&str> = all.iter().map(|s| s.name().as_str()).collect();
    if !names.contains(&service.as_str()) {
        let message = format!("service {service} is not configured here, but {}", names.join(", "));
        return Err(Failure::new(Exit::Usage, message, "its source is needed: name its configuration with -c"));
    }
    all.retain(|s| *s.name() == service);
    Ok(all)
}

/// Why the source cannot be asked for all that it has, now and by somebody else.
fn unasked(settings: &Settings, with_input: bool) -> Option<&'static str> {
    match settings.source.kind {
        _ if settings.source.is_merged() => None,
        SourceKind::Stream => Some("a \"stream\" cannot be asked again"),
        SourceKind::Events => Some("entries of a stream are read once"),
        SourceKind::Push => Some("what was pushed cannot be asked for again"),
        SourceKind::Stdin if !with_input => Some("standard input is read with --source stdin only"),
        _ => None,
    }
}

fn repair_hint(settings: &Settings) -> &'static str {
    match settings.source.kind {
        kind if kind.tells_changes() => {
            "`ralphext run` heals what its renewals find: out of the spool, or by having it told again"
        }
        _ => "pipe the records in: ... | ralphext verify --repair --source stdin --complete",
    }
}

fn failed(e: AppError) -> Failure {
    let is_fenced = matches!(&e, AppError::Engine(EngineError::Store(e)) if e.class == FailureClass::Fenced);
    let failure = Failure::from(e);
    if is_fenced { Failure { exit: Exit::Lease, ..failure } } else { failure }
}

fn done(verified: Verified, service: &str) -> Result<Verification, Failure> {
    match verified {
        Verified::Done(verification) => Ok(*verification),
        Verified::Taken { holder } => {
            let message = format!("service {service}: another writer ({holder}) holds the lease");
            let hint = "a running sidecar heals what is missing or overwritten at its next renewal by itself \
                        (verify.every); without --repair nothing needs the lease; --wait waits for it";
            Err(Failure::new(Exit::Lease, message, hint))
        }
        Verified::Interrupted => {
            let message = format!("service {service}: stopped before the end of the verification");
            Err(Failure::new(Exit::Source, message, "start it again; it begins anew"))
        }
    }
}

/// What is wrong with the source or refused, on standard error; returns the exit code.
fn tell(found: &Verification, repair: bool, max_failed: crate::settings::Percent) -> Exit {
    let left = found.remaining.unwrap_or(found.counts);
    let clean = if left.total() == 0 { Exit::Well } else { Exit::Failed };
    let Some(report) = &found.report else { return clean };
    if let Some(error) = &report.source_error {
        let message = format!("service {}: only the soundness of values was looked at: {error}", found.service);
        output::failure(&Failure::told(Exit::Source, message));
        return Exit::Source;
    }
    match &report.refused {
        // To look is no pass that was refused.
        Some(_) if !repair => clean,
        Some(refused) => {
            output::failure(&Failure::new(Exit::Source, refused.as_str(), report.refused_hint()));
            Exit::Source
        }
        None => clean.max(exit_of(report, max_failed)),
    }
}

fn show(told: &Told) {
    let found = &told.verification;
    show_findings(found);
    let left = found.remaining.unwrap_or(found.counts);
    let (mark, style) = if left.total() == 0 { ("ok", output::GOOD) } else { ("wrong", output::BAD) };
    let looked = match found.compared {
        true => format!("{} values compared with {} objects of the source", found.values, found.objects),
        false => format!("{} values looked at, not compared with the source", found.values),
    };
    let time = found.duration_ms;
    output::say!("{style}{mark}{style:#} {}: {}, {time} ms: {}", found.service, looked, summary(&found.counts));
    if let (Some(done), Some(left)) = (&found.repaired, &found.remaining) {
        output::say!(
            "mended: {} written, {} renewed, {} removed; looked at all again: {}",
            done.written,
            done.renewed,
            done.removed,
            summary(left)
        );
    }
    notes(told).iter().for_each(|note| output::say!("{}note{:#} {}", output::WARN, output::WARN, output::clean(note)));
}

/// What was found, in words.
fn summary(counts: &FindingCounts) -> String {
    let parts: Vec<String> = FindingKind::ALL
        .iter()
        .filter(|kind| counts.of(**kind) > 0)
        .map(|kind| format!("{} {}", counts.of(*kind), kind.as_str()))
        .collect();
    if parts.is_empty() { "nothing is wrong".to_owned() } else { parts.join(", ") }
}

fn show_findings(found: &Verification) {
    let mut rows = Vec::new();
    for kind in FindingKind::ALL {
        let all: Vec<_> = found.findings.iter().filter(|finding| finding.kind == kind).collect();
        rows.extend(all.iter().take(SHOWN).map(|finding| {
            let name = finding.object_id.as_deref().unwrap_or(&finding.key);
            let (word, style) = match finding.left {
                Some(false) => ("mended: ", output::GOOD),
                Some(true) => ("left: ", output::BAD),
                None => ("", output::PLAIN),
            };
            vec![
                Cell::new(kind.as_str(), output::BAD),
                name.into(),
                Cell::new(format!("{word}{}", finding.detail), style),
            ]
        }));
        let more = found.counts.of(kind).saturating_sub(SHOWN as u64);
        if more > 0 {
            rows.push(vec![Cell::new(kind.as_str(), output::BAD), format!("and {more} more").into(), "".into()]);
        }
    }
    if !rows.is_empty() {
        output::table(&["WRONG", "OBJECT", "HOW"], &rows);
        output::say!("");
    }
}

fn notes(told: &Told) -> Vec<String> {
    let found = &told.verification;
    let mut notes = Vec::new();
    if let Some(why) = told.not_compared {
        notes.push(format!("{why}: missing, different and orphaned values cannot be told"));
    }
    if found.compared && !found.complete {
        notes.push("the source did not tell all that it has: orphaned values cannot be told".to_owned());
    }
    if found.failed > 0 {
        let failed = found.failed;
        notes.push(format!(
            "{failed} objects of the source are bad (see `ralphext test`): their values were not compared"
        ));
    }
    if found.changed_meanwhile > 0 {
        notes.push(format!("{} values changed while they were looked at", found.changed_meanwhile));
    }
    if let Some(writer) = found.writer.as_ref().filter(|_| found.counts.total() > 0) {
        let last = writer.last_pass_at.map_or("has not ended one yet".to_owned(), |at| {
            format!("began the last one {}", output::ago(at.0, target::now_ms()))
        });
        notes.push(format!(
            "a writer is at work ({}) and {last}: what its source changed since then it has yet to take up",
            writer.holder
        ));
    }
    if let Some(refused) = found.refused.as_ref().filter(|_| found.repaired.is_none()) {
        notes.push(format!("a pass would keep the orphaned values: {refused}"));
    }
    notes
}
