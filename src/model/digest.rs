//! The content digest. It must not know what is hashed.

use std::fmt;

/// SHA-256 of what a reader would show.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

/// The first 16 bytes of a [`Digest`]: what the ledger keeps of it.
pub type DigestPrefix = [u8; 16];

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Digest {
    /// 64 lower-case hexadecimal digits, as the envelope's `hash` has them.
    pub fn hex(&self) -> [u8; 64] {
        let mut out = [0; 64];
        write_hex(&self.0, &mut out);
        out
    }

    /// The part that the ledger keeps.
    pub fn prefix(&self) -> DigestPrefix {
        let mut out = [0; 16];
        out.copy_from_slice(&self.0[..16]);
        out
    }

    /// Reads 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let mut out = [0u8; 32];
        if text.len() != 64 {
            return None;
        }
        for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(out))
    }
}

/// Writes `bytes` as lower-case hexadecimal into `out`, which is twice as long.
pub fn write_hex(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
}

fn nibble(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trip() {
        let mut bytes = [0u8; 32];
        for (i, b) in bytes.iter_mut().enumerate() {
            *b = (i * 37) as u8;
        }
        let digest = Digest(bytes);
        assert_eq!(Digest::from_hex(&digest.hex()), Some(digest));
        assert_eq!(digest.to_string().as_bytes(), digest.hex());
        assert_eq!(Digest::from_hex(&[b'g'; 64]), None);
        assert_eq!(Digest::from_hex(b"00"), None);
    }
}
