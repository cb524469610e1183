//! `ralphext get`: one object's value, or a part of it. It must not know what its content means.

use std::io::{IsTerminal, Write as _};

use serde_json::{Value, json};

use super::{
    Exit, Failure,
    args::{Get, Globals, Output},
    output::{self, Cell},
    target,
};
use crate::{
    envelope::{self, Envelope},
    model::{ContentType, ObjectId, ServiceName},
    page::{self, Page},
    store::Stored,
};

/// Prints the envelope: as it is with `--output json`, else for people.
pub fn get(globals: &Globals, args: &Get) -> Result<Exit, Failure> {
    let (service, id) = (target::service_name(&args.service)?, target::object_id(&args.id)?);
    let mut reader = target::reader(globals)?;
    let Some(stored) = reader.object(&service, &id)? else {
        let hint = format!("`ralphext ls {service}` lists the objects; `ralphext explain {service} {id}` tells why");
        return Err(Failure::new(Exit::Failed, format!("{service} has no value for object {id}"), hint));
    };
    if args.raw {
        raw(&stored.value);
        return Ok(Exit::Well);
    }
    let envelope = opened(&stored, &service, &id)?;
    if let Some(pointer) = &args.field {
        return field(&envelope, pointer);
    }
    if args.html {
        raw(html(&envelope).as_bytes());
        return Ok(Exit::Well);
    }
    match (globals.output, args.head) {
        (Output::Table, _) => {
            about(&envelope, &stored);
            if !args.head {
                output::say!("");
                content(&envelope);
            }
        }
        (_, true) => output::json(&head(&envelope, &stored)),
        _ => output::say!("{}", String::from_utf8_lossy(&stored.value)),
    }
    Ok(Exit::Well)
}

/// What is no envelope is not printed: who knows what it would do to a terminal.
fn opened(stored: &Stored, service: &ServiceName, id: &ObjectId) -> Result<Envelope, Failure> {
    let opened = envelope::open(&stored.value).map_err(|e| e.to_string());
    let envelope = opened.and_then(|e| match e.service == service.as_str() && e.object_id == id.as_str() {
        true => Ok(e),
        false => Err(format!("it is the one of object {} of {}", e.object_id, e.service)),
    });
    envelope.map_err(|e| {
        let hint = "a key of ours holds something else; the next pass or renewal heals it, --raw prints it";
        Failure::new(Exit::Failed, format!("the value of object {id} is no envelope of it: {e}"), hint)
    })
}

/// The bytes as they are; on a terminal without what could steer it.
fn raw(value: &[u8]) {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        output::say!("{}", output::clean(&String::from_utf8_lossy(value)));
        return;
    }
    // Whoever reads it may stop reading.
    let _ = out.write_all(value).and_then(|()| out.flush());
}

fn field(envelope: &Envelope, pointer: &str) -> Result<Exit, Failure> {
    let whole = serde_json::to_value(envelope).unwrap_or_default();
    if !pointer.starts_with('/') {
        let hint = format!("write /{pointer}, or /content/{pointer}");
        return Err(Failure::new(Exit::Usage, format!("{pointer:?} is no pointer: it begins with no /"), hint));
    }
    let Some(found) = whole.pointer(pointer) else {
        let hint = "the members of the envelope are /version, /changed_at, /content and so on; see `ralphext schema envelope.v1`";
        return Err(Failure::new(Exit::Failed, format!("object {} has no {pointer}", envelope.object_id), hint));
    };
    match found {
        Value::String(text) => output::say!("{}", output::clean(text)),
        other => output::say!("{}", output::clean(&other.to_string())),
    }
    Ok(Exit::Well)
}

fn html(envelope: &Envelope) -> String {
    let kind = ContentType::parse(&envelope.content_type).unwrap_or(ContentType::JSON);
    let body = page::content(&kind, &envelope.content.to_string(), &[]);
    let title = format!("{} {}", envelope.service, envelope.object_id);
    Page { title: &title, body: &body, script: None, images: &[] }.html()
}

fn head(envelope: &Envelope, stored: &Stored) -> Value {
    json!({
        "service": envelope.service,
        "object_id": envelope.object_id,
        "version": envelope.version,
        "epoch": envelope.epoch,
        "changed_at": envelope.changed_at,
        "hash": envelope.hash,
        "content_type": envelope.content_type,
        "encoding": envelope.encoding,
        "bytes": stored.value.len(),
        "ttl_left_ms": u64::try_from(stored.pttl).ok(),
    })
}

fn about(envelope: &Envelope, stored: &Stored) {
    let ttl = u64::try_from(stored.pttl).map_or("none".to_owned(), output::span);
    output::pairs(&[
        ("object", Cell::new(envelope.object_id.as_str(), output::BOLD)),
        ("service", envelope.service.as_str().into()),
        ("version", envelope.version.to_string().into()),
        ("changed at", envelope.changed_at.as_str().into()),
        ("hash", envelope.hash.as_str().into()),
        ("type", format!("{} ({})", envelope.content_type, envelope.encoding).into()),
        ("size", output::size(stored.value.len() as u64).into()),
        ("TTL left", ttl.into()),
    ]);
}

fn content(envelope: &Envelope) {
    match &envelope.content {
        Value::String(text) => output::say!("{}", output::clean(text)),
        value => output::say!("{}", output::clean(&serde_json::to_string_pretty(value).unwrap_or_default())),
    }
}
