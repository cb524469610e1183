//! Whether a value is what its key promises: all that a reader relies on, fast where nothing is wrong. It must not know
//! where the value was read.

use std::{ops::Range, str};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Canonicaliser, Head, Ignore, OpenError, open, parse_head,
    seal::{BEFORE_CONTENT, BEFORE_ENCODING, BEFORE_ID, BEFORE_SERVICE, BEFORE_TYPE, digest_of, head_len},
    validate_card, verify_hash,
};
use crate::model::{ContentType, Encoding, ServiceName};

/// Inspects one value after another of one service; keeps its working memory.
///
/// A value as [`super::Sealer`] writes it is read once, as bytes. Anything else takes the long way through a parser, which
/// finds out what is wrong with it, or that nothing is (later releases may add fields).
#[derive(Debug)]
pub struct Inspector {
    service: ServiceName,
    /// From behind the hash to before the object's id.
    before_id: Vec<u8>,
    ignore: Ignore,
    canonicaliser: Canonicaliser,
    canonical: Vec<u8>,
    cuts: Vec<Range<usize>>,
}

impl Inspector {
    /// For the objects of `service`, whose content is hashed without what `ignore` names.
    pub fn new(service: &ServiceName, ignore: Ignore) -> Self {
        Self {
            service: service.clone(),
            before_id: [BEFORE_SERVICE, service.as_str().as_bytes(), BEFORE_ID].concat(),
            ignore,
            canonicaliser: Canonicaliser::default(),
            canonical: Vec::new(),
            cuts: Vec::new(),
        }
    }

    /// The head of the value of object `id`, if it is an envelope of the published schema, of this service and object,
    /// whose hash is that of its content.
    pub fn inspect(&mut self, id: &str, value: &[u8]) -> Result<Head, OpenError> {
        match self.usual(id, value) {
            Some(head) => Ok(head),
            None => self.unusual(id, value),
        }
    }

    /// The head of a value in our own spelling; none means nothing but that it has to be looked at closely.
    fn usual(&mut self, id: &str, value: &[u8]) -> Option<Head> {
        let head = parse_head(value).ok()?;
        let rest = value.get(head_len(&head) - 1..)?.strip_prefix(self.before_id.as_slice())?;
        let rest = rest.strip_prefix(id.as_bytes())?.strip_prefix(BEFORE_TYPE)?;
        let end = memchr::memchr(b'"', rest)?;
        let content_type = ContentType::parse(str::from_utf8(&rest[..end]).ok()?)?;
        let encoding = content_type.encoding();
        if content_type.as_str().len() != end {
            return None; // one of the short words of configuration
        }
        let rest = rest[end..].strip_prefix(BEFORE_ENCODING)?.strip_prefix(encoding.as_str().as_bytes())?;
        let content = str::from_utf8(rest.strip_prefix(BEFORE_CONTENT)?.strip_suffix(b"}")?).ok()?;
        self.canonical.clear();
        self.canonicaliser.json(content, &mut self.canonical).ok()?;
        let digest = digest_of(
            &self.ignore,
            &self.canonical,
            self.canonicaliser.member_ends(),
            content_type.as_str(),
            encoding,
            &mut self.cuts,
        );
        let fits = match encoding {
            Encoding::Json => content_type != ContentType::CARD || validate_card(content).is_ok(),
            Encoding::Utf8 => content.starts_with('"'),
            Encoding::Base64 => is_base64(content),
        };
        (fits && digest == head.digest && self.canonical == content.as_bytes()).then_some(head)
    }

    #[cold]
    fn unusual(&self, id: &str, value: &[u8]) -> Result<Head, OpenError> {
        let head = parse_head(value)?;
        let envelope = open(value)?;
        if envelope.service != self.service.as_str() {
            return Err(OpenError::OtherService(envelope.service));
        }
        if envelope.object_id != id {
            return Err(OpenError::OtherObject(envelope.object_id));
        }
        verify_hash(&envelope, &self.ignore)?;
        let content = envelope.content.to_string();
        if envelope.content_type == ContentType::CARD.as_str() {
            validate_card(&content).map_err(OpenError::Card)?;
        }
        if envelope.encoding == Encoding::Base64.as_str() && !is_base64(&content) {
            return Err(OpenError::NoBase64);
        }
        Ok(head)
    }
}

