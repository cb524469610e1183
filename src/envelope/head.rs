//! The head of an envelope, read by position: identity and hash without the content. It must not know how it was fetched.

use super::{
    HEAD_MAX,
    seal::{BEFORE_EPOCH, BEFORE_HASH, BEFORE_ID, BEFORE_SERVICE, BEFORE_STAMP, BEFORE_VERSION},
    stamp,
};
use crate::model::{Digest, Epoch, ServiceName, UnixMs, Version};

/// The largest integer that every JSON reader keeps exactly, 2^53 - 1: versions and epochs stay within it.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// The first fields of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Version of the value.
    pub version: Version,
    /// Epoch of its writer.
    pub epoch: Epoch,
    /// When the content last changed.
    pub changed_at: UnixMs,
    /// The content's digest.
    pub digest: Digest,
}

/// Why bytes are no envelope's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// No bytes: what `GETRANGE` answers for a key that is not there.
    #[error("there is no value")]
    Missing,
    /// Bytes that this layout does not have there.
    #[error("the value is no envelope: expected {expected} at byte {at}")]
    Unlike {
        /// Position, from 0.
        at: usize,
        /// What stands there in an envelope.
        expected: &'static str,
    },
}

/// Reads the head of an envelope as [`super::Sealer`] writes it, from the value or its first [`super::HEAD_MAX`] bytes;
/// does not look at what follows.
///
/// Strict: other spellings of the same JSON are refused, since ours are the only ones that a writer of ours makes.
pub fn parse_head(value: &[u8]) -> Result<Head, HeadError> {
    read(&mut Cursor { value, at: 0 })
}

/// As [`parse_head`], of a value that has to be the one of the object `id` of `service`: an envelope copied here from
/// another key is refused. Needs the value's first `identity_len(service)` bytes, and as many more as `id` has.
pub fn parse_head_of(value: &[u8], service: &str, id: &str) -> Result<Head, HeadError> {
    let mut cursor = Cursor { value, at: 0 };
    let head = read(&mut cursor)?;
    // The quote that ends the hash is read already.
    cursor.literal(&BEFORE_SERVICE[1..], ",\"service\":\"")?;
    cursor.literal(service.as_bytes(), "the service's name")?;
    cursor.literal(BEFORE_ID, "\",\"object_id\":\"")?;
    cursor.literal(id.as_bytes(), "the object's id")?;
    cursor.literal(b"\"", "the object's id")?;
    Ok(head)
}

/// Bytes within which an envelope of `service` tells whose it is, not counting the object's id.
pub fn identity_len(service: &ServiceName) -> usize {
    HEAD_MAX + BEFORE_SERVICE.len() + service.as_str().len() + BEFORE_ID.len() + 1
}

fn read(cursor: &mut Cursor<'_>) -> Result<Head, HeadError> {
    if cursor.value.is_empty() {
        return Err(HeadError::Missing);
    }
    cursor.literal(BEFORE_VERSION, "{\"schema\":\"envelope.v1\",\"version\":")?;
    let version = cursor.number()?;
    cursor.literal(BEFORE_EPOCH, ",\"epoch\":")?;
    let epoch = cursor.number()?;
    cursor.literal(BEFORE_STAMP, ",\"changed_at\":\"")?;
    let changed_at = cursor.take("a time like 2026-11-23T23:33:22.123Z", stamp::parse)?;
    cursor.literal(BEFORE_HASH, "\",\"hash\":\"")?;
    let digest = cursor.take("64 lower-case hexadecimal digits", |hex: &[u8; 64]| Digest::from_hex(hex))?;
    cursor.literal(b"\"", "a quote")?;
    Ok(Head { version: Version(version), epoch: Epoch(epoch), changed_at, digest })
}

