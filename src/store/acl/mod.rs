//! Which rights on the server which part of the work takes: the one list from which `ralphext acl`, the probe of
//! `check --connect` and the reference are made. It must not send anything.

mod bridge;
mod grants;

use redis::IntoConnectionInfo;

pub use self::bridge::{BRIDGE_GRANTS, bridge_rules};
pub(super) use self::grants::Places;
pub use self::grants::{GRANTS, Grant, On, When, reads, views};
use super::{Keys, keys, keyspace};
use crate::{
    model::ServiceName,
    settings::{self, AnnounceKind, Settings},
};

/// What a service uses beyond what every service does.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// The database.
    pub database: i64,
    /// `redis.sentinel`.
    pub sentinel: bool,
    /// `verify.keyspace_events`.
    pub keyspace_events: bool,
    /// `fill.misses`.
    pub misses: bool,
    /// `fill.requests`.
    pub requests: bool,
    /// The stream that the source reads, where it does so as this user.
    pub stream: Option<String>,
    /// `events.kind`.
    pub events: AnnounceKind,
    /// Looking at other services as this user.
    pub peers: bool,
    /// Nothing that is optional.
    pub only_needed: bool,
}

impl Needs {
    /// What one configured service uses.
    pub fn of(settings: &Settings) -> Self {
        let stream = stream(settings).filter(|(_, server)| *server == settings.redis).map(|(stream, _)| stream);
        Self {
            keyspace_events: settings.verify.keyspace_events,
            misses: settings.fill.misses,
            requests: settings.fill.requests,
            stream,
            events: settings.events.kind,
            ..Self::of_server(&settings.redis)
        }
    }

    /// What any service on that server uses.
    pub fn of_server(settings: &settings::Redis) -> Self {
        Self { database: login(settings).1, sentinel: settings.sentinel.is_some(), ..Self::default() }
    }

    fn has(&self, when: When) -> bool {
        match when {
            When::Needed => true,
            When::Optional => !self.only_needed,
            When::Database => self.database != 0,
            When::Sentinel => self.sentinel,
            When::KeyspaceEvents => self.keyspace_events,
            When::Misses => self.misses,
            When::Requests => self.requests,
            When::Stream => self.stream.is_some(),
            When::EventsStream => self.events == AnnounceKind::Stream,
            When::EventsPubsub => self.events == AnnounceKind::Pubsub,
            When::Peers => self.peers,
            When::OnSentinels => false,
        }
    }

    /// The rights that it takes, in the list's order.
    pub fn grants(&self) -> impl Iterator<Item = &'static Grant> {
        GRANTS.iter().filter(|grant| self.has(grant.when))
    }
}

/// The stream that the source of `settings` reads, or the first of its inputs that reads one, and how its server is reached.
pub(super) fn stream(settings: &Settings) -> Option<(String, settings::Redis)> {
    let events = settings.source.stream_read()?;
    Some((events.stream.clone(), events.server(&settings.redis)))
}

/// The user as whom a service of these settings logs in, if one is named.
pub fn username(settings: &settings::Redis) -> Option<String> {
    settings.username.clone().or_else(|| login(settings).0)
}

/// User and database in the address.
fn login(settings: &settings::Redis) -> (Option<String>, i64) {
    // User and database stand in the same place, whatever the scheme says of TLS.
    let info = settings.url.expose().replacen("rediss://", "redis://", 1).into_connection_info();
    info.map_or((None, 0), |info| {
        let redis = info.redis_settings();
        (redis.username().map(str::to_owned), redis.db())
    })
}

/// What a server's access lists can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Redis 6.2: one set of keys for all commands of a user, to be read and written.
    Six,
    /// Redis 7 and Valkey: several sets of commands, each with keys of its own (selectors), and keys only to be read.
    Seven,
}

/// The rules that make a user who can do what the service needs, and nothing else.
///
/// The password in them is the word `PASSWORD`.
pub fn writer_rules(prefix: &str, service: &ServiceName, needs: &Needs, dialect: Dialect) -> Vec<String> {
    let keys = Keys::new(prefix, service);
    let own = [format!("~{}", keys.descriptor()), format!("~{}", keys.pattern())];
    let index = format!("~{}", keys.index());
    let mut rules = blank();
    let commands = |on: &[On]| commands(needs.grants().filter(|grant| on.contains(&grant.on)));
    rules.extend(own.clone());
    if dialect == Dialect::Six {
        rules.push(index.clone());
    }
    let stream = needs.stream.as_deref().map(|stream| format!("~{}", escaped(stream)));
    if let Some(stream) = stream.as_ref().filter(|_| dialect == Dialect::Six) {
        rules.push(stream.clone());
    }
    if needs.keyspace_events || needs.misses {
        rules.push(format!("&{}", keyspace::pattern(needs.database, &keys)));
    }
    if needs.requests {
        rules.push(format!("&{}", keys.requests()));
    }
    if needs.events == AnnounceKind::Pubsub {
        rules.push(format!("&{}", keys.changes()));
    }
    match dialect {
        Dialect::Six => rules.extend(self::commands(needs.grants().filter(|grant| grant.when != When::Peers))),
        Dialect::Seven => {
            rules.extend(commands(&[On::Own, On::Nothing, On::Events, On::Requests, On::Channel]));
            rules.extend(selector(&[&own[0], &own[1], &index], commands(&[On::OwnAndIndex])));
            rules.extend(selector(&[&index], commands(&[On::Index])));
            rules.extend(selector(&[&every(prefix)], commands(&[On::Every])));
            rules.extend(stream.and_then(|stream| selector(&[&stream], commands(&[On::Stream]))));
        }
    }
    rules
}

