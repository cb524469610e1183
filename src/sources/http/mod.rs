//! The source of kind `http`: a list at an address, page by page, or one request for each object. It must not know when it is
//! asked, nor how a request is sent.

mod items;
mod objects;
mod paging;
mod recognised;

use std::{collections::HashMap, sync::Arc, time::Duration};

use self::{
    paging::{Next, Pages},
    recognised::Recognised,
};
use super::{
    BoxFuture, Sink, Source, SourceError,
    cut::{Cutter, Forms},
    document::Wanted,
};
use crate::{
    model::{Ending, Fetched},
    settings::{self, Paging},
    web::{
        Access, Answer, Client, StatusCode, Url, WebError, WebErrorKind,
        header::{ACCEPT, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
        shown_url,
    },
};

/// What lists may be.
const LISTS: &str = "application/json, application/x-ndjson;q=0.9, */*;q=0.5";

/// The source of kind `http`.
pub(super) struct Http {
    client: Client,
    settings: settings::Http,
    /// Where the list is.
    list: Option<Url>,
    forms: Forms,
    max_line: usize,
    /// Over which time the requests for objects are spread.
    spread: Duration,
    /// Of the whole list, while it is in one answer.
    validators: Validators,
    /// Of its bytes, where the server gives nothing to recognise it by.
    body: Recognised,
    /// Of single objects.
    by_object: HashMap<String, Validators>,
    /// The only objects that the next fetch asks for; none: all.
    only: Vec<String>,
}

/// What an answer can be recognised by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Validators {
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
}

impl Validators {
    fn of(answer: &Answer) -> Self {
        let header = |name| answer.headers().get(name).cloned();
        Self { etag: header(ETAG), modified: header(LAST_MODIFIED) }
    }

    fn are_any(&self) -> bool {
        self.etag.is_some() || self.modified.is_some()
    }

    fn ask(&self, headers: &mut HeaderMap) {
        if let Some(etag) = &self.etag {
            headers.insert(IF_NONE_MATCH, etag.clone());
        }
        if let Some(modified) = &self.modified {
            headers.insert(IF_MODIFIED_SINCE, modified.clone());
        }
    }
}

/// What one page led to.
struct Page {
    next: Next,
    validators: Validators,
    /// Of its bytes.
    digest: u128,
}

impl Http {
    pub(super) fn new(source: &settings::Source, max_line: usize, stays: bool) -> Result<Self, SourceError> {
        let settings = source.http.clone().unwrap_or_default();
        let list = settings.url.as_deref().map(|text| address("source.http.url", text)).transpose()?;
        if list.is_none() && settings.object_url.is_none() {
            return Err(SourceError::Settings {
                problem: "source.kind = \"http\" needs source.http.url".into(),
                hint: "write url = \"https://...\" in [source.http]",
            });
        }
        let client = Client::new(access(&settings, source)).map_err(failed)?;
        let forms = forms(source.items.as_deref(), &settings)?;
        let half = source.interval.0 / 2;
        let spread = settings.spread.map_or(if stays { half } else { Duration::ZERO }, |spread| spread.0);
        Ok(Self {
            client,
            settings,
            list,
            forms,
            max_line,
            spread,
            validators: Validators::default(),
            body: Recognised::default(),
            by_object: HashMap::new(),
            only: Vec::new(),
        })
    }

    async fn run(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        match (self.settings.object_url.clone(), self.settings.item_url.clone()) {
            (Some(template), _) => self.objects(&template, sink).await,
            (None, Some(template)) if !self.only.is_empty() => {
                let only = std::mem::take(&mut self.only);
                self.items(&template, &only, sink).await
            }
            _ => self.list(sink).await,
        }
    }

