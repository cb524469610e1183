//! What can go wrong with Redis, by what a user can do about it. It must not know why a command was sent.

use std::{fmt, io};

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::internal::is_wrong_type;

/// Class of a failure: decides the hint and whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// Nothing answers at the address, or the connection broke.
    Unreachable,
    /// No answer within `redis.timeout`.
    TimedOut,
    /// User or password refused, or a password needed.
    Credentials,
    /// The user may not run a command or touch a key (`NOPERM`).
    Permission,
    /// The server is a read-only replica.
    ReadOnly,
    /// The sentinels name another server than the one in use.
    FailedOver,
    /// `maxmemory` reached and nothing may be evicted (`OOM`), or writes are stopped (`MISCONF`).
    Full,
    /// The server is loading its data set.
    Loading,
    /// Another writer took the lease over: the fence has a newer epoch.
    Fenced,
    /// Our fence is gone: data was flushed or rolled back.
    DataLost,
    /// Settings that cannot work: URL, certificates, password file.
    Settings,
    /// A key holds another type than ours (`WRONGTYPE`): somebody else wrote to it.
    WrongType,
    /// Anything else that the server answered.
    Server,
}

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::Credentials,
        Self::Permission,
        Self::ReadOnly,
        Self::FailedOver,
        Self::Full,
        Self::Loading,
        Self::Fenced,
        Self::DataLost,
        Self::Settings,
        Self::WrongType,
        Self::Server,
    ];

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Credentials => "credentials",
            Self::Permission => "permission",
            Self::ReadOnly => "read_only",
            Self::FailedOver => "failed_over",
            Self::Full => "full",
            Self::Loading => "loading",
            Self::Fenced => "fenced",
            Self::DataLost => "data_lost",
            Self::Settings => "settings",
            Self::WrongType => "wrong_type",
            Self::Server => "server",
        }
    }
}

/// A failed use of Redis.
#[derive(Debug, Clone)]
pub struct StoreError {
    /// By what can be done about it.
    pub class: FailureClass,
    address: String,
    cause: String,
    hint: Option<&'static str>,
    layer: Option<&'static str>,
}

impl StoreError {
    /// An error at `address` (never a URL with a password in it).
    pub fn new(class: FailureClass, address: &str, cause: impl Into<String>) -> Self {
        Self { class, address: address.to_owned(), cause: cause.into(), hint: None, layer: None }
    }

    /// The same with a hint of its own in place of its class's.
    pub(super) fn hinting(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// The same, of this part of the way: see [`StoreError::layer`].
    pub(super) fn in_layer(self, layer: &'static str) -> Self {
        Self { layer: Some(layer), ..self }
    }

    /// The same at another address.
    pub(super) fn at(self, address: String) -> Self {
        Self { address, ..self }
    }

    /// The address.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Sorts what the system reports of connecting.
    pub(super) fn from_io(address: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                let told = error.get_ref().map(ToString::to_string);
                Self::new(FailureClass::TimedOut, address, told.unwrap_or_else(|| "no answer in time".to_owned()))
            }
            io::ErrorKind::UnexpectedEof => Self::new(FailureClass::Unreachable, address, HUNG_UP),
            _ => Self::new(FailureClass::Unreachable, address, error.to_string()),
        }
    }

    /// Sorts what the client library reports.
    pub(super) fn from_redis(address: &str, error: &RedisError) -> Self {
        let class = classify(error);
        let cause = match class {
            FailureClass::TimedOut => "no answer in time".to_owned(),
            FailureClass::Unreachable if is_end(error) => HUNG_UP.to_owned(),
            FailureClass::Server if error.kind() == ErrorKind::Parse => {
                "what it answers is not Redis' protocol".to_owned()
            }
            _ => error.to_string(),
        };
        Self::new(class, address, cause)
    }

    /// As [`StoreError::from_redis`], for a command on `key` that works on `ours` only (`a string`).
    pub(super) fn on_key(address: &str, error: &RedisError, key: &str, ours: &str) -> Self {
        if is_wrong_type(error) {
            return Self::new(FailureClass::WrongType, address, format!("{key} does not hold {ours}"));
        }
        Self::from_redis(address, error)
    }

    /// Whether the same call can succeed later without anybody changing the configuration.
    pub fn is_transient(&self) -> bool {
        !matches!(self.class, FailureClass::Credentials | FailureClass::Permission | FailureClass::Settings)
    }

    /// What a user can do, without a full stop at its end.
    pub fn hint(&self) -> &'static str {
        self.hint.unwrap_or_else(|| self.class.hint())
    }

    /// The part of the way to Redis that it is about, lowest first: `dns`, `connection`, `tls`, `sentinels`, `login`, `rights`,
    /// `server`; `settings` where it is none of them.
    pub fn layer(&self) -> &'static str {
        self.layer.unwrap_or(match self.class {
            FailureClass::Unreachable | FailureClass::TimedOut => "connection",
            FailureClass::Credentials => "login",
            FailureClass::Permission => "rights",
            FailureClass::Settings => "settings",
            _ => "server",
        })
    }

    /// Whether it has a hint of its own.
    pub(super) fn has_own_hint(&self) -> bool {
        self.hint.is_some()
    }

    /// The cause without address and hint, in one line.
    pub fn cause(&self) -> &str {
        &self.cause
    }
}

