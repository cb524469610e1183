//! The address of a Redis server, with the password in it hidden. It must not connect.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{MASK, ValueError};

/// `redis://`, `rediss://` or `unix://` address. The password in it is masked in `Debug`, `Display` and `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

const FORMS: &str = "write redis://host:6379/0, rediss://host:6379/0 (TLS) or unix:///path/to/redis.sock";

impl RedisUrl {
    /// Checks `text`: its scheme, and that it has a host, a port and a database number (or a socket path) that can be.
    pub fn parse(text: impl Into<String>) -> Result<Self, ValueError> {
        let text = text.into();
        let shown = mask(&text);
        let bad = |reason: &str, hint: &str| {
            let (value, reason, hint) = (format!("{shown:?}"), reason.to_owned(), hint.to_owned());
            Err(ValueError { value, kind: "Redis address", reason, hint })
        };
        let Some((scheme, rest)) = text.split_once("://") else {
            return bad("it has no scheme", FORMS);
        };
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return bad("it holds white space", "percent-encode it (%20), or use redis.password_file");
        }
        match scheme {
            "redis" | "rediss" => {}
            "unix" | "redis+unix" => {
                return match rest.split('?').next() {
                    Some(path) if path.starts_with('/') && path.len() > 1 => Ok(Self(text)),
                    _ => bad(
                        "the path of the socket has to be absolute",
                        "write unix:///path/to/redis.sock, with three slashes",
                    ),
                };
            }
            _ => return bad(&format!("the scheme {scheme:?} is not known"), scheme_hint(scheme)),
        }
        if rest.contains('#') {
            return bad("it has a fragment (#...)", "write %23 where # is part of a password; TLS is always verified");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.matches('@').count() > 1 || tail.contains('@') {
            return bad(
                "it holds more than one @, or one behind a /",
                "percent-encode @ as %40 and / as %2F in the password",
            );
        }
        let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
        if let Err(why) = split_server(server) {
            return bad(why, FORMS);
        }
        let db = tail.split('?').next().unwrap_or_default().trim_matches('/');
        if !db.is_empty() && db.parse::<u32>().is_err() {
            return bad("what follows the host has to be a database number", "write /0 at the end, or nothing");
        }
        Ok(Self(text))
    }

    /// The address with its password, for the server alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a user name or password stands in it.
    pub fn has_credentials(&self) -> bool {
        self.authority().contains('@') || self.query().any(|(name, _)| matches!(name, "user" | "pass"))
    }

    /// Whether a password stands in it.
    pub fn has_password(&self) -> bool {
        let user_info = self.authority().rsplit_once('@').map_or("", |(user_info, _)| user_info);
        user_info.contains(':') || self.query().any(|(name, _)| name == "pass")
    }

    /// Whether it asks for TLS.
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("rediss://")
    }

    /// Whether it is the path of a socket.
    pub fn is_unix(&self) -> bool {
        self.0.starts_with("unix://") || self.0.starts_with("redis+unix://")
    }

    /// Host (without brackets) and port, where one is given; none of a socket.
    pub fn server(&self) -> Option<(&str, Option<u16>)> {
        let server = self.authority().rsplit_once('@').map_or(self.authority(), |(_, server)| server);
        if self.is_unix() { None } else { split_server(server).ok() }
    }

    fn rest(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, rest)| rest)
    }

    fn authority(&self) -> &str {
        self.rest().split(['/', '?']).next().unwrap_or_default()
    }

    fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        let query = self.rest().split_once('?').map_or("", |(_, query)| query);
        query.split('&').filter_map(|pair| pair.split_once('='))
    }

    /// `text` with whatever could be a password in it replaced by [`MASK`]; it need not be a valid address.
    pub fn mask(text: &str) -> String {
        mask(text).into_owned()
    }
}

fn scheme_hint(scheme: &str) -> &'static str {
    match scheme {
        "valkey" => "write redis://: Valkey speaks Redis' protocol",
        "valkeys" | "redis+tls" | "redis+ssl" | "tls" | "ssl" => "write rediss:// for TLS",
        "http" | "https" | "tcp" => "write redis:// (or rediss:// for TLS)",
        _ => FORMS,
    }
}

/// Host (without brackets) and port of `host[:port]`; what is wrong with it otherwise.
pub(super) fn split_server(server: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(bracketed) = server.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or("the ] of its IPv6 address is missing")?;
        (host, rest.strip_prefix(':'))
    } else {
        server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port)))
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    match port.map(str::parse::<u16>) {
        None => Ok((host, None)),
        Some(Ok(port)) if port > 0 => Ok((host, Some(port))),
        Some(_) => Err("the port has to be a number from 1 to 65535"),
    }
}

