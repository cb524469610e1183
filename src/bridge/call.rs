//! What a job calls, out of its `data`, and its result back, by the serializer that wrote the job. It must not know Redis, nor
//! who answers the call.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{
    pickle::{BadPickle, decode, encode},
    value::{NoJson, Value},
};

/// How a job was written, and its result is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serializer {
    /// Python's pickle: rq's default.
    Pickle,
    /// rq's `JSONSerializer`.
    Json,
}

/// A function's call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function, as it was named.
    pub function: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Named arguments.
    pub kwargs: Vec<(Value, Value)>,
    /// How it was written.
    pub serializer: Serializer,
}

/// Why a job's data is no call that can be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCall {
    /// It is larger than allowed.
    #[error("the job's data is larger than bridge.max_job ({0} bytes)")]
    TooLarge(u64),
    /// It is compressed, and cannot be unpacked.
    #[error("the job's data cannot be unpacked")]
    Packed,
    /// It is no pickle of plain data.
    #[error("the job's pickle is refused: {0}")]
    Pickle(#[from] BadPickle),
    /// It is no JSON.
    #[error("the job's data is no JSON: {0}")]
    Json(String),
    /// It is plain data, and no call.
    #[error("the job's data is no call: {0}")]
    Shape(&'static str),
    /// The call cannot be handed on as JSON.
    #[error("the job's arguments cannot be handed on as JSON: {0}")]
    NoJson(#[from] NoJson),
}

impl BadCall {
    /// Whether somebody may have tried to have something executed.
    pub fn is_hostile(&self) -> bool {
        matches!(self, Self::Pickle(BadPickle::Names(_) | BadPickle::Instruction(_)))
    }
}

impl Call {
    /// Reads a job's `data`: compressed (zlib) or not, a pickle or JSON of `(function, instance, args, kwargs)`, of at most
    /// `max` bytes when unpacked.
    ///
    /// # Errors
    /// See [`BadCall`].
    pub fn read(data: &[u8], max: u64) -> Result<Self, BadCall> {
        let unpacked;
        // Neither a pickle nor JSON begins with it: it is how zlib begins.
        let bytes = if data.first() == Some(&b'x') {
            unpacked = unpack(data, max)?;
            &unpacked
        } else {
            data
        };
        if bytes.len() as u64 > max {
            return Err(BadCall::TooLarge(max));
        }
        let (value, serializer) = if bytes.first() == Some(&b'[') {
            let json = serde_json::from_slice(bytes).map_err(|e| BadCall::Json(e.to_string()))?;
            (Value::from_json(json), Serializer::Json)
        } else {
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            (decode(bytes, max)?, Serializer::Pickle)
        };
        let Value::List(parts) = value else { return Err(BadCall::Shape("it is no tuple")) };
        let Ok([function, instance, args, kwargs]) = <[Value; 4]>::try_from(parts) else {
            return Err(BadCall::Shape("it has not four parts"));
        };
        let Value::Str(function) = function else { return Err(BadCall::Shape("its function is no text")) };
        if instance != Value::None {
            return Err(BadCall::Shape("it calls a method of an object"));
        }
        let Value::List(args) = args else { return Err(BadCall::Shape("its arguments are no list")) };
        let Value::Dict(kwargs) = kwargs else { return Err(BadCall::Shape("its named arguments are no dict")) };
        Ok(Self { function, args, kwargs, serializer })
    }

    /// The named arguments as a JSON object: what the extension is given.
    ///
    /// # Errors
    /// Positional arguments, which have no names; and what JSON cannot say.
    pub fn input(&self) -> Result<String, BadCall> {
        if !self.args.is_empty() {
            return Err(BadCall::Shape("it has positional arguments, and only named ones can be handed on"));
        }
        Ok(Value::Dict(self.kwargs.clone()).to_json()?)
    }

    /// The text argument `name`, or the positional one at `at`; a whole number is its digits.
    pub fn text(&self, name: &str, at: usize) -> Option<String> {
        let named = self.kwargs.iter().find(|(key, _)| matches!(key, Value::Str(key) if key == name));
        match named.map(|(_, value)| value).or_else(|| self.args.get(at))? {
            Value::Str(text) => Some(text.clone()),
            Value::Int(int) => Some(int.to_string()),
            _ => None,
        }
    }
}

impl Serializer {
    /// A result as the one who enqueued the job reads it.
    ///
    /// # Errors
    /// What JSON cannot say, where it has to be JSON.
    pub fn dump(self, result: &Value) -> Result<Vec<u8>, NoJson> {
        match self {
            Self::Pickle => Ok(encode(result)),
            Self::Json => result.to_json().map(String::into_bytes),
        }
    }
}

fn unpack(data: &[u8], max: u64) -> Result<Vec<u8>, BadCall> {
    let mut out = Vec::new();
    // One byte more tells that there is more.
    ZlibDecoder::new(data).take(max.saturating_add(1)).read_to_end(&mut out).map_err(|_| BadCall::Packed)?;
    if out.len() as u64 > max { Err(BadCall::TooLarge(max)) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn call(function: Value, instance: Value, args: Value, kwargs: Value) -> Vec<u8> {
        encode(&Value::List(vec![function, instance, args, kwargs]))
    }

    #[test]
    fn both_serializers_packed_or_not() {
        let kwargs = Value::Dict(vec![(Value::Str("object_id".into()), Value::Int(4711))]);
        let pickle = call(Value::Str("a.b".into()), Value::None, Value::List(Vec::new()), kwargs);
        let json = br#"["a.b", null, [], {"object_id": 4711}]"#;
        for (data, serializer) in [(&pickle[..], Serializer::Pickle), (json, Serializer::Json)] {
            for data in [data.to_vec(), packed(data)] {
                let call = Call::read(&data, 1000).unwrap();
                assert_eq!((call.function.as_str(), call.serializer), ("a.b", serializer));
                assert_eq!(call.input().unwrap(), r#"{"object_id":4711}"#);
                assert_eq!(call.text("object_id", 0).as_deref(), Some("4711"));
            }
        }
        assert_eq!(Serializer::Json.dump(&Value::Bytes(b"PDF".to_vec())).unwrap(), br#"{"base64":"UERG"}"#);
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = packed(&vec![b'N'; 50_000_000]);
        assert!(bomb.len() < 100_000);
        assert_eq!(Call::read(&bomb, 1 << 20), Err(BadCall::TooLarge(1 << 20)));
        assert_eq!(Call::read(&[0; 2000], 1000), Err(BadCall::TooLarge(1000)));
        assert_eq!(Call::read(b"x\x9cnothing", 1000), Err(BadCall::Packed));
    }

    #[test]
    fn what_is_no_call_is_refused() {
        let text = || Value::Str("f".into());
        let (none, list, dict) = (|| Value::None, || Value::List(Vec::new()), || Value::Dict(Vec::new()));
        for data in [
            encode(&none()),
            encode(&Value::List(vec![none()])),
            call(none(), none(), list(), dict()),
            call(text(), text(), list(), dict()),
            call(text(), none(), dict(), dict()),
            call(text(), none(), list(), list()),
        ] {
            assert!(matches!(Call::read(&data, 1000), Err(BadCall::Shape(_))), "{data:?}");
        }
        let positional = Call::read(&call(text(), none(), Value::List(vec![text()]), dict()), 1000).unwrap();
        assert!(matches!(positional.input(), Err(BadCall::Shape(_))));
        let hostile = Call::read(b"cos\nsystem\n(S'id'\ntR.", 1000).unwrap_err();
        assert!(hostile.is_hostile() && hostile.to_string().contains("os.system"));
    }
}
