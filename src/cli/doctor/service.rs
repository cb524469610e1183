//! What the doctor says about services: their own keys, and what is left of others. It must not ask a server anything.

use std::collections::BTreeSet;

use super::{
    super::{output, status},
    finding::{Findings, clip},
};
use crate::{
    identity::{IdentityError, Reachable},
    registry::{Descriptor, Mode, ServiceStatus},
    settings::Settings,
    store::{
        Ears, Examination, Index, KeysOf, Marks, StoreError,
        acl::{Grant, When},
    },
};

/// An epoch or a version that is further ahead of the clock was not made by a clock.
const FAR_MS: u64 = 3_600_000;
/// Most names in one message.
const NAMES: usize = 5;

/// All findings about one configured service; `seen` is what the walk saw of it.
pub(super) fn judge(settings: &Settings, marks: &Marks, seen: Option<&KeysOf>, now: u64) -> Findings {
    let mut findings = Findings::about(settings.name().as_str());
    let f = &mut findings;
    let descriptor = marks.descriptor.as_deref().map(serde_json::from_str::<Descriptor>);
    match descriptor {
        None if marks.fence.is_none() && seen.is_none_or(|of| of.objects == 0) => {
            f.note("writer", "has never written here", "`ralphext once` or `ralphext run` begins");
        }
        Some(Err(e)) => f.warn(
            "writer",
            format!("its descriptor is no service.v1: {e}"),
            "somebody else wrote it; a living writer mends it with its next heartbeat",
        ),
        None => told(f, None, now),
        Some(Ok(d)) => told(f, Some(&d), now),
    }
    lease(f, settings, marks);
    mark(f, "fence", "@fence", marks.fence.as_deref(), now);
    mark(f, "canary", "@canary", marks.canary.as_deref(), now);
    if let Some(of) = seen {
        keys(f, settings, of);
    }
    findings
}

fn told(f: &mut Findings, descriptor: Option<&Descriptor>, now: u64) {
    let (well, verdict) = status::verdict(descriptor, now);
    let silent = descriptor.is_some_and(|d| {
        d.writer.mode == Mode::Run && d.status != ServiceStatus::Stopped && d.is_alive(now) == Some(false)
    });
    match (well, silent) {
        (true, _) => f.ok("writer", verdict),
        (false, true) => {
            f.serious("writer", verdict, "start it again, or see its log; what is there lives until its TTL");
        }
        (false, false) => f.warn("writer", verdict, "`ralphext status` tells more"),
    }
}

fn lease(f: &mut Findings, settings: &Settings, marks: &Marks) {
    let Some(holder) = marks.lease.as_deref().map(clip) else { return };
    let cut = "the next writer that wants it cuts it down to writer.lease, and takes over if its holder is dead";
    let usual = u64::try_from(settings.writer.lease.0.as_millis()).unwrap_or(u64::MAX);
    match u64::try_from(marks.lease_left_ms) {
        // -2: it ran out between two questions.
        Err(_) if marks.lease_left_ms != -1 => {}
        Err(_) => f.warn("lease", format!("{holder} holds the lease for ever, as no writer does"), cut),
        Ok(left) if left > usual.saturating_mul(10).max(FAR_MS) => {
            let left = output::span(left);
            let message = format!("{holder} holds the lease for {left}, and writer.lease is {}", settings.writer.lease);
            f.warn("lease", message, cut);
        }
        Ok(_) => f.ok("lease", format!("held by {holder}")),
    }
    if marks.fence.is_none() {
        f.warn(
            "fence",
            "there is a lease and no @fence: data was lost",
            "its writer notices at its next heartbeat; look again in a minute",
        );
    }
}

fn mark(f: &mut Findings, check: &'static str, name: &str, text: Option<&str>, now: u64) {
    let Some(text) = text else { return };
    let Ok(number) = text.parse::<u64>() else {
        let hint = "somebody else wrote it; its writer replaces it at its next heartbeat or start, and tells so";
        return f.warn(check, format!("{name} is {:?}, which is no number", clip(text)), hint);
    };
    let ahead = number.saturating_sub(now);
    if ahead > FAR_MS {
        let message = format!("{name} is {} ahead of the clock", output::span(ahead));
        f.warn(
            check,
            message,
            "a clock was ahead, or somebody wrote it by hand: numbers go on from there, or begin anew if it is years",
        );
    } else {
        f.ok(check, "sound");
    }
}

fn keys(f: &mut Findings, settings: &Settings, of: &KeysOf) {
    match &of.without_ttl_id {
        Some(id) => f.warn(
            "ttl",
            format!("{} of {} objects never expire, such as {id}", of.without_ttl, of.objects),
            format!(
                "its writer mends them with their next renewal; `ralphext verify {} --repair` does it now",
                settings.name()
            ),
        ),
        None => f.ok("ttl", format!("{} objects, all with a TTL", of.objects)),
    }
    if let Some(key) = &of.strange_key {
        f.warn(
            "keys",
            format!("{} keys below {} are not ralphext's, such as {key}", of.strange, base(settings)),
            "find out who writes them; ralphext leaves them alone",
        );
    }
}

fn base(settings: &Settings) -> String {
    format!("{}:v1:{}", settings.redis.prefix, settings.name())
}

