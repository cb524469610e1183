//! What page and API show: of services that this process runs, from their engines where it is the writer; else from Redis. It
//! must not know HTTP.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use crate::{
    browse::{Browser, Head, Looked},
    model::{ObjectId, ServiceName, UnixMs},
    pipeline::{Decision, Filter, Inquiries, KnownObject, ObjectRow, ObjectState, Refreshed, Role, State},
    registry::{Descriptor, Stamp},
    store::StoreError,
};

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a search may take; what is left is for the next request.
const SEARCH: Duration = Duration::from_millis(100);
/// Places looked at in one search: a bound that does not depend on the machine.
const PLACES: u32 = 400_000;
/// How long a refresh may take.
const REFRESH: Duration = Duration::from_secs(60);

/// A service that this process runs.
pub struct Served {
    /// What this process is to it.
    pub state: watch::Receiver<State>,
    /// Its engine.
    pub inquiries: Inquiries,
    /// Its Redis.
    pub browser: Arc<Browser>,
}

/// What can be looked at.
pub enum View {
    /// The services that this process runs.
    Own(BTreeMap<String, Served>),
    /// Every service of a Redis.
    All(Arc<Browser>),
}

/// A service, as it is known.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What this process is to it; none where it does not run it.
    pub here: Option<State>,
    /// Its descriptor; none where there is none, or Redis does not answer.
    pub descriptor: Option<Descriptor>,
}

/// A part of a list of objects.
#[derive(Debug, Default)]
pub struct Part {
    /// The objects.
    pub rows: Vec<Row>,
    /// Where the next part begins; none at the end.
    pub next: Option<u64>,
}

/// An object in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// How it is doing.
    pub state: ObjectState,
    /// Version of its value; none where there is none.
    pub version: Option<u64>,
    /// When its content last changed; from the engine, when its value was last written.
    pub changed_at: Option<UnixMs>,
    /// Bytes of its value, about.
    pub bytes: u64,
    /// Ms until it expires; none without TTL.
    pub ttl_left_ms: Option<u64>,
}

/// One object, with what Redis and the engine know of it.
#[derive(Debug)]
pub struct Object {
    /// From Redis.
    pub looked: Looked,
    /// From the engine; none where this process is not the writer.
    pub known: Option<KnownObject>,
}

/// Why something cannot be told.
#[derive(Debug)]
pub enum Untold {
    /// There is no such service here.
    NoService(String),
    /// Redis failed.
    Store(StoreError),
    /// The engine is busy, or ending.
    Busy,
    /// This process does not write the service.
    NoWriter,
}

impl From<StoreError> for Untold {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl View {
    /// Where a service's keys stand.
    fn browser(&self, service: &ServiceName) -> Result<Arc<Browser>, Untold> {
        match self {
            Self::All(browser) => Ok(browser.clone()),
            Self::Own(all) => all
                .get(service.as_str())
                .map(|served| served.browser.clone())
                .ok_or_else(|| Untold::NoService(service.to_string())),
        }
    }

    /// The engine of a service that this process writes now.
    pub fn writer(&self, service: &ServiceName) -> Option<&Inquiries> {
        let Self::Own(all) = self else { return None };
        let served = all.get(service.as_str())?;
        matches!(served.state.borrow().role, Role::Writer { .. }).then_some(&served.inquiries)
    }

    /// The service that is meant where none is named: the only one there is.
    pub fn only(&self) -> Option<&str> {
        match self {
            Self::Own(all) if all.len() == 1 => all.keys().next().map(String::as_str),
            _ => None,
        }
    }

    /// What a service's keys begin with.
    pub fn prefix(&self, service: &str) -> &str {
        match self {
            Self::All(browser) => browser.prefix(),
            Self::Own(all) => all.get(service).map_or("", |served| served.browser.prefix()),
        }
    }

    /// All services, and what goes wrong with Redis.
    pub async fn services(&self) -> (Vec<Service>, Option<StoreError>) {
        match self {
            Self::All(browser) => {
                let browser = browser.clone();
                match blocking(move || browser.services()).await {
                    Ok(listed) => {
                        let told = |one: crate::browse::Listed| Service {
                            name: one.name,
                            here: None,
                            descriptor: one.descriptor,
                        };
                        (listed.into_iter().map(told).collect(), None)
                    }
                    Err(e) => (Vec::new(), Some(e)),
                }
            }
            Self::Own(all) => {
                let (mut services, mut failed) = (Vec::new(), None);
                for (name, served) in all {
                    let here = Some(served.state.borrow().clone());
                    let descriptor = match self.descriptor(name).await {
                        Ok(descriptor) => descriptor,
                        Err(Untold::Store(e)) => {
                            failed = Some(e);
                            None
                        }
                        Err(_) => None,
                    };
                    services.push(Service { name: name.clone(), here, descriptor });
                }
                (services, failed)
            }
        }
    }

    /// One service; none where there is none.
    pub async fn service(&self, name: &ServiceName) -> Result<Option<Service>, Untold> {
        let here = match self {
            Self::All(_) => None,
            Self::Own(all) => match all.get(name.as_str()) {
                Some(served) => Some(served.state.borrow().clone()),
                None => return Ok(None),
            },
        };
        let descriptor = match self.descriptor(name.as_str()).await {
            // What this process knows is told without Redis, too.
            Err(Untold::Store(_)) if here.is_some() => None,
            descriptor => descriptor?,
        };
        let is_there = here.is_some() || descriptor.is_some();
        Ok(is_there.then(|| Service { name: name.to_string(), here, descriptor }))
    }

