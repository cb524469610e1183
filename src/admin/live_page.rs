//! One page that tells its reader when there is a newer one: for `ralphext preview --watch`. It must not know what is on it.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State as Extract},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::watch;

/// How long a browser waits for a newer page before it asks again.
const PATIENCE: Duration = Duration::from_secs(20);

/// A page and its number, which grows.
pub type Numbered = (u64, Arc<str>);

struct Shared {
    token: String,
    page: watch::Receiver<Numbered>,
}

/// Serves the page at `/TOKEN/`, for whoever knows the token; `/TOKEN/changed/N` answers when there is a newer one than N.
pub fn live_page(token: String, page: watch::Receiver<Numbered>) -> Router {
    Router::new()
        .route("/{token}/", get(current))
        .route("/{token}/changed/{number}", get(changed))
        .with_state(Arc::new(Shared { token, page }))
}

/// The script of page `number`: it loads the page again when there is a newer one.
pub fn reload_script(number: u64) -> String {
    format!(
        "(async()=>{{for(;;){{try{{const a=await fetch(\"changed/{number}\");if(a.status===200){{location.reload();return}}\
         if(a.status!==204)return}}catch(e){{await new Promise(r=>setTimeout(r,1000))}}}}}})()"
    )
}

async fn current(Extract(shared): Extract<Arc<Shared>>, Path(token): Path<String>) -> Response {
    if token != shared.token {
        return StatusCode::NOT_FOUND.into_response();
    }
    let html = shared.page.borrow().1.to_string();
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (headers, html).into_response()
}

async fn changed(Extract(shared): Extract<Arc<Shared>>, Path((token, number)): Path<(String, u64)>) -> StatusCode {
    if token != shared.token {
        return StatusCode::NOT_FOUND;
    }
    let mut page = shared.page.clone();
    let newer = page.wait_for(|page| page.0 > number);
    match tokio::time::timeout(PATIENCE, newer).await {
        Ok(Ok(_)) => StatusCode::OK,
        // Nobody will make another one.
        Ok(Err(_)) => StatusCode::GONE,
        Err(_) => StatusCode::NO_CONTENT,
    }
}
