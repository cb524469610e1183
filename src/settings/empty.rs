//! What an object shows that a snapshot has no data of. It must not know which objects those are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What it means that a complete snapshot does not name an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Absent {
    /// It has no content any more.
    #[default]
    Remove,
    /// It is well: it gets the card of `source.empty`, if it is in the inventory.
    Empty,
}

/// The card of an object without data, with `source.absent = "empty"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Empty {
    /// The card's title.
    pub title: String,
    /// The card's summary.
    pub summary: String,
    /// The card's status: `ok`, `warning`, `critical` or `unknown`.
    pub status: String,
}

impl Default for Empty {
    fn default() -> Self {
        Self { title: "All clear".to_owned(), summary: "Nothing to report.".to_owned(), status: "ok".to_owned() }
    }
}

impl Empty {
    /// The rest of the record of such an object, behind its id.
    pub fn record(&self) -> String {
        let card = json!({ "title": self.title, "status": self.status, "summary": self.summary });
        format!("\",\"content\":{card},\"content_type\":\"card\"}}")
    }
}
