//! Whether and when a request is sent again. It must not send.

use std::time::{Duration, SystemTime};

use super::{WebError, WebErrorKind};

/// The first pause; it doubles.
const FIRST: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);
/// Longer than this no request waits for a server that wants to be left alone: the pass fails, and the next one is late enough.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tries of one request.
#[derive(Debug)]
pub(super) struct Tries {
    left: u32,
    pause: Duration,
}

impl Tries {
    pub(super) fn new(retries: u32) -> Self {
        Self { left: retries, pause: FIRST }
    }

    /// How long to wait before it is sent again; none when it is not.
    pub(super) fn next(&mut self, error: &WebError) -> Option<Duration> {
        if !error.passes || self.left == 0 {
            return None;
        }
        self.left -= 1;
        // Never in step with others that failed at the same moment.
        let wait = self.pause.mul_f64(0.75 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).min(LONGEST);
        match error.retry_after {
            Some(after) if after > PATIENCE => None,
            Some(after) => Some(after.max(wait)),
            // Who was asked too often should not be asked again at once.
            None if error.kind == WebErrorKind::TooMany => Some(wait * 5),
            None => Some(wait),
        }
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
pub(super) fn after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{StatusCode, Url, header::HeaderMap};

    fn error(code: u16, after: Option<&str>) -> WebError {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert("retry-after", after.parse().unwrap());
        }
        let url = Url::parse("https://user:pw@x.example/list?key=secret").unwrap();
        WebError::status(&url, StatusCode::from_u16(code).unwrap(), &headers, true)
    }

    #[test]
    fn only_what_passes_is_sent_again_and_not_for_ever() {
        for (code, again) in
            [(429, true), (502, true), (503, true), (504, true), (500, false), (401, false), (400, false)]
        {
            assert_eq!(Tries::new(2).next(&error(code, None)).is_some(), again, "{code}");
        }
        let mut tries = Tries::new(2);
        let error = error(503, None);
        let (first, second) = (tries.next(&error).unwrap(), tries.next(&error).unwrap());
        assert!(first < second && tries.next(&error).is_none());
    }

    #[test]
    fn a_server_says_for_how_long() {
        assert!(Tries::new(1).next(&error(429, Some("7"))).unwrap() >= Duration::from_secs(7));
        assert_eq!(Tries::new(1).next(&error(503, Some("3600"))), None);
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30));
        let wait = Tries::new(1).next(&error(503, Some(&date))).unwrap();
        assert!(wait > Duration::from_secs(20) && wait < Duration::from_secs(40), "{wait:?}");
        assert_eq!(after("soon"), None);
        assert_eq!(after("Wed, 01 Jan 2020 00:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn no_secret_stands_in_an_error() {
        let text = error(401, None).to_string();
        assert!(text.starts_with("https://x.example/list?... answers 401 Unauthorized\nhint: the token"), "{text}");
    }
}
