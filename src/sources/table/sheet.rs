//! Spreadsheets, within bounds: they are packed, and their texts are held in memory. It must not know what the cells mean.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
};

use calamine::{Data, Reader, Xlsx};

use super::{Out, Table};
use crate::sources::{SourceError, rows::Cell};

/// Most parts of a spreadsheet's file.
const PARTS: usize = 10_000;
const HINT: &str = "save it again, as a spreadsheet of the kind that its name says";

pub(super) fn read(table: &Table, out: Out<'_>) -> Result<(), SourceError> {
    let mut file = BufReader::new(File::open(&table.path).map_err(|e| table.io(e))?);
    bounded(table, &mut file)?;
    file.rewind().map_err(|e| table.io(e))?;
    let mut book = Xlsx::new(file).map_err(|e| table.wrong(format!("is no spreadsheet: {e}"), HINT))?;
    let names = book.sheet_names();
    let name = match &table.settings.sheet {
        Some(name) => names.iter().find(|other| *other == name).ok_or_else(|| {
            let problem = format!("has no sheet {name:?}; it has {}", names.join(", "));
            table.wrong(problem, "write one of them in source.table.sheet")
        })?,
        None => names.first().ok_or_else(|| table.wrong("has no sheet", HINT))?,
    };
    rows(table, &mut book, name, out)
}

/// Unpacks everything once and counts: what the file says of its own sizes may be a lie.
fn bounded(table: &Table, file: &mut (impl Read + Seek)) -> Result<(), SourceError> {
    let broken = |e: zip::result::ZipError| table.wrong(format!("is no spreadsheet: {e}"), HINT);
    let mut parts = zip::ZipArchive::new(file).map_err(broken)?;
    let mut left = table.settings.max_size.bytes();
    let too_large = || {
        let hint = "raise source.table.max_size if that is right, or keep other sheets in another file";
        table.wrong(format!("has more than {} unpacked", table.settings.max_size), hint)
    };
    if parts.len() > PARTS {
        return Err(too_large());
    }
    for at in 0..parts.len() {
        let part = parts.by_index(at).map_err(broken)?;
        let read = io::copy(&mut part.take(left + 1), &mut io::sink());
        let read = read.map_err(|e| table.wrong(format!("is damaged: {e}"), HINT))?;
        left = left.checked_sub(read).ok_or_else(too_large)?;
    }
    Ok(())
}

/// Cell by cell: two cells at the ends of a sheet are no rectangle of all that lies between them.
fn rows<R: Read + Seek>(table: &Table, book: &mut Xlsx<R>, name: &str, mut out: Out<'_>) -> Result<(), SourceError> {
    let unreadable = |e: calamine::XlsxError| table.wrong(format!("cannot be read: sheet {name:?}: {e}"), HINT);
    let mut cells = book.worksheet_cells_reader(name).map_err(unreadable)?;
    let (mut row, mut number): (Vec<Data>, u32) = (Vec::new(), 0);
    loop {
        let next = cells.next_cell().map_err(unreadable)?;
        let at = next.as_ref().map(|cell| cell.get_position());
        if at.is_none_or(|(here, _)| here + 1 != number) && number > 0 {
            take(table, &mut out, number, &row)?;
            row.clear();
        }
        let (Some(cell), Some((here, column))) = (next, at) else { break };
        number = here + 1;
        // A sheet has 16384 columns at most.
        let column = (column as usize).min(1 << 14);
        if row.len() <= column {
            row.resize(column + 1, Data::Empty);
        }
        row[column] = cell.get_value().clone().into();
    }
    out.end()
}

fn take(table: &Table, out: &mut Out<'_>, number: u32, row: &[Data]) -> Result<(), SourceError> {
    let header_row = table.settings.header_row;
    if number == header_row {
        return out.header(&row.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    if number < header_row {
        return Ok(());
    }
    out.row(u64::from(number), &row.iter().map(cell).collect::<Vec<_>>(), false)
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
