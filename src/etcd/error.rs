//! Why etcd did not give what was asked for, in words. It must not know what it was for.

use std::fmt;

use serde_json::Value;

use crate::web::{StatusCode, Url, WebError, WebErrorKind, shown_url};

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EtcdErrorKind {
    /// Addresses or certificates that cannot work.
    Settings,
    /// Nobody answers, or who answers has no leader.
    Unreachable,
    /// A wrong user or password, no rights to the keys.
    Refused,
    /// The login is not known any more.
    LoginOver,
    /// A value that is none of ours.
    Value,
    /// Anything else that a server says.
    Server,
}

/// See the module. Displays as `<what>\nhint: <what to do>`.
#[derive(Debug, Clone)]
pub struct EtcdError {
    /// The kind.
    pub kind: EtcdErrorKind,
    /// What happened, in one line.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
}

impl fmt::Display for EtcdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.problem, self.hint)
    }
}

impl std::error::Error for EtcdError {}

/// Codes of gRPC that the gateway tells (<https://grpc.io/docs/guides/status-codes>).
mod code {
    pub(super) const INVALID_ARGUMENT: u64 = 3;
    pub(super) const PERMISSION_DENIED: u64 = 7;
    pub(super) const FAILED_PRECONDITION: u64 = 9;
    pub(super) const UNAVAILABLE: u64 = 14;
    pub(super) const UNAUTHENTICATED: u64 = 16;
}

impl EtcdError {
    fn new(kind: EtcdErrorKind, problem: String, hint: &'static str) -> Self {
        Self { kind, problem, hint }
    }

    /// Whether another endpoint may do better.
    pub(super) fn is_of_one(&self) -> bool {
        matches!(self.kind, EtcdErrorKind::Unreachable)
    }

    /// A value that nobody can read.
    pub(super) fn value(problem: &str) -> Self {
        let hint = "documents are texts; look with `etcdctl get --prefix`";
        Self::new(EtcdErrorKind::Value, problem.to_owned(), hint)
    }

    pub(super) fn strange(endpoint: &Url, what: &str) -> Self {
        let hint = "is it etcd 3.4 or newer that listens there, and no proxy before it";
        Self::new(EtcdErrorKind::Server, format!("{}: {what}", shown_url(endpoint)), hint)
    }

    pub(super) fn web(e: &WebError) -> Self {
        let kind = match e.kind {
            WebErrorKind::Settings | WebErrorKind::Tls => EtcdErrorKind::Settings,
            _ => EtcdErrorKind::Unreachable,
        };
        Self::new(kind, e.problem.clone(), e.hint)
    }

    /// What the server itself said.
    pub(super) fn told(endpoint: &Url, status: StatusCode, answer: &Value) -> Self {
        let message = answer["message"].as_str().or(answer["error"].as_str()).unwrap_or("no reason");
        let message: String = message.trim_start_matches("etcdserver: ").chars().take(200).collect();
        let problem = format!("etcd at {}: {message}", shown_url(endpoint));
        let (kind, hint) = match answer["code"].as_u64() {
            Some(code::UNAUTHENTICATED) => (EtcdErrorKind::LoginOver, "log in again: is the user still there"),
            Some(code::PERMISSION_DENIED) => {
                (EtcdErrorKind::Refused, "grant it: etcdctl role grant-permission ROLE --prefix=true read /ralphext/")
            }
            // "user name is empty", "authentication failed": no code of its own.
            Some(code::INVALID_ARGUMENT) if message.contains("auth") || message.contains("user") => {
                (EtcdErrorKind::Refused, "set RALPHEXT_CONFIG_ETCD_USER and RALPHEXT_CONFIG_ETCD_PASSWORD_FILE")
            }
            Some(code::FAILED_PRECONDITION) if message.contains("authentication is not enabled") => {
                (EtcdErrorKind::Refused, "leave RALPHEXT_CONFIG_ETCD_USER away, or enable it: etcdctl auth enable")
            }
            Some(code::UNAVAILABLE) => {
                (EtcdErrorKind::Unreachable, "most members of the cluster have to be up and reach each other")
            }
            _ if status.is_server_error() => {
                (EtcdErrorKind::Unreachable, "see the log of etcd; the other members are asked, too")
            }
            _ => (EtcdErrorKind::Server, "see the log of etcd"),
        };
        Self::new(kind, problem, hint)
    }

    /// No endpoint answered.
    pub(super) fn all(failed: Vec<Self>) -> Self {
        let Some(last) = failed.last() else {
            let problem = "no address of etcd is given".to_owned();
            return Self::new(EtcdErrorKind::Settings, problem, "write --config-etcd http://host:2379");
        };
        let hint = last.hint;
        let problems: Vec<String> = failed.iter().map(|e| e.problem.clone()).collect();
        Self::new(EtcdErrorKind::Unreachable, problems.join("; "), hint)
    }
}
