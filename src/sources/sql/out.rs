//! The way of rows into the pipeline, whatever database they are of. It must not know the database.

use std::sync::Arc;

use crate::sources::{
    Sink, SourceError,
    rows::{Cell, Layout, Rows},
};

/// Takes a query's rows.
pub(super) struct Out<'a> {
    sink: &'a Sink,
    rows: Rows,
    /// Whether the column holds JSON as text.
    json: Vec<bool>,
}

/// What all queries have in common.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// What is asked, for people.
    pub(super) origin: Arc<str>,
    /// See [`crate::settings::Sql::matching`].
    pub(super) matching: Vec<String>,
    /// See [`crate::settings::Sql::json`].
    pub(super) json: Vec<String>,
    /// Rows are told as they are: `source.map` makes records of them.
    pub(super) is_mapped: bool,
    /// Longest record in bytes.
    pub(super) max_line: usize,
    /// Rows are changes.
    pub(super) is_delta: bool,
}

impl<'a> Out<'a> {
    /// For rows of these columns.
    ///
    /// # Errors
    /// When no column says whose a row is, or one is there twice.
    pub(super) fn new(sink: &'a Sink, columns: &[String], manner: &Manner) -> Result<Self, SourceError> {
        if columns.is_empty() {
            return Err(SourceError::Settings {
                problem: "the query gives no columns: it does not read".into(),
                hint: "write a SELECT; the source only reads",
            });
        }
        let layout = if manner.is_mapped { Layout::raw(columns)? } else { Layout::records(columns, &manner.matching)? };
        if let Some(missing) = manner.json.iter().find(|name| !columns.contains(name)) {
            return Err(SourceError::Settings {
                problem: format!("source.sql.json names the column {missing}, which the query does not give"),
                hint: "name columns of the query's result",
            });
        }
        let rows = Rows::new(manner.origin.clone(), layout, manner.max_line).of_delta(manner.is_delta);
        Ok(Self { sink, rows, json: columns.iter().map(|name| manner.json.contains(name)).collect() })
    }

    /// Takes one row; what it makes ready waits for [`Self::drain`].
    pub(super) fn row(&mut self, cells: &mut [Cell<'_>]) {
        for (cell, _) in cells.iter_mut().zip(&self.json).filter(|(_, is_json)| **is_json) {
            cell.read_json();
        }
        self.rows.push(self.rows.rows() + 1, cells);
    }

    /// Hands over what is ready; waits while the pipeline is behind.
    pub(super) async fn drain(&mut self) -> Result<(), SourceError> {
        while let Some(item) = self.rows.pop() {
            self.sink.send(item).await?;
        }
        Ok(())
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows.rows()
    }

    /// Hands over the rest.
    pub(super) async fn end(mut self) -> Result<(), SourceError> {
        self.rows.flush();
        self.drain().await
    }
}
