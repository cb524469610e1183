//! One server that is listened to: its key-miss events, and on the master the channel of requests. It must not know who reads
//! there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use redis::{ConnectionLike, Value};

use super::{LOOK, Shared, Wish};
use crate::{
    model::ObjectId,
    settings::Fill,
    store::{
        FailureClass, Keys, StoreError, Target,
        batch::command,
        connection::{Ask, Connection, text},
        dial::Place,
        keyspace,
    },
};

/// How often a key that is not there is read, so that what is said of it tells that misses are heard; and how often the master is
/// asked for its replicas.
const POKE: Duration = Duration::from_secs(2);
/// After so long without a word the server is not heard.
pub(super) const PATIENCE: Duration = Duration::from_secs(6);

/// A replica that is listened to, and how to end that.
type Known = (Place, Arc<AtomicBool>);

/// A thread that listens to the server at `place`, the master without one; until `gone` is set.
pub(super) fn start(shared: &Arc<Shared>, place: Option<Place>, gone: Arc<AtomicBool>) -> std::io::Result<()> {
    let shared = shared.clone();
    let run = move || {
        let address = place.as_ref().map_or_else(|| shared.target.address(), ToString::to_string);
        let mut ear =
            Ear { shared: shared.clone(), place, address: address.clone(), replicas: Vec::new(), may_ask: true };
        shared.again(&address, || shared.is_over() || gone.load(Ordering::Relaxed), |heard| ear.listen(&gone, heard));
    };
    thread::Builder::new().name("redis-misses".into()).spawn(run).map(drop)
}

struct Ear {
    shared: Arc<Shared>,
    /// None: the master.
    place: Option<Place>,
    address: String,
    replicas: Vec<Known>,
    /// Whether the master may be asked for its replicas.
    may_ask: bool,
}

impl Ear {
    /// Listens until something fails, or nobody takes the news any more.
    fn listen(&mut self, gone: &AtomicBool, heard: &mut bool) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let (misses, requests) = (shared.settings.misses, shared.settings.requests && self.place.is_none());
        let mut ear = open(&shared.target, self.place.as_ref())?;
        let mut mouth = if misses { Some(open(&shared.target, self.place.as_ref())?) } else { None };
        let words = Words::new(&shared.keys, ear.get_db());
        if requests {
            ear.say(&[b"SUBSCRIBE", words.requests.as_bytes()])?;
        }
        if misses {
            ear.say(&[b"PSUBSCRIBE", words.pattern.as_bytes()])?;
        }
        let (mut last, mut poked) = (Instant::now(), None::<Instant>);
        while !shared.is_over() && !gone.load(Ordering::Relaxed) {
            if poked.is_none_or(|at| at.elapsed() >= POKE) {
                poked = Some(Instant::now());
                self.poke(&mut ear, mouth.as_mut(), &words)?;
            }
            let Some(message) =
                ear.message_within(LOOK).map_err(|e| self.failed(StoreError::from_redis(&self.address, &e)))?
            else {
                if last.elapsed() > PATIENCE {
                    return Err(silent(&self.address, misses));
                }
                continue;
            };
            match words.read(&message, &shared.keys, misses) {
                Heard::Nothing => continue,
                Heard::Sign => {}
                Heard::Miss(id) => shared.wish(Wish::Missed(id)),
                Heard::Request(id) => shared.wish(Wish::Requested(id)),
            }
            last = Instant::now();
            if !std::mem::replace(heard, true) {
                shared.tell(Wish::Hears(self.address.clone()));
            }
        }
        Ok(())
    }

    /// Makes the server say something, and asks the master who its replicas are.
    fn poke(&mut self, ear: &mut Connection, mouth: Option<&mut Connection>, words: &Words) -> Result<(), StoreError> {
        let Some(mouth) = mouth else {
            let mut ping = Vec::new();
            command(&mut ping, &[b"PING"]);
            return ear.send_packed_command(&ping).map_err(|e| StoreError::from_redis(&self.address, &e));
        };
        mouth.say(&[b"GET", words.probe.as_bytes()]).map_err(|e| self.failed(e))?;
        if self.place.is_none() && self.shared.settings.replicas && self.may_ask {
            match mouth.say(&[b"ROLE"]) {
                Ok(role) => self.follow(&role),
                Err(e) if e.class == FailureClass::Permission => {
                    self.may_ask = false;
                    let server = format!("replicas of {}", self.address);
                    self.shared.tell(Wish::Deaf(server, format!("{e}; hint: {}", e.hint())));
                }
                Err(e) => return Err(self.failed(e)),
            }
        }
        Ok(())
    }

    /// Listens to the replicas that the master names, and no longer to those that it does not.
    fn follow(&mut self, role: &Value) {
        let named = replicas(role);
        let extra = |place: &Place| {
            let listed = &self.shared.settings.listen;
            listed.iter().filter_map(|text| Fill::server(text)).any(|(h, p)| *place == Place::Tcp(h, p))
        };
        for place in named.iter().filter(|place| !extra(place)) {
            if self.replicas.iter().any(|(known, _)| known == place) {
                continue;
            }
            let gone = Arc::new(AtomicBool::new(false));
            if start(&self.shared, Some(place.clone()), gone.clone()).is_ok() {
                self.replicas.push((place.clone(), gone));
            }
        }
        let shared = &self.shared;
        self.replicas.retain(|(known, gone)| {
            let stays = named.contains(known);
            if !stays {
                gone.store(true, Ordering::Relaxed);
                shared.tell(Wish::Left(known.to_string()));
            }
            stays
        });
    }

    fn failed(&self, error: StoreError) -> StoreError {
        error.at(self.address.clone())
    }
}

