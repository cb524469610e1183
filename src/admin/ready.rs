//! What `/readyz` says, as JSON. It must not know how it is asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{model::UnixMs, pipeline::State};

/// Whether the process is ready, and what its services are doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    /// The configuration is valid, the listener is up, and nothing is ending. A standby is ready.
    pub ready: bool,
    /// Why it is not.
    pub reasons: Vec<String>,
    /// The program's version.
    pub version: String,
    /// Each service, by name.
    pub services: BTreeMap<String, Told>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// What it is doing.
    #[serde(flatten)]
    pub state: State,
    /// Seconds since a pass was last good; none when it is not known here.
    pub last_success_age_seconds: Option<f64>,
}

impl Told {
    /// `state` as seen at `now`.
    pub fn new(state: State, now: UnixMs) -> Self {
        let age = state.last_success_at.map(|at| now.saturating_sub(at.0) as f64 / 1000.0);
        Self { state, last_success_age_seconds: age }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{pipeline::Role, registry::Stamp};

    #[test]
    fn it_reads_what_it_writes() {
        let at = Stamp(1_795_476_802_123);
        let state = |role, last_success_at| State { role, since: at, last_success_at, as_of: None, last_error: None };
        let standby = state(Role::Standby { holder: "host-7-abc".to_owned() }, None);
        let writer = state(Role::Writer { epoch: 7 }, Some(at));
        let services = [
            ("hwinfo".to_owned(), Told::new(standby, at.0 + 1500)),
            ("tickets".to_owned(), Told::new(writer, at.0 + 1500)),
        ];
        let readiness =
            Readiness { ready: true, reasons: Vec::new(), version: "1".to_owned(), services: services.into() };
        let text = serde_json::to_string(&readiness).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["services"]["hwinfo"],
            json!({
                "state": "standby", "holder": "host-7-abc", "since": "2026-11-23T23:33:22.123Z", "last_success_at": null,
                "as_of": null, "last_error": null, "last_success_age_seconds": null,
            })
        );
        assert_eq!(value["services"]["tickets"]["last_success_age_seconds"], json!(1.5));
        assert_eq!(serde_json::from_str::<Readiness>(&text).unwrap(), readiness);
    }
}
