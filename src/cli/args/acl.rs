//! Flags of `acl`. It must not act.

use clap::{Args, ValueEnum};

/// See [`super::Verb::Acl`].
#[derive(Debug, Args)]
pub struct Acl {
    /// The services, one line each; without them, the configured ones
    #[arg(value_name = "SVC")]
    pub services: Vec<String>,
    /// The line of a user who reads as Ralph does: the services named, or all
    #[arg(long, conflicts_with = "only_needed")]
    pub reader: bool,
    /// The line of a user who looks at everything, as `ui`, `top` and `ls` do, and changes nothing: the services named, or all
    #[arg(long, conflicts_with_all = ["reader", "sentinel", "with", "only_needed"])]
    pub viewer: bool,
    /// The line of the user of the sentinels, for each of them
    #[arg(long, conflicts_with_all = ["services", "reader", "with", "only_needed"])]
    pub sentinel: bool,
    /// The line of the user of the bridge to rq, for the queues of [bridge]
    #[arg(long, conflicts_with_all = ["services", "reader", "sentinel", "with", "only_needed"])]
    pub bridge: bool,
    /// What the server understands
    #[arg(long, value_name = "VERSION", default_value = "7")]
    pub redis: RedisVersion,
    /// Name of the user. Default: the configured one, else ralphext-SVC (or ralphext-reader, ralphext-viewer, ralphext)
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Adds what this takes, whatever is configured; may be repeated
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub with: Vec<Feature>,
    /// Leaves out what `run` and `once` can do without
    #[arg(long)]
    pub only_needed: bool,
}

/// What takes rights of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Feature {
    /// verify.keyspace_events
    KeyspaceEvents,
    /// fill.misses
    Misses,
    /// fill.requests
    Requests,
    /// redis.sentinel
    Sentinel,
    /// Reading other services with `ls`, `get` and `explain` as this user (Redis 7)
    Peers,
    /// events.kind = "stream"; with --reader, following it
    EventsStream,
    /// events.kind = "pubsub"; with --reader, following it
    EventsPubsub,
}

/// What a server's access lists can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RedisVersion {
    /// Redis 7 or newer, Valkey: each command on its own keys
    #[value(name = "7")]
    Seven,
    /// Redis 6.2: one set of keys for all commands
    #[value(name = "6")]
    Six,
}
