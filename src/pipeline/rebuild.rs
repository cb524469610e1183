//! The ledger from Redis itself: heads and TTLs of what stands there. It must not write.

use super::{
    handle::{Handler, Now, ticks},
    ledger::Ledger,
};
use crate::{
    envelope::{HEAD_MAX, parse_head},
    model::{Clock, Version},
    store::{RawHead, Session, StoreError},
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
    let (_, canary) = session.memory()?;
    if let Some(canary) = canary.map(Version).filter(|canary| is_plausible(*canary, super::now())) {
        clock.observe(canary);
    }
    let mut found = Found::default();
    let mut sound = vec![false; ledger.slots() as usize];
    let (mut now, mut asked) = (super::now(), 0u32);
    session.scan_heads(HEAD_MAX, |raw| {
        // Asking the time costs as much as taking a head.
        asked = asked.wrapping_add(1);
        if asked.is_multiple_of(100) {
            now = super::now();
        }
        let Some((slot, is_sound)) = take(ledger, clock, &raw, now) else { return };
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

/// Whether a version can be one of ours. One from the far future, put there by hand, would push the clock to where no
/// reader keeps integers exactly.
fn is_plausible(version: Version, now: Now) -> bool {
    const TEN_YEARS_MS: u64 = 10 * 365 * 24 * 3600 * 1000;
    version.0 <= now.unix_ms + TEN_YEARS_MS
}

/// One key; returns its slot and whether its value is sound.
fn take(ledger: &mut Ledger, clock: &mut Clock, raw: &RawHead, now: Now) -> Option<(u32, bool)> {
    if raw.pttl == -2 {
        return None;
    }
    let slot = ledger.insert(&raw.id);
    if let Some(len) = raw.len {
        ledger.set_size(slot, len);
    }
    let Some(head) = parse_head(&raw.head).ok().filter(|head| is_plausible(head.version, now)) else {
        ledger.set_broken(slot);
        return Some((slot, false));
    };
    clock.observe(head.version);
    // A value without TTL would stand for ever: due at once.
    let left = u128::try_from(raw.pttl).unwrap_or(0);
    let expires = now.tick.saturating_add(if left == 0 { 0 } else { ticks(left) });
    let (version, digest) = ledger.written(slot);
    if version == head.version && digest == head.digest.prefix() && !ledger.is_broken(slot) {
        ledger.set_expires(slot, expires);
    } else {
        ledger.set_written(slot, head.version, head.digest.prefix(), 0, expires);
    }
    Some((slot, true))
}
