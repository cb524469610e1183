//! `ralphext doctor`: what an operator should know of the Redis, the inventory and the configured services, worst first. It
//! must not change anything, on the server or in the keys.

mod finding;
mod server;
mod service;
mod source;

use std::collections::BTreeSet;

use anstyle::Style;
use serde::Serialize;

use self::finding::{Finding, Findings, Severity};
use super::{
    Exit, Failure,
    args::{self, Globals, Output},
    check, output,
    run::system,
    target,
};
use crate::{
    app,
    identity::reach,
    settings::{self, Settings},
    store::{Examiner, FailureClass, Keys, StoreError, Target, acl, refused_on_stream, refused_unexecuted, survey},
};

/// Columns of a line of what is well.
const WIDTH: usize = 110;

#[derive(Debug, Serialize)]
struct Told {
    /// Whether nothing is serious.
    well: bool,
    findings: Vec<Finding>,
}

/// Ends with 0 when nothing is serious, 1 when something is, 4 when a Redis fails.
pub fn doctor(globals: &Globals, args: &args::Doctor) -> Result<Exit, Failure> {
    let (all, redis) = target::services_or_redis(globals)?;
    let mut findings = Vec::new();
    let mut failed = false;
    for (redis, services) in servers(&all, &redis)? {
        let target = Target::new(redis)?;
        let address = target.address();
        match examine(target, redis, &services, &all) {
            Ok(found) => findings.extend(found),
            Err(e) => {
                failed = true;
                let mut broken = Findings::about(address);
                broken.serious(e.layer(), e.cause(), e.hint());
                findings.extend(broken.all);
            }
        }
    }
    for settings in all.iter().filter(|settings| settings.source.stream_read().is_some()) {
        findings.extend(service::judge_stream(settings, refused_on_stream(settings)).all);
    }
    for settings in all.iter().filter(|settings| settings.fill.misses) {
        let target = Target::new(&settings.redis)?;
        let keys = Keys::new(&settings.redis.prefix, settings.name());
        findings.extend(service::judge_misses(settings, survey(&target, &keys, &settings.fill)).all);
    }
    for settings in all.iter().filter(|settings| settings.identity.is_on()) {
        let reached = app::block_on(reach(&settings.identity)).map_err(system)?;
        findings.extend(service::judge_inventory(settings, reached).all);
    }
    for settings in &all {
        findings.extend(source::judge(settings, !args.no_source)?.all);
        if let Some(Err((message, hint))) = args.schedule.as_ref().map(|cron| check::outlasts(settings, cron)) {
            let mut short = Findings::about(settings.name().as_str());
            short.serious("schedule", message, hint);
            findings.extend(short.all);
        }
    }
    // What is equally bad stays as it was looked at: the lowest layer first.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let well = findings.iter().all(|finding| finding.severity < Severity::Serious);
    match globals.output {
        Output::Json | Output::Ndjson => output::json(&Told { well, findings }),
        Output::Table => show(&findings),
    }
    Ok(match (failed, well) {
        (true, _) => Exit::Redis,
        (_, true) => Exit::Well,
        _ => Exit::Failed,
    })
}

/// Each server once, as the user of the first service there.
fn servers<'a>(
    all: &'a [Settings],
    alone: &'a settings::Redis,
) -> Result<Vec<(&'a settings::Redis, Vec<&'a Settings>)>, StoreError> {
    let place = |redis: &settings::Redis| -> Result<_, StoreError> {
        let target = Target::new(redis)?;
        Ok((target.address(), acl::Needs::of_server(redis).database, redis.prefix.clone()))
    };
    let mut servers: Vec<(_, &settings::Redis, Vec<&Settings>)> = Vec::new();
    for settings in all {
        let there = place(&settings.redis)?;
        match servers.iter_mut().find(|(other, ..)| *other == there) {
            Some((_, _, services)) => services.push(settings),
            None => servers.push((there, &settings.redis, vec![settings])),
        }
    }
    if servers.is_empty() {
        return Ok(vec![(alone, Vec::new())]);
    }
    Ok(servers.into_iter().map(|(_, redis, services)| (redis, services)).collect())
}

