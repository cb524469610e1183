//! `ralphext watch`: services as they are doing, again and again. It must not read anything but descriptors.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Watch},
    changes,
    output::{self, Cell},
    run::{blocking, system},
    target,
};
use crate::{
    app,
    browse::Browser,
    registry::{Descriptor, Stamp},
    store::StoreError,
};

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    service: String,
    status: String,
    writer_alive: Option<bool>,
    is_stale: bool,
    objects: u64,
    failed: u64,
    /// Of the last pass.
    written: u64,
    removed: u64,
    as_of: Option<Stamp>,
    heartbeat_at: Option<Stamp>,
    error: Option<String>,
}

/// Ends when it is told to, or after `--count` looks; with 4 when Redis fails at the first one.
pub fn watch(globals: &Globals, args: &Watch) -> Result<Exit, Failure> {
    let service = args.service.as_deref().map(target::service_name).transpose()?;
    let (redis, prefix) = target::redis(globals)?;
    let browser = Browser::new(redis, &prefix);
    if let Some(service) = &service {
        let told = browser.descriptor(service)?;
        let kind = changes::announce(told.as_ref().and_then(|d| d.events.as_ref())).kind;
        if kind.is_on() {
            return changes::follow(globals, args, service.clone(), kind);
        }
        if args.from.is_some() {
            let message = format!("{service} tells no changes in a stream");
            return Err(Failure::new(Exit::Usage, message, "leave --from away, or set events.kind = \"stream\""));
        }
    }
    let look = move || -> Result<Vec<Row>, StoreError> {
        Ok(match &service {
            None => browser.services()?.into_iter().map(|one| row(one.name, one.descriptor)).collect(),
            Some(service) => vec![row(service.to_string(), browser.descriptor(service)?)],
        })
    };
    let (every, count, is_table) = (args.every.0, args.count, globals.output == Output::Table);
    blocking(async move {
        let mut stop = app::stop_on_signal().map_err(system)?;
        let mut before: Vec<Row> = Vec::new();
        let mut looks = 0;
        let mut next = Instant::now();
        loop {
            let looked = tokio::task::block_in_place(&look);
            looks += 1;
            match looked {
                Err(e) if looks == 1 => return Err(e.into()),
                Err(e) => output::note(format_args!("{}", output::clean(&e.to_string()))),
                Ok(rows) => {
                    if is_table {
                        show(&rows, &before, looks);
                    } else {
                        // One line for each service that is not as it was.
                        rows.iter().filter(|row| !before.contains(row)).for_each(output::json);
                    }
                    before = rows;
                }
            }
            if count.is_some_and(|count| looks >= count) {
                return Ok(Exit::Well);
            }
            next = (next + every).max(Instant::now() + Duration::from_millis(100));
            tokio::select! {
                () = crate::pipeline::stopped(&mut stop) => return Ok(Exit::Well),
                () = tokio::time::sleep_until(next.into()) => {}
            }
        }
    })
}

fn row(service: String, descriptor: Option<Descriptor>) -> Row {
    let now = target::now_ms();
    let d = descriptor.as_ref();
    let pass = d.and_then(|d| d.last_pass.as_ref());
    Row {
        service,
        status: d.map_or("unknown", |d| d.status.as_str()).to_owned(),
        writer_alive: d.and_then(|d| d.is_alive(now)),
        is_stale: d.is_none_or(|d| d.is_stale(now)),
        objects: d.map_or(0, |d| d.counts.objects),
        failed: d.map_or(0, |d| d.counts.failed),
        written: pass.map_or(0, |p| p.written),
        removed: pass.map_or(0, |p| p.removed),
        as_of: d.and_then(|d| d.as_of),
        heartbeat_at: d.map(|d| d.heartbeat_at),
        error: d.and_then(|d| d.last_error.as_ref()).map(|e| e.message.clone()),
    }
}

fn show(rows: &[Row], before: &[Row], looks: u64) {
    let now = target::now_ms();
    if std::io::stdout().is_terminal() {
        // Home, and whatever stood there before is gone.
        output::write(format_args!("\x1b[H\x1b[2J"));
    } else if looks > 1 {
        output::say!("");
    }
    output::say!("{}  {} services", Stamp(now), rows.len());
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let old = before.iter().find(|old| old.service == row.service);
            let moved = |new: u64, old: Option<u64>| match old {
                Some(old) if new > old => format!("{new} (+{})", new - old),
                Some(old) if new < old => format!("{new} (-{})", old - new),
                _ => new.to_string(),
            };
            let status = if row.status == "ok" && !row.is_stale { output::GOOD } else { output::WARN };
            let (writer, style) = match row.writer_alive {
                Some(true) => ("alive", output::GOOD),
                Some(false) => ("not running", output::BAD),
                None => ("now and then", output::PLAIN),
            };
            let stale = if row.is_stale { ", stale" } else { "" };
            vec![
                Cell::new(row.service.as_str(), output::BOLD),
                Cell::new(format!("{}{stale}", row.status), status),
                Cell::new(writer, style),
                moved(row.objects, old.map(|old| old.objects)).into(),
                moved(row.failed, old.map(|old| old.failed)).into(),
                row.written.to_string().into(),
                row.removed.to_string().into(),
                row.as_of.map_or("never".to_owned(), |at| output::ago(at.0, now)).into(),
                row.error.as_deref().unwrap_or_default().into(),
            ]
        })
        .collect();
    let header = ["SERVICE", "STATUS", "WRITER", "OBJECTS", "FAILED", "WRITTEN", "REMOVED", "AS OF", "ERROR"];
    output::table(&header, &cells);
}
