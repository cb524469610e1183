//! Numbers of JSON text in the form of ECMAScript's `Number::toString` (RFC 8785, section 3.2.2.3).
//! It must not know where in a text they stand.
//!
//! What is refused: a number too large for a double; one so close to zero that it would become zero; and an integer
//! (neither fraction nor exponent written) whose canonical text would be another integer, as 9007199254740993 would be
//! 9007199254740992. A number written with a fraction or an exponent is meant as a double and takes the nearest one, as
//! RFC 8785 says.

use super::error::{Problem, Stop};

/// As many significant digits as any double keeps (`f64::DIGITS`): what has no more of them reads back unchanged.
const SAFE_DIGITS: usize = 15;

/// A number found in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scanned {
    /// One past its last byte.
    pub(super) end: usize,
    /// Whether its text is canonical as it stands.
    pub(super) verbatim: bool,
}

#[inline(always)]
fn digits_end(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// Reads the number that begins at `start` (RFC 8259, section 6).
#[inline(always)]
pub(super) fn scan(text: &[u8], start: usize) -> Result<Scanned, Stop> {
    let negative = text.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let whole_end = digits_end(text, first);
    let whole = whole_end - first;
    let zero = text.get(first) == Some(&b'0');
    if whole == 0 {
        return Err(Stop::expected(if negative { start } else { first }, "a value"));
    }
    if zero && whole > 1 {
        return Err(Stop::expected(first + 1, "no digit after a leading zero"));
    }
    if !matches!(text.get(whole_end), Some(b'.' | b'e' | b'E')) {
        return Ok(Scanned { end: whole_end, verbatim: whole <= SAFE_DIGITS && !(zero && negative) });
    }
    scan_rest(text, first, whole_end)
}

/// Reads fraction and exponent of the number whose whole digits stand from `first` to `whole_end`.
fn scan_rest(text: &[u8], first: usize, whole_end: usize) -> Result<Scanned, Stop> {
    let mut end = whole_end;
    let mut verbatim = false;
    if text.get(end) == Some(&b'.') {
        let from = end + 1;
        end = digits_end(text, from);
        if end == from {
            return Err(Stop::expected(end, "a digit after the decimal point"));
        }
        // Smaller than 1e-6 takes an exponent.
        let small = text[first] == b'0' && text[from..end.min(from + 6)].iter().all(|b| *b == b'0');
        verbatim = end - first <= SAFE_DIGITS + 1 && text[end - 1] != b'0' && !small;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = matches!(text.get(end + 1), Some(b'+' | b'-'));
        let from = end + 1 + usize::from(sign);
        end = digits_end(text, from);
        if end == from {
            return Err(Stop::expected(end, "a digit of the exponent"));
        }
        verbatim = false;
    }
    Ok(Scanned { end, verbatim })
}

/// Appends the canonical form of `literal`, which [`scan`] has accepted.
pub(super) fn push_number(out: &mut Vec<u8>, literal: &str) -> Result<(), Problem> {
    let range = Problem::Range(literal.len());
    let double: f64 = literal.parse().map_err(|_| range)?;
    if !double.is_finite() {
        return Err(range);
    }
    let mantissa = literal.split(['e', 'E']).next().unwrap_or_default();
    if double == 0.0 {
        if mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
            return Err(range);
        }
        out.push(b'0');
        return Ok(());
    }
    let mut buffer = ryu_js::Buffer::new();
    let canonical = buffer.format_finite(double);
    let integer = literal.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if integer && !same_integer(literal, canonical) {
        return Err(Problem::Rounded(literal.len()));
    }
    out.extend_from_slice(canonical.as_bytes());
    Ok(())
}

/// Whether `canonical` (digits, or `d.ddde+nn`) is the integer that `literal` (digits) is.
fn same_integer(literal: &str, canonical: &str) -> bool {
    let literal = literal.trim_start_matches('-');
    let canonical = canonical.trim_start_matches('-');
    let significant = literal.trim_end_matches('0');
    match canonical.split_once("e+") {
        None => literal == canonical,
        Some((mantissa, exponent)) => {
            let digits = mantissa.bytes().filter(u8::is_ascii_digit);
            exponent.parse() == Ok(literal.len() - 1) && digits.eq(significant.bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(literal: &str) -> Result<String, Problem> {
        let scanned = scan(literal.as_bytes(), 0).map_err(|s| s.problem)?;
        assert_eq!(scanned.end, literal.len(), "{literal}");
        let mut out = Vec::new();
        push_number(&mut out, literal)?;
        let out = String::from_utf8(out).unwrap();
        if scanned.verbatim {
            assert_eq!(out, literal);
        }
        Ok(out)
    }

    /// RFC 8785, appendix B (and its two notes on rounding).
    #[test]
    fn rfc8785_appendix_b() {
        for (bits, text) in [
            (0x0000000000000000u64, "0"),
            (0x8000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0xffefffffffffffff, "-1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0xc340000000000000, "-9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef4f, "999999999999999900000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0x41b3de4355555554, "333333333.33333325"),
            (0x41b3de4355555555, "333333333.3333333"),
            (0x41b3de4355555556, "333333333.3333334"),
            (0x41b3de4355555557, "333333333.33333343"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
            (0x43143ff3c1cb0959, "1424953923781206.2"),
        ] {
            // Rust's `{:e}` is the shortest text that reads back as the same double, in another form.
            assert_eq!(canonical(&format!("{:e}", f64::from_bits(bits))).unwrap(), text, "{bits:x}");
            assert_eq!(canonical(text).unwrap(), text, "{bits:x}");
        }
    }

    #[test]
    fn spellings_of_one_number() {
        for (literal, text) in [
            ("1.0", "1"),
            ("1e2", "100"),
            ("1E+2", "100"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0e5", "0"),
            ("1e21", "1e+21"),
            ("1000000000000000000000", "1e+21"),
            ("100000000000000000000", "100000000000000000000"),
            ("0.10", "0.1"),
            ("0.0000001", "1e-7"),
            ("123456789012.345", "123456789012.345"),
            ("9007199254740992", "9007199254740992"),
            ("100000000000000000000000", "1e+23"),
            ("9007199254740993.0", "9007199254740992"),
        ] {
            assert_eq!(canonical(literal).as_deref(), Ok(text), "{literal}");
        }
    }

    #[test]
    fn what_a_double_cannot_hold_is_refused() {
        for literal in [
            "9007199254740993",
            "-9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "295147905179352825856",
            "100000000000000000000001",
        ] {
            assert_eq!(canonical(literal), Err(Problem::Rounded(literal.len())), "{literal}");
        }
        for literal in ["1e309", "-1e309", "1e-400", "0.1e-330", &"9".repeat(400)] {
            assert_eq!(canonical(literal), Err(Problem::Range(literal.len())), "{literal}");
        }
    }

    #[test]
    fn no_numbers() {
        for text in ["-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e3", "", "a"] {
            assert!(scan(text.as_bytes(), 0).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn short_decimals_are_canonical_as_they_stand(literal in "-?(0|[1-9][0-9]{0,16})([.][0-9]{1,16})?(e[+-]?[0-9]{1,2})?") {
            // `canonical` compares with the general way wherever the text was called verbatim.
            let _ = canonical(&literal);
        }

        #[test]
        fn canonical_numbers_stay(double in any::<f64>().prop_filter("finite", |d| d.is_finite())) {
            let once = canonical(&format!("{double:e}")).unwrap();
            prop_assert_eq!(once.parse::<f64>().unwrap(), double);
            prop_assert_eq!(canonical(&once).unwrap(), once);
        }
    }
}
