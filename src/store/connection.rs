//! One connection: a greeting, then commands and answers, each with a time limit. It never reconnects by itself, and must
//! not know which server is the right one.

use std::{
    io::{ErrorKind, Write},
    time::{Duration, Instant},
};

use redis::{ConnectionLike, Parser, RedisError, RedisResult, Value};

use super::{
    FailureClass, StoreError,
    batch::command,
    dial::{Place, dial},
    stream::Stream,
    tls::{self, Tls},
};

/// The first byte of a TLS alert, where an answer in Redis' protocol was expected.
const TLS_ALERT: u8 = 0x15;

/// Who connects, and to which database.
#[derive(Clone, Default)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: i64,
}

/// What the greeting ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Nothing: the next command will be answered soon enough.
    Nothing,
    /// Whether the server answers at all (`PING`).
    Ping,
    /// Whether it is the master (`ROLE`); anything else is an error.
    Master,
}

/// An open connection.
pub(super) struct Connection {
    stream: Stream,
    parser: Parser,
    /// How long one answer may take.
    limit: Duration,
    /// When everything has to be over, in place of `limit`: for the greeting.
    end: Option<Instant>,
    db: i64,
    place: Place,
    is_open: bool,
    /// Whether the server has yet to answer for the first time.
    is_new: bool,
}

impl Connection {
    /// Connects and greets by `deadline`; from then on each answer may take `limit`.
    pub(super) fn open(
        place: &Place,
        tls: Option<&Tls>,
        login: &Login,
        ask: Ask,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Self, StoreError> {
        let stream = dial(place, tls, deadline)?;
        let (parser, end, place) = (Parser::new(), Some(deadline), place.clone());
        let mut connection = Self { stream, parser, limit, end, db: login.db, place, is_open: true, is_new: true };
        connection.greet(login, ask)?;
        connection.end = None;
        Ok(connection)
    }

    /// From now on everything has to be over by `deadline`.
    pub(super) fn until(&mut self, deadline: Instant) {
        self.end = Some(deadline);
    }

    /// Sends encoded commands; their answers are to be received one by one.
    pub(super) fn send_packed_command(&mut self, bytes: &[u8]) -> RedisResult<()> {
        self.begin();
        self.stream.write_all(bytes).map_err(|e| {
            self.is_open = false;
            RedisError::from(e)
        })
    }

    /// The next answer; an error of the server is a value here ([`Value::ServerError`]).
    pub(super) fn recv_response(&mut self) -> RedisResult<Value> {
        self.begin();
        let answer = self.parser.parse_value(&mut self.stream);
        if answer.is_err() {
            self.is_open = false;
        }
        answer
    }

    /// The next message of a subscription; none where none has come within `time`. What had come of one by then is kept
    /// for the next call.
    pub(super) fn message_within(&mut self, time: Duration) -> RedisResult<Option<Value>> {
        self.stream.until(Instant::now() + time);
        match self.parser.parse_value(&mut self.stream) {
            Err(e) if e.is_timeout() => Ok(None),
            message => message.map(Some),
        }
    }

    /// `AUTH`, `SELECT` and what is asked for.
    fn greet(&mut self, login: &Login, ask: Ask) -> Result<(), StoreError> {
        if login.password.is_some() || login.username.is_some() {
            self.authenticate(login)?;
        }
        if login.db != 0 {
            self.say(&[b"SELECT", login.db.to_string().as_bytes()])?;
        }
        match ask {
            Ask::Nothing => Ok(()),
            Ask::Ping => match self.say(&[b"PING"]) {
                // Whoever may not do that was told so by a server that is there; one that refuses writes for now
                // (MISCONF) refuses this too, and can be read all the same.
                Err(e) if matches!(e.class, FailureClass::Permission | FailureClass::Full) => Ok(()),
                answer => answer.map(drop),
            },
            Ask::Master => {
                let role = self.say(&[b"ROLE"])?;
                self.is_master(&role)
            }
        }
    }

    fn authenticate(&mut self, login: &Login) -> Result<(), StoreError> {
        // A user without a password takes any.
        let password = login.password.as_deref().unwrap_or_default().as_bytes();
        let Some(user) = &login.username else { return self.say(&[b"AUTH", password]).map(drop) };
        match self.say(&[b"AUTH", user.as_bytes(), password]) {
            // Redis before version 6 knows no users.
            Err(e) if e.cause().contains("wrong number of arguments") => self.say(&[b"AUTH", password]).map(drop),
            answer => answer.map(drop),
        }
    }

    /// One command and its answer, with whatever is wrong in words.
    pub(super) fn say(&mut self, words: &[&[u8]]) -> Result<Value, StoreError> {
        let mut bytes = Vec::new();
        command(&mut bytes, words);
        let sent = self.send_packed_command(&bytes);
        let answer = self.hear();
        // Where it hung up on us, what it said before that tells why.
        match (sent, answer) {
            (Err(e), Err(told)) if told.class == FailureClass::Unreachable && !told.has_own_hint() => {
                Err(self.explain(&e))
            }
            (_, answer) => answer,
        }
    }

    fn hear(&mut self) -> Result<Value, StoreError> {
        let address = self.place.to_string();
        match self.stream.peek() {
            Ok(Some(TLS_ALERT)) => {
                return Err(StoreError::new(FailureClass::Settings, &address, "it speaks TLS")
                    .hinting("write rediss:// in redis.url")
                    .in_layer("tls"));
            }
            Err(e) if self.is_new && matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                return Err(StoreError::new(FailureClass::Unreachable, &address, "it closed the connection at once")
                    .hinting("is it a TLS port? Then write rediss:// in redis.url; else see the server's log")
                    .in_layer("tls"));
            }
            // Whatever else is wrong shows when it is read.
            _ => {}
        }
        match self.recv_response() {
            Ok(Value::ServerError(e)) => Err(StoreError::from_redis(&address, &RedisError::from(e))),
            Ok(value) => {
                self.is_new = false;
                Ok(value)
            }
            Err(e) => Err(self.explain(&e)),
        }
    }

