//! What readers miss and what they ask for, as the servers tell it: key-miss events of every server that is read from, and the
//! service's requests. It must not know what becomes of it, and never change a server's configuration.

mod ear;
mod list;
mod survey;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

pub use self::survey::{Ears, survey};
use super::{Keys, StoreError, Target, dial::Place};
use crate::settings::Fill;

/// Wishes that may wait to be taken; what comes faster is counted as lost.
const QUEUE: usize = 4096;
/// How often a listener looks whether it should end.
const LOOK: Duration = Duration::from_millis(250);
/// Pauses before a server is listened to again: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Somebody read the key of this object, and it was not there.
    Missed(String),
    /// Somebody wants this object to be computed.
    Requested(String),
    /// This server is heard.
    Hears(String),
    /// This server is not heard for now, and why.
    Deaf(String, String),
    /// This server is no replica any more.
    Left(String),
}

/// The taking end; dropping it ends all listeners within a second.
pub struct Wishes {
    /// In the order in which they came from each server. Lossy: what is missed while nobody listens is not told.
    pub news: mpsc::Receiver<Wish>,
    shared: Arc<Shared>,
}

impl Drop for Wishes {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

impl Wishes {
    /// Listens, each server on a thread of its own with two connections, and the list of requests with one more.
    pub fn listen(target: Target, keys: Keys, settings: &Fill) -> std::io::Result<Self> {
        let (tx, news) = mpsc::channel(QUEUE);
        let (settings, over, lost) = (settings.clone(), AtomicBool::new(false), AtomicU64::new(0));
        let shared = Arc::new(Shared { target, keys, settings, tx, over, lost });
        ear::start(&shared, None, Arc::default())?;
        if shared.settings.misses {
            for (host, port) in shared.settings.listen.iter().filter_map(|text| Fill::server(text)) {
                ear::start(&shared, Some(Place::Tcp(host, port)), Arc::default())?;
            }
        }
        if shared.settings.requests {
            let shared = shared.clone();
            thread::Builder::new().name("redis-requests".into()).spawn(move || list::run(&shared))?;
        }
        Ok(Self { news, shared })
    }

    /// How many wishes were lost since the last call, as they came faster than they were taken.
    pub fn lost(&self) -> u64 {
        self.shared.lost.swap(0, Ordering::Relaxed)
    }
}

/// What all listeners have in common.
struct Shared {
    target: Target,
    keys: Keys,
    settings: Fill,
    tx: mpsc::Sender<Wish>,
    over: AtomicBool,
    lost: AtomicU64,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.tx.is_closed()
    }

    /// A wish that may be lost: nobody who reads is held up by it.
    fn wish(&self, wish: Wish) {
        if self.tx.try_send(wish).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// News that must not be lost.
    fn tell(&self, news: Wish) {
        let _ = self.tx.blocking_send(news);
    }

    /// Listens by `listen` again and again, until `is_over`; what keeps it from that is told. `listen` says whether it heard anything.
    fn again(
        &self,
        server: &str,
        is_over: impl Fn() -> bool,
        mut listen: impl FnMut(&mut bool) -> Result<(), StoreError>,
    ) {
        let mut pause = PAUSE.0;
        while !is_over() {
            let mut heard = false;
            let Err(e) = listen(&mut heard) else { continue };
            if is_over() {
                return;
            }
            self.tell(Wish::Deaf(server.to_owned(), format!("{e}; hint: {}", e.hint())));
            pause = if heard { PAUSE.0 } else { (pause * 2).min(PAUSE.1) };
            let until = Instant::now() + pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            while Instant::now() < until && !is_over() {
                thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }
}
