//! One page of Ralph's REST API: asked for, and read as far as it is the same for all models. It must not know what a row says.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Model;
use crate::{
    identity::IdentityError,
    settings,
    web::{Access, Client, StatusCode, Url, WebError, WebErrorKind, header::HeaderMap, shown_url},
};

/// Most bytes of one page.
const PAGE: u64 = 256 << 20;

/// In which order rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By id.
    Id,
    /// By the time of their last change, the newest first.
    NewestFirst,
}

/// What Ralph answered.
#[derive(Debug)]
pub enum Answer {
    /// A page.
    Page(Page),
    /// 500: one of its rows cannot be shown.
    Broken(String),
}

/// Some rows.
#[derive(Debug)]
pub struct Page {
    /// How many there are in all.
    pub count: u64,
    /// Whether others follow.
    pub has_next: bool,
    /// They, as JSON.
    pub rows: Vec<String>,
}

/// The API.
#[derive(Debug)]
pub struct Api {
    client: Client,
    base: Url,
    place: String,
}

#[derive(Deserialize)]
struct Raw<'a> {
    count: u64,
    #[serde(default)]
    next: Option<String>,
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

impl Api {
    pub(super) fn new(settings: &settings::Identity) -> Result<Self, IdentityError> {
        let text = settings.url.as_deref().unwrap_or_default();
        let base = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let mut base = base.ok_or_else(|| {
            IdentityError::settings(
                "identity.url is no address of a server",
                "write url = \"https://ralph.example.com/api/\" in [identity]",
            )
        })?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let access = Access {
            token: settings.token.clone(),
            token_file: settings.token_file.clone(),
            scheme: "Token".to_owned(),
            ca: settings.ca.clone(),
            idle_timeout: settings.timeout.0,
            timeout: settings.timeout.0,
            max_body: PAGE,
            ..Access::default()
        };
        let client = Client::new(access).map_err(failed)?;
        let place = shown_url(&base);
        Ok(Self { client, base, place })
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The rows of `model` from `offset` on, at most `limit`.
    pub(super) async fn page(
        &self,
        model: &Model,
        order: Order,
        offset: u64,
        limit: u32,
    ) -> Result<Answer, IdentityError> {
        let ordering = match order {
            Order::Id => "id",
            Order::NewestFirst => "-modified",
        };
        let mut url = self.base.join(&format!("{}/", model.endpoint)).map_err(|e| {
            IdentityError::settings(format!("identity.url: {e}"), "write https://ralph.example.com/api/")
        })?;
        url.query_pairs_mut()
            .append_pair("format", "json")
            .append_pair("ordering", ordering)
            .append_pair("limit", &limit.to_string())
            .append_pair("offset", &offset.to_string());
        let answer = match self.client.get(&url, &HeaderMap::new()).await {
            Ok(answer) => answer,
            Err(e) if e.status == Some(StatusCode::INTERNAL_SERVER_ERROR) => return Ok(Answer::Broken(e.problem)),
            Err(e) => return Err(refused(model, e)),
        };
        if answer.status() != StatusCode::OK {
            let problem = format!("{} answers {}", shown_url(&url), answer.status());
            return Err(IdentityError::new(problem, "check identity.url: it has to end with /api/, as Ralph's does"));
        }
        let body = answer.whole(PAGE).await.map_err(failed)?;
        let raw: Raw<'_> = serde_json::from_slice(&body).map_err(|e| {
            let cause = e.to_string();
            let cause = cause.split(" at line ").next().unwrap_or(&cause);
            let problem = format!("{} answers with something that is no page of Ralph's: {cause}", shown_url(&url));
            IdentityError::new(problem, "check identity.url: a login page or a proxy may answer in Ralph's place")
        })?;
        let rows = raw.results.iter().map(|row| row.get().to_owned()).collect();
        Ok(Answer::Page(Page { count: raw.count, has_next: raw.next.is_some(), rows }))
    }
}

fn failed(error: WebError) -> IdentityError {
    match error.kind {
        WebErrorKind::Settings => IdentityError::settings(error.problem, error.hint),
        _ => IdentityError::new(error.problem, error.hint),
    }
}

fn refused(model: &Model, error: WebError) -> IdentityError {
    match error.status {
        Some(StatusCode::UNAUTHORIZED) => IdentityError::new(
            error.problem,
            "Ralph does not know the token: take the one from the user's page (API key), see identity.token_file",
        ),
        Some(StatusCode::FORBIDDEN) => IdentityError::new(
            error.problem,
            format!(
                "let Ralph give the token's user the permission to view {}, or name other identity.models",
                model.label
            ),
        ),
        _ => failed(error),
    }
}
