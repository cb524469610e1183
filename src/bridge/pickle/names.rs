//! The few names that a pickle of plain data may hold, and what they make of their arguments. It must not call anything.

use super::reader::BadPickle;
use crate::bridge::value::Value;

/// What stands for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// `collections.OrderedDict`: a dict, of pairs where there are any.
    OrderedDict,
    /// `collections.defaultdict`: a dict; what makes its missing values is dropped.
    DefaultDict,
    /// `set`, `frozenset`: of a list.
    Set,
    /// `bytes`, `bytearray`: of bytes, or of a text in Latin-1.
    Bytes,
    /// `_codecs.encode`: how old protocols write bytes, as a text in Latin-1.
    Encode,
    /// `datetime.datetime`, `date`, `time`: of its bytes.
    DateTime,
    /// See `DateTime`.
    Date,
    /// `datetime.timedelta`: days, seconds, microseconds.
    TimeDelta,
    /// `datetime.timezone`: of a time difference.
    TimeZone,
    /// `datetime.timezone.utc` as `pytz` and Django have it: no arguments.
    Utc,
    /// `decimal.Decimal`: of a text.
    Decimal,
    /// `uuid.UUID`: made empty, then given its number.
    Uuid,
    /// A plain type that nothing is made of here: what a `defaultdict` makes missing values of.
    Inert,
}

/// The name in a pickle, if it is one of plain data.
pub(super) fn find(module: &str, name: &str) -> Result<Name, BadPickle> {
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Name::OrderedDict,
        ("collections", "defaultdict") => Name::DefaultDict,
        ("builtins" | "__builtin__", "set" | "frozenset") => Name::Set,
        ("builtins" | "__builtin__", "bytes" | "bytearray") => Name::Bytes,
        (
            "builtins" | "__builtin__",
            "list" | "dict" | "int" | "str" | "float" | "bool" | "tuple" | "long" | "unicode",
        ) => Name::Inert,
        ("_codecs", "encode") => Name::Encode,
        ("datetime", "datetime") => Name::DateTime,
        ("datetime", "date") => Name::Date,
        ("datetime", "timedelta") => Name::TimeDelta,
        ("datetime", "timezone") => Name::TimeZone,
        ("pytz", "_UTC") | ("django.utils.timezone", "UTC") => Name::Utc,
        ("decimal", "Decimal") => Name::Decimal,
        ("uuid", "UUID") => Name::Uuid,
        _ => return Err(BadPickle::Names(shown(module, name))),
    })
}

/// A name for a message: what stands in a pickle may be anything.
fn shown(module: &str, name: &str) -> String {
    let full = format!("{module}.{name}");
    let clean: String = full.chars().take(120).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
    clean
}

/// What `name` makes of `args`; a text for what has no type of its own in JSON.
pub(super) fn make(name: Name, args: &[Value]) -> Result<Value, BadPickle> {
    let bad = BadPickle::Broken("what a type is made of");
    Ok(match (name, args) {
        (Name::Set, []) => Value::List(Vec::new()),
        (Name::Set, [Value::List(items)]) => Value::List(items.clone()),
        (Name::Bytes, []) => Value::Bytes(Vec::new()),
        (Name::Bytes, [Value::Bytes(bytes)]) => Value::Bytes(bytes.clone()),
        (Name::Bytes | Name::Encode, [Value::Str(text), Value::Str(coding)])
            if matches!(coding.as_str(), "latin1" | "latin-1") =>
        {
            let bytes = text.chars().map(|c| u8::try_from(u32::from(c)));
            Value::Bytes(bytes.collect::<Result<_, _>>().map_err(|_| bad)?)
        }
        (Name::DateTime, [Value::Bytes(bytes)]) => Value::Str(date_time(bytes).ok_or(bad)?),
        (Name::DateTime, [Value::Bytes(bytes), Value::Str(zone)]) => Value::Str(date_time(bytes).ok_or(bad)? + zone),
        (Name::Date, [Value::Bytes(bytes)]) => Value::Str(date(bytes).ok_or(bad)?),
        (Name::TimeDelta, [Value::Int(days), Value::Int(seconds), Value::Int(micros)]) => {
            let whole = days.checked_mul(86_400).and_then(|s| s.checked_add(*seconds)).ok_or(bad.clone())?;
            if !(0..1_000_000).contains(micros) {
                return Err(bad);
            }
            if *micros == 0 { Value::Int(whole) } else { Value::Float(whole as f64 + *micros as f64 / 1e6) }
        }
        (Name::TimeZone, [Value::Int(seconds)] | [Value::Int(seconds), Value::Str(_)]) => Value::Str(offset(*seconds)),
        (Name::Utc, []) => Value::Str(offset(0)),
        (Name::Decimal, [Value::Str(digits)])
            if digits.len() <= 1000 && digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) =>
        {
            Value::Str(digits.clone())
        }
        _ => return Err(bad),
    })
}

/// Year (two bytes), month and day, as `datetime` packs them.
fn date(bytes: &[u8]) -> Option<String> {
    let [high, low, month @ 1..=12, day @ 1..=31] = *bytes else { return None };
    Some(format!("{:04}-{month:02}-{day:02}", u16::from_be_bytes([high, low])))
}

/// The same with hour, minute, second and microseconds (three bytes). The month's top bit is the fold.
fn date_time(bytes: &[u8]) -> Option<String> {
    let [high, low, month, day, hour @ 0..=23, minute @ 0..=59, second @ 0..=59, a, b, c] = *bytes else { return None };
    let date = date(&[high, low, month & 0x7f, day])?;
    let micros = u32::from_be_bytes([0, a, b, c]);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}"))
}

/// A time zone's difference as in ISO 8601.
fn offset(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A UUID's text of its number in decimal digits.
pub(super) fn uuid(number: &Value) -> Option<String> {
    let number = match number {
        Value::Int(int) => u128::try_from(*int).ok()?,
        Value::BigInt(digits) => digits.parse().ok()?,
        _ => return None,
    };
    let hex = format!("{number:032x}");
    Some(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}
