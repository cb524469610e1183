//! Keeps what a source that tells changes said last of each object, or each of several inputs, over crashes of the process and
//! losses in Redis: one file a service, in which every commit is whole or not there. It must not know Redis, nor what a record
//! means.

mod parts;
mod scratch;

pub use parts::{Object, Part, PartChange};
pub use scratch::Scratch;

use std::{
    ops::Bound::{Excluded, Unbounded},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition};

use crate::model::{ServiceName, UnixMs, Version};

/// By object id: the record as the source said it.
const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records.v1");
/// By object id: when the source removed it, unix ms. A copy of Redis from before may bring it back.
const REMOVED: TableDefinition<'_, &str, u64> = TableDefinition::new("removed.v1");
/// By object id and input: the digest's prefix, and behind it the content.
const PARTS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("parts.v1");
/// Numbers under a name.
const MARKS: TableDefinition<'_, &str, u64> = TableDefinition::new("marks.v1");
/// No version written to Redis out of this spool is greater than this.
const MARK: &str = "version";
/// How often removals that are too old to matter are forgotten.
const FORGET_EVERY_MS: u64 = 3_600_000;

/// Why a spool could not be used.
#[derive(Debug, thiserror::Error)]
#[error("spool {path}: {cause}", path = path.display())]
pub struct SpoolError {
    path: PathBuf,
    cause: String,
    is_in_use: bool,
}

impl SpoolError {
    /// Whether another process has it open.
    pub fn is_in_use(&self) -> bool {
        self.is_in_use
    }

    /// What is wrong, without where.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// What a user can do.
    pub fn hint(&self) -> &'static str {
        "source.spool has to be a directory on a local disk that this process alone writes to, with room to spare"
    }
}