/// Whether a JSON string holds base64; its alphabet needs no escapes.
fn is_base64(json: &str) -> bool {
    let text = json.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    text.is_some_and(|text| STANDARD.decode(text).is_ok())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::{
        envelope::Sealer,
        model::{Content, Epoch, Version},
    };

    const CARD: &str = r#"{"title":"Disks","status":"ok","fields":[{"label":"Slot","value":7}]}"#;

    fn service() -> ServiceName {
        ServiceName::new("hwinfo").unwrap()
    }

    fn inspector() -> Inspector {
        Inspector::new(&service(), Ignore::new(["/at"]).unwrap())
    }

    fn sealed(content_type: ContentType, body: &str) -> Vec<u8> {
        let mut sealer = Sealer::new(&service(), Ignore::new(["/at"]).unwrap());
        sealer.prepare(&Content { content_type, body: Cow::Borrowed(body) }).unwrap();
        let mut out = Vec::new();
        sealer.write(&mut out, "4711", Version(1_795_476_802_123), Epoch(17), 1_795_476_802_123);
        out
    }

    fn kinds() -> Vec<Vec<u8>> {
        vec![
            sealed(ContentType::JSON, r#"{"b":[1,2.50,null],"at":7,"a":"\u017c\n"}"#),
            sealed(ContentType::JSON, "null"),
            sealed(ContentType::CARD, CARD),
            sealed(ContentType::HTML, "<p>\u{1f600}</p>"),
            sealed(ContentType::parse("application/pdf").unwrap(), "JVBERi0="),
        ]
    }

    #[test]
    fn what_is_sealed_is_sound_without_the_long_way() {
        let mut inspector = inspector();
        for value in kinds() {
            let text = String::from_utf8_lossy(&value);
            assert_eq!(inspector.usual("4711", &value), Some(parse_head(&value).unwrap()), "{text}");
            assert_eq!(inspector.unusual("4711", &value).unwrap(), parse_head(&value).unwrap(), "{text}");
        }
    }

    #[test]
    fn what_is_ignored_may_differ_and_more_fields_may_follow() {
        let value = String::from_utf8(sealed(ContentType::JSON, r#"{"a":1,"at":7}"#)).unwrap();
        for other in [
            value.replace("\"at\":7", "\"at\":8"),
            value.replace("\"at\":7}}", "\"at\":7},\"more\":[1]}"),
            value.replace(",\"service\"", ", \"service\""),
            value.replace("{\"a\":1,\"at\":7}", "{\"at\":7, \"a\":1.0}"),
        ] {
            assert_ne!(value, other);
            inspector().inspect("4711", other.as_bytes()).unwrap_or_else(|e| panic!("{other}: {e}"));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let json = || String::from_utf8(sealed(ContentType::JSON, r#"{"a":1}"#)).unwrap();
        let card = String::from_utf8(sealed(ContentType::CARD, CARD)).unwrap();
        let pdf = String::from_utf8(sealed(ContentType::parse("application/pdf").unwrap(), "JVBERi0=")).unwrap();
        for (value, id, said) in [
            (json(), "4712", "object \"4711\""),
            (json().replace("\"hwinfo\"", "\"tickets\""), "4711", "service \"tickets\""),
            (json().replace("{\"a\":1}", "{\"a\":2}"), "4711", "says hash"),
            (json().replace("{\"a\":1}", "{\"a\":1"), "4711", "no envelope"),
            (json().replace("application/json", "text/xml"), "4711", "no media type"),
            (rehashed(&card, r#""title":"Disks""#, r#""title":"""#), "4711", "card"),
            (rehashed(&pdf, "JVBERi0=", "%%%"), "4711", "base64"),
            (String::new(), "4711", "there is no value"),
            ("[]".into(), "4711", "no envelope"),
        ] {
            let error = inspector().inspect(id, value.as_bytes()).expect_err(&value).to_string();
            assert!(error.contains(said), "{said}: {error}");
        }
    }

    /// `value` with `from` replaced in its content, under the hash that fits.
    fn rehashed(value: &str, from: &str, to: &str) -> String {
        let changed = value.replace(from, to);
        assert_ne!(changed, value);
        let OpenError::Hash { said, computed } =
            verify_hash(&open(changed.as_bytes()).unwrap(), &Ignore::default()).unwrap_err()
        else {
            panic!("{changed}")
        };
        changed.replace(&said, &computed.to_string())
    }

    proptest! {
        /// The short way never says sound where the long way does not.
        #[test]
        fn both_ways_agree_on_damaged_values(
            kind in 0usize..5, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()
        ) {
            let mut value = kinds().swap_remove(kind);
            let at = at.index(value.len());
            value[at] = byte;
            for value in [&value[..], &value[..cut.index(value.len())]] {
                let mut inspector = inspector();
                if let Some(head) = inspector.usual("4711", value) {
                    prop_assert_eq!(inspector.unusual("4711", value).unwrap(), head);
                }
                let _ = inspector.inspect("4711", value);
            }
        }

        #[test]
        fn any_content_comes_through(a in any::<f64>().prop_filter("finite", |n| n.is_finite()), text in any::<String>()) {
            let body = Value::from_iter([("n", Value::from(a)), ("t", text.clone().into())]).to_string();
            for value in [sealed(ContentType::JSON, &body), sealed(ContentType::TEXT, &text)] {
                prop_assert!(inspector().usual("4711", &value).is_some());
                prop_assert!(inspector().unusual("4711", &value).is_ok());
            }
        }
    }
}
