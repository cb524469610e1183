//! Any line: it is a record, or refused with a reason; what the fast path reads of it is what the parser reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ralphext::pipeline::{Record, fast_id, lead, parse};
use serde_json::value::RawValue;

fuzz_target!(|line: &[u8]| {
    let parsed = parse(line);
    let lead = lead(line);
    assert_eq!(lead.map(|lead| lead.id), fast_id(line));
    match &parsed {
        Ok(Record::Upsert { id, .. } | Record::Remove { id }) => {
            assert!(lead.is_none_or(|lead| lead.id == *id), "another id");
        }
        Ok(_) => assert!(lead.is_none(), "a control record with an id"),
        Err(bad) => assert!(!bad.fault.reason.is_empty()),
    }
    let unread = lead.and_then(|lead| lead.content());
    if let Some(text) = unread.filter(|text| serde_json::from_str::<&RawValue>(text).is_ok()) {
        let Ok(Record::Upsert { content, content_type: None, .. }) = parsed else { panic!("only the fast path takes it") };
        assert_eq!(content, text);
    }
});
