//! A consumer of change events, as docs/events.md tells to write one. It must not share a line with the code that tells.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use redis::{Connection, Value as Answer};
use serde_json::Value;

use super::CHANGES;
use crate::harness::Redis;

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    batch: u64,
    previous: u64,
    place: u64,
    of: u64,
}

impl Position {
    #[track_caller]
    pub fn of(event: &Value) -> Self {
        let [batch, previous, place, of] =
            ["batch", "previous", "place", "of"].map(|name| event[name].as_u64().expect("a number"));
        assert!((1..=of).contains(&place) && previous < batch, "{event}");
        Self { batch, previous, place, of }
    }

    pub fn follows(&self, before: &Self) -> bool {
        if before.place < before.of {
            return *self == Self { place: before.place + 1, ..*before };
        }
        self.place == 1 && self.previous == before.batch
    }
}

/// What a consumer knows.
#[derive(Debug, Default)]
struct Known {
    events: Vec<Value>,
    last: Option<(String, Position)>,
    gaps: u64,
    connects: u64,
    /// Version and hash of each object that was told last; none where its removal was.
    objects: BTreeMap<String, Option<(u64, String)>>,
}

impl Known {
    fn take(&mut self, id: &str, event: Value) {
        let here = Position::of(&event);
        if self.last.as_ref().is_some_and(|(_, last)| !here.follows(last)) {
            self.gaps += 1;
        }
        self.last = Some((id.to_owned(), here));
        if let Some(object) = event["object_id"].as_str() {
            let value = event["version"].as_u64().zip(event["hash"].as_str().map(str::to_owned));
            if let (Some((new, _)), Some(Some((old, _)))) = (&value, self.objects.get(object)) {
                assert!(new > old, "in order per object: {event} after {old}");
            }
            self.objects.insert(object.to_owned(), value);
        }
        self.events.push(event);
    }
}

/// Follows a stream, or listens to a channel, on a thread.
pub struct Follower {
    known: Arc<Mutex<Known>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Listens to the channel; ends with the server.
    pub fn listen(redis: &Redis) -> Self {
        let known: Arc<Mutex<Known>> = Arc::default();
        let mut connection = redis.connect().expect("a connection");
        let (into, (tx, begun)) = (known.clone(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let mut channel = connection.as_pubsub();
            channel.subscribe(CHANGES).expect("SUBSCRIBE");
            tx.send(()).expect("somebody waits");
            while let Ok(message) = channel.get_message() {
                let text: String = message.get_payload().expect("text");
                into.lock().expect("known").take("-", serde_json::from_str(&text).expect("JSON"));
            }
        });
        begun.recv().expect("it listens");
        Self { known, stop: Arc::default(), thread: None }
    }

    /// Follows the stream from its beginning; every so often it loses its connection and comes back, with nothing but the id of the
    /// last entry that it took.
    pub fn follow(redis: &Redis) -> Self {
        let known: Arc<Mutex<Known>> = Arc::default();
        let stop: Arc<AtomicBool> = Arc::default();
        let client = redis::Client::open(redis.url()).expect("a URL");
        let (into, until) = (known.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut rng = fastrand::Rng::new();
            while !until.load(Ordering::Relaxed) {
                let mut connection = client.get_connection().expect("a connection");
                into.lock().expect("known").connects += 1;
                for _ in 0..rng.u32(1..30) {
                    if until.load(Ordering::Relaxed) {
                        return;
                    }
                    step(&mut connection, &into);
                }
            }
        });
        Self { known, stop, thread: Some(thread) }
    }

    /// Everything that was told so far.
    pub fn events(&self) -> Vec<Value> {
        self.known.lock().expect("known").events.clone()
    }

    /// How often something was missing, and how often it connected.
    pub fn counts(&self) -> (u64, u64) {
        let known = self.known.lock().expect("known");
        (known.gaps, known.connects)
    }

    /// Version and hash of each object that there is, by the events alone.
    pub fn objects(&self) -> BTreeMap<String, (u64, String)> {
        let known = self.known.lock().expect("known");
        known.objects.iter().filter_map(|(id, value)| Some((id.clone(), value.clone()?))).collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Id and fields.
type Entry = (String, Vec<String>);

fn step(connection: &mut Connection, known: &Mutex<Known>) {
    let last = known.lock().expect("known").last.as_ref().map_or("0-0".to_owned(), |(id, _)| id.clone());
    let answer: Answer = redis::cmd("XREAD")
        .arg(&["COUNT", "50", "BLOCK", "50", "STREAMS", CHANGES, &last])
        .query(connection)
        .expect("XREAD");
    if answer == Answer::Nil {
        return;
    }
    let streams: Vec<(String, Vec<Entry>)> = redis::from_redis_value(answer).expect("entries");
    for (id, fields) in streams.into_iter().flat_map(|(_, entries)| entries) {
        known.lock().expect("known").take(&id, serde_json::from_str(&fields[1]).expect("JSON"));
    }
}
