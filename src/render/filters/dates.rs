//! `date`, `time`, `datetime`: points in time as people read them. It must not know the clock or time zones by name.

use minijinja::{Error, Value};

use super::{is_nothing, refuse};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Numbers from here on are milliseconds: in seconds it would be the year 5138.
const MILLIS: f64 = 1e11;

/// `{{ at|date }}`, `{{ at|date("%d.%m.%Y") }}`.
pub(super) fn date(value: Value, format: Option<String>, tz: Option<String>) -> Result<Value, Error> {
    shown(&value, format.as_deref().unwrap_or("%Y-%m-%d"), tz.as_deref())
}

/// `{{ at|time }}`.
pub(super) fn time(value: Value, format: Option<String>, tz: Option<String>) -> Result<Value, Error> {
    shown(&value, format.as_deref().unwrap_or("%H:%M"), tz.as_deref())
}

/// `{{ at|datetime }}`, `{{ at|datetime("%d.%m.%Y %H:%M", "+01:00") }}`.
pub(super) fn datetime(value: Value, format: Option<String>, tz: Option<String>) -> Result<Value, Error> {
    shown(&value, format.as_deref().unwrap_or("%Y-%m-%d %H:%M"), tz.as_deref())
}

fn shown(value: &Value, format: &str, tz: Option<&str>) -> Result<Value, Error> {
    if is_nothing(value) {
        return Ok(Value::from(""));
    }
    let mut at = match value.as_str() {
        Some(text) => parse(text.trim()),
        None => f64::try_from(value.clone()).ok().and_then(from_number),
    }
    .ok_or_else(|| {
        refuse(format!("{value} is no point in time: RFC 3339, a date like 2026-11-23, or unix seconds are"))
    })?;
    if let Some(tz) = tz {
        at.offset = offset(tz).ok_or_else(|| refuse(format!("{tz:?} is no offset like \"+01:00\" or \"Z\"")))?;
    }
    at.format(format).map(Value::from)
}

/// A point in time, and the offset at which it is told.
#[derive(Debug, Clone, Copy, PartialEq)]
struct At {
    /// Unix seconds.
    unix: i64,
    /// East of UTC, in minutes.
    offset: i64,
}

fn from_number(number: f64) -> Option<At> {
    let seconds = if number.abs() >= MILLIS { number / 1000.0 } else { number };
    // Years 0 to 9999.
    (-62_167_219_200.0..253_402_300_800.0).contains(&seconds).then_some(At { unix: seconds.floor() as i64, offset: 0 })
}

/// RFC 3339, also with a space for the `T`, without seconds, without an offset (UTC then), or a date alone.
fn parse(text: &str) -> Option<At> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let field = |text: &str, from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let fixed = |text: &str, at: usize, byte: u8| text.as_bytes().get(at) == Some(&byte);
    let (year, month, day) = (field(date, 0, 4)?, field(date, 5, 7)?, field(date, 8, 10)?);
    if !fixed(date, 4, b'-')
        || !fixed(date, 7, b'-')
        || !(1..=12).contains(&month)
        || day < 1
        || day > length(year, month)
    {
        return None;
    }
    let midnight = days(year, month, day) * 86_400;
    if rest.is_empty() {
        return Some(At { unix: midnight, offset: 0 });
    }
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let (hour, minute) = (field(clock, 0, 2)?, field(clock, 3, 5)?);
    let has_seconds = fixed(clock, 5, b':');
    let second = if has_seconds { field(clock, 6, 8)? } else { 0 };
    let mut zone = clock.get(if has_seconds { 8 } else { 5 }..)?;
    if let Some(fraction) = zone.strip_prefix('.') {
        zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let offset = if zone.is_empty() { 0 } else { offset(zone.trim_start())? };
    let fits = fixed(clock, 2, b':') && hour < 24 && minute < 60 && second <= 60;
    fits.then_some(At { unix: midnight + hour * 3600 + minute * 60 + second - offset * 60, offset })
}

/// `Z`, `UTC`, `+01:00`, `-0530`, in minutes east.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z" | "UTC") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Howard Hinnant, "chrono-compatible low-level date algorithms".
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month, day.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

