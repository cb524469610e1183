//! Keeps what a source that tells changes said last of each object, over crashes of the process and losses in Redis: one
//! file a service, in which every commit is whole or not there. It must not know Redis, nor what a record means.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use crate::model::{ServiceName, Version};

/// By object id: the record as the source said it.
const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records.v1");
/// Numbers under a name.
const MARKS: TableDefinition<'_, &str, u64> = TableDefinition::new("marks.v1");
/// No version written to Redis out of this spool is greater than this.
const MARK: &str = "version";

/// Why a spool could not be used.
#[derive(Debug, thiserror::Error)]
#[error("spool {path}: {cause}", path = path.display())]
pub struct SpoolError {
    path: PathBuf,
    cause: String,
}

impl SpoolError {
    /// What a user can do.
    pub fn hint(&self) -> &'static str {
        "source.spool has to be a directory on a local disk that this process alone writes to, with room to spare"
    }
}

/// One change: an object's id, and its record; none removes it.
pub type Change = (String, Option<Vec<u8>>);

/// See the module. Its calls block.
pub struct Spool {
    path: PathBuf,
    database: Database,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Spool {
    /// Opens `<folder>/<service>.redb`, or makes it. One process at a time can have it open.
    ///
    /// # Errors
    /// When the folder cannot be written to, another process has the file open, or it is no spool.
    pub fn open(folder: &Path, service: &ServiceName) -> Result<Self, SpoolError> {
        let path = folder.join(format!("{service}.redb"));
        let failed = |cause: String| SpoolError { path: path.clone(), cause };
        std::fs::create_dir_all(folder).map_err(|e| failed(e.to_string()))?;
        // Small: what is hot is in the kernel's page cache anyway.
        let database = Database::builder().set_cache_size(4 << 20).create(&path).map_err(|e| failed(e.to_string()))?;
        let spool = Self { path: path.clone(), database };
        // Tables come to be by the first write; without one, reading fails.
        spool.write(|_, _| Ok(()))?;
        Ok(spool)
    }

    /// Makes `changes` durable (`fsync`), in order, with `mark` as the highest version that may be in Redis from them.
    ///
    /// # Errors
    /// When the disk fails or is full; then none of them is there.
    pub fn commit(&self, changes: &[Change], mark: Version) -> Result<(), SpoolError> {
        self.write(|records, marks| {
            for (id, record) in changes {
                match record {
                    Some(record) => drop(records.insert(id.as_str(), record.as_slice())?),
                    None => drop(records.remove(id.as_str())?),
                }
            }
            let before = marks.get(MARK)?.map_or(0, |mark| mark.value());
            marks.insert(MARK, mark.0.max(before)).map(drop)
        })
    }

    /// The highest version that may be in Redis from this spool.
    pub fn mark(&self) -> Result<Version, SpoolError> {
        self.read(|_, marks| Ok(Version(marks.get(MARK)?.map_or(0, |mark| mark.value()))))
    }

    /// Number of records.
    pub fn len(&self) -> Result<u64, SpoolError> {
        self.read(|records, _| records.len())
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> Result<bool, SpoolError> {
        self.len().map(|len| len == 0)
    }

    /// The committed record of `id`.
    pub fn get(&self, id: &str) -> Result<Option<Vec<u8>>, SpoolError> {
        self.read(|records, _| Ok(records.get(id)?.map(|record| record.value().to_vec())))
    }

    /// The committed records behind `after` in the order of their ids, some more than `bytes` at the most; empty at the end.
    pub fn page(&self, after: &str, bytes: usize) -> Result<Vec<(String, Vec<u8>)>, SpoolError> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.read(|records, _| {
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

    fn write(
        &self,
        change: impl FnOnce(
            &mut redb::Table<'_, &str, &[u8]>,
            &mut redb::Table<'_, &str, u64>,
        ) -> redb::Result<(), redb::StorageError>,
    ) -> Result<(), SpoolError> {
        let run = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut records = transaction.open_table(RECORDS)?;
                let mut marks = transaction.open_table(MARKS)?;
                change(&mut records, &mut marks)?;
            }
            transaction.commit()?;
            Ok(())
        };
        run().map_err(|e| self.failed(&e))
    }

    fn read<T>(
        &self,
        look: impl FnOnce(
            &redb::ReadOnlyTable<&str, &[u8]>,
            &redb::ReadOnlyTable<&str, u64>,
        ) -> Result<T, redb::StorageError>,
    ) -> Result<T, SpoolError> {
        let run = || -> Result<T, redb::Error> {
            let transaction = self.database.begin_read()?;
            let (records, marks) = (transaction.open_table(RECORDS)?, transaction.open_table(MARKS)?);
            Ok(look(&records, &marks)?)
        };
        run().map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &redb::Error) -> SpoolError {
        SpoolError { path: self.path.clone(), cause: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(id: &str, record: &str) -> Change {
        (id.to_owned(), Some(record.as_bytes().to_vec()))
    }

    fn name() -> ServiceName {
        ServiceName::new("hwinfo").expect("a name")
    }

    #[test]
    fn what_was_committed_is_there_afterwards_and_the_mark_never_falls() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path(), &name()).expect("it opens");
        assert!(spool.is_empty().expect("it reads"));
        let first = [put("1", "{\"id\":1}"), put("2", "{\"id\":2}"), put("1", "{\"id\":1,\"content\":2}")];
        spool.commit(&first, Version(7)).expect("it commits");
        let second = [("2".to_owned(), None), put("4", "{}")];
        spool.commit(&second, Version(5)).expect("it commits");
        drop(spool);
        let spool = Spool::open(folder.path(), &name()).expect("it opens again");
        assert_eq!((spool.len().expect("it reads"), spool.mark().expect("it reads")), (2, Version(7)));
        assert_eq!(spool.get("1").expect("it reads").as_deref(), Some(&b"{\"id\":1,\"content\":2}"[..]));
        assert_eq!(spool.get("2").expect("it reads"), None);
    }

    #[test]
    fn pages_name_each_record_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path(), &name()).expect("it opens");
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
        let first = Spool::open(folder.path(), &name()).expect("it opens");
        let error = Spool::open(folder.path(), &name()).expect_err("it is in use");
        assert!(error.to_string().contains("hwinfo.redb"), "{error}");
        drop(first);
        std::fs::write(folder.path().join("other.redb"), "not a spool").expect("a file");
        let other = ServiceName::new("other").expect("a name");
        assert!(Spool::open(folder.path(), &other).is_err());
    }
}
