//! Environment and flags as layers. It must not know the files.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    error::{Origin, Problem, Report},
    keys::{self, Kind},
    node::{Data, Node},
    unknown,
};

/// What every variable of ours begins with, in any case.
const PREFIX: &str = "ralphext__";

/// Whether a variable sets something.
pub(super) fn is_ours(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// The layer of `RALPHEXT__SECTION__KEY` variables. Case does not count, except in the names of `source.env`; an empty
/// variable counts as unset.
pub(super) fn environment(env: &BTreeMap<String, String>, report: &mut Report) -> Node {
    let mut layer = Node::table(Origin::Default);
    for (name, text) in env {
        if !is_ours(name) || text.is_empty() {
            continue;
        }
        let origin = Origin::Env(Arc::from(name.as_str()));
        set(&mut layer, &path_of(&name[PREFIX.len()..], "__", true), text, origin, report);
    }
    layer.with_service_as_table()
}

/// The layer of `--set key=value` flags, and of flags that stand for one; the last one wins.
pub(super) fn flags(sets: &[(String, String)], report: &mut Report) -> Node {
    let mut layer = Node::table(Origin::Default);
    for (key, text) in sets {
        set(&mut layer, &path_of(key.trim(), ".", false), text, Origin::Flag, report);
    }
    layer.with_service_as_table()
}

/// A value of etcd at a dotted key, as a layer has it.
pub(super) fn single(layer: &mut Node, key: &str, text: &str, origin: Origin, report: &mut Report) {
    set(layer, &path_of(key, ".", false), text, origin, report);
}

/// The parts of a key; what lies in a free table (`source.env`) is one part, in its own spelling.
fn path_of(text: &str, separator: &str, any_case: bool) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if matches!(keys::find(&path.join(".")), Some(key) if key.kind == Kind::Map) {
            path.push(rest.to_owned());
            break;
        }
        let (part, after) = rest.split_once(separator).unwrap_or((rest, ""));
        path.push(if any_case { part.to_ascii_lowercase() } else { part.to_owned() });
        rest = after;
    }
    path
}

fn set(layer: &mut Node, path: &[String], text: &str, origin: Origin, report: &mut Report) {
    let dotted = path.join(".");
    let node = Node::scalar(text, origin.clone());
    if keys::map_around(&dotted).is_some() {
        return layer.insert(path, node);
    }
    let Some(key) = keys::find(&dotted) else {
        return report.push(unknown(&dotted, &node));
    };
    match typed(text, &key.kind, &origin) {
        // A bare service name beside `service.title` and the like must not displace them.
        Ok(Node { data: Data::Scalar(name), .. }) if dotted == "service" => {
            layer.insert(&["service".to_owned(), "name".to_owned()], Node::scalar(name, origin));
        }
        Ok(node) => layer.insert(path, node),
        Err(cause) => report.push(Problem {
            value: Some(node.shown(&dotted)),
            origin,
            key: dotted,
            reason: format!("it begins like JSON, but is none: {cause}"),
            hint: r#"write JSON such as ["a", "b"], or a, b"#.to_owned(),
        }),
    }
}

/// `text` as a value of `kind`, as far as it can be; what it cannot be is found when all layers are checked.
pub(super) fn typed(text: &str, kind: &Kind, origin: &Origin) -> Result<Node, serde_json::Error> {
    let trimmed = text.trim();
    Ok(match kind {
        Kind::List if trimmed.starts_with('[') => from_json(serde_json::from_str(trimmed)?, origin),
        Kind::Map | Kind::Table if trimmed.starts_with('{') => from_json(serde_json::from_str(trimmed)?, origin),
        Kind::List => {
            let parts = trimmed.split(',').map(str::trim).filter(|part| !part.is_empty());
            Node::new(Data::List(parts.map(|part| Node::scalar(part, origin.clone())).collect()), origin.clone())
        }
        // A text may begin like JSON too: "{#} alerts".
        Kind::Free if trimmed.starts_with(['{', '[']) => match serde_json::from_str(trimmed) {
            Ok(value) => from_json(value, origin),
            Err(_) => Node::scalar(text, origin.clone()),
        },
        Kind::Flag => match trimmed.to_ascii_lowercase().parse::<bool>() {
            Ok(flag) => Node::scalar(flag, origin.clone()),
            Err(_) => Node::scalar(text, origin.clone()),
        },
        Kind::Integer { .. } => match trimmed.parse::<i64>() {
            Ok(number) => Node::scalar(number, origin.clone()),
            Err(_) => Node::scalar(text, origin.clone()),
        },
        _ => Node::scalar(text, origin.clone()),
    })
}

fn from_json(value: Value, origin: &Origin) -> Node {
    let data = match value {
        Value::Array(list) => Data::List(list.into_iter().map(|item| from_json(item, origin)).collect()),
        Value::Object(table) => Data::Table(table.into_iter().map(|(k, v)| (k, from_json(v, origin))).collect()),
        scalar => Data::Scalar(scalar),
    };
    Node::new(data, origin.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_become_a_tree() {
        let env = [
            ("RALPHEXT__REDIS__URL", "redis://h"),
            ("ralphext__redis__batch_commands", "100"),
            ("RALPHEXT__SERVICE", "hwinfo"),
            ("RALPHEXT__SERVICE__TITLE", "Hardware"),
            ("RALPHEXT__SOURCE__COMMAND", "./a, b"),
            ("RALPHEXT__CONTENT__IGNORE", r#"["/a,b", "/c"]"#),
            ("RALPHEXT__SOURCE__COMPLETE", "TRUE"),
            ("RALPHEXT__SOURCE__ENV__Http__Proxy.x", "p"),
            ("RALPHEXT__REDIS__PASSWORD", ""),
            ("RALPHEXT_CONFIG", "x"),
            ("PATH", "/bin"),
        ];
        let env = env.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let mut report = Report::default();
        let layer = environment(&env, &mut report);
        assert_eq!(report.finish(()), Ok(()));
        assert_eq!(
            layer.to_value(),
            json!({
                "redis": { "url": "redis://h", "batch_commands": 100 },
                "service": { "name": "hwinfo", "title": "Hardware" },
                "source": { "command": ["./a", "b"], "complete": true, "env": { "Http__Proxy.x": "p" } },
                "content": { "ignore": ["/a,b", "/c"] },
            })
        );
    }

    #[test]
    fn flags_become_a_tree_and_the_last_one_wins() {
        let sets = [("redis.url", "redis://a"), ("redis.url", "redis://b"), ("source.env.A.B", "c"), ("service", "x")];
        let sets: Vec<_> = sets.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let mut report = Report::default();
        let layer = flags(&sets, &mut report);
        assert_eq!(report.finish(()), Ok(()));
        let expected =
            json!({ "redis": { "url": "redis://b" }, "source": { "env": { "A.B": "c" } }, "service": { "name": "x" } });
        assert_eq!(layer.to_value(), expected);
    }
}
