//! Objects that a reader misses or asks for are computed at once: by a source that has single objects, else by the next pass. It
//! must not know how misses are heard, nor how a source fetches.

mod filler;
mod gate;
mod take;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use tracing::{debug, info, warn};

pub(super) use self::filler::Told;
use self::{
    filler::Filler,
    gate::{Fate, Gate},
};
use super::{
    backoff::Backoff,
    engine::{Engine, Kind},
    told::Say,
};
use crate::{
    sources::Source,
    store::{Wish, Wishes},
};

/// Wishes handled in one go.
const BATCH: usize = 1000;
/// Pauses after failures of the source, from the second in a row on: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What is known of wishes, over all terms of this writer.
#[derive(Default)]
pub(super) struct Fill {
    /// What readers wish; none while this is not the writer, or nobody may wish.
    wishes: Option<Wishes>,
    /// Asks for single objects; none where the source has none.
    filler: Option<Filler>,
    gate: Option<Gate>,
    /// Number of the writer's term: what an earlier one asked for is of no interest.
    term: u64,
    heard: HashSet<String>,
    deaf: HashSet<String>,
    /// The source is left alone until then.
    paused: Option<Instant>,
    backoff: Option<Backoff>,
    trouble: super::told::Told,
    /// Somebody wants something that only a pass brings.
    wants_pass: bool,
}

/// Something to be done about wishes.
pub(super) enum News {
    Wishes(Vec<Wish>),
    Told(Told),
    /// What waits may be asked for.
    Ready,
}

impl Fill {
    /// Waits for something to do; pending for ever where nobody may wish. May be dropped without losing anything.
    pub(super) async fn news(&mut self) -> News {
        let Self { wishes: Some(wishes), filler, gate, paused, .. } = self else { return std::future::pending().await };
        let now = Instant::now();
        let is_free = filler.as_ref().is_some_and(|filler| !filler.is_busy);
        let ready = gate.as_ref().and_then(|gate| gate.ready_at(now)).filter(|_| is_free);
        let ready = ready.map(|at| paused.map_or(at, |paused| at.max(paused)));
        let told = async {
            match filler {
                Some(filler) => filler.told().await,
                None => std::future::pending().await,
            }
        };
        let mut taken = Vec::new();
        tokio::select! {
            told = told => News::Told(told),
            () = tokio::time::sleep_until(ready.unwrap_or(now).into()), if ready.is_some() => News::Ready,
            count = wishes.news.recv_many(&mut taken, BATCH) => match count {
                0 => std::future::pending().await,
                _ => News::Wishes(taken),
            },
        }
    }

    /// Somebody wants a pass; forgets that.
    pub(super) fn wants_pass(&mut self) -> bool {
        std::mem::take(&mut self.wants_pass)
    }

    /// Ends what is under way.
    pub(super) async fn close(&mut self) {
        self.wishes = None;
        if let Some(filler) = self.filler.take() {
            filler.close().await;
        }
    }
}

impl Engine {
    /// Lets readers' wishes be asked of `source`, which is one of the same settings; of none where it has no single objects.
    pub fn fill_from(&mut self, mut source: Box<dyn Source>) {
        let is_single = source.narrow(&["0".to_owned()]);
        source.narrow(&[]);
        self.fill.filler = is_single.then(|| Filler::start(source));
        if !is_single {
            info!(service = self.service(), "the source has no single objects: what is missed waits for the next pass");
        }
    }

    /// Begins to listen to readers, as the writer.
    pub(super) fn listen_to_readers(&mut self) {
        if self.kind != Kind::Run || !self.settings.fill.is_on() {
            return;
        }
        let (fill, settings) = (&mut self.fill, &self.settings.fill);
        fill.term += 1;
        fill.gate.get_or_insert_with(|| Gate::new(settings, Instant::now())).clear();
        (fill.wants_pass, fill.paused) = (false, None);
        fill.heard.clear();
        fill.deaf.clear();
        match Wishes::listen(self.target.clone(), self.link.keys().clone(), settings) {
            Ok(wishes) => fill.wishes = Some(wishes),
            Err(e) => warn!(service = self.service(), error = %e, "cannot listen to readers"),
        }
    }

    /// Whoever waits is not answered any more, and nobody listens to readers who is no writer.
    pub(super) fn dismiss(&mut self) {
        self.desk.waiting.clear();
        if self.fill.wishes.take().is_some() {
            ["heard", "deaf"].iter().for_each(|state| self.live.metrics.fill_servers.of(state).unset());
        }
    }

    /// Does what is to be done about wishes.
    pub(super) async fn fill(&mut self, news: News) {
        match news {
            News::Wishes(wishes) => self.wished(wishes).await,
            News::Told(told) => self.take_told(told).await,
            News::Ready => {}
        }
        self.ask_filler();
    }

    async fn wished(&mut self, wishes: Vec<Wish>) {
        let lost = self.fill.wishes.as_ref().map_or(0, Wishes::lost);
        self.live.metrics.fill_ignored.of("lost").add(lost);
        let mut suspects = Vec::new();
        for wish in wishes {
            match wish {
                Wish::Missed(id) => suspects.extend(self.missed(&id)),
                Wish::Requested(id) => self.requested(&id),
                Wish::Hears(server) => self.hears(server),
                Wish::Deaf(server, why) => self.hears_nothing(server, &why),
                Wish::Left(server) => {
                    self.fill.heard.remove(&server);
                    self.fill.deaf.remove(&server);
                    self.meter_servers();
                }
            }
        }
        suspects.sort_unstable();
        suspects.dedup();
        if suspects.is_empty() {
            return;
        }
        // News may be late: only what is not there now is missing.
        match self.look_at(&suspects).await {
            Ok(lost) => lost.into_iter().for_each(|(slot, found)| self.lost_to_reader(slot, found)),
            Err(e) => drop(self.link.failed.get_or_insert(e)),
        }
    }

