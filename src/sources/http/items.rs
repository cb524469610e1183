//! The records of single objects, where the server has a list of all: one request for each. It must not know who wants them.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::{Http, LISTS, Pages, address, failed, hand_on, is_page};
use crate::{
    model::Ending,
    settings::{self, Paging},
    sources::{BoxFuture, Sink, SourceError, cut::Cutter},
    web::{
        StatusCode, Url,
        header::{ACCEPT, HeaderMap, HeaderValue},
        shown_url,
    },
};

/// What a server says of one object; none where it does not know it.
type Said = Result<Option<(Url, Vec<u8>)>, SourceError>;

impl Http {
    /// What the server has for each of `ids`, in the form of the list; a delta.
    pub(super) async fn items(&self, template: &str, ids: &[String], sink: &Sink) -> Result<Ending, SourceError> {
        let requests = ids.iter().cloned().map(|id| {
            let request: BoxFuture<'_, Said> = Box::pin(async move { self.item(template, &id).await });
            request
        });
        let concurrency = self.settings.concurrency.max(1) as usize;
        let mut answers = std::pin::pin!(stream::iter(requests).buffer_unordered(concurrency));
        // One answer is all that there is for an object.
        let one_page = settings::Http { paging: Paging::None, ..self.settings.clone() };
        while let Some(said) = answers.next().await {
            let Some((url, body)) = said? else { continue };
            let mut pages = Pages::new(&one_page, &url);
            let mut cutter = Cutter::new(Arc::from(shown_url(&url)), self.max_line, self.forms.clone());
            cutter.room().extend_from_slice(&body);
            cutter.advance();
            hand_on(&mut cutter, &mut pages, true, sink).await?;
            // Nothing at all is as good as an empty list here.
            cutter.finish()?;
            hand_on(&mut cutter, &mut pages, true, sink).await?;
        }
        Ok(Ending::Delta)
    }

    async fn item(&self, template: &str, id: &str) -> Said {
        // Ids are of letters, digits and `._-` only: nothing has to be escaped.
        let url = address("source.http.item_url", &template.replace("{id}", id))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(LISTS));
        let answer = self.client.get(&url, &headers).await.map_err(failed)?;
        if matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::NO_CONTENT) {
            return Ok(None);
        }
        if answer.content_type().is_some_and(|kind| is_page(&kind)) {
            return Err(SourceError::Http {
                problem: format!("{} answers with a page, not with a list of objects", shown_url(&url)),
                hint: "it may be a login page: check the address, and whether a token is needed",
            });
        }
        let body = answer.whole(self.settings.max_body.bytes()).await.map_err(failed)?;
        Ok(Some((url, body.to_vec())))
    }
}
