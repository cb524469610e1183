//! Who may ask: tokens, and browsers that other sites send. It must not know what is asked for.

use std::{fs, path::PathBuf};

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::refused::Refused;
use crate::settings::{ListenPlace, Secret};

/// What to send to a `push` source.
pub(super) const PUSH_HINT: &str = "send Authorization: Bearer <the token of source.token_file>";
/// What to send to the page.
pub(super) const PAGE_HINT: &str =
    "send Authorization: Bearer <the token of admin.page_token_file>, or give it as the password";

/// What requests have to show.
#[derive(Debug)]
pub(super) enum Token {
    Given(Secret),
    /// Read at every request; with the key that names it.
    File(PathBuf, &'static str),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Guard {
    token: Option<Token>,
    hint: &'static str,
    /// Only this host's names lead here: others are a browser's that was deceived (DNS rebinding).
    own_names_only: bool,
    /// Whoever comes in may change things.
    may_change: bool,
}

impl Guard {
    /// For a `push` source: over TCP there is always a token.
    pub(super) fn of_push(token: Option<Token>) -> Self {
        Self { token, hint: PUSH_HINT, own_names_only: false, may_change: true }
    }

    /// For the page at `place`.
    pub(super) fn of_page(place: &ListenPlace, token_file: Option<PathBuf>) -> Self {
        let is_unix = matches!(place, ListenPlace::Unix(_));
        // The file system guards a unix socket.
        let token = token_file.filter(|_| !is_unix).map(|path| Token::File(path, "admin.page_token_file"));
        let is_guarded = is_unix || token.is_some();
        Self { token, hint: PAGE_HINT, own_names_only: !is_guarded, may_change: is_guarded }
    }

    /// For a page that nobody can change anything through, on this host.
    pub(super) fn read_only(place: &ListenPlace, token_file: Option<PathBuf>) -> Self {
        Self { may_change: false, ..Self::of_page(place, token_file) }
    }

    /// Whether whoever comes in may change things.
    pub(super) fn may_change(&self) -> bool {
        self.may_change
    }

    /// Whether this request may come in.
    pub(super) fn let_in(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        let is_reading = method.is_safe();
        let host = text(headers, &header::HOST).unwrap_or_default();
        if let Some(origin) = text(headers, &header::ORIGIN)
            && origin.split_once("://").is_none_or(|(_, site)| !site.eq_ignore_ascii_case(host))
        {
            return Err(Refused::other_site());
        }
        let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()).unwrap_or("none");
        if !is_reading && !matches!(site, "none" | "same-origin") {
            return Err(Refused::other_site());
        }
        if !self.is_allowed(headers) {
            return Err(Refused::no_token(self.hint));
        }
        if self.own_names_only && !is_own_name(host) {
            let hint = "call it by 127.0.0.1, [::1] or localhost; other names need admin.page_token_file";
            return Err(Refused::new(StatusCode::FORBIDDEN, format!("{host:?} is no name of this host's own"), hint));
        }
        if !is_reading && !self.may_change {
            let hint =
                "set admin.page_token_file, or listen on a unix socket: without, everybody on this host could do it";
            return Err(Refused::new(StatusCode::FORBIDDEN, "nothing can be changed here", hint));
        }
        Ok(())
    }

    fn is_allowed(&self, headers: &HeaderMap) -> bool {
        let wanted = match &self.token {
            None => return true,
            Some(Token::Given(secret)) => secret.expose().to_owned(),
            Some(Token::File(path, key)) => match fs::read_to_string(path) {
                Ok(text) => text.trim_end_matches(['\r', '\n']).to_owned(),
                Err(e) => {
                    tracing::warn!(path = %path.display(), error = %e, "cannot read {key}");
                    return false;
                }
            },
        };
        let shown = text(headers, &header::AUTHORIZATION).and_then(shown_token);
        !wanted.is_empty() && shown.is_some_and(|shown| is_same(shown.as_bytes(), wanted.as_bytes()))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The token of a bearer (RFC 6750), or the password of a browser's user (RFC 7617).
fn shown_token(authorization: &str) -> Option<String> {
    let (scheme, rest) = authorization.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    let pair = BASE64_STANDARD.decode(rest.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

/// Whether a `Host` header names this host in a way that no DNS server answers for.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Compares without telling by the time it takes how much is right.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(guard: &Guard, method: &Method, headers: &[(&'static str, &str)]) -> u16 {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        guard.let_in(method, &headers.collect()).map_or_else(|why| why.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_loopback_address_without_a_token_lets_this_host_read() {
        let guard = Guard::of_page(&ListenPlace::parse("127.0.0.1:1").unwrap(), None);
        for host in ["127.0.0.1:9784", "localhost:1", "[::1]:80", "localhost", "127.9.9.9"] {
            assert_eq!(asked(&guard, &Method::GET, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", "", "localhost.evil.example"] {
            assert_eq!(asked(&guard, &Method::GET, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(asked(&guard, &Method::POST, &[("host", "localhost:1")]), 403);
        let other = [("host", "localhost:1"), ("origin", "http://evil.example")];
        assert_eq!(asked(&guard, &Method::GET, &other), 403);
    }

    #[test]
    fn a_token_opens_and_other_sites_cannot_use_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, "correct-horse-battery\n").unwrap();
        let guard = Guard::of_page(&ListenPlace::parse("0.0.0.0:1").unwrap(), Some(file));
        let bearer = ("authorization", "Bearer correct-horse-battery");
        let basic = format!("Basic {}", BASE64_STANDARD.encode("anybody:correct-horse-battery"));
        for shown in [bearer.1, basic.as_str()] {
            let headers = [("host", "page.example"), ("authorization", shown), ("origin", "https://page.example")];
            assert_eq!(asked(&guard, &Method::POST, &headers), 200, "{shown}");
        }
        let host = ("host", "page.example");
        for wrong in ["Bearer correct-horse-batterx", "Bearer ", "Basic !", "correct-horse-battery", "Digest x"] {
            assert_eq!(asked(&guard, &Method::GET, &[host, ("authorization", wrong)]), 401, "{wrong}");
        }
        assert_eq!(asked(&guard, &Method::POST, &[host, bearer, ("origin", "https://evil.example")]), 403);
        assert_eq!(asked(&guard, &Method::POST, &[host, bearer, ("origin", "null")]), 403);
        assert_eq!(asked(&guard, &Method::POST, &[host, bearer, ("sec-fetch-site", "cross-site")]), 403);
    }

    #[test]
    fn a_unix_socket_is_guarded_by_the_file_system() {
        let guard = Guard::of_page(&ListenPlace::parse("unix:/x").unwrap(), None);
        assert_eq!(asked(&guard, &Method::POST, &[("host", "x")]), 200);
        let looking = Guard::read_only(&ListenPlace::parse("unix:/x").unwrap(), None);
        assert_eq!(asked(&looking, &Method::POST, &[("host", "x")]), 403);
    }
}
