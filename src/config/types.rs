//! Whether each value is what its key needs. It must not know which values fit together.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    error::{Problem, Report},
    expand::{ExpandError, expand},
    keys::{self, Kind},
    node::{Data, Node, join},
    overrides,
};
use crate::{
    model::ServiceName,
    settings::{HumanDuration, Listen, Percent, RedisUrl, Size, SqlUrl, ValueError},
};

/// A problem with the value at `key`.
pub(super) fn problem(key: &str, node: &Node, reason: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem {
        origin: node.origin.clone(),
        key: key.to_owned(),
        value: Some(node.shown(key)),
        reason: reason.into(),
        hint: hint.into(),
    }
}

/// A problem with a key that there is not, naming the one that was probably meant.
pub(super) fn unknown(key: &str, node: &Node) -> Problem {
    let section = key.rsplit_once('.').map_or("", |(section, _)| section);
    let (reason, hint) = match keys::nearest(key) {
        Some(nearest) => {
            let why = nearest.why.map_or(String::new(), |why| format!(" ({why})"));
            let nearest = keys::beside(key, nearest.key);
            let reason = format!("there is no such key; the nearest is {nearest}{why}");
            let (parent, leaf) = nearest.rsplit_once('.').unwrap_or(("", &nearest));
            let hint = if parent == section || parent.is_empty() {
                format!("rename it to {leaf}")
            } else {
                format!("write it as {leaf} in [{parent}]")
            };
            (reason, hint)
        }
        None => {
            let place = if section.is_empty() { "at the top".to_owned() } else { format!("in [{section}]") };
            let names = keys::names_in(section);
            let hint = if names.is_empty() { "remove it".into() } else { format!("{place} are: {}", names.join(", ")) };
            ("there is no such key, nor one like it".to_owned(), hint)
        }
    };
    problem(key, node, reason, hint)
}

/// Takes keys that there are not out of a file's tree, reporting them.
pub(super) fn take_unknown(tree: &mut Node, key: &str, report: &mut Report) {
    let Some(table) = tree.as_table_mut() else { return };
    table.retain(|part, node| {
        let path = join(key, part);
        match keys::find(&path) {
            Some(found) => {
                if found.kind == Kind::Table {
                    take_unknown(node, &path, report);
                }
                true
            }
            None => {
                report.push(unknown(&path, node));
                false
            }
        }
    });
}

/// Replaces `${VAR}` and checks every value; those that are wrong are reported, taken out of the tree, and returned by
/// their keys.
pub(super) fn check(tree: &mut Node, env: &BTreeMap<String, String>, report: &mut Report) -> Vec<String> {
    let mut failed = Vec::new();
    check_table(tree, "", env, &mut |problem| {
        failed.push(problem.key.clone());
        report.push(problem);
    });
    failed
}

fn check_table(tree: &mut Node, key: &str, env: &BTreeMap<String, String>, tell: &mut impl FnMut(Problem)) {
    let Some(table) = tree.as_table_mut() else { return };
    table.retain(|part, node| {
        let path = join(key, part);
        let Some(found) = keys::find(&path) else { return true };
        if let Err(problem) = expand_node(node, &path, env) {
            tell(*problem);
            return false;
        }
        retype(node, &found.kind);
        let name = if found.kind == Kind::Table { &path } else { part };
        if let Err(Mismatch { reason, hint }) = matches_kind(node, name, &found.kind) {
            tell(problem(&path, node, reason, hint));
            return false;
        }
        if found.kind == Kind::Table {
            check_table(node, &path, env, tell);
        }
        true
    });
}

/// The problem that reading the whole tree found at `path`.
pub(super) fn misfit(tree: &Node, error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    use serde_path_to_error::Segment;
    let (mut node, mut key) = (tree, String::new());
    for segment in error.path() {
        let next = match (segment, &node.data) {
            (Segment::Map { key: part }, Data::Table(table)) => table.get(part).map(|node| (node, join(&key, part))),
            (Segment::Seq { index }, Data::List(list)) => {
                list.get(*index).map(|node| (node, format!("{key}[{index}]")))
            }
            _ => None,
        };
        let Some(next) = next else { break };
        (node, key) = next;
    }
    let value = (!matches!(node.data, Data::Table(_) | Data::List(_))).then(|| node.shown(&key));
    let (origin, reason) = (node.origin.clone(), error.inner().to_string());
    Problem { origin, key, value, reason, hint: "compare it with docs/reference/config.md".into() }
}

