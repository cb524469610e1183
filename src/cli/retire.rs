//! `ralphext retire`: a service that is no more, with everything that it has in Redis. It must not know how keys are removed.

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Retire, Scan},
    holding::{Holding, confirm},
    output::{self, Cell},
    progress::Progress,
    target,
};
use crate::{
    model::ServiceName,
    registry::Descriptor,
    store::{Reader, Strange},
};

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    objects: u64,
    other_keys: u64,
    /// Keys below the service's prefix that are none of ours, left where they are.
    left: u64,
}

/// Ends with 0 when it is gone, 1 when there is nothing of it, 5 while somebody writes it.
pub fn retire(globals: &Globals, args: &Retire) -> Result<Exit, Failure> {
    let service = target::service_name(&args.service)?;
    let mut reader = target::reader(globals)?;
    let stored = reader.descriptor(&service)?;
    let descriptor = stored.as_ref().and_then(|s| serde_json::from_slice::<Descriptor>(&s.value).ok());
    let (ids, strange) = objects(&mut reader, &service, args.scan)?;
    if ids.is_empty() && stored.is_none() {
        let hint = "`ralphext ls` lists the services; the prefix and the database have to be the writer's";
        return Err(Failure::new(Exit::Failed, format!("there is nothing of {service} here"), hint));
    }
    if globals.output == Output::Table {
        let now = target::now_ms();
        let heartbeat = descriptor.as_ref().map_or("-".to_owned(), |d| output::ago(d.heartbeat_at.0, now));
        output::pairs(&[
            ("service", Cell::new(service.as_str(), output::BOLD)),
            ("title", descriptor.as_ref().map_or("-", |d| d.title.as_str()).into()),
            ("last heartbeat", heartbeat.into()),
            ("objects", ids.len().to_string().into()),
            (
                "and",
                "its descriptor, its internal keys (@fence, @lease, @canary, @baseline), its entry in the index".into(),
            ),
        ]);
        if let Some(example) = &strange.example {
            output::say!("{} other keys below its prefix stay: {}", strange.count, output::clean(example));
        }
    }
    confirm(&format!("remove all of that for good? Tabs of {service} will be empty"), args.removal)?;
    let mut holding = Holding::take(globals, &service, "retire", args.removal.wait)?;
    // Whoever wrote it until now may have written more since.
    let (ids, _) = objects(&mut reader, &service, args.scan)?;
    let mut progress = Progress::new(&format!("{service}: removing"), args.scan);
    let objects = holding.remove(&ids, &mut progress)?;
    drop(progress);
    let other_keys = holding.retire()?;
    if globals.output == Output::Table {
        let good = output::GOOD;
        output::say!("{good}retired{good:#} {service}: {objects} objects and {other_keys} other keys are gone");
    } else {
        output::json(&Told { service: service.to_string(), objects, other_keys, left: strange.count });
    }
    Ok(Exit::Well)
}

/// The ids of a service's objects, and what else stands below its prefix.
fn objects(reader: &mut Reader, service: &ServiceName, scan: Scan) -> Result<(Vec<String>, Strange), Failure> {
    let mut progress = Progress::new(&format!("{service}: looking"), scan);
    let mut ids = Vec::new();
    let strange = reader.heads(service, 1, |raw| {
        progress.one();
        ids.push(raw.id);
    })?;
    ids.sort_unstable();
    ids.dedup();
    Ok((ids, strange))
}
