//! `ralphext get`: one object's value. It must not interpret its content.

use super::{
    Exit, Failure,
    args::{Globals, Object, Output},
    output::{self, Cell},
    target,
};
use crate::envelope;

/// Prints the envelope: as it is with `--output json`, else for people.
pub fn get(globals: &Globals, args: &Object) -> Result<Exit, Failure> {
    let (service, id) = (target::service_name(&args.service)?, target::object_id(&args.id)?);
    let mut reader = target::reader(globals)?;
    let Some(stored) = reader.object(&service, &id)? else {
        let hint = format!("`ralphext ls {service}` lists the objects; `ralphext explain {service} {id}` tells why");
        return Err(Failure::new(Exit::Failed, format!("{service} has no value for object {id}"), hint));
    };
    // What is no envelope is not printed: who knows what it would do to a terminal.
    let opened = envelope::open(&stored.value).map_err(|e| e.to_string());
    let envelope = opened.and_then(|e| match e.service == service.as_str() && e.object_id == id.as_str() {
        true => Ok(e),
        false => Err(format!("it is the one of object {} of {}", e.object_id, e.service)),
    });
    let envelope = envelope.map_err(|e| {
        let hint = "a key of ours holds something else; the next pass or renewal heals it";
        Failure::new(Exit::Failed, format!("the value of object {id} is no envelope of it: {e}"), hint)
    })?;
    if globals.output == Output::Json {
        output::say!("{}", String::from_utf8_lossy(&stored.value));
        return Ok(Exit::Well);
    }
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
    output::say!("");
    match &envelope.content {
        serde_json::Value::String(text) => output::say!("{}", output::clean(text)),
        value => output::say!("{}", output::clean(&serde_json::to_string_pretty(value).unwrap_or_default())),
    }
    Ok(Exit::Well)
}
