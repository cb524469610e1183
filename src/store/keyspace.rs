//! What happens to a service's keys, whoever did it, as the server tells it (keyspace events). It must not know what the
//! values mean, and never change the server's configuration.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use redis::{ConnectionLike, Value};
use tokio::sync::mpsc;

use super::{FailureClass, Keys, StoreError, Target};

/// Events that may wait to be taken; behind them the server waits, and cuts the connection when that is too long.
const QUEUE: usize = 4096;
/// How often the listener looks whether it should end.
const LOOK: Duration = Duration::from_millis(500);
/// Pause before it listens again after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Listening; what happened before is not known.
    Began,
    /// The key of this object is gone: deleted, expired, evicted or renamed.
    Gone(String),
    /// The value of this object was set or changed.
    Changed(String),
    /// Nobody tells anything for now, and why.
    Deaf(String),
}

/// A listener's end to take news from; dropping it ends the listener within a second.
#[derive(Debug)]
pub struct KeyspaceEvents {
    /// In the order in which things happened. Lossy: what happens while nobody listens is not told.
    pub news: mpsc::Receiver<News>,
    stop: Arc<AtomicBool>,
}

impl Drop for KeyspaceEvents {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl KeyspaceEvents {
    /// Listens on a thread of its own (`PSUBSCRIBE __keyspace@<db>__:ralphext:v1:<svc>:*`).
    ///
    /// The service's own heartbeat sets its lease every `beat`: when even that is not told for some time, the server
    /// does not send events, or the connection is dead.
    pub fn listen(target: Target, keys: Keys, beat: Duration) -> std::io::Result<Self> {
        let (tx, news) = mpsc::channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let listener = Listener { target, keys, tx, stop: stop.clone(), patience: beat * 4 + Duration::from_secs(2) };
        thread::Builder::new().name("redis-events".into()).spawn(move || listener.run())?;
        Ok(Self { news, stop })
    }
}

struct Listener {
    target: Target,
    keys: Keys,
    tx: mpsc::Sender<News>,
    stop: Arc<AtomicBool>,
    patience: Duration,
}

impl Listener {
    fn run(self) {
        while !self.is_over() {
            if let Err(e) = self.listen()
                && !self.is_over()
                && self.tx.blocking_send(News::Deaf(format!("{e}; hint: {}", e.hint()))).is_err()
            {
                return;
            }
            let until = Instant::now() + PAUSE;
            while Instant::now() < until && !self.is_over() {
                thread::sleep(LOOK);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.tx.is_closed()
    }

    /// Listens until something fails, or nobody takes the news any more.
    fn listen(&self) -> Result<(), StoreError> {
        let mut connection = self.target.open()?;
        let channels = channels(connection.get_db());
        let pattern = pattern(connection.get_db(), &self.keys);
        connection.say(&[b"PSUBSCRIBE", pattern.as_bytes()])?;
        let (mut told, mut heard) = (false, Instant::now());
        while !self.is_over() {
            let Some(message) = connection.message_within(LOOK).map_err(|e| self.target.failed(&e))? else {
                if heard.elapsed() < self.patience {
                    continue;
                }
                let cause = "it tells no keyspace events, not even of the service's own heartbeat";
                return Err(self
                    .target
                    .error(FailureClass::Settings, cause)
                    .hinting("the server needs notify-keyspace-events with K$gxe; its operator can set that"));
            };
            heard = Instant::now();
            let began = (!std::mem::replace(&mut told, true)).then_some(News::Began);
            let news = self.news(&channels, &message);
            for news in began.into_iter().chain(news) {
                if self.tx.blocking_send(news).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// What a message (`pmessage`, pattern, channel, event) says of an object's value; TTLs alone, and the service's
    /// internal keys, are of no interest.
    fn news(&self, channels: &str, message: &Value) -> Option<News> {
        let Value::Array(parts) = message else { return None };
        let [_, _, Value::BulkString(channel), Value::BulkString(event)] = parts.as_slice() else { return None };
        let id = self.keys.id_of(channel.strip_prefix(channels.as_bytes())?)?.to_owned();
        match event.as_slice() {
            b"del" | b"expired" | b"evicted" | b"rename_from" | b"move_from" => Some(News::Gone(id)),
            b"expire" | b"persist" | b"new" | b"keymiss" => None,
            _ => Some(News::Changed(id)),
        }
    }
}

/// What the channels of a database's keys begin with.
pub(super) fn channels(database: i64) -> String {
    format!("__keyspace@{database}__:")
}

/// The pattern of the channels of a service's keys. An access list has to hold it letter by letter.
pub(super) fn pattern(database: i64, keys: &Keys) -> String {
    format!("{}{}", channels(database), keys.pattern())
}
