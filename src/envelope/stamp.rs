//! Points in time as RFC 3339 text in UTC with milliseconds, 24 bytes long. It must not read the wall clock.

use crate::model::UnixMs;

/// Length of `2026-11-23T23:33:22.123Z`.
pub(super) const STAMP_LEN: usize = 24;
/// 9999-12-31T23:59:59.999Z: the last point in time with four digits of year.
pub(super) const LAST: UnixMs = 253_402_300_799_999;

const DAY: u64 = 86_400_000;
/// Days of 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const TO_1970: u64 = 719_468;

/// `at` as text; points later than the year 9999 are taken as its last one.
pub(super) fn stamp(at: UnixMs) -> [u8; STAMP_LEN] {
    let at = at.min(LAST);
    let (days, ms) = (at / DAY, at % DAY);
    // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March.
    let shifted = days + TO_1970;
    let (era, of_era) = (shifted / ERA, shifted % ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let mut out = *b"0000-00-00T00:00:00.000Z";
    put(&mut out[0..4], year);
    put(&mut out[5..7], month);
    put(&mut out[8..10], day);
    put(&mut out[11..13], ms / 3_600_000);
    put(&mut out[14..16], ms / 60_000 % 60);
    put(&mut out[17..19], ms / 1000 % 60);
    put(&mut out[20..23], ms % 1000);
    out
}

fn put(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Reads what [`stamp`] writes, and nothing else.
pub(super) fn parse(text: &[u8; STAMP_LEN]) -> Option<UnixMs> {
    let number = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0u64, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u64::from(b - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + of_year;
    let days = (year / 400 * ERA + of_era).checked_sub(TO_1970)?;
    let ms = number(11, 13)? * 3_600_000 + number(14, 16)? * 60_000 + number(17, 19)? * 1000 + number(20, 23)?;
    // Writing it again catches everything else: 30 February, 25 o'clock, other separators.
    let at = days * DAY + ms;
    (stamp(at) == *text).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_humantime(at in 0..=LAST) {
            let text = stamp(at);
            let theirs = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at)).to_string();
            prop_assert_eq!(std::str::from_utf8(&text).unwrap(), &theirs);
            prop_assert_eq!(parse(&text), Some(at));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<[u8; STAMP_LEN]>()) {
            if let Some(at) = parse(&text) {
                prop_assert_eq!(stamp(at), text);
            }
        }
    }

    #[test]
    fn no_such_time() {
        assert_eq!(&stamp(u64::MAX), b"9999-12-31T23:59:59.999Z");
        assert_eq!(parse(b"2024-02-29T00:00:00.000Z"), Some(1_709_164_800_000));
        for text in [
            b"2023-02-29T00:00:00.000Z",
            b"2024-01-01T24:00:00.000Z",
            b"2024-01-01 00:00:00.000Z",
            b"2024-00-01T00:00:00.000Z",
            b"2024-01-00T00:00:00.000Z",
            b"1969-12-31T23:59:59.999Z",
            b"2024-01-01T00:00:60.000Z",
            b"1970-01-99T00:00:00.000Z",
        ] {
            assert_eq!(parse(text), None);
        }
    }
}
