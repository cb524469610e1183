//! What is impossible in `[source.table]`. It must not read a file.

use super::Rules;
use crate::settings::SourceKind;

impl Rules<'_> {
    pub(super) fn table(&mut self) {
        let source = &self.settings.source;
        if source.kind != SourceKind::File {
            if source.table.is_some() {
                self.unused("source.table");
            }
            return;
        }
        let table = &source.table.clone().unwrap_or_default();
        if table.delimiter.is_some() && table.delimiter().is_none() {
            let hint = "write one character such as \";\", or \"tab\"";
            self.refuse(&["source.table.delimiter"], "it is not one character", hint);
        }
        let path = source.path.as_deref();
        if source.table.is_some() && path.is_some_and(|path| table.format_of(path).is_none()) {
            let hint = "write format = \"csv\" or \"xlsx\" in [source.table]";
            let keys = ["source.table.format", "source.path", "source.table"];
            self.refuse(&keys, "the name of source.path does not say what kind of table it is", hint);
        }
        if path.is_some_and(|path| table.format_of(path).is_some()) && source.items.is_some() {
            self.refuse(&["source.items", "source.path"], "a table has rows, and no pointers", "remove it");
        }
    }
}
