//! Fifty connections that push as much as an extension ever will, and a sidecar that is killed in the middle: whatever was
//! answered is in Redis, at once where that was 200.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use redis::Commands;

use super::{SERVICE, brisk, look_at, server};
use crate::harness::{Ext, Figures, Line, Pusher, Redis, eventually, is_soak, percentile, signal};

/// Connections, each with objects of its own.
const CONNECTIONS: u64 = 50;
/// Objects of each.
const EACH: u64 = 200;
/// Objects a second of all, in the long form; the short one sends as fast as it is answered.
const RATE: f64 = 5000.0;
/// One in so many answers is compared with what Redis has right then.
const LOOKS: u64 = 10;

/// What one connection did.
#[derive(Debug, Default)]
struct Pushed {
    /// The last revision that was answered, by object.
    last: Vec<(String, u64)>,
    /// From the first byte of a request to its answer, in us.
    answered: Vec<u32>,
    /// From an answer of 200 to a `GET` that sees it, in us.
    seen: Vec<u32>,
    /// Answers of 200, and of 202.
    counts: [u64; 2],
}

fn revision_of(raw: &str) -> u64 {
    let digits = raw.split_once("\"revision\":").expect("it has one").1;
    digits.split(|c: char| !c.is_ascii_digit()).next().and_then(|text| text.parse().ok()).expect("a number")
}

/// Looks until Redis has this revision, which has to be at the first look.
fn look(connection: &mut redis::Connection, id: &str, revision: u64) -> u32 {
    let begun = Instant::now();
    let found: Option<String> = connection.get(format!("ralphext:v1:{SERVICE}:{id}")).expect("GET");
    let took = begun.elapsed();
    let found = found.map(|raw| revision_of(&raw));
    assert_eq!(found, Some(revision), "{id} was answered with 200");
    took.as_micros() as u32
}

/// Pushes as connection `number` until `stop`; every object is sent again until it is answered.
fn push(pusher: &Pusher, number: u64, mut redis: redis::Connection, stop: &AtomicBool, done: &AtomicU64) -> Pushed {
    let mut out = Pushed::default();
    let (mut line, mut revisions): (Option<Line>, Vec<u64>) = (None, vec![0; EACH as usize]);
    let (begun, pace) = (Instant::now(), Duration::from_secs_f64(CONNECTIONS as f64 / RATE));
    let mut sent = 0u64;
    while !stop.load(Relaxed) {
        let at = (sent % EACH) as usize;
        let (id, revision) = ((number * EACH + at as u64 + 1).to_string(), revisions[at] + 1);
        let content = format!("{{\"load\":0.25,\"note\":\"{number:0>200}\",\"revision\":{revision}}}");
        if is_soak() {
            std::thread::sleep((begun + pace * sent as u32).saturating_duration_since(Instant::now()));
        }
        loop {
            let asked = Instant::now();
            let status = match line.as_mut() {
                Some(line) => line.put(&id, &content).unwrap_or(0),
                None => 0,
            };
            match status {
                200 | 202 => {
                    out.answered.push(asked.elapsed().as_micros() as u32);
                    out.counts[usize::from(status == 202)] += 1;
                    if status == 200 && sent.is_multiple_of(LOOKS) {
                        out.seen.push(look(&mut redis, &id, revision));
                    }
                    break;
                }
                0 | 503 => {
                    // Killed, or not the writer yet.
                    line = pusher.line().ok();
                    std::thread::sleep(Duration::from_millis(5));
                }
                other => panic!("{id} was answered with {other}"),
            }
        }
        revisions[at] = revision;
        done.fetch_add(1, Relaxed);
        sent += 1;
    }
    let ids = (1..).map(|at| (number * EACH + at).to_string());
    out.last = ids.zip(revisions).filter(|(_, revision)| *revision > 0).collect();
    out
}

