//! `[source.sql]`: which database is asked, and what. It must not connect.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Secret, SqlUrl};

/// The database of a source of kind `sql`, and its query. It is asked in a transaction that can only read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sql {
    /// Address of the database: `postgres://user@host:5432/db`, `mysql://` or `mariadb://user@host:3306/db`, or
    /// `sqlite:path` (relative to the configuration file). Parameters as their own clients have them: `?sslmode=verify-full`,
    /// `?ssl-mode=VERIFY_IDENTITY`, `?host=/run/postgresql` or `?socket=/run/mysqld/mysqld.sock`. Better than a password in
    /// here are `password_file`, or a `${VAR}`.
    pub url: Option<SqlUrl>,
    /// File that holds the whole address, in place of `url`; read at every pass. Relative to the configuration file.
    pub url_file: Option<PathBuf>,
    /// Password. Default: the one in `url`, else none. Not together with `password_file`.
    pub password: Option<Secret>,
    /// File that holds the password (a mounted secret); line breaks at its end do not count, and it is read at every
    /// pass, so that a changed secret needs no restart. Relative to the configuration file.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of the authorities that may have signed the server's, whose name is checked too then, unless the
    /// address says otherwise. Relative to the configuration file. Default: the address decides; servers of
    /// PostgreSQL and MySQL are used with TLS where they offer it, unchecked.
    pub ca: Option<PathBuf>,
    /// One `SELECT`, whose rows are the objects. A column `id` is the object's id (or columns named in `match`); `content`
    /// is its content, or else all other columns are its fields. `content_type` says what `content` is; a row whose `deleted`
    /// is true has no content any more.
    pub query: Option<String>,
    /// File that holds the query, in place of `query`; read at every pass. Relative to the configuration file.
    pub query_file: Option<PathBuf>,
    /// One `SELECT` for single objects, with `:ids` in the place of a list of their ids, which are texts:
    /// `SELECT id, ... WHERE CAST(id AS CHAR(128)) IN (:ids)`. It gives the columns of `query`. For `[fill]`, and for objects that are
    /// fetched anew by hand.
    pub object_query: Option<String>,
    /// Columns by which Ralph's objects are found, in place of `id`: `hostname`, `sn`, `barcode`, `ip`, `mac`, `host_id`.
    /// Default: those of them that there are, where there is no `id`.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// Columns of text that hold JSON, where the database does not know it (SQLite, MariaDB). `content` is looked at anyway.
    pub json: Vec<String>,
    /// How often all is asked for. In between, the passes ask only for what changed: `:changed_since` in the query is the
    /// database's time of the last good pass, minus `overlap`, in UTC; `1970-01-01` when all is asked for. What is gone
    /// is seen by the next full pass, or by a column `deleted`. Default: every pass is a full one.
    pub full_every: Option<HumanDuration>,
    /// How far back `:changed_since` goes beyond the last good pass: longer than the database's longest writing transaction,
    /// whose changes carry the time of its beginning and show at its end.
    pub overlap: HumanDuration,
}

impl Default for Sql {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            password: None,
            password_file: None,
            ca: None,
            query: None,
            query_file: None,
            object_query: None,
            matching: Vec::new(),
            json: Vec::new(),
            full_every: None,
            overlap: HumanDuration::from_secs(300),
        }
    }
}
