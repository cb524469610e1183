//! HTTP for extensions that push: changes, snapshots, heartbeats. It must not know what records mean, nor Redis.
//!
//! | request | body | does |
//! |---|---|---|
//! | `PUT /v1/objects/<id>` | the content, its type in `Content-Type` | one object |
//! | `DELETE /v1/objects/<id>` | | removes it |
//! | `PATCH /v1/objects` | records, one a line | many changes |
//! | `POST /v1/snapshot` | records, the last line `{"end": true}` | all there is: what it does not name is gone |
//! | `POST /v1/heartbeat` | | alive, nothing new |
//! | `GET /v1/status` | | whether a snapshot is wanted |
//!
//! An answer of 200 says that Redis has it, 202 that the spool has it, 422 that nothing was taken and why, 503 that nobody
//! knows: try again.

mod answer;
mod body;
mod openapi;
mod room;
mod table;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, header},
    middleware::{self, Next},
    response::Response,
    routing::{MethodRouter, delete, get, patch, post, put},
};
use tokio::time::timeout;

pub use self::openapi::push_openapi;
use self::{
    answer::{answered, spooled, unconfirmed},
    room::{Room, next},
    table::{Ask, OPERATIONS},
};
use crate::{
    admin::{
        guard::{Guard, Token},
        refused::{Refused, refused},
    },
    identity::Handle,
    model::{ObjectId, Version},
    pipeline::{SharedSpool, Vet},
    settings::Settings,
    sources::{Feed, Inbox, Unconfirmed},
};

/// Most bytes of one `PATCH`; larger ones are snapshots, or several requests.
const PATCH_MAX: usize = 16 << 20;
/// How long a request may wait for Redis to have what it said.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for a whole snapshot, from its last byte on.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a request's records handed in at once.
const SLICE: usize = 256 << 10;

/// What requests need.
pub struct Push {
    service: String,
    /// Which one of several inputs is pushed, if there are several.
    input: Option<String>,
    inbox: Inbox,
    vet: Mutex<Vet>,
    spool: SharedSpool,
    guard: Guard,
    room: Room,
}

impl Push {
    /// For the service of `settings`, or for its `input` with that one's settings, resolved by `inventory`; with a spool, what
    /// Redis does not have is kept there.
    pub fn new(
        settings: &Settings,
        input: Option<String>,
        inbox: Inbox,
        spool: SharedSpool,
        inventory: Option<Handle>,
    ) -> Self {
        let source = &settings.source;
        let token = source.token.clone().map(Token::Given);
        let token = token.or_else(|| source.token_file.clone().map(|path| Token::File(path, "source.token_file")));
        Self {
            service: settings.name().to_string(),
            inbox,
            vet: Mutex::new(Vet::new(settings, input.is_some(), inventory)),
            input,
            spool,
            guard: Guard::of_push(token),
            room: Room::new(),
        }
    }

    /// The pages.
    pub fn pages(self) -> Router {
        let shared = Arc::new(self);
        OPERATIONS
            .iter()
            .fold(Router::new(), |router, operation| router.route(operation.path, handler(operation.ask)))
            .fallback(|| async { refused(&Refused::no_such_path()) })
            .method_not_allowed_fallback(|| async { refused(&Refused::no_such_method()) })
            .layer(middleware::from_fn_with_state(shared.clone(), guarded))
            .layer(DefaultBodyLimit::disable())
            .with_state(shared)
    }

    /// Hands in records, one a line, and answers when Redis has them, or else the spool.
    async fn submit(&self, records: &[u8]) -> Response {
        let done = async {
            let mut feed = self.inbox.changes("push");
            for slice in records.chunks(SLICE) {
                feed.push(slice).await?;
            }
            feed.finish().await
        };
        // From here on nothing of it is on its way any more that was not taken: it would come over what is kept later.
        let done = timeout(PATIENCE, done).await.unwrap_or(Err(Unconfirmed));
        match done {
            Ok(answer) => answered(&answer),
            Err(Unconfirmed) => self.keep(records),
        }
    }

