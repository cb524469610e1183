//! Listens to a server's keyspace events, so that a test can say what was not written. It must not judge them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use super::{Redis, eventually, redis::is_object_of};

/// One keyspace event: what happened (`set`, `del`, `expire`, ...) to which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Redis' word for it.
    pub what: String,
    /// The key.
    pub key: String,
}

/// Records every event since [`Watch::start`].
pub struct Watch {
    events: Arc<Mutex<Vec<Event>>>,
    markers: AtomicU64,
    _thread: JoinHandle<()>,
}

const MARKER: &str = "it:marker";

impl Watch {
    /// Begins to listen; whatever happens after it returned is recorded.
    pub fn start(redis: &Redis) -> Self {
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let mut connection = redis.connect().expect("a connection for events");
        let (ready, is_ready) = std::sync::mpsc::channel();
        let into = events.clone();
        let thread = std::thread::spawn(move || {
            let mut pubsub = connection.as_pubsub();
            pubsub.psubscribe("__keyevent@0__:*").expect("psubscribe");
            ready.send(()).expect("the test waits");
            while let Ok(message) = pubsub.get_message() {
                let what = message.get_channel_name().rsplit(':').next().unwrap_or_default().to_owned();
                let key = message.get_payload().unwrap_or_default();
                into.lock().expect("events").push(Event { what, key });
            }
        });
        is_ready.recv().expect("subscribed");
        Self { events, markers: AtomicU64::new(0), _thread: thread }
    }

    /// All events so far, in order. Waits for a marker of its own, so that nothing before it is still under way.
    pub fn events(&self, redis: &Redis) -> Vec<Event> {
        let marker = format!("{MARKER}:{}", self.markers.fetch_add(1, Ordering::Relaxed));
        redis.cmd::<()>(&["SET", &marker, "1"]);
        redis.cmd::<()>(&["DEL", &marker]);
        let seen = |events: &[Event]| events.iter().any(|e| e.key == marker && e.what == "del");
        eventually("the marker's event arrives", || seen(&self.events.lock().expect("events")));
        let all = self.events.lock().expect("events").clone();
        all.into_iter().filter(|e| !e.key.starts_with(MARKER)).collect()
    }

    /// Events named `what` on the keys of a service's objects.
    pub fn on_objects(&self, redis: &Redis, service: &str, what: &[&str]) -> Vec<Event> {
        let prefix = format!("ralphext:v1:{service}:");
        let wanted = |e: &Event| is_object_of(&e.key, &prefix) && what.contains(&e.what.as_str());
        self.events(redis).into_iter().filter(wanted).collect()
    }

    /// Panics if any object's value was written, removed or lost since the start.
    #[track_caller]
    pub fn assert_untouched(&self, redis: &Redis, service: &str) {
        let touched = self.on_objects(redis, service, &["set", "del", "unlink", "expired", "evicted", "rename_to"]);
        let first: Vec<_> = touched.iter().take(5).collect();
        assert!(touched.is_empty(), "{} events on objects' keys, among them {first:?}", touched.len());
    }
}
