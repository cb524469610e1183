//! What a server answered, its body read in bounded pieces. It must not know what the body says.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName},
};

use super::WebError;

/// An answer whose body has yet to be read.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    max_body: u64,
    read: u64,
    deadline: Instant,
    timeout: Duration,
}

impl Answer {
    pub(super) fn new(response: Response, max_body: u64, deadline: Instant, timeout: Duration) -> Self {
        Self { response, max_body, read: 0, deadline, timeout }
    }

    /// Its status: a success, 304 or 404.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// One header, if it is a text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The media type, in lower case without parameters.
    pub fn content_type(&self) -> Option<String> {
        let text = self.header(CONTENT_TYPE)?;
        Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// Where it came from, after redirects.
    pub fn url(&self) -> &Url {
        self.response.url()
    }

    /// The next piece of the body, decompressed; none at its end.
    ///
    /// # Errors
    /// A body that broke off, is slower or larger than allowed, or cannot be decompressed.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, WebError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let chunk = match tokio::time::timeout(left, self.response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(e)) => return Err(WebError::reading(self.response.url(), e)),
            Err(_) => return Err(WebError::too_slow(self.response.url(), self.timeout)),
        };
        self.read += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.read > self.max_body {
            return Err(WebError::too_large(self.response.url(), self.max_body));
        }
        Ok(chunk)
    }

    /// The whole body, if it has no more than `max` bytes.
    ///
    /// # Errors
    /// As [`Answer::chunk`].
    pub async fn whole(mut self, max: u64) -> Result<Bytes, WebError> {
        self.max_body = self.max_body.min(max);
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}
