//! The digest of what a reader would show. It must not know how content became canonical.

use sha2::{Digest as _, Sha256};

use crate::model::{Digest, Encoding};

/// SHA-256 over the RFC 8785 text of `{"content":...,"content_type":"...","encoding":"..."}`, without building it.
///
/// `content` is canonical JSON text in parts. Content types need no escapes (their grammar has no such character).
pub fn digest<'a>(content: impl IntoIterator<Item = &'a [u8]>, content_type: &str, encoding: Encoding) -> Digest {
    let mut sha = Sha256::new();
    sha.update(b"{\"content\":");
    for part in content {
        sha.update(part);
    }
    sha.update(b",\"content_type\":\"");
    sha.update(content_type);
    sha.update(b"\",\"encoding\":\"");
    sha.update(encoding.as_str());
    sha.update(b"\"}");
    Digest(sha.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_content_type_and_encoding() {
        let parts = [&b"{\"a\""[..], b":1}"];
        let text = r#"{"content":{"a":1},"content_type":"application/json","encoding":"json"}"#;
        let whole = Digest(Sha256::digest(text).into());
        assert_eq!(digest(parts, "application/json", Encoding::Json), whole);
        assert_ne!(digest(parts, "application/xml", Encoding::Json), whole);
        assert_ne!(digest(parts, "application/json", Encoding::Utf8), whole);
    }
}
