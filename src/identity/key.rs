//! What objects are known by, in one spelling each. It must not know whose keys they are.

use std::net::IpAddr;

use crate::model::ObjectId;

/// Longest value in bytes; a longer one is no key.
const LONGEST: usize = 255;

/// The kinds of key, the one that is trusted most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The object's id.
    Id,
    /// Serial number.
    Sn,
    /// Barcode, or asset number.
    Barcode,
    /// What a cloud calls the host.
    HostId,
    /// A network card's address.
    Mac,
    /// An IP address.
    Ip,
    /// Host name.
    Hostname,
    /// First label of a host name, with `identity.short_names`.
    Short,
}

impl Kind {
    /// Those that a match can name, in the order in which they decide.
    pub const ORDER: [Self; 7] = [Self::Id, Self::Sn, Self::Barcode, Self::HostId, Self::Mac, Self::Ip, Self::Hostname];

    /// Its name in a match and in an export.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Sn => "sn",
            Self::Barcode => "barcode",
            Self::HostId => "host_id",
            Self::Mac => "mac",
            Self::Ip => "ip",
            Self::Hostname | Self::Short => "hostname",
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ORDER.into_iter().chain([Self::Short]).find(|kind| *kind as u8 == number)
    }
}

/// One thing that an object is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is.
    pub kind: Kind,
    /// In the one spelling: addresses as their bytes, anything else as lower-case text.
    pub value: Vec<u8>,
}

impl Key {
    /// The key that `text` spells; none where it spells nothing that tells objects apart.
    pub fn new(kind: Kind, text: &str) -> Option<Self> {
        let text = text.trim();
        let value = match kind {
            Kind::Id => {
                ObjectId::check(text).ok()?;
                text.as_bytes().to_vec()
            }
            Kind::Sn | Kind::Barcode | Kind::HostId => text.to_lowercase().into_bytes(),
            Kind::Mac => mac(text)?,
            Kind::Ip => ip(text)?,
            Kind::Hostname | Kind::Short => text.strip_suffix('.').unwrap_or(text).to_lowercase().into_bytes(),
        };
        (!value.is_empty() && value.len() <= LONGEST).then_some(Self { kind, value })
    }

    /// The first label of a host name.
    pub fn short(&self) -> Self {
        let end = self.value.iter().position(|b| *b == b'.').unwrap_or(self.value.len());
        Self { kind: Kind::Short, value: self.value[..end].to_vec() }
    }

    /// Whether it is a host name with a domain.
    pub fn has_domain(&self) -> bool {
        self.kind == Kind::Hostname && self.value.contains(&b'.')
    }
}

/// A key's value as people write it.
pub fn shown(kind: Kind, value: &[u8]) -> String {
    match (kind, value.len()) {
        (Kind::Mac, _) => value.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":"),
        (Kind::Ip, 4) => <[u8; 4]>::try_from(value).map(|b| IpAddr::from(b).to_string()).unwrap_or_default(),
        (Kind::Ip, _) => <[u8; 16]>::try_from(value).map(|b| IpAddr::from(b).to_string()).unwrap_or_default(),
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

/// `00:11:22:33:44:55`, `00-11-...`, `0011.2233.4455` or twelve digits; not the two that every card could have.
fn mac(text: &str) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(12);
    for c in text.chars() {
        match c.to_digit(16) {
            Some(digit) => digits.push(digit as u8),
            None if ":-. ".contains(c) => {}
            None => return None,
        }
    }
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let is_usual = digits.len() == 12 && bytes.iter().any(|b| *b != 0) && bytes.iter().any(|b| *b != 255);
    is_usual.then_some(bytes)
}

/// IPv4 or IPv6 in any spelling, with or without brackets, zone or prefix length; not one that every host has.
fn ip(text: &str) -> Option<Vec<u8>> {
    let text = text.split('/').next().unwrap_or(text);
    let text = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let text = text.split('%').next().unwrap_or(text);
    let address = text.parse::<IpAddr>().ok()?.to_canonical();
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        return None;
    }
    Some(match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(kind: Kind, text: &str) -> Option<String> {
        Key::new(kind, text).map(|key| shown(kind, &key.value))
    }

    #[test]
    fn many_spellings_are_one_key() {
        for mac in ["00:11:22:AA:bb:cc", "00-11-22-aa-bb-cc", "0011.22aa.bbcc", "001122AABBCC", " 00:11:22:aa:bb:cc "] {
            assert_eq!(spelt(Kind::Mac, mac).as_deref(), Some("00:11:22:aa:bb:cc"), "{mac}");
        }
        for ip in ["10.20.30.40", "::ffff:10.20.30.40", "10.20.30.40/24", "[::ffff:a14:1e28]"] {
            assert_eq!(spelt(Kind::Ip, ip).as_deref(), Some("10.20.30.40"), "{ip}");
        }
        for ip in ["2001:db8::1", "2001:0DB8:0:0:0:0:0:1", "[2001:db8::1]", "2001:db8::1/64", "2001:db8::1%eth0"] {
            assert_eq!(spelt(Kind::Ip, ip).as_deref(), Some("2001:db8::1"), "{ip}");
        }
        for name in ["WEB01.example.com", "web01.Example.com.", " web01.example.com"] {
            assert_eq!(spelt(Kind::Hostname, name).as_deref(), Some("web01.example.com"), "{name}");
        }
        assert_eq!(spelt(Kind::Sn, " 4F-ABC "), Some("4f-abc".into()));
        assert_eq!(Key::new(Kind::Hostname, "a.b.c").map(|key| key.short().value), Some(b"a".to_vec()));
    }

    #[test]
    fn what_every_host_could_have_is_no_key() {
        let nothing = [
            (Kind::Mac, "00:00:00:00:00:00"),
            (Kind::Mac, "ff:ff:ff:ff:ff:ff"),
            (Kind::Mac, "00:11:22:33:44"),
            (Kind::Mac, "zz:11:22:33:44:55"),
            (Kind::Ip, "127.0.0.1"),
            (Kind::Ip, "::1"),
            (Kind::Ip, "0.0.0.0"),
            (Kind::Ip, "10.0.0"),
            (Kind::Ip, "web01"),
            (Kind::Sn, "  "),
            (Kind::Hostname, "."),
            (Kind::Id, "a:b"),
        ];
        for (kind, text) in nothing {
            assert_eq!(spelt(kind, text), None, "{text}");
        }
        assert_eq!(spelt(Kind::Sn, &"x".repeat(256)), None);
    }

    #[test]
    fn kinds_have_numbers() {
        for kind in Kind::ORDER.into_iter().chain([Kind::Short]) {
            assert_eq!(Kind::from_number(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_number(200), None);
    }
}
