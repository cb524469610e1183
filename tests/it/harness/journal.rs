//! Everything that a server executes, as it says itself (`MONITOR`): no write is missed, none is counted that did not
//! happen. It judges each write of an object against the ones before it, over restarts and failovers.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{Redis, eventually, redis::is_object_of};

const MARKER: &str = "it:journal";

/// Reads all heads in one step on the server; its last argument marks the place in the stream that it stands for.
const HEADS: &str = "local out = {} \
    for _, key in ipairs(redis.call('KEYS', ARGV[1])) do \
      if redis.call('TYPE', key).ok == 'string' then \
        out[#out + 1] = key out[#out + 1] = redis.call('GETRANGE', key, 0, 223) end end \
    return out";

/// What a value's head says of it.
#[derive(Debug, Clone, PartialEq)]
struct Head {
    version: u64,
    epoch: u64,
    hash: String,
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Seen {
    /// The values that stand in the server that is listened to.
    standing: HashMap<String, Head>,
    /// The highest version ever written of each object, in whichever server.
    highest: HashMap<String, u64>,
    epoch: u64,
    written: u64,
    removed: u64,
    violations: Vec<String>,
    /// Which server is listened to; threads that listen to an earlier one end.
    attached: u64,
    marker: u64,
}

/// A journal of one service's objects.
pub struct Journal {
    prefix: String,
    seen: Arc<Mutex<Seen>>,
    markers: AtomicU64,
}

impl Journal {
    /// A journal of `service`; nothing is listened to yet.
    pub fn new(service: &str) -> Self {
        let prefix = format!("ralphext:v1:{service}:");
        Self { prefix, seen: Arc::default(), markers: AtomicU64::new(0) }
    }

    /// Listens to `redis`, and to no other server from now on. What stands there is taken as it is.
    pub fn attach(&self, redis: &Redis) {
        let mut stream = UnixStream::connect(redis.socket()).expect("a connection for the journal");
        stream.write_all(b"MONITOR\r\n").expect("MONITOR");
        let mut lines = BufReader::new(stream);
        let mut first = Vec::new();
        lines.read_until(b'\n', &mut first).expect("an answer to MONITOR");
        assert_eq!(first, b"+OK\r\n");

        let marker = self.next_marker();
        let pattern = format!("{}*", self.prefix);
        let found: Vec<Vec<u8>> = redis.cmd(&["EVAL", HEADS, "0", &pattern, &format!("{MARKER}:{marker}")]);
        let mut standing = HashMap::new();
        for pair in found.chunks(2) {
            let key = String::from_utf8_lossy(&pair[0]);
            if let (true, Some(head)) = (is_object_of(&key, &self.prefix), parse_head(&pair[1])) {
                standing.insert(key[self.prefix.len()..].to_owned(), head);
            }
        }
        let generation = {
            let mut seen = self.lock();
            seen.attached += 1;
            seen.attached
        };
        let (shared, prefix) = (self.seen.clone(), self.prefix.clone());
        std::thread::spawn(move || listen(lines, &shared, &prefix, generation, marker, standing));
        self.wait_for(marker);
    }

    /// Waits until everything that `redis` has executed so far was seen.
    pub fn catch_up(&self, redis: &Redis) {
        let marker = self.next_marker();
        redis.cmd::<()>(&["ECHO", &format!("{MARKER}:{marker}")]);
        self.wait_for(marker);
    }

    /// Values written and keys removed so far.
    pub fn counts(&self) -> (u64, u64) {
        let seen = self.lock();
        (seen.written, seen.removed)
    }

    /// What no server should ever have been made to do.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    fn wait_for(&self, marker: u64) {
        eventually("the journal has caught up", || self.lock().marker >= marker);
    }

    fn next_marker(&self) -> u64 {
        self.markers.fetch_add(1, Relaxed) + 1
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("the journal")
    }
}

/// Takes lines until the server ends, or another one is listened to.
fn listen(
    mut lines: impl BufRead,
    shared: &Mutex<Seen>,
    prefix: &str,
    generation: u64,
    from: u64,
    standing: HashMap<String, Head>,
) {
    let mut standing = Some(standing);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        let command = Command::read(&line);
        line.clear();
        let Some(command) = command else { continue };
        let mut seen = shared.lock().expect("the journal");
        if seen.attached != generation {
            return;
        }
        match command {
            Command::Marker(marker) => {
                if marker == from
                    && let Some(standing) = standing.take()
                {
                    seen.begin(standing);
                }
                seen.marker = seen.marker.max(marker);
            }
            // Before the place that the heads were read at.
            _ if standing.is_some() => {}
            Command::Flush => seen.standing.clear(),
            Command::Remove(keys) => {
                for key in keys.iter().filter(|key| is_object_of(key, prefix)) {
                    seen.removed += u64::from(seen.standing.remove(&key[prefix.len()..]).is_some());
                }
            }
            Command::Set { key, value } if is_object_of(&key, prefix) => seen.set(&key[prefix.len()..], &value),
            Command::Set { .. } => {}
        }
    }
}

