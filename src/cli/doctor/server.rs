//! What the doctor says about a server. It must not ask it anything: it judges a found.

use super::{
    super::output,
    finding::{Findings, clip},
};
use crate::store::{Examination, Info, Rights, Survey, Transport};

/// Share of memory in use from which on it is serious, and worth a warning, in percent.
const FULL: u64 = 90;
const FILLING: u64 = 75;
/// Clocks that differ by more make heartbeats look late: three of them may be missed (45 s by default).
const CLOCK_SERIOUS_MS: u64 = 30_000;
const CLOCK_MS: u64 = 2_000;
/// An answer that takes longer is felt on a page with several tabs.
const SLOW_MS: u128 = 20;
/// A walk that takes longer makes starts slow.
const LONG_WALK_MS: u128 = 2_000;

/// All findings about the server itself.
pub(super) fn judge(found: &Examination, wants_events: bool) -> Findings {
    let mut findings = Findings::about(found.address.as_str());
    let f = &mut findings;
    if let Some(info) = &found.info {
        version(f, info);
        role(f, info);
        persistence(f, info);
        memory(f, info);
        connections(f, info);
    }
    if let Some(survey) = &found.sentinels {
        sentinels(f, survey);
    }
    user(f, &found.user, found.rights.as_ref());
    transport(f, found);
    clock(f, found);
    latency(f, found);
    sharing(f, found);
    if wants_events {
        events(f, found);
    }
    if !found.refused.is_empty() {
        let message = format!("the user {} may not ask for it: {}", found.user, found.refused.join(", "));
        let hint = "that is least privilege; to see more, be another user by RALPHEXT__REDIS__USERNAME and RALPHEXT__REDIS__PASSWORD";
        f.note("unknown", message, hint);
    }
    findings
}

fn version(f: &mut Findings, info: &Info) {
    let name = format!("{} {}", info.product(), info.version().unwrap_or("of unknown version"));
    match info.level() {
        Some((0..4, _)) => {
            f.serious("version", format!("{name} is too old: writing needs 4 or newer"), "upgrade the server");
        }
        Some((4..6, _)) => f.warn(
            "version",
            format!("{name} knows no users (ACL): whoever reaches it may do everything"),
            "upgrade to Redis 7 or Valkey, then give each service the user of `ralphext acl SVC`",
        ),
        Some((6, _)) => f.note(
            "version",
            format!("{name} knows one set of keys a user: a service's user may write the whole index"),
            "`ralphext acl --redis 6` has its line; Redis 7 and Valkey can be told more exactly",
        ),
        _ => f.ok("version", name),
    }
    if info.number("cluster_enabled") == Some(1) {
        f.serious("cluster", "it is part of a Cluster, which is not supported", "name a server outside the Cluster");
    }
}

fn role(f: &mut Findings, info: &Info) {
    if info.number("loading") == Some(1) {
        f.serious("role", "it is still loading its data", "wait; `loading_eta_seconds` in INFO tells how long");
    }
    match info.text("role") {
        Some("slave") => {
            let master =
                format!("{}:{}", info.text("master_host").unwrap_or("?"), info.text("master_port").unwrap_or("?"));
            let message = format!("it is a read-only replica of {master}: nothing can be written here");
            f.serious("role", message, "name the primary in redis.url");
        }
        Some(_) => match info.number("connected_slaves") {
            Some(count @ 1..) => f.ok("role", format!("primary of {count} replica(s)")),
            _ => f.ok("role", "primary, no replica"),
        },
        None => {}
    }
}

fn sentinels(f: &mut Findings, survey: &Survey) {
    let voices = format!("{} is named by {}", survey.address, survey.sentinels.join(", "));
    if survey.others.is_empty() {
        f.ok("sentinels", voices);
    } else {
        let hint = "a failover with fewer sentinels may find no majority; see their logs";
        f.warn("sentinels", format!("{voices}; {}", survey.others.join("; ")), hint);
    }
}

