//! The one list of rights: each command with the keys that it is used on, what it is for, and how it is tried. It must not
//! know how an access list is written.

use super::Needs;
use crate::store::{Keys, keyspace};

/// The keys (or channel) that a right is used on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// No key at all.
    Nothing,
    /// The service's descriptor and everything below it.
    Own,
    /// The index of services, which all services share.
    Index,
    /// A script's keys: the service's own and the index.
    OwnAndIndex,
    /// Every service's keys, to be looked at only.
    Every,
    /// The channel that tells what happens to the service's keys.
    Events,
    /// The channel of the service's requests.
    Requests,
    /// The stream that the source reads.
    Stream,
    /// The channel on which the service tells its changes.
    Channel,
}

impl On {
    /// The word for it in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "-",
            Self::Own => "the service's own",
            Self::Index => "the index",
            Self::OwnAndIndex => "the service's own, the index",
            Self::Every => "every service's, reading",
            Self::Events => "the service's keyspace events",
            Self::Requests => "the service's requests",
            Self::Stream => "the stream of the source",
            Self::Channel => "the channel of the service's changes",
        }
    }
}

/// When a right is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always: without it `run` and `once` do not work as they should.
    Needed,
    /// Always, unless it is asked to leave out what is not needed: without it something is left undone.
    Optional,
    /// With a database other than 0.
    Database,
    /// With `redis.sentinel`.
    Sentinel,
    /// With `verify.keyspace_events`.
    KeyspaceEvents,
    /// With `fill.misses`.
    Misses,
    /// With `fill.requests`.
    Requests,
    /// With a source of kind `events`.
    Stream,
    /// With `events.kind = "stream"`.
    EventsStream,
    /// With `events.kind = "pubsub"`.
    EventsPubsub,
    /// When it is asked for: for looking at other services as this user.
    Peers,
    /// On the sentinels, which have users of their own.
    OnSentinels,
}

impl When {
    /// The word for it in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Needed => "needed",
            Self::Optional => "optional",
            Self::Database => "with a database other than 0",
            Self::Sentinel => "with `redis.sentinel`",
            Self::KeyspaceEvents => "with `verify.keyspace_events`",
            Self::Misses => "with `fill.misses`",
            Self::Requests => "with `fill.requests`",
            Self::Stream => "with `source.kind = \"events\"`",
            Self::EventsStream => "with `events.kind = \"stream\"`",
            Self::EventsPubsub => "with `events.kind = \"pubsub\"`",
            Self::Peers => "with `--with peers`",
            Self::OnSentinels => "on the sentinels, `--sentinel`",
        }
    }
}

/// One right: a command on some keys.
#[derive(Debug)]
pub struct Grant {
    /// The command in lower case; a subcommand stands behind a `|`.
    pub command: &'static str,
    /// What it is used on.
    pub on: On,
    /// When it is granted.
    pub when: When,
    /// What it is for.
    pub purpose: &'static str,
    /// What a reader such as Ralph needs it for, if one does.
    pub reader: Option<&'static str>,
    /// How the probe tries it: see [`Places::fill`].
    pub(super) attempt: &'static [&'static str],
}

const fn grant(
    command: &'static str,
    on: On,
    when: When,
    purpose: &'static str,
    attempt: &'static [&'static str],
) -> Grant {
    Grant { command, on, when, purpose, reader: None, attempt }
}

impl Grant {
    const fn reader(mut self, purpose: &'static str) -> Self {
        self.reader = Some(purpose);
        self
    }
}

