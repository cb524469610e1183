//! The source of kind `events`: entries of a Redis Stream as records, each acknowledged when what it led to is in Redis. It must
//! not know how a stream is read.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::{BoxFuture, Sink, Source, SourceError};
use crate::{
    model::{Answer, Block, Confirm, Ending, Fetched, SharedTally, Span},
    settings::Settings,
    store::{Entry, Inflow, StoreError, StreamReader, Target},
};

/// How long one look waits for entries; less than any time limit of an answer.
const WAIT: Duration = Duration::from_millis(400);

/// The source of kind `events`; its fetch ends only with a failure.
pub struct Events {
    reader: Arc<Mutex<StreamReader>>,
    stream: String,
}

impl Events {
    /// For the stream of `settings`; nothing is sent.
    ///
    /// # Errors
    /// When they name none, or its server's address is none.
    pub fn new(settings: &Settings) -> Result<Self, SourceError> {
        let events = settings.source.events.clone().unwrap_or_default();
        let target = Target::new(&events.server(&settings.redis)).map_err(failed)?;
        let reader = StreamReader::new(target, &events.stream, &events.group(settings.name()));
        Ok(Self { reader: Arc::new(Mutex::new(reader)), stream: events.stream })
    }

    async fn run(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        // What an earlier fetch took and could not confirm comes first.
        self.with(|reader| {
            reader.rewind();
            Ok(())
        })
        .await?;
        let origin: Arc<str> = Arc::from(format!("stream {}", self.stream));
        let mut is_quiet = false;
        loop {
            match self.with(|reader| reader.read(WAIT)).await? {
                Inflow::Nothing => {
                    if !std::mem::replace(&mut is_quiet, true) {
                        sink.send(Fetched::Idle).await?;
                    }
                }
                Inflow::Made => {
                    let stream = self.stream.as_str();
                    tracing::info!(stream, "the consumer group was made: it begins with the oldest entry of {stream}");
                }
                Inflow::Entries(entries) => {
                    is_quiet = false;
                    self.take(&origin, entries, sink).await?;
                }
            }
        }
    }

    /// Hands entries over, and acknowledges them when they are in Redis. One that is refused is told, and acknowledged too: it
    /// would be refused for ever.
    async fn take(&self, origin: &Arc<str>, entries: Vec<Entry>, sink: &Sink) -> Result<(), SourceError> {
        let trimmed = entries.iter().filter(|entry| entry.fields.is_none()).count();
        if trimmed > 0 {
            let stream = self.stream.as_str();
            tracing::warn!(stream, trimmed, "entries were trimmed away before they were taken: {trimmed}");
        }
        let mut block = Block::default();
        for fields in entries.iter().filter_map(|entry| entry.fields.as_ref()) {
            let start = block.data.len();
            record(fields, &mut block.data);
            // No block of a few hundred entries has 4 GiB.
            let at = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
            block.records.push(Span { start: at(start), end: at(block.data.len()), line: 0 });
        }
        let tally = SharedTally::default();
        let item = Fetched::Block { origin: origin.clone(), block };
        sink.send(Fetched::Asked(Box::new(item), tally.clone())).await?;
        let (tx, answered) = oneshot::channel();
        let reply = Box::new(move |answer: Answer| drop(tx.send(answer)));
        sink.send(Fetched::Confirm(Confirm { tally, reply })).await?;
        // What waits for its answer should not wait for the next entry.
        sink.send(Fetched::Idle).await?;
        let confirmed = answered.await.is_ok_and(|answer| answer.tally.has_all(1));
        if !confirmed {
            return Err(SourceError::Closed);
        }
        let ids: Vec<String> = entries.into_iter().map(|entry| entry.id).collect();
        self.with(move |reader| reader.acknowledge(&ids)).await
    }

    async fn with<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut StreamReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let reader = self.reader.clone();
        let task = tokio::task::spawn_blocking(move || job(&mut reader.lock().unwrap_or_else(PoisonError::into_inner)));
        match task.await {
            Ok(done) => done.map_err(failed),
            Err(_) => Err(SourceError::Closed),
        }
    }
}

impl Source for Events {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("events {}", self.stream)
    }
}

fn failed(error: StoreError) -> SourceError {
    SourceError::Events { problem: format!("cannot read the stream: {error}"), hint: error.hint().to_owned() }
}

/// The record of an entry: its field `record`, or one made of `id` or `match`, `content`, `content_type` and `deleted`.
fn record(fields: &[(Vec<u8>, Vec<u8>)], out: &mut Vec<u8>) {
    if let Some((_, record)) = fields.iter().find(|(name, _)| name == b"record") {
        // One line: a record may not hold another one.
        out.extend(record.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        return;
    }
    out.push(b'{');
    for (number, (name, value)) in fields.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        let name = String::from_utf8_lossy(name);
        out.extend_from_slice(serde_json::Value::from(name.as_ref()).to_string().as_bytes());
        out.push(b':');
        let text = String::from_utf8_lossy(value);
        // JSON as it is, but for what names the object and the type.
        let is_word = matches!(name.as_ref(), "id" | "content_type");
        match serde_json::from_str::<&RawValue>(&text) {
            Ok(raw) if !is_word => out.extend(raw.get().bytes().map(|b| if b == b'\n' { b' ' } else { b })),
            _ => out.extend_from_slice(serde_json::Value::from(text.as_ref()).to_string().as_bytes()),
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::record;

    fn made(fields: &[(&str, &str)]) -> String {
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        let mut out = Vec::new();
        record(&fields, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn entries_become_records() {
        assert_eq!(made(&[("record", "{\"id\":1,\n\"content\":2}")]), "{\"id\":1, \"content\":2}");
        assert_eq!(made(&[("id", "4711"), ("content", "{\"a\":1}")]), "{\"id\":\"4711\",\"content\":{\"a\":1}}");
        assert_eq!(
            made(&[("id", "1"), ("content", "plain"), ("content_type", "text")]),
            r#"{"id":"1","content":"plain","content_type":"text"}"#
        );
        assert_eq!(made(&[("match", "{\"sn\":\"x\"}"), ("deleted", "true")]), r#"{"match":{"sn":"x"},"deleted":true}"#);
    }
}
