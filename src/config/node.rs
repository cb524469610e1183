//! A configuration as a tree of which every part knows where it came from. It must not know the file formats.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{error::Origin, keys};
use crate::settings::{MASK, RedisUrl};

/// Longest value shown in a message, in characters.
const MAX_SHOWN: usize = 60;

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub data: Data,
    pub origin: Origin,
    /// The text as it was written, where `${VAR}` in it was replaced: messages show this one.
    pub written: Option<String>,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// A text, number or truth value, never null.
    Scalar(Value),
    List(Vec<Node>),
    Table(Table),
}

pub(super) type Table = BTreeMap<String, Node>;

impl Node {
    pub(super) fn new(data: Data, origin: Origin) -> Self {
        Self { data, origin, written: None }
    }

    pub(super) fn scalar(value: impl Into<Value>, origin: Origin) -> Self {
        Self::new(Data::Scalar(value.into()), origin)
    }

    pub(super) fn table(origin: Origin) -> Self {
        Self::new(Data::Table(Table::new()), origin)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_table(&self) -> Option<&Table> {
        match &self.data {
            Data::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn as_table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.data {
            Data::Table(table) => Some(table),
            _ => None,
        }
    }

    /// What stands at a dotted key (none of whose parts holds a dot).
    pub(super) fn at(&self, key: &str) -> Option<&Self> {
        key.split('.').try_fold(self, |node, part| node.as_table()?.get(part))
    }

    /// As [`Node::at`], to be changed.
    pub(super) fn at_mut(&mut self, key: &str) -> Option<&mut Self> {
        key.split('.').try_fold(self, |node, part| node.as_table_mut()?.get_mut(part))
    }

    /// Puts `node` at `path`, making tables on the way; a value that is in the way gives place.
    pub(super) fn insert(&mut self, path: &[String], node: Self) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut here = self;
        for part in parents {
            let origin = node.origin.clone();
            let table = here.table_in_place();
            here = table.entry(part.clone()).or_insert_with(|| Self::table(origin));
        }
        here.table_in_place().insert(last.clone(), node);
    }

    /// The table it is, or is from now on.
    fn table_in_place(&mut self) -> &mut Table {
        if !matches!(self.data, Data::Table(_)) {
            self.data = Data::Table(Table::new());
        }
        match &mut self.data {
            Data::Table(table) => table,
            _ => unreachable!("it was made a table above"),
        }
    }

    /// Lays `over` on top: tables are merged key by key, anything else is replaced.
    pub(super) fn merge(&mut self, over: Self) {
        match (&mut self.data, over.data) {
            (Data::Table(mine), Data::Table(theirs)) => {
                for (key, node) in theirs {
                    match mine.get_mut(&key) {
                        Some(below) => below.merge(node),
                        None => {
                            mine.insert(key, node);
                        }
                    }
                }
            }
            (_, data) => *self = Self { data, origin: over.origin, written: over.written },
        }
    }

    /// `service = "name"` in the form of a table, so that layers merge.
    pub(super) fn with_service_as_table(mut self) -> Self {
        if let Some(service) = self.at_mut("service")
            && !matches!(service.data, Data::Table(_) | Data::List(_))
        {
            let mut table = Self::table(service.origin.clone());
            table.insert(&["name".to_owned()], service.clone());
            *service = table;
        }
        self
    }

    /// The plain value.
    pub(super) fn to_value(&self) -> Value {
        match &self.data {
            Data::Scalar(value) => value.clone(),
            Data::List(list) => list.iter().map(Self::to_value).collect(),
            Data::Table(table) => table.iter().map(|(key, node)| (key.clone(), node.to_value())).collect(),
        }
    }

    /// The value at `key` as messages show it: as it was written, short, secrets masked.
    pub(super) fn shown(&self, key: &str) -> String {
        if keys::is_secret(key) {
            return MASK.to_owned();
        }
        match &self.data {
            Data::Table(_) => "a table".to_owned(),
            Data::List(list) => match list.as_slice() {
                [] => "[]".to_owned(),
                [only] => format!("[{}]", only.shown(key)),
                // Arguments of a command may be secrets.
                [first, ..] => format!("[{}, ...]", first.shown(key)),
            },
            Data::Scalar(Value::String(text)) => {
                let written = self.written.as_ref().unwrap_or(text);
                let may_be_address = key.starts_with("redis") || written.contains("://");
                let text = if may_be_address { masked(written) } else { written.clone() };
                match text.char_indices().nth(MAX_SHOWN) {
                    Some((end, _)) => format!("{:?}...", &text[..end]),
                    None => format!("{text:?}"),
                }
            }
            Data::Scalar(other) => other.to_string(),
        }
    }

    /// Says of all of it that it comes from elsewhere.
    pub(super) fn comes_from(&mut self, origin: &impl Fn(&Origin) -> Origin) {
        self.origin = origin(&self.origin);
        match &mut self.data {
            Data::Scalar(_) => {}
            Data::List(list) => list.iter_mut().for_each(|node| node.comes_from(origin)),
            Data::Table(table) => table.values_mut().for_each(|node| node.comes_from(origin)),
        }
    }

    /// Calls `visit` with the dotted key of everything that is no table.
    pub(super) fn leaves(&self, key: &str, visit: &mut impl FnMut(&str, &Self)) {
        match &self.data {
            Data::Table(table) => {
                for (part, node) in table {
                    node.leaves(&join(key, part), visit);
                }
            }
            _ => visit(key, self),
        }
    }
}

/// An address without password and query.
pub(super) fn masked(address: &str) -> String {
    mask_query(&RedisUrl::mask(address))
}

/// An address without its query, which may hold a secret of any name.
fn mask_query(text: &str) -> String {
    match text.split_once("://").and_then(|(_, rest)| rest.split_once('?')) {
        Some((_, query)) if !query.is_empty() => format!("{}...", &text[..text.len() - query.len()]),
        _ => text.to_owned(),
    }
}

/// The key of `part` in the table at `key`.
pub(super) fn join(key: &str, part: &str) -> String {
    if key.is_empty() { part.to_owned() } else { format!("{key}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node::scalar(text, Origin::Flag)
    }

    #[test]
    fn tables_merge_and_lists_are_replaced() {
        let mut below = Node::table(Origin::Default);
        below.insert(&["a".into(), "x".into()], text("1"));
        below.insert(&["a".into(), "y".into()], text("2"));
        let mut over = Node::table(Origin::Flag);
        over.insert(&["a".into(), "y".into()], Node::new(Data::List(vec![text("3")]), Origin::Flag));
        below.merge(over);
        assert_eq!(below.to_value(), serde_json::json!({ "a": { "x": "1", "y": ["3"] } }));
    }

    #[test]
    fn what_is_shown_is_short_and_without_secrets() {
        assert_eq!(text("s3cret").shown("redis.password"), "***");
        assert_eq!(text("s3cret").shown("redis.pasword"), "***");
        assert_eq!(text("s3cret").shown("source.env.FOO"), "***");
        assert_eq!(text("redis://u:s3cret@h").shown("redis.url"), "\"redis://u:***@h\"");
        assert_eq!(text("u:s3cret@h").shown("redis.url"), "\"u:***@h\"");
        assert_eq!(text("u:s3cret@h").shown("redis"), "\"u:***@h\"");
        assert_eq!(text("http://u:s3cret@h").shown("service.docs_url"), "\"http://u:***@h\"");
        assert_eq!(text("htp://h/list?key=s3cret").shown("source.http.url"), "\"htp://h/list?...\"");
        assert_eq!(text("dc@example.com").shown("service.owner"), "\"dc@example.com\"");
        let command = Node::new(Data::List(vec![text("./a"), text("--token=s3cret")]), Origin::Flag);
        assert_eq!(command.shown("source.command"), "[\"./a\", ...]");
        assert_eq!(text(&"ą".repeat(99)).shown("a"), format!("\"{}\"...", "ą".repeat(60)));
        let mut replaced = text("s3cret");
        replaced.written = Some("${TOKEN}".into());
        assert_eq!(replaced.shown("source.path"), "\"${TOKEN}\"");
    }
}