/// Every right that any part of ralphext uses, in the order in which the probe tries them: it sets its key first, and
/// removes it at the end.
pub static GRANTS: &[Grant] = &[
    grant("set", On::Own, When::Needed, "values, canary, lease, descriptor", &["SET", "{probe}", "1", "PX", "1000"]),
    grant("get", On::Own, When::Needed, "the fence of every batch; `status`, `get`, `explain`", &["GET", "{probe}"])
        .reader("one value"),
    grant("mget", On::Own, When::Needed, "canary and baseline at a start; `ls`", &["MGET", "{probe}"])
        .reader("a value with its descriptor, or many"),
    grant(
        "getrange",
        On::Own,
        When::Needed,
        "heads, at a start and before a renewal",
        &["GETRANGE", "{probe}", "0", "1"],
    ),
    grant("pttl", On::Own, When::Needed, "what is left of TTLs, at a start", &["PTTL", "{probe}"]),
    grant("strlen", On::Own, When::Needed, "sizes, at a start, for `limits.max_total`", &["STRLEN", "{probe}"]),
    grant("pexpire", On::Own, When::Needed, "renewals", &["PEXPIRE", "{probe}", "1000"]),
    grant(
        "scan",
        On::Nothing,
        When::Needed,
        "the walk over the service's keys at a start",
        &["SCAN", "0", "MATCH", "{own}", "COUNT", "1"],
    ),
    grant("script|load", On::Nothing, When::Needed, "the scripts behind `evalsha`", &["SCRIPT", "LOAD", "return 1"]),
    grant(
        "evalsha",
        On::OwnAndIndex,
        When::Needed,
        "lease, heartbeat and renewals, each in one step",
        &["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "2", "{own}", "{index}"],
    ),
    grant("watch", On::Own, When::Needed, "fencing: a batch of an old writer is refused", &["WATCH", "{probe}"]),
    grant("multi", On::Nothing, When::Needed, "batches", &["MULTI"]),
    grant("exec", On::Nothing, When::Needed, "batches", &["EXEC"]),
    grant(
        "zadd",
        On::Index,
        When::Needed,
        "the service's entry in the index",
        &["ZADD", "{index}", "XX", "0", "@probe"],
    ),
    grant("zrange", On::Index, When::Optional, "`ls`", &["ZRANGE", "{index}", "0", "0"]).reader("the list of services"),
    grant(
        "zrangebyscore",
        On::Index,
        When::Optional,
        "dropping long-gone services from the index",
        &["ZRANGEBYSCORE", "{index}", "0", "0"],
    ),
    grant("exists", On::Every, When::Optional, "dropping long-gone services from the index", &["EXISTS", "{other}"]),
    grant(
        "zrem",
        On::Index,
        When::Optional,
        "dropping long-gone services from the index; `retire`",
        &["ZREM", "{index}", "@probe"],
    ),
    grant("ping", On::Nothing, When::Optional, "a sign of life at every connect", &["PING"]),
    grant(
        "info",
        On::Nothing,
        When::Optional,
        "`check --connect` and `doctor`: version, role, memory",
        &["INFO", "server"],
    ),
    grant("select", On::Nothing, When::Database, "the database in `redis.url`", &["SELECT", "{database}"]),
    grant("role", On::Nothing, When::Sentinel, "whether the server is the master", &["ROLE"]),
    grant("get", On::Every, When::Peers, "`get` and `explain` of other services", &["GET", "{other}"]),
    grant("mget", On::Every, When::Peers, "`ls` of all services", &["MGET", "{other}"]),
    grant("getrange", On::Every, When::Peers, "`ls` of another service's objects", &["GETRANGE", "{other}", "0", "1"]),
    grant("strlen", On::Every, When::Peers, "`ls` of another service's objects", &["STRLEN", "{other}"]),
    grant("pttl", On::Every, When::Peers, "`ls`, `get` and `explain` of other services", &["PTTL", "{other}"]),
    grant(
        "del",
        On::Own,
        When::Needed,
        "vanished objects; handing the lease back; `rm`, `purge` and `retire`",
        &["DEL", "{probe}"],
    ),
    grant("role", On::Nothing, When::Misses, "the replicas on which misses are listened for", &["ROLE"]),
    // On a key that is gone by now: nobody's request is taken.
    grant("brpop", On::Own, When::Requests, "requests, as they come", &["BRPOP", "{probe}", "0.01"]),
    grant("llen", On::Own, When::Requests, "how many requests wait", &["LLEN", "{probe}"]),
    grant("ltrim", On::Own, When::Requests, "the bound of the list of requests", &["LTRIM", "{probe}", "0", "1"]),
    // With an id that is none: what is allowed fails, and changes nothing.
    grant("xadd", On::Own, When::EventsStream, "telling changes", &["XADD", "{changes}", "@probe", "event", ""]),
    grant(
        "xrevrange",
        On::Own,
        When::EventsStream,
        "whether the stream of changes is one, at a start; `watch`",
        &["XREVRANGE", "{changes}", "+", "-", "COUNT", "1"],
    )
    .reader("where the stream of changes ends, to begin there"),
    grant("xrange", On::Own, When::EventsStream, "`watch --from`", &["XRANGE", "{changes}", "-", "+", "COUNT", "1"])
        .reader("whether the last event that was read is there still"),
    grant("xread", On::Own, When::EventsStream, "`watch`", &["XREAD", "COUNT", "1", "STREAMS", "{changes}", "0"])
        .reader("following changes"),
    grant("publish", On::Channel, When::EventsPubsub, "telling changes", &["PUBLISH", "{changes}", ""]),
    grant("subscribe", On::Channel, When::EventsPubsub, "`watch`", &["SUBSCRIBE", "{changes}"])
        .reader("following changes"),
    // Of a group that is not there, and with ids that are none: what is allowed fails, and changes nothing.
    grant(
        "xreadgroup",
        On::Stream,
        When::Stream,
        "entries of the stream",
        &["XREADGROUP", "GROUP", "@probe", "@probe", "COUNT", "1", "STREAMS", "{stream}", "0"],
    ),
    grant("xack", On::Stream, When::Stream, "entries that are in Redis", &["XACK", "{stream}", "@probe", "0-1"]),
    grant(
        "xgroup|create",
        On::Stream,
        When::Stream,
        "the consumer group, where there is none",
        &["XGROUP", "CREATE", "{stream}", "@probe", "@probe"],
    ),
    // Last: who has subscribed can do nothing else.
    grant(
        "psubscribe",
        On::Events,
        When::KeyspaceEvents,
        "hearing at once of keys that are lost",
        &["PSUBSCRIBE", "{events}"],
    ),
    grant("psubscribe", On::Events, When::Misses, "hearing of keys that readers miss", &["PSUBSCRIBE", "{events}"]),
    grant("subscribe", On::Requests, When::Requests, "requests over the channel", &["SUBSCRIBE", "{requests}"]),
    grant("sentinel|get-master-addr-by-name", On::Nothing, When::OnSentinels, "which server is the master", &[]),
];

/// What a reader needs a right for, if it does.
pub fn reads(grant: &Grant) -> Option<&'static str> {
    grant.reader.or_else(|| (grant.when == When::Database).then_some(grant.purpose))
}

