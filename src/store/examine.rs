//! What a server, a service's own keys and the index look like from outside, for `ralphext doctor`. It must not write,
//! nor judge what it sees.

use std::{
    net::IpAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use redis::{Cmd, FromRedisValue, Value, cmd};

use super::{
    FailureClass, Info, Keys, KeysOf, Rights, StoreError, Survey, Target, Walk, acl,
    connection::Connection,
    internal::{Internal, internal},
    keys,
    walk::walk,
};
use crate::{model::ServiceName, settings};

/// How often one answer is timed.
const ROUNDS: usize = 7;
/// Keys looked at to say whose the others are.
const SAMPLE: usize = 200;

/// How the server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A unix socket.
    Unix,
    /// TLS.
    Tls,
    /// TCP without TLS, to this machine.
    Loopback,
    /// TCP without TLS, to another one.
    Clear,
}

/// What the server said. What is `None` was refused (and is named in `refused`), or is not known to it.
#[derive(Debug)]
pub struct Examination {
    /// Where it was asked.
    pub address: String,
    /// How.
    pub transport: Transport,
    /// The database.
    pub database: i64,
    /// What the sentinels say, where there are any.
    pub sentinels: Option<Survey>,
    /// The user as whom it was asked.
    pub user: String,
    /// Version, role, memory and so on.
    pub info: Option<Info>,
    /// What the user may do.
    pub rights: Option<Rights>,
    /// `notify-keyspace-events`, where it was asked for.
    pub events: Option<String>,
    /// How far the server's clock is before ours, in ms.
    pub ahead_ms: Option<i64>,
    /// Number of keys in the database.
    pub keys: Option<u64>,
    /// First parts of some names of keys that are not ours.
    pub strangers: Vec<String>,
    /// Whether some of those are named as Django's cache names its own (`:1:views...`).
    pub has_django_cache: bool,
    /// How long single answers took, shortest first.
    pub answers: Vec<Duration>,
    /// The keys under the prefix.
    pub walk: Option<Walk>,
    /// The index of services.
    pub index: Option<Index>,
    /// What the user may not ask.
    pub refused: Vec<&'static str>,
}

/// What stands where the index should.
#[derive(Debug)]
pub enum Index {
    /// Its entries.
    Entries(Vec<Entry>),
    /// Something else, and what the server says to it.
    Broken(String),
}

/// One service in the index.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it has a descriptor, where that may be asked.
    pub described: Option<bool>,
}

/// A service's own keys.
#[derive(Debug, Default)]
pub struct Marks {
    /// Its descriptor.
    pub descriptor: Option<String>,
    /// Who holds the lease.
    pub lease: Option<String>,
    /// For how many ms still; -1 for ever.
    pub lease_left_ms: i64,
    /// `@fence`.
    pub fence: Option<String>,
    /// `@canary`.
    pub canary: Option<String>,
}

/// A connection that only looks. Its calls block.
pub struct Examiner {
    target: Target,
    prefix: String,
    connection: Connection,
    refused: Vec<&'static str>,
}

impl Examiner {
    /// Connects.
    pub fn open(target: Target, prefix: &str) -> Result<Self, StoreError> {
        let connection = target.open()?;
        Ok(Self { target, prefix: prefix.to_owned(), connection, refused: Vec::new() })
    }

    /// Asks for everything about the server and what stands under the prefix; `events` asks for its setting of keyspace
    /// events too.
    pub fn examine(&mut self, services: &[ServiceName], events: bool) -> Result<Examination, StoreError> {
        let settings = self.target.settings().clone();
        let needs = acl::Needs::of_server(&settings);
        let asked_at = now_ms();
        let info = Info::ask(&mut self.connection, &self.target)?;
        let between = asked_at.midpoint(now_ms());
        if info.is_none() {
            self.refuse("INFO");
        }
        let ahead_ms = match info.as_ref().and_then(|info| info.number("server_time_usec")) {
            Some(us) => i64::try_from(us / 1000).ok().map(|server| server - between),
            None => self.clock()?,
        };
        let keys = match &info {
            Some(info) => info.keys_in(needs.database),
            None => self.ask("DBSIZE", &cmd("DBSIZE"))?,
        };
        let (user, rights) = self.user()?;
        let (strangers, has_django_cache) = self.strangers()?;
        Ok(Examination {
            address: self.target.address(),
            transport: transport(&settings),
            database: needs.database,
            sentinels: self.target.survey()?,
            rights,
            user,
            info,
            events: if events { self.events()? } else { None },
            ahead_ms,
            keys,
            strangers,
            has_django_cache,
            answers: self.answers(services)?,
            walk: self.walk(services)?,
            index: self.index()?,
            refused: std::mem::take(&mut self.refused),
        })
    }

