//! What a look at the place where an inventory comes from tells. It must not know any such place.

use super::{
    export::Export,
    inventory::{Builder, Inventory},
    ralph::Ralph,
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
