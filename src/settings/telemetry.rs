//! `[telemetry]`: where traces are sent. It must not know their form.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is told beyond logs and metrics. One process has one of each: services of a directory must agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// OpenTelemetry collector that gets a trace of each pass (OTLP over HTTP, as JSON): its address, `http://127.0.0.1:4318`, to
    /// which `/v1/traces` is added where it has no path. What it does not take in time is dropped and counted. Default: none,
    /// and nothing is measured for it.
    pub otlp: Option<String>,
    /// File that holds what the collector wants to see, as `Authorization: Bearer ...`; read at every request. Relative to the
    /// configuration file.
    pub otlp_token_file: Option<PathBuf>,
    /// File with the certificates of the authorities that are trusted to know the collector. Default: the system's.
    pub otlp_ca: Option<PathBuf>,
}

impl Telemetry {
    /// The address that traces are posted to, if any.
    pub fn traces_url(&self) -> Option<String> {
        let text = self.otlp.as_deref()?.trim_end_matches('/');
        let host = text.split_once("://").map_or(text, |(_, rest)| rest);
        Some(if host.contains('/') { text.to_owned() } else { format!("{text}/v1/traces") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_ones_own_stays() {
        let of = |text: &str| Telemetry { otlp: Some(text.to_owned()), ..Telemetry::default() }.traces_url();
        assert_eq!(of("http://c:4318").as_deref(), Some("http://c:4318/v1/traces"));
        assert_eq!(of("https://c/").as_deref(), Some("https://c/v1/traces"));
        assert_eq!(of("https://c/otlp/v1/traces").as_deref(), Some("https://c/otlp/v1/traces"));
        assert_eq!(Telemetry::default().traces_url(), None);
    }
}
