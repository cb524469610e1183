//! Dates and times as data has them. It must not know the clock.

/// A day, counted from 1970-01-01.
pub type Day = i64;

/// The day that `text` names: `2026-11-25` (also with a time, or `/`), or `25.11.2026`.
pub(super) fn day(text: &str) -> Option<Day> {
    let text = text.trim();
    let date = text.split(['T', 't', ' ']).next().unwrap_or(text);
    let separator = date.chars().find(|c| !c.is_ascii_digit())?;
    let mut parts = date.split(separator).map(|part| (part.len(), part.parse::<u32>().ok()));
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = match (separator, first.0, third.0) {
        ('-' | '/' | '.', 4, 1..=2) => (first.1?, second.1?, third.1?),
        ('.', 1..=2, 4) => (third.1?, second.1?, first.1?),
        _ => return None,
    };
    from_civil(i64::from(year), month, day)
}

/// An RFC 3339 time of what `text` names: itself, a day, or seconds or milliseconds since 1970.
pub(super) fn time(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        return from_unix(number);
    }
    let date = day(text)?;
    let (year, month, day) = to_civil(date);
    let head = format!("{year:04}-{month:02}-{day:02}");
    let rest = text.get(10..).filter(|rest| !rest.is_empty());
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix(['T', 't', ' '])) else {
        return (text.len() <= 10).then(|| format!("{head}T00:00:00Z"));
    };
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone);
    let (clock, zone) = (clock.trim_end(), zone.to_ascii_uppercase());
    let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let seconds = if seconds.len() == 5 { format!("{seconds}:00") } else { seconds.to_owned() };
    let digits: String = fraction.chars().take(9).collect();
    let is_clock = seconds.len() == 8
        && seconds.bytes().enumerate().all(|(at, b)| if at % 3 == 2 { b == b':' } else { b.is_ascii_digit() })
        && within(&seconds[..2], 23)
        && within(&seconds[3..5], 59)
        && within(&seconds[6..], 60);
    if !is_clock || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction = if digits.is_empty() { String::new() } else { format!(".{digits}") };
    Some(format!("{head}T{seconds}{fraction}{}", offset(&zone)?))
}

/// A time zone's offset as RFC 3339 has it; without one it is UTC.
fn offset(zone: &str) -> Option<String> {
    if matches!(zone, "" | "Z") {
        return Some("Z".into());
    }
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let is_offset = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    (is_offset && within(&digits[..2], 23) && within(&digits[2..], 59))
        .then(|| format!("{}{}:{}", &zone[..1], &digits[..2], &digits[2..]))
}

fn within(digits: &str, max: u32) -> bool {
    digits.parse::<u32>().is_ok_and(|n| n <= max)
}

/// Seconds, or milliseconds where seconds would be after the year 5000.
fn from_unix(number: f64) -> Option<String> {
    let ms = if number.abs() < 1e11 { number * 1000.0 } else { number };
    if !(0.0..2.5e14).contains(&ms) {
        return None;
    }
    let ms = ms.round() as i64;
    let (year, month, day) = to_civil(ms.div_euclid(86_400_000));
    let (of_day, millis) = (ms.rem_euclid(86_400_000) / 1000, ms.rem_euclid(1000));
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

/// Days from 1970-01-01 (the proleptic Gregorian calendar; H. Hinnant's `days_from_civil`).
fn from_civil(year: i64, month: u32, day: u32) -> Option<Day> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = i64::from((month + 9) % 12);
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

fn to_civil(day: Day) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("2026-11-25", 20_782),
            (" 2026-11-25T23:59:59+02:00", 20_782),
            ("2026-11-25 10:00", 20_782),
            ("25.11.2026", 20_782),
            ("5.1.1970", 4),
            ("2026/11/25", 20_782),
            ("2024-02-29", 19_782),
            ("1969-12-31", -1),
        ] {
            assert_eq!(day(text), Some(number), "{text}");
        }
        for text in ["", "soon", "2026-13-01", "2025-02-29", "11/25/2026", "2026-11", "2026-11-25-1", "20261125", "n/a"]
        {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, made) in [
            ("2026-11-25T05:20:00Z", "2026-11-25T05:20:00Z"),
            ("2018-07-04T20:27:12.60602144+02:00", "2018-07-04T20:27:12.60602144+02:00"),
            ("2026-11-25 05:20", "2026-11-25T05:20:00Z"),
            ("2026-11-25t05:20:00.1234567891 +0100", "2026-11-25T05:20:00.123456789+01:00"),
            ("25.11.2026", "2026-11-25T00:00:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("1795476802.5", "2026-11-23T23:33:22.500Z"),
            ("1795476802123", "2026-11-23T23:33:22.123Z"),
        ] {
            assert_eq!(time(text).as_deref(), Some(made), "{text}");
        }
        for text in
            ["", "now", "2026-11-25T5:20:00Z", "2026-11-25T25:00:00Z", "2026-11-25T05:20:00+2", "-1", "1e300", "NaN"]
        {
            assert_eq!(time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn days_go_there_and_back(number in -700_000i64..2_000_000) {
            let (year, month, date) = to_civil(number);
            prop_assert_eq!(from_civil(year, u32::try_from(month).unwrap(), u32::try_from(date).unwrap()), Some(number));
        }

        #[test]
        fn no_text_panics(text in any::<String>(), like in r"[0-9TZ:.+ -]{0,30}") {
            let _ = (day(&text), time(&text), day(&like), time(&like));
        }
    }
}
