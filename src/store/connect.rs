//! From settings to an open connection with time limits on every call. It must not send a command of the contract.

use std::{fs, sync::Once};

use redis::{Client, Connection, ConnectionInfo, IntoConnectionInfo};

use super::{FailureClass, StoreError};
use crate::settings;

/// A Redis to connect to. Cheap to clone.
#[derive(Clone)]
pub struct Target {
    settings: settings::Redis,
    address: String,
}

impl Target {
    /// Reads the address out of `settings`; nothing is sent.
    pub fn new(settings: &settings::Redis) -> Result<Self, StoreError> {
        let info = parse(settings)?;
        Ok(Self { settings: settings.clone(), address: info.addr().to_string() })
    }

    /// Host and port or socket path, without user and password: for messages.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The settings it was made of.
    pub fn settings(&self) -> &settings::Redis {
        &self.settings
    }

    /// Opens a connection. It never reconnects by itself, and each of its reads and writes ends within
    /// `redis.timeout`. The password file is read anew each time, so a rotated password is taken up.
    pub(super) fn open(&self) -> Result<Connection, StoreError> {
        install_tls_provider();
        let failed = |e: &redis::RedisError| StoreError::from_redis(&self.address, e);
        let info = self.credentials(parse(&self.settings)?)?;
        let client = Client::open(info).map_err(|e| failed(&e))?;
        let connection = client.get_connection_with_timeout(self.settings.connect_timeout.0).map_err(|e| failed(&e))?;
        let limit = Some(self.settings.timeout.0);
        connection.set_read_timeout(limit).map_err(|e| failed(&e))?;
        connection.set_write_timeout(limit).map_err(|e| failed(&e))?;
        Ok(connection)
    }

    /// `error` with this target's address.
    pub(super) fn failed(&self, error: &redis::RedisError) -> StoreError {
        StoreError::from_redis(&self.address, error)
    }

    /// An error of `class` at this target's address.
    pub(super) fn error(&self, class: FailureClass, cause: impl Into<String>) -> StoreError {
        StoreError::new(class, &self.address, cause)
    }

    fn credentials(&self, info: ConnectionInfo) -> Result<ConnectionInfo, StoreError> {
        let mut redis = info.redis_settings().clone();
        if let Some(user) = &self.settings.username {
            redis = redis.set_username(user);
        }
        if let Some(password) = &self.settings.password {
            redis = redis.set_password(password.expose());
        }
        if let Some(path) = &self.settings.password_file {
            let text = fs::read_to_string(path).map_err(|e| {
                self.error(FailureClass::Settings, format!("cannot read redis.password_file {}: {e}", path.display()))
            })?;
            redis = redis.set_password(text.trim_end_matches(['\r', '\n']));
        }
        Ok(info.set_redis_settings(redis))
    }
}

fn parse(settings: &settings::Redis) -> Result<ConnectionInfo, StoreError> {
    settings.url.expose().into_connection_info().map_err(|e| {
        StoreError::new(FailureClass::Settings, "redis.url", format!("{:?} is no Redis URL: {e}", settings.url))
    })
}

fn install_tls_provider() {
    static ONCE: Once = Once::new();
    // An error means that a provider is installed already, which is all that is wanted.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}