    fn explain(&self, error: &RedisError) -> StoreError {
        let address = self.place.to_string();
        match &self.stream.fault {
            Some(fault) => tls::explain(&address, fault),
            None => StoreError::from_redis(&address, error),
        }
    }

    fn is_master(&self, role: &Value) -> Result<(), StoreError> {
        let name = match role {
            Value::Array(parts) => parts.first().and_then(text),
            _ => None,
        };
        let address = self.place.to_string();
        match name.as_deref() {
            Some("master") => Ok(()),
            Some("slave") => Err(StoreError::new(FailureClass::ReadOnly, &address, "it is a replica")),
            other => {
                let cause = format!("it is no master but {}", other.unwrap_or("something that has no ROLE"));
                Err(StoreError::new(FailureClass::Settings, &address, cause))
            }
        }
    }

    /// Begins to count the time of one call.
    fn begin(&mut self) {
        match self.end {
            Some(end) => self.stream.until(end),
            None => self.stream.within(self.limit),
        }
    }
}

/// The text of a string in an answer.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command(&mut self, bytes: &[u8]) -> RedisResult<Value> {
        self.send_packed_command(bytes)?;
        self.recv_response()
    }

    fn req_packed_commands(&mut self, bytes: &[u8], offset: usize, count: usize) -> RedisResult<Vec<Value>> {
        self.send_packed_command(bytes)?;
        let mut answers = Vec::with_capacity(count);
        for at in 0..offset + count {
            let answer = self.recv_response()?;
            if at >= offset {
                answers.push(answer);
            }
        }
        Ok(answers)
    }

    fn get_db(&self) -> i64 {
        self.db
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").query::<Value>(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.is_open
    }
}
