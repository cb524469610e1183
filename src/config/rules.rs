//! Which values are impossible, alone or together. It must not know the layers that they came from.

mod admin;
mod bridge;
mod events;
mod fill;
mod http;
mod identity;
mod inputs;
mod map;
mod redis;
mod render;
mod source;
mod sql;
mod table;
mod telemetry;

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use super::{
    error::{Origin, Problem, Report},
    node::{Data, Node},
};
use crate::{
    model::{ContentType, ServiceName},
    settings::{HumanDuration, MASK, Settings, SourceKind},
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const TEN_YEARS: Duration = Duration::from_secs(3650 * 86_400);

/// The settings of one service under examination.
pub(super) struct Rules<'a> {
    settings: &'a Settings,
    tree: &'a Node,
    /// Keys that are missing or were refused already: nothing follows from them.
    failed: BTreeSet<&'a str>,
    report: &'a mut Report,
}

impl<'a> Rules<'a> {
    /// Examines `settings`, which were made from `tree` without the keys in `failed`.
    pub(super) fn check(settings: &'a Settings, tree: &'a Node, failed: &'a [String], report: &'a mut Report) {
        let failed = failed.iter().map(String::as_str).collect();
        let mut rules = Self { settings, tree, failed, report };
        rules.service();
        rules.redis();
        rules.admin();
        rules.bridge();
        if settings.source.is_merged() {
            rules.inputs();
        } else {
            rules.one_source();
        }
        rules.identity();
        rules.fill();
        rules.content();
        rules.render();
        rules.limits();
        rules.durations("");
        rules.log();
        rules.telemetry();
    }

    /// Examines `[source]`, or an input as if it were one.
    fn one_source(&mut self) {
        self.source();
        self.sql();
        self.events();
        self.table();
        self.absent();
        self.map();
        self.interval();
    }

    /// Tells that the first of `keys` is wrong in view of the others.
    fn refuse(&mut self, keys: &[&str], reason: impl Into<String>, hint: impl Into<String>) {
        if keys.iter().any(|key| self.failed.contains(key) || self.failed.contains(section(key))) {
            return;
        }
        let key = keys[0];
        let node = self.tree.at(key);
        // A default has no place: the nearest thing that was written does.
        let place = node.or_else(|| keys.iter().find_map(|key| self.tree.at(key)));
        let mut tables = std::iter::successors(Some(key), |key| key.rsplit_once('.').map(|(table, _)| table)).skip(1);
        let place = place.or_else(|| tables.find_map(|table| self.tree.at(table)));
        let place = place.or_else(|| self.tree.at("service"));
        let value = node.map_or_else(|| self.default(key), |node| Some(node.shown(key)));
        self.report.push(Problem {
            origin: place.map_or(Origin::Default, |node| node.origin.clone()),
            key: key.to_owned(),
            value,
            reason: reason.into(),
            hint: hint.into(),
        });
    }

