//! Why a server did not give what was asked for, in words: address, cause once, hint. No secret is in it: an address is shown
//! without user and query. It must not know what the answer was for.

use std::{error::Error, fmt, io, time::Duration};

use reqwest::{
    StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
};

use super::{hint, retry, shown_url, trust};

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebErrorKind {
    /// Settings, or files that they name.
    Settings,
    /// No connection, or one that broke before the answer.
    Connect,
    /// Certificates.
    Tls,
    /// 401, 403, 407.
    Refused,
    /// 429.
    TooMany,
    /// 5xx.
    Server,
    /// Another status.
    Status,
    /// It took too long.
    TooSlow,
    /// The body is larger than allowed.
    TooLarge,
    /// The body broke off, or cannot be decompressed.
    Body,
    /// Redirected elsewhere, or in circles.
    Redirect,
}

/// See the module. Displays as `<what>\nhint: <what to do>`.
#[derive(Debug, Clone)]
pub struct WebError {
    /// The kind.
    pub kind: WebErrorKind,
    /// The status, where there was an answer.
    pub status: Option<StatusCode>,
    /// What happened, in one line.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether it may go well the next time, just like that.
    pub passes: bool,
}

impl fmt::Display for WebError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.problem, self.hint)
    }
}

impl Error for WebError {}

/// Why a redirect was not followed.
#[derive(Debug)]
pub(super) enum Redirected {
    /// To this host.
    Elsewhere(String),
    /// In circles.
    TooOften,
}

impl fmt::Display for Redirected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere(host) => write!(f, "it redirects to another server, {host}"),
            Self::TooOften => f.write_str("it redirects again and again"),
        }
    }
}

impl Error for Redirected {}

impl WebError {
    fn new(kind: WebErrorKind, problem: String, hint: &'static str) -> Self {
        Self { kind, status: None, problem, hint, retry_after: None, passes: false }
    }

    /// Settings that cannot work.
    pub fn settings(problem: String, hint: &'static str) -> Self {
        Self::new(WebErrorKind::Settings, problem, hint)
    }

    /// No answer came.
    pub(super) fn sending(url: &Url, error: reqwest::Error) -> Self {
        let shown = shown_url(url);
        if let Some(why) = find::<Redirected>(&error) {
            let hint = match why {
                Redirected::Elsewhere(_) => {
                    "write the address that it leads to, if it is to be trusted with the request"
                }
                Redirected::TooOften => "open it with `curl -vL`: a login page may stand before it",
            };
            return Self::new(WebErrorKind::Redirect, format!("{shown}: {why}"), hint);
        }
        if let Some((cause, hint)) = tls_error(&error).map(trust::explain) {
            return Self::new(WebErrorKind::Tls, format!("{shown}: {cause}"), hint);
        }
        if error.is_timeout() {
            let problem = format!("{shown} does not answer in time");
            return Self { passes: true, ..Self::new(WebErrorKind::TooSlow, problem, hint::SLOW) };
        }
        let hint = if error.is_connect() { hint::CONNECT } else { hint::BROKE_OFF };
        let problem = format!("cannot ask {shown}: {}", root(&error));
        Self { passes: !error.is_builder(), ..Self::new(WebErrorKind::Connect, problem, hint) }
    }

    /// The answer's body did not come whole.
    pub(super) fn reading(url: &Url, error: reqwest::Error) -> Self {
        let shown = shown_url(url);
        if error.is_timeout() {
            let problem = format!("the answer of {shown} stopped coming");
            return Self::new(WebErrorKind::TooSlow, problem, hint::SLOW);
        }
        let problem = if error.is_decode() && !is_cut(&error) {
            format!("the answer of {shown} cannot be decompressed: {}", root(&error))
        } else {
            format!("the answer of {shown} is cut off: {}", root(&error))
        };
        Self::new(WebErrorKind::Body, problem, hint::BROKE_OFF)
    }

    pub(super) fn too_slow(url: &Url, timeout: Duration) -> Self {
        let timeout = humantime::format_duration(timeout);
        Self::new(WebErrorKind::TooSlow, format!("{} took longer than {timeout}", shown_url(url)), hint::SLOW)
    }

    /// The task that asked ended without an answer: the process does.
    pub(super) fn stopping(url: &Url) -> Self {
        Self::new(WebErrorKind::Connect, format!("{} was asked and not waited for", shown_url(url)), hint::BROKE_OFF)
    }

    pub(super) fn too_large(url: &Url, max: u64) -> Self {
        let problem = format!("the answer of {} has more than {max} bytes", shown_url(url));
        Self::new(WebErrorKind::TooLarge, problem, hint::LARGE)
    }

    /// An answer that is none.
    pub(super) fn status(url: &Url, status: StatusCode, headers: &HeaderMap, has_secret: bool) -> Self {
        let code = status.as_u16();
        let (kind, passes) = match code {
            401 | 403 | 407 => (WebErrorKind::Refused, false),
            429 => (WebErrorKind::TooMany, true),
            502..=504 => (WebErrorKind::Server, true),
            500.. => (WebErrorKind::Server, false),
            _ => (WebErrorKind::Status, false),
        };
        let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
        let problem = format!("{} answers {code}{reason}", shown_url(url));
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| retry::after(value.to_str().ok()?));
        Self {
            status: Some(status),
            retry_after,
            passes,
            ..Self::new(kind, problem, hint::of_status(code, has_secret))
        }
    }
}

/// The first cause of a kind in the chain.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut at: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(e) = at {
        if let Some(found) = e.downcast_ref() {
            return Some(found);
        }
        at = e.source();
    }
    None
}

/// What TLS found wrong: it travels inside of an I/O error.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut at: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(e) = at {
        if let Some(found) = e.downcast_ref() {
            return Some(found);
        }
        at = match e.downcast_ref::<io::Error>() {
            // Its own source is what the one inside has, not that one.
            Some(e) => e.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => e.source(),
        };
    }
    None
}

/// Whether the body ended too early.
fn is_cut(error: &reqwest::Error) -> bool {
    let early = find::<io::Error>(error).is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof);
    early || find::<hyper::Error>(error).is_some()
}

/// The deepest cause: the ones above say the same with more words.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    while let Some(deeper) = at.source() {
        at = deeper;
    }
    at.to_string()
}
