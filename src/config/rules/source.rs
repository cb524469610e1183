//! What is impossible in `[source]`. It must not know how a source is run.

use super::{Node, Origin, Rules};
use crate::settings::{ListenPlace, SourceKind};

/// Fewer characters can be guessed.
const SHORTEST_TOKEN: usize = 16;

impl Rules<'_> {
    pub(super) fn source(&mut self) {
        let source = &self.settings.source;
        let kind = source.kind;
        let needs_command = matches!(kind, SourceKind::Exec | SourceKind::Stream);
        let keys = |key| [key, "source.kind"];
        match source.command.first() {
            None if needs_command => {
                let hint = "write command = [\"./facts.sh\"] in [source]";
                self.refuse(&keys("source.command"), format!("kind {kind} needs a command"), hint);
            }
            Some(program) if needs_command && program.is_empty() => {
                self.refuse(&keys("source.command"), "the program is empty", "write command = [\"./facts.sh\"]");
            }
            Some(_) if !needs_command => self.unused("source.command"),
            _ => {}
        }
        match source.object_command.first() {
            Some(_) if kind != SourceKind::Exec => self.unused("source.object_command"),
            Some(program) if program.is_empty() => {
                let hint = "write object_command = [\"./facts.sh\", \"--only\"]";
                self.refuse(&keys("source.object_command"), "the program is empty", hint);
            }
            _ => {}
        }
        match &source.path {
            None if kind == SourceKind::File => {
                let hint = "write path = \"...\" in [source]: an NDJSON file, or a directory";
                self.refuse(&keys("source.path"), "kind file needs a path", hint);
            }
            Some(path) if path.as_os_str().is_empty() => {
                self.refuse(&keys("source.path"), "the path is empty", "name a file or directory");
            }
            Some(_) if kind != SourceKind::File => self.unused("source.path"),
            _ => {}
        }
        if source.complete && kind != SourceKind::Stdin {
            self.unused("source.complete");
        }
        for (key, is_set) in
            [("source.expect_every", source.expect_every.is_some()), ("source.spool", source.spool.is_some())]
        {
            if is_set && !kind.tells_changes() {
                self.unused(key);
            }
        }
        self.push();
        self.http();
        if source.env.keys().any(|name| name.is_empty() || name.contains(['=', '\0'])) {
            self.refuse(&["source.env"], "it holds a name that no variable can have", "write NAME = \"text\"");
        }
        if source.backoff_min > source.backoff_max {
            let reason = format!("it is more than source.backoff_max ({})", source.backoff_max);
            self.refuse(&["source.backoff_min", "source.backoff_max"], reason, "make it the smaller one");
        }
    }

    /// Refuses a key that the kind of source has no use for, unless the kind was chosen for this one call.
    pub(super) fn unused(&mut self, key: &str) {
        let from_file = |node: &Node| matches!(node.origin, Origin::File { .. });
        if self.tree.at("source.kind").is_none_or(from_file) {
            let kind = self.settings.source.kind;
            let hint = format!("remove it, or choose another source.kind than \"{kind}\"");
            self.refuse(&[key, "source.kind"], format!("kind {kind} has no use for it"), hint);
        }
    }

    fn push(&mut self) {
        let source = &self.settings.source;
        if source.kind != SourceKind::Push {
            let given = [
                ("source.listen", source.listen.is_some()),
                ("source.token", source.token.is_some()),
                ("source.token_file", source.token_file.is_some()),
            ];
            given.iter().filter(|(_, is_set)| *is_set).for_each(|(key, _)| self.unused(key));
            return;
        }
        if source.token.is_some() && source.token_file.is_some() {
            let keys = ["source.token_file", "source.token"];
            self.refuse(&keys, "source.token is given too", "give the token in one place");
        }
        if source.token.as_ref().is_some_and(|token| token.expose().len() < SHORTEST_TOKEN) {
            let hint = "write one that cannot be guessed: head -c 24 /dev/urandom | base64";
            self.refuse(&["source.token"], format!("it has fewer than {SHORTEST_TOKEN} characters"), hint);
        }
        let hint = "write \"unix:/run/ralphext/push.sock\", or \"127.0.0.1:9783\"";
        match source.push_address(self.settings.name()) {
            Err(why) => self.refuse(&["source.listen"], why, hint),
            Ok(ListenPlace::Tcp(_)) if source.token.is_none() && source.token_file.is_none() => {
                let hint = "set source.token_file, or listen on a unix socket, which the file system guards";
                self.refuse(&["source.listen"], "everybody on this host could push there without a token", hint);
            }
            Ok(_) => {}
        }
    }
}