    /// A service's own keys (`GETRANGE`, `PTTL`), whatever stands there.
    pub fn marks(&mut self, service: &ServiceName) -> Result<Marks, StoreError> {
        let keys = Keys::new(&self.prefix, service);
        let mut text = |key: &str| match internal(&mut self.connection, key).map_err(|e| self.target.failed(&e))? {
            Internal::Missing => Ok(None),
            Internal::Text(text) => Ok(Some(text)),
            Internal::Odd(what) => Ok::<_, StoreError>(Some(what.to_owned())),
        };
        let (descriptor, lease) = (text(keys.descriptor())?, text(&keys.lease())?);
        let (fence, canary) = (text(&keys.fence())?, text(&keys.canary())?);
        let left = cmd("PTTL").arg(keys.lease()).query(&mut self.connection);
        let lease_left_ms = left.map_err(|e| self.target.failed(&e))?;
        Ok(Marks { descriptor, lease, lease_left_ms, fence, canary })
    }

    /// Asks one question; none when it is refused, or not known to the server.
    fn ask<T: FromRedisValue>(&mut self, name: &'static str, question: &Cmd) -> Result<Option<T>, StoreError> {
        match question.query(&mut self.connection).map_err(|e| self.target.failed(&e)) {
            Ok(answer) => Ok(Some(answer)),
            Err(e) if e.class == FailureClass::Permission => {
                self.refuse(name);
                Ok(None)
            }
            Err(e) if matches!(e.class, FailureClass::Server | FailureClass::WrongType) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn refuse(&mut self, name: &'static str) {
        if !self.refused.contains(&name) {
            self.refused.push(name);
        }
    }

    fn clock(&mut self) -> Result<Option<i64>, StoreError> {
        let asked_at = now_ms();
        let told: Option<(i64, i64)> = self.ask("TIME", &cmd("TIME"))?;
        let between = asked_at.midpoint(now_ms());
        Ok(told.map(|(seconds, us)| seconds.saturating_mul(1000).saturating_add(us / 1000) - between))
    }

    fn events(&mut self) -> Result<Option<String>, StoreError> {
        let told: Option<Vec<String>> =
            self.ask("CONFIG GET", cmd("CONFIG").arg("GET").arg("notify-keyspace-events"))?;
        Ok(told.map(|pair| pair.into_iter().nth(1).unwrap_or_default()))
    }

    /// As whom the server knows us, and what that user may do, where it may be asked.
    pub fn user(&mut self) -> Result<(String, Option<Rights>), StoreError> {
        let named = acl::username(self.target.settings()).unwrap_or_else(|| "default".to_owned());
        let user = self.ask("ACL WHOAMI", cmd("ACL").arg("WHOAMI"))?.unwrap_or(named);
        let told: Option<Value> = self.ask("ACL GETUSER", cmd("ACL").arg("GETUSER").arg(&user))?;
        Ok((user, told.map(|value| Rights::read(&value))))
    }

    /// What the walk sees of one service; none when it may not walk.
    pub fn keys_of(&mut self, service: &ServiceName) -> Result<Option<KeysOf>, StoreError> {
        let walk = self.walk(std::slice::from_ref(service))?;
        Ok(walk.map(|mut walk| walk.services.remove(service.as_str()).unwrap_or_default()))
    }

    /// Whose the other keys may be: what stands before the first `:` in some of their names; and whether some are of Django's
    /// cache.
    fn strangers(&mut self) -> Result<(Vec<String>, bool), StoreError> {
        let scan = cmd("SCAN").arg(0).arg("COUNT").arg(SAMPLE).to_owned();
        let found: Option<(u64, Vec<Vec<u8>>)> = self.ask("SCAN", &scan)?;
        let ours = keys::index(&self.prefix);
        let (mut names, mut has_django_cache) = (Vec::<String>::new(), false);
        for key in found.map(|(_, keys)| keys).unwrap_or_default() {
            let text = String::from_utf8_lossy(&key);
            if text.starts_with(&ours) {
                continue;
            }
            has_django_cache |= is_of_django_cache(&text);
            let first: String = text.split(':').next().unwrap_or_default().chars().take(24).collect();
            let name = if text.contains(':') { format!("{first}:*") } else { first };
            if !names.contains(&name) && names.len() < 3 {
                names.push(name);
            }
        }
        Ok((names, has_django_cache))
    }

    /// How long a `GET` takes, as a reader's would.
    fn answers(&mut self, services: &[ServiceName]) -> Result<Vec<Duration>, StoreError> {
        let key = services.first().map_or_else(
            || format!("{}:@probe", keys::index(&self.prefix)),
            |service| Keys::new(&self.prefix, service).descriptor().to_owned(),
        );
        let mut answers = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            if self.ask::<Value>("GET", cmd("GET").arg(&key))?.is_some() {
                answers.push(start.elapsed());
            } else {
                break;
            }
        }
        answers.sort_unstable();
        Ok(answers)
    }

    fn walk(&mut self, services: &[ServiceName]) -> Result<Option<Walk>, StoreError> {
        match walk(&mut self.connection, &self.prefix, services).map_err(|e| self.target.failed(&e)) {
            Ok(found) => Ok(Some(found)),
            Err(e) if e.class == FailureClass::Permission => {
                self.refuse("SCAN");
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn index(&mut self) -> Result<Option<Index>, StoreError> {
        let index = keys::index(&self.prefix);
        let names: Vec<Vec<u8>> = match cmd("ZRANGE")
            .arg(&index)
            .arg(0)
            .arg(-1)
            .query(&mut self.connection)
            .map_err(|e| self.target.failed(&e))
        {
            Ok(names) => names,
            Err(e) if e.class == FailureClass::Permission => {
                self.refuse("ZRANGE");
                return Ok(None);
            }
            Err(e) if matches!(e.class, FailureClass::Server | FailureClass::WrongType) => {
                return Ok(Some(Index::Broken(e.cause().to_owned())));
            }
            Err(e) => return Err(e),
        };
        let mut entries = Vec::with_capacity(names.len());
        let mut may_ask = true;
        for name in names {
            let name = String::from_utf8_lossy(&name).into_owned();
            let question = cmd("EXISTS").arg(format!("{index}:{name}")).to_owned();
            let described = if may_ask { self.ask("EXISTS", &question)? } else { None };
            may_ask = described.is_some();
            entries.push(Entry { name, described });
        }
        Ok(Some(Index::Entries(entries)))
    }
}

/// Whether a key is named as Django's cache framework does by itself: `KEY_PREFIX:VERSION:key`, and no prefix unless one is set.
fn is_of_django_cache(key: &str) -> bool {
    let version = key.strip_prefix(':').and_then(|rest| rest.split_once(':'));
    version.is_some_and(|(version, _)| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()))
}

/// How the server is reached. Behind sentinels it is another machine, as far as anybody knows.
fn transport(settings: &settings::Redis) -> Transport {
    let local = |host: &str| {
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    match settings.url.server() {
        _ if settings.url.is_tls() => Transport::Tls,
        None => Transport::Unix,
        Some((host, _)) if settings.sentinel.is_none() && local(host) => Transport::Loopback,
        Some(_) => Transport::Clear,
    }
}

/// Wall clock, unix ms.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RedisUrl;

    #[test]
    fn addresses_of_this_machine_need_no_tls() {
        let of = |url: &str| {
            let url = RedisUrl::parse(url).unwrap();
            transport(&settings::Redis { url, ..settings::Redis::default() })
        };
        for url in ["redis://127.0.0.1:6379/0", "redis://localhost", "redis://[::1]:6379", "redis://u:p@127.1.2.3/1"] {
            assert_eq!(of(url), Transport::Loopback, "{url}");
        }
        assert_eq!(of("redis://10.0.0.1:6379"), Transport::Clear);
        assert_eq!(of("redis://redis.example.org"), Transport::Clear);
        assert_eq!(of("rediss://redis.example.org"), Transport::Tls);
        assert_eq!(of("unix:///run/redis.sock"), Transport::Unix);
    }
}
