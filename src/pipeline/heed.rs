//! What the server tells of the service's keys, brought together with what the service did itself. It must not know how
//! the server tells it.

use std::collections::HashMap;

use tracing::{info, warn};

use super::engine::{Engine, Kind};
use crate::{
    envelope::{Head, Ignore, Inspector},
    store::{KeyspaceEvents, News, StoreError},
};

/// Values read at once.
const LOOKED_AT: usize = 100;

/// The service's keyspace events, and which of them are its own doing.
#[derive(Debug)]
pub(super) struct Heed {
    events: KeyspaceEvents,
    /// Values that were sent, by slot: so many changes are ours.
    sent: HashMap<u32, u32>,
    /// Whether it was told that nothing is heard.
    deaf: bool,
}

impl Heed {
    pub(super) fn new(events: KeyspaceEvents) -> Self {
        Self { events, sent: HashMap::new(), deaf: false }
    }

    /// These objects' values are on their way.
    pub(super) fn sent(&mut self, slots: &[u32]) {
        for slot in slots {
            *self.sent.entry(*slot).or_default() += 1;
        }
    }

    /// Whether a change of this object is our own.
    fn is_ours(&mut self, slot: u32) -> bool {
        let Some(left) = self.sent.get_mut(&slot) else { return false };
        *left -= 1;
        if *left == 0 {
            self.sent.remove(&slot);
        }
        true
    }
}

/// Waits for news and takes what there is; pending for ever where nobody listens. May be dropped without losing any.
pub(super) async fn news(heed: &mut Option<Heed>) -> Vec<News> {
    let mut taken = Vec::new();
    if let Some(heed) = heed
        && heed.events.news.recv_many(&mut taken, 1000).await > 0
    {
        return taken;
    }
    std::future::pending().await
}

impl Engine {
    /// Begins to listen before the heads are read, so that nothing is missed in between.
    pub(super) fn listen_to_keys(&mut self) {
        self.listen_to_readers();
        if self.kind != Kind::Run || !self.settings.verify.keyspace_events {
            return;
        }
        match KeyspaceEvents::listen(self.target.clone(), self.link.keys().clone(), self.periods.every) {
            Ok(events) => self.heed = Some(Heed::new(events)),
            Err(e) => warn!(service = self.service(), error = %e, "cannot listen to keyspace events"),
        }
    }

    /// Acts on what the server told: what seems to be gone, and what somebody changed, is looked at.
    pub(super) async fn heard(&mut self, news: Vec<News>) {
        let mut suspects = Vec::new();
        for one in news {
            match one {
                News::Gone(id) => suspects.extend(self.gone(&id)),
                News::Changed(id) => suspects.extend(self.changed_by_others(&id)),
                News::Began => self.hearing_again(),
                News::Deaf(why) => self.deaf(&why),
            }
        }
        suspects.sort_unstable();
        suspects.dedup();
        if suspects.is_empty() {
            return;
        }
        match self.look_at(&suspects).await {
            Ok(lost) => lost.into_iter().for_each(|(slot, found)| self.lose(slot, found)),
            Err(e) => drop(self.link.failed.get_or_insert(e)),
        }
    }

    /// Reads whole values that somebody else touched: a head may be sound before a content that is not. News may be late:
    /// what was removed and told as gone may have been added again since. The answer is what is lost, and how.
    pub(super) async fn look_at(&mut self, slots: &[u32]) -> Result<Vec<(u32, &'static str)>, StoreError> {
        // What is on its way has to be there before it is looked for.
        self.flush().await;
        self.link.settle(&mut self.handler).await;
        // Pointers have been checked with the configuration.
        let ignore = Ignore::new(&self.settings.content.ignore).unwrap_or_default();
        let mut inspector = Inspector::new(self.settings.name(), ignore);
        let mut lost = Vec::new();
        for slots in slots.chunks(LOOKED_AT) {
            let ids: Vec<String> = slots.iter().map(|s| self.handler.ledger.id(*s).as_ref().to_owned()).collect();
            let asked = ids.clone();
            let values = self.control(move |session| session.values(&asked)).await?;
            for ((slot, id), value) in slots.iter().zip(&ids).zip(values) {
                let written = self.handler.ledger.written(*slot);
                let is_written = |head: Head| (head.version, head.digest.prefix()) == written;
                match value {
                    Some(value) if inspector.inspect(id, &value).is_ok_and(is_written) => {}
                    Some(_) => lost.push((*slot, "overwritten")),
                    // Left to expire: nothing that a pass could mend.
                    None if self.is_too_stale() => self.handler.ledger.set_broken(*slot),
                    None => lost.push((*slot, "missing")),
                }
            }
        }
        Ok(lost)
    }

    pub(super) fn lose(&mut self, slot: u32, found: &str) {
        self.live.metrics.lost.of(found).add(1);
        self.handler.ledger.set_broken(slot);
        self.link.booked.lost += 1;
    }

    fn gone(&self, id: &str) -> Option<u32> {
        // What is broken already may also be on its way out by our own hand.
        self.handler.ledger.find(id).filter(|slot| !self.handler.ledger.is_broken(*slot))
    }

    fn changed_by_others(&mut self, id: &str) -> Option<u32> {
        let slot = self.handler.ledger.find(id)?;
        let ours = self.heed.as_mut().is_some_and(|heed| heed.is_ours(slot));
        (!ours && !self.handler.ledger.is_broken(slot)).then_some(slot)
    }

    fn hearing_again(&mut self) {
        let service = self.settings.name().as_str();
        if let Some(heed) = &mut self.heed {
            // Nobody knows which of them were told while nobody listened.
            heed.sent.clear();
            self.live.metrics.hearing.set_flag(true);
            if std::mem::take(&mut heed.deaf) {
                info!(service, "keyspace events arrive again");
            }
        }
    }

    fn deaf(&mut self, why: &str) {
        let service = self.settings.name().as_str();
        if let Some(heed) = &mut self.heed
            && !std::mem::replace(&mut heed.deaf, true)
        {
            self.live.metrics.hearing.set_flag(false);
            warn!(service, error = why, "no keyspace events arrive; lost keys are found by their next renewal");
        }
    }
}
