//! Files of rows and columns, CSV and spreadsheets, as records or items. It must not know what a column means.

mod csv;
mod decode;
mod sheet;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use xxhash_rust::xxh3::Xxh3;

use super::{
    SourceError,
    file::{Stamp, missing_or},
    pump::Outlet,
    rows::{Cell, Layout, Rows},
};
use crate::{
    model::{Ending, Fault, FaultKind, Fetched, Place},
    settings::{self, TableFormat},
};

/// How often a file that is being saved is looked at again before it is left to the next pass.
const LOOKS: u32 = 30;

/// A file to read, and how.
#[derive(Debug, Clone)]
pub(super) struct Table {
    path: PathBuf,
    format: TableFormat,
    settings: settings::Table,
    is_mapped: bool,
    max_line: usize,
    /// What the spreadsheet was recognised by when it was last read; the clones on threads share it.
    seen: Arc<Mutex<Option<u128>>>,
}

impl Table {
    /// The table that `source` is about; none where its file is none.
    pub(super) fn of(source: &settings::Source, path: &Path, max_line: usize) -> Option<Self> {
        let settings = source.table.clone().unwrap_or_default();
        let format = settings.format_of(path)?;
        let is_mapped = source.map.is_some();
        Some(Self { path: path.to_owned(), format, settings, is_mapped, max_line, seen: Arc::default() })
    }

    /// Reads it in any case the next time.
    pub(super) fn forget(&self) {
        self.remember(None);
    }

    fn remember(&self, digest: Option<u128>) -> Option<u128> {
        std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), digest)
    }

    /// Reads it whole; complete, if it did not change meanwhile.
    pub(super) fn read(&self, outlet: &Outlet) -> Result<Ending, SourceError> {
        let before = self.settled()?;
        let digest = self.digest()?;
        let last = self.remember(None);
        if digest.is_some() && digest == last && self.stamp()? == before {
            self.remember(digest);
            return Ok(Ending::Unchanged);
        }
        let shown: Arc<str> = Arc::from(self.path.display().to_string());
        let out = Out { outlet, table: self, origin: shown, rows: None, columns: 0 };
        match self.format {
            TableFormat::Csv => csv::read(self, out)?,
            TableFormat::Xlsx => sheet::read(self, out)?,
        }
        if self.stamp()? != before {
            return Ok(Ending::Open);
        }
        self.remember(digest);
        Ok(Ending::Complete)
    }

    /// What a spreadsheet is recognised by: unpacking and parsing it costs a hundred times as much.
    fn digest(&self) -> Result<Option<u128>, SourceError> {
        if self.format != TableFormat::Xlsx {
            return Ok(None);
        }
        let mut file = fs::File::open(&self.path).map_err(|e| missing_or(&self.path, e))?;
        let mut bytes = Digester(Xxh3::new());
        io::copy(&mut file, &mut bytes).map_err(|e| self.io(e))?;
        Ok(Some(bytes.0.digest128()))
    }

    /// Waits until nobody has changed the file for `source.table.settle`.
    fn settled(&self) -> Result<Stamp, SourceError> {
        let settle = self.settings.settle.0;
        for _ in 0..LOOKS {
            let meta = fs::metadata(&self.path).map_err(|e| missing_or(&self.path, e))?;
            let age = meta.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            // A time to come is none that one could wait for.
            let left = settle.saturating_sub(age.unwrap_or(settle));
            if left.is_zero() {
                return Ok(Stamp::of(&meta));
            }
            thread::sleep(left.max(Duration::from_millis(10)));
        }
        Err(self.wrong("is changed all the time", "save it under another name and rename it when it is whole"))
    }

    fn stamp(&self) -> Result<Stamp, SourceError> {
        Ok(Stamp::of(&fs::metadata(&self.path).map_err(|e| missing_or(&self.path, e))?))
    }

    fn wrong(&self, problem: impl std::fmt::Display, hint: &'static str) -> SourceError {
        SourceError::Table { path: self.path.clone(), problem: problem.to_string(), hint }
    }

    fn io(&self, cause: io::Error) -> SourceError {
        SourceError::io(self.path.display().to_string(), cause)
    }
}

/// Hashes what is written into it.
struct Digester(Xxh3);

impl io::Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the rows of a table, the columns' names first.
struct Out<'a> {
    outlet: &'a Outlet,
    table: &'a Table,
    origin: Arc<str>,
    rows: Option<Rows>,
    columns: usize,
}

impl Out<'_> {
    /// The names of the columns; those without a name at the end do not count.
    fn header(&mut self, names: &[String]) -> Result<(), SourceError> {
        let names: Vec<&str> = names.iter().map(|name| name.trim()).collect();
        let count = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        let names = &names[..count];
        if let Some(at) = names.iter().position(|name| name.is_empty()) {
            let hint = "give it a name, or take it out; the row with the names is source.table.header_row";
            return Err(self.table.wrong(format!("has a column without a name, number {}", at + 1), hint));
        }
        let table = self.table;
        let layout = match table.is_mapped {
            true => Layout::raw(names)?,
            false => Layout::records(names, &table.settings.matching)?,
        };
        self.columns = count;
        self.rows = Some(Rows::new(self.origin.clone(), layout, table.max_line));
        Ok(())
    }

    /// One row, which stands at `line`. One without anything in it is none. It may be short, unless it `is_whole`.
    fn row(&mut self, line: u64, cells: &[Cell<'_>], is_whole: bool) -> Result<(), SourceError> {
        let is_empty = |cell: &Cell<'_>| *cell == Cell::Null;
        if cells.iter().all(is_empty) {
            return Ok(());
        }
        let Some(rows) = &mut self.rows else { return Ok(()) };
        if cells.iter().skip(self.columns).all(is_empty) && (!is_whole || cells.len() >= self.columns) {
            rows.push(line, &cells[..cells.len().min(self.columns)]);
        } else {
            rows.flush();
            let reason = format!("it has {} cells, and {} columns have a name", cells.len(), self.columns);
            let (place, fault) = (Place { origin: self.origin.clone(), line }, Fault::new(FaultKind::BadField, reason));
            drain(rows, self.outlet)?;
            self.outlet.send(Fetched::Broken { place, id: None, fault })?;
        }
        drain(rows, self.outlet)
    }

    /// The last row was there.
    fn end(mut self) -> Result<(), SourceError> {
        let Some(rows) = &mut self.rows else {
            let hint = "its first row names the columns (source.table.header_row); an empty file is no answer";
            return Err(self.table.wrong("has no row with the names of columns", hint));
        };
        rows.flush();
        drain(rows, self.outlet)
    }
}

fn drain(rows: &mut Rows, outlet: &Outlet) -> Result<(), SourceError> {
    while let Some(item) = rows.pop() {
        outlet.send(item)?;
    }
    Ok(())
}
