//! What a database said is wrong, in words with a hint, and never with a password. It must not connect.

use std::{path::PathBuf, time::Duration};

use sqlx::{error::DatabaseError, mysql::MySqlDatabaseError};

use crate::{
    settings::{HumanDuration, MASK},
    sources::SourceError,
};

/// How far it had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is no connection that could be asked.
    Connect,
    /// The query was sent.
    Query,
    /// So many rows were there.
    Rows(u64),
}

/// Why asking failed, before it is put in words.
#[derive(Debug)]
pub(super) enum Failure {
    /// In words already.
    Told(SourceError),
    /// The file of SQLite is not there.
    Missing(PathBuf),
    /// The database, or the way to it.
    Sql(Stage, sqlx::Error),
    /// It took too long, or no connection was there in time.
    TimedOut(Stage, Duration),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Told(error)
    }
}

impl Failure {
    /// Makes one of an error at this stage.
    pub(super) fn at(stage: Stage) -> impl Fn(sqlx::Error) -> Self {
        move |error| Self::Sql(stage, error)
    }

    /// One of an error behind this many rows.
    pub(super) fn in_rows(error: sqlx::Error, rows: u64) -> Self {
        Self::Sql(if rows == 0 { Stage::Query } else { Stage::Rows(rows) }, error)
    }

    /// The failure in words; `server` is the address without its password, `secrets` must not be in them.
    pub(super) fn told(self, server: &str, secrets: &[String]) -> SourceError {
        let (stage, error) = match self {
            Self::Told(error) => return error,
            Self::Missing(path) => {
                return SourceError::Missing {
                    path,
                    hint: "check source.sql.url; nothing is removed while it is missing",
                };
            }
            Self::TimedOut(Stage::Connect, after) => {
                let problem = format!("{server} did not answer within {}", HumanDuration(after));
                let hint = "is it reachable from here? check host and port in source.sql.url, and what is in between";
                return database("timed_out", problem, None, hint);
            }
            Self::TimedOut(_, after) => {
                let problem = format!("the query did not end within {} at {server}", HumanDuration(after));
                return database("timed_out", problem, None, SLOW);
            }
            Self::Sql(stage, error) => (stage, error),
        };
        let scrub = |text: String| {
            let text = text.replace(['\n', '\r'], " ");
            secrets.iter().filter(|s| !s.is_empty()).fold(text, |text, secret| text.replace(secret.as_str(), MASK))
        };
        match error {
            sqlx::Error::Database(said) => {
                let (code, hint, is_slow) = judge(said.as_ref());
                let problem = match stage {
                    Stage::Connect => format!("{server} refuses the connection ({code})"),
                    _ => format!("the query failed at {server} ({code})"),
                };
                let kind = if is_slow { "timed_out" } else { "database" };
                let more = match stage {
                    Stage::Rows(rows) => format!("{} (after {rows} rows)", said.message()),
                    _ => said.message().to_owned(),
                };
                database(kind, problem, Some(scrub(more)), hint)
            }
            error => {
                let (problem, hint) = match (&error, stage) {
                    _ if is_tls(&error) => (
                        format!("no TLS with {server}"),
                        "is source.sql.ca the authority that signed the server's certificate, and the host the one it is for?",
                    ),
                    (sqlx::Error::Configuration(_), _) => {
                        (format!("{server} is no usable address"), "compare it with the examples in docs/sources.md")
                    }
                    (_, Stage::Connect) => (
                        format!("cannot connect to {server}"),
                        "is the server running and reachable from here? check host and port in source.sql.url",
                    ),
                    (_, Stage::Query) => (format!("the query failed at {server}"), "run it by hand as the same user"),
                    (_, Stage::Rows(_)) => (
                        format!("the connection to {server} was lost in the middle of the result"),
                        "what came is kept, nothing is removed, and the next pass asks again",
                    ),
                };
                let cause = match stage {
                    Stage::Rows(rows) => format!("{} (after {rows} rows)", plain(&error)),
                    _ => plain(&error),
                };
                database("database", problem, Some(scrub(cause)), hint)
            }
        }
    }
}

