//! What the demo tells, act by act, and checks. It must not start or stop anything.

use std::{collections::BTreeMap, fs, time::Instant};

use super::{
    super::{
        Failure,
        output::{self, Cell, say},
        target::now_ms,
    },
    failed,
    stage::Stage,
};
use crate::{
    envelope::{HEAD_MAX, Head, open, parse_head},
    model::{ObjectId, ServiceName},
    registry::{Descriptor, LastPass},
    store::Reader,
};

/// The object that changes, and the one that vanishes: the first two of the inventory.
const CHANGED: &str = "1001";
const GONE: &str = "1002";

/// See the module.
pub struct Story<'a> {
    stage: &'a mut Stage,
    act: u32,
}

impl<'a> Story<'a> {
    /// A story on a stage where the sidecar runs already.
    pub fn new(stage: &'a mut Stage) -> Self {
        Self { stage, act: 0 }
    }

    /// Tells everything.
    pub fn tell(mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        let dim = output::DIM;
        say!("{dim}A private {} and one ralphext sidecar are running, with two extensions:", self.stage.server);
        say!("`hwinfo` runs a script every minute, `inventory` watches a file.{dim:#}");
        let mut reader = self.stage.reader()?;
        let inventory = name("inventory")?;
        self.services(&mut reader)?;
        self.keys(&mut reader)?;
        self.one_value(&mut reader)?;
        let text = fs::read_to_string(self.stage.inventory())
            .map_err(|e| failed(format!("cannot read the inventory: {e}")))?;
        let lines: Vec<&str> = text.lines().collect();
        self.second_pass(&mut reader, &inventory, &lines)?;
        let changed = self.change(&mut reader, &inventory, &lines)?;
        let lines: Vec<&str> = std::iter::once(changed.as_str()).chain(lines[1..].iter().copied()).collect();
        self.vanish(&mut reader, &inventory, &lines)?;
        self.shrink(&mut reader, &inventory, &lines)?;
        let good = output::GOOD;
        say!("\n{good}Shown and checked in {:.1} s.{good:#}", begun.elapsed().as_secs_f64());
        say!("Next: `ralphext test` shows what a script of yours gives, README.md has the ten lines of configuration.");
        Ok(())
    }

    fn heading(&mut self, title: &str, why: &str) {
        self.act += 1;
        let (bold, dim) = (output::BOLD, output::DIM);
        say!("\n{bold}{}. {title}{bold:#}\n{dim}{why}{dim:#}\n", self.act);
    }

    fn services(&mut self, reader: &mut Reader) -> Result<(), Failure> {
        self.heading("The services", "Each has a descriptor: how it is doing, and from when its content is.");
        let mut rows = Vec::new();
        for service in ["hwinfo", "inventory"] {
            let service = name(service)?;
            let d = self.stage.wait("the first pass is done", || {
                Ok(descriptor(reader, &service)?.filter(|d| d.last_pass.is_some()))
            })?;
            if d.counts.objects == 0 {
                return Err(failed(format!("{service} has no objects: {:?}", d.last_error)));
            }
            let took = d.last_pass.as_ref().map_or(0, |p| p.duration_ms);
            rows.push(vec![
                Cell::new(d.service.as_str(), output::BOLD),
                Cell::new(d.status.as_str(), output::GOOD),
                d.counts.objects.to_string().into(),
                format!("{took} ms").into(),
                d.as_of.map_or_else(String::new, |at| at.to_string()).into(),
                d.description.unwrap_or_default().into(),
            ]);
        }
        output::table(&["SERVICE", "STATUS", "OBJECTS", "FIRST PASS", "AS OF", "WHAT"], &rows);
        Ok(())
    }

