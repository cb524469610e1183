//! What a look at the place where an inventory comes from tells. It must not know any such place.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    export::Export,
    inventory::{Builder, Inventory},
    ralph::{self, Ralph},
    row::Row,
};
use crate::{
    identity::IdentityError,
    settings::{self, IdentityKind},
};

/// What was found.
#[derive(Debug)]
pub enum Reading {
    /// Nothing else than before.
    Same,
    /// All objects.
    Whole {
        /// They.
        builder: Builder,
        /// Why some may be missing, nobody knows which; none when all are there.
        missing: Option<String>,
        /// What somebody should know all the same.
        notes: Vec<String>,
    },
    /// What changed since, as whole rows.
    Changes {
        /// They.
        rows: Vec<Row>,
        /// More changed than can be told like this: everything has to be read, soon.
        wants_whole: bool,
    },
}

/// What can be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reachable {
    /// Where.
    pub place: String,
    /// Number of objects by model.
    pub objects: BTreeMap<String, u64>,
}

/// Asks whether an inventory can be read and how large it is; of Ralph's as little as possible is read.
///
/// # Errors
/// Why it cannot be read.
pub async fn reach(settings: &settings::Identity) -> Result<Reachable, IdentityError> {
    if settings.kind == IdentityKind::Ralph {
        return ralph::reach(settings).await;
    }
    let place = settings.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let mut objects = BTreeMap::new();
    if let Reading::Whole { builder, missing, .. } = Export::new(settings)?.look(false).await? {
        if let Some(why) = missing {
            return Err(IdentityError::new(format!("the inventory {place} is not complete: {why}"), "mend the export"));
        }
        for row in builder.finish(settings.short_names).rows.iter() {
            let model = if row.model().is_empty() { "without a model" } else { row.model() };
            *objects.entry(model.to_owned()).or_default() += 1;
        }
    }
    Ok(Reachable { place, objects })
}

/// Where an inventory comes from.
#[derive(Debug)]
pub enum Origin {
    /// A file.
    File(Export),
    /// Ralph's REST API.
    Ralph(Box<Ralph>),
}

impl Origin {
    /// Builds the one that `settings` ask for; nothing is read.
    ///
    /// # Errors
    /// When they make none.
    pub fn new(settings: &settings::Identity) -> Result<Self, IdentityError> {
        match settings.kind {
            IdentityKind::Ralph => Ok(Self::Ralph(Box::new(Ralph::new(settings)?))),
            _ => Ok(Self::File(Export::new(settings)?)),
        }
    }

    /// Looks. With `known` it may tell changes only, unless everything is wanted.
    ///
    /// # Errors
    /// When it could not be read.
    pub async fn look(&mut self, known: Option<&Inventory>, whole: bool) -> Result<Reading, IdentityError> {
        match self {
            Self::File(file) => file.look(known.is_some() && !whole).await,
            Self::Ralph(ralph) => match known.filter(|_| !whole) {
                Some(known) => ralph.changes(known).await,
                None => ralph.everything().await,
            },
        }
    }
}
