//! `[service]`: who this service is. It must not know how its descriptor is built.

use std::fmt;

use schemars::{JsonSchema, Schema, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::model::ServiceName;

/// Which service this is: its name alone, or a table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(transform = or_bare_name)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The service's name, part of every key: lower-case letters, digits and `-`, at most 63, beginning with a letter.
    /// Required.
    #[schemars(schema_with = "name_schema")]
    pub name: ServiceName,
    /// Title of the tab for people. Default: none, so readers show the name.
    #[serde(default)]
    pub title: Option<String>,
    /// What the tab shows, in a sentence. Default: none.
    #[serde(default)]
    pub description: Option<String>,
    /// Whom to ask: a team, a mail address. Default: none.
    #[serde(default)]
    pub owner: Option<String>,
    /// A page about the service, shown beside its content. Default: none.
    #[serde(default)]
    pub docs_url: Option<String>,
    /// Where the JSON Schema of its content is, for those who read it. Default: none.
    #[serde(default)]
    pub content_schema: Option<String>,
    /// The Ralph models that it has content for, as Django labels (`data_center.DataCenterAsset`). Default: empty,
    /// which means that readers cannot tell beforehand and look every object up.
    #[serde(default)]
    pub models: Vec<String>,
}

impl Service {
    /// A service of which only the name is known.
    pub fn named(name: ServiceName) -> Self {
        Self {
            name,
            title: None,
            description: None,
            owner: None,
            docs_url: None,
            content_schema: None,
            models: Vec::new(),
        }
    }
}

/// The table form; serde derives its reading.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: ServiceName,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    docs_url: Option<String>,
    #[serde(default)]
    content_schema: Option<String>,
    #[serde(default)]
    models: Vec<String>,
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct BareOrTable;
        impl<'de> Visitor<'de> for BareOrTable {
            type Value = Service;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a service name, or a table with one")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Service, E> {
                ServiceName::new(text)
                    .map(Service::named)
                    .map_err(|e| E::custom(format!("{text:?} is no service name: {e}")))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Service, A::Error> {
                let Table { name, title, description, owner, docs_url, content_schema, models } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Service { name, title, description, owner, docs_url, content_schema, models })
            }
        }
        de.deserialize_any(BareOrTable)
    }
}

/// The grammar of names, or a variable that holds one.
const NAME: &str = r"^[a-z][a-z0-9-]{0,62}$|\$\{";

fn name_schema(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({ "title": "service name", "type": "string", "pattern": NAME, "examples": ["hwinfo"] })
}

/// Lets the schema accept the bare name as well as the table.
fn or_bare_name(schema: &mut Schema) {
    let table = std::mem::take(schema);
    let bare = json_schema!({ "type": "string", "pattern": NAME });
    *schema = json_schema!({ "anyOf": [bare, table], "examples": ["hwinfo"] });
}
