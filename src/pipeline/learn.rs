//! What a new writer learns from Redis before its first pass: objects, canary, baseline. It must not know sources.

use tracing::{debug, info, warn};

use super::{
    engine::{Engine, Kind},
    handle::Handler,
    plan::{Output, Plan},
    rebuild::{Rebuilt, canary, rebuild},
};
use crate::{
    decision::RenewalPolicy,
    envelope::{Ignore, Sealer},
    model::Version,
    registry::{Descriptor, ServiceStatus, Stamp},
    store::{Internal, StoreError},
};

impl Engine {
    /// Rebuilds the ledger, and takes up what the writer before kept for this one.
    pub(super) async fn learn(&mut self) -> Result<(), StoreError> {
        let (mut handler, mut survey) = (self.take_handler(), self.survey.take());
        let service = self.settings.name().clone();
        let learnt = self.control(move |session| {
            let rebuilt = match &mut survey {
                Some(survey) => survey.walk(session, &mut handler),
                None => rebuild(session, &mut handler, &service),
            };
            let memory = session.memory().and_then(|memory| Ok((memory, session.descriptor()?)));
            Ok((handler, survey, rebuilt, memory))
        });
        let (handler, survey, rebuilt, memory) = learnt.await?;
        (self.handler, self.survey) = (handler, survey);
        let (rebuilt, (memory, descriptor)) = (rebuilt?, memory?);
        self.tell_learnt(&rebuilt);
        self.take_canary(memory.canary).await?;
        self.follow_canary();
        self.recall(memory.baseline);
        self.take_ages(&descriptor);
        self.descriptor.counts.objects = self.handler.ledger.len() as u64;
        if let Some(pulse) = &self.pulse {
            pulse.vitals.send_replace(self.vitals());
        }
        Ok(())
    }

    /// The canary is what later heartbeats are compared with; one that is none is replaced.
    async fn take_canary(&mut self, found: Option<Vec<u8>>) -> Result<(), StoreError> {
        let known = canary(found.as_deref(), super::now());
        self.link.confirmed = known.unwrap_or_default();
        // What was known to be there is not any more, be it that something removed is back.
        self.is_rolled_back = self.link.confirmed < self.was_confirmed;
        self.was_confirmed = self.link.confirmed;
        let (epoch, last) = (self.handler.epoch, self.handler.clock.last());
        if known.is_some() || self.kind == Kind::Plan || last == Version(0) {
            return Ok(());
        }
        let last = self.anew_version();
        if found.is_some() {
            self.tell_replaced(&[(self.link.keys().canary(), "no version that a writer makes".to_owned())]);
        }
        if self.control(move |session| session.set_canary(epoch, last, found.as_deref())).await? {
            self.link.confirmed = last;
        }
        Ok(())
    }

    /// How old content is. Without a baseline, what the descriptor knows of the last success counts, or else that there was
    /// none before now.
    fn take_ages(&mut self, descriptor: &Internal) {
        let now = super::now().unix_ms;
        if self.baseline.stale_from() == 0 {
            let descriptor = match descriptor {
                Internal::Text(text) => serde_json::from_str::<Descriptor>(text).ok(),
                _ => None,
            };
            let at = |stamp: Option<Stamp>| stamp.map_or(0, |stamp| stamp.0.min(now));
            if let Some(known) = descriptor.filter(|d| d.service == self.service()) {
                self.baseline.as_of = at(known.as_of);
                self.baseline.last_success_at = at(known.last_success_at).max(self.baseline.as_of);
            }
            if self.baseline.last_success_at == 0 {
                self.baseline.waiting_since = now;
            }
        }
        if self.baseline.last_success_at > 0 {
            self.descriptor.last_success_at = Some(Stamp(self.baseline.last_success_at));
        }
        if self.baseline.as_of > 0 {
            self.descriptor.as_of = Some(Stamp(self.baseline.as_of));
        }
    }

    /// Lends the handler to a blocking task; an empty one stands in for it.
    pub(super) fn take_handler(&mut self) -> Handler {
        let mut stand_in = Handler::new(
            &self.settings,
            Sealer::new(self.settings.name(), Ignore::default()),
            Output::Plan(Plan::default()),
            RenewalPolicy::Spread,
        );
        // Whatever becomes of the task, the lease can be handed back.
        stand_in.epoch = self.handler.epoch;
        std::mem::replace(&mut self.handler, stand_in)
    }

    /// Whether the source has failed for longer than `content.max_stale`, or has not been well once for so long.
    pub(super) fn is_too_stale(&self) -> bool {
        let (from, now) = (self.baseline.stale_from(), super::now().unix_ms);
        from > 0 && u128::from(now.saturating_sub(from)) > self.settings.content.max_stale.as_millis()
    }

    /// The source has failed for too long: says so, also while it is not asked.
    pub(super) fn turn_stale(&mut self) {
        if self.descriptor.status == ServiceStatus::Failing {
            self.descriptor.status = ServiceStatus::Stale;
            self.publish();
        }
    }

    /// Says what no writer of ours had put where this one now wrote.
    pub(super) fn tell_replaced(&self, replaced: &[(String, String)]) {
        for (key, held) in replaced {
            let hint = "something else writes to this service's keys; give ralphext a Redis user of its own";
            warn!(service = self.service(), key, held, hint, "replaced what no writer put there: {key} held {held}");
        }
    }

    fn tell_learnt(&mut self, found: &Rebuilt) {
        let is_news = self.learnt_lines.take();
        let (service, epoch, strange) = (self.service(), self.handler.epoch.0, found.strange.count);
        let redis = self.target.address();
        let &Rebuilt { sound: objects, broken, missing, .. } = found;
        if !is_news {
            debug!(service, objects, broken, missing, epoch, strange, "learnt again what stands in Redis");
            return;
        }
        info!(service, redis, objects, broken, missing, epoch, "learnt what stands in Redis");
        if let Some(example) = &found.strange.example {
            let hint = "nothing reads them; look with `redis-cli --scan`, and remove what nobody needs";
            warn!(service, keys = strange, example, hint, "keys below the service's prefix are no objects: left alone");
        }
    }
}
