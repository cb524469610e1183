//! `ralphext rm` and `ralphext purge`: objects that nobody writes any more. It must not know how keys are removed.

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Purge, Removal, Rm, Scan},
    holding::{Holding, confirm},
    output::{self, Cell},
    progress::Progress,
    target,
};
use crate::{
    envelope::{identity_len, parse_head_of},
    model::ServiceName,
    registry::Stamp,
    store::Reader,
};

/// Objects that are shown before the question.
const SHOWN: usize = 20;

#[derive(Debug, Serialize)]
struct Told {
    service: String,
    removed: u64,
    asked_for: usize,
}

/// Removes the named objects. Ends with 1 when none of them was there.
pub fn rm(globals: &Globals, args: &Rm) -> Result<Exit, Failure> {
    let service = target::service_name(&args.service)?;
    let mut ids =
        args.ids.iter().map(|id| target::object_id(id).map(|id| id.to_string())).collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    let mut reader = target::reader(globals)?;
    let mut is_there = false;
    for id in &ids {
        is_there |= reader.object(&service, &target::object_id(id)?)?.is_some();
    }
    if !is_there {
        let hint = format!("`ralphext ls {service}` lists the objects");
        return Err(Failure::new(Exit::Failed, format!("{service} has no such object"), hint));
    }
    let what = if ids.len() == 1 { format!("object {}", ids[0]) } else { format!("{} objects", ids.len()) };
    remove(globals, &service, &ids, &format!("remove {what} of {service}?"), "rm", args.removal)
}

/// Removes what did not change for a while. Ends with 0 also when there is nothing.
pub fn purge(globals: &Globals, args: &Purge) -> Result<Exit, Failure> {
    let service = target::service_name(&args.service)?;
    let now = target::now_ms();
    let before = now.saturating_sub(u64::try_from(args.older_than.as_millis()).unwrap_or(u64::MAX));
    let mut old: Vec<(u64, String)> = Vec::new();
    let mut reader = target::reader(globals)?;
    each_changed_at(&mut reader, &service, args.scan, |id, changed_at| {
        if changed_at < before {
            old.push((changed_at, id));
        }
    })?;
    old.sort_unstable();
    old.dedup();
    if old.is_empty() {
        if globals.output == Output::Table {
            output::say!("{service} has no object that did not change for {}", args.older_than);
        } else {
            output::json(&Told { service: service.to_string(), removed: 0, asked_for: 0 });
        }
        return Ok(Exit::Well);
    }
    if globals.output == Output::Table {
        let cells: Vec<Vec<Cell>> = old
            .iter()
            .take(SHOWN)
            .map(|(at, id)| {
                vec![Cell::new(id.as_str(), output::BOLD), output::ago(*at, now).into(), Stamp(*at).to_string().into()]
            })
            .collect();
        output::table(&["OBJECT", "CHANGED", "AT"], &cells);
        if old.len() > SHOWN {
            output::say!("... and {} more", old.len() - SHOWN);
        }
    }
    let question = format!("remove {} objects of {service} that did not change for {}?", old.len(), args.older_than);
    let ids: Vec<String> = old.into_iter().map(|(_, id)| id).collect();
    remove(globals, &service, &ids, &question, "purge", args.removal)
}

/// Walks over the objects of a service that have a sound head.
fn each_changed_at(
    reader: &mut Reader,
    service: &ServiceName,
    scan: Scan,
    mut each: impl FnMut(String, u64),
) -> Result<(), Failure> {
    let mut progress = Progress::new(&format!("{service}: looking"), scan);
    reader.heads(service, identity_len(service), |raw| {
        progress.one();
        if let Ok(head) = parse_head_of(&raw.head, service.as_str(), &raw.id) {
            each(raw.id, head.changed_at);
        }
    })?;
    Ok(())
}

fn remove(
    globals: &Globals,
    service: &ServiceName,
    ids: &[String],
    question: &str,
    verb: &str,
    removal: Removal,
) -> Result<Exit, Failure> {
    confirm(question, removal)?;
    let mut holding = Holding::take(globals, service, verb, removal.wait)?;
    let mut progress = Progress::new(&format!("{service}: removing"), Scan { max_rate: 0 });
    let removed = holding.remove(ids, &mut progress)?;
    drop(progress);
    holding.release()?;
    if globals.output == Output::Table {
        let good = output::GOOD;
        output::say!("{good}removed{good:#} {removed} of {} objects of {service}", ids.len());
    } else {
        output::json(&Told { service: service.to_string(), removed, asked_for: ids.len() });
    }
    Ok(Exit::Well)
}
