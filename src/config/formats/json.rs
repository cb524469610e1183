//! JSON as a tree. It must not know which keys there are.

use std::{borrow::Cow, fmt, path::Path, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{SyntaxError, line_and_column};
use crate::config::{
    error::Origin,
    node::{Data, Node, Table},
};

pub(super) fn parse(path: &Arc<Path>, text: &str) -> Result<Node, SyntaxError> {
    // Reading it as a value first gives the better messages.
    serde_json::from_str::<Value>(text).map_err(|cause| syntax(&cause))?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|cause| syntax(&cause))?;
    let mut tree = Reader { path, text }.node(raw.get())?;
    tree.origin = Origin::file(path);
    Ok(tree)
}

fn syntax(cause: &serde_json::Error) -> SyntaxError {
    let reason = cause.to_string();
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason).to_owned();
    SyntaxError { line: cause.line(), column: cause.column(), reason }
}

struct Reader<'a> {
    path: &'a Arc<Path>,
    text: &'a str,
}

impl Reader<'_> {
    /// `raw` is a slice of the text, so its address tells its line.
    fn place(&self, raw: &str) -> (usize, usize) {
        line_and_column(self.text, (raw.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize))
    }

    fn node(&self, raw: &str) -> Result<Node, SyntaxError> {
        let data = match raw.as_bytes().first() {
            Some(b'{') => {
                let mut table = Table::new();
                let Entries(entries) = serde_json::from_str(raw).map_err(|cause| syntax(&cause))?;
                for (key, value) in entries {
                    if table.contains_key(&*key) {
                        let (line, column) = self.place(value.get());
                        return Err(SyntaxError {
                            line,
                            column,
                            reason: format!("the key {key:?} stands there twice"),
                        });
                    }
                    if value.get() != "null" {
                        table.insert(key.into_owned(), self.node(value.get())?);
                    }
                }
                Data::Table(table)
            }
            Some(b'[') => {
                let list: Vec<&RawValue> = serde_json::from_str(raw).map_err(|cause| syntax(&cause))?;
                Data::List(list.into_iter().map(|item| self.node(item.get())).collect::<Result<_, _>>()?)
            }
            _ => Data::Scalar(serde_json::from_str::<Value>(raw).map_err(|cause| syntax(&cause))?),
        };
        Ok(Node::new(data, Origin::line(self.path, self.place(raw).0)))
    }
}

/// An object's entries in their order, those with the same key too.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        de.deserialize_map(All)
    }
}
