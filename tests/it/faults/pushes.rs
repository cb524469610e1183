//! Extensions that push while everything around them fails: what was answered with 200 is in Redis, what was answered with
//! 202 comes there, and nothing old comes back over it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{PAUSE, SERVICE, brisk, look_at, server, servers::EXEC};
use crate::harness::{
    Act, Cut, DEADLINE, Ext, Figures, Journal, Proxy, Pusher, Redis, Running, Way, Witness, eventually, ndjson,
    records, signal,
};

/// Objects of each pusher; no two push the same one.
const EACH: u64 = 40;
const PUSHERS: u64 = 2;
/// Faults; the last three lose what Redis had.
const ALL: [&str; 8] =
    ["kill", "reset", "freeze", "partition", "answers lost", "flush", "restart empty", "restart old"];

/// What Redis may hold of each object of one pusher: a revision, 0 for nothing.
#[derive(Debug)]
struct Book {
    ids: RangeInclusive<u64>,
    told: BTreeMap<String, u64>,
    /// Sent since, and not confirmed: it may be there or not.
    unsure: BTreeMap<String, BTreeSet<u64>>,
    confirmed: u64,
    wrong: Vec<String>,
}

impl Book {
    fn of(pusher: u64) -> Self {
        let ids = pusher * EACH + 1..=(pusher + 1) * EACH;
        Self { ids, told: BTreeMap::new(), unsure: BTreeMap::new(), confirmed: 0, wrong: Vec::new() }
    }

    fn answered(&mut self, id: &str, revision: u64, is_confirmed: bool) {
        let unsure = self.unsure.entry(id.to_owned()).or_default();
        if is_confirmed {
            self.confirmed += 1;
            unsure.clear();
            self.told.insert(id.to_owned(), revision);
        } else {
            unsure.insert(revision);
        }
    }

    fn allows(&self, id: &str, revision: u64) -> bool {
        self.told.get(id).copied().unwrap_or(0) == revision
            || self.unsure.get(id).is_some_and(|unsure| unsure.contains(&revision))
    }

    /// Objects that hold something that they should not.
    fn astray(&self, redis: &Redis) -> Vec<String> {
        let there = redis.raw_objects(SERVICE);
        let wrong = self.ids.clone().filter_map(|id| {
            let id = id.to_string();
            let found = there.get(&id).map_or(0, |raw| revision_of(raw));
            let told = (self.told.get(&id), self.unsure.get(&id));
            (!self.allows(&id, found)).then(|| format!("{id} has revision {found}, was told {told:?}"))
        });
        wrong.collect()
    }

    /// What is there now is what is there.
    fn settle(&mut self, redis: &Redis) {
        self.unsure.clear();
        let there = redis.raw_objects(SERVICE);
        let found = |id: String| Some((id.clone(), revision_of(there.get(&id)?)));
        self.told = self.ids.clone().filter_map(|id| found(id.to_string())).collect();
    }
}

fn revision_of(raw: &str) -> u64 {
    // Of one of several inputs it may be the part that is missing.
    let Some((_, digits)) = raw.split_once("\"revision\":") else { return 0 };
    digits.trim_end_matches('}').parse().expect("a number")
}

/// A thread that pushes all the time, and books each answer.
struct Pushing {
    book: Arc<Mutex<Book>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pushing {
    /// With `strict` a value that was answered with 200 has to be in `socket`'s Redis at once.
    fn start(pusher: Pusher, book: Book, seed: u64, strict: Option<redis::Client>) -> Self {
        let (book, stop) = (Arc::new(Mutex::new(book)), Arc::new(AtomicBool::new(false)));
        let (into, stopped) = (book.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut revision = 0;
            while !stopped.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(rng.u64(0..6)));
                let mut book = into.lock().expect("the book");
                revision += 1;
                push(&pusher, &mut book, &mut rng, revision, strict.as_ref());
            }
        });
        Self { book, stop, thread: Some(thread) }
    }

    fn still(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("the book")
    }
}

