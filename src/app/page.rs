//! The page for operators: of the services of a process, or of all of a Redis. It must not know what is on it.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;
use tracing::info;

use super::AppError;
use crate::{
    admin::{self, Listener, Served, View},
    browse::Browser,
    pipeline::{Engine, EngineError},
    settings::{Admin, ListenPlace, Settings},
    sources::SourceError,
    store::Target,
};

/// Bound, and not served yet.
pub(super) struct Page {
    listener: Listener,
    place: ListenPlace,
    admin: Admin,
    services: BTreeMap<String, Served>,
}

impl Page {
    /// Binds its socket, where settings ask for it.
    pub(super) async fn bind(admin: &Admin) -> Result<Option<Self>, AppError> {
        let place = admin.page_place().map_err(|why| SourceError::Settings {
            problem: format!("admin.page_listen: {why}"),
            hint: "write \"127.0.0.1:9784\" or \"unix:/run/ralphext/page.sock\"",
        })?;
        let Some(place) = place else { return Ok(None) };
        let listener = Listener::bind_page(&place).await?;
        Ok(Some(Self { listener, place, admin: admin.clone(), services: BTreeMap::new() }))
    }

    /// One more service on it.
    pub(super) fn add(&mut self, settings: &Settings, engine: &mut Engine) -> Result<(), AppError> {
        let target = Target::new(&settings.redis).map_err(EngineError::from)?;
        let browser = Arc::new(Browser::new(target, &settings.redis.prefix));
        let served = Served { state: engine.watch(), inquiries: engine.inquiries(), browser };
        self.services.insert(settings.name().to_string(), served);
        Ok(())
    }

    /// Serves it until `stop` turns true.
    pub(super) async fn serve(self, stop: watch::Receiver<bool>) {
        let address = self.listener.address().to_owned();
        match &self.place {
            ListenPlace::Tcp(_) => info!(address, "the page is served: http://{address}/"),
            ListenPlace::Unix(_) => info!(address, "the page is served on {address}"),
        }
        let pages = admin::site(View::Own(self.services), &self.place, self.admin.page_token_file, stop.clone());
        self.listener.serve(pages, stop).await;
    }
}

/// Serves a page about every service below `prefix` of a Redis until `stop` turns true.
///
/// # Errors
/// When the place cannot be had.
pub async fn ui(target: Target, prefix: &str, admin: Admin, stop: watch::Receiver<bool>) -> Result<(), AppError> {
    let Some(page) = Page::bind(&admin).await? else { return Ok(()) };
    let address = page.listener.address().to_owned();
    info!(address, redis = target.address(), "the page is served: {address}");
    let view = View::All(Arc::new(Browser::new(target, prefix)));
    let pages = admin::site(view, &page.place, page.admin.page_token_file, stop.clone());
    page.listener.serve(pages, stop).await;
    Ok(())
}
