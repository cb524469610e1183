//! The stream of changes (server-sent events), and how many may listen. It must not know what a change means.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch},
    time::sleep,
};

use super::{Api, answer::EventTold, named};
use crate::{
    admin::refused::{Refused, refused},
    pipeline::{Change, stopped},
};

/// Who may listen at a time: fewer than there are connections, so that somebody can still ask.
const LISTENERS: usize = 16;
/// How often something is said while nothing happens, so that dead connections are found.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// Changes in one piece of the answer.
const AT_ONCE: usize = 100;

/// Places for those who listen.
pub(in crate::admin) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LISTENERS)))
    }
}

struct Listening {
    service: String,
    changes: broadcast::Receiver<Change>,
    stop: watch::Receiver<bool>,
    is_new: bool,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn events(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Response {
    match listen(&api, query.as_deref()) {
        Ok(listening) => {
            let pieces = stream::unfold(listening, |mut listening| async {
                let piece = listening.next().await?;
                Some((Ok::<_, std::convert::Infallible>(Bytes::from(piece)), listening))
            });
            let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
            (headers, Body::from_stream(pieces)).into_response()
        }
        Err(why) => refused(&why),
    }
}

fn listen(api: &Api, query: Option<&str>) -> Result<Listening, Refused> {
    let service = named(query, &api.view)?;
    let inquiries = api.view.writer(&service).ok_or_else(|| {
        let hint = "changes are told by the sidecar that writes them";
        Refused::new(StatusCode::CONFLICT, format!("{service} is not written by this process now"), hint)
    })?;
    let place = api.places.0.clone().try_acquire_owned().map_err(|_| {
        let error = format!("{LISTENERS} are listening already");
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, error, "close a page that is not needed")
    })?;
    Ok(Listening {
        service: service.to_string(),
        changes: inquiries.changes(),
        stop: api.stop.clone(),
        is_new: true,
        is_over: false,
        _place: place,
    })
}

impl Listening {
    /// The next piece of the answer; none at its end.
    async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        if std::mem::replace(&mut self.is_new, false) {
            return Some("retry: 5000\n: listening\n\n".to_owned());
        }
        let first = tokio::select! {
            () = stopped(&mut self.stop) => return None,
            change = self.changes.recv() => change,
            () = sleep(SIGN_OF_LIFE) => return Some(": nothing new\n\n".to_owned()),
        };
        let mut piece = String::new();
        match first {
            Ok(change) => self.put(&mut piece, &change),
            Err(broadcast::error::RecvError::Closed) => return None,
            Err(broadcast::error::RecvError::Lagged(missed)) => return Some(self.fallen_behind(missed)),
        }
        for _ in 1..AT_ONCE {
            match self.changes.try_recv() {
                Ok(change) => self.put(&mut piece, &change),
                Err(broadcast::error::TryRecvError::Lagged(missed)) => {
                    piece += &self.fallen_behind(missed);
                    break;
                }
                Err(_) => break,
            }
        }
        Some(piece)
    }

    fn put(&self, piece: &mut String, change: &Change) {
        // Texts and numbers only: nothing in it can fail to serialise.
        let data = serde_json::to_string(&EventTold::new(&self.service, change)).unwrap_or_default();
        *piece += &format!("event: change\ndata: {data}\n\n");
    }

    fn fallen_behind(&mut self, missed: u64) -> String {
        self.is_over = true;
        format!("event: missed\ndata: {{\"missed\":{missed}}}\n\n")
    }
}
