//! `[source.map]`: what becomes of each item of data as it comes. It must not know how it is done.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CardMap, Pick, Pointer, Size, SortKey};

/// See [`super::Source::map`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Map {
    /// Where the object's id stands: a Ralph primary key. A pointer, several (the first that is there counts), or a table:
    /// `{ from = "/url", transform = ["last_segment"] }`, with `after` and `before` for the part of a text, `default`,
    /// and `transform`: `trim`, `lower`, `upper`, `strip_port`, `strip_domain`, `strip_mask`, `url_host`, `last_segment`
    /// or `mac`, in order. Either this or `match` is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Pick")]
    pub id: Option<Pick>,
    /// What the item knows of the object in place of its id, to be looked up in the inventory (`[identity]`): where each
    /// stands, written as `id`. What is missing in an item, or empty, is left out; one of them has to be there.
    #[serde(rename = "match")]
    pub matching: Match,
    /// Only items that say this count, by pointer: `{ "/status/state" = ["active", "pending"] }`. All of the pointers
    /// have to have one of their values. Default: every item.
    #[serde(rename = "where")]
    pub only: Conditions,
    /// Items that say any of this are left out: `{ "/labels/severity" = "none" }`. Default: none.
    pub unless: Conditions,
    /// Items that say all of this mean that the object has no content any more. Default: none.
    pub deleted: Conditions,
    /// What of the item the content is: a pointer, or a table of names and pointers,
    /// `{ until = "Warranty until", vendor = { from = "Vendor", transform = ["trim"] } }`, where what is missing is left
    /// out. Default: all of the item, or `card`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ContentMap")]
    pub content: Option<ContentMap>,
    /// Several items are of the same object: they are collected until the snapshot is complete, and put in an order of
    /// their own, so that a source that shuffles them changes nothing. The content is `{"items": [...]}`, or the card.
    pub group: bool,
    /// Most bytes that collected items may have, all together; with more the fetch fails, and removes nothing.
    pub group_max: Size,
    /// By what collected items are ordered, as pointers; `-` before one turns it round (`["-/startsAt"]`). Items that are
    /// alike in that are ordered by what is shown of them. Default: by the card's status, the worst first, then by what is
    /// shown.
    pub sort: Vec<SortKey>,
    /// The content as a card (`ralphext schema card`), which readers draw natively. In texts, `{/labels/instance}` or
    /// `{Serial number}` stands for what the item has there, `{#}` for the number of items, `{{` for a brace. What an item
    /// does not have is left out: a field, a link, a summary. Of collected items (`group`) the first one gives title,
    /// summary, badges, fields and links; each is one row of the tables and an event; the worst gives the status. Default:
    /// no card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardMap>,
}

impl Default for Map {
    fn default() -> Self {
        Self {
            id: None,
            matching: Match::default(),
            only: Conditions::default(),
            unless: Conditions::default(),
            deleted: Conditions::default(),
            content: None,
            group: false,
            group_max: Size::mib(64),
            sort: Vec::new(),
            card: None,
        }
    }
}

/// See [`Map::matching`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// Host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Pick")]
    pub hostname: Option<Pick>,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Pick")]
    pub sn: Option<Pick>,
    /// Barcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Pick")]
    pub barcode: Option<Pick>,
    /// IP address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Pick")]
    pub ip: Option<Pick>,
    /// MAC address, in any of the usual spellings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Pick")]
    pub mac: Option<Pick>,
    /// Ralph's primary key, to be checked against the inventory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Pick")]
    pub id: Option<Pick>,
}

impl Match {
    /// What is looked for, by name, in the order of records.
    pub fn picks(&self) -> impl Iterator<Item = (&'static str, &Pick)> {
        let all = [
            ("hostname", &self.hostname),
            ("sn", &self.sn),
            ("barcode", &self.barcode),
            ("ip", &self.ip),
            ("mac", &self.mac),
            ("id", &self.id),
        ];
        all.into_iter().filter_map(|(name, pick)| Some((name, pick.as_ref()?)))
    }
}

/// Values that pointers have to have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("title" = "table of values", "x-free" = true))]
pub struct Conditions(pub BTreeMap<Pointer, Wanted>);

/// One value, or several of which one will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Wanted {
    /// Several.
    Any(Vec<Value>),
    /// One.
    One(Value),
}

impl Wanted {
    /// The values.
    pub fn values(&self) -> &[Value] {
        match self {
            Self::Any(values) => values,
            Self::One(value) => std::slice::from_ref(value),
        }
    }
}

/// What of an item the content is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a pointer, or a table of pointers is needed")]
#[schemars(inline, extend("title" = "pointer or table of pointers", "x-free" = true))]
pub enum ContentMap {
    /// What stands there.
    Pointer(Pointer),
    /// An object of these members.
    Members(BTreeMap<String, Pick>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_forms() {
        let map: Map = serde_json::from_value(serde_json::json!({
            "id": "/asset/id",
            "match": { "hostname": { "from": ["/node", "/instance"], "transform": ["strip_port", "lower"] } },
            "where": { "/state": "active", "/n": [1, true] },
            "content": { "until": "Warranty until" },
        }))
        .expect("a map");
        assert_eq!(map.id.expect("an id").from[0].as_str(), "/asset/id");
        let (name, pick) = map.matching.picks().next().expect("a host name");
        assert_eq!((name, pick.from.len(), pick.transform.len()), ("hostname", 2, 2));
        assert_eq!(map.only.0[&Pointer::parse("/state").expect("a pointer")].values(), [serde_json::json!("active")]);
        assert_eq!(map.only.0[&Pointer::parse("/n").expect("a pointer")].values().len(), 2);
        assert!(
            matches!(map.content, Some(ContentMap::Members(members)) if members["until"].from[0].as_str() == "Warranty until")
        );
        for bad in [
            r#"{"id": 1}"#,
            r#"{"id": {"form": "/x"}}"#,
            r#"{"id": {"from": "/x", "transform": ["lowr"]}}"#,
            r#"{"match": {"hostnam": "/x"}}"#,
            r#"{"content": 1}"#,
        ] {
            assert!(serde_json::from_str::<Map>(bad).is_err(), "{bad}");
        }
    }
}