    fn keys(&mut self, reader: &mut Reader) -> Result<(), Failure> {
        self.heading("The keys", "One per object, with a TTL: when the sidecar dies, tabs live on for that long.");
        let mut rows = Vec::new();
        for service in ["hwinfo", "inventory"] {
            let service = name(service)?;
            let mut heads = reader.heads(&service, HEAD_MAX)?;
            heads.sort_by(|a, b| a.id.len().cmp(&b.id.len()).then_with(|| a.id.cmp(&b.id)));
            for raw in heads.iter().take(4) {
                let id = object(&raw.id)?;
                let stored = reader.object(&service, &id)?.ok_or_else(|| failed(format!("{id} went away")))?;
                let envelope = open(&stored.value).map_err(|e| failed(format!("{id}: {e}")))?;
                rows.push(vec![
                    Cell::new(reader.object_key(&service, &id), output::BOLD),
                    envelope.content_type.into(),
                    output::size(stored.value.len() as u64).into(),
                    output::span(u64::try_from(raw.pttl).unwrap_or(0)).into(),
                ]);
            }
            let more = heads.len().saturating_sub(4);
            if more > 0 {
                rows.push(vec![Cell::new(format!("... and {more} more"), output::DIM)]);
            }
        }
        output::table(&["KEY", "CONTENT", "SIZE", "TTL LEFT"], &rows);
        Ok(())
    }

    fn one_value(&mut self, reader: &mut Reader) -> Result<(), Failure> {
        self.heading("One value", "What Ralph gets by one GET. It never waits for the extension.");
        let (service, id) = (name("hwinfo")?, object("4711")?);
        let begun = Instant::now();
        let stored = reader.object(&service, &id)?.ok_or_else(|| failed("object 4711 has no value"))?;
        let took = begun.elapsed();
        let envelope = open(&stored.value).map_err(|e| failed(e.to_string()))?;
        say!("> GET {}   ({:.2} ms)\n", reader.object_key(&service, &id), took.as_secs_f64() * 1000.0);
        output::pairs(&[
            ("  version", format!("{}  (never goes back)", envelope.version).into()),
            ("  changed_at", envelope.changed_at.as_str().into()),
            ("  hash", format!("{}...  (the same content is never written again)", &envelope.hash[..16]).into()),
            ("  content_type", envelope.content_type.as_str().into()),
        ]);
        show_card(&envelope.content);
        Ok(())
    }

    fn second_pass(&mut self, reader: &mut Reader, service: &ServiceName, lines: &[&str]) -> Result<(), Failure> {
        self.heading("A second pass", "The file is written again, with the same content.");
        let before = versions(reader, service)?;
        let pass = self.pass(reader, service, lines)?;
        show_pass(&pass);
        let after = versions(reader, service)?;
        if pass.written != 0 || before != after {
            return Err(failed("the second pass wrote something"));
        }
        say!("  read back: {} of {} versions are the same. Nothing was written.", after.len(), before.len());
        Ok(())
    }

    fn change(&mut self, reader: &mut Reader, service: &ServiceName, lines: &[&str]) -> Result<String, Failure> {
        self.heading("One object changes", "One line of the file; the sidecar watches it.");
        let before = versions(reader, service)?;
        let changed = lines[0].replacen("mail-relay", "mail-out", 1);
        let next: Vec<&str> = std::iter::once(changed.as_str()).chain(lines[1..].iter().copied()).collect();
        let id = object(CHANGED)?;
        let old = before.get(CHANGED).map_or(0, |head| head.version.0);
        let began = now_ms();
        let begun = Instant::now();
        self.stage.write_inventory(&next)?;
        self.stage.wait("the change shows", || {
            let head = reader.object(service, &id)?.and_then(|s| parse_head(&s.value).ok());
            Ok(head.filter(|head| head.version.0 > old))
        })?;
        let took = begun.elapsed();
        let pass = self.pass_since(reader, service, began)?;
        show_pass(&pass);
        let after = versions(reader, service)?;
        let differing: Vec<&String> =
            after.iter().filter(|(id, h)| before.get(*id) != Some(h)).map(|(id, _)| id).collect();
        if pass.written != 1 || differing != [CHANGED] {
            return Err(failed(format!("one object should have been written, not {differing:?}")));
        }
        for (word, heads) in [("before", &before), ("after", &after)] {
            if let Some(head) = heads.get(CHANGED) {
                say!("  {word:<7} version {}  hash {}...", head.version.0, &head.digest.to_string()[..16]);
            }
        }
        say!(
            "  visible {:.1} ms after the file changed; the other {} keys were not touched",
            took.as_secs_f64() * 1000.0,
            after.len() - 1
        );
        Ok(changed)
    }

