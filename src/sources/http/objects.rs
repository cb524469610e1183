//! One request for each object: who they are, and what each answer is. It must not know how a request is sent.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::{Http, Validators, address, failed, is_page};
use crate::{
    model::{Block, ContentType, Document, Encoding, Ending, Fault, FaultKind, Fetched, ObjectId, Place},
    sources::{BoxFuture, Sink, SourceError},
    web::{
        Answer, StatusCode, Url, WebError, WebErrorKind,
        header::{ACCEPT, HeaderMap, HeaderValue},
        shown_url,
    },
};

/// What objects may be.
const CONTENTS: &str = "application/json, text/html;q=0.9, text/plain;q=0.8, */*;q=0.5";
/// After so many failures in a row, without an answer in between, the server is taken to be away.
const AWAY: u32 = 20;

/// What became of one object.
enum Got {
    Content(Document, Validators),
    Unchanged,
    Nothing,
    Failed(Box<WebError>),
    /// A page for people at another address than was asked for.
    Elsewhere(SourceError),
}

impl Http {
    /// All objects, one after the other, a few at a time.
    pub(super) async fn objects(&mut self, template: &str, sink: &Sink) -> Result<Ending, SourceError> {
        if !template.contains("{id}") {
            return Err(SourceError::Settings {
                problem: "source.http.object_url has no {id} in it".into(),
                hint: "write object_url = \"https://host/objects/{id}\"",
            });
        }
        address("source.http.object_url", &template.replace("{id}", "0"))?;
        let only = std::mem::take(&mut self.only);
        let is_narrow = !only.is_empty();
        let (ids, spread) = if is_narrow { (only, Duration::ZERO) } else { (self.ids(sink).await?, self.spread) };
        for (id, new) in self.ask_for(&ids, template, spread, sink).await? {
            if new.are_any() {
                self.by_object.insert(id, new);
            } else {
                self.by_object.remove(&id);
            }
        }
        if is_narrow {
            return Ok(Ending::Delta);
        }
        // Whoever is not in the list any more would be remembered for ever.
        self.by_object.retain(|id, _| ids.binary_search(id).is_ok());
        Ok(Ending::Complete)
    }

    /// Asks for the objects, and hands them on; the answer is what those that changed can be recognised by.
    async fn ask_for(
        &self,
        ids: &[String],
        template: &str,
        spread: Duration,
        sink: &Sink,
    ) -> Result<Vec<(String, Validators)>, SourceError> {
        let gap = spread.checked_div(u32::try_from(ids.len()).unwrap_or(u32::MAX)).unwrap_or(Duration::ZERO);
        let begun = Instant::now();
        let requests = ids.iter().cloned().zip(0u32..).map(|(id, at)| {
            let request: BoxFuture<'_, (String, Got)> = Box::pin(async move {
                // Spread, so that the server has no burst and then nothing.
                tokio::time::sleep_until(begun + gap.saturating_mul(at)).await;
                let got = self.object(template, &id).await;
                (id, got)
            });
            request
        });
        let concurrency = self.settings.concurrency.max(1) as usize;
        let mut answers = std::pin::pin!(stream::iter(requests).buffer_unordered(concurrency));
        let mut taken = Taken::default();
        while let Some((id, got)) = answers.next().await {
            taken.take(template, id, got, sink).await?;
        }
        Ok(taken.validators)
    }

    async fn object(&self, template: &str, id: &str) -> Got {
        // Ids are of letters, digits and `._-` only: nothing has to be escaped.
        let Ok(url) = Url::parse(&template.replace("{id}", id)) else { return Got::Nothing };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(CONTENTS));
        if let Some(validators) = self.by_object.get(id) {
            validators.ask(&mut headers);
        }
        let fetched = async {
            let answer = self.client.get(&url, &headers).await?;
            if answer.status() == StatusCode::NOT_MODIFIED {
                return Ok(Got::Unchanged);
            }
            if answer.status() == StatusCode::NOT_FOUND || answer.status() == StatusCode::NO_CONTENT {
                return Ok(Got::Nothing);
            }
            let kind = answer.content_type();
            if let Some(error) = led_away(&url, &answer, kind.as_deref()) {
                return Ok(Got::Elsewhere(error));
            }
            let validators = Validators::of(&answer);
            let content_type = content_type(kind.as_deref());
            let body = answer.whole(self.max_line as u64).await?;
            let data = match content_type.encoding() {
                Encoding::Base64 => STANDARD.encode(&body).into_bytes(),
                _ => body.to_vec(),
            };
            let place = Place { origin: Arc::from(shown_url(&url)), line: 0 };
            Ok(Got::Content(Document { id: id.to_owned(), content_type, data, place }, validators))
        };
        fetched.await.unwrap_or_else(|e| Got::Failed(Box::new(e)))
    }

    /// Whose content is asked for.
    async fn ids(&self, sink: &Sink) -> Result<Vec<String>, SourceError> {
        let mut ids = Ids::default();
        self.settings.ids.iter().enumerate().for_each(|(at, id)| ids.add(id, "source.http.ids", at as u64 + 1));
        if let Some(path) = &self.settings.ids_file {
            let shown = path.display().to_string();
            let text = tokio::fs::read_to_string(path).await.map_err(|e| SourceError::io(shown.as_str(), e))?;
            text.lines().enumerate().for_each(|(at, line)| ids.add(line.trim(), &shown, at as u64 + 1));
        }
        if self.list.is_some() {
            self.listed(&mut ids).await?;
        }
        for item in ids.broken {
            sink.send(item).await?;
        }
        ids.good.sort_unstable();
        ids.good.dedup();
        Ok(ids.good)
    }

    /// The ids of the list.
    async fn listed(&self, ids: &mut Ids) -> Result<(), SourceError> {
        let (inner, mut items) = Sink::channel(4);
        let reading = async {
            let ended = self.pages_of_list(&inner).await;
            drop(inner);
            ended
        };
        let taking = async {
            while let Some(item) = items.recv().await {
                match item {
                    Fetched::Block { origin, block } => ids.take(&origin, &block, &self.settings.id_at),
                    broken @ Fetched::Broken { .. } => ids.broken.push(broken),
                    _ => {}
                }
            }
        };
        let (ended, ()) = tokio::join!(reading, taking);
        ended
    }

    async fn pages_of_list(&self, sink: &Sink) -> Result<(), SourceError> {
        let Some(first) = &self.list else { return Ok(()) };
        let mut pages = super::Pages::new(&self.settings, first);
        let mut url = pages.first();
        loop {
            // Without validators there is an answer.
            let Some(answer) = self.ask(&url, &Validators::default()).await? else { return Ok(()) };
            match self.page(answer, &mut pages, sink).await?.next {
                super::Next::Page(next) => url = next,
                super::Next::End => break,
            }
        }
        match pages.shifted() {
            None => Ok(()),
            Some(shifted) => Err(SourceError::Http {
                problem: format!("the list of ids shifted while it was read: {shifted}"),
                hint: "it is read again; order it by something that does not change",
            }),
        }
    }
}

