//! SQLite: a file, opened so that it can only be read. It must not know what rows mean.

use std::{
    borrow::Cow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Decode, Executor, Row, Sqlite, SqliteConnection, Statement,
    TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::{
    error::{Failure, Stage},
    out::{Manner, Out},
    query,
};
use crate::{
    settings::SqlEngine,
    sources::{Sink, rows::Cell},
};

/// Rows that wait between SQLite's thread and ours.
const ROWS: usize = 8;
/// Steps of SQLite's machine between two looks at whether it is to stop.
const STEPS: i32 = 10_000;
/// How long a writer may hold the file.
const BUSY: Duration = Duration::from_secs(10);
/// Times in SQL.
const FORMAT: &str = "%Y-%m-%d %H:%M:%f";

/// Tells the query to stop when it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks once; the answer is the time to ask for changes from next time.
pub(super) async fn read(
    path: &str,
    text: &str,
    since: &str,
    overlap: Duration,
    manner: &Manner,
    sink: &Sink,
) -> Result<String, Failure> {
    let query = query::prepare(text, SqlEngine::Sqlite, "?1")?;
    if !Path::new(path).exists() {
        return Err(Failure::Missing(path.into()));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .pragma("query_only", "ON")
        .busy_timeout(BUSY)
        .row_buffer_size(ROWS)
        .thread_name(|_| "source-sqlite".into())
        .disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(Failure::at(Stage::Connect))?;
    let stop = Stop(Arc::default());
    let stopped = stop.0.clone();
    let mut handle = connection.lock_handle().await.map_err(Failure::at(Stage::Connect))?;
    handle.set_progress_handler(STEPS, move || !stopped.load(Ordering::Relaxed));
    drop(handle);
    let result = ask(&mut connection, query, since, overlap, manner, sink).await;
    drop(stop);
    // The file is only read: there is nothing that could be left undone.
    let _ = connection.close().await;
    result
}

async fn ask(
    connection: &mut SqliteConnection,
    query: query::Query,
    since: &str,
    overlap: Duration,
    manner: &Manner,
    sink: &Sink,
) -> Result<String, Failure> {
    let now = "SELECT strftime(?1, 'now', ?2)";
    let back = format!("-{} seconds", overlap.as_secs_f64());
    let now: String = sqlx::query_scalar(now)
        .bind(FORMAT)
        .bind(back)
        .fetch_one(&mut *connection)
        .await
        .map_err(Failure::at(Stage::Connect))?;
    let sql = AssertSqlSafe(query.text.clone());
    let prepared =
        (&mut *connection).prepare(sqlx::SqlSafeStr::into_sql_str(sql)).await.map_err(Failure::at(Stage::Query))?;
    let columns: Vec<String> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let is_bool: Vec<bool> = prepared.columns().iter().map(|column| column.type_info().name() == "BOOLEAN").collect();
    let mut out = Out::new(sink, &columns, manner)?;
    let mut asked = sqlx::query(AssertSqlSafe(query.text));
    if query.has_parameter {
        asked = asked.bind(since);
    }
    let mut rows = asked.fetch(connection);
    while let Some(row) = rows.next().await {
        let row = row.map_err(|e| Failure::in_rows(e, out.rows()))?;
        take(&row, &is_bool, &mut out).map_err(|e| Failure::in_rows(e, out.rows()))?;
        out.drain().await?;
    }
    drop(rows);
    out.end().await?;
    Ok(now)
}

/// Values are of the type that each of them has, whatever the column was declared as.
fn take(row: &SqliteRow, is_bool: &[bool], out: &mut Out<'_>) -> Result<(), sqlx::Error> {
    let mut cells = Vec::with_capacity(is_bool.len());
    for (at, is_bool) in is_bool.iter().enumerate() {
        let value = row.try_get_raw(at)?;
        let name = value.type_info().name().to_owned();
        let wrong = sqlx::Error::Decode;
        cells.push(match name.as_str() {
            _ if value.is_null() => Cell::Null,
            "INTEGER" | "INT8" | "BOOLEAN" => match <i64 as Decode<'_, Sqlite>>::decode(value).map_err(wrong)? {
                int @ (0 | 1) if *is_bool => Cell::Bool(int == 1),
                int => Cell::Number(int.to_string().into()),
            },
            "REAL" => Cell::Float(<f64 as Decode<'_, Sqlite>>::decode(value).map_err(wrong)?),
            "BLOB" => Cell::Bytes(Cow::Owned(<Vec<u8> as Decode<'_, Sqlite>>::decode(value).map_err(wrong)?)),
            _ => {
                // Nothing keeps a program from storing bytes as text.
                let bytes = <Vec<u8> as Decode<'_, Sqlite>>::decode(value).map_err(wrong)?;
                Cell::Text(Cow::Owned(
                    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
                ))
            }
        });
    }
    out.row(&mut cells);
    Ok(())
}
