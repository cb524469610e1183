//! What is impossible in `[source.sql]`. It must not connect, nor read a file.

use super::Rules;
use crate::settings::{SourceKind, Sql, SqlEngine};

impl Rules<'_> {
    pub(super) fn sql(&mut self) {
        let source = &self.settings.source;
        let Some(sql) = &source.sql else {
            if source.kind == SourceKind::Sql {
                let hint = "write [source.sql] with url and query";
                self.refuse(&["source.sql", "source.kind"], "kind sql needs a database", hint);
            }
            return;
        };
        if source.kind != SourceKind::Sql {
            return self.unused("source.sql");
        }
        self.one_of("source.sql.url", sql.url.is_some(), "source.sql.url_file", sql.url_file.is_some(), "the address");
        self.one_of(
            "source.sql.query",
            sql.query.is_some(),
            "source.sql.query_file",
            sql.query_file.is_some(),
            "the query",
        );
        self.sql_password(sql);
        if sql.query.as_ref().is_some_and(|query| query.trim().is_empty()) {
            self.refuse(&["source.sql.query"], "it is empty", "write query = \"SELECT id, ... FROM ...\"");
        }
        if sql.object_query.as_ref().is_some_and(|query| !query.contains(":ids")) {
            let hint = "write WHERE CAST(id AS CHAR(128)) IN (:ids) in source.sql.object_query";
            self.refuse(&["source.sql.object_query"], "it does not say whose rows it wants: :ids is not in it", hint);
        }
        let Some(every) = sql.full_every else { return };
        if every < source.interval {
            let reason = format!("it is less than source.interval ({})", source.interval);
            let hint = "leave it out: then every pass asks for all";
            self.refuse(&["source.sql.full_every", "source.interval"], reason, hint);
        }
        if sql.query.as_ref().is_some_and(|query| !query.contains(":changed_since")) {
            let hint = "write WHERE updated_at >= :changed_since in source.sql.query, or leave full_every out";
            let keys = ["source.sql.full_every", "source.sql.query"];
            self.refuse(&keys, "the query asks for all each time: :changed_since is not in it", hint);
        }
    }

    /// Exactly one of two keys has to be there.
    fn one_of(&mut self, key: &str, is_set: bool, file_key: &str, is_file_set: bool, what: &str) {
        match (is_set, is_file_set) {
            (false, false) => {
                let hint = format!("write {} in [source.sql]", key.rsplit('.').next().unwrap_or(key));
                self.refuse(&[key, "source.sql", "source.kind"], format!("kind sql needs {what}"), hint);
            }
            (true, true) => {
                self.refuse(&[file_key, key], format!("{key} is given too"), format!("give {what} in one place"));
            }
            _ => {}
        }
    }

    fn sql_password(&mut self, sql: &Sql) {
        if sql.password.is_some() && sql.password_file.is_some() {
            let keys = ["source.sql.password_file", "source.sql.password"];
            self.refuse(&keys, "source.sql.password is given too", "give the password in one place");
        }
        let Some(url) = &sql.url else { return };
        let given = [
            ("source.sql.password", sql.password.is_some()),
            ("source.sql.password_file", sql.password_file.is_some()),
            ("source.sql.ca", sql.ca.is_some()),
        ];
        for (key, _) in given.iter().filter(|(_, is_set)| *is_set) {
            if url.engine() == SqlEngine::Sqlite {
                self.refuse(
                    &[key, "source.sql.url"],
                    "SQLite has no use for it",
                    "remove it: the file system guards the file",
                );
            } else if url.password().is_some() && *key != "source.sql.ca" {
                self.refuse(
                    &[key, "source.sql.url"],
                    "source.sql.url holds a password too",
                    "give the password in one place",
                );
            }
        }
    }
}
