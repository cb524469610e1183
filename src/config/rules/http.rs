//! What is impossible in `[source.http]`, and in `source.items`. It must not ask anybody, nor read a file.

use super::Rules;
use crate::settings::{Http, Paging, SourceKind};

impl Rules<'_> {
    pub(super) fn http(&mut self) {
        let source = &self.settings.source;
        self.items();
        let Some(http) = &source.http else {
            if source.kind == SourceKind::Http {
                let hint = "write [source.http] with url = \"https://...\"";
                self.refuse(&["source.http", "source.kind"], "kind http needs a server", hint);
            }
            return;
        };
        if source.kind != SourceKind::Http {
            return self.unused("source.http");
        }
        self.addresses(http);
        self.http_secrets(http);
        for (key, pointer) in [
            ("source.http.next_at", &http.next_at),
            ("source.http.count_at", &http.count_at),
            ("source.http.id_at", &http.id_at),
        ] {
            if !pointer.starts_with('/') {
                self.refuse(&[key], "it is no pointer", "write it as in /next (RFC 6901)");
            }
        }
        let needs_items = matches!(http.paging, Paging::Next | Paging::Cursor);
        if needs_items && source.items.is_none() {
            let reason = format!("paging = \"{}\" looks for the next page in a document", http.paging);
            let hint = "write items = \"/results\" in [source]: where in the document the objects are";
            self.refuse(&["source.http.paging", "source.items"], reason, hint);
        }
    }

    fn items(&mut self) {
        let source = &self.settings.source;
        let Some(items) = &source.items else { return };
        let has_use = matches!(source.kind, SourceKind::File | SourceKind::Exec | SourceKind::Stdin | SourceKind::Http);
        if !has_use {
            self.unused("source.items");
        } else if !items.starts_with('/') {
            let hint = "write it as in /data/alerts (RFC 6901), or leave it out where the whole input is the array";
            self.refuse(&["source.items"], "it is no pointer", hint);
        }
    }

    fn addresses(&mut self, http: &Http) {
        let is_address = |text: &str| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
        };
        for (key, text) in [
            ("source.http.url", &http.url),
            ("source.http.object_url", &http.object_url),
            ("source.http.item_url", &http.item_url),
        ] {
            if text.as_deref().is_some_and(|text| !is_address(text)) {
                self.refuse(&[key], "it is no address of a server", "write https://host/path");
            }
            let password =
                text.as_deref().and_then(|text| text.split("//").nth(1)?.split('/').next()).unwrap_or_default();
            if password.contains('@') {
                let hint = "write username and password_file in [source.http]";
                self.refuse(&[key], "it holds a user or password, which addresses are shown with", hint);
            }
        }
        if let Some(template) = &http.item_url {
            if !template.contains("{id}") {
                let hint = "write item_url = \"https://host/assets/?id={id}\"";
                self.refuse(&["source.http.item_url"], "there is no {id} in it", hint);
            } else if http.object_url.is_some() {
                let keys = ["source.http.item_url", "source.http.object_url"];
                self.refuse(&keys, "source.http.object_url gives single objects already", "remove one of the two");
            }
        }
        let has_ids = !http.ids.is_empty() || http.ids_file.is_some();
        match (&http.url, &http.object_url) {
            (None, None) => {
                let hint = "write url = \"https://...\" in [source.http]";
                self.refuse(&["source.http.url", "source.kind"], "kind http needs an address", hint);
            }
            (_, Some(template)) if !template.contains("{id}") => {
                let hint = "write object_url = \"https://host/objects/{id}\"";
                self.refuse(&["source.http.object_url"], "there is no {id} in it", hint);
            }
            (None, Some(_)) if !has_ids => {
                let hint = "write ids, ids_file, or url with a list of them";
                self.refuse(&["source.http.object_url"], "it is not known whose ids to ask for", hint);
            }
            (Some(_), Some(_)) if has_ids => {
                let keys = ["source.http.url", "source.http.object_url"];
                self.refuse(&keys, "the ids are given too", "give the ids in one place");
            }
            (Some(_), None) if has_ids => {
                let hint = "write object_url = \"https://host/objects/{id}\", or remove the ids";
                self.refuse(&["source.http.ids", "source.http.object_url"], "ids are for object_url", hint);
            }
            _ => {}
        }
    }

    fn http_secrets(&mut self, http: &Http) {
        let once = "give it in one place";
        for (key, other, both) in [
            ("source.http.token_file", "source.http.token", http.token.is_some() && http.token_file.is_some()),
            (
                "source.http.password_file",
                "source.http.password",
                http.password.is_some() && http.password_file.is_some(),
            ),
            ("source.http.ids_file", "source.http.ids", !http.ids.is_empty() && http.ids_file.is_some()),
        ] {
            if both {
                self.refuse(&[key, other], format!("{other} is given too"), once);
            }
        }
        let has_token = http.token.is_some() || http.token_file.is_some();
        if has_token && http.username.is_some() {
            let keys = ["source.http.username", "source.http.token", "source.http.token_file"];
            self.refuse(&keys, "a token is given too, and both go into the same header", "give one of them");
        }
        let has_password = http.password.is_some() || http.password_file.is_some();
        if has_password && http.username.is_none() {
            let keys = ["source.http.password", "source.http.password_file", "source.http.username"];
            self.refuse(&keys, "there is no user that it is of", "write username = \"...\" in [source.http]");
        }
        for (one, other, alone) in [
            ("source.http.cert", "source.http.key", http.cert.is_some() && http.key.is_none()),
            ("source.http.key", "source.http.cert", http.key.is_some() && http.cert.is_none()),
        ] {
            if alone {
                self.refuse(&[one, other], format!("{other} is missing"), "give both, or none");
            }
        }
    }
}
