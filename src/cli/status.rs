//! `ralphext status`: one screen on the configured services. It must not read anything but descriptors, leases, and what a
//! sidecar on this host says of itself.

use std::time::Duration;

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output},
    output::{self, Cell},
    target,
};
use crate::{
    admin::{self, Readiness},
    pipeline::Role,
    registry::{Descriptor, InputState, ServiceStatus},
    settings::Settings,
    store::{Reader, Target},
};

/// How long the sidecar on this host may take to answer; without one nothing is waited for.
const SIDECAR_LIMIT: Duration = Duration::from_millis(500);

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    well: bool,
    verdict: String,
    lease_holder: Option<String>,
    /// What the sidecar on this host, if one listens where the configuration says, is to the service.
    sidecar: Option<admin::Told>,
    descriptor: Option<Descriptor>,
}

/// Ends with 0 when every service is well, else with 1.
pub fn status(globals: &Globals) -> Result<Exit, Failure> {
    let all = target::services(globals)?;
    // They all have the same listener: it was checked.
    let sidecar = all.first().and_then(|settings| admin::ask(settings.admin.listen, SIDECAR_LIMIT));
    let mut told = Vec::new();
    for settings in &all {
        told.push(one(settings, sidecar.as_ref())?);
    }
    match (globals.output, told.as_slice()) {
        (Output::Json | Output::Ndjson, [one]) => output::json(one),
        (Output::Json | Output::Ndjson, many) => output::json(&many),
        (Output::Table, many) => many.iter().enumerate().for_each(|(i, t)| {
            if i > 0 {
                output::say!("");
            }
            show(t);
        }),
    }
    Ok(if told.iter().all(|t| t.well) { Exit::Well } else { Exit::Failed })
}

fn one(settings: &Settings, sidecar: Option<&Readiness>) -> Result<Told, Failure> {
    let mut reader = Reader::open(Target::new(&settings.redis)?, &settings.redis.prefix)?;
    let service = settings.name();
    let read = reader.descriptor(service)?.map(|s| serde_json::from_slice::<Descriptor>(&s.value));
    let lease_holder = reader.lease(service)?.map(|s| String::from_utf8_lossy(&s.value).into_owned());
    let (well, verdict) = match &read {
        Some(Err(e)) => {
            (false, format!("its descriptor holds something else, until the next heartbeat of its writer: {e}"))
        }
        Some(Ok(descriptor)) => verdict(Some(descriptor), target::now_ms()),
        None => verdict(None, target::now_ms()),
    };
    let descriptor = read.and_then(Result::ok);
    let sidecar = sidecar.and_then(|sidecar| sidecar.services.get(service.as_str())).cloned();
    Ok(Told { service: service.to_string(), well, verdict, lease_holder, sidecar, descriptor })
}

/// Whether a service is well, and how it is in a few words.
pub(super) fn verdict(descriptor: Option<&Descriptor>, now: u64) -> (bool, String) {
    let Some(d) = descriptor else {
        return (false, "has never written here, or has been gone for longer than its content lives".to_owned());
    };
    let since = output::ago(d.heartbeat_at.0, now);
    if d.status == ServiceStatus::Stopped {
        return (false, format!("was stopped {since}; its keys live until their TTL runs out"));
    }
    if d.is_alive(now) == Some(false) {
        return (
            false,
            format!("its writer has not been heard of since {since}; its keys live until their TTL runs out"),
        );
    }
    match (d.status, &d.last_error) {
        (ServiceStatus::Failing | ServiceStatus::Stale, Some(e)) => {
            (false, format!("failing since {}: {}", output::ago(e.since.0, now), e.message))
        }
        (ServiceStatus::Starting, _) => (true, "starting: its first pass has not ended yet".to_owned()),
        _ if d.is_stale(now) => (false, "stale: no good pass for longer than it promises".to_owned()),
        _ => (true, "well".to_owned()),
    }
}

/// What this host's sidecar is to the service.
fn here(sidecar: &admin::Told, now: u64) -> String {
    let since = output::ago(sidecar.state.since.0, now);
    match &sidecar.state.role {
        Role::Standby { holder } => format!("this host's sidecar stands by behind {holder}, since {since}"),
        Role::Writer { .. } => format!("this host's sidecar is the writer, since {since}"),
        Role::Stopped => "this host's sidecar is ending".to_owned(),
        Role::Connecting => match &sidecar.state.last_error {
            Some(error) => format!("this host's sidecar cannot write, since {since}: {error}"),
            None => "this host's sidecar is starting".to_owned(),
        },
    }
}

/// One of several inputs on a line.
fn input_row(name: &str, input: &InputState, now: u64) -> (String, String) {
    let as_of = input.as_of.map_or("never".to_owned(), |at| output::ago(at.0, now));
    let error = input
        .last_error
        .as_ref()
        .map_or(String::new(), |e| format!("; failing since {}: {}", output::ago(e.since.0, now), e.message));
    let failed = if input.failed > 0 { format!(", {} failed", input.failed) } else { String::new() };
    (format!("  input {name}"), format!("{} objects{failed}, as of {as_of}{error}", input.objects))
}

fn show(told: &Told) {
    let now = target::now_ms();
    let style = if told.well { output::GOOD } else { output::BAD };
    let mark = if told.well { "●" } else { "✗" };
    output::say!("{style}{mark} {}{style:#}  {}", told.service, output::clean(&told.verdict));
    if let Some(sidecar) = &told.sidecar {
        output::say!("  {}", output::clean(&here(sidecar, now)));
    }
    let Some(d) = &told.descriptor else { return };
    let ago = |stamp: Option<crate::registry::Stamp>| {
        stamp.map_or("never".to_owned(), |at| format!("{at} ({})", output::ago(at.0, now)))
    };
    let holder = told.lease_holder.clone().unwrap_or_else(|| "nobody".to_owned());
    let mut rows: Vec<(&str, Cell)> = vec![
        ("  as of", ago(d.as_of).into()),
        ("  heartbeat", ago(Some(d.heartbeat_at)).into()),
        ("  lease held by", holder.into()),
        ("  objects", format!("{}, {} failed", d.counts.objects, d.counts.failed).into()),
        ("  source", d.writer.source.as_str().into()),
    ];
    if let Some(p) = &d.last_pass {
        let text = format!(
            "{} objects: {} written, {} renewed, {} skipped, {} removed, {} failed in {} ms ({})",
            p.objects,
            p.written,
            p.renewed,
            p.skipped,
            p.removed,
            p.failed,
            p.duration_ms,
            output::ago(p.started_at.0, now),
        );
        rows.push(("  last pass", text.into()));
    }
    let inputs: Vec<(String, String)> = d.inputs.iter().map(|(name, input)| input_row(name, input, now)).collect();
    rows.extend(inputs.iter().map(|(name, text)| (name.as_str(), text.as_str().into())));
    if let Some(e) = &d.last_error {
        rows.push(("  last error", Cell::new(e.message.as_str(), output::BAD)));
    }
    output::pairs(&rows);
    for f in d.failed_objects.iter().take(5) {
        let id = f.object_id.as_deref().unwrap_or("-");
        let bad = output::BAD;
        output::say!("  {bad}{}{bad:#}  {}: {}", output::clean(id), output::clean(&f.place), output::clean(&f.reason));
    }
}
