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

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, patch, post, put},
};
use http_body_util::BodyExt;
use tokio::time::timeout;

use self::answer::{Refused, answered, refused, spooled, unconfirmed};
use crate::{
    model::{ObjectId, Version},
    pipeline::{SharedSpool, Vet},
    settings::{Secret, Settings},
    sources::{Feed, Inbox, Unconfirmed},
};

/// Most bytes of one `PATCH`; larger ones are snapshots, or several requests.
const PATCH_MAX: usize = 16 << 20;
/// How long a request may wait for Redis to have what it said.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for a whole snapshot, from its last byte on.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(60);
/// How long a body may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// What requests need.
pub struct Push {
    service: String,
    inbox: Inbox,
    vet: Mutex<Vet>,
    spool: SharedSpool,
    token: Option<Token>,
}

/// What requests have to show.
enum Token {
    Given(Secret),
    /// Read at every request.
    File(PathBuf),
}

impl Push {
    /// For the service of `settings`; with a spool, what Redis does not have is kept there.
    pub fn new(settings: &Settings, inbox: Inbox, spool: SharedSpool) -> Self {
        let source = &settings.source;
        let file = source.token_file.clone().map(Token::File);
        Self {
            service: settings.name().to_string(),
            inbox,
            vet: Mutex::new(Vet::new(settings)),
            spool,
            token: source.token.clone().map(Token::Given).or(file),
        }
    }

    /// The pages.
    pub fn pages(self) -> Router {
        let shared = Arc::new(self);
        Router::new()
            .route("/v1/objects/{id}", put(put_object).delete(delete_object))
            .route("/v1/objects", patch(patch_objects))
            .route("/v1/snapshot", post(post_snapshot))
            .route("/v1/heartbeat", post(post_heartbeat))
            .route("/v1/status", get(get_status))
            .fallback(|| async { refused(&Refused::no_such_path()) })
            .method_not_allowed_fallback(|| async { refused(&Refused::no_such_method()) })
            .layer(middleware::from_fn_with_state(shared.clone(), only_with_token))
            .layer(DefaultBodyLimit::disable())
            .with_state(shared)
    }

    fn is_allowed(&self, headers: &HeaderMap) -> bool {
        let wanted = match &self.token {
            None => return true,
            Some(Token::Given(secret)) => secret.expose().to_owned(),
            Some(Token::File(path)) => match std::fs::read_to_string(path) {
                Ok(text) => text.trim_end_matches(['\r', '\n']).to_owned(),
                Err(e) => {
                    tracing::warn!(service = self.service, path = %path.display(), error = %e, "cannot read source.token_file");
                    return false;
                }
            },
        };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        !wanted.is_empty() && shown.is_some_and(|shown| is_same(shown.trim().as_bytes(), wanted.as_bytes()))
    }

    /// Hands in records, one a line, and answers when Redis has them, or else the spool.
    async fn submit(&self, records: Vec<u8>) -> Response {
        let done = async {
            let mut feed = self.inbox.changes("push");
            feed.push(&records).await?;
            feed.finish().await
        };
        match timeout(PATIENCE, done).await.unwrap_or(Err(Unconfirmed)) {
            Ok(answer) => answered(&answer),
            Err(Unconfirmed) => self.keep(&records),
        }
    }

    /// Keeps records in the spool: they are told to Redis as soon as it is there again.
    fn keep(&self, records: &[u8]) -> Response {
        let mut vet = self.vet.lock().unwrap_or_else(PoisonError::into_inner);
        let spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(spool) = spool.as_ref() else { return unconfirmed(&self.service) };
        let judged = vet.judge(records);
        if judged.changes.is_empty() && judged.refusals.is_empty() {
            // A question, or a heartbeat: nothing that could be kept.
            return unconfirmed(&self.service);
        }
        if let Err(e) = tokio::task::block_in_place(|| spool.commit(&judged.changes, Version(0))) {
            tracing::warn!(service = self.service, error = %e, hint = e.hint(), "the spool takes nothing");
            return unconfirmed(&self.service);
        }
        spooled(judged.changes.len(), &judged.refusals)
    }
}

/// Compares without telling by the time it takes how much is right.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

async fn only_with_token(State(push): State<Arc<Push>>, request: Request, next: Next) -> Response {
    if push.is_allowed(request.headers()) { next.run(request).await } else { refused(&Refused::no_token()) }
}

async fn put_object(State(push): State<Arc<Push>>, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let content = match collect(body, push.inbox.max_line()).await {
        Ok(content) => content,
        Err(why) => return refused(&why),
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match check_id(&id).and_then(|()| body::record(&id, content_type, &content)) {
        Ok(record) => push.submit(record).await,
        Err(why) => refused(&why),
    }
}

async fn delete_object(State(push): State<Arc<Push>>, Path(id): Path<String>) -> Response {
    match check_id(&id) {
        Ok(()) => push.submit(format!("{{\"id\":\"{id}\",\"deleted\":true}}\n").into_bytes()).await,
        Err(why) => refused(&why),
    }
}

async fn patch_objects(State(push): State<Arc<Push>>, body: Body) -> Response {
    match collect(body, PATCH_MAX).await.and_then(|records| body::only_changes(&records).map(|()| records)) {
        Ok(records) => push.submit(records).await,
        Err(why) => refused(&why),
    }
}

async fn post_heartbeat(State(push): State<Arc<Push>>) -> Response {
    push.submit(b"{\"heartbeat\":true}\n".to_vec()).await
}

async fn get_status(State(push): State<Arc<Push>>) -> Response {
    push.submit(Vec::new()).await
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

async fn collect(mut body: Body, max: usize) -> Result<Vec<u8>, Refused> {
    let mut all = Vec::new();
    while let Some(bytes) = next(&mut body).await? {
        if all.len() + bytes.len() > max {
            return Err(Refused::too_large(max));
        }
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

/// The next bytes of a body.
async fn next(body: &mut Body) -> Result<Option<bytes::Bytes>, Refused> {
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

fn check_id(id: &str) -> Result<(), Refused> {
    ObjectId::check(id).map_err(|e| {
        Refused::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("{id:?} is no object id: {e}"),
            "see the key grammar in docs/contract.md",
        )
    })
}
