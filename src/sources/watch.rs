//! Watches a file or a directory for changes, by inotify. It must not read it, nor know what a change leads to.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};
use tokio::sync::watch;

use super::directory::is_passing;

/// A writer that is not done yet is given this long without another event ...
const SETTLE: Duration = Duration::from_millis(5);
/// ... but events that never cease hold up a fetch for this long at most.
const SETTLE_MAX: Duration = Duration::from_millis(100);
/// A file that was written and not closed since counts as being written for this long.
const WRITING: Duration = Duration::from_secs(30);

/// One watch over everything that can change what reading a path gives: the file or directory, its name in its parent
/// (a rename replaces a file), and the same for what a symbolic link points to (Kubernetes swaps `..data`).
pub struct Watch {
    path: PathBuf,
    watcher: RecommendedWatcher,
    /// Directories that are watched, by device and inode: one that was replaced has to be watched anew.
    armed: HashMap<PathBuf, (u64, u64)>,
    shared: Arc<Mutex<Shared>>,
    events: watch::Receiver<Seen>,
    /// A change was seen, and no fetch began since.
    pending: bool,
    warned: bool,
}

#[derive(Debug, Default)]
struct Shared {
    interests: Vec<Interest>,
    /// When the file was last written by somebody who has not closed it since.
    written: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
struct Interest {
    dir: PathBuf,
    /// One file of it; all of them where this is `None`.
    name: Option<OsString>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The last event put a whole file in place: there is nothing to wait for.
    whole: bool,
}

impl Watch {
    /// A watch of `path`, which may not exist yet; nothing where the system has no watch to give.
    pub fn new(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (tx, events) = watch::channel(Seen::default());
        let seen_by = shared.clone();
        let handler = move |event: notify::Result<Event>| {
            if let Some(seen) = judge(&mut lock(&seen_by), event) {
                tx.send_replace(seen);
            }
        };
        let watcher = match notify::recommended_watcher(handler) {
            Ok(watcher) => watcher,
            Err(e) => {
                warn(&path, &e);
                return None;
            }
        };
        let mut watch = Self { path, watcher, armed: HashMap::new(), shared, events, pending: false, warned: false };
        watch.arm();
        Some(watch)
    }

    /// Watches what there is to watch now. To be called before a fetch: from here on a change is either read by it or
    /// told by [`Self::changed`].
    pub fn arm(&mut self) {
        self.pending = false;
        self.events.mark_unchanged();
        let interests = interests(&self.path);
        let mut wanted = HashMap::new();
        for interest in &interests {
            if let Ok(meta) = fs::metadata(&interest.dir) {
                wanted.insert(interest.dir.clone(), (meta.dev(), meta.ino()));
            }
        }
        lock(&self.shared).interests = interests;
        let stale: Vec<_> =
            self.armed.iter().filter(|(dir, id)| wanted.get(*dir) != Some(id)).map(|(dir, _)| dir.clone()).collect();
        for dir in stale {
            self.armed.remove(&dir);
            // Gone already where the directory is.
            let _ = self.watcher.unwatch(&dir);
        }
        for (dir, id) in wanted {
            if self.armed.contains_key(&dir) {
                continue;
            }
            match self.watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.armed.insert(dir, id);
                }
                Err(e) if !self.warned => {
                    self.warned = true;
                    warn(&dir, &e);
                }
                Err(_) => {}
            }
        }
    }

    /// Resolves after a change, when its writer seems to be done.
    pub async fn changed(&mut self) {
        if !self.pending {
            if self.events.changed().await.is_err() {
                // The watcher is gone; so is the reason to wake anybody.
                std::future::pending::<()>().await;
            }
            self.pending = true;
        }
        let first = Instant::now();
        while !self.events.borrow_and_update().whole && first.elapsed() < SETTLE_MAX {
            if tokio::time::timeout(SETTLE, self.events.changed()).await.is_err() {
                break;
            }
        }
    }

    /// Whether somebody wrote to the file and has not closed it yet.
    pub(super) fn is_being_written(&self) -> bool {
        lock(&self.shared).written.is_some_and(|at| at.elapsed() < WRITING)
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn warn(path: &Path, cause: &notify::Error) {
    tracing::warn!(
        path = %path.display(), %cause,
        "cannot watch for changes: they are seen every source.interval only; fs.inotify.max_user_watches or max_user_instances may be too low",
    );
}

/// What to watch for `path`, as things are now.
fn interests(path: &Path) -> Vec<Interest> {
    let mut out = Vec::new();
    let mut add = |dir: &Path, name: Option<&OsStr>| {
        let interest = Interest { dir: dir.to_owned(), name: name.map(OsStr::to_owned) };
        if !out.contains(&interest) {
            out.push(interest);
        }
    };
    for path in [Some(path.to_owned()), path.canonicalize().ok()].into_iter().flatten() {
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
            add(parent, Some(name));
        }
        if path.is_dir() {
            add(&path, None);
        }
    }
    out
}

/// Whether an event is one that a fetch would see.
fn judge(shared: &mut Shared, event: notify::Result<Event>) -> Option<Seen> {
    let event = match event {
        Ok(event) => event,
        Err(cause) => {
            tracing::debug!(%cause, "the watch reported an error: read again");
            return Some(Seen { whole: false });
        }
    };
    if event.need_rescan() {
        return Some(Seen { whole: false });
    }
    // Reading gives events too (open, close): they would make each fetch cause the next one.
    let (renamed, closed) = match event.kind {
        // Said again after both halves of a rename, which have told it.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return None,
        EventKind::Modify(ModifyKind::Name(_)) => (true, false),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => (false, true),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => (false, false),
        _ => return None,
    };
    let mut seen: Option<Seen> = None;
    for path in &event.paths {
        let Some(of_one_file) = shared.interests.iter().find_map(|interest| interest.sees(path)) else { continue };
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) if of_one_file => shared.written = Some(Instant::now()),
            EventKind::Remove(_) => shared.written = None,
            _ if renamed || closed => shared.written = None,
            _ => {}
        }
        let whole = of_one_file && (renamed || closed);
        seen = Some(Seen { whole: whole || seen.is_some_and(|seen| seen.whole) });
    }
    seen
}

impl Interest {
    /// Whether `path` belongs to it, and if so whether it is one file and not one of a whole directory's.
    fn sees(&self, path: &Path) -> Option<bool> {
        if path == self.dir {
            return Some(false);
        }
        let name = path.file_name()?;
        if path.parent()? != self.dir {
            return None;
        }
        // A ConfigMap's or Secret's files are links through `..data`, which is swapped by a rename.
        let swapped = name == "..data";
        match &self.name {
            Some(own) => (own == name || swapped).then_some(true),
            None => (swapped || !is_passing(name)).then_some(false),
        }
    }
}
