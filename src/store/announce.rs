//! Change events in a batch: one command each (`XADD` or `PUBLISH`), behind the commands that they tell of. It must not know what
//! they say.

use super::{
    Keys,
    batch::{bulk, number},
};
use crate::{
    model::{Position, Version},
    settings::{Announce, AnnounceKind},
};

/// No end of an event is longer, in bytes.
const LONGEST_END: usize = 128;

/// The name of the one field of a stream's entries.
pub(super) const FIELD: &[u8] = b"event";

/// Appends the end of an event: where it stands.
pub type End = fn(&mut Vec<u8>, Position);

/// Collects the events of the batch under way.
///
/// Where an event stands is known when its batch is whole, so their beginnings are kept until then.
#[derive(Debug)]
pub struct Announcer {
    /// Everything of the command before the event.
    command: Vec<u8>,
    end: End,
    previous: Version,
    begun: Vec<u8>,
    /// Where each of them ends in `begun`.
    ends: Vec<usize>,
}

impl Announcer {
    /// For the events of the service of `keys`; none where nothing is told.
    pub fn new(announce: &Announce, keys: &Keys, end: End) -> Option<Self> {
        let command = encoded(announce, &keys.changes())?;
        Some(Self { command, end, previous: Version(0), begun: Vec::new(), ends: Vec::new() })
    }

    /// The batch under way comes behind `previous`.
    pub(super) fn follow(&mut self, previous: Version) {
        self.previous = previous;
    }

    /// Takes one event; `write` appends its beginning.
    pub(super) fn take(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.begun);
        self.ends.push(self.begun.len());
    }

    /// Commands that the events so far will take.
    pub(super) fn commands(&self) -> u32 {
        // A batch has a few hundred.
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// Most bytes that the events so far will take.
    pub(super) fn bytes(&self) -> usize {
        self.begun.len() + self.ends.len() * (self.command.len() + LONGEST_END)
    }

    /// Appends all of them, of the batch `batch`.
    pub(super) fn append(&mut self, out: &mut Vec<u8>, batch: Version) {
        let (of, mut from, mut event) = (self.commands(), 0, Vec::new());
        for (at, to) in self.ends.iter().enumerate() {
            event.clear();
            event.extend_from_slice(&self.begun[from..*to]);
            from = *to;
            let place = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
            (self.end)(&mut event, Position { batch, previous: self.previous, place, of });
            out.extend_from_slice(&self.command);
            bulk(out, &event);
            out.extend_from_slice(b"\r\n");
        }
        self.previous = batch;
        self.begun.clear();
        self.ends.clear();
    }
}

/// The command up to the event, as it goes over the wire.
fn encoded(announce: &Announce, key: &str) -> Option<Vec<u8>> {
    let words = words(announce, key)?;
    let mut out = vec![b'*'];
    number(&mut out, words.len() as u64 + 1);
    out.extend_from_slice(b"\r\n");
    for word in words {
        bulk(&mut out, &word);
        out.extend_from_slice(b"\r\n");
    }
    Some(out)
}

/// The words of the command before the event.
pub(super) fn words(announce: &Announce, key: &str) -> Option<Vec<Vec<u8>>> {
    let (key, len) = (key.as_bytes().to_vec(), announce.max_len.to_string().into_bytes());
    match announce.kind {
        AnnounceKind::None => None,
        AnnounceKind::Pubsub => Some(vec![b"PUBLISH".to_vec(), key]),
        AnnounceKind::Stream => {
            Some(vec![b"XADD".to_vec(), key, b"MAXLEN".to_vec(), b"~".to_vec(), len, b"*".to_vec(), FIELD.to_vec()])
        }
    }
}
