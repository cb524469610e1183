//! Times as Ralph writes them, and now. It must not know what happened then.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::UnixMs;

/// Wall clock, unix ms.
pub fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds since 1970 of `2026-11-23T20:52:29.816624`, with or without fraction and offset (`Z`, `+01:00`); where
/// none is written, the server's own time is taken for UTC, as all its times are. None when it is no such time.
pub fn micros(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (time, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], &time[at..]),
        None => (time, ""),
    };
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = whole.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_sane = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_sane || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_seconds(offset)?;
    u64::try_from(seconds * 1_000_000 + fraction).ok()
}

fn offset_seconds(offset: &str) -> Option<i64> {
    let sign = match offset.chars().next() {
        None | Some('Z') => return Some(0),
        Some('-') => -1,
        _ => 1,
    };
    let (hours, minutes) = offset[1..].split_once(':').unwrap_or((&offset[1..], "0"));
    Some(sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60))
}

/// Days from 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_ralph() {
        assert_eq!(micros("1970-01-01T00:00:00"), Some(0));
        assert_eq!(micros("2026-11-23T23:33:22.123"), Some(1_795_476_802_123_000));
        assert_eq!(micros("2026-11-23T23:33:22.123000Z"), Some(1_795_476_802_123_000));
        assert_eq!(micros("2026-11-24 00:33:22.123+01:00"), Some(1_795_476_802_123_000));
        assert_eq!(micros("2024-02-29T12:00:00"), micros("2024-02-28T12:00:00").map(|us| us + 86_400_000_000));
        assert!(micros("2026-11-23T20:52:29") < micros("2026-11-23T20:52:29.000001"));
        for bad in ["", "yesterday", "2026-13-01T00:00:00", "2026-11-23", "2026-11-23Tx:00:00", "2026-11-23T1:2:3.x"] {
            assert_eq!(micros(bad), None, "{bad}");
        }
    }
}