/// Whether a spool could be kept in `folder`, and how many bytes are free there; nothing is created.
///
/// # Errors
/// When neither it nor what it would be created in can be written to.
pub fn look(folder: &Path) -> Result<u64, SpoolError> {
    use rustix::fs::{Access, access, statvfs};
    let failed = |cause: String| SpoolError { path: folder.to_owned(), cause, is_in_use: false };
    let is_there = |path: &&Path| path.symlink_metadata().is_ok();
    let found = folder.ancestors().find(is_there).filter(|path| !path.as_os_str().is_empty());
    let found = found.unwrap_or_else(|| Path::new("."));
    let shown = found.display();
    if !found.is_dir() {
        return Err(failed(format!("{shown} is no directory")));
    }
    access(found, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|e| failed(format!("{shown} cannot be written to: {}", std::io::Error::from(e))))?;
    let disk = statvfs(found).map_err(|e| failed(format!("{shown}: {}", std::io::Error::from(e))))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// One change: an object's id, and its record; none removes it.
pub type Change = (String, Option<Vec<u8>>);

/// See the module. Its calls block.
pub struct Spool {
    path: PathBuf,
    database: Database,
    /// How long removals are kept.
    keep_removed_ms: u64,
    forgot_at: AtomicU64,
    /// See [`Spool::owe`].
    owes: AtomicBool,
}

/// What is written to in one commit.
struct Tables<'t> {
    records: Table<'t, &'static str, &'static [u8]>,
    removed: Table<'t, &'static str, u64>,
    marks: Table<'t, &'static str, u64>,
    parts: Table<'t, (&'static str, &'static str), &'static [u8]>,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Spool {
    /// Opens `<folder>/<service>.redb`, or makes it. One process at a time can have it open. Removals are remembered for
    /// `keep_removed`: as long as a value can live on in an old copy of Redis.
    ///
    /// # Errors
    /// When the folder cannot be written to, another process has the file open, or it is no spool.
    pub fn open(folder: &Path, service: &ServiceName, keep_removed: Duration) -> Result<Self, SpoolError> {
        let path = folder.join(format!("{service}.redb"));
        let failed = |e: std::io::Error| SpoolError { path: path.clone(), cause: e.to_string(), is_in_use: false };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let database = database(&path, true)?;
        let keep_removed_ms = u64::try_from(keep_removed.as_millis()).unwrap_or(u64::MAX);
        let spool = Self {
            path: path.clone(),
            database,
            keep_removed_ms,
            forgot_at: AtomicU64::new(0),
            owes: AtomicBool::new(false),
        };
        // Tables come to be by the first write; without one, reading fails.
        spool.write(|_| Ok(()))?;
        Ok(spool)
    }

    /// Makes `changes` durable (`fsync`), in order, with `mark` as the highest version that may be in Redis from them.
    ///
    /// # Errors
    /// When the disk fails or is full; then none of them is there.
    pub fn commit(&self, changes: &[Change], mark: Version) -> Result<(), SpoolError> {
        self.commit_at(changes, mark, now())
    }

    fn commit_at(&self, changes: &[Change], mark: Version, now: UnixMs) -> Result<(), SpoolError> {
        let is_due = self.is_due(now);
        self.write(|tables| {
            for (id, record) in changes {
                let id = id.as_str();
                match record {
                    Some(record) => {
                        tables.records.insert(id, record.as_slice())?;
                        tables.removed.remove(id)?;
                    }
                    None => {
                        tables.records.remove(id)?;
                        tables.removed.insert(id, now)?;
                    }
                }
            }
            if is_due {
                self.forget_removed(tables, now)?;
            }
            let before = tables.marks.get(MARK)?.map_or(0, |mark| mark.value());
            tables.marks.insert(MARK, mark.0.max(before)).map(drop)
        })
    }

    /// Whether old removals are to be forgotten.
    fn is_due(&self, now: UnixMs) -> bool {
        now.abs_diff(self.forgot_at.load(Relaxed)) > FORGET_EVERY_MS
    }

    fn forget_removed(&self, tables: &mut Tables<'_>, now: UnixMs) -> Result<(), redb::StorageError> {
        tables.removed.retain(|_, at| now.saturating_sub(at) <= self.keep_removed_ms)?;
        self.forgot_at.store(now, Relaxed);
        Ok(())
    }

    /// Something was committed by someone who does not write to Redis: it has to be told there still.
    pub fn owe(&self) {
        self.owes.store(true, Relaxed);
    }

    /// Whether there is such a thing since this was last asked.
    pub fn take_owed(&self) -> bool {
        self.owes.swap(false, Relaxed)
    }

    /// The highest version that may be in Redis from this spool.
    pub fn mark(&self) -> Result<Version, SpoolError> {
        self.read(MARKS, |marks| Ok(Version(marks.get(MARK)?.map_or(0, |mark| mark.value()))))
    }

    /// Number of records.
    pub fn len(&self) -> Result<u64, SpoolError> {
        self.read(RECORDS, |records| records.len())
    }

    /// Whether neither a record nor a removal is kept.
    pub fn is_empty(&self) -> Result<bool, SpoolError> {
        Ok(self.len()? == 0 && self.read(REMOVED, |removed| removed.is_empty())?)
    }

    /// The committed record of `id`.
    pub fn get(&self, id: &str) -> Result<Option<Vec<u8>>, SpoolError> {
        self.read(RECORDS, |records| Ok(records.get(id)?.map(|record| record.value().to_vec())))
    }

    /// The committed records behind `after` in the order of their ids, some more than `bytes` at the most; empty at the end.
    pub fn page(&self, after: &str, bytes: usize) -> Result<Vec<(String, Vec<u8>)>, SpoolError> {
        self.read(RECORDS, |records| {
            let (mut page, mut size) = (Vec::new(), 0);
            for entry in records.range::<&str>((Excluded(after), Unbounded))? {
                let (id, record) = entry?;
                size += record.value().len();
                page.push((id.value().to_owned(), record.value().to_vec()));
                if size >= bytes {
                    break;
                }
            }
            Ok(page)
        })
    }

    /// Ids behind `after` that were removed and may come back, in order, at most `count`; empty at the end.
    pub fn removed(&self, after: &str, count: usize) -> Result<Vec<String>, SpoolError> {
        self.read(REMOVED, |removed| {
            let behind = removed.range::<&str>((Excluded(after), Unbounded))?.take(count);
            behind.map(|entry| Ok(entry?.0.value().to_owned())).collect()
        })
    }

    fn write(&self, change: impl FnOnce(&mut Tables<'_>) -> Result<(), redb::StorageError>) -> Result<(), SpoolError> {
        let run = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let records = transaction.open_table(RECORDS)?;
                let (removed, marks) = (transaction.open_table(REMOVED)?, transaction.open_table(MARKS)?);
                let parts = transaction.open_table(PARTS)?;
                change(&mut Tables { records, removed, marks, parts })?;
            }
            transaction.commit()?;
            Ok(())
        };
        run().map_err(|e| self.failed(&e))
    }

    fn read<T, K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        table: TableDefinition<'_, K, V>,
        look: impl FnOnce(&redb::ReadOnlyTable<K, V>) -> Result<T, redb::StorageError>,
    ) -> Result<T, SpoolError> {
        let run = || -> Result<T, redb::Error> { Ok(look(&self.database.begin_read()?.open_table(table)?)?) };
        run().map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &redb::Error) -> SpoolError {
        SpoolError { path: self.path.clone(), cause: error.to_string(), is_in_use: false }
    }
}

