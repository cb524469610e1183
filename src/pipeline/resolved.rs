//! A source whose records name objects by what is known of them: on their way they get the ids of those objects, and at the end
//! of a snapshot the objects without data get their card. It must not know which source it is, nor where an inventory comes
//! from.

use std::time::Duration;

use super::resolver::Resolver;
use crate::{
    identity::Handle,
    model::Ending,
    settings::{Absent, Settings},
    sources::{BoxFuture, Sink, Source, SourceError},
};

/// Items that wait between the source and the resolution.
const QUEUE: usize = 1;
/// How long a fetch waits for the first try to read the inventory.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
struct Resolved {
    source: Box<dyn Source>,
    inventory: Handle,
    /// The content of objects without data, as the rest of a record behind its id; none where absence means gone.
    empty: Option<String>,
    /// The generation of the inventory that the last fetch went by.
    generation: Option<u64>,
    /// Another inventory may lead to other objects.
    depends: bool,
}

/// `source` with its records resolved by `inventory`; itself where there is none.
pub fn resolved(source: Box<dyn Source>, settings: &Settings, inventory: Option<Handle>) -> Box<dyn Source> {
    let Some(inventory) = inventory else { return source };
    Box::new(Resolved { source, inventory, empty: empty_of(settings), generation: None, depends: false })
}

/// The content of objects without data, as the rest of a record behind its id; none where absence means gone.
pub(super) fn empty_of(settings: &Settings) -> Option<String> {
    (settings.source.absent == Absent::Empty).then(|| settings.source.empty.record())
}

impl Resolved {
    async fn run(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        // Records are not resolved by nothing while an inventory is on its way.
        let _ = tokio::time::timeout(PATIENCE, self.inventory.tried()).await;
        // One pass goes by one inventory; a stream, which has no end, by the newest.
        let is_stream = self.source.is_stream();
        let (view, newest) = (self.inventory.view(), self.inventory.clone());
        if self.generation.replace(view.generation) != Some(view.generation) {
            // What did not change has to be looked at all the same.
            self.source.forget();
        }
        let mut resolver = Resolver::new(view, self.empty.clone(), !is_stream);
        let (source, resolving) = (&mut self.source, &mut resolver);
        let (inner, mut items) = Sink::channel(QUEUE);
        let fetch = async move {
            let ending = source.fetch(&inner).await;
            drop(inner);
            Ok(ending)
        };
        let forward = async {
            while let Some(item) = items.recv().await {
                if is_stream {
                    resolving.look(newest.view());
                }
                for item in resolving.take(item) {
                    sink.send(item).await?;
                }
            }
            Ok(())
        };
        let (ending, ()) = tokio::try_join!(fetch, forward)?;
        let ending = ending?;
        self.depends |= resolver.has_unmatched;
        // `{"end": true}` says the same in so many words.
        if ending != Ending::Complete && !(ending == Ending::Open && resolver.ended && !is_stream) {
            return Ok(ending);
        }
        self.depends = resolver.has_unmatched || self.empty.is_some();
        if let Some(keep) = resolver.keep() {
            sink.send(keep).await?;
        }
        match &self.empty {
            None => Ok(ending),
            // What could not be read may be about any object: none is clear for certain.
            Some(_) if resolver.hides => Ok(ending),
            Some(_) => resolver.fill(sink).await,
        }
    }
}

impl Source for Resolved {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.run(sink))
    }

    fn forget(&mut self) {
        self.source.forget();
    }

    fn narrow(&mut self, ids: &[String]) -> bool {
        self.source.narrow(ids)
    }

    fn changed<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        let (inventory, generation, depends) = (self.inventory.clone(), self.generation, self.depends);
        let inner = self.source.changed();
        Box::pin(async move {
            tokio::select! {
                () = inner => {}
                () = inventory.is_other_than(generation.unwrap_or_default()), if depends => {}
            }
        })
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
