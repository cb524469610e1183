//! MySQL and MariaDB: rows as they come, in a transaction that can only read. It must not know what rows mean.

use std::{borrow::Cow, str::FromStr, time::Duration};

use futures_util::StreamExt;
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Decode, Executor, MySql, MySqlConnection, Row, SqlSafeStr,
    Statement, Type, TypeInfo, ValueRef,
    mysql::{MySqlConnectOptions, MySqlRow, MySqlSslMode, MySqlValueRef},
};

use super::{
    Access,
    error::{Failure, Stage},
    out::{Manner, Out},
    query,
};
use crate::{
    settings::SqlEngine,
    sources::{Sink, rows::Cell},
};

/// The parameter: a variable of the session, bound as a value. Only queries without parameters give their rows as text.
const PARAMETER: &str = "CAST(@ralphext_changed_since AS DATETIME(6))";
/// How long the server waits until we take more: as long as the pipeline may be behind.
const PATIENCE_S: u32 = 3600;

/// Asks once; the answer is the time to ask for changes from next time.
pub(super) async fn read(
    access: &Access<'_>,
    text: &str,
    since: &str,
    overlap: Duration,
    manner: &Manner,
    sink: &Sink,
) -> Result<String, Failure> {
    let query = query::prepare(text, SqlEngine::MySql, PARAMETER)?;
    let mut options = MySqlConnectOptions::from_str(access.url).map_err(Failure::at(Stage::Connect))?;
    // The query means what it means by hand: SQL modes stay as they are.
    options = options.pipes_as_concat(false).no_engine_substitution(false).disable_statement_logging();
    if let Some(password) = &access.password {
        options = options.password(password);
    }
    if let Some(ca) = access.ca {
        options = options.ssl_ca(ca);
        if !access.names_tls {
            options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
        }
    }
    let mut connection = access.in_time(MySqlConnection::connect_with(&options)).await?;
    let now = begin(&mut connection, access.timeout, since, overlap).await.map_err(Failure::at(Stage::Connect))?;
    let out = ask(&mut connection, query.text, manner, sink).await?;
    out.end().await?;
    // All is read; a transaction that only read ends with the connection, too.
    let _ = connection.close().await;
    Ok(now)
}

/// Begins the transaction; the answer is its time, minus the overlap.
async fn begin(
    connection: &mut MySqlConnection,
    timeout: Option<Duration>,
    since: &str,
    overlap: Duration,
) -> Result<String, sqlx::Error> {
    let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut *connection).await?;
    let limit = match timeout {
        None => String::new(),
        Some(timeout) if version.contains("MariaDB") => {
            format!("SET SESSION max_statement_time = {:.3}; ", timeout.as_secs_f64().max(0.001))
        }
        Some(timeout) => {
            format!("SET SESSION max_execution_time = {}; ", timeout.as_millis().clamp(1, u32::MAX.into()))
        }
    };
    let settings = format!(
        "{limit}SET SESSION net_write_timeout = {PATIENCE_S}; \
         SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
         SET SESSION TRANSACTION READ ONLY; \
         START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
    );
    (&mut *connection).execute(sqlx::raw_sql(AssertSqlSafe(settings))).await?;
    sqlx::query("SET @ralphext_changed_since = ?").bind(since).execute(&mut *connection).await?;
    let seconds = overlap.as_micros().min(i64::MAX as u128) as i64;
    sqlx::query_scalar("SELECT CAST(DATE_SUB(UTC_TIMESTAMP(6), INTERVAL ? MICROSECOND) AS CHAR)")
        .bind(seconds)
        .fetch_one(connection)
        .await
}

async fn ask<'s>(
    connection: &mut MySqlConnection,
    query: String,
    manner: &Manner,
    sink: &'s Sink,
) -> Result<Out<'s>, Failure> {
    // As a prepared statement it can be but one, and says which columns it has.
    let sql = AssertSqlSafe(query.clone()).into_sql_str();
    let prepared = (&mut *connection).prepare(sql).await.map_err(Failure::at(Stage::Query))?;
    let columns: Vec<String> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut out = Out::new(sink, &columns, manner)?;
    let mut rows = connection.fetch(sqlx::raw_sql(AssertSqlSafe(query)));
    while let Some(row) = rows.next().await {
        let row = row.map_err(|e| Failure::in_rows(e, out.rows()))?;
        take(&row, &mut out).map_err(|e| Failure::in_rows(e, out.rows()))?;
        out.drain().await?;
    }
    drop(rows);
    Ok(out)
}

fn take(row: &MySqlRow, out: &mut Out<'_>) -> Result<(), sqlx::Error> {
    let mut cells = Vec::with_capacity(row.len());
    for at in 0..row.len() {
        let value = row.try_get_raw(at)?;
        cells.push(if value.is_null() { Cell::Null } else { cell(value).map_err(sqlx::Error::Decode)? });
    }
    out.row(&mut cells);
    Ok(())
}

fn cell(value: MySqlValueRef<'_>) -> Result<Cell<'_>, sqlx::error::BoxDynError> {
    let name = value.type_info().name().to_owned();
    // Text that sorts by its bytes (utf8mb4_bin, JSON of MariaDB) goes by the name of bytes, and is text all the same.
    let is_text = <str as Type<MySql>>::compatible(&value.type_info());
    let bytes = <&[u8] as Decode<'_, MySql>>::decode(value)?;
    let text = String::from_utf8_lossy(bytes);
    Ok(match name.as_str() {
        "BOOLEAN" if matches!(bytes, b"0" | b"1") => Cell::Bool(bytes == b"1"),
        "DECIMAL" | "FLOAT" | "DOUBLE" | "YEAR" | "BOOLEAN" => Cell::Number(text),
        name if name.contains("INT") => Cell::Number(text),
        "BIT" if bytes.len() <= 8 => {
            Cell::Number(bytes.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)).to_string().into())
        }
        "JSON" => Cell::Json(text),
        _ if is_text => Cell::Text(text),
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" | "GEOMETRY" | "BIT" => {
            Cell::Bytes(Cow::Borrowed(bytes))
        }
        // The session is in UTC; a DATETIME is in no zone.
        "TIMESTAMP" if text.len() >= 19 => Cell::Text(format!("{}Z", text.replacen(' ', "T", 1)).into()),
        "DATETIME" if text.len() >= 19 => Cell::Text(text.replacen(' ', "T", 1).into()),
        _ => Cell::Text(text),
    })
}