fn persistence(f: &mut Findings, info: &Info) {
    let failed = |name: &str| info.text(name) == Some("err");
    let hint = "the server's log says why: often its disk is full, or its directory not writable";
    if failed("rdb_last_bgsave_status") {
        let message = "its last snapshot (RDB) failed: with the usual settings it refuses all writes now (MISCONF)";
        f.serious("persistence", message, hint);
    } else if failed("aof_last_write_status") {
        f.serious("persistence", "its append-only file cannot be written: it refuses all writes (MISCONF)", hint);
    } else if failed("aof_last_bgrewrite_status") {
        f.warn("persistence", "the last rewrite of its append-only file failed: the file grows", hint);
    } else {
        f.ok("persistence", if info.number("aof_enabled") == Some(1) { "append-only file" } else { "no failures" });
    }
}

fn memory(f: &mut Findings, info: &Info) {
    let used = info.number("used_memory").unwrap_or(0);
    let policy = info.text("maxmemory_policy").unwrap_or("noeviction");
    let evicted = info.number("evicted_keys").unwrap_or(0);
    let Some(max @ 1..) = info.number("maxmemory") else {
        let total = info.number("total_system_memory").unwrap_or(0);
        let share = percent(used, total);
        let text = format!("{} used, no maxmemory", output::size(used));
        if total > 0 && share >= FILLING {
            let hint = "set maxmemory: without it the machine's memory is the limit, and its end is the server's";
            f.warn("memory", format!("{text}: {share} % of the machine"), hint);
        } else {
            f.ok("memory", text);
        }
        return;
    };
    let share = percent(used, max);
    let text = format!("{} of {} used ({share} %), {policy}", output::size(used), output::size(max));
    let more = "raise maxmemory, or move others' keys to another server";
    match policy {
        "noeviction" if share >= FULL => {
            f.serious("memory", format!("{text}: when it is full, every write fails"), more);
        }
        "noeviction" if share >= FILLING => {
            f.warn("memory", format!("{text}: when it is full, every write fails"), more);
        }
        "noeviction" => f.ok("memory", text),
        _ => {
            let what = if policy.starts_with("volatile-") {
                "evicts exactly the keys that have a TTL, such as these"
            } else {
                "may evict any key, @fence and @canary too (it is healed like a flush)"
            };
            let so_far = if evicted > 0 { format!("; {evicted} keys evicted since its start") } else { String::new() };
            let hint = "noeviction with memory to spare, on a server of its own, loses nothing";
            f.warn("memory", format!("{text}: it {what}{so_far}"), hint);
        }
    }
}

fn connections(f: &mut Findings, info: &Info) {
    let (Some(now), Some(max @ 1..)) = (info.number("connected_clients"), info.number("maxclients")) else { return };
    let text = format!("{now} of {max} connections");
    if percent(now, max) >= FULL {
        let hint = "raise maxclients, or look in CLIENT LIST for who leaves connections open";
        f.serious("connections", format!("{text} are in use: soon nobody gets in"), hint);
    } else {
        f.ok("connections", text);
    }
}

