//! Outgoing HTTP: one client with its secrets, time limits, retries and bounds. It must not know what is asked for, nor what
//! becomes of the answer.
//!
//! Answers are decompressed (gzip, zstd) as they come, and counted after that: a small body that grows without end stops at
//! the bound like any other. A redirect stays on its host, so that no secret reaches another one.

mod access;
mod answer;
mod error;
mod hint;
mod retry;
mod trust;

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use answer::Limits;
use reqwest::{
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
    redirect::{self, Attempt},
};

use tokio::task::JoinSet;

pub use self::{
    access::Access,
    answer::Answer,
    error::{WebError, WebErrorKind},
};
pub use reqwest::{StatusCode, Url, header};

/// Most redirects that one request follows.
const REDIRECTS: usize = 5;

/// What asks servers, again and again. Cheap to use from many tasks at once.
#[derive(Debug)]
pub struct Client {
    inner: reqwest::Client,
    access: Access,
    /// When the next request may be sent, with [`Access::rate`].
    next: Mutex<Instant>,
}

impl Client {
    /// Reads the certificates and builds the client; nothing is asked yet.
    ///
    /// # Errors
    /// [`WebErrorKind::Settings`]: a file of certificates that cannot be read, a proxy that is no address.
    pub fn new(access: Access) -> Result<Self, WebError> {
        let tls = trust::config(&access)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ralphext/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::custom(stay))
            .referer(false)
            .connect_timeout(access.connect_timeout)
            .read_timeout(access.idle_timeout)
            .tcp_nodelay(true);
        if let Some(proxy) = &access.proxy {
            builder = match proxy.expose() {
                "none" => builder.no_proxy(),
                address => builder.proxy(reqwest::Proxy::all(address).map_err(|_| {
                    let hint = "write http://host:3128, socks5://host:1080, or none";
                    WebError::settings(format!("{} is no proxy's address", shown(address)), hint)
                })?),
            };
        }
        let inner =
            builder.build().map_err(|e| WebError::settings(error::root(&e), "see the settings of the source"))?;
        Ok(Self { inner, access, next: Mutex::new(Instant::now()) })
    }

    /// Asks for `url`, with `extra` headers on top of the client's own, until there is an answer that is worth having: what
    /// failed for reasons that pass (429, 502, 503, 504, a connection that broke before the answer) is asked for again, a few
    /// times, and not sooner than the server says.
    ///
    /// Statuses other than errors (200, 304 ...) are answers; so is 404, which only the caller can judge.
    ///
    /// # Errors
    /// Everything else; see [`WebError::kind`].
    pub async fn get(&self, url: &Url, extra: &HeaderMap) -> Result<Answer, WebError> {
        let mut deadline = Instant::now() + self.access.timeout;
        let mut tries = retry::Tries::new(self.access.retries);
        loop {
            // To wait for one's turn is no slowness of the server's.
            deadline += self.take_turn().await;
            let error = match self.once(url, extra, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(wait) = tries.next(&error).filter(|wait| Instant::now() + *wait < deadline) else {
                return Err(error);
            };
            let (url, wait_ms) = (shown_url(url), wait.as_millis() as u64);
            tracing::debug!(url, wait_ms, %error, "asked in vain; asking again");
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends `body`, JSON, to `url` once: whoever changes something has to know whether it was asked for twice. Whatever its
    /// status, an answer is an answer.
    ///
    /// # Errors
    /// When none comes; see [`WebError::kind`].
    pub async fn post(&self, url: &Url, body: String, extra: &HeaderMap) -> Result<Answer, WebError> {
        let deadline = Instant::now() + self.access.timeout;
        let request = self.inner.post(url.clone()).header(header::CONTENT_TYPE, "application/json").body(body);
        self.sent(request, (url, extra), deadline).await
    }

    /// Sends a JSON text to `url`, with retries as [`Client::get`] has them; nothing of the answer is wanted but its status.
    ///
    /// # Errors
    /// As [`Client::get`]; and 404.
    pub async fn post_json(&self, url: &Url, body: &str) -> Result<(), WebError> {
        let deadline = Instant::now() + self.access.timeout;
        let mut tries = retry::Tries::new(self.access.retries);
        loop {
            let error = match self.post(url, body.to_owned(), &HeaderMap::new()).await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => WebError::status(url, answer.status(), answer.headers(), self.access.has_secret()),
                Err(error) => error,
            };
            let Some(wait) = tries.next(&error).filter(|wait| Instant::now() + *wait < deadline) else {
                return Err(error);
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(&self, url: &Url, extra: &HeaderMap, deadline: Instant) -> Result<Answer, WebError> {
        let answer = self.sent(self.inner.get(url.clone()), (url, extra), deadline).await?;
        let status = answer.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED || status == StatusCode::NOT_FOUND {
            return Ok(answer);
        }
        Err(WebError::status(url, status, answer.headers(), self.access.has_secret()))
    }

    async fn sent(
        &self,
        request: reqwest::RequestBuilder,
        (url, extra): (&Url, &HeaderMap),
        deadline: Instant,
    ) -> Result<Answer, WebError> {
        let mut headers = self.own_headers()?;
        headers.extend(extra.iter().map(|(name, value)| (name.clone(), value.clone())));
        let request = request.headers(headers).send();
        let left = deadline.saturating_duration_since(Instant::now());
        // A task of its own, which goes on while the one that asks is held up.
        let mut task = JoinSet::new();
        task.spawn(tokio::time::timeout(left, request));
        let response = match task.join_next().await {
            Some(Ok(Ok(response))) => response.map_err(|e| WebError::sending(url, e))?,
            Some(Ok(Err(_))) => return Err(WebError::too_slow(url, self.access.timeout)),
            Some(Err(_)) | None => return Err(WebError::stopping(url)),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        Ok(Answer::new(response, self.access.max_body, Limits { left, timeout: self.access.timeout }))
    }

    /// The headers with secrets, read anew: a token that was changed needs no restart.
    fn own_headers(&self) -> Result<HeaderMap, WebError> {
        let mut headers = HeaderMap::new();
        if let Some(text) = self.access.authorization()? {
            headers.insert(AUTHORIZATION, secret_value("Authorization", &text)?);
        }
        for (name, value) in self.access.headers()? {
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                WebError::settings(format!("{name:?} is no name of a header"), "write it as in X-Api-Key")
            })?;
            headers.insert(key, secret_value(&name, value.expose())?);
        }
        Ok(headers)
    }

    /// Waits until the rate allows one request more; how long that took.
    async fn take_turn(&self) -> Duration {
        let Some(rate) = self.access.rate.filter(|rate| *rate > 0) else { return Duration::ZERO };
        let begun = Instant::now();
        let gap = Duration::from_secs(1) / rate;
        let at = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let at = (*next).max(Instant::now());
            *next = at + gap;
            at
        };
        tokio::time::sleep_until(at.into()).await;
        begun.elapsed()
    }
}

/// A value that is never shown, in the error that it leads to neither.
fn secret_value(name: &str, text: &str) -> Result<HeaderValue, WebError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        let hint = "a header's value has no line breaks and no control characters";
        WebError::settings(format!("the value of the header {name} cannot be sent"), hint)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Follows a redirect within its host, or up from http to https there.
fn stay(attempt: Attempt<'_>) -> redirect::Action {
    let Some(from) = attempt.previous().last().cloned() else { return attempt.follow() };
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(error::Redirected::TooOften);
    }
    let to = attempt.url();
    let same_host = from.host() == to.host();
    let same_port = from.port_or_known_default() == to.port_or_known_default();
    let upgraded = from.scheme() == "http" && to.scheme() == "https";
    if same_host && ((from.scheme() == to.scheme() && same_port) || upgraded) {
        return attempt.follow();
    }
    let host = to.host_str().unwrap_or_default().to_owned();
    attempt.error(error::Redirected::Elsewhere(host))
}

/// A URL as it may be shown: without user, password and query, which may hold secrets.
pub fn shown_url(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only where there is nothing to hide.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    let has_query = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    if has_query { format!("{url}?...") } else { url.to_string() }
}

/// As [`shown_url`], for what may not be a URL.
pub fn shown(text: &str) -> String {
    Url::parse(text).map_or_else(|_| "what is given".to_owned(), |url| shown_url(&url))
}
