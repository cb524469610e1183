//! What a Redis says when asked whether it would do: version, permissions, memory policy. It must not change anything that
//! a reader could see.

use serde::Serialize;

use super::{
    FailureClass, Info, Keys, StoreError, Survey, Target,
    acl::{self, Grant, Needs, On, Places, When},
    connection::Connection,
    internal::{is_wrong_type, odd_keys},
    wishes::survey,
};
use crate::{
    model::{ServiceName, UnixMs},
    settings::Settings,
};

/// What commands fail with that are tried and allowed.
const EXPECTED: [&str; 6] =
    ["NOSCRIPT", "NoScript", "without MULTI", "NOGROUP", "requires the key to exist", "Invalid stream ID"];

/// The answer of a server.
#[derive(Debug, Serialize)]
pub struct Probe {
    /// Where it was asked.
    pub address: String,
    /// `redis` or `valkey`.
    pub product: String,
    /// Its version.
    pub version: String,
    /// What the sentinels say, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Survey>,
    /// Commands that it refuses to this user, and that are needed.
    pub missing: Vec<String>,
    /// What works, or is left undone, and is worth a look.
    pub notes: Vec<String>,
}

/// Asks the server of a service; a read-only replica is an error.
///
/// Permissions are tried on a key of the service's own that nothing reads (`@probe`), and gone at once.
pub fn probe(target: &Target, settings: &Settings, now: UnixMs) -> Result<Probe, StoreError> {
    let mut connection = target.open()?;
    let sentinel = target.survey()?;
    let info = Info::ask(&mut connection, target)?.unwrap_or_default();
    if info.text("role") == Some("slave") {
        return Err(target.error(FailureClass::ReadOnly, "this server is a replica"));
    }
    let mut notes = Vec::new();
    match (info.number("maxmemory"), info.text("maxmemory_policy")) {
        (Some(0) | None, _) => {}
        (Some(_), Some("noeviction")) => {
            notes.push("maxmemory-policy is noeviction: when memory is full, writes fail".into());
        }
        (Some(_), Some(policy)) if policy.starts_with("volatile-") => {
            notes.push(format!("maxmemory-policy {policy} evicts exactly the keys that have a TTL, such as these"));
        }
        _ => {}
    }
    notes.extend(sentinel.iter().flat_map(|survey| &survey.others).map(|other| format!("sentinel {other}")));
    let mut missing = Vec::new();
    let needs = Needs::of(settings);
    let mut all = refused(&mut connection, target, &settings.redis.prefix, settings.name(), &needs)?;
    if needs.stream.is_none() {
        all.extend(refused_on_stream(settings)?);
    }
    for (grant, words) in all {
        if grant.when == When::Optional {
            notes.push(format!("{words} is refused, so this is left undone: {}", grant.purpose));
        } else {
            missing.push(words);
        }
    }
    if !missing.iter().any(|command| command.starts_with("GETRANGE")) {
        let keys = Keys::new(&settings.redis.prefix, settings.name());
        notes.extend(odd_keys(&mut target.open()?, &keys, now).map_err(|e| target.failed(&e))?);
    }
    if settings.fill.misses && missing.is_empty() {
        let keys = Keys::new(&settings.redis.prefix, settings.name());
        let deaf = survey(target, &keys, &settings.fill)?.into_iter().filter_map(|ears| ears.deaf);
        notes.extend(deaf.map(|e| format!("fill.misses: {e}; {}", e.hint())));
    }
    Ok(Probe {
        address: target.address(),
        product: info.product().to_owned(),
        version: info.version().unwrap_or("unknown").to_owned(),
        sentinel,
        missing,
        notes,
    })
}

