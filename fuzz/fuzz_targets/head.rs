//! Bytes as Redis could hand them over: heads and whole envelopes are read or refused, never more than that.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ralphext::{
    envelope::{HEAD_MAX, Ignore, Inspector, open, parse_head, parse_head_of, verify_hash},
    model::ServiceName,
};

fuzz_target!(|value: &[u8]| {
    let head = parse_head(value);
    // A head of its greatest length says as much as the whole value.
    assert_eq!(head, parse_head(&value[..value.len().min(HEAD_MAX)]));
    if let Ok(envelope) = open(value) {
        let head = head.expect("an envelope has a head");
        assert_eq!((envelope.version, envelope.epoch), (head.version.0, head.epoch.0));
        assert_eq!(envelope.hash.as_bytes(), head.digest.hex());
        let _ = verify_hash(&envelope, &Ignore::default());
    }
    let service = ServiceName::new("hwinfo").expect("a name");
    if let Ok(head) = Inspector::new(&service, Ignore::default()).inspect("4711", value) {
        assert_eq!(parse_head_of(value, "hwinfo", "4711"), Ok(head), "whose it is");
        verify_hash(&open(value).expect("an envelope"), &Ignore::default()).expect("its hash");
    }
});