impl Drop for Pushing {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One push: an object, its removal, or several changes at once.
fn push(pusher: &Pusher, book: &mut Book, rng: &mut fastrand::Rng, revision: u64, strict: Option<&redis::Client>) {
    let ids = book.ids.clone();
    let id = |rng: &mut fastrand::Rng| rng.u64(ids.clone()).to_string();
    let (mut changes, one) = (BTreeMap::new(), id(rng));
    let answered = match rng.u8(0..10) {
        0..6 => {
            changes.insert(one.clone(), revision);
            let content = json!({"revision": revision}).to_string();
            pusher.try_ask(&format!("PUT /v1/objects/{one}"), &["Content-Type: application/json"], content.as_bytes())
        }
        6..8 => {
            changes.insert(one.clone(), 0);
            pusher.try_ask(&format!("DELETE /v1/objects/{one}"), &[], b"")
        }
        _ => {
            changes.extend((0..8).map(|_| (id(rng), revision)));
            let lines = changes.iter().map(|(id, revision)| json!({"id": id, "content": {"revision": revision}}));
            let lines: String = lines.map(|line| format!("{line}\n")).collect();
            pusher.try_ask("PATCH /v1/objects", &[], lines.as_bytes())
        }
    };
    let status = answered.map_or(0, |answered| answered.status);
    assert!(matches!(status, 0 | 200 | 202 | 503), "status {status} for {changes:?}");
    for (id, revision) in &changes {
        book.answered(id, *revision, matches!(status, 200 | 202));
    }
    if let (200, Some(client)) = (status, strict) {
        let there = |id: &String| -> redis::RedisResult<Option<String>> {
            redis::cmd("GET").arg(format!("ralphext:v1:{SERVICE}:{id}")).query(&mut client.get_connection()?)
        };
        for (id, revision) in &changes {
            // Frozen since then, say: it is looked at in the end.
            let Ok(found) = there(id) else { continue };
            let found = found.map_or(0, |raw| revision_of(&raw));
            if found != *revision {
                book.wrong.push(format!("{id}: revision {revision} was answered with 200, and {found} is there"));
            }
        }
    }
}

/// How what is pushed is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    Nothing,
    Spool,
    /// It is one of two inputs, which are merged.
    Input,
}

/// The service, its pushers, and all that looks at them.
struct Stage {
    ext: Ext,
    pusher: Pusher,
    proxy: Proxy,
    redis: Redis,
    journal: Journal,
    witness: Witness,
    /// What the facts say of the first pusher's objects, where there are facts.
    facts: Option<u64>,
}

impl Stage {
    fn new(keeps: Keeps) -> Self {
        let redis = server(&[]);
        let proxy = Proxy::to(&redis);
        let ext = brisk(Ext::at(&proxy.url())).unset("source.path").unset("source.interval");
        let mut ext = match keeps {
            Keeps::Input => {
                let facts = ext.path("facts.ndjson").display().to_string();
                let ext = ext.unset("source.kind").set("source.inputs.facts.path", facts);
                let ext = ext.set("source.inputs.facts.kind", "file").set("source.inputs.status.kind", "push");
                ext.set("source.inputs.status.listen", "unix:push.sock")
            }
            _ => ext.set("source.kind", "push").set("source.listen", "unix:push.sock"),
        };
        if keeps != Keeps::Nothing {
            ext.change("source.spool", "spool");
        }
        let ids = (1..=PUSHERS * EACH).map(|id| id.to_string()).collect();
        let witness = Witness::start(&redis, SERVICE, ids, 50, PAUSE);
        let journal = Journal::new(SERVICE);
        journal.attach(&redis);
        let pusher = Pusher::Unix(ext.path("push.sock"));
        Self { ext, pusher, proxy, redis, journal, witness, facts: (keeps == Keeps::Input).then_some(0) }
    }

    fn tell_facts(&mut self, cpus: u64) {
        let facts: Vec<_> = (1..=EACH).map(|id| json!({"id": id, "content": {"cpus": cpus}})).collect();
        self.ext.write("facts.ndjson", &ndjson(&facts));
        self.facts.iter_mut().for_each(|facts| *facts = cpus);
    }

