//! CSV, with whatever stands between its cells. It must not know what the cells mean.

use std::{
    fs::File,
    io::{Read, Seek},
};

use csv::{Reader, ReaderBuilder, StringRecord};

use super::{Out, Table, decode};
use crate::sources::{SourceError, rows::Cell};

/// Bytes that are looked at to find out what it is.
const SAMPLE: u64 = 256 << 10;
/// Records that are looked at.
const RECORDS: usize = 50;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(super) fn read(table: &Table, mut out: Out<'_>) -> Result<(), SourceError> {
    let mut file = File::open(&table.path).map_err(|e| table.io(e))?;
    let mut sample = Vec::new();
    (&mut file).take(SAMPLE).read_to_end(&mut sample).map_err(|e| table.io(e))?;
    file.rewind().map_err(|e| table.io(e))?;
    let encoding = match &table.settings.encoding {
        Some(name) => decode::named(name).ok_or_else(|| {
            table.wrong(format!("cannot be read as {name:?}"), "write a code page such as windows-1250, or utf-8")
        })?,
        None => decode::guess(&sample),
    };
    let header_row = table.settings.header_row as usize;
    let is_tsv = table.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsv"));
    let delimiter = match table.settings.delimiter() {
        Some(set) => set,
        None if is_tsv => b'\t',
        None => delimiter(&decode::whole(&sample, encoding), header_row),
    };
    let mut text = decode::Text::new(file, encoding);
    let mut reader = reader(&mut text, delimiter);
    let mut record = StringRecord::new();
    let mut number = 0;
    let outcome = loop {
        match reader.read_record(&mut record) {
            Ok(false) => break Ok(()),
            Ok(true) => {}
            Err(e) => break Err(e),
        }
        number += 1;
        let line = record.position().map_or(0, csv::Position::line);
        if number < header_row {
            continue;
        }
        if number == header_row {
            out.header(&record.iter().map(str::to_owned).collect::<Vec<_>>())?;
            continue;
        }
        let cells: Vec<Cell<'_>> = record.iter().map(cell).collect();
        out.row(line, &cells, true)?;
    };
    drop(reader);
    if text.had_errors() {
        let hint = "write its code page in source.table.encoding";
        return Err(table.wrong(format!("is no text in {}", encoding.name()), hint));
    }
    outcome.map_err(|e| table.wrong(format!("is no CSV: {e}"), "open it in an editor and look at that line"))?;
    out.end()
}

fn reader<R: Read>(text: R, delimiter: u8) -> Reader<R> {
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text)
}

fn cell(text: &str) -> Cell<'_> {
    let text = text.trim();
    if text.is_empty() { Cell::Null } else { Cell::Text(text.into()) }
}

/// What stands between the cells: what cuts all rows into the same number, the largest that there is.
fn delimiter(sample: &str, header_row: usize) -> u8 {
    let score = |delimiter: &u8| {
        let mut counts = Vec::new();
        let mut reader = reader(sample.as_bytes(), *delimiter);
        for record in reader.records().skip(header_row - 1).take(RECORDS).flatten() {
            counts.push(record.len());
        }
        // The last one may be cut off.
        if counts.len() > 2 {
            counts.pop();
        }
        let first = counts.first().copied().unwrap_or(0);
        let same = counts.iter().filter(|count| **count == first).count();
        if first < 2 { 0 } else { same * 1000 / counts.len().max(1) + first }
    };
    // Of several that are as good, the first.
    DELIMITERS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_cells_is_found() {
        for (text, expected) in [
            ("id,name\n1,a\n2,b\n", b','),
            ("id;name;price\n1;a;1,50\n2;b;2,70\n", b';'),
            ("id\tname\n1\ta, b\n", b'\t'),
            ("id|name\n1|\"x|y\"\n", b'|'),
            ("id\n1\n2\n", b','),
            ("", b','),
        ] {
            assert_eq!(delimiter(text, 1), expected, "{text}");
        }
    }
}