    async fn descriptor(&self, name: &str) -> Result<Option<Descriptor>, Untold> {
        let service = ServiceName::new(name).map_err(|_| Untold::NoService(name.to_owned()))?;
        let browser = self.browser(&service)?;
        Ok(blocking(move || browser.descriptor(&service)).await?)
    }

    /// Objects from `cursor` on, at most about `limit`, and no longer than a moment: whoever wants more asks again.
    pub async fn objects(
        &self,
        service: &ServiceName,
        cursor: u64,
        limit: usize,
        filter: Filter,
    ) -> Result<Part, Untold> {
        match self.writer(service) {
            Some(inquiries) => in_engine(inquiries, cursor, limit, filter).await,
            None => self.in_redis(service, cursor, limit, filter).await,
        }
    }

    async fn in_redis(&self, service: &ServiceName, cursor: u64, limit: usize, filter: Filter) -> Result<Part, Untold> {
        let browser = self.browser(service)?;
        let failed = match filter.state {
            None | Some(ObjectState::Failed) => self.failed(service).await?,
            Some(_) => Vec::new(),
        };
        let name = service.clone();
        let part = blocking(move || {
            let text = filter.text.clone();
            let state = |head: &Head| state(head, &failed);
            let part = browser.objects(&name, (cursor, limit), &text, |head| {
                head.value.map_or(0, |(_, changed_at)| changed_at) >= filter.since
                    && filter.state.is_none_or(|wanted| wanted == state(head))
            })?;
            let rows = part.heads.iter().map(|head| row(head, state(head))).collect();
            Ok(Part { rows, next: part.next })
        });
        Ok(part.await?)
    }

    /// Objects that the last pass of a service refused, as far as its descriptor names them.
    async fn failed(&self, service: &ServiceName) -> Result<Vec<String>, Untold> {
        let descriptor = self.descriptor(service.as_str()).await?;
        let failed = descriptor.into_iter().flat_map(|d| d.failed_objects);
        Ok(failed.filter_map(|f| f.object_id).collect())
    }

    /// One object.
    pub async fn object(&self, service: &ServiceName, id: &ObjectId) -> Result<Object, Untold> {
        let known = match self.writer(service) {
            Some(inquiries) => timeout(PATIENCE, inquiries.one(id.clone())).await.ok().flatten(),
            None => None,
        };
        let (browser, name, wanted) = (self.browser(service)?, service.clone(), id.clone());
        let looked = blocking(move || browser.object(&name, &wanted)).await?;
        Ok(Object { looked, known })
    }

    /// The last decisions about a service's objects, newest first; none are known where this process is not the writer.
    pub async fn recent(&self, service: &ServiceName, limit: usize) -> Vec<(String, Decision)> {
        let Some(inquiries) = self.writer(service) else { return Vec::new() };
        timeout(PATIENCE, inquiries.recent(limit)).await.ok().flatten().unwrap_or_default()
    }

    /// Fetches an object anew.
    pub async fn refresh(&self, service: &ServiceName, id: &ObjectId) -> Result<Refreshed, Untold> {
        self.browser(service)?;
        let inquiries = self.writer(service).ok_or(Untold::NoWriter)?;
        timeout(REFRESH, inquiries.refresh(id.clone())).await.ok().flatten().ok_or(Untold::Busy)
    }
}

/// Slice after slice, until there are enough, or it has taken long enough.
async fn in_engine(inquiries: &Inquiries, cursor: u64, limit: usize, filter: Filter) -> Result<Part, Untold> {
    let begun = std::time::Instant::now();
    let first = u32::try_from(cursor).unwrap_or(u32::MAX);
    let mut part = Part::default();
    let mut from = first;
    if cursor == 0
        && let Ok(id) = ObjectId::new(filter.text.clone())
        && filter.state.is_none()
    {
        // Who knows the whole id need not wait for the walk.
        let known = timeout(PATIENCE, inquiries.one(id)).await.ok().flatten().ok_or(Untold::Busy)?;
        let row = known.row.filter(|row| row.version >= filter.since);
        part.rows.extend(row.map(from_ledger));
    }
    loop {
        let left = limit.saturating_sub(part.rows.len()).max(1);
        let slice = timeout(PATIENCE, inquiries.list(from, left, filter.clone())).await.ok().flatten();
        let slice = slice.ok_or(Untold::Busy)?;
        part.rows.extend(slice.rows.into_iter().filter(|row| row.id != filter.text).map(from_ledger));
        match slice.next {
            Some(next) if part.rows.len() < limit && begun.elapsed() < SEARCH && next - first < PLACES => from = next,
            next => {
                part.next = next.map(u64::from);
                return Ok(part);
            }
        }
    }
}

fn from_ledger(row: ObjectRow) -> Row {
    let version = Some(row.version).filter(|version| *version > 0);
    // A version is the moment of its writing, or a little more.
    let changed_at = version.map(|version| version.min(Stamp::now().0));
    Row { id: row.id, state: row.state, version, changed_at, bytes: row.bytes, ttl_left_ms: Some(row.ttl_left_ms) }
}

fn state(head: &Head, failed: &[String]) -> ObjectState {
    match head.value {
        None => ObjectState::Broken,
        Some(_) if failed.contains(&head.id) => ObjectState::Failed,
        Some(_) => ObjectState::Current,
    }
}

fn row(head: &Head, state: ObjectState) -> Row {
    let (version, changed_at) = head.value.unzip();
    Row { id: head.id.clone(), state, version, changed_at, bytes: head.bytes, ttl_left_ms: head.ttl_left_ms }
}

/// Runs what waits for Redis off the async threads.
async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(f).await.unwrap_or_else(|e| {
        Err(StoreError::new(crate::store::FailureClass::Server, "Redis", format!("the look into it ended: {e}")))
    })
}
