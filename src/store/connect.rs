//! From settings to an open connection: to the server that is named, or to the master that the sentinels name. It must not
//! send a command of the contract.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError};

use super::{
    FailureClass, StoreError,
    connection::{Ask, Connection, Login},
    dial::Place,
    sentinel::{Poll, Sentinels},
    tls::Tls,
};
use crate::settings::{self, SentinelNode};

/// Servers tried at one connect when the sentinels do not agree.
const CANDIDATES: usize = 3;

/// A Redis to connect to. Cheap to clone; clones know of each other which master is in use.
#[derive(Clone)]
pub struct Target {
    settings: settings::Redis,
    info: ConnectionInfo,
    known: Arc<Mutex<Known>>,
}

/// What connecting has found out.
#[derive(Default)]
struct Known {
    /// The master in use, until [`Target::forget`]: all connections go to the same one.
    master: Option<Place>,
    /// The sentinel to ask first.
    sentinel: Option<String>,
}

/// What the sentinels say, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Survey {
    /// The master's name.
    pub master: String,
    /// The server that most of them name.
    pub address: String,
    /// Those who name it.
    pub sentinels: Vec<String>,
    /// What the others say, one line each.
    pub others: Vec<String>,
}

impl Target {
    /// Reads the address out of `settings`; nothing is sent.
    pub fn new(settings: &settings::Redis) -> Result<Self, StoreError> {
        let info = parse(settings)?;
        Ok(Self { settings: settings.clone(), info, known: Arc::default() })
    }

    /// Host and port or socket path, without user and password, and the master's name: for messages.
    pub fn address(&self) -> String {
        let Some(sentinel) = &self.settings.sentinel else { return self.place().to_string() };
        let name = &sentinel.master;
        match &self.known().master {
            Some(place) => format!("{place} (master {name})"),
            None => format!("master {name}"),
        }
    }

    /// The settings it was made of.
    pub fn settings(&self) -> &settings::Redis {
        &self.settings
    }

    /// Opens a connection. It never reconnects by itself, and each of its answers ends within `redis.timeout`. All of the
    /// opening ends within `redis.connect_timeout`, and `redis.sentinel.timeout` for each sentinel that is asked.
    ///
    /// The files of passwords and certificates are read anew each time, so what was rotated is taken up.
    pub(super) fn open(&self) -> Result<Connection, StoreError> {
        let limit = self.settings.connect_timeout.0;
        if self.settings.sentinel.is_none() {
            let opened = self.open_at(&self.place(), Ask::Ping, Instant::now() + limit);
            return opened.map_err(|e| e.at(self.address()));
        }
        let poll = self.poll(None, false)?;
        let (place, connection) = self.open_one_of(&poll, limit)?;
        let mut known = self.known();
        match &known.master {
            Some(master) if *master != place => {
                let cause = format!("the sentinels name {place} now");
                drop(known);
                Err(self.error(FailureClass::FailedOver, cause))
            }
            _ => {
                known.master = Some(place);
                Ok(connection)
            }
        }
    }

    /// Forgets which master was in use: the next connection may go to another one.
    pub(super) fn forget(&self) {
        self.known().master = None;
    }

    /// Whether sentinels name the server.
    pub(super) fn has_sentinels(&self) -> bool {
        self.settings.sentinel.is_some()
    }

    /// Asks the sentinels whether the master in use is the one still; all within about `limit`, and some time to look at
    /// another one where they name it.
    ///
    /// `Ok` has why they do not say, if so. Another master is an error, once it says itself that it is one.
    pub(super) fn follow(&self, limit: Duration) -> Result<Option<StoreError>, StoreError> {
        let Some(current) = self.known().master.clone() else { return Ok(None) };
        let poll = match self.poll(Some(limit), false) {
            Ok(poll) => poll,
            Err(e) => return Ok(Some(e)),
        };
        let Some((named, _)) = poll.named.first().filter(|(named, _)| *named != current) else { return Ok(None) };
        let deadline = Instant::now() + limit.min(self.settings.connect_timeout.0);
        match self.open_at(named, Ask::Master, deadline) {
            Ok(_) => Err(self.error(FailureClass::FailedOver, format!("the sentinels name {named} now"))),
            // Not yet: they are about to promote it, or about to agree.
            Err(_) => Ok(None),
        }
    }

    /// What every sentinel says; none without sentinels.
    pub(super) fn survey(&self) -> Result<Option<Survey>, StoreError> {
        let Some(sentinel) = &self.settings.sentinel else { return Ok(None) };
        let poll = self.poll(None, true)?;
        let mut named = poll.named.into_iter();
        let (address, sentinels) = named.next().map_or_else(Default::default, |(p, s)| (p.to_string(), s));
        let mut others: Vec<String> =
            named.map(|(place, voices)| format!("{} names {place}", voices.join(", "))).collect();
        others.extend(poll.silent.iter().map(|e| format!("{}: {}", e.address(), e.cause())));
        Ok(Some(Survey { master: sentinel.master.clone(), address, sentinels, others }))
    }

    /// `error` with this target's address.
    pub(super) fn failed(&self, error: &RedisError) -> StoreError {
        self.in_words(StoreError::from_redis(&self.address(), error))
    }

    /// `error` of a command on `key` that works on `ours` only, with this target's address.
    pub(super) fn failed_on(&self, error: &RedisError, key: &str, ours: &str) -> StoreError {
        self.in_words(StoreError::on_key(&self.address(), error, key, ours))
    }

    /// An error of `class` at this target's address.
    pub(super) fn error(&self, class: FailureClass, cause: impl Into<String>) -> StoreError {
        StoreError::new(class, &self.address(), cause)
    }

