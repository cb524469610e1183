//! When a CronJob runs: how long the longest pause between two runs is. It must not know what runs.

use std::{str::FromStr, time::Duration};

use crate::settings::{HumanDuration, ValueError};

/// Days of the Gregorian calendar until it repeats itself, weekdays included.
const CYCLE_DAYS: u32 = 146_097;
const MINUTES_OF_DAY: u32 = 24 * 60;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A schedule as `spec.schedule` of a Kubernetes CronJob and crontab(5) have it: five fields, `@daily` and its like, or
/// `@every 1h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crontab {
    /// As it was written.
    pub text: String,
    /// The longest time between the beginnings of two runs, over all years; a change to or from summer time left out.
    pub longest_pause: Duration,
}

/// The values that a field lets through, one bit each.
#[derive(Clone, Copy)]
struct Field {
    bits: u64,
    /// Whether it is a star, which lets through everything: then the other of the two day fields decides alone.
    is_star: bool,
}

impl Field {
    fn has(self, value: u32) -> bool {
        self.bits >> value & 1 == 1
    }
}

impl FromStr for Crontab {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = |reason: String| ValueError {
            value: format!("{text:?}"),
            kind: "schedule",
            reason,
            hint: "write minute, hour, day of month, month and day of week, such as \"*/15 * * * *\"; or \"@daily\""
                .to_owned(),
        };
        let trimmed = text.trim();
        let longest_pause = match trimmed.strip_prefix("@every ") {
            Some(every) => every.trim().parse::<HumanDuration>().map(Duration::from).map_err(|e| bad(e.reason))?,
            None => Days::parse(trimmed).and_then(|days| days.longest_pause()).map_err(bad)?,
        };
        if longest_pause.is_zero() {
            return Err(bad("it runs all the time".to_owned()));
        }
        Ok(Self { text: trimmed.to_owned(), longest_pause })
    }
}

/// On which days, and when on each of them.
struct Days {
    /// Minutes since midnight, in order.
    times: Vec<u32>,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Days {
    fn parse(text: &str) -> Result<Self, String> {
        let named = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            return Err("it has a time zone; a CronJob has a field of its own for that, spec.timeZone".to_owned());
        }
        let fields: Vec<&str> = named.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!("it has {} fields, not five", fields.len()));
        };
        let minutes = field("minute", minute, 0, 59, &[])?;
        let hours = field("hour", hour, 0, 23, &[])?;
        let times = (0..MINUTES_OF_DAY).filter(|at| hours.has(at / 60) && minutes.has(at % 60)).collect();
        let mut weekday = field("day of week", weekday, 0, 7, &WEEKDAYS)?;
        weekday.bits |= weekday.bits >> 7; // Both 0 and 7 are Sunday.
        let month = field("month", month, 1, 12, &MONTHS)?;
        Ok(Self { times, day: field("day of month", day, 1, 31, &[])?, month, weekday })
    }

    fn runs_on(&self, month: u32, day: u32, weekday: u32) -> bool {
        let (by_day, by_weekday) = (self.day.has(day), self.weekday.has(weekday));
        let either = !self.day.is_star && !self.weekday.is_star;
        self.month.has(month) && if either { by_day || by_weekday } else { by_day && by_weekday }
    }

    fn longest_pause(&self) -> Result<Duration, String> {
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return Err("it never runs".to_owned());
        };
        let within = self.times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        // From 2000-01-01, a Saturday, through one whole cycle.
        let (mut year, mut month, mut day) = (2000, 1, 1);
        let (mut begun, mut before, mut widest) = (None, None, 0);
        for number in 0..CYCLE_DAYS {
            if self.runs_on(month, day, (number + 6) % 7) {
                begun = begun.or(Some(number));
                widest = before.map_or(widest, |before| widest.max(number - before));
                before = Some(number);
            }
            day += 1;
            if day > days_of(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        let (Some(begun), Some(before)) = (begun, before) else {
            return Err("there is no such day in any year".to_owned());
        };
        let widest = widest.max(begun + CYCLE_DAYS - before);
        let minutes = within.max(widest * MINUTES_OF_DAY + first - last);
        Ok(Duration::from_secs(u64::from(minutes) * 60))
    }
}

