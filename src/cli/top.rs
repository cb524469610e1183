//! `ralphext top`: all services of a Redis at a glance, the worst first, with what they do in a second. It must not read
//! anything but descriptors.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Top},
    output::{self, Cell},
    run::{blocking, system},
    target,
};
use crate::{
    app,
    browse::{Browser, Listed},
    registry::{Descriptor, ServiceStatus, Stamp},
};

/// Characters of an error on a line.
const ERROR: usize = 60;

#[derive(Debug, Clone, Serialize)]
struct Row {
    service: String,
    /// In one word: `dead`, `failing`, `stale`, `starting`, `stopped`, `unknown`, `ok`.
    state: &'static str,
    objects: u64,
    failed: u64,
    /// How old the content is, in seconds; null while it never was whole.
    age_seconds: Option<f64>,
    /// Since its writer last said that it lives, in seconds.
    heartbeat_age_seconds: Option<f64>,
    last_pass_ms: Option<u64>,
    /// Since the first look; null before anything was seen to happen.
    written_per_second: Option<f64>,
    removed_per_second: Option<f64>,
    error: Option<String>,
}

/// What a service was seen to do since the first look.
#[derive(Debug, Default)]
struct Doings {
    /// Its last pass when it was last looked at: beginning, written, removed.
    last: Option<(Stamp, u64, u64)>,
    written: u64,
    removed: u64,
}

impl Doings {
    /// Takes what the descriptor says now.
    fn see(&mut self, d: &Descriptor) {
        let Some(pass) = &d.last_pass else { return };
        // What tells changes has one pass, whose numbers grow.
        let grows = matches!(d.writer.source.as_str(), "stream" | "push" | "events" | "inputs");
        if let Some((at, written, removed)) = self.last {
            let new = |now: u64, before: u64| if grows && now >= before { now - before } else { now };
            if grows || at != pass.started_at {
                self.written += new(pass.written, written);
                self.removed += new(pass.removed, removed);
            }
        }
        self.last = Some((pass.started_at, pass.written, pass.removed));
    }
}

/// Ends when it is told to, or after `--count` looks; with 4 when Redis fails at the first one.
pub fn top(globals: &Globals, args: &Top) -> Result<Exit, Failure> {
    let (redis, prefix) = target::redis(globals)?;
    let browser = Browser::new(redis, &prefix);
    let is_terminal = std::io::stdout().is_terminal() && globals.output == Output::Table;
    let most = args.count.or_else(|| (!is_terminal).then_some(1));
    let (every, is_table) = (args.every.0, globals.output == Output::Table);
    blocking(async move {
        let mut stop = app::stop_on_signal().map_err(system)?;
        let mut doings: BTreeMap<String, Doings> = BTreeMap::new();
        let (begun, mut looks) = (Instant::now(), 0);
        loop {
            let looked = tokio::task::block_in_place(|| browser.services());
            looks += 1;
            match looked {
                Err(e) if looks == 1 => return Err(e.into()),
                Err(e) => output::note(format_args!("{}", output::clean(&e.to_string()))),
                Ok(services) => {
                    let rows = rows(services, &mut doings, begun.elapsed());
                    match is_table {
                        true => show(&browser.address(), &rows, is_terminal),
                        false => output::json(&rows),
                    }
                }
            }
            if most.is_some_and(|most| looks >= most) {
                return Ok(Exit::Well);
            }
            tokio::select! {
                () = crate::pipeline::stopped(&mut stop) => return Ok(Exit::Well),
                () = tokio::time::sleep(every.max(Duration::from_millis(100))) => {}
            }
        }
    })
}

/// The worst first.
fn rows(services: Vec<Listed>, doings: &mut BTreeMap<String, Doings>, watched: Duration) -> Vec<Row> {
    let now = target::now_ms();
    let mut rows: Vec<Row> = services
        .into_iter()
        .map(|one| {
            let doing = doings.entry(one.name.clone()).or_default();
            let is_first = doing.last.is_none();
            one.descriptor.iter().for_each(|d| doing.see(d));
            let rate = |count: u64| {
                (!is_first && doing.last.is_some()).then(|| count as f64 / watched.as_secs_f64().max(0.001))
            };
            row(one.name, one.descriptor.as_ref(), (rate(doing.written), rate(doing.removed)), now)
        })
        .collect();
    rows.sort_by_key(|row| (rank(row.state), row.service.clone()));
    rows
}

fn row(service: String, d: Option<&Descriptor>, (written, removed): (Option<f64>, Option<f64>), now: u64) -> Row {
    let age = |at: Stamp| now.saturating_sub(at.0) as f64 / 1000.0;
    Row {
        service,
        state: d.map_or("unknown", |d| state(d, now)),
        objects: d.map_or(0, |d| d.counts.objects),
        failed: d.map_or(0, |d| d.counts.failed),
        age_seconds: d.and_then(|d| d.as_of).map(age),
        heartbeat_age_seconds: d.map(|d| age(d.heartbeat_at)),
        last_pass_ms: d.and_then(|d| d.last_pass.as_ref()).map(|pass| pass.duration_ms),
        written_per_second: written,
        removed_per_second: removed,
        error: d.and_then(|d| d.last_error.as_ref()).map(|e| e.message.clone()),
    }
}

fn state(d: &Descriptor, now: u64) -> &'static str {
    match d.status {
        ServiceStatus::Stopped => "stopped",
        _ if d.is_alive(now) == Some(false) => "dead",
        ServiceStatus::Ok if d.is_stale(now) => "stale",
        status => status.as_str(),
    }
}

fn rank(state: &str) -> usize {
    const WORST_FIRST: [&str; 6] = ["dead", "unknown", "stale", "failing", "stopped", "starting"];
    WORST_FIRST.iter().position(|worse| *worse == state).unwrap_or(WORST_FIRST.len())
}

fn show(address: &str, rows: &[Row], is_terminal: bool) {
    if is_terminal {
        // Home, and whatever stood there before is gone.
        output::write(format_args!("\x1b[H\x1b[2J"));
    }
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let well = rows.iter().filter(|row| row.state == "ok").count();
    output::say!(
        "{}  {}  {} services, {well} well, {} objects, {} failed",
        Stamp(target::now_ms()),
        output::clean(address),
        rows.len(),
        sum(|row| row.objects),
        sum(|row| row.failed)
    );
    let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{rate:.1}"));
    let span = |seconds: Option<f64>| seconds.map_or("-".to_owned(), |s| output::span((s * 1000.0) as u64));
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let style = match row.state {
                "ok" => output::GOOD,
                "starting" | "stopped" => output::PLAIN,
                "dead" | "unknown" => output::BAD,
                _ => output::WARN,
            };
            vec![
                Cell::new(row.service.as_str(), output::BOLD),
                Cell::new(row.state, style),
                row.objects.to_string().into(),
                Cell::new(row.failed.to_string(), if row.failed > 0 { output::WARN } else { output::PLAIN }),
                span(row.age_seconds).into(),
                span(row.heartbeat_age_seconds).into(),
                row.last_pass_ms.map_or("-".to_owned(), |ms| format!("{ms} ms")).into(),
                rate(row.written_per_second).into(),
                rate(row.removed_per_second).into(),
                row.error.as_deref().unwrap_or_default().chars().take(ERROR).collect::<String>().into(),
            ]
        })
        .collect();
    let header =
        ["SERVICE", "STATE", "OBJECTS", "FAILED", "AGE", "HEARTBEAT", "PASS", "WRITES/S", "REMOVES/S", "ERROR"];
    output::table(&header, &cells);
}
