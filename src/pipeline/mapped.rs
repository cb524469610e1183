//! A source whose items are mapped to records on their way. It must not know which source it is, nor how items are mapped.

use super::now;
use crate::{
    mapping::{Day, Mapper, TooMuch},
    model::Ending,
    settings::{Map, Settings, SourceKind},
    sources::{BoxFuture, Sink, Source, SourceError},
};

/// Items that wait between the source and the mapper.
const QUEUE: usize = 1;
/// Milliseconds.
const DAY: u64 = 86_400_000;

/// See the module.
struct Mapped {
    source: Box<dyn Source>,
    kind: SourceKind,
    map: Map,
    mapper: Mapper,
    /// When it was fetched last.
    day: Option<Day>,
    /// The next fetch asks for some objects only: it gives all items of each.
    is_narrow: bool,
}

/// `source` with its items mapped as `settings` say; itself where they say nothing.
pub fn mapped(source: Box<dyn Source>, settings: &Settings) -> Box<dyn Source> {
    let settings = &settings.source;
    let Some(map) = settings.map.clone() else { return source };
    Box::new(Mapped { source, kind: settings.kind, mapper: Mapper::new(&map), map, day: None, is_narrow: false })
}

impl Mapped {
    async fn run(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        let today = Day::try_from(now().unix_ms / DAY).unwrap_or(0);
        if self.mapper.is_by_date() && self.day.replace(today) != Some(today) {
            // What did not change has to be looked at all the same.
            self.source.forget();
        }
        self.mapper.begin(today);
        let (source, mapper, map) = (&mut self.source, &mut self.mapper, &self.map);
        let (inner, mut items) = Sink::channel(QUEUE);
        let fetch = async move {
            let ending = source.fetch(&inner).await;
            drop(inner);
            Ok(ending)
        };
        let forward = async {
            while let Some(item) = items.recv().await {
                for item in mapper.take(item).map_err(|much| too_much(much, map))? {
                    sink.send(item).await?;
                }
            }
            Ok(())
        };
        let (ending, ()) = tokio::try_join!(fetch, forward)?;
        let ending = ending?;
        let has_all = std::mem::take(&mut self.is_narrow) && ending == Ending::Delta;
        if ending == Ending::Complete || has_all {
            for item in self.mapper.finish() {
                sink.send(item).await?;
            }
        } else if self.mapper.holds_items() && self.kind != SourceKind::File {
            // A file that changed meanwhile is read again at once.
            return Err(SourceError::Mapping {
                problem: format!(
                    "{} ended, and did not say that it was complete: no object is known to have all of its items",
                    self.source.describe()
                ),
                hint: "have it print {\"end\": true} last, or write source.complete = true".into(),
            });
        }
        Ok(ending)
    }
}

fn too_much(much: TooMuch, map: &Map) -> SourceError {
    let TooMuch { items, objects } = much;
    SourceError::Mapping {
        problem: format!(
            "{items} items of {objects} objects have more bytes than source.map.group_max ({}) lets be collected",
            map.group_max
        ),
        hint: "raise source.map.group_max, or leave items out with source.map.where".into(),
    }
}

impl Source for Mapped {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn forget(&mut self) {
        self.source.forget();
    }

    fn narrow(&mut self, ids: &[String]) -> bool {
        self.is_narrow = self.source.narrow(ids);
        self.is_narrow
    }

    fn changed<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        self.source.changed()
    }

    fn is_stream(&self) -> bool {
        self.source.is_stream()
    }

    fn describe(&self) -> String {
        self.source.describe()
    }

    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        self.source.close()
    }
}