    /// Somebody misses an object; its slot, where it should be there.
    fn missed(&mut self, id: &str) -> Option<u32> {
        match self.handler.ledger.find(id) {
            Some(slot) if !self.handler.ledger.is_broken(slot) => return Some(slot),
            // The next pass brings it, which is due.
            Some(_) if self.fill.filler.is_none() => {}
            None if self.fill.filler.is_none() => self.live.metrics.fill_ignored.of("unknown").add(1),
            slot => self.want(id, slot.is_some()),
        }
        None
    }

    fn want(&mut self, id: &str, is_known: bool) {
        let fate = self.fill.gate.as_mut().map(|gate| gate.miss(id, is_known, Instant::now()));
        self.meter_fate(fate);
    }

    /// An object that was there is not any more, as a reader found.
    fn lost_to_reader(&mut self, slot: u32, found: &'static str) {
        if self.fill.filler.is_none() {
            return self.lose(slot, found);
        }
        self.live.metrics.lost.of(found).add(1);
        self.handler.ledger.set_broken(slot);
        let id = self.handler.ledger.id(slot).as_ref().to_owned();
        // What was unknown once has been known since.
        if let Some(gate) = &mut self.fill.gate {
            gate.release(|held| held == id);
        }
        self.want(&id, true);
    }

    fn requested(&mut self, id: &str) {
        if self.fill.filler.is_some() {
            let fate = self.fill.gate.as_mut().map(|gate| gate.request(id, Instant::now()));
            self.meter_fate(fate);
        } else if self.is_stream() {
            // It tells changes by itself, and cannot be asked.
            self.live.metrics.fill_ignored.of("unknown").add(1);
        } else {
            self.fill.wants_pass = true;
        }
    }

    fn meter_fate(&self, fate: Option<Fate>) {
        let ignored = &self.live.metrics.fill_ignored;
        match fate {
            Some(Fate::Unknown) => ignored.of("unknown").add(1),
            Some(Fate::Limit) => ignored.of("limit").add(1),
            _ => {}
        }
    }

    /// Asks for what waits, as far as it may.
    fn ask_filler(&mut self) {
        let now = Instant::now();
        let Fill { filler: Some(filler), gate: Some(gate), paused, term, .. } = &mut self.fill else { return };
        if filler.is_busy || paused.is_some_and(|until| until > now) {
            return;
        }
        let ids = gate.take(now);
        if !ids.is_empty() {
            filler.ask(*term, ids);
        }
    }

    /// The source failed: it is left alone for a while, from the second failure in a row on.
    fn filler_failed(&mut self, ids: Vec<String>, why: &str, now: Instant) {
        let Some(gate) = &mut self.fill.gate else { return };
        if ids.len() > 1 {
            return gate.again(ids);
        }
        for id in &ids {
            gate.done(id);
            gate.hold(id, PAUSES.1, now);
        }
        self.live.metrics.fills.of("failed").add(ids.len() as u64);
        let backoff = self.fill.backoff.get_or_insert_with(|| Backoff::new(PAUSES.0, PAUSES.1));
        self.fill.paused = (!backoff.is_fresh()).then(|| now + backoff.next());
        if self.fill.paused.is_none() {
            backoff.next();
        }
        let service = self.settings.name().as_str();
        match self.fill.trouble.failed(why, now) {
            Say::Begins => warn!(
                service,
                error = why,
                "a missed object could not be computed; it is tried again when it is missed again"
            ),
            _ => debug!(service, error = why, "a missed object could not be computed"),
        }
    }

    fn filler_is_well(&mut self, now: Instant) {
        if let Some(backoff) = &mut self.fill.backoff {
            backoff.reset();
        }
        self.fill.trouble.well(now);
    }

    /// A complete snapshot was taken: what it brought is not unknown.
    pub(super) fn release_known(&mut self) {
        let Some(gate) = &mut self.fill.gate else { return };
        let ledger = &self.handler.ledger;
        gate.release(|id| ledger.find(id).is_some_and(|slot| !ledger.is_broken(slot)));
        self.live.metrics.fill_unknown.set_count(gate.held(Instant::now()));
    }

    fn hears(&mut self, server: String) {
        if self.fill.deaf.remove(&server) {
            info!(service = self.service(), server, "readers are heard again on {server}");
        }
        self.fill.heard.insert(server);
        self.meter_servers();
    }

    fn hears_nothing(&mut self, server: String, why: &str) {
        self.fill.heard.remove(&server);
        if self.fill.deaf.insert(server.clone()) {
            warn!(
                service = self.service(),
                server,
                error = why,
                "readers are not heard on {server}; what they miss waits for the next pass"
            );
        }
        self.meter_servers();
    }

    fn meter_servers(&self) {
        let servers = &self.live.metrics.fill_servers;
        servers.of("heard").set_count(self.fill.heard.len());
        servers.of("deaf").set_count(self.fill.deaf.len());
    }
}
