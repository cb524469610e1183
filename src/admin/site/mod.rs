//! The page for operators, drawn on the server: services, objects, one object, a live feed. It must not know Redis, nor how
//! engines answer.
//!
//! Nothing that others wrote is let out unescaped, and the browser is told to run and load nothing but what stands here. HTML
//! of extensions is in a frame without scripts and origin (`page`).

mod index;
mod layout;
mod live;
mod metrics;
mod object;
mod objects;
mod services;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::sync::watch;

use self::layout::{Layout, policy, trouble};
use super::{
    api::{self, Api, Query},
    guard::Guard,
    refused::Refused,
    view::{Untold, View},
};
use crate::{
    model::{ObjectId, ServiceName},
    page,
    settings::ListenPlace,
};

/// Longest a browser keeps style and script.
const KEEP: &str = "public, max-age=300";

/// Page and API over `view`, for whoever reaches `place`; with a file of a token only for those who show it.
pub fn site(view: View, place: &ListenPlace, token_file: Option<PathBuf>, stop: watch::Receiver<bool>) -> Router {
    let guard = match view {
        View::Own(_) => Guard::of_page(place, token_file),
        // Nobody there could do it.
        View::All(_) => Guard::read_only(place, token_file),
    };
    let pages = Router::new()
        .route("/", get(services))
        .route("/index", get(index))
        .route("/s/{service}", get(objects))
        .route("/s/{service}/live", get(live))
        .route("/s/{service}/o/{id}", get(object))
        .route("/s/{service}/o/{id}/refresh", post(refresh))
        .route(
            "/style.css",
            get(|| async { asset("text/css; charset=utf-8", [page::STYLE, include_str!("site.css")].concat()) }),
        )
        .route(
            "/page.js",
            get(|| async { asset("text/javascript; charset=utf-8", include_str!("page.js").to_owned()) }),
        );
    let pages = match view {
        // A sidecar tells its own metrics where probes are.
        View::Own(_) => pages,
        View::All(_) => pages.route("/metrics", get(metrics::metrics)),
    };
    api::routes(Arc::new(Api::new(view, guard, stop)), pages)
}

fn asset(content_type: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, KEEP)], text).into_response()
}

/// A page, or why there is none.
fn drawn(told: Result<Layout, Refused>) -> Response {
    let (status, layout) = match told {
        Ok(layout) => (StatusCode::OK, layout),
        Err(why) => (why.status, trouble(&why)),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy()),
    ];
    (status, headers, layout.html()).into_response()
}

async fn services(State(api): State<Arc<Api>>) -> Response {
    let (services, failed) = api.view.services().await;
    if let ([only], None) = (services.as_slice(), &failed)
        && api.view.only().is_some()
    {
        // One service is no list.
        let to = format!("/s/{}", only.name);
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
    }
    drawn(Ok(services::page(&services, failed.as_ref())))
}

/// What there is for whom: the index of extensions.
async fn index(State(api): State<Arc<Api>>) -> Response {
    let (services, failed) = api.view.services().await;
    drawn(failed.map_or_else(|| Ok(index::page(&services, &api.view)), |e| Err(Untold::Store(e).into())))
}

fn named(service: &str) -> Result<ServiceName, Refused> {
    ServiceName::new(service).map_err(|e| {
        let error = format!("{service:?} is no service name: {e}");
        Refused::new(StatusCode::NOT_FOUND, error, "the first page has the services")
    })
}

fn object_id(id: &str) -> Result<ObjectId, Refused> {
    ObjectId::new(id).map_err(|e| Refused::bad_id(id, &e))
}

async fn objects(State(api): State<Arc<Api>>, Path(service): Path<String>, RawQuery(query): RawQuery) -> Response {
    let told = async {
        let service = named(&service)?;
        let given = query.unwrap_or_default();
        // The path names the service, whatever the query says.
        let query = Query::parse(&format!("{given}&service={service}"), &api.view)?;
        let Some(known) = api.view.service(&service).await? else { return Err(no_service(&service)) };
        let part = api.view.objects(&service, query.cursor, query.limit, query.filter.clone()).await?;
        Ok(objects::page(&known, &query, &part, api.view.writer(&service).is_some()))
    };
    drawn(told.await)
}

async fn live(State(api): State<Arc<Api>>, Path(service): Path<String>) -> Response {
    let told = async {
        let service = named(&service)?;
        let Some(known) = api.view.service(&service).await? else { return Err(no_service(&service)) };
        let recent = api.view.recent(&service, 100).await;
        Ok(live::page(&known, &recent, api.view.writer(&service).is_some()))
    };
    drawn(told.await)
}

async fn object(
    State(api): State<Arc<Api>>,
    Path((service, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let told = async {
        let (service, id) = (named(&service)?, object_id(&id)?);
        let Some(known) = api.view.service(&service).await? else { return Err(no_service(&service)) };
        let object = api.view.object(&service, &id).await?;
        let is_writer = api.view.writer(&service).is_some();
        let shown = object::Shown {
            service: &known,
            id: id.as_str(),
            object: &object,
            is_writer,
            may_refresh: is_writer && api.guard.may_change(),
            told: api::pairs(query.as_deref().unwrap_or_default()).into_iter().find(|(name, _)| name == "told"),
        };
        Ok(object::page(&shown))
    };
    drawn(told.await)
}

/// Fetches an object anew, and shows it.
async fn refresh(
    State(api): State<Arc<Api>>,
    Path((service, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let told = async {
        let (service, id) = (named(&service)?, object_id(&id)?);
        // A form of another site: browsers that tell nothing of themselves send no forms here.
        if headers.get(header::ORIGIN).is_none() && headers.get("sec-fetch-site").is_none() {
            return Err(Refused::other_site());
        }
        let refreshed = api.view.refresh(&service, &id).await?;
        Ok((service, id, refreshed.outcome.as_str()))
    };
    match told.await {
        Ok((service, id, outcome)) => {
            let to = format!("/s/{service}/o/{id}?told={outcome}");
            (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
        }
        Err(why) => drawn(Err(why)),
    }
}

fn no_service(service: &ServiceName) -> Refused {
    Refused::new(
        StatusCode::NOT_FOUND,
        format!("there is no service {service} here"),
        "the first page has the services",
    )
}
