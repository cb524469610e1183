//! The keys there are, what kind of value each has, and which one was probably meant. It must not know the files.

use std::{borrow::Cow, sync::LazyLock};

use serde_json::Value;

use crate::settings::config_schema;

/// What a key's value has to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Table,
    /// A table whose keys are free and whose values are texts.
    Map,
    List,
    /// Whatever its type takes: checked when it is read.
    Free,
    Flag,
    Integer {
        min: i64,
        max: i64,
    },
    /// One of these words.
    Word(Vec<String>),
    Text,
    Duration,
    Size,
    Share,
    Address,
    Database,
    Listen,
    ServiceName,
}

/// One key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// Dotted.
    pub path: String,
    pub kind: Kind,
}

/// All keys, tables included, as the schema has them.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = Vec::new();
    collect(&config_schema(), "", &mut keys);
    keys
});

/// Names that other tools, or a first guess, have for our keys: what was written, our key, and why.
const OTHER_NAMES: &[(&[&str], &str, &str)] = &[
    (&["name", "service_name"], "service", "the service's name is the value of service itself"),
    (&["service.url", "service.docs", "service.link"], "service.docs_url", "it is called docs_url"),
    (&["service.model"], "service.models", "it is a list"),
    (&["redis.uri", "redis.address", "redis.addr", "redis.dsn", "redis_url"], "redis.url", "the address is called url"),
    (
        &["redis.host", "redis.port", "redis.db", "redis.database", "redis.socket", "redis.ssl"],
        "redis.url",
        "host, port, database, socket and TLS (rediss://) are all parts of one address",
    ),
    (&["redis.user"], "redis.username", "it is called username"),
    (&["redis.sentinels"], "redis.sentinel", "it is called sentinel"),
    (
        &["redis.master", "redis.master_name", "redis.sentinel.name", "redis.sentinel.master_name"],
        "redis.sentinel.master",
        "the master's name is called master",
    ),
    (
        &["redis.sentinel.hosts", "redis.sentinel.addresses", "redis.sentinel.sentinels", "redis.sentinel.url"],
        "redis.sentinel.nodes",
        "it is called nodes",
    ),
    (&["redis.sentinel.user"], "redis.sentinel.username", "it is called username"),
    (
        &["redis.cafile", "redis.ca_file", "redis.ca", "redis.tls.cafile", "redis.tls.ca_file", "redis.tls.ca_cert"],
        "redis.tls.ca",
        "it is called ca",
    ),
    (&["redis.tls.cert_file", "redis.tls.certfile", "redis.tls.certificate"], "redis.tls.cert", "it is called cert"),
    (&["redis.tls.key_file", "redis.tls.keyfile", "redis.tls.private_key"], "redis.tls.key", "it is called key"),
    (&["redis.tls.sni", "redis.tls.hostname"], "redis.tls.server_name", "it is called server_name"),
    (&["redis.key_prefix", "redis.namespace"], "redis.prefix", "it is called prefix"),
    (&["source.type"], "source.kind", "it is called kind"),
    (
        &["source.cmd", "source.exec", "source.program", "source.args", "source.script"],
        "source.command",
        "program and arguments are one list",
    ),
    (&["source.every", "source.period", "source.schedule", "source.poll"], "source.interval", "it is called interval"),
    (&["source.file", "source.dir", "source.directory"], "source.path", "files and directories are both called path"),
    (&["source.environment"], "source.env", "it is called env"),
    (&["source.query", "source.statement"], "source.sql.query", "what is asked of a database stands in [source.sql]"),
    (
        &["source.sql.dsn", "source.sql.uri", "source.sql.database", "source.sql.host"],
        "source.sql.url",
        "it is one address",
    ),
    (&["source.sql.file"], "source.sql.query_file", "it is called query_file"),
    (&["source.sql.changed_since"], "source.sql.full_every", "full_every switches :changed_since in the query on"),
    (&["content.expire", "content.expiry", "content.expires", "content.max_age"], "content.ttl", "it is called ttl"),
    (&["content.exclude", "content.ignored", "content.volatile"], "content.ignore", "it is called ignore"),
    (&["verify.interval", "verify.period"], "verify.every", "it is called every"),
    (&["limits.max_size"], "limits.max_content", "it is called max_content"),
    (
        &["admin.port", "admin.address", "admin.bind", "admin.addr", "metrics.listen", "http.listen", "health.listen"],
        "admin.listen",
        "address and port of probes and metrics are one value",
    ),
    (&["metrics", "http", "health", "probes"], "admin", "it is called admin"),
    (&["logging", "logs"], "log", "it is called log"),
    (&["log.filter", "log.verbosity"], "log.level", "it is called level"),
    (&["shutdown.timeout", "shutdown.grace_period"], "shutdown.grace", "it is called grace"),
];

/// The key that is meant by one there is not, and why where that can be told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Nearest {
    pub key: &'static str,
    pub why: Option<&'static str>,
}

/// What the tables of inputs are below.
const INPUTS: &str = "source.inputs.";

