//! The id of a record that is too large to be held, from its first bytes. It must not be used where the record is whole.

use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::model::ObjectId;

/// Looking further would not find ids that people write; they stand first.
const FIRST: usize = 4096;

/// The id among the top-level members at the beginning of `text`, if there is a valid one.
pub(super) fn id_of(text: &[u8]) -> Option<String> {
    let first = &text[..text.len().min(FIRST)];
    // Up to the last comma, so that no number is taken that was cut off in the middle.
    let first = &first[..memchr::memrchr(b',', first)?];
    let mut id = None;
    // The text is cut off, so this ends with an error; what was seen before it counts.
    let _ = serde_json::Deserializer::from_slice(first).deserialize_map(Peek(&mut id));
    id.filter(|id| ObjectId::check(id).is_ok())
}

struct Peek<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for Peek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name != "id" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            *self.0 = match map.next_value::<serde_json::Value>()? {
                serde_json::Value::String(id) => Some(id),
                serde_json::Value::Number(id) => Some(id.to_string()),
                _ => None,
            };
            return Err(A::Error::custom("found"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_top_level_id_counts() {
        assert_eq!(id_of(br#"{"id": 4711, "content": "xxxx"#).as_deref(), Some("4711"));
        assert_eq!(
            id_of(br#"{"content_type":"text", "id":"data_center.rack.12","content"#).as_deref(),
            Some("data_center.rack.12")
        );
        assert_eq!(id_of(br#"{"content": {"id": 5, "x": "#), None);
        assert_eq!(id_of(br#"{"content": {"id": 5}, "id": 6, "x": "#).as_deref(), Some("6"));
        assert_eq!(id_of(br#"{"id": "a:b", "x"#), None);
        assert_eq!(id_of(br#"{"id": 47"#), None);
        assert_eq!(id_of(b"xxxx"), None);
    }
}
