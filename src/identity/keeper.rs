//! Keeps an inventory up to date: looks again and again, all of it or what is new, and tells others what it knows. It must
//! not know what for.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use super::{
    cache,
    inventory::{Builder, Inventory},
    moment::now,
    origin::{Origin, Reading},
    row::Row,
    view::{Handle, View},
};
use crate::{identity::IdentityError, model::UnixMs, settings};

/// For how long an object is remembered that Ralph does not have any more.
const REMEMBER: Duration = Duration::from_secs(30 * 86_400);
/// Longest and shortest pause after a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// A smaller inventory than this may lose any share of its objects at once.
const SMALL: usize = 20;
/// Share of the objects that may be gone without being confirmed by another look, in percent.
const SHRINK: usize = 20;
/// Larger inventories are written to the cache when all was read, and not after each change.
const LARGE: usize = 100_000;

/// See the module.
pub struct Keeper {
    settings: settings::Identity,
    origin: Origin,
    views: watch::Sender<Arc<View>>,
    view: View,
    /// Everything has to be read at the next look.
    wants_whole: bool,
    /// Objects of an answer that lost so many that it is not believed yet.
    doubted: Option<(usize, Instant)>,
    /// What was logged as wrong.
    told: Option<String>,
}

impl Keeper {
    /// For the inventory of `settings`. What the cache has is known at once.
    ///
    /// # Errors
    /// When the settings make no inventory.
    pub fn new(settings: settings::Identity) -> Result<(Self, Handle), IdentityError> {
        let origin = Origin::new(&settings)?;
        let max_age_ms = settings.max_age().map(|age| age.as_millis() as u64);
        let mut view = View::default();
        if let Some(path) = &settings.cache {
            match cache::load(path, &settings) {
                Ok(Some(cached)) => {
                    let objects = cached.inventory.as_ref().map_or(0, |inventory| inventory.len());
                    info!(objects, path = %path.display(), "the inventory was read from its cache");
                    view = View { generation: 1, ..cached };
                }
                Ok(None) => {}
                Err(why) => {
                    warn!(path = %path.display(), why, "the inventory's cache is of no use: it is read anew");
                }
            }
        }
        view.max_age_ms = max_age_ms;
        // Times to come would never pass.
        (view.read_at, view.checked_at) = (view.read_at.min(now()), view.checked_at.min(now()));
        let (views, receiver) = watch::channel(Arc::new(view.clone()));
        let keeper = Self { settings, origin, views, view, wants_whole: false, doubted: None, told: None };
        Ok((keeper, Handle(receiver)))
    }