/// Replaces variables in a text, or in the texts of a list or free table. Only files have variables: the shell has
/// replaced those of flags, and nothing replaces those of the environment's own values.
fn expand_node(node: &mut Node, key: &str, env: &BTreeMap<String, String>) -> Result<(), Box<Problem>> {
    match &mut node.data {
        Data::List(list) => return list.iter_mut().try_for_each(|item| expand_node(item, key, env)),
        Data::Table(table) if keys::holds_texts(key) => {
            return table.iter_mut().try_for_each(|(part, item)| expand_node(item, &join(key, part), env));
        }
        _ => {}
    }
    if !matches!(node.origin, super::Origin::File { .. }) {
        return Ok(());
    }
    let Some(text) = node.as_str() else { return Ok(()) };
    match expand(text, env) {
        Ok(None) => {}
        Ok(Some(expanded)) => {
            node.written = Some(text.to_owned());
            node.data = Data::Scalar(expanded.into());
        }
        Err(ExpandError::Unset(name)) => {
            let reason = format!("the environment variable {name} is not set");
            let hint = format!("set {name}, or write ${{{name}:-default}}, or $${{{name}}} for the text itself");
            return Err(Box::new(problem(key, node, reason, hint)));
        }
        Err(ExpandError::Malformed) => {
            let hint = "write ${NAME} or ${NAME:-default}, or $${ for the text itself";
            return Err(Box::new(problem(key, node, "what follows ${ in it is no variable's name and }", hint)));
        }
    }
    Ok(())
}

/// Gives a value that came out of a variable the type its key needs, as for the environment.
fn retype(node: &mut Node, kind: &Kind) {
    if let (Some(_), Some(text), Kind::Flag | Kind::Integer { .. }) = (&node.written, node.as_str(), kind)
        && let Ok(typed) = overrides::typed(text, kind, &node.origin)
    {
        node.data = typed.data;
    }
}

/// Why a value does not fit its key.
struct Mismatch {
    reason: String,
    hint: String,
}

impl From<ValueError> for Mismatch {
    fn from(error: ValueError) -> Self {
        // The value stands in the message already.
        Self { reason: format!("it is no {}: {}", error.kind, error.reason), hint: error.hint }
    }
}

fn mismatch(reason: impl Into<String>, hint: impl Into<String>) -> Mismatch {
    Mismatch { reason: reason.into(), hint: hint.into() }
}

fn matches_kind(node: &Node, name: &str, kind: &Kind) -> Result<(), Mismatch> {
    match (kind, &node.data) {
        (Kind::Table, Data::Table(_)) | (Kind::Free, _) => Ok(()),
        (Kind::Table, _) if name == "redis.tls" => {
            let hint = "TLS is switched on by rediss:// in redis.url; [redis.tls] is for its certificates";
            Err(mismatch("a table is needed", hint))
        }
        (Kind::Table, _) => Err(mismatch("a table is needed", format!("write [{name}], and its keys below"))),
        (Kind::Map, Data::Table(table)) if table.values().all(|value| value.as_str().is_some()) => Ok(()),
        (Kind::Map, _) => Err(mismatch("a table of texts is needed", format!("write {name} = {{ NAME = \"text\" }}"))),
        (Kind::List, Data::List(list)) if list.iter().all(|item| item.as_str().is_some()) => Ok(()),
        (Kind::List, _) => Err(mismatch("a list of texts is needed", list_hint(node, name))),
        (_, Data::Scalar(value)) => matches_scalar(value, name, kind),
        (_, Data::List(_) | Data::Table(_)) => {
            let what = if matches!(node.data, Data::List(_)) { "a list" } else { "a table" };
            Err(mismatch(
                format!("{} is needed, not {what}", needed(kind)),
                format!("write {name} = {}", example(kind)),
            ))
        }
    }
}

