//! Shared configuration: what stands in etcd, and the copy of it that is kept for when etcd is away. It must not know what is
//! set there.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::block_on;
use crate::{
    config::{Document, Place, Remote},
    etcd::{Client, EtcdError, EtcdErrorKind, Kv, Servers, Step},
    registry::Stamp,
};

/// Former texts of a document that are kept.
const KEPT: usize = 50;
/// Form of the kept copy.
const FORM: &str = "shared-configuration.v1";

/// Where shared configuration is.
#[derive(Debug, Clone, Default)]
pub struct Sharing {
    /// The servers.
    pub servers: Servers,
    /// What all keys begin with, without a slash at the end.
    pub prefix: String,
    /// Where the copy is kept; none: it is not.
    pub copy: Option<PathBuf>,
}

/// What was read, and how.
#[derive(Debug)]
pub struct Fetched {
    /// The documents.
    pub remote: Remote,
    /// Why it is the copy; none where etcd answered.
    pub away: Option<String>,
}

/// Why there is no shared configuration.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// etcd failed, and there is no copy.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// Somebody else changed it meanwhile.
    #[error(
        "{key} was changed by somebody else meanwhile\nhint: look at it with `ralphext config diff`, and push again"
    )]
    Changed {
        /// The key.
        key: String,
    },
    /// The system refused threads.
    #[error("the system refused: {0}\nhint: check the limits on threads and open files (ulimit -a)")]
    System(#[from] io::Error),
}

/// A former text of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Former {
    /// When it was stored.
    pub at: Stamp,
    /// By whom, as far as known.
    pub by: String,
    /// The text.
    pub text: String,
}

#[derive(Serialize, Deserialize)]
struct Copy {
    form: String,
    fetched_at: Stamp,
    prefix: String,
    keys: Vec<(String, String)>,
}

impl Sharing {
    /// What stands in etcd now; where it is away, what it said last, if that is kept.
    ///
    /// # Errors
    /// When it refuses, or is away and there is no copy.
    pub fn fetch(&self) -> Result<Fetched, SharedError> {
        match self.now() {
            Ok(keys) => {
                self.keep(&keys);
                Ok(Fetched { remote: self.remote(keys, false), away: None })
            }
            Err(SharedError::Etcd(e)) if e.kind == EtcdErrorKind::Unreachable => match self.kept() {
                Some((at, keys)) => {
                    let away = format!("etcd is away ({}); this is what it said at {at}", e.problem);
                    Ok(Fetched { remote: self.remote(keys, true), away: Some(away) })
                }
                None => Err(e.into()),
            },
            Err(e) => Err(e),
        }
    }

    /// All keys below the prefix, as they are now.
    ///
    /// # Errors
    /// When etcd fails or refuses.
    pub fn now(&self) -> Result<Vec<Kv>, SharedError> {
        let client = Client::new(self.servers.clone())?;
        Ok(block_on(async { client.below(&format!("{}/", self.prefix)).await })??.keys)
    }

    /// `keys` as they are read by the configuration.
    pub fn remote(&self, keys: Vec<Kv>, is_copy: bool) -> Remote {
        let documents = keys.into_iter().map(|kv| Document { key: kv.key, text: kv.value }).collect();
        Remote { prefix: self.prefix.clone(), documents, is_copy }
    }

    /// Stores `text` as the document at `place`, if that is still as it is in `seen`; the former one is kept.
    ///
    /// # Errors
    /// [`SharedError::Changed`], or etcd's.
    pub fn store(&self, seen: &[Kv], place: &Place, text: &str, by: &str) -> Result<(), SharedError> {
        let (key, history) = (place.key(&self.prefix), self.remote(Vec::new(), false).history(place));
        let old = seen.iter().find(|kv| kv.key == key);
        let kept: Vec<&Kv> = seen.iter().filter(|kv| kv.key.starts_with(&history)).collect();
        let now = Stamp::now();
        let entry = |at: Stamp, by: &str, text: &str| {
            let former = Former { at, by: by.to_owned(), text: text.to_owned() };
            // Texts and a moment: nothing in it can fail to serialise.
            Step::Put(format!("{history}{:013}", at.0), serde_json::to_string(&former).unwrap_or_default())
        };
        let mut steps = Vec::new();
        // What came there by another way would be lost.
        if let Some(old) = old.filter(|old| kept.last().and_then(|kv| text_of(kv)).as_ref() != Some(&old.value)) {
            steps.push(entry(Stamp(now.0.saturating_sub(1)), "unknown: not by `ralphext config push`", &old.value));
        }
        steps.extend([entry(now, by, text), Step::Put(key.clone(), text.to_owned())]);
        let too_many = (kept.len() + 2).saturating_sub(KEPT);
        steps.extend(kept.iter().take(too_many).map(|kv| Step::Delete(kv.key.clone())));
        let client = Client::new(self.servers.clone())?;
        let seen = old.map_or(0, |kv| kv.revision);
        let is_done = block_on(async { client.change(&key, seen, &steps).await })??;
        // The answer to a first try may have been lost.
        let is_there = || self.now().is_ok_and(|keys| keys.iter().any(|kv| kv.key == key && kv.value == text));
        if is_done || is_there() { Ok(()) } else { Err(SharedError::Changed { key }) }
    }

    /// Former texts of the document at `place`, oldest first, out of what was `seen`.
    pub fn formers(&self, seen: &[Kv], place: &Place) -> Vec<Former> {
        let history = self.remote(Vec::new(), false).history(place);
        let kept = seen.iter().filter(|kv| kv.key.starts_with(&history));
        kept.filter_map(|kv| serde_json::from_str(&kv.value).ok()).collect()
    }

    /// Keeps a copy; that it cannot be kept is told, and hurts only when etcd is away.
    fn keep(&self, keys: &[Kv]) {
        let Some(path) = &self.copy else { return };
        let history = format!("{}/history/", self.prefix);
        let keys = keys.iter().filter(|kv| !kv.key.starts_with(&history));
        let copy = Copy {
            form: FORM.to_owned(),
            fetched_at: Stamp::now(),
            prefix: self.prefix.clone(),
            keys: keys.map(|kv| (kv.key.clone(), kv.value.clone())).collect(),
        };
        let written = serde_json::to_vec(&copy).map_err(io::Error::other).and_then(|text| replace(path, &text));
        if let Err(e) = written {
            let path = path.display();
            tracing::warn!(%path, error = %e, "the copy of the shared configuration cannot be kept at {path}: {e}");
        }
    }

    /// The kept copy, with its moment; none where there is none of this prefix.
    fn kept(&self) -> Option<(Stamp, Vec<Kv>)> {
        let text = fs::read(self.copy.as_ref()?).ok()?;
        let copy: Copy = serde_json::from_slice(&text).ok()?;
        let is_ours = copy.form == FORM && copy.prefix == self.prefix;
        let keys = copy.keys.into_iter().map(|(key, value)| Kv { key, value, revision: 0 }).collect();
        is_ours.then_some((copy.fetched_at, keys))
    }
}

fn text_of(kept: &Kv) -> Option<String> {
    serde_json::from_str::<Former>(&kept.value).ok().map(|former| former.text)
}

/// Puts `text` at `path` whole or not at all, for nobody else to read: it may hold secrets.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
