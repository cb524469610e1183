//! `[source.map.card]`: a card made of columns and pointers, without a template. It must not know how a card is checked.

use std::{collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{HumanDuration, Placeholders, Pointer, Pointers, Transform};

/// See [`super::Map::card`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CardMap {
    /// Heading. Required.
    pub title: Placeholders,
    /// One or two sentences below the heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Placeholders")]
    pub summary: Option<Placeholders>,
    /// How the object is. One of `ok`, `warning`, `critical` and `unknown`; or by a value,
    /// `{ from = "/labels/severity", values = { critical = "critical", page = "critical" }, default = "unknown" }`; or by a
    /// date, `{ by_date = "Warranty until", warning_before = "90days" }`: `ok`, `warning` from so long before it, `critical`
    /// from the day after it (or from `critical_before` on), by UTC. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StatusRule")]
    pub status: Option<StatusRule>,
    /// Labelled values, in order: `[{ label = "Vendor", from = "Vendor", unit = "", link = "https://..." }]`, with
    /// `transform` as for `id`.
    #[schemars(extend("title" = "list of tables", "x-free" = true))]
    pub fields: Vec<FieldMap>,
    /// Short marks beside the heading: `[{ text = "{/labels/team}", status = "ok" }]`.
    #[schemars(extend("title" = "list of tables", "x-free" = true))]
    pub badges: Vec<BadgeMap>,
    /// Tables, one row an item, or one an element of the array at `rows`:
    /// `[{ title = "Alerts", columns = [{ label = "Since", from = "/activeAt" }], max_rows = 100 }]`.
    #[schemars(extend("title" = "list of tables", "x-free" = true))]
    pub tables: Vec<TableMap>,
    /// What happened, one event an item: `{ at = "/startsAt", text = "{/annotations/summary}" }`, with a `status` as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EventMap", extend("title" = "table", "x-free" = true))]
    pub timeline: Option<EventMap>,
    /// Where to read on: `[{ label = "Graph", url = "https://grafana.example.net/d/host?var-host={/labels/instance}" }]`.
    /// Values are encoded for URLs, but for one that the URL begins with.
    #[schemars(extend("title" = "list of tables", "x-free" = true))]
    pub links: Vec<LinkMap>,
}

/// How something is, as cards have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum StatusWord {
    /// As it should be.
    Ok,
    /// Nobody can tell: worse than `ok`, and better than what is known to be bad.
    #[default]
    Unknown,
    /// Somebody should look at it.
    Warning,
    /// Somebody must look at it now.
    Critical,
}

impl StatusWord {
    /// The word for it in cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The status of this name.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ok, Self::Unknown, Self::Warning, Self::Critical].into_iter().find(|status| status.as_str() == word)
    }
}

/// How a status is found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StatusRule {
    /// Always the same.
    Always(StatusWord),
    /// From a value or a date.
    Found(FoundStatus),
}

/// A status by a value, or by a date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct FoundStatus {
    /// Where the value stands.
    pub from: Pointers,
    /// The status of each value; case does not count. A value that is a status itself need not stand here.
    pub values: BTreeMap<String, StatusWord>,
    /// Where the date stands: `2026-11-25`, also with a time, or `25.11.2026`.
    pub by_date: Pointers,
    /// How long before the date it is a warning; whole days.
    pub warning_before: HumanDuration,
    /// How long before the date it is critical; whole days.
    pub critical_before: HumanDuration,
    /// The status of any other value, and of none.
    pub default: StatusWord,
}

impl Default for FoundStatus {
    fn default() -> Self {
        Self {
            from: Pointers::default(),
            values: BTreeMap::new(),
            by_date: Pointers::default(),
            warning_before: HumanDuration::from_secs(90 * 86_400),
            critical_before: HumanDuration::from_secs(0),
            default: StatusWord::Unknown,
        }
    }
}

impl<'de> Deserialize<'de> for StatusRule {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct WordOrTable;
        impl<'de> Visitor<'de> for WordOrTable {
            type Value = StatusRule;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("ok, warning, critical or unknown, or a table with from or by_date")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<StatusRule, E> {
                let word = StatusWord::parse(text).ok_or_else(|| {
                    E::custom(format!(
                        "{text:?} is no status; write ok, warning, critical or unknown, or a table with from"
                    ))
                })?;
                Ok(StatusRule::Always(word))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StatusRule, A::Error> {
                FoundStatus::deserialize(MapAccessDeserializer::new(map)).map(StatusRule::Found)
            }
        }
        de.deserialize_any(WordOrTable)
    }
}

impl JsonSchema for StatusRule {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "status rule".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<FoundStatus>();
        json_schema!({
            "title": "word or table", "x-free": true,
            "anyOf": [{ "enum": ["ok", "warning", "critical", "unknown"] }, table]
        })
    }
}

/// One labelled value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct FieldMap {
    /// What it is.
    pub label: String,
    /// Where the value stands.
    pub from: Pointers,
    /// What is made of it.
    #[serde(default)]
    pub transform: Vec<Transform>,
    /// The value's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub unit: Option<String>,
    /// Where the value leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Placeholders")]
    pub link: Option<Placeholders>,
}

/// A short mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct BadgeMap {
    /// Its text.
    pub text: Placeholders,
    /// Its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StatusRule")]
    pub status: Option<StatusRule>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct TableMap {
    /// Heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub title: Option<String>,
    /// Where in an item the array of rows stands. Default: the item is the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Pointer")]
    pub rows: Option<Pointer>,
    /// The columns; with `rows`, pointers start at the row.
    pub columns: Vec<ColumnMap>,
    /// Most rows that are shown; the heading tells how many there are.
    #[serde(default = "default_rows")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_rows: usize,
}

fn default_rows() -> usize {
    100
}

/// A column of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ColumnMap {
    /// Its name.
    pub label: String,
    /// Where the cell's value stands.
    pub from: Pointers,
    /// What is made of it.
    #[serde(default)]
    pub transform: Vec<Transform>,
}

/// One event of the timeline for each item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct EventMap {
    /// Where the time stands: RFC 3339, a date, or seconds or milliseconds since 1970. Without it there is no event.
    pub at: Pointers,
    /// What happened.
    pub text: Placeholders,
    /// How it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "StatusRule")]
    pub status: Option<StatusRule>,
}

/// A link. What leads nowhere with `http:`, `https:` or `mailto:` is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct LinkMap {
    /// What it leads to.
    pub label: String,
    /// The URL.
    pub url: Placeholders,
}
