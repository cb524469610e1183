//! Durations, sizes and shares as people write them. It must not know which key they are for.

use std::{borrow::Cow, fmt, ops::Deref, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

/// Why a text is no value of its kind, and what to write in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is no {kind}: {reason}\nhint: {hint}")]
pub struct ValueError {
    /// The value, its secrets masked.
    pub value: String,
    /// What it should have been: `duration`, `size`.
    pub kind: &'static str,
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

/// A duration, written with its unit: `"90s"`, `"1h 30m"`, `"500ms"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl Deref for HumanDuration {
    type Target = Duration;
    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<HumanDuration> for Duration {
    fn from(human: HumanDuration) -> Self {
        human.0
    }
}

impl FromStr for HumanDuration {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = |reason: &str, hint: &str| {
            let (value, reason, hint) = (format!("{text:?}"), reason.to_owned(), hint.to_owned());
            Err(ValueError { value, kind: "duration", reason, hint })
        };
        let trimmed = text.trim();
        if trimmed.parse::<f64>().is_ok() {
            return bad("it has no unit", &format!("write \"{trimmed}s\" for seconds"));
        }
        if trimmed.contains('M') {
            return bad("M could be minutes or months", "write \"m\" for minutes, \"days\" for longer times");
        }
        match humantime::parse_duration(trimmed) {
            Ok(duration) => Ok(Self(duration)),
            Err(humantime::DurationError::NumberOverflow) => bad("it is too long", "write \"24h\""),
            Err(_) => bad("it is not made of numbers with units", "write such as \"90s\", \"1h 30m\" or \"500ms\""),
        }
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hours are the largest unit: "24h" reads better beside "72h" than "1day" does.
        let (secs, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        let parts = [
            (secs / 3600, "h"),
            (secs / 60 % 60, "m"),
            (secs % 60, "s"),
            (u64::from(nanos / 1_000_000), "ms"),
            (u64::from(nanos / 1_000 % 1_000), "us"),
            (u64::from(nanos % 1_000), "ns"),
        ];
        let mut first = true;
        for (n, unit) in parts.into_iter().filter(|(n, _)| *n > 0) {
            if !first {
                f.write_str(" ")?;
            }
            write!(f, "{n}{unit}")?;
            first = false;
        }
        if first { f.write_str("0s") } else { Ok(()) }
    }
}

/// A size in bytes: `"256KiB"`, `"1MB"`, `1048576`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

impl Size {
    /// So many KiB (1024 bytes).
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// So many MiB (1024 KiB).
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes, as sizes in memory have it.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Units of [`Size`], lower-case, largest first, those of 1024 before those of 1000.
const UNITS: [(&str, &str, u64); 7] = [
    ("gib", "GiB", 1 << 30),
    ("mib", "MiB", 1 << 20),
    ("kib", "KiB", 1 << 10),
    ("gb", "GB", 1_000_000_000),
    ("mb", "MB", 1_000_000),
    ("kb", "KB", 1_000),
    ("b", "B", 1),
];

impl FromStr for Size {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = |reason: &str| ValueError {
            value: format!("{text:?}"),
            kind: "size",
            reason: reason.to_owned(),
            hint: "write such as \"256KiB\", \"1MiB\" or \"1MB\"; a plain number is bytes".to_owned(),
        };
        let trimmed = text.trim();
        let digits = trimmed.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = match unit.as_str() {
            "" => 1,
            unit => UNITS.iter().find(|(name, ..)| *name == unit).ok_or_else(|| bad("its unit is not known"))?.2,
        };
        if let Ok(whole) = number.parse::<u64>() {
            return whole.checked_mul(factor).map(Self).ok_or_else(|| bad("it is too large"));
        }
        let part: f64 = number.parse().map_err(|_| bad("it does not begin with a number"))?;
        let bytes = part * factor as f64;
        if unit.is_empty() || bytes.fract() != 0.0 || bytes > 9e15 {
            return Err(bad("it is no whole number of bytes"));
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |factor: u64| self.0 >= factor && self.0.is_multiple_of(factor);
        match UNITS.iter().find(|(.., factor)| fits(*factor)) {
            Some((_, unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// A share in percent, `"20%"`, 0 to 100. A plain number is refused: nobody could tell whether 0.2 is 20 % or 0.2 %.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl Percent {
    /// The share, 0 to 1.
    pub fn fraction(self) -> f64 {
        self.0 / 100.0
    }

    /// Whether `part` of `whole` is more than this share; nothing of nothing is not.
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        part as f64 * 100.0 > self.0 * whole as f64
    }

    /// The largest part of `whole` that is not more than this share.
    pub fn of(self, whole: u64) -> u64 {
        (self.0 * whole as f64 / 100.0) as u64
    }
}

impl FromStr for Percent {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = |reason: &str, hint: String| {
            let (value, reason) = (format!("{text:?}"), reason.to_owned());
            Err(ValueError { value, kind: "share", reason, hint })
        };
        let trimmed = text.trim();
        let number = trimmed.strip_suffix('%').unwrap_or(trimmed).trim_end().parse::<f64>();
        match (number, trimmed.ends_with('%')) {
            (Ok(share), true) if (0.0..=100.0).contains(&share) => Ok(Self(share)),
            (Ok(_), true) => bad("it is not between 0% and 100%", "write 0% to 100%".to_owned()),
            // Written as a fraction, or in percent? Both are asked for.
            (Ok(n), false) if n > 0.0 && n <= 1.0 => {
                bad("it has no % sign", format!("write \"{}%\" or \"{n}%\"", n * 100.0))
            }
            (Ok(n), false) => bad("it has no % sign", format!("write \"{n}%\"")),
            (Err(_), _) => bad("it is no number and %", "write such as \"20%\"".to_owned()),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// Serialises as its text, and reads that text, or a number as its decimal text.
macro_rules! as_text {
    ($type:ty, $expecting:literal, $name:literal, $schema:tt) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, ser: S) -> Result<S::Ok, S::Error> {
                ser.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
                struct Text;
                impl Text {
                    fn number<E: Error>(number: impl ToString) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                }
                impl Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_u64<E: Error>(self, number: u64) -> Result<$type, E> {
                        Self::number(number)
                    }
                    fn visit_i64<E: Error>(self, number: i64) -> Result<$type, E> {
                        Self::number(number)
                    }
                    fn visit_f64<E: Error>(self, number: f64) -> Result<$type, E> {
                        Self::number(number)
                    }
                }
                de.deserialize_any(Text)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

as_text!(HumanDuration, "a duration such as \"90s\"", "duration", {
    "title": "duration",
    "type": "string",
    "pattern": "^\\s*([0-9]+\\s*[a-z]+\\s*)+$|\\$\\{",
    "examples": ["90s", "1h 30m", "500ms"]
});
as_text!(Size, "a size such as \"256KiB\"", "size", {
    "title": "size",
    "anyOf": [
        { "type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*(([KMGkmg]i?)?[Bb])?\\s*$|\\$\\{" },
        { "type": "integer", "minimum": 0 }
    ],
    "examples": ["256KiB", "1MB", 1048576]
});
as_text!(Percent, "a share such as \"20%\"", "share", {
    "title": "share",
    "type": "string",
    "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*%\\s*$|\\$\\{",
    "examples": ["20%", "0.5%"]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, secs) in [("90s", 90), ("1h 30m", 5400), ("1h30m", 5400), ("2 days", 172_800), ("0s", 0)] {
            assert_eq!(text.parse(), Ok(HumanDuration::from_secs(secs)), "{text}");
        }
        for (text, shown) in [("24h", "24h"), ("90m", "1h 30m"), ("1500ms", "1s 500ms"), ("0s", "0s"), ("7us", "7us")] {
            assert_eq!(text.parse::<HumanDuration>().expect(text).to_string(), shown);
        }
        for text in ["60", "", "fast", "-1s", "30M", "5 parsecs", "1.5", "99999999999999999999s"] {
            assert!(text.parse::<HumanDuration>().is_err(), "{text}");
        }
        let error = serde_json::from_value::<HumanDuration>(60.into()).expect_err("a number").to_string();
        assert_eq!(error, "\"60\" is no duration: it has no unit\nhint: write \"60s\" for seconds");
    }

    #[test]
    fn sizes() {
        let good =
            [("256KiB", 262_144), ("1MiB", 1 << 20), ("1MB", 1_000_000), ("1.5 kib", 1536), ("42", 42), ("7B", 7)];
        for (text, bytes) in good {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for (bytes, shown) in [(262_144, "256KiB"), (1_000_000, "1MB"), (1025, "1025B"), (0, "0B"), (2048, "2KiB")] {
            assert_eq!(Size(bytes).to_string(), shown);
        }
        for text in ["", "KiB", "-1", "1.5", "1.3KiB", "1TiB", "99999999999GiB", "1..5KiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Size>("1024").expect("bytes"), Size::kib(1));
        assert!(serde_json::from_str::<Size>("-1").is_err());
    }

    #[test]
    fn shares() {
        assert_eq!("20%".parse(), Ok(Percent(20.0)));
        assert_eq!(" 0.5 % ".parse(), Ok(Percent(0.5)));
        assert_eq!(Percent(0.5).to_string(), "0.5%");
        for text in ["20", "101%", "-1%", "NaN%", "%", "much"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
        let error = serde_json::from_value::<Percent>(0.2.into()).expect_err("a number").to_string();
        assert_eq!(error, "\"0.2\" is no share: it has no % sign\nhint: write \"20%\" or \"0.2%\"");
        assert!(Percent(20.0).is_exceeded(21, 100) && !Percent(20.0).is_exceeded(20, 100));
        assert!(Percent(0.0).is_exceeded(1, 1000) && !Percent(0.0).is_exceeded(0, 0));
        assert_eq!([Percent(20.0).of(99), Percent(0.0).of(99), Percent(100.0).of(99)], [19, 0, 99]);
    }
}