fn now() -> UnixMs {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as UnixMs
}

/// Opens the file at `path`, or with `make` makes it where there is none.
fn database(path: &Path, make: bool) -> Result<Database, SpoolError> {
    let failed = |cause, is_in_use| SpoolError { path: path.to_owned(), cause, is_in_use };
    let mut builder = Database::builder();
    // Small: what is hot is in the kernel's page cache anyway.
    builder.set_cache_size(4 << 20);
    let opened = if make { builder.create(path) } else { builder.open(path) };
    opened.map_err(|e| match e {
        DatabaseError::DatabaseAlreadyOpen => failed("another process has it open".to_owned(), true),
        e => failed(e.to_string(), false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(id: &str, record: &str) -> Change {
        (id.to_owned(), Some(record.as_bytes().to_vec()))
    }

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn name() -> ServiceName {
        ServiceName::new("hwinfo").expect("a name")
    }

    #[test]
    fn what_was_committed_is_there_afterwards_and_the_mark_never_falls() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path(), &name(), DAY).expect("it opens");
        assert!(spool.is_empty().expect("it reads"));
        let first = [put("1", "{\"id\":1}"), put("2", "{\"id\":2}"), put("1", "{\"id\":1,\"content\":2}")];
        spool.commit(&first, Version(7)).expect("it commits");
        let second = [("2".to_owned(), None), put("4", "{}")];
        spool.commit(&second, Version(5)).expect("it commits");
        drop(spool);
        let spool = Spool::open(folder.path(), &name(), DAY).expect("it opens again");
        assert_eq!((spool.len().expect("it reads"), spool.mark().expect("it reads")), (2, Version(7)));
        assert_eq!(spool.get("1").expect("it reads").as_deref(), Some(&b"{\"id\":1,\"content\":2}"[..]));
        assert_eq!(spool.get("2").expect("it reads"), None);
    }

    #[test]
    fn removals_are_remembered_for_a_while_and_until_the_object_is_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path(), &name(), DAY).expect("it opens");
        let day = DAY.as_millis() as u64;
        let gone = |ids: &[&str], now| {
            let changes: Vec<Change> = ids.iter().map(|id| ((*id).to_owned(), None)).collect();
            spool.commit_at(&changes, Version(1), now).expect("it commits");
        };
        gone(&["1", "2", "3"], 10 * day);
        spool.commit_at(&[put("2", "{}")], Version(2), 10 * day).expect("it commits");
        assert_eq!(spool.removed("", 10).expect("it reads"), ["1", "3"]);
        assert_eq!(spool.removed("1", 1).expect("it reads"), ["3"]);
        gone(&["4"], 11 * day);
        assert_eq!(spool.removed("", 10).expect("it reads"), ["1", "3", "4"]);
        gone(&["2"], 11 * day + FORGET_EVERY_MS + 1);
        assert_eq!(spool.removed("", 10).expect("it reads"), ["2", "4"]);
        assert!(!spool.is_empty().expect("it reads"));
    }

    #[test]
    fn pages_name_each_record_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path(), &name(), DAY).expect("it opens");
        let all: Vec<Change> = (0..1000).map(|id| put(&id.to_string(), &"x".repeat(100))).collect();
        spool.commit(&all, Version(1)).expect("it commits");
        let (mut after, mut seen) = (String::new(), std::collections::BTreeSet::new());
        loop {
            let page = spool.page(&after, 1000).expect("a page");
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            assert!(page.len() <= 10);
            seen.extend(page.into_iter().map(|(id, _)| id));
        }
        assert_eq!(seen.len(), 1000);
    }

    #[test]
    fn a_second_process_and_a_file_of_others_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Spool::open(folder.path(), &name(), DAY).expect("it opens");
        let error = Spool::open(folder.path(), &name(), DAY).expect_err("it is in use");
        assert!(error.is_in_use() && error.to_string().contains("hwinfo.redb"), "{error}");
        drop(first);
        std::fs::write(folder.path().join("other.redb"), "not a spool").expect("a file");
        let other = ServiceName::new("other").expect("a name");
        assert!(Spool::open(folder.path(), &other, DAY).is_err());
    }
}