    /// Objects without the facts that they should have.
    fn wrong_facts(&self) -> Vec<String> {
        let Some(cpus) = self.facts else { return Vec::new() };
        let (there, wanted) = (self.redis.raw_objects(SERVICE), format!("\"content\":{{\"facts\":{{\"cpus\":{cpus}}}"));
        let all = (1..=EACH).map(|id| id.to_string());
        let is_wrong = |id: &String| !there.get(id).is_some_and(|raw| raw.contains(&wanted));
        all.filter(is_wrong).map(|id| format!("{id} has not {wanted}")).collect()
    }

    fn pushing(&self, seed: u64, strict: bool) -> Vec<Pushing> {
        let client = redis::Client::open(format!("redis+unix://{}", self.redis.socket().display())).expect("a URL");
        let start = |n| Pushing::start(self.pusher.clone(), Book::of(n), seed + n, strict.then(|| client.clone()));
        (0..PUSHERS).map(start).collect()
    }

    fn inject(&mut self, figures: &mut Figures, sidecar: &mut Running, fault: &str) {
        figures.fault(fault);
        figures.sleep_up_to(500);
        match fault {
            "kill" => {
                signal(sidecar.pid(), "KILL");
                // A second one that met the first alive would refuse to start.
                eventually("it is dead", || !self.pusher.is_there());
                *sidecar = self.ext.run();
            }
            "reset" => self.proxy.cut(Cut::Reset),
            "freeze" => {
                self.redis.pause();
                figures.sleep_up_to(1500);
                self.redis.resume();
            }
            "partition" => {
                self.proxy.stall();
                figures.sleep_up_to(1500);
                self.proxy.heal();
            }
            "answers lost" => {
                self.proxy.swallow(Way::Down);
                figures.sleep_up_to(1500);
                self.proxy.heal();
            }
            "flush" => self.redis.flush(),
            "restart empty" => {
                self.redis.kill();
                self.redis.restart();
                self.journal.attach(&self.redis);
            }
            _ => {
                self.redis.cmd::<()>(&["SAVE"]);
                figures.sleep_up_to(500);
                self.redis.kill();
                self.witness.follow(&self.redis);
                self.redis.restart_as_saved();
                self.journal.attach(&self.redis);
            }
        }
    }

