//! Tests of the sources with real files, pipes and commands. They must not need Redis.

mod commands;
mod cutting;
mod directories;
mod documents;
mod files;
mod spreadsheets;

use std::time::Duration;

use super::{Options, Sink, Source, SourceError, build};
use crate::{
    model::{Ending, FaultKind, Fetched},
    settings::{self, Limits, SourceKind},
};

/// What came out of one fetch, in order.
#[derive(Debug, Default)]
struct Got {
    /// Line and text of each record.
    records: Vec<(u64, String)>,
    /// Line, id and kind of each broken one.
    broken: Vec<(u64, Option<String>, FaultKind)>,
    /// Id, media type and text of each file.
    documents: Vec<(String, String, String)>,
    idles: usize,
    blocks: usize,
    /// The largest block's size in memory.
    largest: usize,
}

impl Got {
    fn add(&mut self, item: Fetched) {
        match item {
            Fetched::Block { block, .. } => {
                self.blocks += 1;
                self.largest = self.largest.max(block.data.capacity());
                for span in &block.records {
                    let text = String::from_utf8_lossy(&block.data[span.range()]).into_owned();
                    self.records.push((span.line, text));
                }
            }
            Fetched::Document(doc) => {
                let text = String::from_utf8(doc.data).expect("test files are UTF-8");
                self.documents.push((doc.id, doc.content_type.as_str().to_owned(), text));
            }
            Fetched::Broken { place, id, fault } => self.broken.push((place.line, id, fault.kind)),
            Fetched::Asked(item, _) => self.add(*item),
            Fetched::Confirm(_) | Fetched::BrokenOff => panic!("only for what is pushed"),
            Fetched::Vanishing(_) => panic!("only of several inputs"),
            Fetched::Same { .. } | Fetched::Again { .. } | Fetched::Unmatched(_) | Fetched::Keep(_) => {
                panic!("only from a server")
            }
            Fetched::Idle => self.idles += 1,
        }
    }

    fn texts(&self) -> Vec<&str> {
        self.records.iter().map(|(_, text)| text.as_str()).collect()
    }
}

async fn fetch(source: &mut dyn Source) -> (Got, Result<Ending, SourceError>) {
    let (sink, mut rx) = Sink::channel(4);
    let collect = async {
        let mut got = Got::default();
        while let Some(item) = rx.recv().await {
            got.add(item);
        }
        got
    };
    let run = async {
        let result = source.fetch(&sink).await;
        drop(sink);
        result
    };
    let (result, got) = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(run, collect) })
        .await
        .expect("a fetch ends");
    (got, result)
}

fn command(kind: SourceKind, words: &[&str]) -> settings::Source {
    let command = words.iter().map(|word| (*word).to_owned()).collect();
    settings::Source { kind, command, ..settings::Source::default() }
}

fn shell(script: &str) -> settings::Source {
    command(SourceKind::Exec, &["/bin/sh", "-c", script])
}

fn built(settings: &settings::Source) -> Box<dyn Source> {
    build(settings, &Limits::default(), &Options::default()).expect("the settings make a source")
}

async fn run(settings: &settings::Source) -> (Got, Result<Ending, SourceError>) {
    fetch(built(settings).as_mut()).await
}
