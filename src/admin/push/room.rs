//! Bodies that are read as a whole, all of them together within bounds: who sends much waits for room, and whoever stands
//! still gives it back. It must not know what a body says.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::Refused;

/// Bytes of all large bodies at a time, in KiB.
const ALL_KIB: u32 = 64 << 10;
/// A body of so many bytes needs no room of its own: there are only so many connections.
const SMALL: usize = 64 << 10;
/// How long a body may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a large body may wait for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Room(Arc<Semaphore>);

/// A whole body.
#[derive(Debug)]
pub(super) struct Whole {
    pub bytes: Vec<u8>,
    /// Its room.
    _held: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ALL_KIB as usize)))
    }

    /// All of `body`, at most `max` bytes.
    pub(super) async fn collect(&self, mut body: Body, max: usize) -> Result<Whole, Refused> {
        let declared = body.size_hint().upper().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if declared.is_some_and(|bytes| bytes > max) {
            return Err(Refused::too_large(max));
        }
        let mut whole = Whole { bytes: Vec::new(), _held: None };
        while let Some(bytes) = next(&mut body).await? {
            let len = whole.bytes.len() + bytes.len();
            if len > max {
                return Err(Refused::too_large(max));
            }
            if len > SMALL && whole._held.is_none() {
                // All that may come at once: nobody holds a part of the room and waits for the rest.
                let all = declared.unwrap_or(max);
                whole._held = Some(self.hold(all).await?);
                // No more than the room that it has: growing by doubling takes up to three times as much.
                whole.bytes.reserve_exact(all.saturating_sub(whole.bytes.len()));
            }
            whole.bytes.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    async fn hold(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refused> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX).min(ALL_KIB);
        // It is never closed.
        let held = timeout(PATIENCE, self.0.clone().acquire_many_owned(kib)).await;
        held.ok().and_then(Result::ok).ok_or_else(Refused::no_room)
    }
}

/// The next bytes of a body.
pub(super) async fn next(body: &mut Body) -> Result<Option<bytes::Bytes>, Refused> {
    loop {
        match timeout(SILENCE, body.frame()).await {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(frame))) => {
                // Trailers say nothing here.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Ok(Some(Err(e))) => return Err(Refused::broken_off(&e.to_string())),
            Err(_) => return Err(Refused::broken_off("nothing came any more")),
        }
    }
}
