//! Any bytes as a job's data: a call of plain data, or refused with a reason, in bounded memory; what was read is written and
//! read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ralphext::bridge::{Call, Value, pickle};

fuzz_target!(|bytes: &[u8]| {
    if let Err(bad) = Call::read(bytes, 1 << 20) {
        assert!(!bad.to_string().is_empty());
    }
    if let Ok(value) = pickle::decode(bytes, 1 << 20) {
        let again = pickle::decode(&pickle::encode(&value), usize::MAX).expect("it was written here");
        assert!(again == value || has_nan(&value), "{value:?} came back as {again:?}");
        let _ = value.to_json();
    }
});

fn has_nan(value: &Value) -> bool {
    match value {
        Value::Float(float) => float.is_nan(),
        Value::List(items) => items.iter().any(has_nan),
        Value::Dict(pairs) => pairs.iter().any(|(key, value)| has_nan(key) || has_nan(value)),
        _ => false,
    }
}
