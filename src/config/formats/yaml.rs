//! YAML as a tree. It must not know which keys there are.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::Value;
use yaml_rust2::{
    Event, Yaml,
    parser::{MarkedEventReceiver, Parser},
    scanner::{Marker, TScalarStyle},
};

use super::SyntaxError;
use crate::config::{
    error::Origin,
    node::{Data, Node, Table},
};

/// Most values in a file, those that aliases repeat included.
const MAX_NODES: usize = 100_000;

pub(super) fn parse(path: &Arc<Path>, text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder { path, root: None, open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, failed: None };
    let loaded = Parser::new_from_str(text).load(&mut builder, true);
    if let Some(error) = builder.failed {
        return Err(error);
    }
    loaded.map_err(|cause| SyntaxError {
        line: cause.marker().line(),
        column: cause.marker().col() + 1,
        reason: cause.info().to_owned(),
    })?;
    Ok(match builder.root {
        Some(Part::Node(node, _)) => Node { origin: Origin::file(path), ..node },
        Some(Part::Null) | None => Node::table(Origin::file(path)),
    })
}

/// A value; null stands for nothing at all.
#[derive(Clone)]
enum Part {
    /// With the number of values in it.
    Node(Node, usize),
    Null,
}

/// A list or table that is not closed yet.
enum Open {
    List {
        anchor: usize,
        origin: Origin,
        items: Vec<Node>,
        nodes: usize,
    },
    Table {
        anchor: usize,
        origin: Origin,
        entries: Table,
        nulls: Vec<String>,
        key: Option<(String, Origin)>,
        nodes: usize,
    },
}

struct Builder<'a> {
    path: &'a Arc<Path>,
    root: Option<Part>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Part>,
    nodes: usize,
    failed: Option<SyntaxError>,
}

impl MarkedEventReceiver for Builder<'_> {
    fn on_event(&mut self, event: Event, mark: Marker) {
        if self.failed.is_some() {
            return;
        }
        let origin = Origin::line(self.path, mark.line());
        match event {
            Event::DocumentStart if self.root.is_some() => {
                self.fail(mark, "it holds more than one document (---)".into());
            }
            Event::Scalar(text, style, anchor, _) => self.scalar(text, style, anchor, origin, mark),
            Event::SequenceStart(anchor, _) => {
                self.open.push(Open::List { anchor, origin, items: Vec::new(), nodes: 1 });
            }
            Event::MappingStart(anchor, _) => self.open.push(Open::Table {
                anchor,
                origin,
                entries: Table::new(),
                nulls: Vec::new(),
                key: None,
                nodes: 1,
            }),
            Event::SequenceEnd | Event::MappingEnd => self.close(mark),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(part) => self.put(part, mark),
                None => self.fail(mark, "an alias stands inside of its own anchor".into()),
            },
            _ => {}
        }
    }
}

impl Builder<'_> {
    fn fail(&mut self, mark: Marker, reason: String) {
        self.failed = Some(SyntaxError { line: mark.line(), column: mark.col() + 1, reason });
    }

    fn scalar(&mut self, text: String, style: TScalarStyle, anchor: usize, origin: Origin, mark: Marker) {
        if let Some(Open::Table { entries, nulls, key: key @ None, .. }) = self.open.last_mut() {
            if entries.contains_key(&text) || nulls.contains(&text) {
                return self.fail(mark, format!("the key {text:?} stands there twice"));
            }
            *key = Some((text, origin));
            return;
        }
        let value = match (style, Yaml::from_str(&text)) {
            (TScalarStyle::Plain, Yaml::Null) => None,
            (TScalarStyle::Plain, Yaml::Boolean(flag)) => Some(Value::from(flag)),
            (TScalarStyle::Plain, Yaml::Integer(number)) => Some(Value::from(number)),
            (TScalarStyle::Plain, Yaml::Real(number)) => {
                Some(number.parse::<f64>().map_or_else(|_| Value::from(text.as_str()), Value::from))
            }
            _ => Some(Value::from(text)),
        };
        let part = value.map_or(Part::Null, |value| Part::Node(Node::scalar(value, origin), 1));
        self.keep(anchor, &part);
        self.put(part, mark);
    }

    fn close(&mut self, mark: Marker) {
        let (anchor, node, nodes) = match self.open.pop() {
            Some(Open::List { anchor, origin, items, nodes }) => (anchor, Node::new(Data::List(items), origin), nodes),
            Some(Open::Table { anchor, origin, entries, nodes, .. }) => {
                (anchor, Node::new(Data::Table(entries), origin), nodes)
            }
            None => return,
        };
        let part = Part::Node(node, nodes);
        self.keep(anchor, &part);
        // Its values were counted one by one when they were put in.
        self.nodes -= nodes - 1;
        self.put(part, mark);
    }

    fn keep(&mut self, anchor: usize, part: &Part) {
        if anchor > 0 {
            self.anchors.insert(anchor, part.clone());
        }
    }

    fn put(&mut self, part: Part, mark: Marker) {
        let count = if let Part::Node(_, count) = &part { *count } else { 0 };
        self.nodes += count;
        if self.nodes > MAX_NODES {
            return self.fail(mark, format!("it is too large: more than {MAX_NODES} values"));
        }
        match self.open.last_mut() {
            None => self.root = Some(part),
            Some(Open::List { items, nodes, .. }) => {
                if let Part::Node(node, _) = part {
                    items.push(node);
                    *nodes += count;
                }
            }
            Some(Open::Table { entries, nulls, key, nodes, .. }) => match (key.take(), part) {
                (Some((key, origin)), Part::Node(node, _)) => {
                    *nodes += count;
                    entries.insert(key, Node { origin, ..node });
                }
                (Some((key, _)), Part::Null) => nulls.push(key),
                (None, _) => self.fail(mark, "a key has to be a plain text".into()),
            },
        }
    }
}
