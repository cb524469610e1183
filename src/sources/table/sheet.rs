//! Spreadsheets, within bounds: they are packed, and held in memory. It must not know what the cells mean.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
};

use calamine::{Data, Ods, Range, Reader, Xlsx};

use super::{Out, Table};
use crate::{
    settings::TableFormat,
    sources::{SourceError, rows::Cell},
};

/// Most parts of a spreadsheet's file.
const PARTS: usize = 10_000;

pub(super) fn read(table: &Table, out: Out<'_>) -> Result<(), SourceError> {
    let mut file = BufReader::new(File::open(&table.path).map_err(|e| table.io(e))?);
    bounded(table, &mut file)?;
    file.rewind().map_err(|e| table.io(e))?;
    let range = match table.format {
        TableFormat::Ods => range(table, Ods::new(file)),
        _ => range(table, Xlsx::new(file)),
    }?;
    rows(table, &range, out)
}

/// Unpacks everything once and counts: what the file says of its own sizes may be a lie.
fn bounded(table: &Table, file: &mut (impl Read + Seek)) -> Result<(), SourceError> {
    let hint = "save it again, as a spreadsheet of the kind that its name says";
    let broken = |e: zip::result::ZipError| table.wrong(format!("is no spreadsheet: {e}"), hint);
    let mut parts = zip::ZipArchive::new(file).map_err(broken)?;
    let max = table.settings.max_size.bytes();
    let mut left = max;
    let too_large = || {
        let hint = "raise source.table.max_size if that is right, or keep other sheets in another file";
        table.wrong(format!("has more than {} bytes, unpacked", table.settings.max_size), hint)
    };
    if parts.len() > PARTS {
        return Err(too_large());
    }
    for at in 0..parts.len() {
        let part = parts.by_index(at).map_err(broken)?;
        let read = io::copy(&mut part.take(left + 1), &mut io::sink());
        let read = read.map_err(|e| table.wrong(format!("is damaged: {e}"), hint))?;
        left = left.checked_sub(read).ok_or_else(too_large)?;
    }
    Ok(())
}

fn range<R: Read + Seek, B: Reader<R>>(table: &Table, book: Result<B, B::Error>) -> Result<Range<Data>, SourceError>
where
    B::Error: std::fmt::Display,
{
    let hint = "save it again, as a spreadsheet of the kind that its name says";
    let mut book = book.map_err(|e| table.wrong(format!("is no spreadsheet: {e}"), hint))?;
    let names = book.sheet_names();
    let name = match &table.settings.sheet {
        Some(name) => names.iter().find(|other| *other == name).ok_or_else(|| {
            let problem = format!("has no sheet {name:?}; it has {}", names.join(", "));
            table.wrong(problem, "write one of them in source.table.sheet")
        })?,
        None => names.first().ok_or_else(|| table.wrong("has no sheet", hint))?,
    };
    book.worksheet_range(name).map_err(|e| table.wrong(format!("cannot be read: sheet {name:?}: {e}"), hint))
}

fn rows(table: &Table, range: &Range<Data>, mut out: Out<'_>) -> Result<(), SourceError> {
    let (first_row, first_column) = range.start().unwrap_or((0, 0));
    let before = first_column as usize;
    let header_row = table.settings.header_row;
    for (number, row) in (first_row + 1..).zip(range.rows()) {
        if number < header_row {
            continue;
        }
        // Columns before the first that holds something have no name.
        let cells: Vec<Cell<'_>> = std::iter::repeat_n(Cell::Null, before).chain(row.iter().map(cell)).collect();
        if number == header_row {
            let names: Vec<String> =
                std::iter::repeat_n(String::new(), before).chain(row.iter().map(|cell| cell.to_string())).collect();
            out.header(&names)?;
        } else {
            out.row(u64::from(number), &cells)?;
        }
    }
    out.end()
}

/// Dates as ISO 8601, whole numbers without a point; what could not be computed (`#N/A`) is nothing.
fn cell(data: &Data) -> Cell<'_> {
    match data {
        Data::Empty | Data::Error(_) => Cell::Null,
        Data::Bool(truth) => Cell::Bool(*truth),
        Data::Int(number) => Cell::Number(number.to_string().into()),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Cell::Number((*number as i64).to_string().into())
        }
        Data::Float(number) => Cell::Float(*number),
        Data::String(text) if text.trim().is_empty() => Cell::Null,
        Data::String(text) => Cell::Text(text.trim().into()),
        Data::DateTimeIso(text) | Data::DurationIso(text) => Cell::Text(text.as_str().into()),
        Data::DateTime(time) if time.is_duration() => Cell::Float(time.as_f64()),
        Data::DateTime(time) => match time.as_datetime() {
            None => Cell::Float(time.as_f64()),
            Some(at) => {
                let text = at.to_string().replace(' ', "T");
                let text = text.strip_suffix("T00:00:00").map_or(text.clone(), str::to_owned);
                Cell::Text(text.into())
            }
        },
    }
}
