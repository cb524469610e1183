//! What is there: services, keys, one value, and a second pass that writes nothing. It must not start or stop anything.

use std::{collections::BTreeSet, time::Instant};

use serde_json::Value;

use super::{
    changes, show,
    sidecar::INVENTORY_TEXT,
    stage::{Objects, Seen, Stage, object, wrong},
};
use crate::{
    cli::{
        Failure,
        args::Output,
        ls,
        output::{self, BOLD, Cell, DIM, say},
        target::now_ms,
    },
    envelope::{Card, HEAD_MAX, Ignore, verify_hash},
    model::ServiceName,
};

/// The machine that the demo runs on; examples/host-facts/ralphext.toml has its id.
const MACHINE: &str = "4711";

/// One line of the inventory.
#[derive(Debug, Clone)]
pub struct Record {
    /// The object's id.
    pub id: String,
    /// The line.
    pub line: &'static str,
    content_type: String,
}

/// Tells everything.
pub fn tell(stage: &mut Stage) -> Result<(), Failure> {
    let begun = Instant::now();
    let records = records()?;
    opening(stage, records.len());
    let seen = what_is_there(stage, &records)?;
    one_value(stage)?;
    second_pass(stage, &seen)?;
    changes::one_changes(stage, &records)?;
    changes::one_vanishes(stage, &records)?;
    changes::half_vanishes(stage, &records)?;
    changes::everything_vanishes(stage)?;
    show::section(&format!("Seen and checked in {:.1} s", begun.elapsed().as_secs_f64()));
    say!("{DIM}Next:{DIM:#} {BOLD}README.md{BOLD:#}           from a script of yours to a tab in ten minutes");
    say!("      {BOLD}ralphext test{BOLD:#}       what your extension says, as a tab would show it; needs no Redis");
    say!("      {BOLD}ralphext check{BOLD:#}      is the configuration right? `--connect` asks your Redis, too");
    Ok(())
}

/// The inventory, line by line.
fn records() -> Result<Vec<Record>, Failure> {
    let record = |line: &'static str| {
        let record: Value =
            serde_json::from_str(line).map_err(|e| wrong(format!("the inventory has {line:?}: {e}")))?;
        let id = record["id"].as_str().map_or_else(|| record["id"].to_string(), str::to_owned);
        let content_type = record["content_type"].as_str().unwrap_or_default().to_owned();
        Ok(Record { id, line, content_type })
    };
    INVENTORY_TEXT.lines().map(record).collect()
}

fn opening(stage: &Stage, count: usize) {
    say!("{BOLD}ralphext demo{BOLD:#}");
    show::text(
        "A page in Ralph has tabs, and other systems know what belongs there. ralphext runs beside such a system and \
         keeps one Redis key per object equal to what its tab should show. Ralph only reads.",
    );
    say!("\nRunning now: a private {} (a unix socket, no port), the real sidecar, two extensions:", stage.server());
    let watched = format!("a file of {count} objects, watched for changes");
    for (service, what, example) in [
        ("hwinfo", "a script that asks this machine, every 2 s", "examples/host-facts"),
        ("inventory", watched.as_str(), "examples/inventory"),
    ] {
        say!("  {BOLD}{service:<9}{BOLD:#}   {what:<44}   {DIM}{example}{DIM:#}");
    }
}

fn what_is_there(stage: &mut Stage, records: &[Record]) -> Result<Seen, Failure> {
    show::heading(1, "What is there now");
    let both = [stage.hwinfo.clone(), stage.inventory.clone()];
    both.iter().try_for_each(|service| stage.good_pass(service, 0).map(drop))?;
    let took = stage.started.elapsed();
    let (facts, inventory) = (stage.objects(&both[0])?, stage.objects(&both[1])?);
    let expected: BTreeSet<&str> = records.iter().map(|r| r.id.as_str()).collect();
    if !inventory.keys().map(String::as_str).eq(expected) {
        return Err(wrong(format!("{} of {} inventory objects have a key", inventory.len(), records.len())));
    }
    if !facts.contains_key(MACHINE) {
        return Err(wrong(format!("hwinfo has no object {MACHINE}, only {:?}", facts.keys())));
    }
    show::command("ralphext ls");
    ls::services(&mut stage.reader, Output::Table)?;
    say!("");
    samples(stage, &both, [&facts, &inventory], records)?;
    say!("");
    let all = facts.len() + inventory.len();
    show::proved(&format!("{all} objects had their key {} after the sidecar was started.", show::time(took)));
    show::aside(
        "The TTL is renewed while the sidecar runs; when it dies, its tabs live on for that long. One more key per \
         service says how the service is doing and from when its content is: that is what `ralphext ls` shows.",
    );
    stage.seen()
}