    /// The value in use at `key`, where nobody set it.
    fn default(&self, key: &str) -> Option<String> {
        let all = serde_json::to_value(self.settings).ok()?;
        match all.pointer(&format!("/{}", key.replace('.', "/")))? {
            Value::Null => None,
            Value::Array(list) if list.is_empty() => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) if text == MASK => Some(MASK.to_owned()),
            value => Some(format!("{value} (the default)")),
        }
    }

    fn service(&mut self) {
        let service = &self.settings.service;
        let links = [("service.docs_url", &service.docs_url), ("service.content_schema", &service.content_schema)];
        for (key, _) in links.iter().filter(|(_, url)| url.as_ref().is_some_and(|url| !is_link(url))) {
            let hint = "write https://...: it becomes a link, on Ralph's pages or in the index";
            self.refuse(&[key], "it is no http or https address", hint);
        }
        if self.settings.service.models.iter().any(|m| m.is_empty() || m.contains(char::is_whitespace)) {
            let hint = "write Django labels, such as \"data_center.DataCenterAsset\"";
            self.refuse(&["service.models"], "one of them is no model's label", hint);
        }
    }

    fn content(&mut self) {
        let content = &self.settings.content;
        let content_type = content.content_type.as_deref().map(|text| (text, ContentType::parse(text)));
        if let Some((_, None)) = content_type {
            let hint = "write type/subtype in lower case without parameters, or json, card, html, markdown or text";
            self.refuse(&["content.content_type"], "it is no content type", hint);
        }
        for pointer in &content.ignore {
            let hint = "write an RFC 6901 pointer, such as \"/generated_at\" or \"/disks/0/temperature\"";
            if pointer.is_empty() {
                self.refuse(&["content.ignore"], "\"\" is the whole content: no change would ever be seen", hint);
            } else if !pointer.starts_with('/') {
                self.refuse(&["content.ignore"], format!("the pointer {pointer:?} does not begin with /"), hint);
            } else if pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
                let hint = "write ~0 for ~ and ~1 for / within a name";
                self.refuse(&["content.ignore"], format!("in the pointer {pointer:?} a ~ stands alone"), hint);
            }
        }
        if !content.ignore.is_empty()
            && let Some((text, Some(parsed))) = content_type
            && !parsed.is_json()
        {
            let reason = format!("parts of content can only be ignored in JSON, and content.content_type is {text:?}");
            self.refuse(&["content.ignore", "content.content_type"], reason, "remove one of the two");
        }
        let ttl = content.ttl;
        if self.settings.verify.every.is_some_and(|every| every >= ttl) {
            let reason =
                format!("it is not less than content.ttl ({ttl}), so keys would expire before they are renewed");
            self.refuse(&["verify.every", "content.ttl"], reason, "leave it out, or write half of content.ttl or less");
        }
    }

    fn interval(&mut self) {
        let (source, content) = (&self.settings.source, &self.settings.content);
        let has_interval =
            matches!(source.kind, SourceKind::Exec | SourceKind::File | SourceKind::Sql | SourceKind::Http);
        if has_interval && content.max_stale < source.interval {
            let reason = format!("it is less than source.interval ({}), so content would expire", source.interval);
            let hint = "make it several times source.interval";
            self.refuse(&["content.max_stale", "source.interval", "source.kind"], reason, hint);
        }
    }

    fn limits(&mut self) {
        // Redis holds at most 512 MiB in a string, and base64 makes four bytes of three.
        for (key, size) in [
            ("limits.max_content", self.settings.limits.max_content),
            ("limits.max_binary", self.settings.limits.max_binary),
        ] {
            if size.0 == 0 || size.0 > 256 << 20 {
                self.refuse(&[key], "it has to be from 1 byte to 256MiB", "write \"256KiB\"");
            }
        }
        let limits = &self.settings.limits;
        if limits.max_content.0 <= 256 << 20 && limits.max_total < limits.max_content {
            let reason = format!("it is less than limits.max_content ({})", limits.max_content);
            self.refuse(&["limits.max_total", "limits.max_content"], reason, "write \"512MiB\"");
        }
    }

    /// Of all keys that begin with `of`.
    fn durations(&mut self, of: &str) {
        let Settings { content, source, redis, verify, writer, .. } = self.settings;
        let ms = Duration::from_millis;
        let least = [
            ("content.ttl", Some(content.ttl), SECOND),
            ("content.max_stale", Some(content.max_stale), SECOND),
            ("writer.lease", Some(writer.lease), SECOND),
            ("writer.heartbeat", Some(writer.heartbeat), ms(100)),
            ("source.interval", Some(source.interval), ms(10)),
            ("source.timeout", source.timeout, ms(10)),
            ("source.backoff_min", Some(source.backoff_min), ms(10)),
            ("source.backoff_max", Some(source.backoff_max), ms(10)),
            ("source.breaker_pause", source.breaker_pause, ms(10)),
            ("source.expect_every", source.expect_every, ms(100)),
            ("source.sql.full_every", source.sql.as_ref().and_then(|sql| sql.full_every), ms(10)),
            ("redis.connect_timeout", Some(redis.connect_timeout), ms(10)),
            ("redis.timeout", Some(redis.timeout), ms(10)),
            ("redis.sentinel.timeout", redis.sentinel.as_ref().map(|sentinel| sentinel.timeout), ms(10)),
            ("verify.every", verify.every, ms(100)),
            ("verify.whole_every", Some(verify.whole_every), ms(100)),
            ("fill.unknown_for", Some(self.settings.fill.unknown_for), ms(100)),
        ];
        for (key, value, least) in least.into_iter().filter(|(key, ..)| key.starts_with(of)) {
            if value.is_some_and(|value| value.0 < least) {
                let least = HumanDuration(least);
                self.refuse(&[key], format!("it is less than {least}"), format!("write \"{least}\" or more"));
            }
            if key == "writer.lease" && writer.lease.0 > HOUR {
                let hint = "write \"15s\": after a crash nobody writes for so long";
                self.refuse(&[key], "it is more than an hour", hint);
            } else if value.is_some_and(|value| value.0 > TEN_YEARS) {
                self.refuse(&[key], "it is more than ten years", "write \"24h\", or \"30days\"");
            }
        }
    }

    fn log(&mut self) {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        let bad = self.settings.log.level.split(',').find(|directive| {
            let level = directive.rsplit_once('=').map_or(*directive, |(_, level)| level).trim();
            !LEVELS.contains(&level.to_ascii_lowercase().as_str())
        });
        if let Some(bad) = bad {
            let words = LEVELS.map(str::to_owned);
            let nearest = super::keys::nearest_word(bad, &words);
            let told = nearest.map_or(String::new(), |word| format!("; the nearest is \"{word}\""));
            let reason = format!("{bad:?} is none of {}{told}", LEVELS.join(", "));
            self.refuse(&["log.level"], reason, "write level = \"info\", or per part \"info,ralphext::store=debug\"");
        }
    }
}