    fn vanish(&mut self, reader: &mut Reader, service: &ServiceName, lines: &[&str]) -> Result<(), Failure> {
        self.heading(
            "One object vanishes",
            "Its line is taken out: a complete snapshot without it means that it is gone.",
        );
        let without: Vec<&str> = lines.iter().enumerate().filter(|(i, _)| *i != 1).map(|(_, line)| *line).collect();
        let pass = self.pass(reader, service, &without)?;
        show_pass(&pass);
        if pass.removed != 1 || reader.object(service, &object(GONE)?)?.is_some() {
            return Err(failed(format!("object {GONE} should be gone")));
        }
        say!("  {} is gone", reader.object_key(service, &object(GONE)?));
        Ok(())
    }

    fn shrink(&mut self, reader: &mut Reader, service: &ServiceName, lines: &[&str]) -> Result<(), Failure> {
        self.heading("Half of all vanish", "An outage looks like this, and so it is not believed.");
        let before = versions(reader, service)?;
        let began = now_ms();
        self.stage.write_inventory(&lines[2..lines.len() / 2])?;
        let error = self.stage.wait("the shrink is refused", || {
            Ok(descriptor(reader, service)?.and_then(|d| d.last_error).filter(|e| e.at.0 >= began))
        })?;
        let bad = output::BAD;
        say!("  {bad}{}{bad:#}", error.message);
        let after = versions(reader, service)?;
        if after != before {
            return Err(failed("the shrink guard let something go"));
        }
        say!("  all {} keys are still there; then the file comes back:\n", after.len());
        let pass = self.pass(reader, service, lines)?;
        show_pass(&pass);
        Ok(())
    }

    /// Writes the inventory and waits for the pass that reads it.
    fn pass(&self, reader: &mut Reader, service: &ServiceName, lines: &[&str]) -> Result<LastPass, Failure> {
        let began = now_ms();
        self.stage.write_inventory(lines)?;
        self.pass_since(reader, service, began)
    }

    fn pass_since(&self, reader: &mut Reader, service: &ServiceName, began: u64) -> Result<LastPass, Failure> {
        self.stage.wait("the file is read", || {
            let pass = descriptor(reader, service)?.and_then(|d| d.last_pass);
            Ok(pass.filter(|pass| pass.started_at.0 >= began))
        })
    }
}

fn descriptor(reader: &mut Reader, service: &ServiceName) -> Result<Option<Descriptor>, Failure> {
    let stored = reader.descriptor(service)?;
    Ok(stored.and_then(|s| serde_json::from_slice(&s.value).ok()))
}

/// Head of every object.
fn versions(reader: &mut Reader, service: &ServiceName) -> Result<BTreeMap<String, Head>, Failure> {
    let heads = reader.heads(service, HEAD_MAX)?;
    Ok(heads.into_iter().filter_map(|raw| Some((raw.id, parse_head(&raw.head).ok()?))).collect())
}

fn show_pass(p: &LastPass) {
    say!(
        "  {} objects: {} written, {} skipped, {} removed, in {} ms",
        p.objects,
        p.written,
        p.skipped,
        p.removed,
        p.duration_ms
    );
}

fn show_card(card: &serde_json::Value) {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let bold = output::BOLD;
    say!("\n  {bold}{}{bold:#}", output::clean(&text(&card["title"])));
    for field in card["fields"].as_array().into_iter().flatten().take(8) {
        let unit = field["unit"].as_str().unwrap_or_default();
        say!("  {:<18} {} {unit}", output::clean(&text(&field["label"])), output::clean(&text(&field["value"])));
    }
}

fn name(text: &str) -> Result<ServiceName, Failure> {
    ServiceName::new(text).map_err(|e| failed(e.to_string()))
}

fn object(text: &str) -> Result<ObjectId, Failure> {
    ObjectId::new(text).map_err(|e| failed(e.to_string()))
}
