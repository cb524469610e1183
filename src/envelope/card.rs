//! The card: content that readers draw natively, without HTML. It must not know how it is drawn.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Value, json};

use crate::model::ContentType;

/// Longest title, label, column name or badge, in characters.
pub(super) const MAX_LABEL: usize = 200;
/// Longest summary, text of an event, or text in a cell, in characters.
pub(super) const MAX_TEXT: usize = 4000;
/// Longest URL, in characters.
pub(super) const MAX_URL: usize = 2000;
/// Most fields, events, links, badges, or columns of a table.
pub(super) const MAX_ITEMS: usize = 200;
/// Most tables or charts, and most series of a chart.
pub(super) const MAX_PARTS: usize = 20;
/// Most rows of a table, or points of a chart.
pub(super) const MAX_ROWS: usize = 1000;

const URL_PATTERN: &str = r"^(https?://[^\s\x00-\x20\x7f/?#]|mailto:[^\s\x00-\x20\x7f])[^\s\x00-\x20\x7f]*$";
const TIME_PATTERN: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$";

/// Content of type `application/vnd.ralphext.card+json`: what a reader draws natively, in the order of these fields.
///
/// All texts are plain text: readers escape them. Fields that are not listed here are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ralphext card, version 1", example = example())]
pub struct Card {
    /// The card's own media type; only needed where a record does not say it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("const" = ContentType::CARD.as_str()))]
    pub content_type: Option<String>,
    /// Heading.
    #[schemars(length(min = 1, max = MAX_LABEL))]
    pub title: String,
    /// How the object is, as the extension sees it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Status")]
    pub status: Option<Status>,
    /// One or two sentences below the heading.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_TEXT))]
    pub summary: Option<String>,
    /// Short marks beside the heading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ITEMS))]
    pub badges: Vec<Badge>,
    /// Labelled values, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ITEMS))]
    pub fields: Vec<Field>,
    /// Tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_PARTS))]
    pub tables: Vec<Table>,
    /// Small charts with their data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_PARTS))]
    pub charts: Vec<Chart>,
    /// What happened, in the order to be shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ITEMS))]
    pub timeline: Vec<Event>,
    /// Where to read on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ITEMS))]
    pub links: Vec<Link>,
}

/// How something is; readers choose colour and symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Somebody should look at it.
    Warning,
    /// Somebody must look at it now.
    Critical,
    /// Nobody can tell.
    Unknown,
}

impl Status {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

/// A short mark, such as `in warranty`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Badge {
    /// Its text.
    #[schemars(length(min = 1, max = MAX_LABEL))]
    pub text: String,
    /// Its status.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Status")]
    pub status: Option<Status>,
}

/// A labelled value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// What it is.
    #[schemars(length(min = 1, max = MAX_LABEL))]
    pub label: String,
    /// Text, a number, true, false, or null where it is not known.
    #[schemars(schema_with = "scalar")]
    pub value: Value,
    /// The value's unit.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_LABEL))]
    pub unit: Option<String>,
    /// Where the value leads: an `http:`, `https:` or `mailto:` URL.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_URL), regex(pattern = URL_PATTERN))]
    pub link: Option<String>,
    /// How the value is.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Status")]
    pub status: Option<Status>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Heading.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_LABEL))]
    pub title: Option<String>,
    /// Names of the columns.
    #[schemars(length(min = 1, max = MAX_ITEMS), inner(length(max = MAX_LABEL)))]
    pub columns: Vec<String>,
    /// Rows, each with as many cells as there are columns: text, numbers, true, false or null.
    #[schemars(schema_with = "rows")]
    pub rows: Vec<Vec<Value>>,
}

/// A small chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// Heading.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_LABEL))]
    pub title: Option<String>,
    /// How it is drawn.
    #[serde(default)]
    pub kind: ChartKind,
    /// Unit of the values.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_LABEL))]
    pub unit: Option<String>,
    /// Labels along the horizontal axis, one a point.
    #[schemars(length(min = 1, max = MAX_ROWS), inner(length(max = MAX_LABEL)))]
    pub labels: Vec<String>,
    /// The data.
    #[schemars(length(min = 1, max = MAX_PARTS))]
    pub series: Vec<Series>,
}

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    /// A line a series.
    #[default]
    Line,
    /// Bars side by side.
    Bar,
}

/// One series of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Its name.
    #[schemars(length(min = 1, max = MAX_LABEL))]
    pub label: String,
    /// One value for each of the chart's labels; null where there is none.
    #[schemars(length(min = 1, max = MAX_ROWS))]
    pub values: Vec<Option<f64>>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When: RFC 3339, with a time zone.
    #[schemars(regex(pattern = TIME_PATTERN), extend("format" = "date-time"))]
    pub at: String,
    /// What.
    #[schemars(length(min = 1, max = MAX_TEXT))]
    pub text: String,
    /// How it was.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Status")]
    pub status: Option<Status>,
    /// Where there is more of it: an `http:`, `https:` or `mailto:` URL.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_URL), regex(pattern = URL_PATTERN))]
    pub link: Option<String>,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it leads to.
    #[schemars(length(min = 1, max = MAX_LABEL))]
    pub label: String,
    /// An `http:`, `https:` or `mailto:` URL; the scheme in lower case.
    #[schemars(length(max = MAX_URL), regex(pattern = URL_PATTERN))]
    pub url: String,
}

/// What is not known is left out: readers need not know null.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(de: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(de)?.map(Some).ok_or_else(|| D::Error::custom("null is no value of it: leave it out"))
}

fn scalar(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "number", "boolean", "null"], "maxLength": MAX_TEXT})
}

fn rows(generator: &mut SchemaGenerator) -> Schema {
    let cell = scalar(generator);
    json_schema!({"type": "array", "maxItems": MAX_ROWS, "items": {"type": "array", "maxItems": MAX_ITEMS, "items": cell}})
}

/// JSON Schema (2020-12) of the card: `schemas/card.v1.schema.json`.
///
/// What it cannot say, [`super::validate_card`] checks too: rows are as long as there are columns, series as long as
/// there are labels, and times exist.
pub fn card_schema() -> Value {
    schemars::schema_for!(Card).to_value()
}

pub(super) fn example() -> Value {
    json!({
        "title": "Disks",
        "status": "warning",
        "summary": "One of two disks is worn out.",
        "badges": [{"text": "in warranty", "status": "ok"}],
        "fields": [
            {"label": "Controller", "value": "PERC H755", "link": "https://wiki.example.net/perc-h755"},
            {"label": "Capacity", "value": 1.92, "unit": "TB"},
            {"label": "Encrypted", "value": true},
            {"label": "Wear", "value": 97, "unit": "%", "status": "warning"}
        ],
        "tables": [{"title": "Disks", "columns": ["Slot", "Model", "Wear"], "rows": [[0, "PM893", "12 %"], [1, "PM893", "97 %"]]}],
        "charts": [{"title": "Wear", "kind": "line", "unit": "%", "labels": ["Sep", "Oct", "Nov"],
            "series": [{"label": "Slot 1", "values": [91, null, 97]}]}],
        "timeline": [{"at": "2026-11-20T08:15:00+01:00", "text": "Slot 1 passed 95 % of wear", "status": "warning",
            "link": "https://grafana.example.net/d/disks"}],
        "links": [{"label": "Order a disk", "url": "mailto:spares@example.net"}]
    })
}
