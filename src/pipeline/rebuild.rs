//! The ledger from Redis itself: heads and TTLs of what stands there. It must not write.

use super::{
    handle::{Handler, Now, ticks},
    ledger::{Ledger, Tick},
};
use crate::{
    envelope::{Head, identity_len, parse_head_of},
    model::{Clock, ServiceName, Version, highest_plausible},
    store::{Session, StoreError, Strange},
};

/// What a rebuild found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Objects with a sound head.
    pub sound: u64,
    /// Keys of objects that hold something else.
    pub broken: u64,
    /// Objects known before that have no key now.
    pub missing: u64,
    /// Keys below the service's prefix that are neither objects nor its own: left alone.
    pub strange: Strange,
}

/// Brings `handler`'s ledger and clock up to what stands in Redis. Blocks.
///
/// What was known before and is not found any more, or is found older or different, is marked to be written again; what is
/// as it was keeps its raw-bytes hash, so that the next pass is as fast as any.
pub fn rebuild(session: &mut Session, handler: &mut Handler, service: &ServiceName) -> Result<Rebuilt, StoreError> {
    let ttl = handler.ttl_ticks();
    let (ledger, clock) = (&mut handler.ledger, &mut handler.clock);
    observe_canary(session, clock)?;
    let mut found = Rebuilt::default();
    let mut sound = vec![false; ledger.slots() as usize];
    let (mut now, mut asked) = (super::now(), 0u32);
    found.strange = session.scan_heads(identity_len(service), |raw| {
        // Asking the time costs as much as taking a head.
        asked = asked.wrapping_add(1);
        if asked.is_multiple_of(100) {
            now = super::now();
        }
        if raw.pttl == -2 {
            return;
        }
        let slot = ledger.insert(&raw.id);
        let head = parse_head_of(&raw.head, service.as_str(), &raw.id).ok();
        let is_sound = take(ledger, clock, slot, &KeySeen { head, pttl: raw.pttl, len: raw.len }, now, ttl);
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
    let canary = canary(session.memory()?.canary.as_deref(), super::now());
    canary.iter().for_each(|canary| clock.observe(*canary));
    Ok(canary)
}

/// The canary, where it is one that a writer can have put there.
pub(super) fn canary(found: Option<&[u8]>, now: Now) -> Option<Version> {
    let number = std::str::from_utf8(found?).ok()?.parse().ok();
    number.map(Version).filter(|canary| is_plausible(*canary, now))
}

/// Whether a version can be one of ours.
pub(super) fn is_plausible(version: Version, now: Now) -> bool {
    version.0 <= highest_plausible(now.unix_ms)
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
pub(super) fn take(ledger: &mut Ledger, clock: &mut Clock, slot: u32, seen: &KeySeen, now: Now, ttl: Tick) -> bool {
    if let Some(len) = seen.len {
        ledger.set_size(slot, len);
    }
    let Some(head) = seen.head.filter(|head| is_plausible(head.version, now)) else {
        ledger.set_broken(slot);
        return false;
    };
    clock.observe(head.version);
    let left = match u128::try_from(seen.pttl).map(ticks) {
        // One that was given more than ours would stand too long: due for a renewal.
        Ok(left) if left > ttl => ttl - ttl / 10,
        Ok(left) => left,
        // A value without TTL would stand for ever: due at once.
        Err(_) => 0,
    };
    let expires = now.tick.saturating_add(left);
    let (version, digest) = ledger.written(slot);
    if version == head.version && digest == head.digest.prefix() && !ledger.is_broken(slot) {
        ledger.set_expires(slot, expires);
    } else {
        ledger.set_written(slot, head.version, head.digest.prefix(), 0, expires);
    }
    true
}
