//! A directory of the demo's own, gone with it. It must not know what is put there.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::cli::{Exit, Failure, output};

/// Longest path of the directory: the socket in it has to fit into the 104 bytes that systems allow at least.
const MAX_PATH: usize = 80;

/// A private directory (mode 0700), removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in `$TMPDIR`, or in `/tmp` where that path is too long for a socket.
    pub fn new() -> Result<Self, Failure> {
        let parent = Some(std::env::temp_dir()).filter(|p| p.is_absolute() && p.as_os_str().len() < MAX_PATH - 24);
        let parent = parent.unwrap_or_else(|| PathBuf::from("/tmp"));
        loop {
            let path = parent.join(format!("ralphext-demo-{:08x}", fastrand::u32(..)));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(refused("make the directory", &path, &e)),
            }
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of `name` in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts `text` under `name` at once: written beside, then renamed, so that nobody reads half of it.
    pub fn put(&self, name: &str, text: &str) -> Result<(), Failure> {
        let (path, beside) = (self.join(name), self.join(".beside"));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| refused("make the directory", parent, &e))?;
        }
        fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path)).map_err(|e| refused("write", &path, &e))
    }

    /// An empty file to log into.
    pub fn log(&self, name: &str) -> Result<fs::File, Failure> {
        let path = self.join(name);
        let mut options = fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600).open(&path).map_err(|e| refused("write", &path, &e))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(e) = fs::remove_dir_all(&self.0) {
            output::failure(&refused("remove", &self.0, &e));
        }
    }
}

fn refused(what: &str, path: &Path, cause: &io::Error) -> Failure {
    let hint = "TMPDIR names the directory for temporary files; it needs room and the right to write";
    Failure::new(Exit::Failed, format!("cannot {what} {}: {cause}", path.display()), hint)
}
