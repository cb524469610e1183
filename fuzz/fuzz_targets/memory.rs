//! Bytes as somebody could put them at a service's own keys: baseline and descriptor are read or refused, and what was read
//! can be written, and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ralphext::{pipeline::Baseline, registry::Descriptor};

const NOW: u64 = 1_795_476_802_123;

fuzz_target!(|text: &[u8]| {
    if let Ok(baseline) = Baseline::read(text, NOW) {
        assert!(baseline.stale_from() <= NOW && baseline.as_of <= NOW, "a time that is still to come");
        let again = Baseline::read(baseline.to_json().as_bytes(), NOW).expect("its own text");
        assert_eq!(again.usual(), baseline.usual());
    }
    if let Ok(descriptor) = serde_json::from_slice::<Descriptor>(text) {
        let _ = (descriptor.is_alive(NOW), descriptor.is_stale(NOW));
        let written = serde_json::to_string(&descriptor).expect("what was read can be written");
        serde_json::from_str::<Descriptor>(&written).expect("its own text");
    }
});
