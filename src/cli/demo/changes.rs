//! What becomes of a change, a loss, a suspicious loss, and an emptied Redis. It must not start or stop anything.

use std::time::Instant;

use serde_json::Value;

use super::{
    show,
    stage::{Found, Objects, Seen, Stage, object, wrong},
    story::Record,
};
use crate::{
    cli::{
        Failure,
        output::{BAD, say},
        target::now_ms,
    },
    model::ServiceName,
    registry::ServiceStatus,
};

const OK: &str = "\"status\": \"ok\"";
const WARNING: &str = "\"status\": \"warning\"";

/// One line of the file changes: one write.
pub fn one_changes(stage: &mut Stage, records: &[Record]) -> Result<(), Failure> {
    show::heading(4, "One object changes: one write");
    let Some(changing) = records.iter().find(|r| r.line.contains(OK)) else {
        return Err(wrong("the inventory has no card whose status is ok"));
    };
    let (service, id) = (stage.inventory.clone(), object(&changing.id)?);
    let mut before = stage.objects(&service)?;
    let (_, old, _) = stage.get(&service, &id)?;
    stage.seen()?;
    let lines =
        records.iter().map(|r| if r.id == changing.id { r.line.replacen(OK, WARNING, 1) } else { r.line.into() });
    show::command(&format!("sed -i '/^{{\"id\": {id},/ s/{OK}/{WARNING}/' inventory.ndjson"));
    let written = stage.write_inventory(&text(lines))?;
    let at = stage.until("waiting for the new value", |stage| {
        let head = stage.head(&service, &id)?.ok_or_else(|| wrong(format!("object {id} went away")))?;
        Ok((head.version.0 != old.version).then(Instant::now))
    })?;
    stage.good_pass(&service, written.at_ms)?;
    let (_, new, _) = stage.get(&service, &id)?;
    expect(&stage.seen()?, &service, &[id.as_str()], &[])?;
    let mut after = stage.objects(&service)?;
    before.remove(id.as_str());
    after.remove(id.as_str());
    if !same_heads(&before, &after) {
        return Err(wrong(format!("more than object {id} was changed")));
    }
    if new.version <= old.version || new.hash == old.hash || new.content["status"] != "warning" {
        return Err(wrong(format!("object {id} was written, but not as it should be: {new:?}")));
    }
    let status = |content: &Value| content["status"].as_str().unwrap_or_default().to_owned();
    show::compared(
        ["BEFORE", "AFTER"],
        &[
            ("status", status(&old.content), status(&new.content)),
            ("version", old.version.to_string(), new.version.to_string()),
            ("changed_at", old.changed_at.clone(), new.changed_at.clone()),
            ("hash", format!("{}…", &old.hash[..24]), format!("{}…", &new.hash[..24])),
        ],
    );
    show::aside("(The demo does what the command would do: a new file, renamed over the old one.)");
    say!("");
    show::proved(&format!(
        "{} was readable {} after the file was in place.",
        stage.reader.object_key(&service, &id),
        show::time(at.saturating_duration_since(written.at))
    ));
    show::proved(&format!("The server saw exactly 1 `set`; the other {} values are as they were.", after.len()));
    Ok(())
}

/// The last line of the file goes: one removal.
pub fn one_vanishes(stage: &mut Stage, records: &[Record]) -> Result<(), Failure> {
    show::heading(5, "One object vanishes: its key goes. Half of all vanish: nothing does");
    let Some((last, kept)) = records.split_last() else { return Err(wrong("the inventory is empty")) };
    let (service, id) = (stage.inventory.clone(), object(&last.id)?);
    back_to(stage, &service, records)?;
    stage.seen()?;
    show::command("sed -i '$d' inventory.ndjson");
    let written = stage.write_inventory(&text(kept.iter().map(|r| r.line.to_owned())))?;
    let at = stage
        .until("waiting for the key to go", |stage| Ok(stage.head(&service, &id)?.is_none().then(Instant::now)))?;
    stage.good_pass(&service, written.at_ms)?;
    let seen = stage.seen()?;
    expect(&seen, &service, &[], &[id.as_str()])?;
    let left = stage.objects(&service)?.len();
    if left != kept.len() {
        return Err(wrong(format!("{left} objects are left, {} should be", kept.len())));
    }
    show::proved(&format!(
        "{} was gone {} later; the other {left} are there.",
        stage.reader.object_key(&service, &id),
        show::time(at.saturating_duration_since(written.at))
    ));
    Ok(())
}

