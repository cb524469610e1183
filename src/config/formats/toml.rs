//! TOML as a tree. It must not know which keys there are.

use std::{ops::Range, path::Path, sync::Arc};

use serde_json::Value as Json;
use toml_edit::{Document, Item, TableLike, Value};

use super::{SyntaxError, line_and_column};
use crate::config::{
    error::Origin,
    node::{Data, Node, Table},
};

pub(super) fn parse(path: &Arc<Path>, text: &str) -> Result<Node, SyntaxError> {
    let document = Document::parse(text).map_err(|cause| {
        let (line, column) = cause.span().map_or((0, 0), |span| line_and_column(text, span.start));
        SyntaxError { line, column, reason: cause.message().trim().replace('\n', ", ") }
    })?;
    let reader = Reader { path, text };
    Ok(Node::new(reader.table(document.as_table()), Origin::file(path)))
}

struct Reader<'a> {
    path: &'a Arc<Path>,
    text: &'a str,
}

impl Reader<'_> {
    fn origin(&self, span: Option<Range<usize>>) -> Origin {
        Origin::line(self.path, span.map_or(0, |span| line_and_column(self.text, span.start).0))
    }

    fn table(&self, table: &dyn TableLike) -> Data {
        let entries = table.iter().filter_map(|(name, item)| {
            // A dotted key or [a.b] has the span of its own part.
            let span = table.key(name).and_then(|key| key.span()).or_else(|| item.span());
            Some((name.to_owned(), Node::new(self.item(item)?, self.origin(span))))
        });
        Data::Table(entries.collect::<Table>())
    }

    fn item(&self, item: &Item) -> Option<Data> {
        Some(match item {
            Item::None => return None,
            Item::Value(value) => self.value(value),
            Item::Table(table) => self.table(table),
            Item::ArrayOfTables(tables) => {
                Data::List(tables.iter().map(|t| Node::new(self.table(t), self.origin(t.span()))).collect())
            }
        })
    }

    fn value(&self, value: &Value) -> Data {
        Data::Scalar(match value {
            Value::String(text) => Json::from(text.value().as_str()),
            Value::Integer(number) => Json::from(*number.value()),
            Value::Float(number) => Json::from(*number.value()),
            Value::Boolean(flag) => Json::from(*flag.value()),
            Value::Datetime(time) => Json::from(time.value().to_string()),
            Value::Array(list) => {
                return Data::List(list.iter().map(|v| Node::new(self.value(v), self.origin(v.span()))).collect());
            }
            Value::InlineTable(table) => return self.table(table),
        })
    }
}