    /// Looks again and again until `stop` turns true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut failed = 0u32;
        loop {
            failed = match self.look().await {
                Ok(()) => 0,
                Err(e) if e.is_patient => 0,
                Err(_) => failed.saturating_add(1),
            };
            let every = self.settings.refresh.0;
            let wait = match failed {
                0 => every,
                n => (RETRY.0 * 2u32.saturating_pow(n.min(10))).min(RETRY.1).min(every.max(RETRY.0)),
            };
            // Not all processes at the same moment.
            let wait = wait.mul_f64(0.9 + fastrand::f64() * 0.2);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One look, told to everybody.
    ///
    /// # Errors
    /// Why there is nothing new to tell; what was known stays.
    pub async fn look(&mut self) -> Result<(), IdentityError> {
        let begun = Instant::now();
        let at = now();
        let full_ms = self.settings.refresh_full.as_millis() as u64;
        let known = self.view.inventory.clone();
        let whole = self.wants_whole || !self.view.is_complete || at.saturating_sub(self.view.read_at) >= full_ms;
        let read = self.origin.look(known.as_deref(), whole).await;
        self.view.tries += 1;
        let taken = match read {
            Ok(reading) => self.take(reading, known.as_deref(), at),
            Err(e) => Err(e),
        };
        match &taken {
            Ok(has_news) => {
                self.tell_well(*has_news, whole, begun.elapsed());
                self.save(whole, *has_news).await;
            }
            Err(e) => {
                self.view.failures += 1;
                self.tell_trouble(e);
            }
        }
        self.views.send_replace(Arc::new(self.view.clone()));
        taken.map(|_| ())
    }

    /// Takes what was found; whether it is other than what was known.
    fn take(&mut self, reading: Reading, known: Option<&Inventory>, at: UnixMs) -> Result<bool, IdentityError> {
        let (builder, missing) = match reading {
            Reading::Same => {
                self.view.checked_at = at;
                return Ok(false);
            }
            Reading::Changes { rows, wants_whole } => {
                self.wants_whole |= wants_whole;
                self.view.checked_at = at;
                let Some(known) = known.filter(|known| rows.iter().any(|row| is_news(known, row))) else {
                    return Ok(false);
                };
                (with_changes(known, &rows), None)
            }
            Reading::Whole { mut builder, missing, notes } => {
                notes.iter().for_each(|note| warn!(note, "the inventory was read, with a fault"));
                if let Some(known) = known {
                    builder.inherit(known, missing.is_none(), at, REMEMBER.as_millis() as u64);
                }
                (builder, Some(missing))
            }
        };
        if builder.is_full() {
            return Err(IdentityError::new("the inventory has more than 4 GiB", "limit identity.models"));
        }
        let next = builder.finish(self.settings.short_names);
        if let (Some(known), Some(None)) = (known, &missing) {
            self.doubt(known, &next)?;
        }
        let has_news = known.is_none_or(|known| !known.says_the_same(&next));
        if has_news {
            self.view.inventory = Some(Arc::new(next));
            self.view.generation += 1;
        }
        if let Some(missing) = missing {
            self.wants_whole = false;
            self.view.is_complete = missing.is_none();
            (self.view.read_at, self.view.checked_at) = (at, at);
            if let Some(why) = missing {
                let hint = "what it has is used, and nothing counts as gone; mend it where it comes from";
                return Err(IdentityError::new(format!("the inventory is not complete: {why}"), hint).patient());
            }
        }
        Ok(has_news)
    }

    /// An answer that lost many of the objects may be an outage's: it is believed when others say the same for a while, and
    /// never when it has none.
    fn doubt(&mut self, known: &Inventory, next: &Inventory) -> Result<(), IdentityError> {
        let (before, after) = (known.len(), next.len());
        let lost = before.saturating_sub(after);
        if before < SMALL || lost * 100 <= before * SHRINK {
            self.doubted = None;
            return Ok(());
        }
        let like = self.doubted.filter(|(doubted, _)| after > 0 && after * 10 >= doubted * 9);
        if like.is_some_and(|(_, since)| since.elapsed() >= self.settings.refresh_full.0) {
            self.doubted = None;
            return Ok(());
        }
        (self.doubted, self.wants_whole) = (Some(like.unwrap_or((after, Instant::now()))), true);
        let problem =
            format!("the inventory suddenly has {after} objects, where there were {before}: it is not believed");
        let hint = match after {
            0 => "see what the token's user may view; if there are really none, remove identity.cache and start again",
            _ => "see what the token's user may view; it is believed when looks say so for identity.refresh_full",
        };
        Err(IdentityError::new(problem, hint).patient())
    }

    async fn save(&self, whole: bool, has_news: bool) {
        let Some(path) = self.settings.cache.clone() else { return };
        let objects = self.view.inventory.as_ref().map_or(0, |inventory| inventory.len());
        // Its age is worth keeping too.
        if !whole && (!has_news || objects > LARGE) {
            return;
        }
        let (settings, view) = (self.settings.clone(), self.view.clone());
        let saving = tokio::task::spawn_blocking(move || cache::save(&path, &settings, &view).map_err(|e| (path, e)));
        if let Ok(Err((path, e))) = saving.await {
            let hint = "let the user that ralphext runs as write to its directory";
            warn!(path = %path.display(), error = %e, hint, "the inventory was not kept");
        }
    }

    fn tell_well(&mut self, has_news: bool, whole: bool, took: Duration) {
        self.view.problem = None;
        let objects = self.view.inventory.as_ref().map_or(0, |inventory| inventory.len());
        let duration_ms = took.as_millis() as u64;
        if self.told.take().is_some() {
            info!(objects, "the inventory can be read again");
        } else if has_news && (whole || self.view.generation <= 1) {
            info!(objects, duration_ms, "the inventory was read: {objects} objects");
        } else {
            debug!(objects, duration_ms, has_news, whole, "the inventory was looked at");
        }
    }

    /// A cause that stays is told once.
    fn tell_trouble(&mut self, e: &IdentityError) {
        self.view.problem = Some(e.problem.clone());
        if self.told.as_ref() == Some(&e.problem) {
            return debug!(error = e.problem, "the inventory still cannot be read");
        }
        let known = match &self.view.inventory {
            Some(inventory) => format!("what is known stays: {} objects", inventory.len()),
            None => "nothing is known yet: records with `match` are not taken, and nothing is removed".to_owned(),
        };
        error!(error = e.problem, hint = e.hint, known, "the inventory could not be read");
        self.told = Some(e.problem.clone());
    }
}

fn is_news(known: &Inventory, row: &Row) -> bool {
    known.rows.find(&row.id).is_none_or(|at| known.rows.get(at).to_row() != *row)
}

fn with_changes(known: &Inventory, rows: &[Row]) -> Builder {
    let ids: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut builder = Builder::from_rows(known, &ids);
    rows.iter().for_each(|row| builder.add(row));
    builder
}
