//! What a record says in place of an id: `{"hostname": "web01.example.com", "sn": ["..."]}`. It must not know what matches.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::key::{Key, Kind};

/// Most values of one match; nobody has more addresses that tell it apart.
const MOST: usize = 256;

/// The keys of a match, in the order in which they decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Each with a value that can tell objects apart.
    pub keys: Vec<Key>,
}

/// Why a match is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadMatch(String);

impl Query {
    /// Reads the JSON text of a match.
    ///
    /// # Errors
    /// When it is no object of known keys, or no value in it can tell objects apart.
    pub fn parse(text: &str) -> Result<Self, BadMatch> {
        let mut query: Self = serde_json::from_str(text).map_err(|e| {
            let cause = e.to_string();
            BadMatch(format!("`match`: {}", cause.split(" at line ").next().unwrap_or(&cause)))
        })?;
        query.keys.sort_unstable();
        query.keys.dedup();
        if query.keys.is_empty() {
            let known = Kind::ORDER.map(Kind::as_str).join(", ");
            return Err(BadMatch(format!("`match` names nothing that tells objects apart; it takes {known}")));
        }
        Ok(query)
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Query;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object such as {\"hostname\": \"web01.example.com\"}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Query, A::Error> {
                let mut keys = Vec::with_capacity(4);
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    let kind = Kind::ORDER.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
                        let known = Kind::ORDER.map(Kind::as_str).join(", ");
                        A::Error::custom(format!("there is no key {name:?} to match by; it takes {known}"))
                    })?;
                    let Values(values) = map.next_value()?;
                    keys.extend(values.iter().take(MOST).filter_map(|value| Key::new(kind, value)));
                }
                Ok(Query { keys })
            }
        }
        de.deserialize_map(Keys)
    }
}

/// A text, a number, null, or a list of those.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Values;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a whole number, or a list of them")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Values, E> {
                Ok(Values(vec![text.to_owned()]))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Values, E> {
                Ok(Values(vec![number.to_string()]))
            }
            fn visit_unit<E: Error>(self) -> Result<Values, E> {
                Ok(Values(Vec::new()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
                let mut all = Vec::new();
                while let Some(Values(more)) = seq.next_element()? {
                    all.extend(more);
                }
                Ok(Values(all))
            }
        }
        de.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_the_order_in_which_they_decide() {
        let query = Query::parse(r#"{"hostname":"A.b.","ip":["10.0.0.1",null,"::1"],"sn":7,"barcode":"","id":4711}"#);
        let kinds: Vec<_> = query.expect("a match").keys.into_iter().map(|key| key.kind).collect();
        assert_eq!(kinds, [Kind::Id, Kind::Sn, Kind::Ip, Kind::Hostname]);
    }

    #[test]
    fn what_is_no_match_is_told() {
        let known = "it takes id, sn, barcode, host_id, mac, ip, hostname";
        for (text, why) in [
            ("{}", format!("`match` names nothing that tells objects apart; {known}")),
            (r#"{"ip":"127.0.0.1"}"#, format!("`match` names nothing that tells objects apart; {known}")),
            (r#"{"name":"x"}"#, format!("`match`: there is no key \"name\" to match by; {known}")),
            (r#""web01""#, "`match`: invalid type: string \"web01\", expected an object such as {\"hostname\": \"web01.example.com\"}".into()),
            (r#"{"sn":true}"#, "`match`: invalid type: boolean `true`, expected a text, a whole number, or a list of them".into()),
        ] {
            assert_eq!(Query::parse(text).map_err(|e| e.to_string()), Err(why), "{text}");
        }
    }
}
