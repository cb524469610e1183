//! `ralphext explain`: why an object's key is as it is. It must not change anything.

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Object, Output},
    output::{self, Cell},
    target,
};
use crate::{
    app, browse,
    envelope::parse_head_of,
    registry::{Descriptor, Stamp},
};

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    object_id: String,
    key: String,
    state: &'static str,
    why: String,
    source: Option<String>,
    version: Option<u64>,
    epoch: Option<u64>,
    changed_at: Option<Stamp>,
    hash: Option<String>,
    bytes: Option<usize>,
    ttl_left_ms: Option<u64>,
    last_pass_at: Option<Stamp>,
    last_error: Option<String>,
}

/// Ends with 0 when the object has a sound value, else with 1.
pub fn explain(globals: &Globals, args: &Object) -> Result<Exit, Failure> {
    let (service, id) = (target::service_name(&args.service)?, target::object_id(&args.id)?);
    let mut reader = target::reader(globals)?;
    let stored = reader.object(&service, &id)?;
    let read = reader.descriptor(&service)?.map(|s| serde_json::from_slice::<Descriptor>(&s.value));
    let is_unreadable = matches!(read, Some(Err(_)));
    let descriptor = read.and_then(Result::ok);
    let head = stored.as_ref().map(|s| parse_head_of(&s.value, service.as_str(), id.as_str()));
    let failed =
        descriptor.as_ref().and_then(|d| d.failed_objects.iter().find(|f| f.object_id.as_deref() == Some(id.as_str())));
    let now = target::now_ms();
    let (state, why) = match is_unreadable {
        true => {
            ("unknown service", "its descriptor holds something else, until its writer's next heartbeat".to_owned())
        }
        false => browse::why(head.as_ref(), descriptor.as_ref(), failed, now),
    };
    let head = head.and_then(Result::ok);
    let told = Told {
        key: reader.object_key(&service, &id),
        service: service.to_string(),
        object_id: id.to_string(),
        state,
        why,
        source: configured(globals, &args.service).or_else(|| Some(descriptor.as_ref()?.writer.source.clone())),
        version: head.map(|h| h.version.0),
        epoch: head.map(|h| h.epoch.0),
        changed_at: head.map(|h| Stamp(h.changed_at)),
        hash: head.map(|h| h.digest.to_string()),
        bytes: stored.as_ref().map(|s| s.value.len()),
        ttl_left_ms: stored.as_ref().and_then(|s| u64::try_from(s.pttl).ok()),
        last_pass_at: descriptor.as_ref().and_then(|d| d.last_pass.as_ref()).map(|p| p.started_at),
        last_error: failed
            .map(|f| format!("{}: {}", f.place, f.reason))
            .or_else(|| descriptor.and_then(|d| d.last_error).map(|e| e.message)),
    };
    match globals.output {
        Output::Json | Output::Ndjson => output::json(&told),
        Output::Table => show(&told, now),
    }
    Ok(if head.is_some() { Exit::Well } else { Exit::Failed })
}

/// The service's source as it is configured here; what others configured is not known.
fn configured(globals: &Globals, service: &str) -> Option<String> {
    let all = target::services(globals).ok()?;
    let settings = all.iter().find(|s| s.name().as_str() == service)?;
    app::block_on(async { app::describe(settings) }).ok()?.ok()
}

fn show(told: &Told, now: u64) {
    let style = if told.state == "current" { output::GOOD } else { output::WARN };
    output::say!("{style}{}{style:#}  {}", told.state, output::clean(&told.why));
    let ago = |at: Option<Stamp>| at.map_or("-".to_owned(), |at| format!("{at} ({})", output::ago(at.0, now)));
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    output::pairs(&[
        ("  key", Cell::new(told.key.as_str(), output::BOLD)),
        ("  source", text(told.source.clone()).into()),
        ("  version", text(told.version.map(|v| v.to_string())).into()),
        ("  written by epoch", text(told.epoch.map(|v| v.to_string())).into()),
        ("  changed at", ago(told.changed_at).into()),
        ("  hash", text(told.hash.clone()).into()),
        ("  size", text(told.bytes.map(|b| output::size(b as u64))).into()),
        ("  TTL left", text(told.ttl_left_ms.map(output::span)).into()),
        ("  last pass", ago(told.last_pass_at).into()),
        ("  last error", text(told.last_error.clone()).into()),
    ]);
}
