//! `[source]`: where the objects' content comes from. It must not know how a source is run.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Absent, Empty, Events, Http, HumanDuration, ListenPlace, Map, Secret, Sql, Table};
use crate::model::ServiceName;

/// How long an `exec` source may run where `source.timeout` is not set.
const EXEC_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one request may take, with all its pages and retries, where `source.timeout` is not set.
const HTTP_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a query may take where `source.timeout` is not set.
const SQL_TIMEOUT: Duration = Duration::from_secs(300);

/// Where the objects' content comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    /// What kind of source it is. Required.
    pub kind: SourceKind,
    /// Program and arguments, for `exec` and `stream`; no shell is involved. A program with a slash in it is relative
    /// to the configuration file, one without is looked up in `PATH`.
    pub command: Vec<String>,
    /// For `exec`: program and arguments that print the records of single objects, whose ids are added as last arguments, up to
    /// 100 of them; those that are not printed have no content. For `[fill]`, and for objects that are fetched anew by hand.
    /// A program with a slash in it is relative to the configuration file.
    pub object_command: Vec<String>,
    /// File (NDJSON or one JSON array) or directory (`<object_id>.json|.html|.md|.txt`), for `file`. Relative to the
    /// configuration file.
    pub path: Option<PathBuf>,
    /// How often an `exec` source is run, a database asked, and a `file` source read again in case a change was not seen.
    pub interval: HumanDuration,
    /// How long one run of an `exec` source, one query of an `sql` source, or one request of an `http` source, may take before it
    /// is stopped and counts as failed. Default: 30s for `exec`, 5m for `http` and `sql`, no limit for the others.
    pub timeout: Option<HumanDuration>,
    /// Environment variables for the command, on top of the sidecar's own without its Redis secrets. Values may hold
    /// `${VAR}`.
    pub env: BTreeMap<String, String>,
    /// For `stdin`: the end of the input is the end of a complete snapshot, so objects that were not in it are gone.
    /// Without it, only a last `{"end": true}` says so.
    pub complete: bool,
    /// Pause before a `stream` command that ended is started again the first time; it doubles up to `backoff_max`.
    pub backoff_min: HumanDuration,
    /// Longest pause before a `stream` command is started again.
    pub backoff_max: HumanDuration,
    /// After so many failures in a row the source is left alone, but for one try every `breaker_pause` (a change of a
    /// watched file is a try, too); the first that goes well ends it. 0: never.
    pub breaker_failures: u32,
    /// How long a source that keeps failing is left alone between two tries; jittered by a quarter. Default: five times
    /// `interval`, at most 5m, for `stream` 5m.
    pub breaker_pause: Option<HumanDuration>,
    /// For `stream` and `push`: how often it says something at the least, be it `{"heartbeat": true}`. Silent for longer, it counts
    /// as failed until it is heard again, so that a dead pusher is told and a quiet weekend is not. Default: silence is no
    /// failure.
    pub expect_every: Option<HumanDuration>,
    /// For `stream` and `push`: directory in which what was said last of each object is kept, so that what Redis loses
    /// comes back without being said again. On a local or persistent volume; one file a service. Relative to the
    /// configuration file. Default: nothing is kept.
    pub spool: Option<PathBuf>,
    /// For `push`: where requests are listened for. `unix:/path/to/socket` (relative to the configuration file), or a
    /// loopback address with its port, `127.0.0.1:9783`, together with `token` or `token_file`. Default:
    /// `unix:/run/ralphext/<service>.sock`.
    pub listen: Option<String>,
    /// For `push` over TCP: what each request has to show, as `Authorization: Bearer ...`. At least 16 characters.
    pub token: Option<Secret>,
    /// File that holds `token`; read at every request, so that a changed one needs no restart. Relative to the
    /// configuration file.
    pub token_file: Option<PathBuf>,
    /// Where in the answer the array of objects is, as a pointer (RFC 6901) such as `/data/alerts`; for `file`, `exec`, `stdin`
    /// and `http`. Default: the input is one array, or one object a line.
    pub items: Option<String>,
    /// What it means that a complete snapshot does not name an object: `remove` (it has no content any more), or `empty`
    /// (every object of the inventory without data gets the card of `source.empty`, so that cleared alerts are no loss).
    pub absent: Absent,
    /// The card of an object without data, with `absent = "empty"`.
    pub empty: Empty,
    /// For `file`: how a file of rows and columns is read. Files named `.csv`, `.tsv` and `.xlsx` need none.
    pub table: Option<Table>,
    /// For `events`: the Redis Stream.
    pub events: Option<Events>,
    /// For `http`: the server and how it is asked.
    pub http: Option<Http>,
    /// For `sql`: the database and the query.
    pub sql: Option<Sql>,
    /// Data as it comes: each item of the source (a line of NDJSON, an element of a JSON array, a row of a table) becomes
    /// a record of an object, without a script. Where something stands in an item is said by an RFC 6901 pointer
    /// (`/labels/instance`), or by the bare name of a column or member (`Serial number`); `@name` is the name of the file
    /// that the item is, without its ending, for a directory. Default: items are records already.
    pub map: Option<Map>,
    /// Several inputs for one service, each with the keys of `[source]`: `[source.inputs.facts]`, `[source.inputs.status]`.
    /// The content of an object is a JSON object of what each has for it, `{"facts": ..., "status": ...}`. Beside them
    /// `[source]` holds nothing but `spool`, which is needed: what each input said last is kept there. At most 16; names
    /// are lower-case letters, digits and `_`, at most 32, beginning with a letter. Default: one source.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "inputs_schema")]
    pub inputs: BTreeMap<String, Source>,
}

