//! What readers are told of the service: the descriptor with each heartbeat, and each change of its status as an event. It must not
//! decide what the status is, nor know how an event looks.
//!
//! With change events, the descriptor that has another status is written by the writer, in one batch with the event. Until that is
//! sent, heartbeats go on to say what was told last, and while it is under way they only renew the lease: none says a status that no
//! event has told.

use std::sync::Arc;

use super::{
    engine::{Engine, Kind},
    plan::Output,
    pulse,
};
use crate::{
    decision::WriteReason,
    events::{self, Reason},
    model::Version,
    registry::{Descriptor, ServiceStatus},
    settings::{AnnounceKind, Settings},
    store::{Announcer, BatchBuilder, Internal, Keys, StoreError},
};

/// Which status was told by an event.
#[derive(Debug, Default)]
pub(super) struct Announced {
    is_on: bool,
    /// What the descriptor in Redis says, as far as an event has told it.
    status: Option<ServiceStatus>,
}

/// What batches are made with, and whether they tell what they change.
pub(super) fn builder(settings: &Settings, keys: &Keys, ttl_ms: u64, kind: Kind) -> (BatchBuilder, Announced) {
    let redis = &settings.redis;
    let builder = BatchBuilder::new(keys.clone(), ttl_ms, redis.batch_commands, redis.batch_bytes.as_usize());
    let announcer = Announcer::new(&settings.events, keys, events::end);
    let is_on = kind != Kind::Plan && announcer.is_some();
    (builder.announcing(announcer), Announced { is_on, status: None })
}

impl Engine {
    /// Tells readers what is known now.
    pub(super) fn publish(&mut self) {
        self.tell_live();
        let vitals = self.vitals();
        if let Some(pulse) = &self.pulse {
            pulse.vitals.send_replace(vitals);
            pulse.hurry();
        }
    }

    /// What the next heartbeat says.
    pub(super) fn vitals(&self) -> pulse::Vitals {
        let mut descriptor = self.descriptor.clone();
        if let Some(status) = self.announced.status.filter(|_| self.announced.is_on) {
            descriptor.status = status;
        }
        pulse::Vitals {
            epoch: Some(self.handler.epoch),
            descriptor: Arc::new(descriptor),
            is_described: !self.announced.is_on || self.announced.status.is_some(),
            confirmed: self.link.confirmed,
        }
    }

    /// With change events: which status was told last, by whichever writer; and makes sure that events can be told.
    ///
    /// # Errors
    /// When Redis fails.
    pub(super) async fn recall_status(&mut self) -> Result<(), StoreError> {
        if !self.announced.is_on {
            return Ok(());
        }
        self.announced.status = None;
        let (now, is_stream) = (super::now().unix_ms, self.settings.events.kind == AnnounceKind::Stream);
        let recalled = self.control(move |session| {
            let odd = if is_stream { session.mend_changes(now)? } else { None };
            Ok((odd, session.descriptor()?))
        });
        let (odd, descriptor) = recalled.await?;
        if let Some(odd) = odd {
            self.tell_replaced(&[(self.link.keys().changes(), odd.to_owned())]);
        }
        if let Internal::Text(text) = descriptor
            && let Ok(known) = serde_json::from_str::<Descriptor>(&text)
            && known.service == self.service()
            && known.events.is_some()
        {
            self.announced.status = Some(known.status);
        }
        Ok(())
    }

    /// Tells the service's status, if it is another one than was told last: the descriptor and the event become visible at once.
    pub(super) async fn announce_status(&mut self) {
        let status = self.descriptor.status;
        if !self.announced.is_on || self.announced.status == Some(status) || self.link.failed.is_some() {
            return;
        }
        // What was in the batches before is there; a heartbeat that is under way ends; and the next ones leave the descriptor alone.
        self.flush().await;
        self.link.settle(&mut self.handler).await;
        if let Some(pulse) = &self.pulse {
            pulse.leave_descriptor().await;
        }
        let now = super::now().unix_ms;
        let text = pulse::text(&self.descriptor, self.handler.epoch, now);
        let ttl_ms = self.periods.descriptor_ttl.as_millis() as u64;
        if let Output::Batches { builder, .. } = &mut self.handler.output {
            builder.describe(&text, ttl_ms);
            let teller = &self.handler.teller;
            builder.announce(|out| teller.status(out, status.as_str(), now));
        }
        self.flush().await;
        self.link.settle(&mut self.handler).await;
        // After a failure nobody knows what was told; the next beginning looks.
        if self.link.failed.is_none() {
            self.announced.status = Some(status);
            self.publish();
        }
    }

    /// What comes next is told as what follows the last batch that is in Redis.
    pub(super) fn follow_canary(&mut self) {
        if let Output::Batches { builder, .. } = &mut self.handler.output {
            builder.follow(self.link.confirmed);
        }
    }

    /// The version that the canary begins anew with. Where changes are told, no batch has had it: what was told before is followed by
    /// nothing, so that a loss of data is a gap for who follows the events.
    pub(super) fn anew_version(&mut self) -> Version {
        if self.announced.is_on {
            return self.handler.clock.next(super::now().unix_ms);
        }
        self.handler.clock.last()
    }
}

/// Why a value is written, as an event has it.
pub(super) fn reason(why: WriteReason) -> Reason {
    match why {
        WriteReason::New => Reason::New,
        WriteReason::Changed => Reason::Changed,
        WriteReason::Healed => Reason::Healed,
        WriteReason::Expired => Reason::Expired,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::event_schema;

    #[test]
    fn the_words_of_events_are_those_of_the_descriptor_and_of_explain() {
        let schema = event_schema();
        let listed = &schema["properties"]["status"]["enum"];
        for status in [
            ServiceStatus::Starting,
            ServiceStatus::Ok,
            ServiceStatus::Failing,
            ServiceStatus::Stale,
            ServiceStatus::Stopped,
        ] {
            assert!(listed.as_array().unwrap().iter().any(|word| word == status.as_str()), "{status:?}");
        }
        assert_eq!(listed.as_array().unwrap().len(), 6, "and null");
        for why in WriteReason::ALL {
            assert_eq!(reason(why).as_str(), why.as_str());
        }
    }
}