/// The rights to the stream that the source reads, that are refused to whoever reads it; each tried for real, which changes
/// nothing.
///
/// # Errors
/// When its server fails, or the key holds something else.
pub fn refused_on_stream(settings: &Settings) -> Result<Vec<(&'static Grant, String)>, StoreError> {
    let Some((stream, server)) = acl::stream(settings) else { return Ok(Vec::new()) };
    let (target, only) = (Target::new(&server)?, Needs { stream: Some(stream), ..Needs::default() });
    let grants = only.grants().filter(|grant| grant.on == On::Stream);
    let places = Places::new(Keys::new(&server.prefix, settings.name()), &only);
    try_all(&mut target.open()?, &target, grants, &places)
}

/// The rights that are refused, each tried for real.
fn refused(
    connection: &mut Connection,
    target: &Target,
    prefix: &str,
    service: &ServiceName,
    needs: &Needs,
) -> Result<Vec<(&'static Grant, String)>, StoreError> {
    try_all(connection, target, needs.grants(), &Places::new(Keys::new(prefix, service), needs))
}

/// The rights that are refused to a service's user, found without anything being executed: a server judges rights when it
/// queues a command, and this transaction is given up. What cannot stand in one (`EXEC`, `PSUBSCRIBE`) is not tried, nor is
/// the stream of the source: see [`refused_on_stream`].
///
/// # Errors
/// When the server fails.
pub fn refused_unexecuted(target: &Target, settings: &Settings) -> Result<Vec<(&'static Grant, String)>, StoreError> {
    let mut connection = target.open()?;
    let needs = Needs::of(settings);
    let places = Places::new(Keys::new(&settings.redis.prefix, settings.name()), &needs);
    let mut refused = Vec::new();
    // The list's order has commands before it.
    let (begin, queued): (Vec<_>, Vec<_>) = needs.grants().partition(|grant| grant.command == "multi");
    let queued =
        queued.into_iter().filter(|g| g.on != On::Stream && !matches!(g.command, "exec" | "psubscribe" | "subscribe"));
    for grant in begin.into_iter().chain(queued) {
        let words = places.fill(grant);
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let Err(e) = command.query::<redis::Value>(&mut connection) else { continue };
        let failed = target.failed(&e);
        match failed.class {
            FailureClass::Permission => {
                refused.push((grant, words[..words.len().min(2)].join(" ")));
                if grant.command == "multi" {
                    break;
                }
            }
            FailureClass::Unreachable | FailureClass::TimedOut => return Err(failed),
            // Full, a replica, or WATCH in a transaction: it was allowed.
            _ => {}
        }
    }
    // The connection ends here, and with it the transaction.
    Ok(refused)
}

fn try_all(
    connection: &mut Connection,
    target: &Target,
    grants: impl Iterator<Item = &'static Grant>,
    places: &Places,
) -> Result<Vec<(&'static Grant, String)>, StoreError> {
    let mut refused = Vec::new();
    for grant in grants {
        let words = places.fill(grant);
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let tried = if grant.on == On::Channel {
            // Nobody shall hear it: it is queued, which is refused just so, and the connection is given up.
            let mut apart = target.open()?;
            redis::cmd("MULTI").query::<redis::Value>(&mut apart).and_then(|_| command.query(&mut apart))
        } else {
            command.query::<redis::Value>(connection)
        };
        if let Err(e) = tried {
            if is_wrong_type(&e) {
                let (key, ours) = places.key(grant, &words);
                return Err(target.failed_on(&e, key, ours));
            }
            let failed = target.failed(&e);
            match failed.class {
                FailureClass::Permission if grant.on == On::Stream => {
                    let command = grant.command.to_uppercase().replace('|', " ");
                    refused.push((grant, format!("{command} {}", places.key(grant, &words).0)));
                }
                FailureClass::Permission => refused.push((grant, words[..words.len().min(2)].join(" "))),
                // Not cached yet; or a refused MULTI before it, which is named already; or of a stream, as it has to be.
                FailureClass::Server if EXPECTED.iter().any(|w| e.to_string().contains(w)) => {}
                _ => return Err(failed),
            }
        }
    }
    Ok(refused)
}