/// The keys of an input are those of a source.
fn inputs_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "title": "inputs",
        "type": "object",
        "propertyNames": { "pattern": INPUT_NAME },
        "maxProperties": MAX_INPUTS,
        "additionalProperties": { "$ref": "#/properties/source" },
    })
}

/// The grammar of an input's name.
const INPUT_NAME: &str = "^[a-z][a-z0-9_]{0,31}$";
/// Most inputs of one service.
pub const MAX_INPUTS: usize = 16;

/// Longest pause of the circuit breaker where none is set.
const BREAKER_PAUSE: Duration = Duration::from_secs(300);

impl Source {
    /// Whether it is several inputs, whose parts are merged.
    pub fn is_merged(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// Whether `name` can be an input's.
    pub fn is_input_name(name: &str) -> bool {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        name.len() <= 32 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_word)
    }

    /// Whether it tells changes as they happen; several inputs do so together, whatever kinds they are.
    pub fn tells_changes(&self) -> bool {
        self.is_merged() || self.kind.tells_changes()
    }

    /// The Redis Stream that it reads, or that the first of its inputs does that reads one.
    pub fn stream_read(&self) -> Option<&Events> {
        let mut all = std::iter::once(self).chain(self.inputs.values());
        all.find(|source| source.kind == SourceKind::Events)?.events.as_ref()
    }

