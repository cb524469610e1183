//! `ralphext stats`: how large a service's values are, how long they live, and which are the largest. It must not read values.

use std::{cmp::Reverse, collections::BinaryHeap};

use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Globals, Output, Stats},
    output::{self, Cell},
    progress::Progress,
    target,
};

/// Objects looked at in one step.
const STEP: usize = 1000;
/// The longest bar.
const BAR: u64 = 40;
/// Upper bounds of the TTLs that are told apart, in ms, with their names.
const TTLS: [(u64, &str); 7] = [
    (60_000, "1 min"),
    (600_000, "10 min"),
    (3_600_000, "1 h"),
    (6 * 3_600_000, "6 h"),
    (86_400_000, "1 d"),
    (7 * 86_400_000, "7 d"),
    (u64::MAX, "more"),
];

#[derive(Debug, Default, Serialize)]
struct Told {
    service: String,
    objects: u64,
    bytes: u64,
    mean_bytes: u64,
    largest_bytes: u64,
    /// Objects that never expire: something else wrote them.
    without_ttl: u64,
    /// Objects by size: each bound is twice the one before.
    sizes: Vec<Bar>,
    /// Objects by what is left of their TTL.
    ttls: Vec<Bar>,
    biggest: Vec<Big>,
}

#[derive(Debug, Clone, Serialize)]
struct Bar {
    /// Up to so many bytes or ms; null for the last, which has no bound.
    up_to: Option<u64>,
    objects: u64,
}

#[derive(Debug, Serialize)]
struct Big {
    object_id: String,
    bytes: u64,
}

/// Ends with 1 when the service has no objects.
pub fn stats(globals: &Globals, args: &Stats) -> Result<Exit, Failure> {
    let service = target::service_name(&args.service)?;
    let mut reader = target::reader(globals)?;
    let mut progress = Progress::new(&format!("{service}: looking"), args.scan);
    let mut sizes = [0_u64; 64];
    let mut ttls = [0_u64; TTLS.len()];
    let mut told = Told { service: service.to_string(), ..Told::default() };
    let mut largest = BinaryHeap::new();
    let mut cursor = 0;
    loop {
        // Nothing of the values: their lengths and TTLs are what counts.
        let (next, heads) = reader.some_heads(&service, (cursor, STEP), "", 1)?;
        progress.add(heads.len());
        for raw in heads {
            let Some(bytes) = raw.len.map(|bytes| bytes as u64).filter(|_| raw.pttl != -2) else { continue };
            told.objects += 1;
            told.bytes += bytes;
            sizes[bytes.max(1).next_power_of_two().trailing_zeros() as usize] += 1;
            match u64::try_from(raw.pttl) {
                Ok(left) => ttls[TTLS.iter().position(|(bound, _)| left <= *bound).unwrap_or(TTLS.len() - 1)] += 1,
                Err(_) => told.without_ttl += 1,
            }
            largest.push(Reverse((bytes, raw.id)));
            if largest.len() > args.biggest {
                largest.pop();
            }
        }
        if next == 0 {
            break;
        }
        cursor = next;
    }
    drop(progress);
    let mut largest: Vec<(u64, String)> = largest.into_iter().map(|Reverse(one)| one).collect();
    largest.sort_unstable_by(|a, b| b.cmp(a));
    // One may have been named twice.
    largest.dedup();
    told.largest_bytes = largest.first().map_or(0, |(bytes, _)| *bytes);
    told.biggest = largest.into_iter().map(|(bytes, object_id)| Big { object_id, bytes }).collect();
    told.mean_bytes = told.bytes.checked_div(told.objects).unwrap_or(0);
    told.sizes = bars((0..64).map(|power| 1_u64 << power).zip(sizes));
    told.ttls = bars(TTLS.iter().map(|(bound, _)| *bound).zip(ttls));
    if globals.output == Output::Table {
        show(&told);
    } else {
        output::json(&told);
    }
    Ok(if told.objects == 0 { Exit::Failed } else { Exit::Well })
}

/// From the first to the last that has any.
fn bars(counted: impl Iterator<Item = (u64, u64)>) -> Vec<Bar> {
    let bars: Vec<Bar> = counted
        .map(|(bound, objects)| Bar { up_to: Some(bound).filter(|bound| *bound != u64::MAX), objects })
        .collect();
    let first = bars.iter().position(|bar| bar.objects > 0).unwrap_or(bars.len());
    let last = bars.iter().rposition(|bar| bar.objects > 0).map_or(first, |at| at + 1);
    bars[first..last].to_vec()
}

fn show(told: &Told) {
    output::pairs(&[
        ("service", Cell::new(told.service.as_str(), output::BOLD)),
        ("objects", told.objects.to_string().into()),
        ("bytes", output::size(told.bytes).into()),
        ("mean", output::size(told.mean_bytes).into()),
        ("largest", output::size(told.largest_bytes).into()),
    ]);
    if told.without_ttl > 0 {
        let warn = output::WARN;
        output::say!("{warn}{} never expire{warn:#}: something else than ralphext wrote them", told.without_ttl);
    }
    histogram("SIZE UP TO", &told.sizes, |bound| output::size(bound.unwrap_or(u64::MAX)));
    histogram("TTL UP TO", &told.ttls, |bound| {
        TTLS.iter().find(|(known, _)| bound.unwrap_or(u64::MAX) == *known).map_or("-", |(_, name)| name).to_owned()
    });
    if !told.biggest.is_empty() {
        output::say!("");
        let cells: Vec<Vec<Cell>> = told
            .biggest
            .iter()
            .map(|big| vec![big.object_id.as_str().into(), output::size(big.bytes).into()])
            .collect();
        output::table(&["BIGGEST", "SIZE"], &cells);
    }
}

fn histogram(title: &str, bars: &[Bar], name: impl Fn(Option<u64>) -> String) {
    let most = bars.iter().map(|bar| bar.objects).max().unwrap_or(0).max(1);
    let cells: Vec<Vec<Cell>> = bars
        .iter()
        .map(|bar| {
            let width = (bar.objects * BAR).div_ceil(most) as usize;
            vec![name(bar.up_to).into(), bar.objects.to_string().into(), "\u{2588}".repeat(width).into()]
        })
        .collect();
    output::say!("");
    output::table(&[title, "OBJECTS", ""], &cells);
}