/// Inputs have the keys of a source: `source.inputs.facts.command` is known as `source.command`. One has no inputs itself.
fn plain(path: &str) -> Cow<'_, str> {
    let Some(rest) = path.strip_prefix(INPUTS) else { return path.into() };
    match rest.split_once('.') {
        None => "source".into(),
        Some((_, rest)) if rest == "inputs" || rest.starts_with("inputs.") => path.into(),
        Some((_, rest)) => format!("source.{rest}").into(),
    }
}

/// `key`, a key of `[source]`, as the one of the input that `path` is in; itself where that is none.
pub(super) fn beside(path: &str, key: &str) -> String {
    let input = path.strip_prefix(INPUTS).and_then(|rest| rest.split('.').next());
    match (input, key.strip_prefix("source.")) {
        (Some(input), Some(rest)) if rest != "spool" => format!("{INPUTS}{input}.{rest}"),
        _ => key.to_owned(),
    }
}

/// The key at `path`; below a [`Kind::Map`] there are none.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    let path = plain(path);
    KEYS.iter().find(|key| key.path == path)
}

/// The [`Kind::Map`] that `path` lies in, if any.
pub(super) fn map_around(path: &str) -> Option<&'static Key> {
    let path = plain(path);
    KEYS.iter().find(|key| {
        key.kind == Kind::Map && path.strip_prefix(key.path.as_str()).is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Whether `path` is, or lies in, a table that may hold texts of its own, in which `${VAR}` is replaced.
pub(super) fn holds_texts(path: &str) -> bool {
    let path = plain(path);
    let inside =
        |key: &Key| path.strip_prefix(key.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    KEYS.iter().any(|key| matches!(key.kind, Kind::Map | Kind::Free) && inside(key))
}

/// Whether the value at `path` must not be shown. Keys that there are not are judged by their names: somebody may have
/// misspelt `password`.
pub(super) fn is_secret(path: &str) -> bool {
    const WORDS: [&str; 8] = ["pass", "pwd", "secret", "token", "auth", "cred", "apikey", "api_key"];
    if holds_texts(path) && map_around(path).is_none() {
        return false;
    }
    if matches!(&*plain(path), "redis.password" | "redis.sentinel.password" | "source.sql.password")
        || map_around(path).is_some()
    {
        return true;
    }
    let leaf = path.rsplit('.').next().unwrap_or(path).to_ascii_lowercase();
    find(path).is_none()
        && (WORDS.iter().any(|word| leaf.contains(word)) || nearest(path).is_some_and(|n| n.key.ends_with(".password")))
}

/// The valid key that was probably meant by `path`.
pub(super) fn nearest(path: &str) -> Option<Nearest> {
    let path = plain(path).to_ascii_lowercase().replace('-', "_");
    if let Some((_, key, why)) = OTHER_NAMES.iter().find(|(names, ..)| names.contains(&path.as_str())) {
        return Some(Nearest { key, why: Some(why) });
    }
    if let Some(key) = KEYS.iter().find(|key| key.path == path) {
        return Some(Nearest { key: &key.path, why: Some("keys are written in lower case, with _") });
    }
    let (section, leaf) = path.rsplit_once('.').unwrap_or(("", &path));
    let siblings = || KEYS.iter().filter(|key| split(&key.path).0 == section);
    let close = |a: &str, b: &str| strsim::normalized_damerau_levenshtein(a, b);
    // A sibling spelt alike, then the same name elsewhere, then anything spelt alike.
    let sibling = best(siblings().map(|key| (key, close(leaf, split(&key.path).1))), 0.6);
    let elsewhere = || KEYS.iter().find(|key| split(&key.path).1 == leaf && key.kind != Kind::Table);
    let anywhere = || {
        let by_path = KEYS.iter().map(|key| (key, close(&path, &key.path)));
        let by_leaf = KEYS.iter().map(|key| (key, close(leaf, split(&key.path).1)));
        best(by_path.chain(by_leaf), 0.7)
    };
    let key = sibling.or_else(elsewhere).or_else(anywhere)?;
    let why = (split(&key.path).1 == leaf && !section.is_empty()).then_some("it stands in another table");
    Some(Nearest { key: &key.path, why })
}

/// The word that was probably meant, of those there are.
pub(super) fn nearest_word<'a>(word: &str, words: &'a [String]) -> Option<&'a str> {
    let scored = words.iter().map(|w| (w, strsim::normalized_damerau_levenshtein(&word.to_lowercase(), w)));
    scored.filter(|(_, score)| *score >= 0.4).max_by(|a, b| a.1.total_cmp(&b.1)).map(|(w, _)| w.as_str())
}

/// The names of the keys in the table at `section`.
pub(super) fn names_in(section: &str) -> Vec<&'static str> {
    let section = plain(section);
    KEYS.iter().filter(|key| split(&key.path).0 == section).map(|key| split(&key.path).1).collect()
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

fn best(scored: impl Iterator<Item = (&'static Key, f64)>, least: f64) -> Option<&'static Key> {
    scored.filter(|(_, score)| *score >= least).max_by(|a, b| a.1.total_cmp(&b.1)).map(|(key, _)| key)
}

fn collect(schema: &Value, prefix: &str, keys: &mut Vec<Key>) {
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = super::node::join(prefix, name);
        // `service` is a name or a table: here it is the table.
        let forms = property.get("anyOf").and_then(Value::as_array);
        let table = forms.and_then(|forms| forms.iter().find(|form| form.get("properties").is_some()));
        let property = if is_free(property) { property } else { table.unwrap_or(property) };
        keys.push(Key { path: path.clone(), kind: kind_of(property) });
        if is_free(property) {
            continue;
        }
        collect(property, &path, keys);
    }
}

/// Whether the schema says that the value's own type judges it.
fn is_free(property: &Value) -> bool {
    property.get("x-free") == Some(&Value::Bool(true))
}

fn kind_of(property: &Value) -> Kind {
    if is_free(property) {
        return Kind::Free;
    }
    match property.get("title").and_then(Value::as_str) {
        Some("duration") => return Kind::Duration,
        Some("size") => return Kind::Size,
        Some("share") => return Kind::Share,
        Some("address") => return Kind::Address,
        Some("database address") => return Kind::Database,
        Some("listen address") => return Kind::Listen,
        Some("service name") => return Kind::ServiceName,
        Some("inputs") => return Kind::Table,
        _ => {}
    }
    if let Some(words) = property.get("oneOf").and_then(Value::as_array) {
        let words = words.iter().filter_map(|word| word.get("const")?.as_str().map(str::to_owned));
        return Kind::Word(words.collect());
    }
    let kind = property.get("type").and_then(|t| t.as_str().or_else(|| t.get(0)?.as_str()));
    let bound = |name: &str, default: i64| property.get(name).and_then(Value::as_i64).unwrap_or(default);
    match kind {
        Some("object") if property.get("properties").is_some() => Kind::Table,
        Some("object") => Kind::Map,
        Some("array") => Kind::List,
        Some("boolean") => Kind::Flag,
        Some("integer") => Kind::Integer { min: bound("minimum", 0), max: bound("maximum", i64::MAX) },
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_from_the_schema() {
        let kind = |path: &str| find(path).map(|key| key.kind.clone()).expect(path);
        assert_eq!(kind("redis"), Kind::Table);
        assert_eq!(kind("service"), Kind::Table);
        assert_eq!(kind("service.name"), Kind::ServiceName);
        assert_eq!(kind("redis.url"), Kind::Address);
        assert_eq!(kind("redis.password"), Kind::Text);
        assert_eq!(kind("redis.sentinel"), Kind::Table);
        assert_eq!(kind("redis.sentinel.nodes"), Kind::List);
        assert_eq!(kind("redis.sentinel.timeout"), Kind::Duration);
        assert_eq!(kind("redis.tls"), Kind::Table);
        assert_eq!(kind("redis.tls.ca"), Kind::Text);
        assert_eq!(kind("redis.batch_commands"), Kind::Integer { min: 1, max: 5000 });
        assert_eq!(kind("source.env"), Kind::Map);
        assert_eq!(kind("source.command"), Kind::List);
        assert_eq!(kind("source.complete"), Kind::Flag);
        assert_eq!(kind("source.timeout"), Kind::Duration);
        assert_eq!(kind("verify.every"), Kind::Duration);
        assert_eq!(kind("limits.max_shrink"), Kind::Share);
        assert_eq!(kind("limits.max_content"), Kind::Size);
        assert_eq!(kind("admin.listen"), Kind::Listen);
        assert!(
            matches!(kind("source.kind"), Kind::Word(words) if words == ["file", "exec", "stream", "push", "stdin", "events", "http", "sql"])
        );
        assert!(matches!(kind("log.format"), Kind::Word(words) if words == ["auto", "pretty", "json"]));
    }

    #[test]
    fn the_key_that_was_meant() {
        for (wrong, right) in [
            ("source.intervall", "source.interval"),
            ("sorce", "source"),
            ("ttl", "content.ttl"),
            ("redis.ttl", "content.ttl"),
            ("redis.host", "redis.url"),
            ("redis.pasword", "redis.password"),
            ("redis.sentinel.pasword", "redis.sentinel.password"),
            ("redis.sentinel.hosts", "redis.sentinel.nodes"),
            ("redis.tls.cafile", "redis.tls.ca"),
            ("source.cmd", "source.command"),
            ("source.Interval", "source.interval"),
            ("limits.max-shrink", "limits.max_shrink"),
            ("max_stale", "content.max_stale"),
        ] {
            assert_eq!(nearest(wrong).map(|n| n.key), Some(right), "{wrong}");
        }
        assert_eq!(nearest("zzz.qqqqq"), None);
    }

    #[test]
    fn every_other_name_leads_to_a_key_and_is_none_itself() {
        for (names, key, _) in OTHER_NAMES {
            assert!(find(key).is_some(), "{key}");
            assert!(names.iter().all(|name| find(name).is_none()), "{names:?}");
        }
    }
}