    /// The word for its kind in the descriptor: `inputs` for several.
    pub fn kind_word(&self) -> &'static str {
        if self.is_merged() { "inputs" } else { self.kind.as_str() }
    }

    /// Age in which what it has should be confirmed again: it may be late by its own length, and fail once.
    pub fn stale_after(&self) -> Option<Duration> {
        if self.is_merged() {
            return self.inputs.values().filter_map(Self::stale_after).max();
        }
        match self.expect_every {
            _ if !self.kind.tells_changes() => {
                Some(self.interval.0 * 3 + self.timeout().unwrap_or_default() + self.full_every())
            }
            expected => expected.map(|expected| expected.0 * 3),
        }
    }

    /// As [`Source::stale_after`], where the last pass took so long: the content is from its beginning, and shown until the end
    /// of the next one.
    pub fn stale_after_passes_of(&self, took: Duration) -> Option<Duration> {
        let promised = self.stale_after()?;
        let both = took * 2;
        if self.tells_changes() || both <= self.interval.0 {
            return Some(promised);
        }
        // In whole seconds, so that readers see no other number after each pass.
        let both = Duration::from_secs(both.as_secs() + 1);
        Some(promised.max(self.interval.0 * 3 + both + self.full_every()))
    }

    /// How long one run may take: `source.timeout`, else 30 s for `exec` and 5 min for `http` and `sql`, else no limit.
    pub fn timeout(&self) -> Option<Duration> {
        match (self.timeout, self.kind) {
            (Some(timeout), _) => Some(timeout.0),
            (None, SourceKind::Exec) => Some(EXEC_TIMEOUT),
            (None, SourceKind::Http) => Some(HTTP_TIMEOUT),
            (None, SourceKind::Sql) => Some(SQL_TIMEOUT),
            (None, _) => None,
        }
    }

    /// How long it may go without telling all that it has, beyond its interval: `source.sql.full_every`, else not at all.
    pub fn full_every(&self) -> Duration {
        let sql = self.sql.as_ref().filter(|_| self.kind == SourceKind::Sql);
        sql.and_then(|sql| sql.full_every).map_or(Duration::ZERO, |every| every.0)
    }

    /// Where a `push` source of `service` listens: `source.listen`, else `unix:/run/ralphext/<service>.sock`.
    ///
    /// # Errors
    /// What is wrong with the address, in words.
    pub fn push_address(&self, service: &ServiceName) -> Result<ListenPlace, &'static str> {
        let Some(text) = &self.listen else {
            return Ok(ListenPlace::Unix(PathBuf::from(format!("/run/ralphext/{service}.sock"))));
        };
        match ListenPlace::parse(text)? {
            ListenPlace::Tcp(address) if !address.ip().is_loopback() => {
                Err("it is no loopback address: whoever reaches it could write into tabs")
            }
            place => Ok(place),
        }
    }

    /// How long a source that keeps failing is left alone: `source.breaker_pause`, else five intervals, at most 5 min.
    pub fn breaker_pause(&self) -> Duration {
        match (self.breaker_pause, self.kind) {
            (Some(pause), _) => pause.0,
            (None, kind) if kind.tells_changes() => BREAKER_PAUSE,
            (None, _) => (self.interval.0 * 5).min(BREAKER_PAUSE),
        }
    }
}

impl Default for Source {
    fn default() -> Self {
        Self {
            kind: SourceKind::Stdin,
            command: Vec::new(),
            object_command: Vec::new(),
            path: None,
            interval: HumanDuration::from_secs(60),
            timeout: None,
            env: BTreeMap::new(),
            complete: false,
            backoff_min: HumanDuration::from_secs(1),
            backoff_max: HumanDuration::from_secs(60),
            breaker_failures: 5,
            breaker_pause: None,
            expect_every: None,
            spool: None,
            listen: None,
            token: None,
            token_file: None,
            items: None,
            events: None,
            table: None,
            absent: Absent::default(),
            empty: Empty::default(),
            http: None,
            sql: None,
            map: None,
            inputs: BTreeMap::new(),
        }
    }
}

/// The kinds of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum SourceKind {
    /// A file or a directory, watched and read again on an interval.
    File,
    /// A command, run on an interval; what it prints is a snapshot.
    Exec,
    /// A long-running command that prints changes as they happen.
    Stream,
    /// Requests from the extension, over HTTP on a unix socket or loopback.
    Push,
    /// Standard input, for pipes.
    Stdin,
    /// A Redis Stream, read by a consumer group.
    Events,
    /// An HTTP server, asked on an interval.
    Http,
    /// A query of a database, on an interval.
    Sql,
}

impl SourceKind {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::File, Self::Exec, Self::Stream, Self::Push, Self::Stdin, Self::Events, Self::Http, Self::Sql];

    /// Whether it tells changes as they happen, and need not tell everything.
    pub fn tells_changes(self) -> bool {
        matches!(self, Self::Stream | Self::Push | Self::Events)
    }

    /// The word for it in configuration, logs and the descriptor.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Exec => "exec",
            Self::Stream => "stream",
            Self::Push => "push",
            Self::Stdin => "stdin",
            Self::Events => "events",
            Self::Http => "http",
            Self::Sql => "sql",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exec_has_a_timeout_of_its_own() {
        let mut source = Source { kind: SourceKind::Exec, ..Source::default() };
        assert_eq!(source.timeout(), Some(Duration::from_secs(30)));
        source.timeout = Some(HumanDuration::from_secs(5));
        assert_eq!(source.timeout(), Some(Duration::from_secs(5)));
        let file = Source { kind: SourceKind::File, ..Source::default() };
        assert_eq!(file.timeout(), None);
    }

    #[test]
    fn kinds_are_written_as_they_are_read() {
        for kind in SourceKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("a kind serialises"), kind.as_str());
        }
    }
}