/// Findings about the rights that the service's user lacks.
pub(super) fn judge_rights(settings: &Settings, user: &str, refused: &[(&'static Grant, String)]) -> Findings {
    let mut findings = Findings::about(settings.name().as_str());
    let (optional, needed): (Vec<_>, Vec<_>) = refused.iter().partition(|(grant, _)| grant.when == When::Optional);
    let hint = format!(
        "`ralphext acl {}` prints the line of a user who may; `ralphext check --connect` tries each",
        settings.name()
    );
    let name = |all: &[&(&Grant, String)]| all.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>().join(", ");
    if !needed.is_empty() {
        let message = format!("the user {} may not {}: it cannot write as it should", clip(user), name(&needed));
        findings.serious("rights", message, hint.clone());
    }
    for (grant, words) in optional {
        let message = format!("the user {} may not {words}, so this is left undone: {}", clip(user), grant.purpose);
        findings.note("rights", message, hint.clone());
    }
    if refused.is_empty() {
        findings.ok("rights", "all that are needed");
    }
    findings
}

/// The finding about a user who may not even read the service's keys: often another service's.
pub(super) fn no_access(settings: &Settings, user: &str, refusal: &StoreError) -> Findings {
    let mut findings = Findings::about(settings.name().as_str());
    let message = format!("the user {} may not read {}: {}", clip(user), base(settings), refusal.cause());
    let hint = format!(
        "is redis.username the user of this service? `ralphext acl {}` prints the line of one",
        settings.name()
    );
    findings.serious("access", message, hint);
    findings
}

/// Findings about the stream that the source reads; `refused` are the rights that its reader lacks.
pub(super) fn judge_stream(
    settings: &Settings,
    refused: Result<Vec<(&'static Grant, String)>, StoreError>,
) -> Findings {
    let mut findings = Findings::about(settings.name().as_str());
    let stream = settings.source.stream_read().map(|events| events.stream.as_str()).unwrap_or_default();
    match refused {
        Ok(refused) if refused.is_empty() => findings.ok("stream", format!("{} may be read", clip(stream))),
        Ok(refused) => {
            let refused: Vec<&str> = refused.iter().map(|(_, words)| words.as_str()).collect();
            let message = format!("its reader may not {}: nothing comes in", refused.join(", "));
            findings.serious(
                "stream",
                message,
                "`ralphext acl` prints the line of a user who may, on the service's own server",
            );
        }
        Err(e) => findings.serious("stream", format!("it cannot be read: {}", e.cause()), e.hint()),
    }
    findings
}

/// Findings about the servers on which misses are listened for.
pub(super) fn judge_misses(settings: &Settings, survey: Result<Vec<Ears>, StoreError>) -> Findings {
    let mut findings = Findings::about(settings.name().as_str());
    match survey {
        Ok(all) => {
            for Ears { address, deaf } in all {
                match deaf {
                    None => findings.ok("misses", format!("{} tells what readers miss", clip(&address))),
                    Some(e) => {
                        let message = format!("{e}: what readers miss there is not computed (fill.misses)");
                        findings.warn("misses", message, e.hint());
                    }
                }
            }
        }
        Err(e) => findings.warn("misses", format!("whether misses are told cannot be tried: {e}"), e.hint()),
    }
    findings
}

/// Findings about the inventory by which records are resolved.
pub(super) fn judge_inventory(settings: &Settings, reached: Result<Reachable, IdentityError>) -> Findings {
    let mut findings = Findings::about(settings.name().as_str());
    match reached {
        Ok(reached) => {
            let objects = output::objects_by_model(&reached.objects);
            findings.ok("inventory", format!("{} has {objects}", reached.place));
        }
        Err(e) => {
            let message =
                format!("{}: what is new in Ralph is matched by nothing, and nothing counts as gone", e.problem);
            findings.serious("inventory", message, e.hint);
        }
    }
    findings
}

/// Findings about the index and about services that are gone.
pub(super) fn judge_others(found: &Examination, prefix: &str, configured: &BTreeSet<&str>) -> Findings {
    let mut findings = Findings::about(format!("{prefix}:v1"));
    let f = &mut findings;
    let mut missing: Vec<&str> = Vec::new();
    match &found.index {
        None => {}
        Some(Index::Broken(cause)) => f.warn(
            "index",
            format!("{prefix}:v1 is no index ({cause}): no service is listed"),
            format!("delete {prefix}:v1; every writer enters itself again"),
        ),
        Some(Index::Entries(entries)) => {
            missing.extend(entries.iter().filter(|e| e.described == Some(false)).map(|e| e.name.as_str()));
            f.ok("index", format!("{} services", entries.len() - missing.len()));
        }
    }
    if !missing.is_empty() {
        f.note(
            "index",
            format!("{} entries have no descriptor: {}", missing.len(), some(&missing)),
            "the next writer that starts drops them, an hour after their last heartbeat",
        );
    }
    let Some(walk) = &found.walk else { return findings };
    let orphans: Vec<(&str, &KeysOf)> = walk
        .services
        .iter()
        .filter(|(name, of)| !of.descriptor && !configured.contains(name.as_str()))
        .map(|(name, of)| (name.as_str(), of))
        .collect();
    if !orphans.is_empty() {
        let left: u64 = orphans.iter().map(|(_, of)| of.objects + of.internal + of.strange).sum();
        let names: Vec<&str> = orphans.iter().map(|(name, _)| *name).collect();
        let example = names[0];
        f.note(
            "orphans",
            format!("{} services are gone and left {left} keys: {}", names.len(), some(&names)),
            format!("if they will not come back: redis-cli --scan --pattern '{prefix}:v1:{example}:*' | xargs redis-cli unlink"),
        );
    }
    findings
}

fn some(names: &[&str]) -> String {
    let more = names.len().saturating_sub(NAMES);
    let shown = names[..names.len().min(NAMES)].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
