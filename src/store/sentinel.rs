//! Asking the sentinels which server is the master. It must not use that server, nor remember anything.

use std::time::{Duration, Instant};

use redis::Value;

use super::{
    FailureClass, StoreError,
    connection::{Ask, Connection, Login, text},
    dial::{Place, lookup},
    tls::Tls,
};
use crate::settings::SentinelNode;

/// Most sentinels asked: names may stand for many.
const MAX: usize = 32;

/// Whom to ask, and how.
pub(super) struct Sentinels<'a> {
    pub(super) master: &'a str,
    /// Each with whether it is spoken to with TLS.
    pub(super) nodes: Vec<(SentinelNode, bool)>,
    pub(super) login: Login,
    pub(super) tls: Option<Tls>,
    /// How long one may take.
    pub(super) limit: Duration,
}

/// What they said.
#[derive(Default)]
pub(super) struct Poll {
    /// Servers that were named, with who named them; most voices first, then the first named.
    pub(super) named: Vec<(Place, Vec<String>)>,
    /// Why the others named none.
    pub(super) silent: Vec<StoreError>,
}

impl Sentinels<'_> {
    /// Asks one after the other, `first` first, until one server has more than half of all voices, or with `all` every
    /// one. Nobody is asked after `deadline`.
    ///
    /// Voices are counted since a sentinel that is cut off together with an old master goes on naming it.
    pub(super) fn poll(&self, first: Option<&str>, deadline: Instant, all: bool) -> Poll {
        let mut poll = Poll::default();
        let mut waiting = self.addresses(deadline, &mut poll);
        let count = waiting.len() + poll.silent.len();
        if let Some(at) = first.and_then(|first| waiting.iter().position(|(_, place, _)| place.to_string() == first)) {
            waiting[..=at].rotate_right(1);
        }
        for (host, place, has_tls) in waiting {
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            match self.ask(&host, &place, has_tls, deadline.min(now + self.limit)) {
                Ok(server) => poll.hear(server, place.to_string()),
                Err(e) => poll.silent.push(e.at(place.to_string())),
            }
            if !all && poll.named.iter().any(|(_, voices)| voices.len() * 2 > count) {
                break;
            }
        }
        poll.named.sort_by_key(|(_, voices)| std::cmp::Reverse(voices.len()));
        poll
    }

    /// Every address of every node, with the node's own host, which its certificate is for.
    fn addresses(&self, deadline: Instant, poll: &mut Poll) -> Vec<(String, Place, bool)> {
        let mut found: Vec<(String, Place, bool)> = Vec::new();
        for (node, has_tls) in &self.nodes {
            let by = deadline.min(Instant::now() + self.limit);
            match lookup(&node.host, node.port, by) {
                Ok(addresses) => {
                    for address in addresses {
                        let place = Place::Tcp(address.ip().to_string(), address.port());
                        if found.len() < MAX && found.iter().all(|(_, known, _)| *known != place) {
                            found.push((node.host.clone(), place, *has_tls));
                        }
                    }
                }
                Err(e) => {
                    let place = Place::Tcp(node.host.clone(), node.port).to_string();
                    poll.silent.push(StoreError::from_io(&place, &e));
                }
            }
        }
        found
    }

    fn ask(&self, host: &str, place: &Place, has_tls: bool, deadline: Instant) -> Result<Place, StoreError> {
        let tls = self.tls.as_ref().filter(|_| has_tls).map(|tls| tls.for_host(host));
        let limit = deadline.saturating_duration_since(Instant::now());
        let mut connection = Connection::open(place, tls.as_ref(), &self.login, Ask::Nothing, deadline, limit)?;
        connection.until(deadline);
        let address = place.to_string();
        let answer = connection.say(&[b"SENTINEL", b"get-master-addr-by-name", self.master.as_bytes()])?;
        let words: Vec<String> = match &answer {
            Value::Nil => {
                let cause = format!("it knows no master {:?}", self.master);
                return Err(StoreError::new(FailureClass::Settings, &address, cause).hinting(UNKNOWN_MASTER));
            }
            Value::Array(parts) => parts.iter().filter_map(text).collect(),
            _ => Vec::new(),
        };
        match words.as_slice() {
            [host, port] if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => {
                Ok(Place::Tcp(host.clone(), port.parse().unwrap_or_default()))
            }
            _ => Err(StoreError::new(FailureClass::Server, &address, "its answer is no server's address")),
        }
    }
}

const UNKNOWN_MASTER: &str = "redis.sentinel.master has to be the name in their `sentinel monitor NAME ...`";

impl Poll {
    fn hear(&mut self, server: Place, voice: String) {
        match self.named.iter_mut().find(|(known, _)| *known == server) {
            Some((_, voices)) => voices.push(voice),
            None => self.named.push((server, vec![voice])),
        }
    }

    /// Why nobody named a server, by the cause that tells most.
    pub(super) fn failure(&self, address: &str) -> StoreError {
        let rank = |class| match class {
            FailureClass::Credentials => 0,
            FailureClass::Permission => 1,
            FailureClass::Settings => 2,
            FailureClass::Server => 3,
            FailureClass::TimedOut => 4,
            _ => 5,
        };
        let Some(told) = self.silent.iter().min_by_key(|e| rank(e.class)) else {
            return StoreError::new(FailureClass::TimedOut, address, "there was no time to ask a sentinel");
        };
        let causes: Vec<String> = self.silent.iter().map(|e| format!("{}: {}", e.address(), e.cause())).collect();
        let hint = match told.class {
            FailureClass::Credentials if !told.has_own_hint() => {
                "set redis.sentinel.username and redis.sentinel.password (or password_file)"
            }
            FailureClass::Permission => "let their ACL user run `SENTINEL get-master-addr-by-name`",
            FailureClass::Unreachable if !told.has_own_hint() => {
                "are the sentinels running, and does redis.sentinel.nodes name them (port 26379)"
            }
            FailureClass::TimedOut if !told.has_own_hint() => {
                "the sentinels are stopped or cut off; redis.sentinel.timeout bounds the wait for each"
            }
            FailureClass::Server => "are these sentinels (port 26379), and not the servers themselves",
            _ => told.hint(),
        };
        StoreError::new(told.class, address, format!("no sentinel names it: {}", causes.join("; ")))
            .hinting(hint)
            .in_layer("sentinels")
    }
}
