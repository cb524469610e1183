//! A source that changes all the time, by a seeded random walk, and the model of what must stand in Redis for it. It must
//! not know how it gets there.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use super::Redis;

/// What the source says of one object, and how it spells it.
#[derive(Debug, Clone)]
struct Object {
    rev: u64,
    spelling: u8,
    /// Its record, made when it is first asked for.
    line: Option<String>,
}

impl Object {
    fn new(rev: u64, spelling: u8) -> Self {
        Self { rev, spelling, line: None }
    }

    fn set(&mut self, rev: u64, spelling: u8) {
        *self = Self::new(rev, spelling);
    }
}

/// The state of the source: which objects it has, and what it says of each.
#[derive(Debug, Clone)]
pub struct Walk {
    rng: fastrand::Rng,
    ids: u64,
    burst: u64,
    objects: BTreeMap<u64, Object>,
}

impl Walk {
    /// A walk over the objects `1..=ids`, all of which are there at first; a step touches up to `burst` of them.
    pub fn new(seed: u64, ids: u64, burst: u64) -> Self {
        let objects = (1..=ids).map(|id| (id, Object::new(1, 0))).collect();
        Self { rng: fastrand::Rng::with_seed(seed), ids, burst, objects }
    }

    /// Changes, adds, removes, takes back and spells anew; now and then nothing at all.
    pub fn step(&mut self) {
        for _ in 0..self.rng.u64(0..=self.burst) {
            let id = self.rng.u64(1..=self.ids);
            let few = self.objects.len() as u64 <= self.ids / 2;
            let (what, spelling) = (self.rng.u8(0..100), self.rng.u8(0..3));
            match self.objects.get_mut(&id) {
                None => drop(self.objects.insert(id, Object::new(self.rng.u64(1..1_000_000), spelling))),
                Some(object) if what < 50 => object.set(object.rev + 1, spelling),
                // Back to what it was before: a change like any other.
                Some(object) if what < 60 => object.set(object.rev.saturating_sub(1).max(1), spelling),
                Some(object) if what < 85 || few => object.set(object.rev, spelling),
                Some(_) => drop(self.objects.remove(&id)),
            }
        }
    }

    /// Changes the content of `count` objects, each another one, and nothing else.
    pub fn change(&mut self, count: u64) {
        let mut ids: Vec<u64> = self.objects.keys().copied().collect();
        self.rng.shuffle(&mut ids);
        for id in ids.into_iter().take(count as usize) {
            self.objects.entry(id).and_modify(|object| object.set(object.rev + 1, object.spelling));
        }
    }

    /// The ids that may ever be there.
    pub fn ids(&self) -> Vec<String> {
        (1..=self.ids).map(|id| id.to_string()).collect()
    }

    /// The source file.
    pub fn text(&mut self) -> String {
        let lines = self.objects.iter_mut().map(|(id, object)| {
            let (rev, spelling) = (object.rev, object.spelling);
            object.line.get_or_insert_with(|| line(*id, rev, spelling)).as_str()
        });
        lines.collect()
    }

    /// All ways in which one record may be spelt.
    pub fn spellings(id: u64, rev: u64) -> [String; 3] {
        [0, 1, 2].map(|spelling| line(id, rev, spelling))
    }

    /// Writes the source file at once, beside it first.
    pub fn write(&mut self, path: &Path) {
        let beside = path.with_extension("beside");
        fs::write(&beside, self.text()).expect("the source's text");
        fs::rename(&beside, path).expect("the source's place");
    }

    /// How many objects `redis` lacks or has otherwise, and how many it has that the source has not.
    pub fn differences(&self, redis: &Redis, service: &str) -> (u64, u64) {
        let mut there = redis.raw_objects(service);
        let mut other = 0;
        for (id, object) in &self.objects {
            let found = there.remove(&id.to_string());
            let found = found.and_then(|raw| serde_json::from_str::<Value>(&raw).ok());
            other += u64::from(found.is_none_or(|found| found["content"] != content(*id, object.rev)));
        }
        (other, there.len() as u64)
    }

    /// What stands in `redis` and should not, or the other way round; nothing when it is equal to the source.
    pub fn difference(&self, redis: &Redis, service: &str) -> Option<String> {
        let mut there = redis.raw_objects(service);
        for (id, object) in &self.objects {
            let Some(raw) = there.remove(&id.to_string()) else {
                return Some(format!("{id} is missing, should have revision {}", object.rev));
            };
            let found: Value = match serde_json::from_str(&raw) {
                Ok(found) => found,
                Err(e) => return Some(format!("{id} is no JSON: {e}: {raw}")),
            };
            if found["content"] != content(*id, object.rev) {
                return Some(format!("{id} should have revision {}: {raw}", object.rev));
            }
        }
        there.pop_first().map(|(id, raw)| format!("{id} was removed from the source, and is there: {raw}"))
    }
}

fn content(id: u64, rev: u64) -> Value {
    json!({
        "hostname": format!("host-{id:05}.dc1.example.net"),
        "memory_mb": 65_536,
        "note": "zażółć \"gęślą\" jaźń",
        "revision": rev,
        "serials": (0..id % 7 * 5).map(|n| format!("SN-{id}-{n}")).collect::<Vec<_>>(),
    })
}

/// One record; the same content in three spellings.
fn line(id: u64, rev: u64, spelling: u8) -> String {
    let content = content(id, rev);
    let members = content.as_object().expect("an object").iter();
    match spelling {
        0 => format!("{{\"id\":{id},\"content\":{content}}}\n"),
        1 => {
            let members: Vec<String> = members.rev().map(|(name, value)| format!("{name:?} : {value}")).collect();
            format!("{{ \"id\": \"{id}\", \"content\": {{ {} }} }}\n", members.join(" , "))
        }
        _ => {
            let members: Vec<String> = members.map(|(name, value)| format!("{name:?}:{value}")).collect();
            let members =
                members.join(",").replace("\"memory_mb\":65536", "\"memory_mb\":6.5536e4").replace('ż', "\\u017c");
            format!("{{\"content\":{{{members}}},\"id\":{id}}}\n")
        }
    }
}

/// A thread that walks, and writes the source file after each step.
pub struct Walker {
    walk: Arc<Mutex<Walk>>,
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The source while it stands still: until this is dropped nothing changes.
pub struct Still<'a> {
    /// The state.
    pub walk: MutexGuard<'a, Walk>,
    /// Since when, as the descriptor writes times: a pass that began later saw this state.
    pub since: String,
}

impl Walker {
    /// Writes the first state to `path`, then a step every so many ms.
    pub fn start(mut walk: Walk, path: PathBuf, every_ms: Range<u64>) -> Self {
        walk.write(&path);
        let mut rng = fastrand::Rng::with_seed(walk.rng.clone().u64(..));
        let walk = Arc::new(Mutex::new(walk));
        let stop = Arc::new(AtomicBool::new(false));
        let (of_thread, stopped, to) = (walk.clone(), stop.clone(), path.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(rng.u64(every_ms.clone())));
                let mut walk = of_thread.lock().expect("the walk");
                walk.step();
                walk.write(&to);
            }
        });
        Self { walk, path, stop, thread: Some(thread) }
    }

    /// The source file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stands still from now on.
    pub fn still(&self) -> Still<'_> {
        let walk = self.walk.lock().expect("the walk");
        Still { walk, since: now() }
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Now, as the descriptor writes times.
pub fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
