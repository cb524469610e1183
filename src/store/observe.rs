//! A server as it sees itself: which keys were touched, whoever did it. For a server that nobody else uses (the demo's);
//! it must not be pointed at a shared one.

use redis::{RedisResult, Value, cmd};

use super::{FailureClass, StoreError, Target, connection::Connection};

/// What ends the events so far, see [`Observer::events`].
const MARK: &str = "mark";

/// One keyspace event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    /// Redis' word for what happened: `set`, `del`, `expire`, ...
    pub what: String,
    /// The key; what is not UTF-8 in it is replaced.
    pub key: String,
}

/// Listens to all keyspace events of a server that has `notify-keyspace-events KEA`. Its calls block.
pub struct Observer {
    target: Target,
    connection: Connection,
}

impl Observer {
    /// Begins to listen (`PSUBSCRIBE __keyevent@*`): what happens from now on is seen.
    pub fn open(target: Target) -> Result<Self, StoreError> {
        let mut connection = target.open()?;
        let subscribe = cmd("PSUBSCRIBE").arg("__keyevent@*").get_packed_command();
        connection
            .send_packed_command(&subscribe)
            .and_then(|()| connection.recv_response())
            .map_err(|e| target.failed(&e))?;
        Ok(Self { target, connection })
    }

    /// The events since the last call, in the order in which they happened.
    ///
    /// A `PING` marks the end: the server answers in order, so nothing that happened before the call is missing.
    pub fn events(&mut self) -> Result<Vec<KeyEvent>, StoreError> {
        let ping = cmd("PING").arg(MARK).get_packed_command();
        self.connection.send_packed_command(&ping).map_err(|e| self.target.failed(&e))?;
        let mut events = Vec::new();
        loop {
            let answer = self.connection.recv_response().map_err(|e| self.target.failed(&e))?;
            match words(answer).as_deref() {
                Some([kind, _, channel, key]) if kind == "pmessage" => {
                    let what = channel.rsplit_once("__:").map_or(channel.as_str(), |(_, what)| what);
                    events.push(KeyEvent { what: what.to_owned(), key: key.clone() });
                }
                Some([.., mark]) if mark == MARK => return Ok(events),
                _ => {
                    return Err(self
                        .target
                        .error(FailureClass::Server, "it answered a subscriber with something else"));
                }
            }
        }
    }
}

/// Removes everything in the server (`FLUSHALL`).
pub fn flush_all(target: &Target) -> Result<(), StoreError> {
    let flush = |connection: &mut Connection| -> RedisResult<()> { cmd("FLUSHALL").query(connection) };
    flush(&mut target.open()?).map_err(|e| target.failed(&e))
}

/// The texts of an answer that consists of texts.
fn words(answer: Value) -> Option<Vec<String>> {
    redis::from_redis_value::<Vec<Vec<u8>>>(answer)
        .ok()
        .map(|words| words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}