impl FailureClass {
    fn hint(self) -> &'static str {
        match self {
            Self::Unreachable => "is the server running, and does redis.url name its host, port or socket",
            Self::TimedOut => {
                "the server is overloaded, stopped or cut off; redis.connect_timeout and redis.timeout bound the wait"
            }
            Self::Credentials => {
                "set redis.username and redis.password (or redis.password_file); was the password rotated"
            }
            Self::Permission => {
                "`ralphext acl` prints the user's rights; `ralphext check --connect` names what it lacks"
            }
            Self::ReadOnly => "redis.url names a replica; name the primary",
            Self::FailedOver => "the next connection goes to the new master",
            Self::Full => "raise maxmemory, or let the server evict (maxmemory-policy), or fix its persistence",
            Self::Loading => "the server is still loading its data; try again in a moment",
            Self::Fenced => "another ralphext took the lease over; this one stands by",
            Self::DataLost => "data in Redis was flushed or rolled back; the next pass writes it again",
            Self::Settings => "see `ralphext check`",
            Self::WrongType => {
                "something else wrote to this key: remove it (DEL), and the next heartbeat or pass brings ours back"
            }
            Self::Server => "see the server's log",
        }
    }
}

/// What an end in the middle is called.
const HUNG_UP: &str = "the server closed the connection";

/// Whether the stream ended where an answer was expected.
fn is_end(error: &RedisError) -> bool {
    let text = error.to_string();
    text.contains("end of file") || text.contains("close_notify")
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}: {}", self.address, self.cause)
    }
}

impl std::error::Error for StoreError {}

fn classify(error: &RedisError) -> FailureClass {
    if error.is_timeout() {
        return FailureClass::TimedOut;
    }
    match (error.kind(), error.code().unwrap_or_default()) {
        (_, "OOM" | "MISCONF") => FailureClass::Full,
        (_, "WRONGTYPE") => FailureClass::WrongType,
        (_, "NOAUTH" | "WRONGPASS") | (ErrorKind::AuthenticationFailed, _) => FailureClass::Credentials,
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => FailureClass::Permission,
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => FailureClass::ReadOnly,
        (ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown), _) => FailureClass::Loading,
        (ErrorKind::Server(_) | ErrorKind::Extension, _) => {
            let text = error.detail().unwrap_or_default();
            if text.contains("NOPERM") {
                // EXEC was refused, or a command before it, and the transaction with it.
                FailureClass::Permission
            } else if text.contains("invalid password")
                || text.contains("without any password")
                || text.contains("no password is set")
            {
                FailureClass::Credentials
            } else {
                FailureClass::Server
            }
        }
        // It answered, and with something else than what the command answers.
        (ErrorKind::Parse | ErrorKind::UnexpectedReturnType, _) => FailureClass::Server,
        (ErrorKind::InvalidClientConfig, _) => FailureClass::Settings,
        _ => FailureClass::Unreachable,
    }
}
