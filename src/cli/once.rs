//! `ralphext once`: one snapshot of each configured service, and one summary. It must not know how a pass works.

use std::sync::{Arc, atomic::Ordering};

use super::{
    Exit, Failure,
    args::{Globals, Output, Snapshot},
    output,
    run::{blocking, system},
    target,
};
use crate::{
    app::{self, Ended},
    pipeline::{Kind, PassReport, Progress, Summary},
    settings::{Percent, Settings},
};

/// Ends with the worst outcome of all services.
pub fn once(globals: &Globals, args: &Snapshot) -> Result<Exit, Failure> {
    let mut all = target::services(globals)?;
    target::with_source(&mut all, args.source, args.complete, true)?;
    let (is_json, wait) = (globals.output == Output::Json, args.wait);
    blocking(async move {
        let stop = app::stop_on_signal().map_err(system)?;
        let single = all.len() == 1;
        let mut worst = Exit::Well;
        let mut summaries = Vec::new();
        for settings in all {
            let (exit, summary) = one(settings, wait, stop.clone(), is_json).await;
            worst = worst.max(exit);
            summaries.push(summary);
        }
        match (is_json, summaries.as_slice()) {
            (true, [summary]) if single => output::json(summary),
            (true, _) => output::json(&summaries),
            (false, _) => {}
        }
        Ok(worst)
    })
}

async fn one(
    settings: Settings,
    wait: bool,
    stop: tokio::sync::watch::Receiver<bool>,
    is_json: bool,
) -> (Exit, Summary) {
    let max_failed = settings.limits.max_failed;
    let service = settings.name().to_string();
    let progress = Arc::new(Progress::default());
    let shown = progress.clone();
    let bar = output::progress(&service, move || {
        let (objects, written) = (&shown.objects, &shown.written);
        format!("{} objects, {} written", objects.load(Ordering::Relaxed), written.load(Ordering::Relaxed))
    });
    let ended = app::once(settings, Kind::Once, wait, stop, Some(progress)).await;
    bar.finish_and_clear();
    let failed = |failure: Failure| {
        output::failure(&failure);
        let error = failure.message.lines().next().map(str::to_owned);
        (failure.exit, Summary { service: service.clone(), error, ..Summary::default() })
    };
    match ended {
        Ok(Ended::Passed(report, _)) => {
            let exit = exit_of(&report, max_failed);
            if !is_json {
                show(&report, exit);
            }
            tell(&report, exit);
            (exit, report.summary)
        }
        Ok(Ended::Taken { holder }) => {
            let message = format!("service {service}: another writer ({holder}) holds the lease");
            failed(Failure::new(Exit::Lease, message, "stop it, or wait for it with --wait"))
        }
        Err(e) => failed(e.into()),
    }
}

/// The exit code of a pass.
pub(super) fn exit_of(report: &PassReport, max_failed: Percent) -> Exit {
    if let Some(e) = &report.store_error {
        return if e.class == crate::store::FailureClass::Fenced { Exit::Lease } else { Exit::Redis };
    }
    if report.source_error.is_some() || report.refused.is_some() || report.interrupted {
        return Exit::Source;
    }
    if report.too_many_failed(max_failed) { Exit::Failed } else { Exit::Well }
}

/// What went wrong, on standard error; the source's own failure is in the log already.
fn tell(report: &PassReport, exit: Exit) {
    let error = report.summary.error.clone().unwrap_or_default();
    match (exit, &report.store_error) {
        (_, Some(e)) => output::failure(&e.clone().into()),
        (Exit::Failed, _) => {
            output::failure(&Failure::new(exit, error, "the log names each; `ralphext test` shows them"));
        }
        (Exit::Source, _) if report.refused.is_some() => {
            output::failure(&Failure::new(exit, error, report.refused_hint()));
        }
        _ => {}
    }
}

fn show(report: &PassReport, exit: Exit) {
    let s = &report.summary;
    let (mark, style) = if exit == Exit::Well { ("ok", output::GOOD) } else { ("failed", output::BAD) };
    let kind = if s.complete { "complete" } else { "not complete, nothing removed" };
    let rest = s.error.as_deref().map(|e| format!(": {}", output::clean(e))).unwrap_or_default();
    output::say!(
        "{style}{mark}{style:#} {}: {} objects ({kind}), {} written ({}), {} renewed, {} skipped, {} removed, {} failed, {} ms{rest}",
        s.service,
        s.objects,
        s.written,
        output::size(s.bytes_written),
        s.renewed,
        s.skipped,
        s.removed,
        s.failed,
        s.duration_ms,
    );
}
