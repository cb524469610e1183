//! Sends traces to a collector, beside everything else. It must not know what is in them, nor hold anybody up.

use std::time::Duration;

use tokio::{sync::mpsc::Receiver, task::JoinHandle};
use tracing::{info, warn};

use crate::{
    settings::Telemetry,
    telemetry::traces::{Queue, Told, queue, request},
    web::{Access, Client, Url, WebError, shown_url},
};

/// Traces in one request.
const AT_ONCE: usize = 32;
/// How long one request may take, its retries included.
const LIMIT: Duration = Duration::from_secs(10);
/// How long the last ones may take at the end of the process.
const LAST: Duration = Duration::from_secs(2);

/// What sends them; ends when the last service has ended.
pub(super) struct Exporter {
    task: JoinHandle<()>,
}

impl Exporter {
    /// Starts it where `settings` name a collector; services put their traces into the queue. Needs a tokio runtime.
    ///
    /// # Errors
    /// When certificates cannot be read, or the address is none.
    pub(super) fn start(settings: &Telemetry) -> Result<Option<(Self, Queue)>, WebError> {
        let Some(url) = settings.traces_url() else { return Ok(None) };
        let hint = "write telemetry.otlp = \"http://127.0.0.1:4318\"";
        let url =
            Url::parse(&url).map_err(|e| WebError::settings(format!("telemetry.otlp is no address: {e}"), hint))?;
        let client = Client::new(Access {
            token_file: settings.otlp_token_file.clone(),
            ca: settings.otlp_ca.clone(),
            timeout: LIMIT,
            retries: 2,
            max_body: 1 << 20,
            ..Access::default()
        })?;
        let (queue, waiting) = queue();
        info!(collector = shown_url(&url), "passes are traced");
        Ok(Some((Self { task: tokio::spawn(send(client, url, waiting)) }, queue)))
    }

    /// Waits for what is under way, for a moment.
    pub(super) async fn end(mut self) {
        if tokio::time::timeout(LAST, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn send(client: Client, url: Url, mut waiting: Receiver<Told>) {
    let mut is_failing = false;
    let mut traces: Vec<Told> = Vec::with_capacity(AT_ONCE);
    while waiting.recv_many(&mut traces, AT_ONCE).await > 0 {
        let body = request(&traces).to_string();
        match client.post_json(&url, &body).await {
            Ok(()) => {
                traces.iter().for_each(Told::sent);
                if std::mem::take(&mut is_failing) {
                    info!("the collector takes traces again");
                }
            }
            Err(e) => {
                traces.iter().for_each(Told::lost);
                // Once, until it is over: a collector that is away is nobody's emergency.
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(error = %e, "traces cannot be sent; not told again until they can");
                }
            }
        }
        traces.clear();
    }
}
