//! The ledger from Redis itself: heads and TTLs of what stands there. It must not write.

use super::{handle::Handler, ledger::Ledger};
use crate::{
    envelope::{HEAD_MAX, MAX_NUMBER, parse_head},
    model::{Clock, Version},
    pipeline::handle::ticks,
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
    if let Some(canary) = canary.filter(|c| *c <= MAX_NUMBER) {
        clock.observe(Version(canary));
    }
    let mut found = Found::default();
    let mut sound = vec![false; ledger.slots() as usize];
    session.scan_heads(HEAD_MAX, |raw| {
        let Some((slot, is_sound)) = take(ledger, clock, &raw) else { return };
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

/// One key; returns its slot and whether its value is sound.
fn take(ledger: &mut Ledger, clock: &mut Clock, raw: &RawHead) -> Option<(u32, bool)> {
    if raw.pttl == -2 {
        return None;
    }
    let slot = ledger.insert(&raw.id);
    let Ok(head) = parse_head(&raw.head) else {
        ledger.set_broken(slot);
        return Some((slot, false));
    };
    clock.observe(head.version);
    // A value without TTL would stand for ever: due at once.
    let left = u128::try_from(raw.pttl).unwrap_or(0);
    let expires = super::now().tick.saturating_add(if left == 0 { 0 } else { ticks(left) });
    let (version, digest) = ledger.written(slot);
    if version == head.version && digest == head.digest.prefix() && !ledger.is_broken(slot) {
        ledger.set_expires(slot, expires);
    } else {
        ledger.set_written(slot, head.version, head.digest.prefix(), 0, expires);
    }
    Some((slot, true))
}