/// The rules that make a user who can read what Ralph reads: of one service, or of all of them.
pub fn reader_rules(prefix: &str, service: Option<&ServiceName>, needs: &Needs, dialect: Dialect) -> Vec<String> {
    looking_rules((prefix, service), needs, dialect, |grant| reads(grant).is_some())
}

/// The rules that make a user who can look at everything, as `ui` and `top` do: of one service, or of all of them.
pub fn viewer_rules(prefix: &str, service: Option<&ServiceName>, needs: &Needs, dialect: Dialect) -> Vec<String> {
    looking_rules((prefix, service), &Needs { peers: true, ..needs.clone() }, dialect, views)
}

fn looking_rules(
    (prefix, service): (&str, Option<&ServiceName>),
    needs: &Needs,
    dialect: Dialect,
    has: fn(&Grant) -> bool,
) -> Vec<String> {
    let mut patterns = vec![keys::index(prefix)];
    match service.map(|service| Keys::new(prefix, service)) {
        Some(keys) => patterns.extend([keys.descriptor().to_owned(), keys.pattern()]),
        None => patterns.push(format!("{}:*", keys::index(prefix))),
    }
    let mark = if dialect == Dialect::Six { "~" } else { "%R~" };
    let mut rules = blank();
    rules.extend(patterns.iter().map(|pattern| format!("{mark}{pattern}")));
    if needs.events == AnnounceKind::Pubsub {
        let all = || format!("&{}:*:@changes", keys::index(prefix));
        rules.push(service.map_or_else(all, |service| format!("&{}", Keys::new(prefix, service).changes())));
    }
    rules.extend(commands(needs.grants().filter(|grant| has(grant))));
    rules
}

/// The rules that make a user of the sentinels (`redis.sentinel.username`), to be made on each of them.
pub fn sentinel_rules() -> Vec<String> {
    let mut rules = blank();
    rules.extend(commands(GRANTS.iter().filter(|grant| grant.when == When::OnSentinels)));
    rules
}

/// Nothing of what the user may have been able to do before, and a password.
fn blank() -> Vec<String> {
    ["reset", "on", ">PASSWORD", "resetchannels"].map(str::to_owned).to_vec()
}

/// A key as a pattern that fits nothing else.
fn escaped(key: &str) -> String {
    key.chars().flat_map(|c| "*?[]\\".contains(c).then_some('\\').into_iter().chain([c])).collect()
}

fn every(prefix: &str) -> String {
    format!("%R~{}:*", keys::index(prefix))
}

fn commands(grants: impl Iterator<Item = &'static Grant>) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for rule in grants.map(|grant| format!("+{}", grant.command)) {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules
}

/// A set of commands with keys of its own, in parentheses; none without commands.
fn selector(patterns: &[&String], commands: Vec<String>) -> Option<String> {
    let all: Vec<&str> =
        patterns.iter().map(|pattern| pattern.as_str()).chain(commands.iter().map(String::as_str)).collect();
    (!commands.is_empty()).then(|| format!("({})", all.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(needs: &Needs, dialect: Dialect) -> String {
        writer_rules("ralphext", &ServiceName::new("hwinfo").unwrap(), needs, dialect).join(" ")
    }

    #[test]
    fn every_command_has_the_keys_that_it_is_used_on_and_no_other() {
        assert_eq!(
            line(&Needs::default(), Dialect::Seven),
            "reset on >PASSWORD resetchannels ~ralphext:v1:hwinfo ~ralphext:v1:hwinfo:* \
             +set +get +mget +getrange +pttl +strlen +pexpire +scan +script|load +watch +multi +exec +ping +info +del \
             (~ralphext:v1:hwinfo ~ralphext:v1:hwinfo:* ~ralphext:v1 +evalsha) \
             (~ralphext:v1 +zadd +zrange +zrangebyscore +zrem) (%R~ralphext:v1:* +exists)"
        );
        assert_eq!(
            line(&Needs { only_needed: true, ..Needs::default() }, Dialect::Six),
            "reset on >PASSWORD resetchannels ~ralphext:v1:hwinfo ~ralphext:v1:hwinfo:* ~ralphext:v1 \
             +set +get +mget +getrange +pttl +strlen +pexpire +scan +script|load +evalsha +watch +multi +exec +zadd +del"
        );
    }

    #[test]
    fn what_is_switched_on_has_what_it_needs() {
        let stream = Some("in[1]*".to_owned());
        let events = AnnounceKind::Pubsub;
        let needs = Needs {
            database: 3,
            sentinel: true,
            keyspace_events: true,
            stream,
            events,
            peers: true,
            requests: true,
            ..Needs::default()
        };
        let seven = line(&needs, Dialect::Seven);
        for part in [
            " &__keyspace@3__:ralphext:v1:hwinfo:* ",
            " &ralphext:v1:hwinfo:@requests ",
            " +brpop +llen +ltrim ",
            " +select +role ",
            " +psubscribe ",
            " +publish +subscribe ",
            " &ralphext:v1:hwinfo:@changes ",
            "(%R~ralphext:v1:* +exists +get +mget +getrange +strlen +pttl)",
            "(~in\\[1\\]\\* +xreadgroup +xack +xgroup|create)",
        ] {
            assert!(seven.contains(part), "{part} is not in {seven}");
        }
        let all = reader_rules("ralphext", None, &Needs::default(), Dialect::Seven).join(" ");
        assert_eq!(all, "reset on >PASSWORD resetchannels %R~ralphext:v1 %R~ralphext:v1:* +get +mget +zrange");
        let all = viewer_rules("ralphext", None, &Needs::default(), Dialect::Seven).join(" ");
        assert_eq!(
            all,
            "reset on >PASSWORD resetchannels %R~ralphext:v1 %R~ralphext:v1:* \
             +get +mget +getrange +pttl +strlen +scan +zrange +exists +ping +info"
        );
    }
}