    /// The whole list.
    async fn list(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        let Some(first) = self.list.clone() else { return Ok(Ending::Open) };
        let mut pages = Pages::new(&self.settings, &first);
        let mut url = pages.first();
        if self.body.is_likely() && !self.validators.are_any() {
            if self.is_as_it_was(&url).await? {
                return Ok(Ending::Unchanged);
            }
            self.body = Recognised::default();
        }
        loop {
            let validators =
                if pages.count() == 0 { std::mem::take(&mut self.validators) } else { Validators::default() };
            let Some(answer) = self.ask(&url, &validators).await? else {
                self.validators = validators;
                return Ok(Ending::Unchanged);
            };
            let page = self.page(answer, &mut pages, sink).await?;
            match page.next {
                Next::Page(next) => url = next,
                Next::End => {
                    if pages.count() == 1 {
                        self.body.learn(page.digest);
                        self.validators = page.validators;
                    }
                    break;
                }
            }
        }
        if let Some(shifted) = pages.shifted() {
            let url = shown_url(&first);
            tracing::info!(
                url,
                "the pages shifted while they were read, so nothing is removed by this pass: {shifted}"
            );
            return Ok(Ending::Open);
        }
        Ok(Ending::Complete)
    }

    /// Whether the bytes of the list are those of last time, without looking into them.
    async fn is_as_it_was(&mut self, url: &Url) -> Result<bool, SourceError> {
        let Some(mut answer) = self.ask(url, &Validators::default()).await? else { return Ok(false) };
        let (goes_on, validators) = (paging::next_link(answer.headers()).is_some(), Validators::of(&answer));
        let mut body = self.body.hasher();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            body.update(&piece);
        }
        let is_same = !goes_on && self.body.is(body.digest128());
        if is_same {
            // A server may have begun to give some.
            self.validators = validators;
        }
        Ok(is_same)
    }

    /// Asks for a list; none when it is what it was.
    async fn ask(&self, url: &Url, validators: &Validators) -> Result<Option<Answer>, SourceError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(LISTS));
        let mut conditional = headers.clone();
        validators.ask(&mut conditional);
        let mut answer = self.client.get(url, &conditional).await.map_err(failed)?;
        if answer.status() == StatusCode::NOT_MODIFIED && validators.are_any() {
            let goes_on = self.settings.paging != Paging::None && paging::next_link(answer.headers()).is_some();
            if !goes_on {
                return Ok(None);
            }
            // It is what it was when there was no other page; now there is one.
            answer = self.client.get(url, &headers).await.map_err(failed)?;
        }
        let kind = answer.content_type().unwrap_or_default();
        if matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::NOT_MODIFIED) {
            return Err(SourceError::Http {
                problem: format!("{} answers {}", shown_url(url), answer.status()),
                hint: "check the path of source.http.url",
            });
        }
        if is_page(&kind) || kind.starts_with("image/") || kind.starts_with("video/") {
            return Err(SourceError::Http {
                problem: format!("{} answers with {kind}, not with a list of objects", shown_url(url)),
                hint: "it may be a login page: check the address, and whether a token is needed",
            });
        }
        Ok(Some(answer))
    }

    /// Cuts one answer into records, and finds out where the list goes on.
    async fn page(&self, mut answer: Answer, pages: &mut Pages, sink: &Sink) -> Result<Page, SourceError> {
        let (validators, url) = (Validators::of(&answer), answer.url().clone());
        let origin: Arc<str> = Arc::from(pages.origin(&url));
        let link = paging::next_link(answer.headers());
        let is_alone = pages.is_alone(link.is_some());
        let mut cutter = Cutter::new(origin.clone(), self.max_line, self.forms.clone());
        let mut body = self.body.hasher();
        let read = loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => {
                    body.update(&chunk);
                    cutter.room().extend_from_slice(&chunk);
                    cutter.advance();
                    hand_on(&mut cutter, pages, is_alone, sink).await?;
                }
                Ok(None) => break Ok(()),
                Err(e) => break Err(failed(e)),
            }
        };
        if let Err(e) = read {
            // Whole records count, as a delta; one that broke off does not.
            cutter.flush();
            hand_on(&mut cutter, pages, is_alone, sink).await?;
            return Err(e);
        }
        let finished = cutter.finish();
        hand_on(&mut cutter, pages, is_alone, sink).await?;
        if !finished? && !pages.may_be_empty() {
            return Err(SourceError::Nothing {
                origin: origin.to_string(),
                problem: "answers with nothing at all",
                hint: "answer [] where there are no objects; an outage must not look the same",
            });
        }
        let next = pages.next(&url, cutter.found(), link, cutter.scalars())?;
        Ok(Page { next, validators, digest: body.digest128() })
    }
}

