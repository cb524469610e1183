//! Listens to the commands that a server executes (`MONITOR`), so that a test can say which were used. It must not judge them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use redis::Value;

use super::{Redis, eventually};

const MARKER: &str = "it:monitor:marker";
/// Commands of which the first word does not say what they do.
const CONTAINERS: [&str; 8] = ["acl", "client", "cluster", "config", "function", "object", "pubsub", "script"];

/// Records every command since [`Monitor::start`].
pub struct Monitor {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Monitor {
    /// Begins to listen.
    pub fn start(redis: &Redis) -> Self {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut connection = redis.connect().expect("a connection for MONITOR");
        redis::cmd("MONITOR").query::<()>(&mut connection).expect("MONITOR");
        let into = lines.clone();
        std::thread::spawn(move || {
            while let Ok(Value::SimpleString(line)) = connection.recv_response() {
                into.lock().expect("lines").push(line);
            }
        });
        Self { lines }
    }

    /// The commands that came in over TCP, which is how the binary connects, and those that its scripts called: in lower
    /// case, subcommands behind a `|`.
    pub fn commands(&self, redis: &Redis) -> BTreeSet<String> {
        // The harness itself uses the unix socket.
        redis.cmd::<()>(&["EXISTS", MARKER]);
        let seen = || self.lines.lock().expect("lines").iter().any(|line| line.contains(MARKER));
        eventually("MONITOR tells the marker", seen);
        let lines = self.lines.lock().expect("lines");
        lines.iter().filter_map(|line| command(line)).collect()
    }
}

/// `1339518083.107412 [0 127.0.0.1:60866] "script" "load" "return 1"` is `script|load`.
fn command(line: &str) -> Option<String> {
    let (from, words) = line.split_once(" [")?.1.split_once("] ")?;
    if from.contains("unix:") {
        return None;
    }
    let mut words = words.split(' ').map(|word| word.trim_matches('"').to_lowercase());
    // Whoever is not known yet has to be let in: no access list can refuse that.
    let first = words.next().filter(|word| word != "auth")?;
    Some(if CONTAINERS.contains(&first.as_str()) { format!("{first}|{}", words.next()?) } else { first })
}
