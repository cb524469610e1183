//! The JSON API for operators: services, objects, one object, refreshes, a stream of changes. It must not know Redis, nor how
//! engines answer.

mod answer;
mod events;
mod openapi;
mod query;
mod table;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, RawQuery, Request, State, rejection::PathRejection},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::{MethodRouter, get, post},
};
use tokio::sync::watch;

pub use self::openapi::api_openapi;
pub(super) use self::query::{Query, pairs};
use self::{
    answer::{Objects, OneObject, RefreshTold, Status},
    events::Places,
    table::{Ask, OPERATIONS},
};
use super::{
    guard::Guard,
    refused::{Refused, json, refused},
    view::{Untold, View},
};
use crate::{
    model::{ObjectId, ServiceName},
    pipeline::RefreshOutcome,
    registry::Stamp,
};

/// What behind an object's id asks for a refresh.
const REFRESH: &str = ":refresh";

/// What requests need.
pub(super) struct Api {
    pub(super) view: View,
    pub(super) guard: Guard,
    /// Turns true when the process is to end.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) places: Places,
}

impl Api {
    pub(super) fn new(view: View, guard: Guard, stop: watch::Receiver<bool>) -> Self {
        Self { view, guard, stop, places: Places::default() }
    }
}

/// The API's paths; what else there is comes on top. All of it is guarded.
pub(super) fn routes(api: Arc<Api>, more: Router<Arc<Api>>) -> Router {
    OPERATIONS
        .iter()
        // A path ends with its parameter.
        .fold(more, |router, operation| router.route(operation.path.trim_end_matches(REFRESH), handler(operation.ask)))
        .fallback(|| async { refused(&no_such_path()) })
        .method_not_allowed_fallback(|| async { refused(&no_such_method()) })
        .layer(middleware::from_fn_with_state(api.clone(), guarded))
        .with_state(api)
}

fn handler(ask: Ask) -> MethodRouter<Arc<Api>> {
    match ask {
        Ask::Status => get(status),
        Ask::Objects => get(objects),
        Ask::Object => get(object),
        Ask::Refresh => post(refresh),
        Ask::Events => get(events::events),
    }
}

fn no_such_path() -> Refused {
    let hint = "there are /, /api/v1/status, /api/v1/objects, /api/v1/objects/<id> and /api/v1/events";
    Refused::new(StatusCode::NOT_FOUND, "there is nothing here", hint)
}

fn no_such_method() -> Refused {
    let hint = "everything is a GET but POST /api/v1/objects/<id>:refresh";
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "that cannot be done here", hint)
}

/// The methods of an object's paths, of which the router knows only one.
fn allowed(path: &str) -> Option<&'static str> {
    let id = path.strip_prefix("/api/v1/objects/")?.to_ascii_lowercase().replace("%3a", ":");
    Some(if id.ends_with(REFRESH) { "POST" } else { "GET,HEAD" })
}

async fn guarded(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let allowed = allowed(request.uri().path());
    let mut response = match api.guard.let_in(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => {
            let mut response = refused(&why);
            if why.status == StatusCode::UNAUTHORIZED {
                // A browser asks for a password.
                let asks = header::HeaderValue::from_static("Basic realm=\"ralphext\", charset=\"UTF-8\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
            }
            response
        }
    };
    let is_other_method = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let headers = response.headers_mut();
    if let Some(allowed) = allowed.filter(|_| is_other_method) {
        headers.insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

impl From<Untold> for Refused {
    fn from(untold: Untold) -> Self {
        match untold {
            Untold::NoService(name) => {
                let hint = "GET /api/v1/status names the services";
                Self::new(StatusCode::NOT_FOUND, format!("there is no service {name} here"), hint)
            }
            Untold::Store(e) => {
                let hint = "it is tried again with the next request; `ralphext doctor` looks for the cause";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, e.to_string(), hint)
            }
            Untold::Busy => {
                let error = "the service is busy, has lost its connection, or is ending";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error, "try again")
            }
            Untold::NoWriter => {
                let error = "this process does not write the service now";
                Self::new(StatusCode::CONFLICT, error, "ask the sidecar that is its writer: `ralphext status` names it")
            }
        }
    }
}

async fn status(State(api): State<Arc<Api>>) -> Response {
    let (services, failed) = api.view.services().await;
    json(StatusCode::OK, &Status::new(services, failed.map(|e| e.to_string()), Stamp::now().0))
}

async fn objects(State(api): State<Arc<Api>>, RawQuery(query): RawQuery) -> Response {
    let told = async {
        let query = Query::parse(query.as_deref().unwrap_or_default(), &api.view)?;
        let part = api.view.objects(&query.service, query.cursor, query.limit, query.filter).await?;
        Ok::<_, Refused>(Objects::new(query.service.as_str(), part))
    };
    match told.await {
        Ok(told) => json(StatusCode::OK, &told),
        Err(why) => refused(&why),
    }
}

/// The `id` of a path, which may be no text at all.
type PathId = Result<Path<String>, PathRejection>;

fn check_id(id: PathId) -> Result<ObjectId, Refused> {
    let Path(id) = id.map_err(|e| Refused::bad_id("", &e.body_text()))?;
    ObjectId::new(id.clone()).map_err(|e| Refused::bad_id(&id, &e))
}

fn named(query: Option<&str>, view: &View) -> Result<ServiceName, Refused> {
    Query::parse(query.unwrap_or_default(), view).map(|query| query.service)
}

async fn object(State(api): State<Arc<Api>>, id: PathId, RawQuery(query): RawQuery) -> Response {
    if matches!(&id, Ok(Path(id)) if id.ends_with(REFRESH)) {
        return refused(&no_such_method());
    }
    let told = async {
        let (id, service) = (check_id(id)?, named(query.as_deref(), &api.view)?);
        let object = api.view.object(&service, &id).await?;
        OneObject::new(service.as_str(), id.as_str(), object).ok_or_else(|| {
            let hint = "GET /api/v1/objects lists those that there are";
            Refused::new(StatusCode::NOT_FOUND, format!("{service} has no value for object {id}"), hint)
        })
    };
    match told.await {
        Ok(told) => json(StatusCode::OK, &told),
        Err(why) => refused(&why),
    }
}

async fn refresh(State(api): State<Arc<Api>>, id: PathId, RawQuery(query): RawQuery) -> Response {
    if !matches!(&id, Ok(Path(id)) if id.ends_with(REFRESH)) {
        return refused(&no_such_method());
    }
    let told = async {
        let Path(path) = id.map_err(|e| Refused::bad_id("", &e.body_text()))?;
        let id = path.strip_suffix(REFRESH).unwrap_or_default();
        let (id, service) = (check_id(Ok(Path(id.to_owned())))?, named(query.as_deref(), &api.view)?);
        let refreshed = api.view.refresh(&service, &id).await?;
        if refreshed.outcome == RefreshOutcome::NotAsked {
            let error = format!("the source of {service} tells changes by itself and cannot be asked");
            return Err(Refused::new(StatusCode::CONFLICT, error, "have the extension tell the object again"));
        }
        Ok(RefreshTold::new(id.as_str(), refreshed))
    };
    match told.await {
        Ok(told) => json(StatusCode::OK, &told),
        Err(why) => refused(&why),
    }
}