fn examine(
    target: Target,
    redis: &settings::Redis,
    services: &[&Settings],
    all: &[Settings],
) -> Result<Vec<Finding>, StoreError> {
    let mut examiner = Examiner::open(target, &redis.prefix)?;
    let (same, others): (Vec<&Settings>, Vec<&Settings>) = services.iter().partition(|s| s.redis == *redis);
    let names: Vec<_> = same.iter().map(|s| s.name().clone()).collect();
    let wants_events = services.iter().any(|s| s.verify.keyspace_events);
    let found = examiner.examine(&names, wants_events)?;
    let mut findings = server::judge(&found, wants_events).all;
    let configured: BTreeSet<&str> = all.iter().map(|s| s.name().as_str()).collect();
    findings.extend(service::judge_others(&found, &redis.prefix, &configured).all);
    let user = found.user.as_str();
    for settings in same {
        let name = settings.name();
        let seen = found.walk.as_ref().map(|walk| walk.services.get(name.as_str()).cloned().unwrap_or_default());
        findings.extend(or_refused(examiner.marks(name), settings, user, |marks| {
            service::judge(settings, &marks, seen.as_ref(), target::now_ms()).all
        })?);
    }
    for settings in others {
        // Another user: what it may see is for itself to tell.
        let mut own = Examiner::open(Target::new(&settings.redis)?, &redis.prefix)?;
        let seen = own.keys_of(settings.name())?;
        let (user, rights) = own.user()?;
        findings.extend(or_refused(own.marks(settings.name()), settings, &user, |marks| {
            let mut found = service::judge(settings, &marks, seen.as_ref(), target::now_ms());
            server::user(&mut found, &user, rights.as_ref());
            found.all
        })?);
    }
    Ok(findings)
}

/// What `judge` makes of an answer, and the rights that `user` lacks; a refusal of the service's keys is the one finding then.
fn or_refused<T>(
    answer: Result<T, StoreError>,
    settings: &Settings,
    user: &str,
    judge: impl FnOnce(T) -> Vec<Finding>,
) -> Result<Vec<Finding>, StoreError> {
    match answer {
        Ok(answer) => {
            let mut findings =
                service::judge_rights(settings, user, &refused_unexecuted(&Target::new(&settings.redis)?, settings)?);
            findings.all.extend(judge(answer));
            Ok(findings.all)
        }
        Err(e) if e.class == FailureClass::Permission => Ok(service::no_access(settings, user, &e).all),
        Err(e) => Err(e),
    }
}

fn show(findings: &[Finding]) {
    let widest =
        |of: fn(&Finding) -> usize| findings.iter().filter(|f| f.severity > Severity::Ok).map(of).max().unwrap_or(0);
    let (subject, check) = (widest(|f| f.subject.chars().count()), widest(|f| f.check.len()));
    for finding in findings.iter().filter(|f| f.severity > Severity::Ok) {
        let (mark, style) = look(finding.severity);
        output::say!(
            "{style}{mark} {:subject$}  {:check$}{style:#}  {}",
            output::clean(&finding.subject),
            finding.check,
            output::clean(&finding.message),
        );
        if let Some(hint) = &finding.hint {
            let (dim, indent) = (output::DIM, subject + check + 6);
            output::say!("{:indent$}{dim}hint: {}{dim:#}", "", output::clean(hint));
        }
    }
    let mut subjects: Vec<&str> = Vec::new();
    for finding in findings.iter().filter(|f| f.severity == Severity::Ok) {
        if !subjects.contains(&finding.subject.as_str()) {
            subjects.push(&finding.subject);
        }
    }
    for subject in subjects {
        let well = findings.iter().filter(|f| f.severity == Severity::Ok && f.subject == subject);
        let parts: Vec<String> = well.map(|f| format!("{}: {}", f.check, f.message)).collect();
        let (mark, style) = look(Severity::Ok);
        let mut lines = wrap(&parts, WIDTH).into_iter();
        output::say!("{style}{mark} {subject}{style:#}  {}", output::clean(&lines.next().unwrap_or_default()));
        lines.for_each(|line| output::say!("    {}", output::clean(&line)));
    }
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let [serious, warnings, notes] = [Severity::Serious, Severity::Warning, Severity::Note].map(count);
    let many = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    output::say!("{serious} serious, {}, {}", many(warnings, "warning"), many(notes, "note"));
}

fn look(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Ok => ("●", output::GOOD),
        Severity::Note => ("·", output::PLAIN),
        Severity::Warning => ("!", output::WARN),
        Severity::Serious => ("✗", output::BAD),
    }
}

/// Parts in lines of at most `width` columns, where a part alone is not longer.
fn wrap(parts: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + part.chars().count() + 2 <= width => {
                line.push_str("; ");
                line.push_str(part);
            }
            _ => lines.push(part.clone()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_parts() {
        let parts = ["one", "two", "three", "four"].map(str::to_owned);
        assert_eq!(wrap(&parts, 10), ["one; two", "three", "four"]);
    }
}