/// Some keys of each service.
fn samples(
    stage: &mut Stage,
    services: &[ServiceName; 2],
    objects: [&Objects; 2],
    records: &[Record],
) -> Result<(), Failure> {
    let first = |kind: &str| records.iter().find(|r| r.content_type.contains(kind)).map(|r| r.id.as_str());
    let rack = records.iter().map(|r| r.id.as_str()).find(|id| id.starts_with("data_center.rack."));
    let some: Vec<&str> = [first("card"), first("text/html"), rack].into_iter().flatten().collect();
    let facts: Vec<&str> = objects[0].keys().map(String::as_str).take(3).collect();
    let mut rows = Vec::new();
    for ((service, found), sample) in services.iter().zip(objects).zip([facts, some]) {
        for id in &sample {
            let id = object(id)?;
            let (value, envelope, _) = stage.get(service, &id)?;
            rows.push(vec![
                Cell::new(stage.reader.object_key(service, &id), BOLD),
                envelope.content_type.into(),
                output::size(value.len() as u64).into(),
                found.get(id.as_str()).map_or_else(String::new, |f| show::ttl(f.ttl_ms)).into(),
            ]);
        }
        if found.len() > sample.len() {
            rows.push(vec![Cell::new(format!("… {} more of {service}", found.len() - sample.len()), DIM)]);
        }
    }
    output::table(&["KEY", "HOLDS", "SIZE", "TTL LEFT"], &rows);
    Ok(())
}

fn one_value(stage: &mut Stage) -> Result<(), Failure> {
    show::heading(2, "One value: the machine you are on");
    let (service, id) = (stage.hwinfo.clone(), object(MACHINE)?);
    let (value, envelope, took) = stage.get(&service, &id)?;
    verify_hash(&envelope, &Ignore::default()).map_err(|e| wrong(e.to_string()))?;
    let text = String::from_utf8_lossy(&value);
    let head = text.find(",\"service\"").unwrap_or(HEAD_MAX);
    show::command(&format!("GET {}", stage.reader.object_key(&service, &id)));
    show::value(&text, head, 120);
    say!("");
    show::aside(
        "The head has a fixed order and length, so that a restarted sidecar learns all hashes without contents:",
    );
    output::pairs(&[
        ("  version", format!("{}   grows with every write, over restarts, too", envelope.version).into()),
        ("  changed_at", format!("{}   when what is shown last changed", envelope.changed_at).into()),
        ("  hash", format!("{}…   SHA-256 of what is shown; the same: no write", &envelope.hash[..16]).into()),
    ]);
    say!("");
    let card: Card = serde_json::from_value(envelope.content).map_err(|e| wrong(format!("it holds no card: {e}")))?;
    show::aside("Its content is a card, which Ralph's tab draws by itself:");
    show::card(&card);
    other_forms(stage)?;
    show::proved(&format!(
        "One GET, answered in {}; content and hash agree. Ralph never waits for an extension.",
        show::time(took)
    ));
    Ok(())
}

/// One object in HTML and one in free JSON.
fn other_forms(stage: &mut Stage) -> Result<(), Failure> {
    show::aside("Content may also be free JSON, or HTML, which is sanitised before it is stored:");
    let mut rows: Vec<(&str, Cell)> = Vec::new();
    for (service, id) in [(stage.hwinfo.clone(), "4712"), (stage.inventory.clone(), "211")] {
        let (_, envelope, _) = stage.get(&service, &object(id)?)?;
        let content = match envelope.content {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let name = if envelope.content_type == "text/html" { "  HTML" } else { "  JSON" };
        rows.push((name, Cell::from(show::cut(&content, show::WIDTH - 8))));
    }
    output::pairs(&rows);
    Ok(())
}

fn second_pass(stage: &mut Stage, first: &Seen) -> Result<(), Failure> {
    show::heading(3, "A second pass: nothing is written");
    let services = [stage.hwinfo.clone(), stage.inventory.clone()];
    let (mut passes, mut written) = (Vec::new(), Vec::new());
    // The machine itself may change just now (a disk, an address): then that is written, and the next pass is looked at.
    for _ in 0..3 {
        stage.seen()?;
        let since = now_ms();
        passes = services.iter().map(|s| stage.good_pass(s, since)).collect::<Result<Vec<_>, _>>()?;
        let seen = stage.seen()?;
        written = services.iter().map(|s| seen.objects("set", s).len()).collect();
        if written[0] == 0 || written[1] > 0 {
            break;
        }
    }
    let mut rows = Vec::new();
    for ((service, pass), written) in services.iter().zip(&passes).zip(&written) {
        rows.push(vec![
            Cell::new(service.as_str(), BOLD),
            pass.objects.to_string().into(),
            pass.skipped.to_string().into(),
            pass.written.to_string().into(),
            format!("{} ms", pass.duration_ms).into(),
            Cell::new(first.objects("set", service).len().to_string(), DIM),
            Cell::new(written.to_string(), BOLD),
        ]);
        if *written > 0 || pass.written > 0 || pass.skipped != pass.objects {
            return Err(wrong(format!("{service}: a second pass over the same content wrote {written} objects")));
        }
    }
    let header = ["SERVICE", "OBJECTS", "UNCHANGED", "WRITTEN", "TOOK", "`set` SEEN: 1st PASS", "2nd PASS"];
    output::table(&header, &rows);
    say!("");
    show::proved("The server itself says so: no `set` on any object's key since the first pass (keyspace events).");
    show::aside(
        "Although the script said something new: uptime, load and time differ at each call. `content.ignore` names \
         them, so that they alone cause no write.",
    );
    Ok(())
}
