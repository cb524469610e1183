//! `ralphext acl`: the least rights that a service, or a reader, needs in Redis. It must not connect, nor know a password.

use clap::ValueEnum;
use serde::Serialize;

use super::{
    Exit, Failure,
    args::{Acl, Feature, Globals, Output, RedisVersion},
    output, target,
};
use crate::{
    model::ServiceName,
    settings::{self, AnnounceKind, Settings},
    store::acl::{self, Dialect, Grant, Needs, When},
};

/// The user of a service, or of a reader.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    user: String,
    line: String,
    rules: Vec<String>,
    grants: Vec<Right>,
}

/// One command of it.
#[derive(Debug, Serialize)]
struct Right {
    command: &'static str,
    on: &'static str,
    needed: bool,
    purpose: &'static str,
}

/// Prints one line for each user; what it is about goes to standard error, so that the lines can be piped to redis-cli.
pub fn acl(globals: &Globals, args: &Acl) -> Result<Exit, Failure> {
    if args.bridge {
        return of_bridge(globals, args);
    }
    let (configured, redis) = target::services_or_redis(globals)?;
    let names = args.services.iter().map(|name| target::service_name(name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(user) = &args.user {
        let unnamed = if args.reader || args.viewer || args.sentinel { 1 } else { configured.len() };
        check_user(user, if names.is_empty() { unnamed } else { names.len() })?;
    }
    let beyond = |feature: &&Feature| !matches!(feature, Feature::EventsStream | Feature::EventsPubsub);
    if let Some(feature) = args.with.iter().find(beyond).filter(|_| args.reader) {
        let word = feature.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let message = format!("--with {word} is nothing for a reader");
        return Err(Failure::new(Exit::Usage, message, "leave it away, or leave --reader away"));
    }
    let told = match (args.reader || args.viewer, args.sentinel) {
        (true, _) => readers(args, &names, &redis),
        (_, true) => vec![of_sentinels(args, &redis)],
        _ => writers(args, &names, &configured, &redis)?,
    };
    match (globals.output, told.as_slice()) {
        (Output::Json | Output::Ndjson, [one]) => output::json(one),
        (Output::Json | Output::Ndjson, many) => output::json(&many),
        (Output::Table, many) => {
            comment(args, many);
            many.iter().for_each(|told| output::say!("{}", told.line));
        }
    }
    Ok(Exit::Well)
}

/// The line of the bridge's user.
fn of_bridge(globals: &Globals, args: &Acl) -> Result<Exit, Failure> {
    let (bridge, settings) = target::bridge(globals)?;
    if let Some(user) = &args.user {
        check_user(user, 1)?;
    }
    let configured = acl::username(&settings.redis).filter(|user| user != "default");
    let user = args.user.clone().or(configured).unwrap_or_else(|| "ralphext-bridge".to_owned());
    let needs = Needs::of_server(&settings.redis);
    let rules = acl::bridge_rules(&bridge.queues, &needs, dialect(args));
    let grants = acl::BRIDGE_GRANTS.iter();
    let grants =
        grants.map(|grant| Right { command: grant.command, on: "rq's keys", needed: true, purpose: grant.purpose });
    let told = tell(None, user, rules, grants.collect());
    if globals.output == Output::Table {
        comment(args, std::slice::from_ref(&told));
        output::say!("{}", told.line);
    } else {
        output::json(&told);
    }
    Ok(Exit::Well)
}

fn check_user(user: &str, users: usize) -> Result<(), Failure> {
    if users > 1 {
        let hint = "leave --user away, or name one service";
        return Err(Failure::new(Exit::Usage, format!("--user {user:?} is one name for {users} users"), hint));
    }
    if user.is_empty() || user.chars().any(|c| c.is_whitespace() || c.is_control() || "\"'".contains(c)) {
        let hint = "write a name without white space and quotes, such as ralphext-hwinfo";
        return Err(Failure::new(Exit::Usage, format!("{user:?} is no name for a user"), hint));
    }
    Ok(())
}

fn writers(
    args: &Acl,
    names: &[ServiceName],
    configured: &[Settings],
    redis: &settings::Redis,
) -> Result<Vec<Told>, Failure> {
    let mut told = Vec::new();
    let named: Vec<&ServiceName> =
        if names.is_empty() { configured.iter().map(Settings::name).collect() } else { names.iter().collect() };
    if named.is_empty() {
        return Err(Failure::new(Exit::Usage, "no service is named or configured", "name one: ralphext acl hwinfo"));
    }
    for name in named {
        let own = configured.iter().find(|settings| settings.name() == name);
        let redis = own.map_or(redis, |settings| &settings.redis);
        let needs = own.map_or_else(|| Needs::of_server(redis), Needs::of);
        let with = |feature| args.with.contains(&feature);
        let needs = Needs {
            keyspace_events: needs.keyspace_events || with(Feature::KeyspaceEvents),
            misses: needs.misses || with(Feature::Misses),
            requests: needs.requests || with(Feature::Requests),
            sentinel: needs.sentinel || with(Feature::Sentinel),
            peers: with(Feature::Peers),
            events: asked_events(args).unwrap_or(needs.events),
            only_needed: args.only_needed,
            ..needs
        };
        // Whoever resets the user `default` locks everybody else out.
        let configured = own.and_then(|_| acl::username(redis)).filter(|user| user != "default");
        let user = args.user.clone().or(configured);
        let user = user.unwrap_or_else(|| format!("ralphext-{name}"));
        let rules = acl::writer_rules(&redis.prefix, name, &needs, dialect(args));
        let granted = needs.grants().filter(|grant| args.redis == RedisVersion::Seven || grant.when != When::Peers);
        told.push(tell(
            Some(name),
            user,
            rules,
            granted.map(|grant| right(grant, grant.when != When::Optional, grant.purpose)).collect(),
        ));
    }
    Ok(told)
}

fn readers(args: &Acl, names: &[ServiceName], redis: &settings::Redis) -> Vec<Told> {
    let database = Needs::of_server(redis).database;
    let events = asked_events(args).unwrap_or_default();
    let needs = Needs { database, events, peers: args.viewer, ..Needs::default() };
    let rights = || {
        let purpose = |grant: &Grant| match args.viewer {
            true => acl::views(grant).then_some("looking at services and their objects"),
            false => acl::reads(grant),
        };
        let granted = needs.grants().filter_map(|grant| Some((grant, purpose(grant)?)));
        granted.map(|(grant, purpose)| right(grant, true, purpose)).collect::<Vec<_>>()
    };
    let kind = if args.viewer { "viewer" } else { "reader" };
    let rules_of = if args.viewer { acl::viewer_rules } else { acl::reader_rules };
    let one = |name: Option<&ServiceName>| {
        let user = args.user.clone().unwrap_or_else(|| {
            name.map_or_else(|| format!("ralphext-{kind}"), |name| format!("ralphext-{name}-{kind}"))
        });
        let rules = rules_of(&redis.prefix, name, &needs, dialect(args));
        tell(name, user, rules, rights())
    };
    if names.is_empty() { vec![one(None)] } else { names.iter().map(|name| one(Some(name))).collect() }
}

/// The kind of change events that the flags name.
fn asked_events(args: &Acl) -> Option<AnnounceKind> {
    args.with.iter().find_map(|feature| match feature {
        Feature::EventsStream => Some(AnnounceKind::Stream),
        Feature::EventsPubsub => Some(AnnounceKind::Pubsub),
        _ => None,
    })
}

fn of_sentinels(args: &Acl, redis: &settings::Redis) -> Told {
    let configured = redis.sentinel.as_ref().and_then(|s| s.username.clone()).filter(|user| user != "default");
    let user = args.user.clone().or(configured).unwrap_or_else(|| "ralphext".to_owned());
    let granted = acl::GRANTS.iter().filter(|grant| grant.when == When::OnSentinels);
    tell(None, user, acl::sentinel_rules(), granted.map(|grant| right(grant, true, grant.purpose)).collect())
}

fn dialect(args: &Acl) -> Dialect {
    match args.redis {
        RedisVersion::Six => Dialect::Six,
        RedisVersion::Seven => Dialect::Seven,
    }
}

fn right(grant: &'static Grant, needed: bool, purpose: &'static str) -> Right {
    Right { command: grant.command, on: grant.on.as_str(), needed, purpose }
}

fn tell(service: Option<&ServiceName>, user: String, rules: Vec<String>, grants: Vec<Right>) -> Told {
    let line = format!("ACL SETUSER {user} {}", rules.join(" "));
    Told { service: service.map(ToString::to_string), user, line, rules, grants }
}

/// What a person has to know beside the line.
fn comment(args: &Acl, told: &[Told]) {
    let mut lines =
        vec!["put a password in the place of PASSWORD; ACL SAVE (with an aclfile) makes it last".to_owned()];
    if args.redis == RedisVersion::Six {
        lines.push("Redis 6.0 knows no channels: leave resetchannels out there".to_owned());
        if args.with.contains(&Feature::Peers) {
            lines.push(
                "--with peers needs Redis 7: with 6, who may read other services' keys may write them".to_owned(),
            );
        }
    }
    let mut optional: Vec<(&str, Vec<&str>)> = Vec::new();
    for right in told.iter().flat_map(|told| &told.grants).filter(|right| !right.needed) {
        match optional.iter_mut().find(|(purpose, _)| *purpose == right.purpose) {
            Some((_, commands)) if commands.contains(&right.command) => {}
            Some((_, commands)) => commands.push(right.command),
            None => optional.push((right.purpose, vec![right.command])),
        }
    }
    lines.extend(optional.iter().map(|(purpose, commands)| format!("optional: {} for {purpose}", commands.join(" "))));
    lines.iter().for_each(|line| anstream::eprintln!("# {line}"));
}

/// `docs/reference/acl.md`.
pub fn reference() -> String {
    use std::fmt::Write as _;

    let mut out = String::from(REFERENCE);
    let name = ServiceName::new("hwinfo").ok();
    let line = |user: &str, rules: Vec<String>| format!("ACL SETUSER {user} {}", rules.join(" "));
    for (dialect, title) in [(Dialect::Seven, "Redis 7 or newer, Valkey"), (Dialect::Six, "Redis 6.2")] {
        let Some(name) = &name else { continue };
        let needs = Needs::default();
        let writer = line("ralphext-hwinfo", acl::writer_rules("ralphext", name, &needs, dialect));
        let reader = line("ralphext-reader", acl::reader_rules("ralphext", None, &needs, dialect));
        let viewer = line("ralphext-viewer", acl::viewer_rules("ralphext", None, &needs, dialect));
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n## {title}\n\nThe service `hwinfo`:\n\n```text\n{writer}\n```\n\nA reader such as Ralph:\n\n```text\n{reader}\n```\n\n\
             Who looks at everything, as `ui`, `top`, `ls` and `doctor` do:\n\n```text\n{viewer}\n```\n"
        );
    }
    let sentinel = line("ralphext", acl::sentinel_rules());
    let _ = write!(
        out,
        "\n## Sentinels\n\nThe user of the sentinels themselves (`redis.sentinel.username`):\n\n```text\n{sentinel}\n```\n"
    );
    let queues = ["ralph_ext_pdf".to_owned()];
    let bridge = line("ralphext-bridge", acl::bridge_rules(&queues, &Needs::default(), Dialect::Seven));
    let _ = write!(
        out,
        "\n## The bridge to rq\n\nOf the queue `ralph_ext_pdf` (`ralphext acl --bridge -c bridge.toml`). Whoever has these rights can \
         have code executed by everybody who reads results of jobs: see [security](../security.md).\n\n```text\n{bridge}\n```\n\n\
         | command | for |\n|---|---|\n"
    );
    for grant in acl::BRIDGE_GRANTS {
        let _ = writeln!(out, "| `{}` | {} |", grant.command, grant.purpose);
    }
    out.push_str("\n## What each command is for\n\n| command | on | granted | for |\n|---|---|---|---|\n");
    for grant in acl::GRANTS {
        let (command, when) = (grant.command.replace('|', "\\|"), grant.when.as_str());
        let _ = writeln!(out, "| `{command}` | {} | {when} | {} |", grant.on.as_str(), grant.purpose);
    }
    out.push_str("\n## What a reader needs\n\n| command | for |\n|---|---|\n");
    for (grant, purpose) in acl::GRANTS.iter().filter_map(|grant| Some((grant, grant.reader?))) {
        let only = match grant.when {
            When::EventsStream | When::EventsPubsub => format!(", {}", grant.when.as_str()),
            _ => String::new(),
        };
        let _ = writeln!(out, "| `{}` | {purpose}{only} |", grant.command);
    }
    out
}

const REFERENCE: &str = "# Rights in Redis

Generated by `make generate` from the list in `src/store/acl/grants.rs`, from which `ralphext acl` and `check --connect` work too; not
to be edited. `ralphext acl SVC` prints these lines for your services, prefix and settings. Put a password in the place of
`PASSWORD`. What the parts are for, and against what they help: [security](../security.md).
";
