//! Any text: the canonical form is the one of another implementation, stays as it is, and is refused only with cause.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ralphext::{envelope::Canonicaliser, model::FaultKind};
use serde_json::Value;

fuzz_target!(|text: &str| {
    let mut canonicaliser = Canonicaliser::default();
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    let theirs = serde_json::from_str::<Value>(text);
    match canonicaliser.json(text, &mut once) {
        Ok(()) => {
            // Its own limit of depth is one less than ours.
            if let Ok(value) = theirs {
                assert_eq!(once, serde_json_canonicalizer::to_vec(&value).expect("it is a plain value"));
            } else {
                assert!(theirs.unwrap_err().to_string().contains("recursion limit"), "only we accept it");
            }
            let again = std::str::from_utf8(&once).expect("canonical text is UTF-8");
            canonicaliser.json(again, &mut twice).expect("canonical text has a canonical form");
            assert_eq!(once, twice);
        }
        Err(error) => {
            assert!(once.is_empty());
            assert!(theirs.is_err() || error.kind == FaultKind::NotCanonical, "only we refuse it: {error}");
        }
    }
});
