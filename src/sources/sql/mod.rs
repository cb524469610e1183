//! The source of kind `sql`: one query is one snapshot, or what changed since the last one. It must not know when it is
//! asked, nor what rows mean.

mod error;
mod mysql;
mod out;
mod postgres;
mod query;
mod sqlite;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use error::{Failure, Stage};
use out::Manner;

use super::{BoxFuture, Sink, Source, SourceError};
use crate::{
    model::Ending,
    settings::{self, SqlEngine, SqlUrl},
};

/// Before everything.
const EPOCH: &str = "1970-01-01 00:00:00";
/// How long connecting may take, whatever the time limit of the query.
const CONNECT: Duration = Duration::from_secs(10);

/// The source of kind `sql`.
pub(super) struct Sql {
    settings: settings::Sql,
    timeout: Option<Duration>,
    is_mapped: bool,
    max_line: usize,
    shown: String,
    /// What the next delta asks from, once all is known.
    since: Option<String>,
    full_at: Option<Instant>,
    /// The only objects that the next fetch asks for; none: all.
    only: Vec<String>,
}

/// How a server is reached.
struct Access<'a> {
    url: &'a str,
    names_tls: bool,
    password: Option<String>,
    ca: Option<&'a Path>,
    timeout: Option<Duration>,
}

impl Access<'_> {
    /// A connection, if it is there in time.
    async fn in_time<T>(&self, connecting: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
        let limit = self.timeout.unwrap_or(CONNECT).min(CONNECT);
        match tokio::time::timeout(limit, connecting).await {
            Ok(connected) => connected.map_err(Failure::at(Stage::Connect)),
            Err(_) => Err(Failure::TimedOut(Stage::Connect, limit)),
        }
    }
}

impl Sql {
    pub(super) fn new(settings: &settings::Source, max_line: usize) -> Result<Self, SourceError> {
        let missing = |problem: &str, hint| SourceError::Settings { problem: problem.to_owned(), hint };
        let Some(sql) = &settings.sql else {
            return Err(missing("source.kind = \"sql\" needs a database", "write url and query in [source.sql]"));
        };
        if sql.url.is_none() && sql.url_file.is_none() {
            return Err(missing("source.sql.url is missing", "write url = \"postgres://...\" in [source.sql]"));
        }
        if sql.query.is_none() && sql.query_file.is_none() {
            return Err(missing("source.sql.query is missing", "write query = \"SELECT id, ...\" in [source.sql]"));
        }
        let file = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let shown = sql.url.as_ref().map(SqlUrl::to_string).or_else(|| file(&sql.url_file)).unwrap_or_default();
        let is_mapped = settings.map.is_some();
        let (timeout, settings) = (settings.timeout(), sql.clone());
        Ok(Self { settings, timeout, is_mapped, max_line, shown, since: None, full_at: None, only: Vec::new() })
    }