struct Cursor<'a> {
    value: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &[u8] {
        self.value.get(self.at..).unwrap_or_default()
    }

    fn literal(&mut self, bytes: &[u8], expected: &'static str) -> Result<(), HeadError> {
        if !self.rest().starts_with(bytes) {
            return Err(HeadError::Unlike { at: self.at, expected });
        }
        self.at += bytes.len();
        Ok(())
    }

    /// An integer from 0 to [`MAX_NUMBER`], without leading zeros.
    fn number(&mut self) -> Result<u64, HeadError> {
        let error = HeadError::Unlike { at: self.at, expected: "an integer from 0 to 2^53 - 1" };
        // 2^53 - 1 has 16 digits: one more is too many, and cannot overflow.
        let digits = self.rest().iter().take(17).take_while(|b| b.is_ascii_digit());
        let (len, value) = digits.fold((0, 0), |(len, sum), b| (len + 1, sum * 10 + u64::from(b - b'0')));
        let leading_zero = len > 1 && self.rest().first() == Some(&b'0');
        if len == 0 || leading_zero || value > MAX_NUMBER {
            return Err(error);
        }
        self.at += len;
        Ok(value)
    }

    fn take<const N: usize, T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&[u8; N]) -> Option<T>,
    ) -> Result<T, HeadError> {
        let error = HeadError::Unlike { at: self.at, expected };
        let value = self.rest().first_chunk().and_then(read).ok_or(error)?;
        self.at += N;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        envelope::{HEAD_MAX, Ignore, Sealer},
        model::{Content, ContentType, ServiceName},
    };

    fn sealed(body: &str, id: &str, version: u64, epoch: u64, changed_at: u64) -> (Vec<u8>, Digest) {
        let mut sealer = Sealer::new(&ServiceName::new("hwinfo").unwrap(), Ignore::default());
        let content = Content { content_type: ContentType::TEXT, body: Cow::Borrowed(body) };
        let digest = sealer.prepare(&content).unwrap();
        let mut out = Vec::new();
        sealer.write(&mut out, id, Version(version), Epoch(epoch), changed_at);
        assert_eq!(out.len(), sealer.envelope_len(id, Version(version), Epoch(epoch)));
        (out, digest)
    }

    proptest! {
        #[test]
        fn what_was_sealed_reads_back(
            body in any::<String>(), version in 0..=MAX_NUMBER, epoch in 0..=MAX_NUMBER, changed_at in 0..=stamp::LAST,
        ) {
            let (value, digest) = sealed(&body, "4711", version, epoch, changed_at);
            let head = Head { version: Version(version), epoch: Epoch(epoch), changed_at, digest };
            prop_assert_eq!(parse_head(&value), Ok(head));
            prop_assert_eq!(parse_head(&value[..value.len().min(HEAD_MAX)]), Ok(head));
            let enough = identity_len(&ServiceName::new("hwinfo").unwrap()) + 4;
            prop_assert_eq!(parse_head_of(&value[..value.len().min(enough)], "hwinfo", "4711"), Ok(head));
            for (service, id) in [("hwinf", "4711"), ("hwinfos", "4711"), ("hwinfo", "471"), ("hwinfo", "47111")] {
                prop_assert!(parse_head_of(&value, service, id).is_err());
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse_head(&bytes).is_err() && parse_head_of(&bytes, "", "").is_err());
        }

        #[test]
        fn damaged_heads_never_read_as_the_same(at in 0usize..160, byte in any::<u8>(), cut in 0usize..200) {
            let (mut value, _) = sealed("x", "1", 1_795_476_802_123, 17, 1_795_476_802_123);
            let head = parse_head(&value);
            prop_assert!(parse_head(&value[..cut.min(150)]).is_err());
            let before = std::mem::replace(&mut value[at], byte);
            prop_assert_eq!(parse_head(&value) == head, before == byte);
        }
    }

    #[test]
    fn the_layout_is_the_published_one() {
        let (value, digest) =
            sealed("a\nb", "data_center.rack.12", 1_795_476_802_123, 1_795_476_802_000, 1_795_476_802_123);
        let expected = format!(
            "{{\"schema\":\"envelope.v1\",\"version\":1795476802123,\"epoch\":1795476802000,\
             \"changed_at\":\"2026-11-23T23:33:22.123Z\",\"hash\":\"{digest}\",\"service\":\"hwinfo\",\
             \"object_id\":\"data_center.rack.12\",\"content_type\":\"text/plain\",\"encoding\":\"utf-8\",\
             \"content\":\"a\\nb\"}}"
        );
        assert_eq!(String::from_utf8(value).unwrap(), expected);
    }

    #[test]
    fn unlike_heads_say_where() {
        let (value, _) = sealed("", "1", 7, 8, 9);
        let text = String::from_utf8(value).unwrap();
        for (from, to, at) in [
            ("version\":7", "version\":07", 34),
            ("version\":7", "version\":9007199254740992", 34),
            ("\"epoch", " \"epoch", 35),
            ("epoch\":8", "epoch\":-8", 44),
            ("1970", "0970", 60),
            ("envelope.v1", "envelope.v2", 0),
        ] {
            let error = parse_head(text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(matches!(error, HeadError::Unlike { at: found, .. } if found == at), "{to}: {error}");
        }
        assert_eq!(parse_head(b""), Err(HeadError::Missing));
        assert!(parse_head(text.replacen("{\"schema", "{ \"schema", 1).as_bytes()).is_err());
    }
}
