//! What a server answered, its body read in bounded pieces. It must not know what the body says.
//!
//! The body is read by a task of its own, a few pieces ahead. Whoever takes them may be held up for as long as it likes: what
//! counts against the time limits is the time in which a piece was waited for, not the time in which nobody took one.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName},
};
use tokio::{sync::mpsc, task::JoinSet};

use super::WebError;

/// Pieces that are read ahead.
const AHEAD: usize = 2;

/// An answer whose body has yet to be read.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    body: Body,
    max_body: u64,
    read: u64,
}

#[derive(Debug)]
enum Body {
    /// Nobody wants it yet.
    Waiting(Box<Response>, Limits),
    /// The task ends with this.
    Coming(mpsc::Receiver<Result<Bytes, WebError>>, #[expect(dead_code, reason = "held for its drop")] JoinSet<()>),
    End,
}

/// How long the body may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Time that is left for it.
    pub(super) left: Duration,
    /// The time of the whole request, for telling.
    pub(super) timeout: Duration,
}

impl Answer {
    pub(super) fn new(response: Response, max_body: u64, limits: Limits) -> Self {
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        Self { status, headers, url, body: Body::Waiting(Box::new(response), limits), max_body, read: 0 }
    }

    /// Its status: of a `get` a success, 304 or 404.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// One header, if it is a text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type, in lower case without parameters.
    pub fn content_type(&self) -> Option<String> {
        let text = self.header(CONTENT_TYPE)?;
        Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// Where it came from, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The next piece of the body, decompressed; none at its end.
    ///
    /// # Errors
    /// A body that broke off, is slower or larger than allowed, or cannot be decompressed.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, WebError> {
        if let Body::Waiting(..) = self.body
            && let Body::Waiting(response, limits) = std::mem::replace(&mut self.body, Body::End)
        {
            let (tx, rx) = mpsc::channel(AHEAD);
            let mut reader = JoinSet::new();
            reader.spawn(read(*response, limits, tx));
            self.body = Body::Coming(rx, reader);
        }
        let Body::Coming(pieces, _) = &mut self.body else { return Ok(None) };
        let Some(piece) = pieces.recv().await.transpose()? else { return Ok(None) };
        self.read += piece.len() as u64;
        if self.read > self.max_body {
            return Err(WebError::too_large(&self.url, self.max_body));
        }
        Ok(Some(piece))
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

/// Reads the body into `tx` until it ends, fails, or nobody takes it any more.
async fn read(mut response: Response, limits: Limits, tx: mpsc::Sender<Result<Bytes, WebError>>) {
    let mut left = limits.left;
    // First the room, then the piece: no clock runs while there is none.
    while let Ok(room) = tx.reserve().await {
        let begun = Instant::now();
        let piece = match tokio::time::timeout(left, response.chunk()).await {
            Ok(Ok(Some(piece))) => Ok(piece),
            Ok(Ok(None)) => return,
            Ok(Err(e)) => Err(WebError::reading(response.url(), e)),
            Err(_) => Err(WebError::too_slow(response.url(), limits.timeout)),
        };
        left = left.saturating_sub(begun.elapsed());
        let is_last = piece.is_err();
        room.send(piece);
        if is_last {
            return;
        }
    }
}