/// Whether somebody who looks at all services needs a right: `ui`, `top`, `ls`, `get`, `explain`, `stats`, `doctor`.
pub fn views(grant: &Grant) -> bool {
    const LOOKS: [&str; 7] = ["getrange", "pttl", "strlen", "scan", "exists", "ping", "info"];
    reads(grant).is_some() || LOOKS.contains(&grant.command)
}

/// What the placeholders of [`Grant`]'s attempts stand for.
pub(in crate::store) struct Places {
    keys: Keys,
    probe: String,
    other: String,
    database: String,
    events: String,
    requests: String,
    stream: String,
    changes: String,
}

impl Places {
    pub(in crate::store) fn new(keys: Keys, needs: &Needs) -> Self {
        Self {
            probe: format!("{}@probe", keys.object_prefix()),
            // No service can have that name.
            other: format!("{}:@probe", keys.index()),
            database: needs.database.to_string(),
            events: keyspace::pattern(needs.database, &keys),
            requests: keys.requests(),
            stream: needs.stream.clone().unwrap_or_default(),
            changes: keys.changes(),
            keys,
        }
    }

    /// The words to send.
    pub(in crate::store) fn fill(&self, grant: &'static Grant) -> Vec<&str> {
        let place = |word: &'static str| match word {
            "{probe}" => self.probe.as_str(),
            "{own}" => self.keys.descriptor(),
            "{index}" => self.keys.index(),
            "{other}" => self.other.as_str(),
            "{database}" => self.database.as_str(),
            "{events}" => self.events.as_str(),
            "{requests}" => self.requests.as_str(),
            "{stream}" => self.stream.as_str(),
            "{changes}" => self.changes.as_str(),
            word => word,
        };
        grant.attempt.iter().map(|word| place(word)).collect()
    }

    /// The key that `grant` is tried on, and what it has to be: by the words to send.
    pub(in crate::store) fn key<'a>(&'a self, grant: &Grant, words: &[&'a str]) -> (&'a str, &'static str) {
        match grant.on {
            On::Stream => (&self.stream, "a stream"),
            _ if grant.when == When::EventsStream => (&self.changes, "a stream"),
            _ => (words.get(1).copied().unwrap_or_default(), "a sorted set"),
        }
    }
}
