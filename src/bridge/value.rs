//! Plain data between Python and JSON: nothing in it can do anything. It must not know how it is stored.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

/// Deepest nesting that is read, or written as JSON.
pub const MAX_DEPTH: usize = 100;

/// The name of the one member of the JSON object that stands for bytes.
pub const BYTES: &str = "base64";

/// A piece of plain data. Tuples and sets are lists; dates, decimals and UUIDs are texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Python's `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is larger, in decimal digits.
    BigInt(String),
    /// Any other number.
    Float(f64),
    /// A text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list, tuple or set.
    List(Vec<Value>),
    /// A dict, in its order; a key can be any value.
    Dict(Vec<(Value, Value)>),
}

/// Why data cannot be JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoJson(String);

impl Value {
    /// What kind it is, in Python's words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
        }
    }

    /// The JSON text. Bytes become `{"base64": "..."}`; keys that are numbers become texts, as Python's `json` does it.
    ///
    /// # Errors
    /// A number that JSON does not have (NaN, infinity), a key that is no text or number, too deep a nesting.
    pub fn to_json(&self) -> Result<String, NoJson> {
        let mut out = String::new();
        self.write(&mut out, 0)?;
        Ok(out)
    }

    /// What `json` is as plain data; `{"base64": "..."}` stays a dict.
    pub fn from_json(json: Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, _) if number.is_u64() => Self::BigInt(number.to_string()),
                (None, float) => Self::Float(float.unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Str(text),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from_json).collect()),
            Json::Object(map) => {
                Self::Dict(map.into_iter().map(|(key, value)| (Self::Str(key), Self::from_json(value))).collect())
            }
        }
    }

    fn write(&self, out: &mut String, depth: usize) -> Result<(), NoJson> {
        if depth > MAX_DEPTH {
            return Err(NoJson(format!("it is nested more than {MAX_DEPTH} deep")));
        }
        match self {
            Self::None => out.push_str("null"),
            Self::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
            // Writing to a String cannot fail, here and below.
            Self::Int(int) => drop(write!(out, "{int}")),
            Self::BigInt(digits) => out.push_str(digits),
            Self::Float(float) if !float.is_finite() => {
                return Err(NoJson(format!("JSON has no number {float}")));
            }
            Self::Float(float) => drop(write!(out, "{float:?}")),
            Self::Str(text) => quote(out, text),
            Self::Bytes(bytes) => {
                let _ = write!(out, "{{\"{BYTES}\":\"");
                STANDARD.encode_string(bytes, out);
                out.push_str("\"}");
            }
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out, depth + 1)?;
                }
                out.push(']');
            }
            Self::Dict(pairs) => {
                out.push('{');
                for (at, (key, value)) in pairs.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    key.write_key(out)?;
                    out.push(':');
                    value.write(out, depth + 1)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }

    fn write_key(&self, out: &mut String) -> Result<(), NoJson> {
        match self {
            Self::Str(text) => quote(out, text),
            Self::None => out.push_str("\"null\""),
            Self::Bool(_) | Self::Int(_) | Self::BigInt(_) | Self::Float(_) => {
                out.push('"');
                self.write(out, 0)?;
                out.push('"');
            }
            other => return Err(NoJson(format!("a key of a dict is of type {}, which JSON cannot say", other.kind()))),
        }
        Ok(())
    }
}

fn quote(out: &mut String, text: &str) {
    // A text is always JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_json_as_python_writes_it() {
        let pair = |key: Value, value: Value| (key, value);
        let value = Value::Dict(vec![
            pair(Value::Str("a\"\n".into()), Value::List(vec![Value::None, Value::Bool(true), Value::Int(-7)])),
            pair(Value::Int(4), Value::Float(1.5)),
            pair(Value::Bool(false), Value::Bytes(b"PDF".to_vec())),
            pair(Value::None, Value::BigInt("123456789012345678901234567890".into())),
            pair(Value::Str("f".into()), Value::Float(1e300)),
        ]);
        assert_eq!(
            value.to_json().unwrap(),
            "{\"a\\\"\\n\":[null,true,-7],\"4\":1.5,\"false\":{\"base64\":\"UERG\"},\
             \"null\":123456789012345678901234567890,\"f\":1e300}"
        );
        assert!(serde_json::from_str::<Json>(&value.to_json().unwrap()).is_ok());
    }

    #[test]
    fn what_json_does_not_have_is_refused() {
        assert!(Value::Float(f64::NAN).to_json().is_err());
        let pair = (Value::List(Vec::new()), Value::None);
        assert!(Value::Dict(vec![pair]).to_json().unwrap_err().to_string().contains("list"));
        let deep = (0..MAX_DEPTH + 1).fold(Value::None, |inner, _| Value::List(vec![inner]));
        assert!(deep.to_json().is_err());
    }
}