/// What a user may do, as far as it may be known.
pub(super) fn user(f: &mut Findings, name: &str, rights: Option<&Rights>) {
    let hint = "give each service a user of its own: `ralphext acl SVC` prints the line";
    let Some(rights) = rights else {
        if name == "default" {
            f.warn("user", "connects as the user `default`, who is whoever names no other", hint);
        } else {
            f.ok("user", format!("{name}, who may not ask about its own rights"));
        }
        return;
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let every_key = words(&rights.keys).iter().any(|key| matches!(key.as_str(), "*" | "~*" | "allkeys"));
    let everything = words(&rights.commands).iter().any(|w| matches!(w.as_str(), "+@all" | "+@admin" | "+@dangerous"));
    let password = if rights.no_password { ", without a password" } else { "" };
    let may = format!("{} on keys {}{password}", clip(&rights.commands), clip(&rights.keys));
    if every_key || everything {
        f.warn("user", format!("{name} has far more rights than needed: {may}"), hint);
    } else {
        // Whoever may ask ACL GETUSER is no user of `ralphext acl`.
        f.note("user", format!("{name} may look at users' rights (ACL), and has {may}"), hint);
    }
}

fn transport(f: &mut Findings, found: &Examination) {
    match found.transport {
        Transport::Unix => f.ok("transport", "unix socket"),
        Transport::Tls => f.ok("transport", "TLS"),
        Transport::Loopback => f.ok("transport", "TCP to this machine"),
        Transport::Clear => f.warn(
            "transport",
            "no TLS to another machine: password and content can be read on the way",
            "use rediss://, or a network that nobody else can listen on",
        ),
    }
}

fn clock(f: &mut Findings, found: &Examination) {
    let Some(ahead) = found.ahead_ms else { return };
    let by = ahead.unsigned_abs();
    let text =
        format!("the server's clock is {} {} ours", output::span(by), if ahead < 0 { "behind" } else { "ahead of" });
    let hint = "run NTP on both machines: readers judge heartbeats and ages by their own clock";
    if by > CLOCK_SERIOUS_MS {
        f.serious("clock", format!("{text}: living writers may look dead, or dead ones alive"), hint);
    } else if by > CLOCK_MS {
        f.warn("clock", text, hint);
    } else {
        f.ok("clock", "as ours");
    }
}

fn latency(f: &mut Findings, found: &Examination) {
    let (Some(middle), Some(worst)) = (found.answers.get(found.answers.len() / 2), found.answers.last()) else {
        return;
    };
    let ms = |time: &std::time::Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    let text = format!("a GET takes {} (at worst {} of {})", ms(middle), ms(worst), found.answers.len());
    if middle.as_millis() > SLOW_MS {
        let hint = "look at SLOWLOG, at others' large commands (KEYS, huge values), and at the network";
        f.warn("latency", format!("{text}: pages in Ralph wait for it"), hint);
    } else {
        f.ok("latency", text);
    }
}

fn sharing(f: &mut Findings, found: &Examination) {
    let Some(walk) = &found.walk else { return };
    let took = walk.took.as_millis();
    let others = found.keys.map_or(0, |all| all.saturating_sub(walk.ours));
    let text = format!("{} keys of ralphext, {others} of others, walked in {took} ms", walk.ours);
    if others == 0 && found.strangers.is_empty() {
        return f.ok("sharing", text);
    }
    let names = if found.strangers.is_empty() { String::new() } else { format!(" ({})", found.strangers.join(", ")) };
    let message = format!("database {} is shared{names}: {text}", found.database);
    if found.has_django_cache {
        let hint = "its cache.clear() is a FLUSHDB, which takes every tab with it: give one of both a database or a server of its \
                    own";
        return f.warn("sharing", format!("{message}; Django's cache is among them"), hint);
    }
    let hint = "SCAN shows every user all names and passes over all keys; a server or database of its own is best, and \
                what clears this one (FLUSHDB, as Django's cache does) clears the tabs";
    if took > LONG_WALK_MS {
        f.warn("sharing", message, hint);
    } else {
        f.note("sharing", message, hint);
    }
}

fn events(f: &mut Findings, found: &Examination) {
    let Some(flags) = &found.events else {
        let hint = "ask its operator for notify-keyspace-events with K$gxe; without them healing waits for renewals";
        return f.note("events", "whether it sends keyspace events (verify.keyspace_events) cannot be asked", hint);
    };
    let has = |flag: char| flags.contains(flag) || (flags.contains('A') && "g$xe".contains(flag));
    let missing: String = "K$gxe".chars().filter(|flag| !has(*flag)).collect();
    if missing.is_empty() {
        f.ok("events", "keyspace events are sent");
    } else {
        let message =
            format!("notify-keyspace-events is {flags:?}, which lacks {missing:?} for verify.keyspace_events");
        f.warn("events", message, "its operator can set notify-keyspace-events to K$gxe; ralphext never does");
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Walk;

    /// A server with nothing to be told, over a connection that needs no TLS.
    fn found(info: &str) -> Examination {
        Examination {
            address: "r:6379".to_owned(),
            transport: Transport::Unix,
            database: 0,
            sentinels: None,
            user: "ralphext-hwinfo".to_owned(),
            info: Some(Info::parse(&format!("redis_version:7.0.15\nrole:master\nmaxmemory:0\n{info}"))),
            rights: None,
            events: None,
            ahead_ms: Some(3),
            keys: Some(0),
            strangers: Vec::new(),
            has_django_cache: false,
            answers: vec![Duration::from_micros(90); 7],
            walk: Some(Walk::default()),
            index: None,
            refused: Vec::new(),
        }
    }

    #[track_caller]
    fn tells(found: &Examination, check: &str, words: &str) {
        let all = judge(found, true).all;
        let told: Vec<String> = all
            .iter()
            .filter(|f| f.check == check)
            .map(|f| format!("{:?} {} {}", f.severity, f.message, f.hint.as_deref().unwrap_or_default()))
            .collect();
        assert!(
            told.iter().any(|t| words.split(" .. ").all(|w| t.contains(w))),
            "{check}: {words:?} is not in {told:?}"
        );
    }

    #[test]
    fn versions_are_told_with_what_works_from_which_on() {
        for (version, words) in [
            ("3.2.0", "Serious .. too old"),
            ("5.0.7", "Warning .. no users"),
            ("6.2.1", "Note .. --redis 6"),
            ("7.4.1", "Ok redis 7.4.1"),
        ] {
            let mut server = found("");
            server.info = Some(Info::parse(&format!("redis_version:{version}\nrole:master")));
            tells(&server, "version", words);
        }
        let valkey = found("server_name:valkey\nvalkey_version:9.1.2\nredis_version:7.2.4");
        tells(&valkey, "version", "Ok valkey 9.1.2");
        tells(&found("cluster_enabled:1"), "cluster", "Serious");
        tells(&found("loading:1"), "role", "Serious .. loading");
    }

    #[test]
    fn clocks_distances_and_the_way_there_are_judged() {
        let mut server = found("");
        tells(&server, "clock", "Ok");
        tells(&server, "latency", "Ok .. 0.09 ms");
        for (ahead, words) in [(-5_000, "Warning .. 5 s behind ours"), (45_000, "Serious .. 45 s ahead of ours .. NTP")]
        {
            server.ahead_ms = Some(ahead);
            tells(&server, "clock", words);
        }
        server.answers = vec![Duration::from_millis(80); 7];
        tells(&server, "latency", "Warning .. 80.00 ms .. SLOWLOG");
        server.transport = Transport::Clear;
        tells(&server, "transport", "Warning .. no TLS .. rediss://");
        server.walk = Some(Walk { ours: 10, took: Duration::from_secs(5), ..Walk::default() });
        server.keys = Some(5_000_000);
        tells(&server, "sharing", "Warning .. 4999990 of others .. 5000 ms");
        tells(&found("connected_clients:97\nmaxclients:100"), "connections", "Serious .. 97 of 100");
        tells(&found("aof_last_write_status:err"), "persistence", "Serious .. MISCONF");
        tells(&found("used_memory:80\ntotal_system_memory:100"), "memory", "Warning .. 80 % of the machine");
    }

    #[test]
    fn what_keyspace_events_lack_is_told() {
        let mut server = found("");
        tells(&server, "events", "Note .. cannot be asked");
        for (flags, words) in [("", "Warning .. \"K$gxe\""), ("AKE", "Ok"), ("K$gxe", "Ok"), ("AE", "Warning .. \"K\"")]
        {
            server.events = Some(flags.to_owned());
            tells(&server, "events", words);
        }
    }

    #[test]
    fn sentinels_that_disagree_are_told() {
        let mut server = found("");
        let mut survey = Survey {
            master: "m".to_owned(),
            address: "a:1".to_owned(),
            sentinels: vec!["s1:2".to_owned(), "s2:2".to_owned()],
            others: Vec::new(),
        };
        server.sentinels = Some(survey.clone());
        tells(&server, "sentinels", "Ok a:1 is named by s1:2, s2:2");
        survey.others.push("s3:2 names b:1".to_owned());
        server.sentinels = Some(survey);
        tells(&server, "sentinels", "Warning .. s3:2 names b:1");
    }
}
