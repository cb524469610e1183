//! Seals content: canonical form and digest first, the envelope's bytes once it is known that they are to be written.
//! It must not decide whether, nor know the key.

use std::ops::Range;

use super::{Canonicaliser, Head, Ignore, canonical_string, hash, stamp, validate_card};
use crate::model::{
    Content, ContentType, Digest, Encoding, Epoch, Fault, FaultKind, ObjectId, ServiceName, UnixMs, Version,
};

/// The envelope's `schema`.
pub const ENVELOPE_SCHEMA: &str = "envelope.v1";
/// No envelope's head (everything up to and including the hash) is longer, in bytes: `GETRANGE key 0 223` reads it.
pub const HEAD_MAX: usize = 224;

pub(super) const BEFORE_VERSION: &[u8] = b"{\"schema\":\"envelope.v1\",\"version\":";
pub(super) const BEFORE_EPOCH: &[u8] = b",\"epoch\":";
pub(super) const BEFORE_STAMP: &[u8] = b",\"changed_at\":\"";
pub(super) const BEFORE_HASH: &[u8] = b"\",\"hash\":\"";
pub(super) const BEFORE_SERVICE: &[u8] = b"\",\"service\":\"";
pub(super) const BEFORE_ID: &[u8] = b"\",\"object_id\":\"";
pub(super) const BEFORE_TYPE: &[u8] = b"\",\"content_type\":\"";
pub(super) const BEFORE_ENCODING: &[u8] = b"\",\"encoding\":\"";
pub(super) const BEFORE_CONTENT: &[u8] = b"\",\"content\":";

/// Everything of the longest head: two numbers of 20 digits, 64 of the hash, and its closing quote.
const LONGEST_HEAD: usize = BEFORE_VERSION.len()
    + 20
    + BEFORE_EPOCH.len()
    + 20
    + BEFORE_STAMP.len()
    + stamp::STAMP_LEN
    + BEFORE_HASH.len()
    + 64
    + 1;
const _: () = assert!(LONGEST_HEAD <= HEAD_MAX);

/// Length in bytes of a head: everything up to and including the closing quote of the hash.
pub(super) fn head_len(head: &Head) -> usize {
    LONGEST_HEAD - 40 + digits(head.version.0) + digits(head.epoch.0)
}

/// Seals one object after another for one service; keeps its working memory, so that it allocates only until it is warm.
///
/// For each object: [`prepare`](Self::prepare), then, if it is to be written, [`write`](Self::write).
#[derive(Debug)]
pub struct Sealer {
    ignore: Ignore,
    canonicaliser: Canonicaliser,
    cuts: Vec<Range<usize>>,
    /// From behind the hash to before the object's id.
    service: Vec<u8>,
    /// From behind the object's id to before the content.
    kind: Vec<u8>,
    content: Vec<u8>,
    digest: Digest,
}

impl Sealer {
    /// A sealer for the objects of `service`.
    pub fn new(service: &ServiceName, ignore: Ignore) -> Self {
        Self {
            ignore,
            canonicaliser: Canonicaliser::default(),
            cuts: Vec::new(),
            service: [BEFORE_SERVICE, service.as_str().as_bytes(), BEFORE_ID].concat(),
            kind: Vec::new(),
            content: Vec::new(),
            digest: Digest([0; 32]),
        }
    }

    /// Brings `content` into canonical form and returns its digest, without the ignored members where it is JSON.
    ///
    /// Cards are checked against their schema too. After an error there is nothing to write.
    pub fn prepare(&mut self, content: &Content<'_>) -> Result<Digest, Fault> {
        let encoding = content.content_type.encoding();
        let content_type = content.content_type.as_str();
        self.content.clear();
        self.kind.clear();
        for part in
            [BEFORE_TYPE, content_type.as_bytes(), BEFORE_ENCODING, encoding.as_str().as_bytes(), BEFORE_CONTENT]
        {
            self.kind.extend_from_slice(part);
        }
        if let Encoding::Json = encoding {
            self.canonicaliser.json(&content.body, &mut self.content)?;
        } else {
            canonical_string(&content.body, &mut self.content);
        }
        if content.content_type == ContentType::CARD
            && let Err(reason) = validate_card(&content.body)
        {
            self.content.clear();
            return Err(Fault::new(FaultKind::BadType, format!("the card does not fit its schema: {reason}")));
        }
        self.digest = digest_of(
            &self.ignore,
            &self.content,
            self.canonicaliser.member_ends(),
            content_type,
            encoding,
            &mut self.cuts,
        );
        Ok(self.digest)
    }

    /// Length in bytes of what [`write`](Self::write) will append.
    pub fn envelope_len(&self, id: &str, version: Version, epoch: Epoch) -> usize {
        // The two longest numbers are counted in the longest head, the quote of the hash in `service`, the brace below.
        LONGEST_HEAD - 1 - 40
            + digits(version.0)
            + digits(epoch.0)
            + self.service.len()
            + id.len()
            + self.kind.len()
            + self.content.len()
            + 1
    }

    /// Appends the envelope of what was prepared last. `id` is a valid [`ObjectId`].
    pub fn write(&self, out: &mut Vec<u8>, id: &str, version: Version, epoch: Epoch, changed_at: UnixMs) {
        debug_assert!(ObjectId::check(id).is_ok(), "{id:?}");
        debug_assert!(!self.content.is_empty(), "nothing was prepared");
        out.reserve(self.envelope_len(id, version, epoch));
        out.extend_from_slice(BEFORE_VERSION);
        push_number(out, version.0);
        out.extend_from_slice(BEFORE_EPOCH);
        push_number(out, epoch.0);
        out.extend_from_slice(BEFORE_STAMP);
        out.extend_from_slice(&stamp::stamp(changed_at));
        out.extend_from_slice(BEFORE_HASH);
        out.extend_from_slice(&self.digest.hex());
        out.extend_from_slice(&self.service);
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(&self.kind);
        out.extend_from_slice(&self.content);
        out.push(b'}');
    }

    /// The canonical content prepared last, ignored members included.
    pub fn content(&self) -> &[u8] {
        &self.content
    }
}

/// The digest of canonical content; members are ignored in JSON content only.
pub(super) fn digest_of(
    ignore: &Ignore,
    canonical: &[u8],
    ends: &[usize],
    content_type: &str,
    encoding: Encoding,
    cuts: &mut Vec<Range<usize>>,
) -> Digest {
    match encoding {
        Encoding::Json => hash::digest(ignore.kept(canonical, ends, cuts), content_type, encoding),
        Encoding::Utf8 | Encoding::Base64 => hash::digest([canonical], content_type, encoding),
    }
}

fn digits(value: u64) -> usize {
    value.checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn push_number(out: &mut Vec<u8>, mut value: u64) {
    let start = out.len();
    out.resize(start + digits(value), b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}
