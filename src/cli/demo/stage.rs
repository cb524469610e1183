//! What the acts stand on: server and sidecar, looking, waiting, judging what the server saw. It must not know the story.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{DEADLINE, process::Process, scratch::Scratch, server::Server, show, sidecar};
use crate::{
    cli::{Exit, Failure, target::now_ms},
    envelope::{self, Envelope, HEAD_MAX, Head, parse_head},
    model::{ObjectId, ServiceName},
    registry::{Descriptor, LastPass, ServiceStatus},
    store::{KeyEvent, Observer, Reader, flush_all},
};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(1);
/// After this long, a terminal is told what is waited for.
const WONDER: Duration = Duration::from_millis(200);

/// One object's head and what is left of its TTL in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The head.
    pub head: Head,
    /// Ms left.
    pub ttl_ms: u64,
}

/// Objects by id.
pub type Objects = BTreeMap<String, Found>;

/// Everything that the demo started. Fields are dropped in this order: first who uses, then what is used.
pub struct Stage {
    /// A reader's connection, as Ralph has one.
    pub reader: Reader,
    observer: Observer,
    sidecar: Process,
    server: Server,
    scratch: Scratch,
    stop: Arc<AtomicBool>,
    /// When the sidecar was started.
    pub started: Instant,
    /// `hwinfo`.
    pub hwinfo: ServiceName,
    /// `inventory`.
    pub inventory: ServiceName,
}

impl Stage {
    /// Makes the directory, starts the server, then the sidecar.
    pub fn set_up(stop: Arc<AtomicBool>) -> Result<Self, Failure> {
        let scratch = Scratch::new()?;
        let server = Server::start(&scratch)?;
        let (reader, observer) = (server.reader()?, server.observer()?);
        sidecar::prepare(&scratch, &server)?;
        let started = Instant::now();
        let sidecar = sidecar::start(&scratch)?;
        let (hwinfo, inventory) = (service("hwinfo")?, service("inventory")?);
        Ok(Self { reader, observer, sidecar, server, scratch, stop, started, hwinfo, inventory })
    }

    /// `redis-server` or `valkey-server`.
    pub fn server(&self) -> &str {
        self.server.program()
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The path of `name` in the demo's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Puts a new inventory in place of the old one, by rename; tells when.
    pub fn write_inventory(&self, text: &str) -> Result<Written, Failure> {
        let at_ms = now_ms();
        self.scratch.put(sidecar::INVENTORY, text)?;
        Ok(Written { at_ms, at: Instant::now() })
    }

    /// Removes everything in the server, as a careless operator or a restart without persistence would.
    pub fn flush(&self) -> Result<(), Failure> {
        Ok(flush_all(&self.server.target()?)?)
    }

    /// Looks until `look` finds something; `what` is what is waited for.
    pub fn until<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let (begun, mut told) = (Instant::now(), false);
        let result = loop {
            match self.check().and_then(|()| look(self)) {
                Ok(Some(found)) => break Ok(found),
                Err(e) => break Err(e),
                Ok(None) if begun.elapsed() > DEADLINE => break Err(self.in_vain(what)),
                Ok(None) => {}
            }
            // Only when it takes so long that one would wonder.
            if !told && begun.elapsed() > WONDER {
                show::waiting(what);
                told = true;
            }
            thread::sleep(STEP);
        };
        if told {
            show::waited();
        }
        result
    }

    fn in_vain(&self, what: &str) -> Failure {
        let log = self.sidecar.last_lines();
        let message = format!("{what}: in vain for {} s; the sidecar said last:\n{log}", DEADLINE.as_secs());
        Failure::new(Exit::Failed, message, "is the machine very busy? Then try again")
    }

