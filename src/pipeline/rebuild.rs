//! The ledger from Redis itself: heads and TTLs of what stands there. It must not write.

use tracing::info;

use super::{
    engine::Engine,
    handle::{Handler, Now, ticks},
    ledger::Ledger,
    plan::{Output, Plan},
};
use crate::{
    decision::RenewalPolicy,
    envelope::{HEAD_MAX, Head, Ignore, Sealer, parse_head},
    model::{Clock, Version},
    registry::Stamp,
    store::{Session, StoreError},
};

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Objects with a sound head.
    pub sound: u64,
    /// Keys of objects that hold something else.
    pub broken: u64,
    /// Objects known before that have no key now.
    pub missing: u64,
}

/// Brings `handler`'s ledger and clock up to what stands in Redis. Blocks.
///
/// What was known before and is not found any more, or is found older or different, is marked to be written again; what is
/// as it was keeps its raw-bytes hash, so that the next pass is as fast as any.
pub fn rebuild(session: &mut Session, handler: &mut Handler) -> Result<Found, StoreError> {
    let (ledger, clock) = (&mut handler.ledger, &mut handler.clock);
    observe_canary(session, clock)?;
    let mut found = Found::default();
    let mut sound = vec![false; ledger.slots() as usize];
    let (mut now, mut asked) = (super::now(), 0u32);
    session.scan_heads(HEAD_MAX, |raw| {
        // Asking the time costs as much as taking a head.
        asked = asked.wrapping_add(1);
        if asked.is_multiple_of(100) {
            now = super::now();
        }
        if raw.pttl == -2 {
            return;
        }
        let slot = ledger.insert(&raw.id);
        let seen = KeySeen { head: parse_head(&raw.head).ok(), pttl: raw.pttl, len: raw.len };
        let is_sound = take(ledger, clock, slot, &seen, now);
        let at = slot as usize;
        if sound.len() <= at {
            sound.resize(at + 1, false);
        }
        // SCAN may name a key twice.
        if !sound[at] {
            sound[at] = is_sound;
            *(if is_sound { &mut found.sound } else { &mut found.broken }) += 1;
        }
    })?;
    for slot in 0..ledger.slots() {
        if ledger.is_used(slot) && !sound[slot as usize] {
            found.missing += u64::from(!ledger.is_broken(slot));
            ledger.set_broken(slot);
        }
    }
    Ok(found)
}

/// Raises the clock to `@canary`, if that can be one of ours; returns it then.
pub(super) fn observe_canary(session: &mut Session, clock: &mut Clock) -> Result<Option<Version>, StoreError> {
    let (_, canary) = session.memory()?;
    let canary = canary.map(Version).filter(|canary| is_plausible(*canary, super::now()));
    canary.iter().for_each(|canary| clock.observe(*canary));
    Ok(canary)
}

/// Whether a version can be one of ours. One from the far future, put there by hand, would push the clock to where no
/// reader keeps integers exactly.
pub(super) fn is_plausible(version: Version, now: Now) -> bool {
    const TEN_YEARS_MS: u64 = 10 * 365 * 24 * 3600 * 1000;
    version.0 <= now.unix_ms + TEN_YEARS_MS
}

/// What stands at an object's key.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeySeen {
    /// The value's head, if it has a sound one.
    pub(super) head: Option<Head>,
    /// Ms left; -1 without TTL.
    pub(super) pttl: i64,
    /// The value's length in bytes, where it is known.
    pub(super) len: Option<usize>,
}

/// Takes one key into the ledger; returns whether its value is sound.
pub(super) fn take(ledger: &mut Ledger, clock: &mut Clock, slot: u32, seen: &KeySeen, now: Now) -> bool {
    if let Some(len) = seen.len {
        ledger.set_size(slot, len);
    }
    let Some(head) = seen.head.filter(|head| is_plausible(head.version, now)) else {
        ledger.set_broken(slot);
        return false;
    };
    clock.observe(head.version);
    // A value without TTL would stand for ever: due at once.
    let left = u128::try_from(seen.pttl).unwrap_or(0);
    let expires = now.tick.saturating_add(if left == 0 { 0 } else { ticks(left) });
    let (version, digest) = ledger.written(slot);
    if version == head.version && digest == head.digest.prefix() && !ledger.is_broken(slot) {
        ledger.set_expires(slot, expires);
    } else {
        ledger.set_written(slot, head.version, head.digest.prefix(), 0, expires);
    }
    true
}

impl Engine {
    /// Rebuilds the ledger and reads the baseline.
    pub(super) async fn learn(&mut self) -> Result<(), StoreError> {
        let (mut handler, mut survey) = (self.take_handler(), self.survey.take());
        let learnt = self.control(move |session| {
            let found = match &mut survey {
                Some(survey) => survey.walk(session, &mut handler),
                None => rebuild(session, &mut handler),
            };
            let memory = session.memory();
            Ok((handler, survey, found, memory))
        });
        let (handler, survey, found, memory) = learnt.await?;
        (self.handler, self.survey) = (handler, survey);
        let (found, (baseline, canary)) = (found?, memory?);
        self.link.confirmed = Version(canary.unwrap_or(0));
        self.recall(baseline);
        if self.baseline.last_success_at > 0 {
            self.descriptor.last_success_at = Some(Stamp(self.baseline.last_success_at));
        }
        if self.baseline.as_of > 0 {
            self.descriptor.as_of = Some(Stamp(self.baseline.as_of));
        }
        self.descriptor.counts.objects = self.handler.ledger.len() as u64;
        if let Some(pulse) = &self.pulse {
            pulse.vitals.send_replace(self.vitals());
        }
        info!(
            service = self.service(),
            redis = self.target.address(),
            objects = found.sound,
            broken = found.broken,
            missing = found.missing,
            epoch = self.handler.epoch.0,
            "learnt what stands in Redis"
        );
        Ok(())
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
}
