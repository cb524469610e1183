//! What one fetch of a source gives, item by item, without an engine. It must not know what is looked for.

use crate::{
    model::Fetched,
    sources::{Sink, Source, SourceError},
};

/// Fetches once and hands each item to `take`, until the fetch ends or `take` has enough; then the source is closed.
///
/// # Errors
/// When the source fails.
pub(super) async fn each(source: &mut dyn Source, mut take: impl FnMut(Fetched) -> bool) -> Result<(), SourceError> {
    let (sink, mut items) = Sink::channel(4);
    let ended = {
        let mut fetch = source.fetch(&sink);
        let mut ended = None;
        loop {
            // What it handed over before it ended is still in the queue.
            if items.is_empty()
                && let Some(ended) = ended
            {
                break ended;
            }
            tokio::select! {
                biased;
                Some(item) = items.recv() => if !take(item) { break Ok(()) },
                result = &mut fetch, if ended.is_none() => ended = Some(result.map(drop)),
            }
        }
    };
    source.close().await;
    ended
}
