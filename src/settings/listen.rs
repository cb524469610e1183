//! Where to listen, as people write it. It must not listen.

use std::{borrow::Cow, fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::ValueError;

/// An address to listen on, `"0.0.0.0:9782"` or `"[::1]:9782"`; or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// There; port 0 is any free one.
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = |reason: &str, hint: String| {
            let (value, reason) = (format!("{text:?}"), reason.to_owned());
            Err(ValueError { value, kind: "listen address", reason, hint })
        };
        let trimmed = text.trim();
        if trimmed == "off" {
            return Ok(Self::Off);
        }
        if let Ok(address) = trimmed.parse() {
            return Ok(Self::At(address));
        }
        if trimmed.parse::<u16>().is_ok() {
            return bad("it is a port alone", format!("write \"0.0.0.0:{trimmed}\""));
        }
        let forms = "write \"0.0.0.0:9782\" (all addresses), \"127.0.0.1:9782\" (this host only), or \"off\"";
        match trimmed.rsplit_once(':') {
            Some(("", port)) if port.parse::<u16>().is_ok() => {
                bad("it has no address before the port", format!("write \"0.0.0.0:{port}\""))
            }
            Some(("localhost", port)) if port.parse::<u16>().is_ok() => {
                bad("it is a name, not an IP address", format!("write \"127.0.0.1:{port}\""))
            }
            Some((_, port)) if port.parse::<u16>().is_err() => bad("it has no port from 0 to 65535", forms.to_owned()),
            _ => bad("it is no IP address with a port", forms.to_owned()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, ser: S) -> Result<S::Ok, S::Error> {
        ser.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let text = String::deserialize(de)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Listen {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "listen address".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "listen address",
            "type": "string",
            "pattern": "^\\s*(off|[0-9.]+:[0-9]{1,5}|\\[[0-9A-Fa-f:.]+\\]:[0-9]{1,5})\\s*$|\\$\\{",
            "examples": ["0.0.0.0:9782", "127.0.0.1:0", "off"]
        })
    }
}

/// A socket for whoever is close: `unix:/path`, or an address with its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenPlace {
    /// A unix socket.
    Unix(PathBuf),
    /// An address; port 0 is any free one.
    Tcp(SocketAddr),
}

impl ListenPlace {
    /// Reads what a person wrote.
    ///
    /// # Errors
    /// Why it is no place.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err("the socket's path is empty") } else { Ok(Self::Unix(path.into())) };
        }
        text.parse().map(Self::Tcp).map_err(|_| "it is neither unix:/path nor an IP address with a port")
    }

    /// Whether only this host reaches it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp(address) => address.ip().is_loopback(),
        }
    }
}

impl fmt::Display for ListenPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, shown) in [
            ("0.0.0.0:9782", "0.0.0.0:9782"),
            (" [::]:9782 ", "[::]:9782"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("off", "off"),
        ] {
            assert_eq!(text.parse::<Listen>().expect(text).to_string(), shown);
        }
        for (text, hint) in [
            ("9782", "write \"0.0.0.0:9782\""),
            (":9782", "write \"0.0.0.0:9782\""),
            ("localhost:9782", "write \"127.0.0.1:9782\""),
            ("0.0.0.0:99999", "write \"0.0.0.0:9782\" (all"),
            ("0.0.0.0", "write \"0.0.0.0:9782\" (all"),
            ("http://0.0.0.0:9782", "write \"0.0.0.0:9782\" (all"),
            ("false", "write \"0.0.0.0:9782\" (all"),
            ("", "write \"0.0.0.0:9782\" (all"),
        ] {
            let error = text.parse::<Listen>().expect_err(text);
            assert!(error.hint.starts_with(hint), "{text}: {error}");
        }
    }
}