/// A connection to the server at `place`, the master without one.
pub(super) fn open(target: &Target, place: Option<&Place>) -> Result<Connection, StoreError> {
    match place {
        None => target.open(),
        Some(place) => {
            let deadline = Instant::now() + target.settings().connect_timeout.0;
            target.open_at(place, Ask::Ping, deadline).map_err(|e| e.at(place.to_string()))
        }
    }
}

/// What the error of a silent server says.
pub(super) fn silent(address: &str, misses: bool) -> StoreError {
    if !misses {
        return StoreError::new(FailureClass::TimedOut, address, "nothing was heard of the subscription");
    }
    let cause = "it tells no key-miss events";
    StoreError::new(FailureClass::Settings, address, cause).hinting(
        "its operator can add K and m to what it has in notify-keyspace-events: CONFIG SET notify-keyspace-events Km (Redis 6 or newer)",
    )
}

/// The replicas in a master's answer to `ROLE`: `["master", offset, [[host, port, offset], ...]]`.
pub(super) fn replicas(role: &Value) -> Vec<Place> {
    let Value::Array(parts) = role else { return Vec::new() };
    let Some(Value::Array(listed)) = parts.get(2) else { return Vec::new() };
    let place = |value: &Value| {
        let Value::Array(parts) = value else { return None };
        let (host, port) = (text(parts.first()?)?, text(parts.get(1)?)?.parse().ok()?);
        (!host.is_empty()).then_some(Place::Tcp(host, port))
    };
    listed.iter().filter_map(place).collect()
}

/// What a message of the subscription says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing of interest.
    Nothing,
    /// The subscription works.
    Sign,
    Miss(String),
    Request(String),
}

/// The names that a listener uses.
pub(super) struct Words {
    channels: String,
    pub(super) pattern: String,
    /// A key that is never there.
    pub(super) probe: String,
    requests: String,
}

impl Words {
    pub(super) fn new(keys: &Keys, database: i64) -> Self {
        Self {
            channels: keyspace::channels(database),
            pattern: keyspace::pattern(database, keys),
            probe: format!("{}@probe", keys.object_prefix()),
            requests: keys.requests(),
        }
    }

    /// Reads one message; ids outside the grammar, and the service's internal keys, are of no interest.
    pub(super) fn read(&self, message: &Value, keys: &Keys, misses: bool) -> Heard {
        let Value::Array(parts) = message else {
            // The answer to a PING that is not allowed.
            return if misses { Heard::Nothing } else { Heard::Sign };
        };
        match parts.as_slice() {
            [Value::BulkString(kind), _, Value::BulkString(channel), Value::BulkString(event)]
                if kind == b"pmessage" && event == b"keymiss" =>
            {
                let Some(key) = channel.strip_prefix(self.channels.as_bytes()) else { return Heard::Nothing };
                match keys.id_of(key) {
                    Some(id) => Heard::Miss(id.to_owned()),
                    None if key == self.probe.as_bytes() => Heard::Sign,
                    None => Heard::Nothing,
                }
            }
            [Value::BulkString(kind), _, Value::BulkString(id)] if kind == b"message" => match object_id(id) {
                Some(id) => Heard::Request(id),
                None => Heard::Nothing,
            },
            [Value::BulkString(kind), ..] if kind == b"pong" && !misses => Heard::Sign,
            _ => Heard::Nothing,
        }
    }
}

/// An object id that somebody wrote, if it is one.
pub(super) fn object_id(bytes: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(bytes).ok()?.trim_ascii();
    ObjectId::check(id).ok().map(|()| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServiceName;

    fn list(words: &[&str]) -> Value {
        Value::Array(words.iter().map(|word| Value::BulkString(word.as_bytes().to_vec())).collect())
    }

    #[test]
    fn only_misses_of_objects_and_requests_of_ids_are_wishes() {
        let keys = Keys::new("ralphext", &ServiceName::new("hwinfo").unwrap());
        let words = Words::new(&keys, 3);
        let miss = |key: &str, event: &str| {
            let channel = format!("__keyspace@3__:{key}");
            words.read(&list(&["pmessage", &words.pattern, &channel, event]), &keys, true)
        };
        assert_eq!(miss("ralphext:v1:hwinfo:4711", "keymiss"), Heard::Miss("4711".into()));
        assert_eq!(miss("ralphext:v1:hwinfo:@probe", "keymiss"), Heard::Sign);
        for (key, event) in [
            ("ralphext:v1:hwinfo:4711", "set"),
            ("ralphext:v1:hwinfo:@lease", "keymiss"),
            ("ralphext:v1:hwinfo:a b", "keymiss"),
            ("ralphext:v1:tickets:1", "keymiss"),
        ] {
            assert_eq!(miss(key, event), Heard::Nothing, "{key} {event}");
        }
        let request = |id: &str| words.read(&list(&["message", "c", id]), &keys, true);
        assert_eq!(request("data_center.rack.12\n"), Heard::Request("data_center.rack.12".into()));
        assert_eq!(request("*"), Heard::Nothing);
        assert_eq!(words.read(&list(&["pong", ""]), &keys, false), Heard::Sign);
    }

    #[test]
    fn replicas_are_those_of_a_master() {
        let one = list(&["10.0.0.2", "6380", "17"]);
        let role = Value::Array(vec![Value::BulkString(b"master".to_vec()), Value::Int(17), Value::Array(vec![one])]);
        assert_eq!(replicas(&role), [Place::Tcp("10.0.0.2".into(), 6380)]);
        assert_eq!(replicas(&list(&["slave", "10.0.0.1", "6379"])), []);
    }
}
