//! `ralphext unmatched`: the records that are about no object of Ralph's, as the last pass told. It must not resolve anything.

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Unmatched},
    output, target,
};
use crate::{
    model::ServiceName,
    registry::{Descriptor, UnmatchedRecords},
    settings::Settings,
};

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    #[serde(flatten)]
    unmatched: UnmatchedRecords,
}

/// Ends with 0 where every record is about an object, 1 where some are not.
pub fn unmatched(globals: &Globals, args: &Unmatched) -> Result<Exit, Failure> {
    let services: Vec<ServiceName> = match &args.service {
        Some(name) => vec![target::service_name(name)?],
        None => target::services(globals)?.iter().map(Settings::name).cloned().collect(),
    };
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
    let is_well = all.iter().all(|told| told.unmatched.count == 0);
    match (globals.output, all.as_slice()) {
        (Output::Json | Output::Ndjson, [one]) => output::json(one),
        (Output::Json | Output::Ndjson, many) => output::json(&many),
        (Output::Table, many) => many.iter().for_each(show),
    }
    Ok(if is_well { Exit::Well } else { Exit::Failed })
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
