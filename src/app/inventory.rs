//! Inventories: one for all services of a process that have the same `[identity]`, kept up to date while it runs, or read once.
//! It must not know what they are used for.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinSet};

use super::AppError;
use crate::{
    identity::{Handle, IdentityError, Keeper},
    pipeline::{Engine, Merging},
    settings::{self, Settings},
    sources::Source,
    telemetry::metrics::ServiceMetrics,
};

/// The inventories of a process.
#[derive(Default)]
pub(super) struct Inventories {
    known: Vec<(settings::Identity, Handle)>,
    keepers: Vec<Keeper>,
    told: Vec<(Handle, Arc<ServiceMetrics>)>,
}

impl Inventories {
    /// The one that a service asks for, if it does.
    ///
    /// # Errors
    /// When its settings make none.
    pub(super) fn of(&mut self, settings: &Settings) -> Result<Option<Handle>, IdentityError> {
        let identity = &settings.identity;
        if !identity.is_on() {
            return Ok(None);
        }
        if let Some((_, handle)) = self.known.iter().find(|(known, _)| known == identity) {
            return Ok(Some(handle.clone()));
        }
        let (keeper, handle) = Keeper::new(identity.clone())?;
        self.known.push((identity.clone(), handle.clone()));
        self.keepers.push(keeper);
        Ok(Some(handle))
    }

    /// What becomes of the inventory that a service asks for is told in its metrics.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(super) fn tell(&mut self, settings: &Settings, metrics: &Arc<ServiceMetrics>) -> Result<(), IdentityError> {
        let inventory = self.of(settings)?;
        self.told.extend(inventory.map(|handle| (handle, metrics.clone())));
        Ok(())
    }

    /// Keeps them up to date until `stop` turns true.
    pub(super) fn spawn(self, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        for (handle, metrics) in self.told {
            tasks.spawn(handle.follow(move |view| {
                if let Some(inventory) = &view.inventory {
                    metrics.inventory_objects.set_count(inventory.len());
                }
                metrics.inventory_checked.set_moment(Some(view.checked_at).filter(|at| *at > 0));
                metrics.inventory_failures.follow(view.failures);
            }));
        }
        for keeper in self.keepers {
            tasks.spawn(keeper.run(stop.clone()));
        }
    }
}

/// The source of a service for a single pass, with its inventory read before. With an `engine` that writes, what inputs tell
/// is kept.
///
/// # Errors
/// When the settings make no source, or no inventory. One that cannot be read now is told in the log, and what its cache has
/// is used.
pub async fn source_once(settings: &Settings, engine: Option<&Engine>) -> Result<Box<dyn Source>, AppError> {
    let merging = match engine {
        Some(engine) if engine.keeps() => Merging::Once,
        Some(_) => Merging::Dry,
        None => Merging::Look,
    };
    let board = engine.and_then(Engine::inputs);
    if !settings.identity.is_on() {
        return Ok(super::inputs::single(settings, None, board, merging)?);
    }
    let (mut keeper, handle) = Keeper::new(settings.identity.clone())?;
    // Told in the log.
    let _ = keeper.look().await;
    let view = handle.view();
    let fixed = Handle::fixed((*view).clone());
    Ok(super::inputs::single(settings, Some(&fixed), board, merging)?)
}
