//! `filesize`, `number`, `duration`: amounts as people read them. It must not know languages.

use minijinja::{Error, Value};

use super::{is_nothing, refuse};

fn amount(value: &Value) -> Result<f64, Error> {
    let found = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    found.filter(|n: &f64| n.is_finite()).ok_or_else(|| refuse(format!("{value} is no number")))
}

/// `{{ bytes|filesize }}`: `1.5 GiB`, by 1024; `filesizeformat` goes by 1000, as Jinja2's does.
pub(super) fn filesize(value: Value) -> Result<Value, Error> {
    if is_nothing(&value) {
        return Ok(Value::from(""));
    }
    let mut left = amount(&value)?;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] {
        if left.abs() < 1024.0 || unit == "PiB" {
            let text = if unit == "B" || left.fract() == 0.0 {
                format!("{left:.0} {unit}")
            } else {
                format!("{left:.1} {unit}")
            };
            return Ok(Value::from(text));
        }
        left /= 1024.0;
    }
    Ok(Value::from(""))
}

/// `{{ 1234567.891|number(2) }}`: `1,234,567.89`; `{{ n|number(0, " ") }}` has spaces.
pub(super) fn number(value: Value, decimals: Option<usize>, between: Option<String>) -> Result<Value, Error> {
    if is_nothing(&value) {
        return Ok(Value::from(""));
    }
    let text = match (decimals, value.is_integer()) {
        (None | Some(0), true) => value.to_string(),
        (decimals, _) => {
            let n = amount(&value)?;
            decimals.map_or_else(|| n.to_string(), |decimals| format!("{n:.*}", decimals.min(20)))
        }
    };
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let between = between.as_deref().unwrap_or(",");
    let mut out = sign.to_owned();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out += between;
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out += fraction;
    }
    Ok(Value::from(out))
}

/// `{{ seconds|duration }}`: the two largest units, `3 d 4 h`.
pub(super) fn duration(value: Value) -> Result<Value, Error> {
    if is_nothing(&value) {
        return Ok(Value::from(""));
    }
    let seconds = amount(&value)?;
    let sign = if seconds < 0.0 { "-" } else { "" };
    let mut left = seconds.abs() as u64;
    let mut parts = Vec::new();
    for (unit, size) in [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)] {
        if left >= size || (unit == "s" && parts.is_empty()) {
            parts.push(format!("{} {unit}", left / size));
        } else if !parts.is_empty() {
            break;
        }
        left %= size;
        if parts.len() == 2 {
            break;
        }
    }
    Ok(Value::from(format!("{sign}{}", parts.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let size = |n: f64| filesize(Value::from(n)).unwrap().to_string();
        assert_eq!(
            [0.0, 1023.0, 1024.0, 1536.0, 1e12, 1e30].map(size),
            ["0 B", "1023 B", "1 KiB", "1.5 KiB", "931.3 GiB", "888178419700125.2 PiB"]
        );
        assert_eq!(filesize(Value::from("2048")).unwrap().to_string(), "2 KiB");
        assert!(filesize(Value::from("many")).unwrap_err().to_string().contains("many is no number"));
        let number =
            |n: Value, d: Option<usize>, b: Option<&str>| number(n, d, b.map(str::to_owned)).unwrap().to_string();
        assert_eq!(number(Value::from(1_234_567), None, None), "1,234,567");
        assert_eq!(number(Value::from(-1234.5), Some(2), Some(" ")), "-1 234.50");
        assert_eq!(number(Value::from(999), None, None), "999");
        assert_eq!(number(Value::from(u64::MAX), None, Some("")), u64::MAX.to_string());
        let duration = |n: i64| duration(Value::from(n)).unwrap().to_string();
        assert_eq!(
            [0, 59, 61, 3600, 90_061, -5, 86_401].map(duration),
            ["0 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h", "-5 s", "1 d"]
        );
    }
}
