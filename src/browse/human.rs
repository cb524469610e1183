//! Ages and sizes for people. It must not know of what.

/// How long ago, for people: `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`.
pub fn ago(then_ms: u64, now_ms: u64) -> String {
    format!("{} ago", span(now_ms.saturating_sub(then_ms)))
}

/// A time span for people.
pub fn span(ms: u64) -> String {
    match ms / 1000 {
        0 => "0 s".to_owned(),
        s @ 1..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s @ 7200..=172_799 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

/// A size for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=9_999_999 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        assert_eq!([0, 1500, 130_000, 8_000_000, 200_000_000].map(span), ["0 s", "1 s", "2 min", "2 h", "2 d"]);
    }
}