fn matches_scalar(value: &Value, name: &str, kind: &Kind) -> Result<(), Mismatch> {
    let wrong = || mismatch(format!("{} is needed", needed(kind)), format!("write {name} = {}", example(kind)));
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (kind, value) {
        (Kind::Flag, Value::Bool(_)) | (Kind::Text, Value::String(_)) => Ok(()),
        (Kind::Text, Value::Bool(_) | Value::Number(_)) => {
            Err(mismatch("a text is needed", format!("put it in quotes: {name} = \"...\"")))
        }
        (Kind::Integer { min, max }, Value::Number(number)) => match number.as_i64() {
            Some(n) if (*min..=*max).contains(&n) => Ok(()),
            _ => Err(wrong()),
        },
        (Kind::Word(words), Value::String(word)) if words.contains(word) => Ok(()),
        (Kind::Word(words), Value::String(word)) => {
            let nearest = keys::nearest_word(word, words);
            let told = nearest.map_or(String::new(), |word| format!("; the nearest is \"{word}\""));
            let hint = format!("write {name} = \"{}\"", nearest.unwrap_or(&words.join("\", \"")));
            Err(mismatch(format!("it is none of {}{told}", words.join(", ")), hint))
        }
        (Kind::Duration, Value::String(_) | Value::Number(_)) => Ok(text.parse::<HumanDuration>().map(drop)?),
        (Kind::Size, Value::String(_) | Value::Number(_)) => Ok(text.parse::<Size>().map(drop)?),
        (Kind::Share, Value::String(_) | Value::Number(_)) => Ok(text.parse::<Percent>().map(drop)?),
        (Kind::Listen, Value::String(_) | Value::Number(_)) => Ok(text.parse::<Listen>().map(drop)?),
        (Kind::Address, Value::String(_)) => Ok(RedisUrl::parse(text).map(drop)?),
        (Kind::Database, Value::String(_)) => Ok(SqlUrl::parse(text).map(drop)?),
        (Kind::ServiceName, Value::String(_)) => ServiceName::new(text).map(drop).map_err(|cause| {
            let hint = "write lower-case letters, digits and -, at most 63, beginning with a letter";
            mismatch(format!("it is no service name: {cause}"), hint)
        }),
        _ => Err(wrong()),
    }
}

fn needed(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "true or false".to_owned(),
        Kind::Integer { min, max: i64::MAX } => format!("a whole number from {min}"),
        Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Duration => "a duration".to_owned(),
        Kind::Size => "a size".to_owned(),
        Kind::Share => "a share".to_owned(),
        Kind::Address | Kind::Database => "an address".to_owned(),
        Kind::Listen => "an address to listen on".to_owned(),
        Kind::ServiceName => "a service name".to_owned(),
        Kind::Text | Kind::Table | Kind::Map | Kind::List | Kind::Free => "a text".to_owned(),
    }
}

fn example(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "true".to_owned(),
        Kind::Integer { min, .. } => format!("{} or more", (*min).max(1)),
        Kind::Word(words) => format!("\"{}\"", words.first().map_or("", String::as_str)),
        Kind::Duration => "\"90s\"".to_owned(),
        Kind::Size => "\"256KiB\"".to_owned(),
        Kind::Share => "\"20%\"".to_owned(),
        Kind::Listen => "\"0.0.0.0:9782\", or \"off\"".to_owned(),
        Kind::Address => "\"redis://127.0.0.1:6379/0\"".to_owned(),
        Kind::Database => "\"postgres://reader@db.example.com/assets\"".to_owned(),
        Kind::ServiceName => "\"hwinfo\"".to_owned(),
        Kind::Text | Kind::Table | Kind::Map | Kind::List | Kind::Free => "\"text\"".to_owned(),
    }
}

fn list_hint(node: &Node, name: &str) -> String {
    match node.as_str() {
        Some(text) if !text.contains(char::is_whitespace) => format!("write {name} = [{}]", node.shown("")),
        Some(_) => format!("write {name} = [\"...\", \"...\"], each word on its own"),
        None => format!("write {name} = [\"...\"], each in quotes"),
    }
}