impl Seen {
    fn begin(&mut self, standing: HashMap<String, Head>) {
        for (id, head) in &standing {
            let highest = self.highest.entry(id.clone()).or_default();
            *highest = (*highest).max(head.version);
        }
        self.standing = standing;
    }

    fn set(&mut self, id: &str, value: &[u8]) {
        self.written += 1;
        let Some(head) = parse_head(value) else {
            return self.violated(format!("{id}: not an envelope: {}", String::from_utf8_lossy(value)));
        };
        let highest = self.highest.get(id).copied().unwrap_or(0);
        if head.version <= highest {
            self.violated(format!("{id}: version {} was written after {highest}", head.version));
        }
        if head.epoch < self.epoch {
            self.violated(format!("{id}: written under epoch {} after {}", head.epoch, self.epoch));
        }
        if let Some(standing) = self.standing.get(id).filter(|standing| standing.hash == head.hash) {
            self.violated(format!("{id}: the same content was written again: {standing:?}, {head:?}"));
        }
        self.highest.insert(id.to_owned(), highest.max(head.version));
        self.epoch = self.epoch.max(head.epoch);
        self.standing.insert(id.to_owned(), head);
    }

    fn violated(&mut self, what: String) {
        // The first few say it all.
        if self.violations.len() < 20 {
            self.violations.push(what);
        }
    }
}

fn parse_head(value: &[u8]) -> Option<Head> {
    let text = String::from_utf8_lossy(&value[..value.len().min(224)]);
    let after = |name: &str| Some(text.split_once(name)?.1);
    let number = |name: &str| after(name)?.split(',').next()?.parse().ok();
    let hash = after(r#""hash":""#)?.get(..64)?.to_owned();
    Some(Head { version: number(r#""version":"#)?, epoch: number(r#""epoch":"#)?, hash })
}

/// What matters of one executed command.
#[derive(Debug, PartialEq)]
enum Command {
    Set { key: String, value: Vec<u8> },
    Remove(Vec<String>),
    Flush,
    Marker(u64),
}

impl Command {
    /// A line of `MONITOR`: `+1339518083.107412 [0 127.0.0.1:60866] "SET" "key" "value"`.
    fn read(line: &[u8]) -> Option<Self> {
        let from = line.windows(3).position(|part| part == b"] \"")? + 2;
        let name = line[from..].split(|byte| *byte == b'"').nth(1)?.to_ascii_uppercase();
        if !matches!(name.as_slice(), b"SET" | b"DEL" | b"UNLINK" | b"FLUSHALL" | b"FLUSHDB" | b"ECHO" | b"EVAL") {
            return None;
        }
        let mut words = words(&line[from..]).into_iter().skip(1);
        let text = |word: Vec<u8>| String::from_utf8_lossy(&word).into_owned();
        match name.as_slice() {
            b"SET" => Some(Self::Set { key: text(words.next()?), value: words.next()? }),
            b"DEL" | b"UNLINK" => Some(Self::Remove(words.map(text).collect())),
            b"ECHO" | b"EVAL" => {
                let last = text(words.next_back()?);
                Some(Self::Marker(last.strip_prefix(MARKER)?.strip_prefix(':')?.parse().ok()?))
            }
            _ => Some(Self::Flush),
        }
    }
}

/// The quoted words of a line, with their escapes undone.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut bytes = line.iter().copied();
    while bytes.by_ref().any(|byte| byte == b'"') {
        let mut word = Vec::new();
        while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
            if byte != b'\\' {
                word.push(byte);
                continue;
            }
            match bytes.next() {
                Some(b'n') => word.push(b'\n'),
                Some(b'r') => word.push(b'\r'),
                Some(b't') => word.push(b'\t'),
                Some(b'a') => word.push(7),
                Some(b'b') => word.push(8),
                Some(b'x') => {
                    let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                    word.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
                }
                Some(other) => word.push(other),
                None => {}
            }
        }
        words.push(word);
    }
    words
}
