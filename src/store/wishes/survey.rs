//! Whether the servers tell key misses, tried for real, for `check --connect` and `doctor`. It must not judge, nor write.

use std::time::{Duration, Instant};

use redis::ConnectionLike;

use super::ear::{Heard, Words, open, replicas, silent};
use crate::{
    settings::Fill,
    store::{Keys, StoreError, Target, dial::Place},
};

/// How long a server may take to tell a miss.
const PATIENCE: Duration = Duration::from_secs(2);

/// One server, and why its misses are not heard, if so.
#[derive(Debug)]
pub struct Ears {
    /// Where.
    pub address: String,
    /// Why not.
    pub deaf: Option<StoreError>,
}

/// Tries every server on which misses would be listened for.
///
/// # Errors
/// When the master cannot be asked at all.
pub fn survey(target: &Target, keys: &Keys, settings: &Fill) -> Result<Vec<Ears>, StoreError> {
    let mut places = vec![None];
    if settings.replicas {
        // Whoever may not ask is told so by the list of rights.
        let role = target.open()?.say(&[b"ROLE"]);
        places.extend(role.iter().flat_map(replicas).map(Some));
    }
    for (host, port) in settings.listen.iter().filter_map(|text| Fill::server(text)) {
        let place = Some(Place::Tcp(host, port));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let one = |place: Option<Place>| {
        let address = place.as_ref().map_or_else(|| target.address(), ToString::to_string);
        let deaf = try_one(target, place.as_ref(), keys, &address).err();
        Ears { address, deaf }
    };
    Ok(places.into_iter().map(one).collect())
}

fn try_one(target: &Target, place: Option<&Place>, keys: &Keys, address: &str) -> Result<(), StoreError> {
    let (mut ear, mut mouth) = (open(target, place)?, open(target, place)?);
    let words = Words::new(keys, ear.get_db());
    ear.say(&[b"PSUBSCRIBE", words.pattern.as_bytes()])?;
    mouth.say(&[b"GET", words.probe.as_bytes()])?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let message = ear.message_within(PATIENCE / 8).map_err(|e| StoreError::from_redis(address, &e))?;
        if message.is_some_and(|message| words.read(&message, keys, true) == Heard::Sign) {
            return Ok(());
        }
    }
    Err(silent(address, true))
}