fn days_of(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// One field: `*`, `5`, `MON`, `1-5`, `*/15`, `10-40/10`, `5/15`, and lists of these.
fn field(name: &str, text: &str, low: u32, high: u32, words: &[&str]) -> Result<Field, String> {
    let number = |word: &str| -> Result<u32, String> {
        let named = words.iter().position(|w| w.eq_ignore_ascii_case(word)).and_then(|at| u32::try_from(at).ok());
        let value = named.map(|at| at + low).or_else(|| word.parse().ok());
        let fits = value.filter(|value| (low..=high).contains(value));
        fits.ok_or_else(|| format!("{word:?} is no {name} ({low} to {high})"))
    };
    let mut all = Field { bits: 0, is_star: false };
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            None if step.is_some() => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(format!("{range:?} goes backwards"));
        }
        let step = match step {
            Some(step) => step.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("{step:?} is no step"))?,
            None => 1,
        };
        all.is_star |= step == 1 && (range == "*" || range == "?");
        all.bits |= (from..=to).step_by(step).fold(0, |bits, value| bits | 1 << value);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(text: &str) -> String {
        match text.parse::<Crontab>() {
            Ok(crontab) => humantime::format_duration(crontab.longest_pause).to_string(),
            Err(e) => e.reason,
        }
    }

    #[test]
    fn the_longest_pause_is_found_over_days_months_and_years() {
        for (text, longest) in [
            ("* * * * *", "1m"),
            ("*/5 * * * *", "5m"),
            ("7/20 * * * *", "20m"),
            ("0,10 * * * *", "50m"),
            ("*/7 * * * *", "7m"),
            ("0 */2 * * *", "2h"),
            ("0 8-18 * * *", "14h"),
            ("30 3 * * *", "1day"),
            ("*/10 9-17 * * MON-FRI", "2days 15h 10m"),
            ("0 0 * * sun", "7days"),
            ("0 0 * * 7", "7days"),
            ("0 12 1 * *", "31days"),
            // The star of `*/2` is none: days of month that are odd, or Mondays.
            ("0 0 */2 * 1", "2days"),
            ("0 0 13 * 5", "7days"),
            ("@hourly", "1h"),
            ("@every 90m", "1h 30m"),
            // There is no 31 February; months with 31 days are up to two apart.
            ("0 0 31 * *", "61days"),
        ] {
            assert_eq!(pause(text), humantime_of(longest), "{text}");
        }
        // 29 February, over 1900, 2100, 2200 and 2300.
        let leap: Crontab = "0 0 29 2 *".parse().expect("a schedule");
        assert_eq!(leap.longest_pause.as_secs() / 86_400, 8 * 365 + 1);
    }

    /// As [`pause`] writes it.
    fn humantime_of(text: &str) -> String {
        humantime::format_duration(humantime::parse_duration(text).expect("a duration")).to_string()
    }

    #[test]
    fn what_is_no_schedule_is_told() {
        for (text, reason) in [
            ("* * * *", "it has 4 fields, not five"),
            ("60 * * * *", "\"60\" is no minute (0 to 59)"),
            ("* * * FOO *", "\"FOO\" is no month (1 to 12)"),
            ("*/0 * * * *", "\"0\" is no step"),
            ("9-5 * * * *", "\"9-5\" goes backwards"),
            ("0 0 30 2 *", "there is no such day in any year"),
            ("@every 0s", "it runs all the time"),
        ] {
            assert_eq!(pause(text), reason, "{text}");
        }
        assert!(pause("TZ=Europe/Warsaw 0 0 * * *").contains("spec.timeZone"));
    }
}
