//! `ralphext ls`: the services of a Redis, or the objects of one. It must not change anything.

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Ls, Output, Scan},
    output::{self, Cell},
    progress::Progress,
    target,
};
use crate::{
    envelope::{identity_len, parse_head_of},
    model::ServiceName,
    registry::{Descriptor, Stamp},
    store::{FailureClass, RawHead, Reader, StoreError},
};

/// Lists services, or the objects of one.
pub fn ls(globals: &Globals, args: &Ls) -> Result<Exit, Failure> {
    let mut reader = target::reader(globals)?;
    match &args.service {
        None => services(&mut reader, globals.output),
        Some(name) => objects(&mut reader, name, globals.output, args.scan),
    }
}

#[derive(Debug, Serialize)]
struct ServiceRow {
    service: String,
    status: String,
    writer_alive: Option<bool>,
    objects: u64,
    failed: u64,
    as_of: Option<Stamp>,
    heartbeat_at: Stamp,
    title: String,
}

/// Prints the services that `reader` finds.
pub(super) fn services(reader: &mut Reader, output: Output) -> Result<Exit, Failure> {
    let now = target::now_ms();
    let mut rows = Vec::new();
    for listed in reader.services().map_err(refused)? {
        // Without a descriptor the entry is about to be pruned.
        let Some(json) = listed.descriptor else { continue };
        let Ok(d) = serde_json::from_slice::<Descriptor>(&json) else {
            rows.push(unreadable(listed.name, listed.heartbeat));
            continue;
        };
        rows.push(ServiceRow {
            service: listed.name,
            status: d.status.as_str().to_owned(),
            writer_alive: d.is_alive(now),
            objects: d.counts.objects,
            failed: d.counts.failed,
            as_of: d.as_of,
            heartbeat_at: d.heartbeat_at,
            title: d.title,
        });
    }
    if output == Output::Json {
        output::json(&rows);
        return Ok(Exit::Well);
    }
    if rows.is_empty() {
        output::say!("no services here yet; `ralphext run` or `ralphext once` brings the first");
        return Ok(Exit::Well);
    }
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|r| {
            let status = if r.status == "ok" { output::GOOD } else { output::WARN };
            let (writer, style) = match r.writer_alive {
                Some(true) => ("alive", output::GOOD),
                Some(false) => ("not running", output::BAD),
                None => ("now and then", output::PLAIN),
            };
            vec![
                Cell::new(r.service.as_str(), output::BOLD),
                Cell::new(r.status.as_str(), status),
                Cell::new(writer, style),
                r.objects.to_string().into(),
                r.failed.to_string().into(),
                r.as_of.map_or("never".to_owned(), |at| output::ago(at.0, now)).into(),
                output::ago(r.heartbeat_at.0, now).into(),
                r.title.as_str().into(),
            ]
        })
        .collect();
    output::table(&["SERVICE", "STATUS", "WRITER", "OBJECTS", "FAILED", "AS OF", "HEARTBEAT", "TITLE"], &cells);
    Ok(Exit::Well)
}

/// A service's own user may read only its own descriptor.
pub(super) fn refused(e: StoreError) -> Failure {
    let hint = "all services are listed from their descriptors: let the user read them (`ralphext acl SVC --with peers`), or \
                be a reader (`ralphext acl --reader`) by RALPHEXT__REDIS__USERNAME and RALPHEXT__REDIS__PASSWORD";
    match e.class {
        FailureClass::Permission => Failure::new(Exit::Redis, e.to_string(), hint),
        _ => e.into(),
    }
}

/// A service whose descriptor holds something else: its writer brings it back with its next heartbeat.
fn unreadable(service: String, heartbeat: u64) -> ServiceRow {
    ServiceRow {
        service,
        status: "unreadable".to_owned(),
        writer_alive: Some(false),
        objects: 0,
        failed: 0,
        as_of: None,
        heartbeat_at: Stamp(heartbeat),
        title: "its descriptor holds something else".to_owned(),
    }
}

#[derive(Debug, Serialize)]
struct ObjectRow {
    object_id: String,
    version: Option<u64>,
    changed_at: Option<Stamp>,
    hash: Option<String>,
    ttl_ms: Option<u64>,
}

fn objects(reader: &mut Reader, name: &str, output: Output, scan: Scan) -> Result<Exit, Failure> {
    let service = target::service_name(name)?;
    let mut rows: Vec<ObjectRow> = Vec::new();
    let mut progress = Progress::new(&format!("{service}: looking"), scan);
    let strange = reader.heads(&service, identity_len(&service), |raw| {
        progress.one();
        rows.push(row(raw, &service));
    })?;
    drop(progress);
    rows.sort_by(|a, b| natural(&a.object_id).cmp(&natural(&b.object_id)));
    rows.dedup_by(|a, b| a.object_id == b.object_id);
    if output == Output::Json {
        output::json(&rows);
        return Ok(Exit::Well);
    }
    if let Some(example) = strange.example {
        let (count, warn) = (strange.count, output::WARN);
        output::note(format_args!(
            "{warn}note:{warn:#} {count} keys below {service}'s prefix are no objects: {example}"
        ));
    }
    if rows.is_empty() {
        output::say!("{service} has no objects here; `ralphext ls` lists the services");
        return Ok(Exit::Well);
    }
    let now = target::now_ms();
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|r| {
            vec![
                Cell::new(r.object_id.as_str(), output::BOLD),
                r.version.map_or_else(|| Cell::new("no envelope", output::BAD), |v| v.to_string().into()),
                r.changed_at.map_or("-".to_owned(), |at| output::ago(at.0, now)).into(),
                r.ttl_ms.map_or("none".to_owned(), output::span).into(),
                r.hash.as_deref().map_or("-", |hash| &hash[..16]).into(),
            ]
        })
        .collect();
    output::table(&["OBJECT", "VERSION", "CHANGED", "TTL LEFT", "HASH"], &cells);
    Ok(Exit::Well)
}

fn row(raw: RawHead, service: &ServiceName) -> ObjectRow {
    let head = parse_head_of(&raw.head, service.as_str(), &raw.id).ok();
    ObjectRow {
        version: head.map(|h| h.version.0),
        changed_at: head.map(|h| Stamp(h.changed_at)),
        hash: head.map(|h| h.digest.to_string()),
        ttl_ms: u64::try_from(raw.pttl).ok(),
        object_id: raw.id,
    }
}

/// Numbers by value, before everything else by text.
fn natural(id: &str) -> (u64, &str) {
    (id.parse().unwrap_or(u64::MAX), id)
}