    /// `error` with a hint that fits sentinels, where there are any.
    fn in_words(&self, error: StoreError) -> StoreError {
        match error.class {
            FailureClass::ReadOnly if self.has_sentinels() => {
                error.hinting("a failover is under way, or the sentinels disagree; they are asked again")
            }
            FailureClass::Unreachable if self.has_sentinels() && !error.has_own_hint() => {
                error.hinting("is the master running? Once the sentinels name another one, that is taken")
            }
            FailureClass::Permission if self.has_sentinels() && error.cause().contains("role") => {
                error.hinting("with sentinels the ACL user of the server needs +role too")
            }
            _ => error,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> Place {
        match self.info.addr() {
            ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            ConnectionAddr::Tcp(host, port) => Place::Tcp(host.clone(), *port),
            // `parse` leaves no other one.
            _ => Place::Tcp(String::new(), 0),
        }
    }

    /// The sentinels' answer, with at least one server in it. `limit` bounds all of it.
    fn poll(&self, limit: Option<Duration>, all: bool) -> Result<Poll, StoreError> {
        let Some(sentinel) = &self.settings.sentinel else { return Ok(Poll::default()) };
        let nodes: Vec<(SentinelNode, bool)> = sentinel
            .nodes
            .iter()
            .filter_map(|text| SentinelNode::parse(text).ok())
            .map(|node| (node.tls.unwrap_or(self.settings.url.is_tls()), node))
            .map(|(has_tls, node)| (node, has_tls))
            .collect();
        let tls = match nodes.iter().any(|(_, has_tls)| *has_tls) {
            true => Some(Tls::load(&self.settings.tls).map_err(|e| e.at(self.address()))?),
            false => None,
        };
        let given = sentinel.password.as_ref().map(|password| password.expose().to_owned());
        let login = Login {
            username: sentinel.username.clone(),
            password: self.password("redis.sentinel.password_file", sentinel.password_file.as_deref())?.or(given),
            db: 0,
        };
        let sentinels = Sentinels { master: &sentinel.master, nodes, login, tls, limit: sentinel.timeout.0 };
        let first = self.known().sentinel.clone();
        // Without a limit each has its own, and there are not many.
        let deadline = Instant::now() + limit.unwrap_or(Duration::from_secs(3600));
        let poll = sentinels.poll(first.as_deref(), deadline, all);
        match poll.named.first() {
            None => Err(poll.failure(&format!("master {}", sentinel.master))),
            Some((_, voices)) => {
                self.known().sentinel = voices.first().cloned();
                Ok(poll)
            }
        }
    }

    /// A connection to the first server named that is a master. Each has its share of `limit`.
    fn open_one_of(&self, poll: &Poll, limit: Duration) -> Result<(Place, Connection), StoreError> {
        let deadline = Instant::now() + limit;
        let candidates = &poll.named[..poll.named.len().min(CANDIDATES)];
        let mut failed = None;
        for (at, (place, _)) in candidates.iter().enumerate() {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / (candidates.len() - at) as u32;
            match self.open_at(place, Ask::Master, now + share) {
                Ok(connection) => return Ok((place.clone(), connection)),
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        let name = self.settings.sentinel.as_ref().map_or("", |sentinel| sentinel.master.as_str());
        let failed = failed.unwrap_or_else(|| poll.failure(&self.address()));
        let address = format!("{} (master {name})", failed.address());
        let failed = match failed.class {
            FailureClass::Unreachable | FailureClass::TimedOut if !failed.has_own_hint() => failed.hinting(
                "is it running, and can it be reached from here under the address that the sentinels announce",
            ),
            _ => failed,
        };
        Err(self.in_words(failed.at(address)))
    }

    /// A connection to one server, whoever it is.
    pub(super) fn open_at(&self, place: &Place, ask: Ask, deadline: Instant) -> Result<Connection, StoreError> {
        let tls = match self.settings.url.is_tls() {
            true => Some(Tls::load(&self.settings.tls).map_err(|e| e.at(place.to_string()))?),
            false => None,
        };
        Connection::open(place, tls.as_ref(), &self.login()?, ask, deadline, self.settings.timeout.0)
    }

    /// User, password and database: what is said beside the address counts more than what stands in it.
    fn login(&self) -> Result<Login, StoreError> {
        let redis = self.info.redis_settings();
        let in_file = self.password("redis.password_file", self.settings.password_file.as_deref())?;
        let given = self.settings.password.as_ref().map(|password| password.expose().to_owned());
        Ok(Login {
            username: self.settings.username.clone().or_else(|| redis.username().map(str::to_owned)),
            password: in_file.or(given).or_else(|| redis.password().map(str::to_owned)),
            db: redis.db(),
        })
    }

    fn password(&self, key: &str, path: Option<&Path>) -> Result<Option<String>, StoreError> {
        let Some(path) = path else { return Ok(None) };
        let text = fs::read_to_string(path).map_err(|e| {
            self.error(FailureClass::Settings, format!("cannot read {key} {}: {e}", path.display()))
                .hinting("the file is read at every connect: is it mounted, and may this user read it")
        })?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

fn parse(settings: &settings::Redis) -> Result<ConnectionInfo, StoreError> {
    // The client library is not asked for TLS: that is ours.
    let plain = match settings.url.expose().strip_prefix("rediss://") {
        Some(rest) => format!("redis://{rest}"),
        None => settings.url.expose().to_owned(),
    };
    plain.into_connection_info().map_err(|e| {
        StoreError::new(FailureClass::Settings, "redis.url", format!("{:?} is no Redis URL: {e}", settings.url))
    })
}
