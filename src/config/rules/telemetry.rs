//! What is impossible in `[telemetry]`. It must not ask anybody.

use super::Rules;

impl Rules<'_> {
    pub(super) fn telemetry(&mut self) {
        let telemetry = &self.settings.telemetry;
        let Some(address) = &telemetry.otlp else {
            for (key, is_set) in [
                ("telemetry.otlp_token_file", telemetry.otlp_token_file.is_some()),
                ("telemetry.otlp_ca", telemetry.otlp_ca.is_some()),
            ] {
                if is_set {
                    self.refuse(&[key], "no collector is named that would need it", "set telemetry.otlp too");
                }
            }
            return;
        };
        let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
        let is_address =
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace));
        if !is_address {
            let hint = "write http://127.0.0.1:4318, or https://collector.example.com";
            self.refuse(&["telemetry.otlp"], "it is no address of a collector", hint);
        } else if rest.is_some_and(|rest| rest.split('/').next().unwrap_or_default().contains('@')) {
            let hint = "name a file with a token in telemetry.otlp_token_file";
            self.refuse(&["telemetry.otlp"], "an address with a password in it is logged", hint);
        }
    }
}
