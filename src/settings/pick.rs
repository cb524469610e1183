//! Where a value stands in an item, and what is made of it: short as a pointer, long as a table. It must not look into items.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::Pointer;

/// Where a value stands, and what is made of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Pick {
    /// Pointers or bare names; the first that is there counts.
    pub from: Vec<Pointer>,
    /// Only what stands behind the first of these; the whole text where it is not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Only what stands before the first of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What is made of it, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transform: Vec<Transform>,
    /// What counts where nothing is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// What can be made of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Transform {
    /// Without white space around it.
    Trim,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// `web1:9100` to `web1`, `[::1]:9100` to `::1`.
    StripPort,
    /// `web1.example.net` to `web1`; IP addresses stay.
    StripDomain,
    /// `10.0.0.1/24` to `10.0.0.1`.
    StripMask,
    /// `https://web1.example.net:8443/health` to `web1.example.net`.
    UrlHost,
    /// `https://ralph.example.net/api/assets/4711/` to `4711`.
    LastSegment,
    /// Any usual spelling of a MAC address to `00:1A:2B:3C:4D:5E`.
    Mac,
}

/// A pointer, or several of which the first that is there counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Pointers(pub Vec<Pointer>);

impl<'de> Deserialize<'de> for Pointers {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Pointers;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pointer, or a list of pointers")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Pointers, E> {
                Ok(Pointers(vec![Pointer::parse(text).map_err(E::custom)?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pointers, A::Error> {
                let mut pointers = Vec::new();
                while let Some(pointer) = list.next_element()? {
                    pointers.push(pointer);
                }
                if pointers.is_empty() {
                    return Err(A::Error::custom("the list of pointers is empty"));
                }
                Ok(Pointers(pointers))
            }
        }
        de.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Pointers {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "pointers".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "pointer", "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

/// The long form; serde derives its reading.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Table {
    from: Pointers,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    transform: Vec<Transform>,
    #[serde(default)]
    default: Option<String>,
}

impl<'de> Deserialize<'de> for Pick {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct ShortOrLong;
        impl<'de> Visitor<'de> for ShortOrLong {
            type Value = Pick;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pointer such as \"/asset/id\", or a table with from")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Pick, E> {
                let pointer = Pointer::parse(text).map_err(E::custom)?;
                Ok(Pick { from: vec![pointer], ..Pick::default() })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Pick, A::Error> {
                let list = serde::de::value::SeqAccessDeserializer::new(list);
                Ok(Pick { from: Pointers::deserialize(list)?.0, ..Pick::default() })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pick, A::Error> {
                let Table { from, after, before, transform, default } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Pick { from: from.0, after, before, transform, default })
            }
        }
        de.deserialize_any(ShortOrLong)
    }
}

impl JsonSchema for Pick {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "pick".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (short, long) = (generator.subschema_for::<Pointers>(), generator.subschema_for::<Table>());
        json_schema!({ "title": "pointer or table", "x-free": true, "anyOf": [short, long] })
    }
}