impl At {
    /// As `strftime` would, with what is common of it.
    fn format(self, format: &str) -> Result<String, Error> {
        let local = self.unix + self.offset * 60;
        let (day_number, second_of_day) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = civil(day_number);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        let week_day = (day_number + 3).rem_euclid(7);
        let (month_name, day_name) = (MONTHS[(month - 1) as usize], DAYS[week_day as usize]);
        let sign = if self.offset < 0 { '-' } else { '+' };
        let (zone_hours, zone_minutes) = (self.offset.abs() / 60, self.offset.abs() % 60);
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut code = chars.next();
            let padded = code != Some('-');
            if !padded {
                code = chars.next();
            }
            let two = |n: i64| if padded { format!("{n:02}") } else { n.to_string() };
            out += &match code {
                Some('Y') => format!("{year:04}"),
                Some('y') => format!("{:02}", year.rem_euclid(100)),
                Some('m') => two(month),
                Some('d') => two(day),
                Some('e') => format!("{day:2}"),
                Some('H') => two(hour),
                Some('I') => two((hour + 11) % 12 + 1),
                Some('M') => two(minute),
                Some('S') => two(second),
                Some('p') => if hour < 12 { "AM" } else { "PM" }.to_owned(),
                Some('B') => month_name.to_owned(),
                Some('b') => month_name[..3].to_owned(),
                Some('A') => day_name.to_owned(),
                Some('a') => day_name[..3].to_owned(),
                Some('u') => (week_day + 1).to_string(),
                Some('j') => format!("{:03}", day_number - days(year, 1, 1) + 1),
                Some('F') => format!("{year:04}-{month:02}-{day:02}"),
                Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
                Some('R') => format!("{hour:02}:{minute:02}"),
                Some('s') => self.unix.to_string(),
                Some('Z') if self.offset == 0 => "UTC".to_owned(),
                Some('z' | 'Z') => format!("{sign}{zone_hours:02}:{zone_minutes:02}"),
                Some('%') => "%".to_owned(),
                other => {
                    let code = other.map_or_else(String::new, String::from);
                    return Err(refuse(format!(
                        "%{code} in the format {format:?} is not known: %Y %m %d %H %M %S %b %B %a %A %j %F %T %z are"
                    )));
                }
            };
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: impl Into<Value>, format: &str, tz: Option<&str>) -> String {
        shown(&value.into(), format, tz).unwrap_or_else(|e| panic!("{e}")).to_string()
    }

    #[test]
    fn points_in_time_in_many_spellings() {
        const ALL: &str = "%F %T %z";
        for (text, expected) in [
            ("2026-11-23T23:33:22Z", "2026-11-23 23:33:22 +00:00"),
            ("2026-11-23T23:33:22.123456+01:00", "2026-11-23 23:33:22 +01:00"),
            ("2026-11-23 23:33", "2026-11-23 23:33:00 +00:00"),
            ("2024-02-29", "2024-02-29 00:00:00 +00:00"),
            ("0001-01-01T00:00:00-0530", "0001-01-01 00:00:00 -05:30"),
        ] {
            assert_eq!(told(text, ALL, None), expected);
        }
        assert_eq!(told(0, ALL, None), "1970-01-01 00:00:00 +00:00");
        assert_eq!(told(-1, ALL, None), "1969-12-31 23:59:59 +00:00");
        assert_eq!(told(1_795_476_802_123u64, "%F %R", Some("+01:00")), "2026-11-24 00:33");
        assert_eq!(
            told(1_795_476_802, "%A, %-d %B %Y, %I:%M %p, day %j, %a %b %y %u%%", None),
            "Monday, 23 November 2026, 11:33 PM, day 327, Mon Nov 26 1%"
        );
        assert_eq!(told("", ALL, None), "");
        assert_eq!(told((), ALL, None), "");
    }

    #[test]
    fn what_is_no_time_is_told() {
        for bad in ["yesterday", "2026-13-01", "2026-02-29", "2026-11-23T25:00:00Z", "2026-11-23Tx", "żółć-11-23"] {
            let error = shown(&Value::from(bad), "%F", None).unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
        assert!(shown(&Value::from(1e300), "%F", None).is_err());
        assert!(shown(&Value::from("2026-01-01"), "%Q", None).unwrap_err().to_string().contains("%Q"));
        assert!(shown(&Value::from("2026-01-01"), "%F", Some("CET")).unwrap_err().to_string().contains("CET"));
    }

    #[test]
    fn every_day_is_itself() {
        for day in (-800_000..800_000).step_by(37) {
            let (y, m, d) = civil(day);
            assert_eq!(days(y, m, d), day);
            assert!((1..=12).contains(&m) && (1..=length(y, m)).contains(&d));
        }
    }
}
