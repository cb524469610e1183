//! An operator who removes keys: holds the lease meanwhile, as a writer does, asks before, and tells how far it has come. It must
//! not decide what goes.

use std::{
    io::{BufRead, IsTerminal},
    thread,
    time::{Duration, Instant},
};

use super::{
    Exit, Failure,
    args::{Globals, Removal},
    changes, output,
    progress::Progress,
    target,
};
use crate::{
    events::{self, Reason, Teller},
    model::{Epoch, ServiceName},
    registry::Descriptor,
    settings::Announce,
    store::{Acquired, BeatRequest, Internal, Session, StoreError, Telling},
};

/// How long the lease is held from each sign of life on.
const LEASE: Duration = Duration::from_secs(15);
/// Keys removed in one step.
const STEP: usize = 500;

/// The lease of a service, handed back at the end.
pub(super) struct Holding {
    session: Session,
    epoch: Epoch,
    beaten: Instant,
    /// Where the service tells its changes, as its descriptor says.
    announce: Announce,
    teller: Teller,
}

impl Holding {
    /// Takes the lease of `service` for `verb`; waits for it, or fails, while a writer has it.
    pub(super) fn take(globals: &Globals, service: &ServiceName, verb: &str, wait: bool) -> Result<Self, Failure> {
        let (redis, prefix) = target::redis(globals)?;
        let token = format!("{verb}-{}", target::who());
        let mut session = Session::new(redis, &prefix, service, token);
        loop {
            match session.acquire(LEASE.as_millis() as u64, target::now_ms(), Epoch::default())? {
                Acquired::Held { epoch, .. } => {
                    let announce = announce_of(&mut session)?;
                    let teller = Teller::new(service);
                    return Ok(Self { session, epoch, beaten: Instant::now(), announce, teller });
                }
                Acquired::Taken { holder, .. } if !wait => {
                    let message = format!("{holder} writes {service} and would bring back what is removed");
                    let hint = "remove it at the source; or stop that sidecar first, and --wait for its lease";
                    return Err(Failure::new(Exit::Lease, message, hint));
                }
                Acquired::Taken { .. } => thread::sleep(Duration::from_millis(500)),
            }
        }
    }

    /// Removes the keys of these objects; how many there were.
    pub(super) fn remove(&mut self, ids: &[String], progress: &mut Progress) -> Result<u64, Failure> {
        let mut removed = 0;
        // Each event is a command too.
        let step = if self.announce.kind.is_on() { STEP / 2 } else { STEP };
        for some in ids.chunks(step) {
            self.beat()?;
            let (teller, now) = (&self.teller, target::now_ms());
            let begin = |out: &mut Vec<u8>, id: &str| teller.removed(out, id, Reason::Operator, now);
            let telling = Telling { announce: &self.announce, begin, end: events::end, now };
            removed += self.session.remove(self.epoch, some, &telling)?;
            progress.add(some.len());
        }
        Ok(removed)
    }

    /// Removes what is left of the service, the lease too.
    pub(super) fn retire(mut self) -> Result<u64, Failure> {
        Ok(self.session.retire(self.epoch)?)
    }

    /// Hands the lease back.
    pub(super) fn release(mut self) -> Result<(), Failure> {
        Ok(self.session.release(self.epoch)?)
    }

    fn beat(&mut self) -> Result<(), StoreError> {
        if self.beaten.elapsed() < LEASE / 3 {
            return Ok(());
        }
        let (lease_ms, now) = (LEASE.as_millis() as u64, target::now_ms());
        let beat = BeatRequest { epoch: self.epoch, lease_ms, descriptor: None, descriptor_ttl_ms: 0, now };
        self.session.beat(&beat)?;
        self.beaten = Instant::now();
        Ok(())
    }
}

fn announce_of(session: &mut Session) -> Result<Announce, StoreError> {
    let descriptor = match session.descriptor()? {
        Internal::Text(text) => serde_json::from_str::<Descriptor>(&text).ok(),
        _ => None,
    };
    Ok(changes::announce(descriptor.and_then(|d| d.events).as_ref()))
}

/// Asks on the terminal, unless the answer is given.
pub(super) fn confirm(question: &str, removal: Removal) -> Result<(), Failure> {
    if removal.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let hint = "give --yes to remove without a question";
        return Err(Failure::new(Exit::Usage, "there is no terminal to ask on", hint));
    }
    anstream::eprint!("{} [y/N] ", output::clean(question));
    let mut answer = String::new();
    // What cannot be read is no yes.
    let _ = std::io::stdin().lock().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "nothing was removed", "answer y, or give --yes")),
    }
}
