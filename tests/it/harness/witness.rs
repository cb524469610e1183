//! A reader that reads all objects of a service all the time, as Ralph would, and never forgets what it saw: versions must
//! not go back, equal versions mean equal bytes, every value is whole and valid. It must not know what was written.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use redis::{Connection, RedisResult};
use xxhash_rust::xxh3::xxh3_64;

use super::{Envelope, Redis, eventually};

/// How long one answer may take before the connection is given up.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was seen of one object.
#[derive(Debug, Default)]
struct Object {
    /// The version seen last.
    last: u64,
    /// The server that it was seen on.
    generation: u64,
    /// Digests of the bytes of every version.
    bytes: HashMap<u64, u64>,
}

/// What the witness can say.
#[derive(Debug, Default)]
struct Tally {
    read: u64,
    distinct: u64,
    violations: Vec<String>,
    /// How long each answer took, since the last [`Witness::take_micros`].
    micros: Vec<u32>,
}

#[derive(Debug)]
struct Target {
    socket: PathBuf,
    /// Grows when data may have been rolled back: each object may go back once.
    generation: u64,
}

#[derive(Debug)]
struct Shared {
    target: Mutex<Target>,
    tally: Mutex<Tally>,
    rounds: AtomicU64,
    stop: AtomicBool,
}

/// The thread that reads.
pub struct Witness {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Witness {
    /// Begins to read the objects `ids` of `service` from `redis`, `at_once` of them in one step, with a `pause` after each.
    pub fn start(redis: &Redis, service: &str, ids: Vec<String>, at_once: usize, pause: Duration) -> Self {
        let shared = Arc::new(Shared {
            target: Mutex::new(Target { socket: redis.socket(), generation: 0 }),
            tally: Mutex::default(),
            rounds: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let (of_thread, service) = (shared.clone(), service.to_owned());
        let thread = std::thread::spawn(move || read_on(&of_thread, &service, &ids, at_once, pause));
        Self { shared, thread: Some(thread) }
    }

    /// Reads from `redis` from now on. Where it is an older copy, each object may go back once; not below what was
    /// written under that version before.
    pub fn follow(&self, redis: &Redis) {
        let mut target = self.shared.target.lock().expect("the target");
        target.socket = redis.socket();
        target.generation += 1;
    }

    /// Waits until every object was read once more, from now on.
    pub fn catch_up(&self) {
        let rounds = || self.shared.rounds.load(Relaxed);
        let before = rounds();
        // The one under way began earlier.
        eventually("the witness has read everything again", || rounds() >= before + 2);
    }

    /// How many values were read, and how many different ones.
    pub fn counts(&self) -> (u64, u64) {
        let tally = self.tally();
        (tally.read, tally.distinct)
    }

    /// What a reader should never have seen.
    pub fn violations(&self) -> Vec<String> {
        self.tally().violations.clone()
    }

    /// How long each answer took since the last call, in microseconds.
    pub fn take_micros(&self) -> Vec<u32> {
        std::mem::take(&mut self.tally().micros)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.shared.tally.lock().expect("the tally")
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read_on(shared: &Shared, service: &str, ids: &[String], at_once: usize, pause: Duration) {
    let mut objects: HashMap<&str, Object> = HashMap::new();
    let mut connection: Option<(Connection, PathBuf)> = None;
    while !shared.stop.load(Relaxed) {
        let mut whole = true;
        for ids in ids.chunks(at_once) {
            let (socket, generation) = {
                let target = shared.target.lock().expect("the target");
                (target.socket.clone(), target.generation)
            };
            let open = connection.take().filter(|(_, to)| *to == socket).map(|(open, _)| open);
            let begun = Instant::now();
            let Ok((open, values)) = read(open, &socket, service, ids) else {
                whole = false;
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            let took = begun.elapsed();
            connection = Some((open, socket));
            let mut tally = shared.tally.lock().expect("the tally");
            tally.micros.push(took.as_micros() as u32);
            for (id, value) in ids.iter().zip(values) {
                if let Some(value) = value {
                    see(&mut tally, objects.entry(id).or_default(), service, id, value, generation);
                }
            }
            drop(tally);
            std::thread::sleep(pause);
            if shared.stop.load(Relaxed) {
                return;
            }
        }
        if whole {
            shared.rounds.fetch_add(1, Relaxed);
        }
    }
}

fn read(
    open: Option<Connection>,
    socket: &std::path::Path,
    service: &str,
    ids: &[String],
) -> RedisResult<(Connection, Vec<Option<String>>)> {
    let mut open = match open {
        Some(open) => open,
        None => {
            let client = redis::Client::open(format!("redis+unix://{}", socket.display()))?;
            let open = client.get_connection_with_timeout(PATIENCE)?;
            open.set_read_timeout(Some(PATIENCE))?;
            open
        }
    };
    let mut command = redis::cmd("MGET");
    for id in ids {
        command.arg(format!("ralphext:v1:{service}:{id}"));
    }
    let values = command.query(&mut open)?;
    Ok((open, values))
}

fn see(tally: &mut Tally, object: &mut Object, service: &str, id: &str, value: String, generation: u64) {
    tally.read += 1;
    let digest = xxh3_64(value.as_bytes());
    let Some(version) = version_of(&value) else {
        return violated(tally, format!("{id}: no version in {value}"));
    };
    match object.bytes.get(&version) {
        Some(known) if *known == digest => {}
        Some(_) => violated(tally, format!("{id}: version {version} has two different values, the last is {value}")),
        None => {
            tally.distinct += 1;
            object.bytes.insert(version, digest);
            // It panics with all that is wrong.
            let checked = catch_unwind(AssertUnwindSafe(|| drop(Envelope::check(service, id, value, &[]))));
            if let Err(panic) = checked {
                let why = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                violated(tally, format!("{id}: version {version} breaks the contract: {why}"));
            }
        }
    }
    if version < object.last && generation == object.generation {
        violated(tally, format!("{id}: version {version} was read after {}", object.last));
    }
    (object.last, object.generation) = (version, generation);
}

fn violated(tally: &mut Tally, what: String) {
    // The first few say it all.
    if tally.violations.len() < 20 {
        tally.violations.push(what);
    }
}

fn version_of(value: &str) -> Option<u64> {
    value.split_once(r#""version":"#)?.1.split(',').next()?.parse().ok()
}