    async fn ask(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        let (begun, only) = (Instant::now(), std::mem::take(&mut self.only));
        if let (Some(query), [_, ..]) = (&self.settings.object_query, only.as_slice()) {
            let text = query::with_ids(query, self.url()?.engine(), &only);
            self.read(&text, &self.manner(true), EPOCH, sink).await?;
            return Ok(Ending::Delta);
        }
        let is_due = |every: Duration| self.full_at.is_none_or(|at| at.elapsed() >= every);
        let since = match self.settings.full_every {
            Some(every) if !is_due(every.0) => self.since.clone(),
            _ => None,
        };
        let is_delta = since.is_some();
        let text = match (&self.settings.query, &self.settings.query_file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) => text_of(path, "source.sql.query_file")?,
            (None, None) => String::new(),
        };
        let next = self.read(&text, &self.manner(is_delta), since.as_deref().unwrap_or(EPOCH), sink).await?;
        self.since = Some(next);
        if is_delta {
            return Ok(Ending::Delta);
        }
        self.full_at = Some(begun);
        Ok(Ending::Complete)
    }

    fn manner(&self, is_delta: bool) -> Manner {
        Manner {
            origin: Arc::from("query"),
            matching: self.settings.matching.clone(),
            is_mapped: self.is_mapped,
            json: self.settings.json.clone(),
            max_line: self.max_line,
            is_delta,
        }
    }

    async fn read(&self, text: &str, manner: &Manner, since: &str, sink: &Sink) -> Result<String, SourceError> {
        let url = self.url()?;
        let password = match (&self.settings.password, &self.settings.password_file) {
            (Some(password), _) => Some(password.expose().to_owned()),
            (None, Some(path)) => Some(text_of(path, "source.sql.password_file")?),
            (None, None) => None,
        };
        let secrets: Vec<String> = password.iter().cloned().chain(url.password().map(str::to_owned)).collect();
        // sqlx has the other name only, and wants a host with a user, also where a socket is named behind it.
        let address = url.expose().replacen("mariadb://", "mysql://", 1).replacen("@/", "@localhost/", 1);
        let access = Access {
            url: &address,
            names_tls: url.names_tls(),
            password,
            ca: self.settings.ca.as_deref(),
            timeout: self.timeout,
        };
        let overlap = self.settings.overlap.0;
        let asking = async {
            match url.engine() {
                SqlEngine::Postgres => postgres::read(&access, text, since, overlap, manner, sink).await,
                SqlEngine::MySql => mysql::read(&access, text, since, overlap, manner, sink).await,
                SqlEngine::Sqlite => {
                    sqlite::read(url.file().unwrap_or_default(), text, since, overlap, manner, sink).await
                }
            }
        };
        within(self.timeout, sink, asking).await.map_err(|failure| failure.told(&url.to_string(), &secrets))
    }

    fn url(&self) -> Result<SqlUrl, SourceError> {
        let (Some(path), None) = (&self.settings.url_file, &self.settings.url) else {
            return self.settings.url.clone().ok_or_else(|| SourceError::Settings {
                problem: "source.sql.url is missing".into(),
                hint: "write url = \"postgres://...\" in [source.sql]",
            });
        };
        SqlUrl::parse(text_of(path, "source.sql.url_file")?).map_err(|e| SourceError::Settings {
            problem: format!("source.sql.url_file {}: {} is no {}: {}", path.display(), e.value, e.kind, e.reason),
            hint: "write postgres://user@host/db, mysql://user@host/db, mariadb://user@host/db or sqlite:path into it",
        })
    }
}

impl Source for Sql {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.ask(sink))
    }

    fn forget(&mut self) {
        self.since = None;
    }

    fn narrow(&mut self, ids: &[String]) -> bool {
        self.only = if self.settings.object_query.is_some() { ids.to_vec() } else { Vec::new() };
        !self.only.is_empty()
    }

    fn describe(&self) -> String {
        format!("sql {}", self.shown)
    }
}

/// Waits for `asking` for as long as `limit`, not counting the time that the pipeline is behind.
async fn within<T>(
    limit: Option<Duration>,
    sink: &Sink,
    asking: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(limit) = limit else { return asking.await };
    let mut asking = std::pin::pin!(asking);
    let (begun, stalled) = (Instant::now(), sink.stalled());
    loop {
        let used = begun.elapsed().saturating_sub(sink.stalled().saturating_sub(stalled));
        if used >= limit && !sink.is_stalled() {
            return Err(Failure::TimedOut(Stage::Query, limit));
        }
        // A little more: the server's own limit tells the same, and ends the query there.
        let left = limit.saturating_sub(used).max(Duration::from_millis(50)) + Duration::from_millis(200);
        tokio::select! {
            result = &mut asking => return result,
            () = tokio::time::sleep(left) => {}
        }
    }
}

fn text_of(path: &Path, key: &str) -> Result<String, SourceError> {
    let wrong = |cause: io::Error| SourceError::Io {
        what: format!("{key} {}", path.display()),
        cause,
        hint: "is it mounted, and may the user that ralphext runs as read it?",
    };
    Ok(fs::read_to_string(path).map_err(wrong)?.trim_end_matches(['\r', '\n']).to_owned())
}
