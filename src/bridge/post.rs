//! A job done by an HTTP server: its named arguments posted as JSON, its result the answer. It must not know rq.

use super::{
    doer::{Failed, as_value},
    value::Value,
};
use crate::{
    settings::{Bridge, JobOutput},
    web::{Access, Client, Url, WebError, header, shown_url},
};

/// The server of `bridge.url`.
pub(super) struct Post {
    client: Client,
    url: Url,
    output: Option<JobOutput>,
    max_result: u64,
}

impl Post {
    pub(super) fn new(settings: &Bridge, url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|e| format!("bridge.url is no address: {e}"))?;
        let access = Access {
            token_file: settings.token_file.clone(),
            ca: settings.ca.clone(),
            // A job's own time is counted by who waits for it.
            idle_timeout: settings.max_timeout.0,
            timeout: settings.max_timeout.0,
            max_body: settings.max_result.0,
            retries: 0,
            ..Access::default()
        };
        let client = Client::new(access).map_err(|e| e.to_string())?;
        Ok(Self { client, url, output: settings.output, max_result: settings.max_result.0 })
    }

    pub(super) fn shown(&self) -> String {
        shown_url(&self.url)
    }

    pub(super) async fn ask(&self, input: String, job: &super::doer::Job<'_>) -> Result<Value, Failed> {
        let failed = |e: WebError| Failed::new("RequestFailed", e.to_string());
        let mut headers = header::HeaderMap::new();
        for (name, text) in [("x-job-id", job.id), ("x-job-function", job.function), ("x-job-queue", job.queue)] {
            // What cannot stand in a header is left out.
            if let Ok(value) = header::HeaderValue::from_str(text) {
                headers.insert(header::HeaderName::from_static(name), value);
            }
        }
        let answer = self.client.post(&self.url, input, &headers).await.map_err(failed)?;
        if !answer.status().is_success() {
            let status = answer.status();
            return Err(Failed::new("RequestFailed", format!("{}: it answered {status}", self.shown())));
        }
        let output = self.output.unwrap_or_else(|| match answer.content_type().as_deref() {
            Some("application/json") => JobOutput::Json,
            Some(text) if text.starts_with("text/") => JobOutput::Text,
            _ => JobOutput::Bytes,
        });
        let body = answer.whole(self.max_result).await.map_err(failed)?;
        as_value(output, body.to_vec())
    }
}