/// Half of the file goes: refused.
pub fn half_vanishes(stage: &mut Stage, records: &[Record]) -> Result<(), Failure> {
    let service = stage.inventory.clone();
    let half = records.len() / 2;
    let before = back_to(stage, &service, records)?;
    stage.seen()?;
    show::command(&format!("sed -i '{},$d' inventory.ndjson", half + 1));
    let written = stage.write_inventory(&text(records[..half].iter().map(|r| r.line.to_owned())))?;
    let error = stage.until("waiting for the pass to be refused", |stage| {
        let Some(d) = stage.descriptor(&service)? else { return Ok(None) };
        Ok(d.last_error.filter(|e| d.status == ServiceStatus::Failing && e.at.0 >= written.at_ms))
    })?;
    let (seen, after) = (stage.seen()?, stage.objects(&service)?);
    expect(&seen, &service, &[], &[])?;
    if !error.message.starts_with("refused to delete") || !before.keys().eq(after.keys()) {
        return Err(wrong(format!("the shrink guard should have refused, but: {}", error.message)));
    }
    let (refused, remedy) = error.message.split_once("; ").unwrap_or((&error.message, ""));
    say!("  {BAD}inventory: {refused}{BAD:#}");
    if !remedy.is_empty() {
        say!("  {remedy}");
    }
    show::proved(&format!(
        "All {} keys are still there; the service is `failing` until the file is whole.",
        after.len()
    ));
    let after = back_to(stage, &service, records)?;
    if stage.seen()?.objects("set", &service) != [""; 0] || !same_heads(&before, &after) {
        return Err(wrong("values were written when the file came back, although none had changed"));
    }
    show::proved("The file is back and the service is `ok`: nothing had to be written, since nothing was lost.");
    show::aside(
        "A source that breaks off, hangs or is suddenly empty is the usual outage. What is shown stays, and its age and \
         the reason are told. `limits.max_shrink` sets the bound; losing everything is never believed.",
    );
    Ok(())
}

/// The server forgets everything: it comes back.
pub fn everything_vanishes(stage: &mut Stage) -> Result<(), Failure> {
    show::heading(6, "Redis loses everything: it heals by itself");
    let services = [stage.hwinfo.clone(), stage.inventory.clone()];
    let before = services.iter().map(|s| stage.objects(s)).collect::<Result<Vec<_>, _>>()?;
    show::command("redis-cli FLUSHALL");
    let since = now_ms();
    stage.flush()?;
    let begun = Instant::now();
    let after = stage.until("waiting for the keys to come back", |stage| {
        let after = services.iter().map(|s| stage.objects(s)).collect::<Result<Vec<_>, _>>()?;
        Ok(before.iter().zip(&after).all(|(b, a)| b.keys().eq(a.keys())).then_some(after))
    })?;
    let took = begun.elapsed();
    services.iter().try_for_each(|s| stage.good_pass(s, since).map(drop))?;
    for (id, new) in after.iter().flatten() {
        let old = before.iter().find_map(|objects| objects.get(id));
        if old.is_none_or(|old| new.head.version <= old.head.version) {
            return Err(wrong(format!("object {id} came back, but not with a greater version")));
        }
    }
    let same = |(id, new): (&String, &Found)| before[1].get(id).is_some_and(|old| old.head.digest == new.head.digest);
    if !after[1].iter().all(same) {
        return Err(wrong("an inventory object came back with another hash"));
    }
    let count: usize = after.iter().map(Objects::len).sum();
    show::proved(&format!(
        "All {count} keys were back after {}, the hashes as before, the versions greater.",
        show::time(took)
    ));
    show::aside("Every heartbeat looks whether Redis still has what was written last; nobody has to do anything.");
    Ok(())
}

/// Puts the records back and waits until the service is well with all of them; its objects.
fn back_to(stage: &mut Stage, service: &ServiceName, records: &[Record]) -> Result<Objects, Failure> {
    let written = stage.write_inventory(&text(records.iter().map(|r| r.line.to_owned())))?;
    stage.good_pass(service, written.at_ms)?;
    let objects = stage.objects(service)?;
    if objects.len() != records.len() {
        return Err(wrong(format!("{} objects have a key, {} should", objects.len(), records.len())));
    }
    Ok(objects)
}

/// Exactly these objects were set and deleted, each once.
fn expect(seen: &Seen, service: &ServiceName, set: &[&str], del: &[&str]) -> Result<(), Failure> {
    let (sets, dels) = (seen.objects("set", service), seen.objects("del", service));
    if sets != set || dels != del {
        let message = format!("the server saw `set` on {sets:?} and `del` on {dels:?}, not on {set:?} and {del:?}");
        return Err(wrong(message));
    }
    Ok(())
}

/// The same objects with the same versions and hashes.
fn same_heads(one: &Objects, other: &Objects) -> bool {
    one.len() == other.len() && one.iter().all(|(id, found)| other.get(id).is_some_and(|o| o.head == found.head))
}

fn text(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}