    /// Stays until it is told to stop.
    ///
    /// # Errors
    /// When the server or the sidecar ends before.
    pub fn stay(&mut self) -> Result<(), Failure> {
        while !self.stop.load(Ordering::Relaxed) {
            self.server.check()?;
            self.sidecar.check()?;
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::told(Exit::Failed, "interrupted; the server, the sidecar and their files are gone"));
        }
        self.server.check()?;
        self.sidecar.check()
    }

    /// The service's descriptor.
    pub fn descriptor(&mut self, service: &ServiceName) -> Result<Option<Descriptor>, Failure> {
        let Some(stored) = self.reader.descriptor(service)? else { return Ok(None) };
        let read = serde_json::from_slice(&stored.value);
        read.map(Some).map_err(|e| wrong(format!("the descriptor of {service} cannot be read: {e}")))
    }

    /// Waits for the end of a good pass that began at `since_ms` (unix ms) or later.
    pub fn good_pass(&mut self, service: &ServiceName, since_ms: u64) -> Result<LastPass, Failure> {
        self.until(&format!("waiting for the next pass of {service}"), |stage| {
            let Some(d) = stage.descriptor(service)? else { return Ok(None) };
            let is_good = d.status == ServiceStatus::Ok && d.last_error.is_none();
            Ok(d.last_pass.filter(|pass| is_good && pass.complete && pass.started_at.0 >= since_ms))
        })
    }

    /// All objects of the service (`SCAN`, `GETRANGE`, `PTTL`); each has to have a head and a TTL.
    pub fn objects(&mut self, service: &ServiceName) -> Result<Objects, Failure> {
        let mut objects = Objects::new();
        let mut found = Vec::new();
        self.reader.heads(service, HEAD_MAX, |raw| found.push(raw))?;
        for raw in found {
            let head = parse_head(&raw.head).map_err(|e| wrong(format!("object {} of {service}: {e}", raw.id)))?;
            let ttl_ms = u64::try_from(raw.pttl);
            let ttl_ms = ttl_ms.map_err(|_| wrong(format!("object {} of {service} has no TTL", raw.id)))?;
            objects.insert(raw.id, Found { head, ttl_ms });
        }
        Ok(objects)
    }

    /// One object as a reader gets it: the bytes, the same opened and checked, and how long it took.
    pub fn get(&mut self, service: &ServiceName, id: &ObjectId) -> Result<(Vec<u8>, Envelope, Duration), Failure> {
        let begun = Instant::now();
        let stored = self.reader.object(service, id)?;
        let took = begun.elapsed();
        let value = stored.ok_or_else(|| wrong(format!("{service} has no object {id}")))?.value;
        let envelope = envelope::open(&value).map_err(|e| wrong(format!("object {id} of {service}: {e}")))?;
        Ok((value, envelope, took))
    }

    /// The head of one object; none when it has no key.
    pub fn head(&mut self, service: &ServiceName, id: &ObjectId) -> Result<Option<Head>, Failure> {
        let Some(stored) = self.reader.object(service, id)? else { return Ok(None) };
        let head = parse_head(&stored.value);
        head.map(Some).map_err(|e| wrong(format!("object {id} of {service}: {e}")))
    }

    /// What the server saw since the last call.
    pub fn seen(&mut self) -> Result<Seen, Failure> {
        Ok(Seen(self.observer.events()?))
    }
}

/// When a file was put in place.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Just before, unix ms: passes that begin later read it.
    pub at_ms: u64,
    /// Just after.
    pub at: Instant,
}

/// What the server saw.
#[derive(Debug)]
pub struct Seen(Vec<KeyEvent>);

impl Seen {
    /// The ids of the service's objects that `what` (`set`, `del`) happened to, once for each time.
    pub fn objects(&self, what: &str, service: &ServiceName) -> Vec<&str> {
        let prefix = format!("ralphext:v1:{service}:");
        let id = |event: &'_ KeyEvent| event.key.strip_prefix(&prefix).map(str::len);
        let events = self.0.iter().filter(|event| event.what == what);
        let ids = events.filter_map(|event| id(event).map(|len| &event.key[event.key.len() - len..]));
        ids.filter(|id| !id.starts_with('@')).collect()
    }
}

/// Something is not as the demo says.
pub fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Failed, message, "this is a fault of ralphext: the demo shows only what really happened")
}

/// An object's id.
pub fn object(text: &str) -> Result<ObjectId, Failure> {
    ObjectId::new(text).map_err(|e| wrong(format!("{text:?} is no object id: {e}")))
}

fn service(text: &str) -> Result<ServiceName, Failure> {
    ServiceName::new(text).map_err(|e| wrong(format!("{text:?} is no service name: {e}")))
}