fn mask(text: &str) -> Cow<'_, str> {
    let start = text.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(start);
    // Everything up to the last @ may be a password in which something was not percent-encoded.
    let masked = match rest.rfind('@') {
        Some(at) if !scheme.contains("unix") => {
            let user = rest[..at].split_once(':').map_or(String::new(), |(user, _)| format!("{user}:"));
            Cow::Owned(format!("{scheme}{user}{MASK}{}", &rest[at..]))
        }
        _ => Cow::Borrowed(text),
    };
    let Some((head, query)) = masked.split_once('?') else { return masked };
    if !query.contains("pass") {
        return masked;
    }
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name.starts_with("pass") => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    });
    Cow::Owned(format!("{head}?{}", pairs.collect::<Vec<_>>().join("&")))
}

impl Default for RedisUrl {
    fn default() -> Self {
        Self("redis://127.0.0.1:6379/0".to_owned())
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", mask(&self.0))
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, ser: S) -> Result<S::Ok, S::Error> {
        ser.serialize_str(&mask(&self.0))
    }
}

impl<'de> Deserialize<'de> for RedisUrl {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(de)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for RedisUrl {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "RedisUrl".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "address",
            "type": "string",
            "examples": ["redis://127.0.0.1:6379/0", "rediss://redis.example.com:6380/0", "unix:///run/redis/redis.sock"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "redis://localhost",
            "redis://127.0.0.1:6379/0",
            "rediss://user:p%40ss@redis.example.com:6380/2",
            "redis://:pw@[::1]:6379",
            "unix:///run/redis.sock",
            "redis+unix:///run/redis.sock?db=1&pass=x",
            "redis://h/0?protocol=resp3",
            "redis://h/",
        ] {
            assert_eq!(RedisUrl::parse(good).expect(good).expose(), good);
        }
        for bad in [
            "",
            "localhost:6379",
            "http://h",
            "redis://",
            "redis://:6379",
            "redis://h:0",
            "redis://h:x",
            "redis://h/x",
            "redis://h#insecure",
            "unix://relative",
            "unix:///",
            "redis://[::1",
            "redis://a b",
            "redis://u:p@q@h",
        ] {
            assert!(RedisUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        for (text, shown) in [
            ("redis://user:s3cret@h:1/0", "redis://user:***@h:1/0"),
            ("redis://:s3cret@h", "redis://:***@h"),
            ("redis://s3cret@h", "redis://***@h"),
            ("redis://u:s3c@re/t@h", "redis://u:***@h"),
            ("redis://u:s3cr?et@h", "redis://u:***@h"),
            ("u:s3cret@h:6379", "u:***@h:6379"),
            ("unix:///a@b.sock?db=1&pass=s3cret", "unix:///a@b.sock?db=1&pass=***"),
            ("redis://h", "redis://h"),
        ] {
            assert_eq!(RedisUrl::mask(text), shown);
            if let Err(error) = RedisUrl::parse(text) {
                assert!(!error.to_string().contains("s3c"), "{error}");
            }
        }
        let url = RedisUrl::parse("redis://user:s3cret@h").expect("a good one");
        assert_eq!(format!("{url} {url:?}"), "redis://user:***@h \"redis://user:***@h\"");
        assert_eq!(serde_json::to_string(&url).expect("it serialises"), "\"redis://user:***@h\"");
        assert!(url.has_password() && url.has_credentials());
        assert!(!RedisUrl::parse("redis://user@h").expect("a good one").has_password());
    }

    #[test]
    fn parts() {
        let url = |text: &str| RedisUrl::parse(text).expect(text);
        assert_eq!(url("redis://u:p@[::1]:7/0").server(), Some(("::1", Some(7))));
        assert_eq!(url("rediss://mymaster/3").server(), Some(("mymaster", None)));
        assert_eq!(url("unix:///run/redis.sock").server(), None);
        assert!(url("rediss://h").is_tls() && !url("redis://h").is_tls());
        assert!(url("redis+unix:///run/redis.sock").is_unix() && !url("redis://h").is_unix());
    }

    #[test]
    fn errors_say_what_to_write() {
        let error = RedisUrl::parse("valkey://u:s3cret@h:6379").expect_err("not a scheme of ours").to_string();
        assert_eq!(
            error,
            "\"valkey://u:***@h:6379\" is no Redis address: the scheme \"valkey\" is not known\n\
             hint: write redis://: Valkey speaks Redis' protocol"
        );
    }
}
