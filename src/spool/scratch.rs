//! A copy of a spool to try things on; it goes when it is dropped. It must not change the spool itself.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Spool, SpoolError};
use crate::model::ServiceName;

/// See the module. The copy has to be closed before this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Copies what `<folder>/<service>.redb` holds, and opens the copy; an empty one where there is none.
    ///
    /// # Errors
    /// When another process has the spool open, or it cannot be copied.
    pub fn of(folder: &Path, service: &ServiceName, keep_removed: Duration) -> Result<(Self, Spool), SpoolError> {
        let name = format!("{service}.redb");
        let scratch = Self { folder: std::env::temp_dir().join(format!("ralphext-{:016x}", fastrand::u64(..))) };
        let failed =
            |e: std::io::Error| SpoolError { path: scratch.folder.join(&name), cause: e.to_string(), is_in_use: false };
        // Others have no business in it.
        fs::DirBuilder::new().mode(0o700).create(&scratch.folder).map_err(failed)?;
        if folder.join(&name).exists() {
            // While it is open here nobody writes to it; nor is anything written here.
            let open = super::database(&folder.join(&name), false)?;
            fs::copy(folder.join(&name), scratch.folder.join(&name)).map_err(failed)?;
            drop(open);
        }
        let copy = Spool::open(&scratch.folder, service, keep_removed)?;
        Ok((scratch, copy))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left in a temporary directory is the system's to clear away.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{Part, PartChange};

    #[test]
    fn the_copy_has_it_all_and_the_spool_stays_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let service = ServiceName::new("hwinfo").expect("a name");
        let (scratch, empty) = Scratch::of(folder.path(), &service, Duration::ZERO).expect("a copy of nothing");
        assert!(empty.object_page("", 1).expect("it reads").is_empty() && !folder.path().join("hwinfo.redb").exists());
        drop((empty, scratch));
        let put =
            |id: &str| PartChange { id: id.to_owned(), part: Some(Part { digest: [0; 16], content: b"1".to_vec() }) };
        let spool = Spool::open(folder.path(), &service, Duration::ZERO).expect("it opens");
        spool.commit_parts("facts", &[put("1")], &[]).expect("it is kept");
        let in_use = Scratch::of(folder.path(), &service, Duration::ZERO).expect_err("it is open");
        assert!(in_use.is_in_use(), "{in_use}");
        drop(spool);
        let (scratch, copy) = Scratch::of(folder.path(), &service, Duration::ZERO).expect("a copy");
        copy.commit_parts("facts", &[put("2")], &[]).expect("it is kept");
        assert_eq!(copy.object_page("", 1 << 20).expect("it reads").len(), 2);
        let at = scratch.folder.clone();
        drop((copy, scratch));
        assert!(!at.exists());
        let spool = Spool::open(folder.path(), &service, Duration::ZERO).expect("it opens");
        assert_eq!(spool.object_page("", 1 << 20).expect("it reads").len(), 1);
    }
}
