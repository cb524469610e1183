//! etcd, by the JSON gateway of its v3 API: ranges and transactions, by whichever endpoint answers. It must not know what keys
//! hold, nor keep anything.
//!
//! The gateway speaks HTTP on the same port as gRPC, since etcd 3.4: one HTTP client more in the program would weigh more than
//! its JSON costs for a few documents.

mod error;
mod wire;

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use self::wire::{bytes, end_of};
pub use self::{
    error::{EtcdError, EtcdErrorKind},
    wire::{Kv, Range},
};
use crate::{
    settings::Secret,
    web::{
        self, Url,
        header::{AUTHORIZATION, HeaderMap, HeaderValue},
    },
};

/// How long one endpoint may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of one answer: etcd's own bound for a request is 1.5 MiB.
const MAX_ANSWER: u64 = 16 << 20;

/// Where etcd is, and who asks.
#[derive(Debug, Clone, Default)]
pub struct Servers {
    /// Addresses of the cluster's members, `http://` or `https://`; the first that answers is asked.
    pub endpoints: Vec<Url>,
    /// User, with a password.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Certificates of the authorities that are trusted, in place of the system's.
    pub ca: Option<PathBuf>,
    /// Certificate to show, with its key.
    pub cert: Option<PathBuf>,
    /// Private key of `cert`.
    pub key: Option<PathBuf>,
}

/// One step of a transaction.
#[derive(Debug, Clone)]
pub enum Step {
    /// Puts a value at a key.
    Put(String, String),
    /// Removes a key.
    Delete(String),
}

/// What asks.
#[derive(Debug)]
pub struct Client {
    servers: Servers,
    web: web::Client,
    /// The endpoint that answered last.
    at: AtomicUsize,
    /// What a login gave.
    token: Mutex<Option<HeaderValue>>,
}

impl Client {
    /// Reads the certificates; nothing is asked yet.
    ///
    /// # Errors
    /// [`EtcdErrorKind::Settings`].
    pub fn new(servers: Servers) -> Result<Self, EtcdError> {
        let access = web::Access {
            ca: servers.ca.clone(),
            cert: servers.cert.clone(),
            key: servers.key.clone(),
            connect_timeout: Duration::from_secs(2),
            timeout: PATIENCE,
            max_body: MAX_ANSWER,
            ..web::Access::default()
        };
        let web = web::Client::new(access).map_err(|e| EtcdError::web(&e))?;
        Ok(Self { servers, web, at: AtomicUsize::new(0), token: Mutex::new(None) })
    }

    /// Where it is, for people.
    pub fn address(&self) -> String {
        let shown: Vec<String> = self.servers.endpoints.iter().map(web::shown_url).collect();
        shown.join(",")
    }

    /// All keys that begin with `prefix`, in order, as they are now.
    ///
    /// # Errors
    /// When no endpoint answers, or one refuses.
    pub async fn below(&self, prefix: &str) -> Result<Range, EtcdError> {
        let answer = self.call("v3/kv/range", json!({"key": bytes(prefix), "range_end": end_of(prefix)})).await?;
        Range::parse(&answer)
    }

    /// Does all of `steps` if the key `key` was changed last at revision `seen`; 0: if there is none. Whether it did.
    ///
    /// # Errors
    /// When no endpoint answers, or one refuses. It may have been done all the same where the answer was lost.
    pub async fn change(&self, key: &str, seen: u64, steps: &[Step]) -> Result<bool, EtcdError> {
        let steps: Vec<Value> = steps
            .iter()
            .map(|step| match step {
                Step::Put(key, value) => json!({"request_put": {"key": bytes(key), "value": bytes(value)}}),
                Step::Delete(key) => json!({"request_delete_range": {"key": bytes(key)}}),
            })
            .collect();
        let compare =
            json!([{"key": bytes(key), "target": "MOD", "result": "EQUAL", "mod_revision": seen.to_string()}]);
        let answer = self.call("v3/kv/txn", json!({"compare": compare, "success": steps})).await?;
        Ok(answer["succeeded"].as_bool().unwrap_or(false))
    }

    /// Asks one endpoint after the other, beginning with the one that answered last.
    async fn call(&self, path: &str, body: Value) -> Result<Value, EtcdError> {
        let count = self.servers.endpoints.len();
        let first = self.at.load(Ordering::Relaxed);
        let mut failed = Vec::new();
        for at in (first..first + count).map(|at| at % count) {
            match self.ask(at, path, &body).await {
                Ok(answer) => {
                    self.at.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(e) if e.is_of_one() => failed.push(e),
                Err(e) => return Err(e),
            }
        }
        Err(EtcdError::all(failed))
    }

    /// Asks one endpoint, with a login where there is a user; a login that is over is made again, once.
    async fn ask(&self, at: usize, path: &str, body: &Value) -> Result<Value, EtcdError> {
        let answer = self.with_token(at, path, body).await;
        if !matches!(&answer, Err(e) if e.kind == EtcdErrorKind::LoginOver) {
            return answer;
        }
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.with_token(at, path, body).await
    }

    async fn with_token(&self, at: usize, path: &str, body: &Value) -> Result<Value, EtcdError> {
        let mut headers = HeaderMap::new();
        if self.servers.user.is_some() {
            headers.insert(AUTHORIZATION, self.login(at).await?);
        }
        self.post(at, path, body, &headers).await
    }

    async fn login(&self, at: usize) -> Result<HeaderValue, EtcdError> {
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = known {
            return Ok(token);
        }
        let password = self.servers.password.as_ref().map_or("", Secret::expose);
        let body = json!({"name": self.servers.user, "password": password});
        let answer = self.post(at, "v3/auth/authenticate", &body, &HeaderMap::new()).await?;
        let token = answer["token"].as_str().and_then(|token| HeaderValue::from_str(token).ok());
        let mut token =
            token.ok_or_else(|| EtcdError::strange(&self.servers.endpoints[at], "a login without a token"))?;
        token.set_sensitive(true);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    async fn post(&self, at: usize, path: &str, body: &Value, headers: &HeaderMap) -> Result<Value, EtcdError> {
        let endpoint = &self.servers.endpoints[at];
        let url = endpoint.join(path).map_err(|e| EtcdError::strange(endpoint, &e.to_string()))?;
        let answer = self.web.post(&url, body.to_string(), headers).await.map_err(|e| EtcdError::web(&e))?;
        let status = answer.status();
        let text = answer.whole(MAX_ANSWER).await.map_err(|e| EtcdError::web(&e))?;
        let told: Result<Value, _> = serde_json::from_slice(&text);
        match told {
            Ok(told) if status.is_success() && told.get("error").is_none() => Ok(told),
            Ok(told) => Err(EtcdError::told(endpoint, status, &told)),
            Err(_) => Err(EtcdError::strange(endpoint, &format!("an answer of status {status} that is no JSON"))),
        }
    }
}