    /// Waits until the sidecar writes and each object is as it may be; `figures` tell of it.
    fn recover(&self, figures: &mut Figures, sidecar: &mut Running, pushing: &[Pushing]) {
        let mut books: Vec<_> = pushing.iter().map(Pushing::still).collect();
        let ended = Instant::now();
        let writes = || self.pusher.try_ask("GET /v1/status", &[], b"").is_ok_and(|told| told.status == 200);
        sidecar.wait_until("it writes", writes);
        let astray = |books: &[MutexGuard<'_, Book>]| -> Vec<String> {
            books.iter().flat_map(|book| book.astray(&self.redis)).chain(self.wrong_facts()).collect()
        };
        let begun = Instant::now();
        while !astray(&books).is_empty() {
            assert!(
                begun.elapsed() < DEADLINE,
                "RALPHEXT_SEED={}: {:?}\n{}",
                figures.seed,
                astray(&books),
                sidecar.stderr()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        figures.recoveries.push(ended.elapsed());
        self.journal.catch_up(&self.redis);
        self.witness.catch_up();
        let seed = figures.seed;
        assert_eq!(astray(&books), Vec::<String>::new(), "RALPHEXT_SEED={seed}");
        for (who, wrong) in [("the server", self.journal.violations()), ("a reader", self.witness.violations())] {
            assert!(wrong.is_empty(), "RALPHEXT_SEED={seed}: seen by {who}: {wrong:#?}");
        }
        for book in &mut books {
            assert!(book.wrong.is_empty(), "RALPHEXT_SEED={seed}: {:#?}", book.wrong);
            book.settle(&self.redis);
        }
    }
}

fn run(mut figures: Figures, keeps: Keeps, faults: &[&str]) {
    let mut stage = Stage::new(keeps);
    let mut sidecar = stage.ext.run();
    eventually("the socket is there", || stage.pusher.is_there());
    let pushing = stage.pushing(figures.seed, keeps == Keeps::Nothing);
    for round in 0..figures.rounds {
        stage.tell_facts(round + 1);
        let fault = faults[figures.rng.usize(0..faults.len())];
        stage.inject(&mut figures, &mut sidecar, fault);
        stage.recover(&mut figures, &mut sidecar, &pushing);
        figures.progress(round);
    }
    look_at(&mut figures, &sidecar);
    let confirmed: u64 = pushing.iter().map(|pushing| pushing.still().confirmed).sum();
    figures.notes.push(format!("{confirmed} changes confirmed"));
    assert!(confirmed > 0);
    drop(pushing);
    sidecar.stop().expect(0);
    (figures.read, figures.written) = (stage.witness.counts().0, stage.journal.counts().0);
    figures.end();
}

#[test]
fn what_was_answered_with_200_is_in_redis_whatever_fails() {
    let figures = Figures::begin("pushes without a spool", 5, 100);
    run(figures, Keeps::Nothing, &ALL[..5]);
}

#[test]
fn what_was_answered_comes_back_out_of_the_spool_whatever_is_lost() {
    let figures = Figures::begin("pushes with a spool", 8, 100);
    run(figures, Keeps::Spool, &ALL);
}

#[test]
fn what_was_answered_is_merged_with_the_other_input_whatever_is_lost() {
    let figures = Figures::begin("pushes as one of two inputs", 8, 100);
    run(figures, Keeps::Input, &ALL);
}

#[test]
fn without_a_spool_a_snapshot_is_wanted_when_redis_goes_back_be_it_by_a_single_removal() {
    let mut redis = Redis::start();
    let ext = Ext::brisk(&redis).unset("source.path").set("source.kind", "push").set("source.listen", "unix:push.sock");
    let pusher = Pusher::Unix(ext.path("push.sock"));
    let mut sidecar = ext.run();
    let status = || pusher.try_ask("GET /v1/status", &[], b"").ok().filter(|told| told.status == 200);
    sidecar.wait_until("it writes", || status().is_some());
    let all = format!("{}{{\"end\":true}}\n", ndjson(&records(10, 1)));
    for removes in [true, false] {
        assert_eq!(pusher.snapshot(&all).expect(200).json["resync"], false);
        redis.cmd::<()>(&["SAVE"]);
        match removes {
            true => pusher.ask("DELETE /v1/objects/7", &[], b"").expect(200),
            false => pusher.put("7", &json!({"revision": 2})).expect(200),
        };
        redis.kill();
        redis.restart_as_saved();
        sidecar.wait_until("it wants to be told", || status().is_some_and(|told| told.json["resync"] == true));
        assert_eq!(redis.count(SERVICE), 10, "nobody else knows what was lost");
    }
    sidecar.stop().expect(0);
}

#[test]
fn a_removal_whose_answer_was_lost_is_no_loss() {
    let redis = Redis::start();
    let proxy = Proxy::to(&redis);
    let ext = Ext::at(&proxy.url()).briskly().unset("source.path").unset("source.interval");
    let ext = ext.set("source.kind", "push").set("source.listen", "unix:push.sock");
    let pusher = Pusher::Unix(ext.path("push.sock"));
    let mut sidecar = ext.run();
    let status = || pusher.try_ask("GET /v1/status", &[], b"").ok().filter(|told| told.status == 200);
    sidecar.wait_until("it writes", || status().is_some());
    pusher.snapshot(&format!("{}{{\"end\":true}}\n", ndjson(&records(10, 1)))).expect(200);
    proxy.trap(Way::Up, EXEC, EXEC.len(), Act::Cut(Cut::Close));
    pusher.ask("DELETE /v1/objects/7", &[], b"").expect(503);
    assert_eq!(redis.count(SERVICE), 9, "and yet it was done");
    sidecar.wait_until("it writes again", || status().is_some());
    assert_eq!(status().expect("it writes").json["resync"], false, "nothing is missing");
    pusher.ask("DELETE /v1/objects/7", &[], b"").expect(200).counts(&[("removed", 0)]);
    sidecar.wait_until("it counts right", || redis.descriptor(SERVICE)["counts"]["objects"] == 9);
    sidecar.stop().expect(0);
}
