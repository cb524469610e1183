//! The source of kind `file`: a file or a directory, read to its end on a thread and watched. It must not know how often.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    BoxFuture, Sink, Source, SourceError,
    cut::{Cutter, Forms},
    directory,
    pump::{self, Outlet},
    table::Table,
    watch::Watch,
};
use crate::{model::Ending, settings};

/// The source of kind `file`.
pub(super) struct File {
    path: PathBuf,
    max_line: usize,
    forms: Forms,
    table: Option<Table>,
    watch: Option<Watch>,
    /// The only objects that the next fetch asks for; none: all.
    only: Vec<String>,
}

impl File {
    pub(super) fn new(settings: &settings::Source, max_line: usize, watch: bool) -> Result<Self, SourceError> {
        let Some(path) = settings.path.as_ref().filter(|path| !path.as_os_str().is_empty()) else {
            return Err(SourceError::Settings {
                problem: "source.kind = \"file\" needs source.path".into(),
                hint: "write path = \"facts.ndjson\", or the path of a directory, under [source]",
            });
        };
        let watch = watch.then(|| Watch::new(path)).flatten();
        let (forms, table) = (Forms::of(settings.items.as_deref()), Table::of(settings, path, max_line));
        Ok(Self { path: path.clone(), max_line, forms, table, watch, only: Vec::new() })
    }

    async fn read(&mut self, sink: &Sink) -> Result<Ending, SourceError> {
        let only = std::mem::take(&mut self.only);
        if !only.is_empty() {
            let (path, max, what) = (self.path.clone(), self.max_line, self.path.display().to_string());
            return pump::on_thread(sink, &what, move |outlet| directory::read_some(&path, &only, max, outlet)).await;
        }
        if let Some(watch) = &mut self.watch {
            // Before the first byte is read: a change from here on is seen by this fetch or by the watch.
            watch.arm();
        }
        let (path, max_line, forms) = (self.path.clone(), self.max_line, self.forms.clone());
        let what = self.path.display().to_string();
        let table = self.table.clone();
        let job = move |outlet: &Outlet| match table {
            Some(table) => table.read(outlet),
            None => read(&path, max_line, forms, outlet),
        };
        let ending = pump::on_thread(sink, &what, job).await?;
        if ending == Ending::Complete && self.watch.as_ref().is_some_and(Watch::is_being_written) {
            tracing::debug!(path = %self.path.display(), "somebody is writing the file: not taken for complete");
            return Ok(Ending::Open);
        }
        Ok(ending)
    }
}

impl Source for File {
    fn fetch<'a>(&'a mut self, sink: &'a Sink) -> BoxFuture<'a, Result<Ending, SourceError>> {
        Box::pin(self.read(sink))
    }

    fn forget(&mut self) {
        if let Some(table) = &self.table {
            table.forget();
        }
    }

    fn narrow(&mut self, ids: &[String]) -> bool {
        self.only = if self.table.is_none() && self.path.is_dir() { ids.to_vec() } else { Vec::new() };
        !self.only.is_empty()
    }

    fn changed<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        match &mut self.watch {
            Some(watch) => Box::pin(watch.changed()),
            None => Box::pin(std::future::pending()),
        }
    }

    fn describe(&self) -> String {
        format!("file {}", self.path.display())
    }
}

fn read(path: &Path, max_line: usize, forms: Forms, outlet: &Outlet) -> Result<Ending, SourceError> {
    let what = path.display().to_string();
    let meta = fs::metadata(path).map_err(|e| missing_or(path, e))?;
    if meta.is_dir() {
        return directory::read(path, &meta, max_line, outlet);
    }
    if !meta.is_file() {
        return Err(SourceError::Settings {
            problem: format!("source.path {what} is neither a file nor a directory"),
            hint: "use source.kind = \"stdin\" for a pipe",
        });
    }
    let file = fs::File::open(path).map_err(|e| missing_or(path, e))?;
    let before = file.metadata().map_err(|e| SourceError::io(&what, e))?;
    let mut cutter = Cutter::new(Arc::from(what.as_str()), max_line, forms);
    if !pump::pump_blocking(&file, &mut cutter, outlet, false, &what)? {
        return Err(SourceError::Nothing {
            origin: what,
            problem: "is empty",
            hint: "write {\"end\": true} into it, or [], where there are no objects",
        });
    }
    let opened = file.metadata().map_err(|e| SourceError::io(&what, e))?;
    let now = fs::metadata(path).map_err(|e| missing_or(path, e))?;
    if Stamp::of(&before) == Stamp::of(&opened) && Stamp::of(&opened) == Stamp::of(&now) {
        Ok(Ending::Complete)
    } else {
        tracing::debug!(path = what, "the file changed while it was read: not taken for complete");
        Ok(Ending::Open)
    }
}

pub(super) fn missing_or(path: &Path, cause: io::Error) -> SourceError {
    if cause.kind() == io::ErrorKind::NotFound {
        let hint = "check source.path; nothing is removed while it is missing, and it is taken as soon as it is there";
        return SourceError::Missing { path: path.to_owned(), hint };
    }
    SourceError::io(path.display().to_string(), cause)
}

/// What tells one state of a file from another: device, inode, size, and time of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    dev: u64,
    ino: u64,
    size: u64,
    mtime: (i64, i64),
}

impl Stamp {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self { dev: meta.dev(), ino: meta.ino(), size: meta.size(), mtime: (meta.mtime(), meta.mtime_nsec()) }
    }
}