/// All of them, until `enough` was answered; the sidecar is killed after half of it.
fn run(mut figures: Figures, spool: bool) {
    let redis = server(&[]);
    let ext = brisk(Ext::at(&redis.url())).unset("source.interval").unset("source.path").set("source.kind", "push");
    let mut ext = ext.set("source.listen", "unix:push.sock").set("redis.batch_commands", 500);
    if spool {
        ext.change("source.spool", "spool");
    }
    let pusher = Pusher::Unix(ext.path("push.sock"));
    let mut sidecar = ext.run();
    sidecar.wait_until("it writes", || pusher.try_ask("GET /v1/status", &[], b"").is_ok_and(|told| told.status == 200));
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let begun = Instant::now();
    let threads: Vec<JoinHandle<Pushed>> = (0..CONNECTIONS)
        .map(|number| {
            let (pusher, stop, done) = (pusher.clone(), stop.clone(), done.clone());
            let connection = redis.connect().expect("a connection");
            std::thread::spawn(move || push(&pusher, number, connection, &stop, &done))
        })
        .collect();
    let enough = figures.rounds;
    let reach = |count: u64| {
        let begun = Instant::now();
        while done.load(Relaxed) < count && threads.iter().all(|thread| !thread.is_finished()) {
            assert!(begun.elapsed() < Duration::from_secs(600), "{} of {count} were answered", done.load(Relaxed));
            std::thread::sleep(Duration::from_millis(2));
        }
        (done.load(Relaxed), begun.elapsed())
    };
    let (first, _) = reach(enough / 2);
    let took = begun.elapsed();
    figures.fault("kill");
    let killed = Instant::now();
    signal(sidecar.pid(), "KILL");
    eventually("it is dead", || !pusher.is_there());
    sidecar = ext.run();
    reach(first + CONNECTIONS);
    figures.recoveries.push(killed.elapsed());
    reach(enough);
    stop.store(true, Relaxed);
    let pushed: Vec<Pushed> = threads.into_iter().map(|thread| thread.join().expect("it pushes to the end")).collect();
    let last: Vec<&(String, u64)> = pushed.iter().flat_map(|pushed| &pushed.last).collect();
    let lost = |redis: &Redis| -> Vec<String> {
        let there = redis.raw_objects(SERVICE);
        let is_lost = |id: &str, revision: u64| there.get(id).is_none_or(|raw| revision_of(raw) != revision);
        last.iter().filter(|(id, revision)| is_lost(id, *revision)).map(|(id, _)| id.clone()).collect()
    };
    if spool {
        sidecar.wait_until("what the spool took is there", || lost(&redis).is_empty());
    }
    assert_eq!(lost(&redis), Vec::<String>::new(), "they were answered, and are not there");
    redis.objects(SERVICE);
    look_at(&mut figures, &sidecar);
    let all = |of: fn(&Pushed) -> &Vec<u32>| -> Vec<u32> { pushed.iter().flat_map(of).copied().collect() };
    let told = |name: &str, mut micros: Vec<u32>| {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| percentile(&mut micros, share).as_secs_f64() * 1000.0);
        format!("{name} p50 {p50:.2} p99 {p99:.2} max {most:.1} ms")
    };
    figures.notes.push(format!("{:.0} objects/s until the kill", first as f64 / took.as_secs_f64()));
    figures.notes.push(told("request to answer", all(|pushed| &pushed.answered)));
    figures.notes.push(told("answer to seen", all(|pushed| &pushed.seen)));
    let count = |at: usize| pushed.iter().map(|pushed| pushed.counts[at]).sum::<u64>();
    figures.notes.push(format!("{} answers of 200, {} of 202", count(0), count(1)));
    (figures.read, figures.written) = (pushed.iter().map(|pushed| pushed.seen.len() as u64).sum(), count(0) + count(1));
    sidecar.stop().expect(0);
    figures.end();
}

#[test]
fn what_fifty_connections_push_is_there_over_a_kill() {
    run(Figures::begin("pushes of 50 connections", 3_000, 300_000), false);
}

#[test]
fn what_fifty_connections_push_into_a_spool_is_there_over_a_kill() {
    run(Figures::begin("pushes of 50 connections, with a spool", 3_000, 30_000), true);
}
