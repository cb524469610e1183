//! The bytes of a pickle, piece by piece, and what can be wrong with them. It must not know what they mean.

use memchr::memchr;

/// Why a pickle is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPickle {
    /// It names something that would be called, imported or made.
    #[error("it names {0}, which is no plain data")]
    Names(String),
    /// It does something that plain data does not need.
    #[error("it has the instruction 0x{0:02x}, which plain data does not need")]
    Instruction(u8),
    /// It breaks off.
    #[error("it breaks off")]
    BrokenOff,
    /// It is larger, has more parts or is nested deeper than allowed.
    #[error("it has too many parts, or is nested too deep")]
    TooMuch,
    /// Anything else that no pickler writes.
    #[error("it is broken: {0}")]
    Broken(&'static str),
}

/// What is left to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], BadPickle> {
        let count = usize::try_from(count).map_err(|_| BadPickle::BrokenOff)?;
        let (taken, rest) = self.0.split_at_checked(count).ok_or(BadPickle::BrokenOff)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, BadPickle> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadPickle> {
        // As many were taken.
        self.take(N as u64)?.try_into().map_err(|_| BadPickle::BrokenOff)
    }

    /// Two bytes, little-endian.
    pub(super) fn u16(&mut self) -> Result<u16, BadPickle> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    pub(super) fn u32(&mut self) -> Result<u32, BadPickle> {
        self.array().map(u32::from_le_bytes)
    }

    /// Four bytes, little-endian, with a sign.
    pub(super) fn i32(&mut self) -> Result<i32, BadPickle> {
        self.array().map(i32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    pub(super) fn u64(&mut self) -> Result<u64, BadPickle> {
        self.array().map(u64::from_le_bytes)
    }

    /// Eight bytes, big-endian.
    pub(super) fn f64(&mut self) -> Result<f64, BadPickle> {
        self.array().map(f64::from_be_bytes)
    }

    /// Up to a line break, without it.
    pub(super) fn line(&mut self) -> Result<&'a [u8], BadPickle> {
        let end = memchr(b'\n', self.0).ok_or(BadPickle::BrokenOff)?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Ok(line)
    }

    /// A line of ASCII.
    pub(super) fn text_line(&mut self) -> Result<&'a str, BadPickle> {
        std::str::from_utf8(self.line()?).map_err(|_| BadPickle::Broken("a line is no text"))
    }
}

/// Bytes as a text, as Python has it in a pickle.
pub(super) fn utf8(bytes: &[u8]) -> Result<String, BadPickle> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| BadPickle::Broken("a text is no UTF-8"))
}

/// A text of protocol 0: raw bytes are Latin-1, `\uXXXX` and `\UXXXXXXXX` are escapes.
pub(super) fn raw_unicode(line: &[u8]) -> Result<String, BadPickle> {
    let bad = BadPickle::Broken("an escape in a text");
    let mut out = String::with_capacity(line.len());
    // A pair of surrogates comes as two escapes.
    let mut high = None;
    let mut rest = line;
    while let [first, behind @ ..] = rest {
        let width = match (first, behind.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                out.push(char::from(*first));
                rest = behind;
                continue;
            }
        };
        let digits = behind.get(1..1 + width).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(bad.clone())?;
        let code = u32::from_str_radix(digits, 16).map_err(|_| bad.clone())?;
        rest = &behind[1 + width..];
        match (high.take(), code) {
            (None, 0xd800..=0xdbff) => high = Some(code),
            (Some(high), 0xdc00..=0xdfff) => {
                let code = 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00);
                out.push(char::from_u32(code).ok_or(bad.clone())?);
            }
            (None, code) => out.push(char::from_u32(code).ok_or(bad.clone())?),
            (Some(_), _) => return Err(bad),
        }
    }
    if high.is_some() { Err(bad) } else { Ok(out) }
}

/// A `repr` of Python 2's str (protocol 0): quoted, with escapes.
pub(super) fn quoted(line: &[u8]) -> Result<Vec<u8>, BadPickle> {
    let bad = BadPickle::Broken("a quoted text");
    let line = line.trim_ascii();
    let ([b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"']) = line else { return Err(bad) };
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match rest.next().ok_or(bad.clone())? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'x' => {
                let digits = [rest.next().ok_or(bad.clone())?, rest.next().ok_or(bad.clone())?];
                let digits = std::str::from_utf8(&digits).map_err(|_| bad.clone())?;
                u8::from_str_radix(digits, 16).map_err(|_| bad.clone())?
            }
            byte @ (b'\\' | b'\'' | b'"') => byte,
            _ => return Err(bad),
        });
    }
    Ok(out)
}

/// A whole number of up to 1024 bytes, little-endian two's complement, as decimal digits.
pub(super) fn long(bytes: &[u8]) -> Result<String, BadPickle> {
    if bytes.len() > 1024 {
        return Err(BadPickle::TooMuch);
    }
    let negative = bytes.last().is_some_and(|top| top & 0x80 != 0);
    let mut magnitude: Vec<u8> = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in &mut magnitude {
            let (sum, over) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (sum, over);
        }
        if carry {
            // -2^(8n): one byte more.
            magnitude.push(1);
        }
    }
    let mut groups: Vec<u64> = Vec::new();
    const GROUP: u64 = 1_000_000_000;
    while magnitude.iter().any(|byte| *byte != 0) {
        let mut rest = 0u64;
        for byte in magnitude.iter_mut().rev() {
            let sum = (rest << 8) | u64::from(*byte);
            // The remainder is less than the divisor, so the quotient fits into a byte.
            *byte = (sum / GROUP) as u8;
            rest = sum % GROUP;
        }
        groups.push(rest);
        while magnitude.last() == Some(&0) {
            magnitude.pop();
        }
    }
    let Some(first) = groups.pop() else { return Ok("0".to_owned()) };
    let mut out = format!("{}{first}", if negative { "-" } else { "" });
    for group in groups.iter().rev() {
        out.push_str(&format!("{group:09}"));
    }
    Ok(out)
}