fn section(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// Reports keys that have no default and are not there; they are added to `failed`.
pub(super) fn required(tree: &Node, files: &Origin, failed: &mut Vec<String>, report: &mut Report) {
    let mut need = |key: &str, shown: &str, reason: &str, hint: &str| {
        if tree.at(key).is_some() || failed.iter().any(|f| f == key || f == section(key)) {
            return;
        }
        let origin = tree.at(section(key)).map_or_else(|| files.clone(), |node| node.origin.clone());
        let (reason, hint) = (reason.to_owned(), hint.to_owned());
        report.push(Problem { origin, key: shown.to_owned(), value: None, reason, hint });
        failed.push(key.to_owned());
    };
    let shown = if tree.at("service").is_some() { "service.name" } else { "service" };
    need("service.name", shown, "the service's name is missing", "write service = \"hwinfo\" at the top");
    let hint = "write kind = \"exec\" (or \"file\", \"stream\", \"stdin\") in [source]";
    let inputs = tree.at("source.inputs").and_then(Node::as_table).filter(|inputs| !inputs.is_empty());
    match inputs {
        None => need("source.kind", "source.kind", "the kind of source is missing", hint),
        Some(inputs) => inputs.keys().for_each(|name| {
            let (key, hint) =
                (format!("source.inputs.{name}.kind"), hint.replace("[source]", &format!("[source.inputs.{name}]")));
            need(&key, &key, "the kind of input is missing", &hint);
        }),
    }
}

/// Takes the names and kinds of a tree whose required keys failed from stand-ins, so that the rest can be examined.
pub(super) fn with_stand_ins(tree: &Node) -> Node {
    let mut tree = tree.clone();
    if tree.at("service.name").is_none() {
        tree.insert(&["service".into(), "name".into()], Node::scalar("unnamed", Origin::Default));
    }
    tree
}

/// Reports what must be the same for all services of one process.
pub(super) fn together(services: &[(Settings, Node)], report: &mut Report) {
    let mut seen: Vec<&(Settings, Node)> = Vec::new();
    for service in services {
        let name: &ServiceName = service.0.name();
        let place = service.1.at("service.name").map_or(Origin::Default, |node| node.origin.clone());
        if let Some(other) = seen.iter().find(|other| other.0.name() == name) {
            let there = other.1.at("service.name").map_or(Origin::Default, |node| node.origin.clone());
            report.push(Problem {
                origin: place,
                key: "service".into(),
                value: Some(format!("\"{name}\"")),
                reason: format!("another service has the same name: {there}"),
                hint: "give each service a name of its own".into(),
            });
            continue;
        }
        if let Some(first) = seen.first() {
            let (mine, theirs) = (&service.0, &first.0);
            for (key, same) in [
                ("admin", mine.admin == theirs.admin),
                ("log", mine.log == theirs.log),
                ("telemetry", mine.telemetry == theirs.telemetry),
                ("shutdown", mine.shutdown == theirs.shutdown),
            ] {
                if !same {
                    let node = service.1.at(key).or_else(|| first.1.at(key));
                    let origin = node.map_or(place.clone(), |node| node.origin.clone());
                    let value = node.map(|node| match &node.data {
                        Data::Table(_) => "a table".to_owned(),
                        _ => node.shown(key),
                    });
                    report.push(Problem {
                        origin,
                        key: key.into(),
                        value,
                        reason: format!("it differs between the services {} and {name} of one process", theirs.name()),
                        hint: format!("put [{key}] into a file without service, which all share"),
                    });
                }
            }
        }
        seen.push(service);
    }
}

fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