/// Whether this media type is one of pages for people.
fn is_page(kind: &str) -> bool {
    kind == "text/html" || kind == "application/xhtml+xml"
}

/// Sends what is ready, after `pages` looked at it, unless it `is_alone`.
async fn hand_on(cutter: &mut Cutter, pages: &mut Pages, is_alone: bool, sink: &Sink) -> Result<(), SourceError> {
    while let Some(item) = cutter.pop() {
        if let (Fetched::Block { block, .. }, false) = (&item, is_alone) {
            block.records.iter().for_each(|span| pages.saw(&block.data[span.range()]));
        }
        sink.send(item).await?;
    }
    Ok(())
}

impl Source for Http {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn forget(&mut self) {
        self.validators = Validators::default();
        self.body = Recognised::default();
        self.by_object.clear();
    }

    fn narrow(&mut self, ids: &[String]) -> bool {
        if self.settings.object_url.is_none() && self.settings.item_url.is_none() {
            return false;
        }
        self.only = ids.to_vec();
        self.by_object.retain(|id, _| !ids.contains(id));
        !ids.is_empty()
    }

    fn describe(&self) -> String {
        let shown = match (&self.list, &self.settings.object_url) {
            (_, Some(template)) => template.split('?').next().unwrap_or_default().to_owned(),
            (Some(url), None) => shown_url(url),
            (None, None) => String::new(),
        };
        format!("http {shown}")
    }
}

fn access(http: &settings::Http, source: &settings::Source) -> Access {
    let defaults = Access::default();
    Access {
        token: http.token.clone(),
        token_file: http.token_file.clone(),
        scheme: http.token_scheme.clone(),
        username: http.username.clone(),
        password: http.password.clone(),
        password_file: http.password_file.clone(),
        headers: http.headers.clone(),
        header_files: http.header_files.clone(),
        ca: http.ca.clone(),
        cert: http.cert.clone(),
        key: http.key.clone(),
        proxy: http.proxy.clone(),
        connect_timeout: http.connect_timeout.0,
        idle_timeout: http.idle_timeout.0,
        timeout: source.timeout().unwrap_or(defaults.timeout),
        max_body: http.max_body.bytes(),
        rate: http.rate,
        retries: http.retries,
    }
}

/// What is looked for in an answer.
fn forms(items: Option<&str>, http: &settings::Http) -> Result<Forms, SourceError> {
    let Some(items) = items else { return Ok(Forms::LinesOrArray) };
    let scalars = match http.paging {
        Paging::Next | Paging::Cursor => vec![http.next_at.as_str(), http.count_at.as_str()],
        Paging::Offset | Paging::Link => vec![http.count_at.as_str()],
        Paging::None => Vec::new(),
    };
    Wanted::new(items, &scalars).map(Forms::At).ok_or(SourceError::Settings {
        problem: "source.items, or a pointer in source.http, does not begin with /".into(),
        hint: "write it as in /data/alerts (RFC 6901)",
    })
}

fn address(key: &str, text: &str) -> Result<Url, SourceError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| SourceError::Settings {
        problem: format!("{key} is no address of a server"),
        hint: "write https://host/path",
    })
}

fn failed(error: WebError) -> SourceError {
    let WebError { kind, problem, hint, .. } = error;
    match kind {
        WebErrorKind::Settings => SourceError::Settings { problem, hint },
        _ => SourceError::Http { problem, hint },
    }
}
