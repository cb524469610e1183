//! `ralphext unmatched`: the records that are about no object of Ralph's, as the last pass told or as they are now. It must
//! not write anything.

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Unmatched},
    output,
    run::blocking,
    target,
};
use crate::{
    app,
    model::ServiceName,
    pipeline::unmatched_now,
    registry::{Descriptor, UnmatchedRecords},
    settings::Settings,
};

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    #[serde(flatten)]
    unmatched: UnmatchedRecords,
}

/// Ends with 0 where every record is about an object, 1 where some are not; 3 where a source failed that was asked.
pub fn unmatched(globals: &Globals, args: &Unmatched) -> Result<Exit, Failure> {
    let services: Vec<ServiceName> = match &args.service {
        Some(name) => vec![target::service_name(name)?],
        None => target::services(globals)?.iter().map(Settings::name).cloned().collect(),
    };
    let all = if args.live { live(globals, &services)? } else { told(globals, services)? };
    let is_well = all.iter().all(|told| told.unmatched.count == 0);
    match (globals.output, all.as_slice()) {
        (Output::Json | Output::Ndjson, [one]) => output::json(one),
        (Output::Json | Output::Ndjson, many) => output::json(&many),
        (Output::Table, many) => many.iter().for_each(show),
    }
    Ok(if is_well { Exit::Well } else { Exit::Failed })
}

/// As they are now.
fn live(globals: &Globals, services: &[ServiceName]) -> Result<Vec<Told>, Failure> {
    let all: Vec<Settings> =
        target::services(globals)?.into_iter().filter(|settings| services.contains(settings.name())).collect();
    if let Some(name) = services.iter().find(|name| all.iter().all(|settings| settings.name() != *name)) {
        let hint = "name a configured service, or leave --live away";
        return Err(Failure::new(Exit::Usage, format!("{name} is not configured here"), hint));
    }
    let mut told = Vec::new();
    for settings in all {
        let service = settings.name().to_string();
        if !settings.identity.is_on() {
            let message = format!("{service}: no identity is configured, so no record is matched with anything");
            return Err(Failure::new(Exit::Usage, message, "see docs/identity.md for [identity]"));
        }
        let looked = blocking(async move {
            let mut source = app::source_once(&settings, None).await?;
            Ok(unmatched_now(source.as_mut()).await?)
        })?;
        told.push(Told { service, unmatched: looked });
    }
    Ok(told)
}

/// As the last pass told.
fn told(globals: &Globals, services: Vec<ServiceName>) -> Result<Vec<Told>, Failure> {
    let mut reader = target::reader(globals)?;
    let mut all = Vec::new();
    for service in services {
        let Some(stored) = reader.descriptor(&service)? else {
            let hint = "`ralphext ls` lists the services that there are";
            return Err(Failure::new(Exit::Failed, format!("{service} has never written here"), hint));
        };
        let descriptor: Descriptor = serde_json::from_slice(&stored.value).map_err(|e| {
            let hint = "the next heartbeat of its writer heals it";
            Failure::new(Exit::Failed, format!("the descriptor of {service} holds something else: {e}"), hint)
        })?;
        all.push(Told { service: service.to_string(), unmatched: descriptor.unmatched.unwrap_or_default() });
    }
    Ok(all)
}

fn show(told: &Told) {
    let Told { service, unmatched } = told;
    let style = if unmatched.count == 0 { output::GOOD } else { output::BAD };
    let reasons: Vec<String> = unmatched.by_reason.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let reasons = if reasons.is_empty() { "every record is about an object".to_owned() } else { reasons.join(", ") };
    output::say!("{style}{service}{style:#}  {} unmatched: {reasons}", unmatched.count);
    for record in &unmatched.examples {
        let (bold, dim) = (output::BOLD, output::DIM);
        output::say!(
            "  {bold}{}{bold:#}  {}: {}  {dim}{}{dim:#}",
            output::clean(&record.matching),
            record.reason,
            output::clean(&record.why),
            output::clean(&record.place)
        );
    }
    let shown = unmatched.examples.len() as u64;
    if unmatched.count > shown {
        output::say!("  and {} more", unmatched.count - shown);
    }
}
