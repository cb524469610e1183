//! What is impossible in `[bridge]`. It must not connect.

use std::time::Duration;

use super::Rules;
use crate::settings::Bridge;

impl Rules<'_> {
    pub(super) fn bridge(&mut self) {
        let Some(bridge) = &self.settings.bridge else { return };
        if self.tree.at("service").is_some() || self.tree.at("source").is_some() {
            let reason = "a service is configured too, and the bridge has to be apart from it";
            let hint = "give [bridge] a file of its own, with a [redis] and a user of its own, for `ralphext bridge`";
            self.refuse(&["bridge"], reason, hint);
        }
        self.bridge_queues(bridge);
        self.bridge_who(bridge);
        if let Err(why) = bridge.sidecar_socket() {
            self.refuse(&["bridge.sidecar"], why, "write \"unix:/run/ralphext/page.sock\"");
        }
        if bridge.sidecar.is_none() && bridge.sidecar_service.is_some() {
            let hint = "set bridge.sidecar too, or leave it away";
            self.refuse(&["bridge.sidecar_service"], "there is no sidecar to ask", hint);
        }
        let ms = Duration::from_millis;
        for (key, value, least) in [
            ("bridge.timeout", bridge.timeout, ms(100)),
            ("bridge.max_timeout", bridge.max_timeout, ms(100)),
            ("bridge.failure_ttl", bridge.failure_ttl, ms(1000)),
            ("bridge.heartbeat", bridge.heartbeat, ms(100)),
        ] {
            if value.0 < least {
                let least = crate::settings::HumanDuration(least);
                self.refuse(&[key], format!("it is less than {least}"), format!("write \"{least}\" or more"));
            }
        }
        if bridge.heartbeat.0 > Duration::from_secs(60) {
            self.refuse(&["bridge.heartbeat"], "it is more than a minute", "write \"10s\"");
        }
        for (key, size) in [("bridge.max_job", bridge.max_job), ("bridge.max_result", bridge.max_result)] {
            if size.0 == 0 || size.0 > 256 << 20 {
                self.refuse(&[key], "it has to be from 1 byte to 256MiB", "write \"16MiB\"");
            }
        }
    }

    fn bridge_queues(&mut self, bridge: &Bridge) {
        let is_name = |name: &String| {
            (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if bridge.queues.is_empty() {
            self.refuse(&["bridge.queues"], "there is no queue to serve", "write queues = [\"ralph_ext_pdf\"]");
        } else if let Some(bad) = bridge.queues.iter().find(|name| !is_name(name)) {
            let hint = "write letters, digits and ._-: the name stands in keys and in access lists";
            self.refuse(&["bridge.queues"], format!("{bad:?} is no name of a queue"), hint);
        }
        if bridge.functions.is_empty() && bridge.sidecar.is_none() {
            let hint = "write functions = [\"inkpy_jinja.pdf\"], as Ralph's setting names it (\"method\")";
            self.refuse(&["bridge.functions"], "no function is served", hint);
        }
    }

    fn bridge_who(&mut self, bridge: &Bridge) {
        match (bridge.command.is_empty(), &bridge.url) {
            (false, Some(_)) => {
                let hint = "leave one of the two away";
                self.refuse(&["bridge.url", "bridge.command"], "bridge.command is given too", hint);
            }
            (true, None) if !bridge.functions.is_empty() => {
                let hint = "write command = [\"./outprint.py\"], or url = \"http://127.0.0.1:8080/pdf\"";
                self.refuse(&["bridge.command", "bridge.url"], "nobody is named who does the jobs", hint);
            }
            (_, Some(url)) if !url.starts_with("http://") && !url.starts_with("https://") => {
                self.refuse(&["bridge.url"], "it is no http or https address", "write http://... or https://...");
            }
            _ => {}
        }
        if bridge.url.is_none() && (bridge.token_file.is_some() || bridge.ca.is_some()) {
            let key = if bridge.token_file.is_some() { "bridge.token_file" } else { "bridge.ca" };
            self.refuse(&[key], "there is no bridge.url that it would be for", "leave it away");
        }
    }
}