    /// Keeps records in the spool: they are told to Redis as soon as it is there again.
    fn keep(&self, records: &[u8]) -> Response {
        let mut vet = self.vet.lock().unwrap_or_else(PoisonError::into_inner);
        let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(spool) = spool.as_ref() else { return unconfirmed(&self.service) };
        let judged = vet.judge(records);
        if judged.is_unknown || (judged.count() == 0 && judged.refusals.is_empty()) {
            // Nobody knows yet whose they are; or a question, or a heartbeat: nothing that could be kept.
            return unconfirmed(&self.service);
        }
        let keep = || match &self.input {
            None => spool.commit(&judged.changes, Version(0)),
            Some(input) => spool.commit_parts(input, &judged.parts, &[]),
        };
        if let Err(e) = tokio::task::block_in_place(keep) {
            tracing::warn!(service = self.service, error = %e, hint = e.hint(), "the spool takes nothing");
            return unconfirmed(&self.service);
        }
        spool.owe();
        spooled(judged.count(), &judged.refusals)
    }
}

fn handler(ask: Ask) -> MethodRouter<Arc<Push>> {
    match ask {
        Ask::PutObject => put(put_object),
        Ask::DeleteObject => delete(delete_object),
        Ask::PatchObjects => patch(patch_objects),
        Ask::PostSnapshot => post(post_snapshot),
        Ask::PostHeartbeat => post(post_heartbeat),
        Ask::GetStatus => get(get_status),
    }
}

async fn guarded(State(push): State<Arc<Push>>, request: Request, next: Next) -> Response {
    match push.guard.let_in(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => refused(&why),
    }
}

/// The `id` of a path, which may be no text at all.
type PathId = Result<Path<String>, PathRejection>;

async fn put_object(State(push): State<Arc<Push>>, id: PathId, headers: HeaderMap, body: Body) -> Response {
    let id = match check_id(id) {
        Ok(id) => id,
        Err(why) => return refused(&why),
    };
    let content = match push.room.collect(body, push.inbox.max_line()).await {
        Ok(content) => content,
        Err(why) => return refused(&why),
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match body::record(&id, content_type, &content.bytes) {
        Ok(record) => push.submit(&record).await,
        Err(why) => refused(&why),
    }
}

async fn delete_object(State(push): State<Arc<Push>>, id: PathId) -> Response {
    match check_id(id) {
        Ok(id) => push.submit(format!("{{\"id\":\"{id}\",\"deleted\":true}}\n").as_bytes()).await,
        Err(why) => refused(&why),
    }
}

async fn patch_objects(State(push): State<Arc<Push>>, body: Body) -> Response {
    let records = push.room.collect(body, PATCH_MAX).await;
    match records.and_then(|records| body::only_changes(&records.bytes).map(|()| records)) {
        Ok(records) => push.submit(&records.bytes).await,
        Err(why) => refused(&why),
    }
}

async fn post_heartbeat(State(push): State<Arc<Push>>) -> Response {
    push.submit(b"{\"heartbeat\":true}\n").await
}

async fn get_status(State(push): State<Arc<Push>>) -> Response {
    push.submit(b"").await
}

async fn post_snapshot(State(push): State<Arc<Push>>, body: Body) -> Response {
    let feed = match timeout(PATIENCE, push.inbox.snapshot("push")).await.unwrap_or(Err(Unconfirmed)) {
        Ok(Some(feed)) => feed,
        Ok(None) => return refused(&Refused::snapshot_under_way()),
        Err(Unconfirmed) => return unconfirmed(&push.service),
    };
    match stream(feed, body).await {
        Ok(Ok(answer)) => answered(&answer),
        Ok(Err(Unconfirmed)) => unconfirmed(&push.service),
        Err(why) => refused(&why),
    }
}

/// Hands in a body as it comes; a slow pipeline slows the sender down.
async fn stream(mut feed: Feed, mut body: Body) -> Result<Result<crate::model::Answer, Unconfirmed>, Refused> {
    while let Some(bytes) = next(&mut body).await? {
        if feed.push(&bytes).await.is_err() {
            return Ok(Err(Unconfirmed));
        }
    }
    Ok(timeout(SNAPSHOT_PATIENCE, feed.finish()).await.unwrap_or(Err(Unconfirmed)))
}

fn check_id(id: PathId) -> Result<String, Refused> {
    let Path(id) = id.map_err(|e| Refused::bad_id("", &e.body_text()))?;
    ObjectId::check(&id).map_err(|e| Refused::bad_id(&id, &e)).map(|()| id)
}
