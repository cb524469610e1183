//! `[source.table]`: how a file of rows and columns is read. It must not read it.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Size};

/// How a `file` of rows and columns is read: CSV, or a spreadsheet. The first row names the columns; each other row is an
/// object, by its column `id` or by columns that match one, or an item for `source.map`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    /// What it is. Default: by the file's extension (`.csv`, `.tsv`, `.xlsx`, `.xlsm`).
    pub format: Option<TableFormat>,
    /// What stands between the cells of CSV: one character, or `tab`. Default: found out from `,` `;` `|` and tab.
    pub delimiter: Option<String>,
    /// The code page of CSV, such as `windows-1250`. Default: found out; UTF-8 and UTF-16 by what is there, others guessed.
    pub encoding: Option<String>,
    /// The sheet, by its name. Default: the first.
    pub sheet: Option<String>,
    /// The row with the columns' names, from 1; rows above it are passed over.
    #[schemars(range(min = 1, max = 10_000))]
    pub header_row: u32,
    /// Columns by which Ralph's objects are found, in place of `id`: `hostname`, `sn`, `barcode`, `ip`, `mac`, `host_id`.
    /// Default: those of them that there are, where there is no `id`.
    #[serde(rename = "match")]
    pub matching: Vec<String>,
    /// For how long the file must not have changed: who saves it may need a moment.
    pub settle: HumanDuration,
    /// Most bytes of a spreadsheet, unpacked: it is held in memory.
    pub max_size: Size,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            format: None,
            delimiter: None,
            encoding: None,
            sheet: None,
            header_row: 1,
            matching: Vec::new(),
            settle: HumanDuration::from_secs(2),
            max_size: Size::mib(64),
        }
    }
}

impl Table {
    /// What the file at `path` is; none where it is no table.
    pub fn format_of(&self, path: &Path) -> Option<TableFormat> {
        self.format.or_else(|| {
            let extension = path.extension()?.to_str()?.to_ascii_lowercase();
            match extension.as_str() {
                "csv" | "tsv" => Some(TableFormat::Csv),
                "xlsx" | "xlsm" => Some(TableFormat::Xlsx),
                _ => None,
            }
        })
    }

    /// The delimiter that is set: an ASCII character.
    pub fn delimiter(&self) -> Option<u8> {
        match self.delimiter.as_deref()?.as_bytes() {
            b"tab" | b"\t" => Some(b'\t'),
            [one] if one.is_ascii() => Some(*one),
            _ => None,
        }
    }
}

/// Kinds of table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum TableFormat {
    /// Text: cells between delimiters.
    Csv,
    /// A spreadsheet of Excel.
    Xlsx,
}
