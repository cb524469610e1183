//! Plain data as a pickle that every Python 3 reads: protocol 3, with no names, calls or references in it. It must not know
//! what the data is.

use crate::bridge::value::Value;

/// The pickle of `value`: `str`, `bytes`, `int`, `float`, `bool`, `None`, `list` and `dict` only.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = vec![0x80, 3];
    put(&mut out, value);
    out.push(b'.');
    out
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::None => out.push(b'N'),
        Value::Bool(true) => out.push(0x88),
        Value::Bool(false) => out.push(0x89),
        Value::Int(int) => match i32::try_from(*int) {
            Ok(small) => {
                out.push(b'J');
                out.extend(small.to_le_bytes());
            }
            Err(_) => {
                out.extend([0x8a, 8]);
                out.extend(int.to_le_bytes());
            }
        },
        // Digits and a line break (LONG): rare, so the slow form will do.
        Value::BigInt(digits) => {
            out.push(b'L');
            out.extend(digits.bytes());
            out.extend(b"L\n");
        }
        Value::Float(float) => {
            out.push(b'G');
            out.extend(float.to_be_bytes());
        }
        Value::Str(text) => sized(out, b'X', text.as_bytes()),
        Value::Bytes(bytes) => sized(out, b'B', bytes),
        Value::List(items) => {
            out.extend(b"](");
            items.iter().for_each(|item| put(out, item));
            out.push(b'e');
        }
        Value::Dict(pairs) => {
            out.extend(b"}(");
            for (key, value) in pairs {
                put(out, key);
                put(out, value);
            }
            out.push(b'u');
        }
    }
}

fn sized(out: &mut Vec<u8>, code: u8, bytes: &[u8]) {
    // Results are bounded far below 4 GiB (bridge.max_result).
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.push(code);
    out.extend(len.to_le_bytes());
    out.extend(&bytes[..len as usize]);
}
