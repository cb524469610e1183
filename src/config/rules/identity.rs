//! What is impossible in `[identity]`, and with it. It must not ask anybody, nor read a file.

use super::Rules;
use crate::settings::{Absent, IdentityKind};

impl Rules<'_> {
    pub(super) fn identity(&mut self) {
        let identity = &self.settings.identity;
        let kind = identity.kind;
        for (key, is_set, of) in [
            ("identity.path", identity.path.is_some(), IdentityKind::File),
            ("identity.url", identity.url.is_some(), IdentityKind::Ralph),
        ] {
            if kind == of && !is_set {
                let hint = match of {
                    IdentityKind::Ralph => "write url = \"https://ralph.example.com/api/\" in [identity]",
                    _ => "write path = \"inventory.ndjson\" in [identity]",
                };
                self.refuse(&[key, "identity.kind"], format!("kind {kind} needs it"), hint);
            } else if kind != of && is_set {
                let hint = format!("remove it, or write kind = \"{of}\" in [identity]");
                self.refuse(&[key, "identity.kind"], format!("kind {kind} has no use for it"), hint);
            }
        }
        if kind == IdentityKind::Ralph && identity.token.is_none() && identity.token_file.is_none() {
            let hint = "write token_file = \"/run/secrets/ralph\" in [identity]: the API key of a user who may view the models";
            self.refuse(&["identity.token_file", "identity.kind"], "Ralph answers nobody without a token", hint);
        }
        if identity.token.is_some() && identity.token_file.is_some() {
            let keys = ["identity.token_file", "identity.token"];
            self.refuse(&keys, "identity.token is given too", "give the token in one place");
        }
        if identity.refresh > identity.refresh_full {
            let reason = format!("it is less than identity.refresh ({})", identity.refresh);
            let hint = "everything cannot be read more often than it is looked for changes";
            self.refuse(&["identity.refresh_full", "identity.refresh"], reason, hint);
        }
    }

    pub(super) fn absent(&mut self) {
        let source = &self.settings.source;
        if source.absent != Absent::Empty {
            return;
        }
        let keys = ["source.absent", "identity.kind", "source.kind"];
        if !self.settings.identity.is_on() {
            let hint = "write [identity], so that it is known which objects there are";
            self.refuse(&keys, "without an inventory nobody knows whose data is absent", hint);
        }
        if source.kind.tells_changes() {
            let reason = format!("kind {} tells changes, so that silence means nothing", source.kind);
            self.refuse(&keys, reason, "use a kind of source that tells everything");
        }
        if !["ok", "warning", "critical", "unknown"].contains(&source.empty.status.as_str()) {
            self.refuse(
                &["source.empty.status"],
                "it is no status of a card",
                "write ok, warning, critical or unknown",
            );
        }
    }
}