const SLOW: &str = "raise source.timeout, or make the query faster: EXPLAIN says where its time goes";

fn database(kind: &'static str, problem: String, cause: Option<String>, hint: &'static str) -> SourceError {
    SourceError::Database { kind, problem, cause, hint }
}

/// An error without the words that sqlx puts before it.
fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(cause) => cause.to_string(),
        sqlx::Error::Tls(cause) | sqlx::Error::Configuration(cause) => cause.to_string(),
        error => error.to_string(),
    }
}

/// Whether the server's certificate, or TLS as a whole, is what is wrong.
fn is_tls(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(cause) => cause.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    }
}

/// Code, hint, and whether it is about time.
fn judge(said: &dyn DatabaseError) -> (String, &'static str, bool) {
    if let Some(said) = said.try_downcast_ref::<MySqlDatabaseError>() {
        let hint = of_mysql(said.number());
        return (format!("error {}", said.number()), hint, hint == SLOW);
    }
    let code = said.code().unwrap_or_default();
    let hint = if code.len() == 5 { of_postgres(&code) } else { of_sqlite(&code, said.message()) };
    let shown = if code.len() == 5 { format!("SQLSTATE {code}") } else { format!("error {code}") };
    (shown, hint, hint == SLOW)
}

const PASSWORD: &str = "check the user in source.sql.url, and source.sql.password_file";
const NO_DATABASE: &str = "check the database's name, the last part of source.sql.url";
const RIGHTS: &str = "let the user read it: GRANT SELECT ON ... TO ...";
const NAMES: &str = "check the names in the query, and which database and schema the user is in";
const WRITES: &str = "the query runs in a transaction that can only read; leave out what writes";
const AGAIN: &str = "it is tried again; nothing is removed meanwhile";
const BY_HAND: &str = "run the query by hand as the same user";
const SYNTAX: &str = "run the query by hand: psql, mariadb and sqlite3 point at the place";

/// By SQLSTATE (PostgreSQL's manual, appendix A).
fn of_postgres(code: &str) -> &'static str {
    match code {
        "28P01" => PASSWORD,
        "28000" => "check the user in source.sql.url, and what pg_hba.conf allows it",
        "3D000" => NO_DATABASE,
        "42501" => RIGHTS,
        "42P01" | "42703" | "3F000" | "42883" | "42704" => NAMES,
        "25006" => WRITES,
        "0A000" => "the query has to be one SELECT that only reads",
        "57014" => SLOW,
        "42601" => SYNTAX,
        _ if ["08", "53", "57"].contains(&&code[..2]) => AGAIN,
        _ => BY_HAND,
    }
}

/// By error number (MySQL's reference of server errors; MariaDB's from 1900 to 1999 are its own).
fn of_mysql(number: u16) -> &'static str {
    match number {
        1045 | 1698 | 1251 => PASSWORD,
        1049 => NO_DATABASE,
        1044 | 1142 | 1143 => RIGHTS,
        1146 | 1054 | 1305 => NAMES,
        1792 | 1290 => WRITES,
        1969 | 3024 => SLOW,
        1064 => SYNTAX,
        1040 | 1053 | 1077 | 1203 | 1226 => AGAIN,
        _ => BY_HAND,
    }
}

/// By primary result code (sqlite.org/rescode.html).
fn of_sqlite(code: &str, message: &str) -> &'static str {
    let primary = code.parse::<u32>().map_or(0, |code| code & 0xff);
    match primary {
        1 if message.starts_with("no such") => NAMES,
        1 => SYNTAX,
        5 | 6 => "somebody writes to the file for long; let it use WAL: PRAGMA journal_mode=WAL",
        8 => WRITES,
        9 => SLOW,
        14 => {
            "let the user that ralphext runs as read the file and its directory; with WAL, write to the directory too"
        }
        26 => "source.sql.url names a file that is no SQLite database",
        11 => "the file is damaged: PRAGMA integrity_check",
        _ => BY_HAND,
    }
}
