//! What a user may do, as the server tells it. It must not judge it.

use redis::Value;

/// What the user may do (`ACL GETUSER`).
#[derive(Debug, Clone, Default)]
pub struct Rights {
    /// As the server writes them: `+@all`.
    pub commands: String,
    /// Key patterns: `~*`.
    pub keys: String,
    /// Whether no password is needed.
    pub no_password: bool,
}

impl Rights {
    /// Reads an answer to `ACL GETUSER`: names and values in turn; keys are one text from Redis 7 on, a list before.
    pub(super) fn read(answer: &Value) -> Self {
        let mut rights = Self::default();
        let pairs: Vec<(&Value, &Value)> = match answer {
            Value::Array(items) => items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
            Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
            _ => Vec::new(),
        };
        for (name, value) in pairs {
            match texts(name).as_str() {
                "commands" => rights.commands = texts(value),
                "keys" => rights.keys = texts(value),
                "flags" => rights.no_password = texts(value).split(' ').any(|flag| flag == "nopass"),
                _ => {}
            }
        }
        rights
    }
}

/// Texts of an answer, in one.
fn texts(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::Array(items) | Value::Set(items) => items.iter().map(texts).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_as_redis_6_and_7_tell_them() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let list = |words: &[&str]| Value::Array(words.iter().map(|word| text(word)).collect());
        for keys in [text("~a ~b"), list(&["~a", "~b"])] {
            let told = Value::Array(vec![
                text("flags"),
                list(&["on", "nopass"]),
                text("passwords"),
                list(&[]),
                text("commands"),
                text("+@all -keys"),
                text("keys"),
                keys,
            ]);
            let rights = Rights::read(&told);
            assert_eq!(
                (rights.commands.as_str(), rights.keys.as_str(), rights.no_password),
                ("+@all -keys", "~a ~b", true)
            );
        }
    }
}
