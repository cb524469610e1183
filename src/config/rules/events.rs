//! What is impossible in `[source.events]`. It must not connect.

use super::Rules;
use crate::settings::SourceKind;

impl Rules<'_> {
    pub(super) fn events(&mut self) {
        let source = &self.settings.source;
        match (&source.events, source.kind) {
            (Some(_), kind) if kind != SourceKind::Events => self.unused("source.events"),
            (None, SourceKind::Events) => {
                let hint = "write [source.events] with stream = \"...\"";
                self.refuse(&["source.events", "source.kind"], "kind events needs a stream", hint);
            }
            (Some(events), _) => {
                if events.stream.is_empty() {
                    self.refuse(&["source.events.stream"], "it is empty", "write the key of the stream");
                }
                if events.password.is_some() && events.password_file.is_some() {
                    let keys = ["source.events.password_file", "source.events.password"];
                    self.refuse(&keys, "source.events.password is given too", "give the password in one place");
                }
            }
            (None, _) => {}
        }
    }
}
