//! What to look for in a value's head to tell whether it is the one last written. It must not know how it is compared.

use super::seal::{BEFORE_EPOCH, BEFORE_HASH, BEFORE_VERSION};
use crate::model::{DigestPrefix, Version, write_hex};

/// What a value with `version` and `digest` begins with, and what stands further on in its head.
pub fn probe(version: Version, digest: &DigestPrefix) -> (Vec<u8>, Vec<u8>) {
    let mut start = BEFORE_VERSION.to_vec();
    start.extend_from_slice(version.0.to_string().as_bytes());
    start.extend_from_slice(BEFORE_EPOCH);
    // The quotes and the name before it: nothing else in a head can look like it.
    let mut further = BEFORE_HASH.to_vec();
    let at = further.len();
    further.resize(at + digest.len() * 2, 0);
    write_hex(digest, &mut further[at..]);
    (start, further)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{
        envelope::{Ignore, Sealer},
        model::{Content, ContentType, Epoch, ServiceName},
    };

    #[test]
    fn a_sealed_value_answers_its_probe() {
        let mut sealer = Sealer::new(&ServiceName::new("hwinfo").unwrap(), Ignore::default());
        let digest = sealer.prepare(&Content { content_type: ContentType::JSON, body: Cow::Borrowed("{}") }).unwrap();
        let mut value = Vec::new();
        sealer.write(&mut value, "4711", Version(17), Epoch(3), 0);
        let (start, further) = probe(Version(17), &digest.prefix());
        assert!(value.starts_with(&start));
        assert!(memchr::memmem::find(&value, &further).is_some());
        assert!(!value.starts_with(&probe(Version(1), &digest.prefix()).0));
    }
}
