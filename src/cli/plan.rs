//! `ralphext plan`: what `once` would do. It must not change anything.

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Snapshot},
    once::exit_of,
    output::{self, Cell},
    run::{blocking, system},
    target,
};
use crate::{
    app::{self, Ended},
    pipeline::{Kind, PassReport, Plan, Planned, Summary},
};

#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    actions: Vec<Planned>,
}

/// Ends as `once` would.
pub fn plan(globals: &Globals, args: &Snapshot) -> Result<Exit, Failure> {
    let mut all = target::services(globals)?;
    target::with_source(&mut all, args.source, args.complete, true)?;
    let is_json = globals.output == Output::Json;
    blocking(async move {
        let stop = app::stop_on_signal().map_err(system)?;
        let mut worst = Exit::Well;
        let mut told = Vec::new();
        for settings in all {
            let max_failed = settings.limits.max_failed;
            let ended = app::once(settings, Kind::Plan, false, stop.clone(), None).await?;
            let Ended::Passed(report, plan) = ended else { continue };
            worst = worst.max(exit_of(&report, max_failed));
            told.push(tell(*report, plan.unwrap_or_default()));
        }
        match (is_json, told.as_slice()) {
            (true, [one]) => output::json(one),
            (true, many) => output::json(&many),
            (false, many) => many.iter().for_each(show),
        }
        Ok(worst)
    })
}

fn tell(report: PassReport, plan: Plan) -> Told {
    if let Some(e) = &report.store_error {
        output::failure(&e.clone().into());
    }
    Told { summary: report.summary, refused: report.refused, actions: plan.items }
}

fn show(told: &Told) {
    let s = &told.summary;
    let rows: Vec<Vec<Cell>> = told
        .actions
        .iter()
        .map(|p| {
            let style = match p.action {
                "write" => output::GOOD,
                "remove" => output::BAD,
                _ => output::PLAIN,
            };
            vec![Cell::new(p.action, style), p.object_id.as_str().into(), p.reason.into()]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["ACTION", "OBJECT", "WHY"], &rows);
        output::say!("");
    }
    if let Some(refused) = &told.refused {
        let warn = output::WARN;
        output::say!("{warn}kept{warn:#}  {refused}");
    }
    if let Some(error) = &s.error {
        let bad = output::BAD;
        output::say!("{bad}failing{bad:#}  {}", output::clean(error));
    }
    output::say!(
        "{}: of {} objects, {} would be written, {} renewed, {} removed, {} left alone, {} refused; nothing was changed",
        s.service,
        s.objects,
        s.written,
        s.renewed,
        s.removed,
        s.skipped,
        s.failed
    );
}
