//! PostgreSQL: a cursor in a transaction that can only read; the server makes the JSON. It must not know what rows mean.

use std::{borrow::Cow, str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Executor, PgConnection, Row, SqlSafeStr, Statement, TypeInfo,
    ValueRef,
    postgres::{PgConnectOptions, PgRow, PgSslMode},
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

/// The parameter, where a cursor's query cannot have one: a setting of the transaction, bound as a value.
const PARAMETER: &str = "current_setting('ralphext.changed_since')::timestamptz";
/// Bytes that one step of the cursor should bring.
const STEP: usize = 1 << 20;
/// Rows of the first step, when nobody knows how large they are, and of any.
const ROWS: (usize, usize) = (16, 10_000);

/// How a column comes, and as what it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Bool,
    Number,
    Text,
    Json,
}

/// Asks once; the answer is the time to ask for changes from next time.
pub(super) async fn read(
    access: &Access<'_>,
    text: &str,
    since: &str,
    overlap: Duration,
    manner: &Manner,
    sink: &Sink,
) -> Result<String, Failure> {
    let query = query::prepare(text, SqlEngine::Postgres, PARAMETER)?;
    let mut options = PgConnectOptions::from_str(access.url).map_err(Failure::at(Stage::Connect))?;
    options = options.application_name("ralphext").disable_statement_logging();
    if let Some(password) = &access.password {
        options = options.password(password);
    }
    if let Some(ca) = access.ca {
        options = options.ssl_root_cert(ca);
        if !access.names_tls {
            options = options.ssl_mode(PgSslMode::VerifyFull);
        }
    }
    let connecting = PgConnection::connect_with(&options);
    let mut connection = access.in_time(connecting).await?;
    let now = begin(&mut connection, access.timeout, since, overlap).await.map_err(Failure::at(Stage::Connect))?;
    let out = ask(&mut connection, &query.text, manner, sink).await?;
    out.end().await?;
    // All is read; a transaction that only read ends with the connection, too.
    let _ = connection.close().await;
    Ok(now)
}

/// Begins the transaction; the answer is its time, minus the overlap.
async fn begin(
    connection: &mut PgConnection,
    timeout: Option<Duration>,
    since: &str,
    overlap: Duration,
) -> Result<String, sqlx::Error> {
    let timeout_ms = timeout.map_or(0, |timeout| timeout.as_millis().min(i32::MAX as u128));
    let settings = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
         SET LOCAL statement_timeout = {timeout_ms};
         SET LOCAL idle_in_transaction_session_timeout = 0;
         SET LOCAL cursor_tuple_fraction = 1;
         SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'iso_8601'"
    );
    (&mut *connection).execute(sqlx::raw_sql(AssertSqlSafe(settings))).await?;
    let sql = "SELECT set_config('ralphext.changed_since', $1, true), \
               to_char(transaction_timestamp() - make_interval(secs => $2), 'YYYY-MM-DD HH24:MI:SS.USOF')";
    let row = sqlx::query(sql).bind(since).bind(overlap.as_secs_f64()).persistent(false).fetch_one(connection).await?;
    row.try_get(1)
}

async fn ask<'s>(
    connection: &mut PgConnection,
    query: &str,
    manner: &Manner,
    sink: &'s Sink,
) -> Result<Out<'s>, Failure> {
    let at_query = || Failure::at(Stage::Query);
    // As a prepared statement it can be but one, and says which columns it has.
    let sql = AssertSqlSafe(query.to_owned()).into_sql_str();
    let prepared = (&mut *connection).prepare(sql).await.map_err(at_query())?;
    let columns: Vec<String> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let forms: Vec<Form> = prepared.columns().iter().map(|column| form(column.type_info().name()).0).collect();
    let selected = prepared.columns().iter().enumerate().map(|(at, column)| {
        let (_, before, behind) = form(column.type_info().name());
        format!("{before}q.c{at}{behind}")
    });
    let selected = selected.collect::<Vec<_>>().join(", ");
    let names = (0..columns.len()).map(|at| format!("c{at}")).collect::<Vec<_>>().join(", ");
    let mut out = Out::new(sink, &columns, manner)?;
    // A comment at the query's end ends at the line's.
    let cursor = format!("DECLARE ralphext NO SCROLL CURSOR FOR SELECT {selected} FROM ({query}\n) AS q({names})");
    (&mut *connection).execute(sqlx::raw_sql(AssertSqlSafe(cursor))).await.map_err(at_query())?;
    let mut step = ROWS.0;
    loop {
        let sql = format!("FETCH {step} FROM ralphext");
        // Taken as a whole, so that the server's time limit does not count how long the pipeline takes.
        let rows = (&mut *connection).fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        let rows = rows.map_err(|e| Failure::in_rows(e, out.rows()))?;
        let mut bytes = 0;
        for row in &rows {
            bytes += take(row, &forms, &mut out).map_err(|e| Failure::in_rows(e, out.rows()))?;
        }
        let count = rows.len();
        drop(rows);
        out.drain().await?;
        if count < step {
            return Ok(out);
        }
        step = (STEP / (bytes / count).max(1)).clamp(1, ROWS.1).min(step * 4);
    }
}

/// How a column of this type is asked for: as its text, or as JSON that the server makes.
fn form(name: &str) -> (Form, &'static str, &'static str) {
    match name {
        "BOOL" => (Form::Bool, "", "::text"),
        "INT2" | "INT4" | "INT8" | "OID" | "FLOAT4" | "FLOAT8" | "NUMERIC" => (Form::Number, "", "::text"),
        "TEXT" | "VARCHAR" | "CHAR" | "\"CHAR\"" | "NAME" | "BPCHAR" | "UUID" | "INET" | "CIDR" | "MACADDR"
        | "MACADDR8" | "citext" | "XML" => (Form::Text, "", "::text"),
        "JSON" | "JSONB" => (Form::Json, "", "::text"),
        // Base64 as in all of ralphext, without its line breaks.
        "BYTEA" => (Form::Text, "replace(encode(", ", 'base64'), E'\\n', '')"),
        // Dates in ISO 8601, arrays, composites, ranges, enums.
        _ => (Form::Json, "to_json(", ")::text"),
    }
}

fn take(row: &PgRow, forms: &[Form], out: &mut Out<'_>) -> Result<usize, sqlx::Error> {
    let (mut cells, mut bytes) = (Vec::with_capacity(forms.len()), 0);
    for (at, form) in forms.iter().enumerate() {
        let value = row.try_get_raw(at)?;
        if value.is_null() {
            cells.push(Cell::Null);
            continue;
        }
        let text = value.as_str().map_err(sqlx::Error::Decode)?;
        bytes += text.len();
        let text = Cow::Borrowed(text);
        cells.push(match form {
            Form::Bool => Cell::Bool(text.starts_with('t')),
            Form::Number => Cell::Number(text),
            Form::Text => Cell::Text(text),
            Form::Json => Cell::Json(text),
        });
    }
    out.row(&mut cells);
    Ok(bytes)
}