/// What the answers of one fetch led to.
#[derive(Default)]
struct Taken {
    validators: Vec<(String, Validators)>,
    /// Failures without an answer in between.
    failures: u32,
}

impl Taken {
    async fn take(&mut self, template: &str, id: String, got: Got, sink: &Sink) -> Result<(), SourceError> {
        match got {
            Got::Failed(error) => {
                self.failures += 1;
                let is_all = matches!(
                    error.kind,
                    WebErrorKind::Refused | WebErrorKind::Settings | WebErrorKind::Tls | WebErrorKind::Redirect
                );
                if is_all || self.failures >= AWAY {
                    return Err(failed(*error));
                }
                let fault = Fault::new(FaultKind::Unreadable, error.problem);
                let place = Place { origin: Arc::from(shown_template(template, &id)), line: 0 };
                return sink.send(Fetched::Broken { place, id: Some(id), fault }).await;
            }
            Got::Elsewhere(error) => return Err(error),
            Got::Content(document, new) => {
                sink.send(Fetched::Document(document)).await?;
                self.validators.push((id, new));
            }
            Got::Unchanged => sink.send(Fetched::Same { id }).await?,
            // Should it come back as it was, it has to be told anew.
            Got::Nothing => self.validators.push((id, Validators::default())),
        }
        self.failures = 0;
        Ok(())
    }
}

/// The ids, and what is none.
#[derive(Default)]
struct Ids {
    good: Vec<String>,
    broken: Vec<Fetched>,
}

impl Ids {
    fn add(&mut self, id: &str, origin: &str, line: u64) {
        if id.is_empty() {
            return;
        }
        match ObjectId::check(id) {
            Ok(()) => self.good.push(id.to_owned()),
            Err(e) => self.refuse(origin, line, format!("id {id:?}: {e}")),
        }
    }

    fn refuse(&mut self, origin: &str, line: u64, reason: String) {
        let (place, fault) = (Place { origin: Arc::from(origin), line }, Fault::new(FaultKind::BadId, reason));
        self.broken.push(Fetched::Broken { place, id: None, fault });
    }

    /// The ids of items of the list.
    fn take(&mut self, origin: &str, block: &Block, id_at: &str) {
        for span in &block.records {
            let value: Option<serde_json::Value> = serde_json::from_slice(&block.data[span.range()]).ok();
            let at = value.as_ref().map(|value| if value.is_object() { value.pointer(id_at) } else { Some(value) });
            match at.flatten() {
                Some(serde_json::Value::String(id)) => self.add(id, origin, span.line),
                Some(serde_json::Value::Number(id)) => self.add(&id.to_string(), origin, span.line),
                _ => self.refuse(origin, span.line, format!("there is no id at {id_at:?} (source.http.id_at)")),
            }
        }
    }
}

/// What an answer of this type is to a reader; anything that is no known type is JSON, which the content has to prove.
fn content_type(header: Option<&str>) -> ContentType {
    let text = header.unwrap_or("application/json");
    let is_json = text.ends_with("+json") && text != ContentType::CARD.as_str();
    if is_json { ContentType::JSON } else { ContentType::parse(text).unwrap_or(ContentType::JSON) }
}

/// A page that a redirect led to is nobody's content: it is most often the one that asks people to log in.
fn led_away(asked: &Url, answer: &Answer, kind: Option<&str>) -> Option<SourceError> {
    let there = answer.url();
    let is_other = asked.path().trim_end_matches('/') != there.path().trim_end_matches('/');
    (is_other && kind.is_some_and(is_page)).then(|| SourceError::Http {
        problem: format!("{} leads to {}, a page for people", shown_url(asked), there.path()),
        hint: "it may ask to log in: give a token; or write the address that it leads to as source.http.object_url",
    })
}

fn shown_template(template: &str, id: &str) -> String {
    template.split('?').next().unwrap_or_default().replace("{id}", id)
}
