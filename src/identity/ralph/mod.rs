//! The inventory out of Ralph's REST API: everything, or what is new. It must not know who asks for it, nor keep it.
//!
//! What Ralph's API does to its readers, and what is done about it: an unknown filter is ignored and everything answered
//! (only paging and order are asked for, and both are checked); one broken row makes a 500 of its page (the page is made
//! smaller down to that row, which is skipped and told); pages shift while they are read (each begins with the row that
//! the one before ended with); a row without an `id` is none.

mod api;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use self::{
    api::{Answer, Api, Order},
    walk::{Walk, Walked},
};
use super::{
    inventory::{Builder, Inventory},
    origin::{Reachable, Reading},
    row::Row,
};
use crate::{
    identity::IdentityError,
    settings::{self, model_name},
};

/// Models whose objects have keys to match by: Django's label and the end point.
const MODELS: [(&str, &str); 5] = [
    ("data_center.DataCenterAsset", "data-center-assets"),
    ("back_office.BackOfficeAsset", "back-office-assets"),
    ("virtual.CloudHost", "cloud-hosts"),
    ("virtual.VirtualServer", "virtual-servers"),
    ("data_center.Cluster", "clusters"),
];
/// Newest objects that are asked for at first.
const NEWEST: u32 = 20;
/// More changes than this are not read one after the other.
const MANY: usize = 10_000;

/// One model and where it is read.
#[derive(Debug, Clone)]
struct Model {
    label: &'static str,
    /// As `object_type` spells it.
    name: String,
    endpoint: &'static str,
}

/// See the module.
#[derive(Debug)]
pub struct Ralph {
    api: Api,
    models: Vec<Model>,
    decommissioned: Vec<String>,
    page_size: u32,
    /// When all was read last, and how often that may be done out of turn.
    whole_at: Option<Instant>,
    whole_every: Duration,
    /// It was told that Ralph does not order by time of change.
    told_order: bool,
}

/// The models that `settings` want.
///
/// # Errors
/// A label that is none of those that can be read.
fn models(settings: &settings::Identity) -> Result<Vec<Model>, IdentityError> {
    let known: BTreeSet<String> = MODELS.iter().map(|(label, _)| model_name(label)).collect();
    if let Some(label) = settings.models.iter().find(|label| !known.contains(&model_name(label))) {
        let labels: Vec<&str> = MODELS.iter().map(|(label, _)| *label).collect();
        let problem = format!("identity.models: {label:?} cannot be read from Ralph");
        return Err(IdentityError::settings(problem, format!("it takes {}", labels.join(", "))));
    }
    let wanted = settings.model_names();
    let all = MODELS.into_iter().map(|(label, endpoint)| Model { label, name: model_name(label), endpoint });
    Ok(all.filter(|model| wanted.is_empty() || wanted.contains(&model.name)).collect())
}

impl Ralph {
    pub(super) fn new(settings: &settings::Identity) -> Result<Self, IdentityError> {
        Ok(Self {
            api: Api::new(settings)?,
            models: models(settings)?,
            decommissioned: settings.decommissioned.clone(),
            page_size: settings.page_size.max(2),
            whole_at: None,
            whole_every: settings.refresh_full.0 / 4,
            told_order: false,
        })
    }

    /// Reads everything.
    pub(super) async fn everything(&mut self) -> Result<Reading, IdentityError> {
        let (mut builder, mut missing, mut notes) = (Builder::default(), None, Vec::new());
        for model in &self.models {
            let mut walked = self.walk(model, &mut builder).await?;
            if walked.is_short() {
                // Something was put in where it had been already: rows that are read twice add up.
                walked = self.walk(model, &mut builder).await?;
            }
            if walked.is_short() {
                let Walked { read, count, .. } = walked;
                missing = Some(format!("Ralph says that there are {count} of {}, and gave {read}", model.label));
            }
            if let Some(why) = walked.why {
                let label = model.label;
                notes.push(format!("{} of {label} cannot be read and are skipped: {why}", walked.holes.len()));
            }
            walked.holes.into_iter().for_each(|hole| builder.add_hole(hole));
        }
        self.whole_at = Some(Instant::now());
        Ok(Reading::Whole { builder, missing, notes })
    }

    async fn walk(&self, model: &Model, builder: &mut Builder) -> Result<Walked, IdentityError> {
        let mut walk = Walk::new(self.page_size);
        loop {
            let (offset, limit) = walk.wants();
            let answer = self.api.page(model, Order::Id, offset, limit).await?;
            let more = walk.take(answer, |text| self.row(model, text).map(|row| builder.add(&row)));
            match more {
                Ok(true) => {}
                Ok(false) => return Ok(walk.end()),
                Err((problem, hint)) => return Err(IdentityError::new(format!("{}: {problem}", model.label), hint)),
            }
        }
    }

    fn row(&self, model: &Model, text: &str) -> Result<Row, String> {
        let row = Row::parse(text, &self.decommissioned)?;
        Ok(Row { model: model.name.clone(), ..row })
    }

    /// Reads what was changed since `known`, the newest first.
    pub(super) async fn changes(&mut self, known: &Inventory) -> Result<Reading, IdentityError> {
        let (mut rows, mut is_odd) = (Vec::new(), false);
        for at in 0..self.models.len() {
            let model = self.models[at].clone();
            let (objects, newest) = known.of_model(&model.name);
            let before = rows.len();
            let (count, is_ordered) = self.newer(&model, newest, known, &mut rows).await?;
            if !is_ordered {
                if !std::mem::replace(&mut self.told_order, true) {
                    tracing::warn!(
                        model = model.label,
                        "Ralph does not tell the newest first: everything is read each time"
                    );
                }
                return Ok(Reading::Changes { rows, wants_whole: true });
            }
            let is_new = |row: &&Row| known.rows.find(&row.id).is_none_or(|at| known.rows.get(at).model() != row.model);
            let added = rows[before..].iter().filter(is_new).count() as u64;
            // Each hole is an object that Ralph counts.
            is_odd |= count.abs_diff(objects + added) > known.holes().len() as u64;
        }
        let may_be_read = self.whole_at.is_none_or(|at| at.elapsed() >= self.whole_every);
        Ok(Reading::Changes { rows, wants_whole: is_odd && may_be_read })
    }

    /// Adds to `rows` those of a model that were changed at `newest` or later and are not known as they are now. The answer
    /// is how many objects Ralph has of it, and whether it told the newest first.
    async fn newer(
        &self,
        model: &Model,
        newest: u64,
        known: &Inventory,
        rows: &mut Vec<Row>,
    ) -> Result<(u64, bool), IdentityError> {
        let (mut offset, mut size, mut last, mut count) = (0u64, NEWEST.min(self.page_size), u64::MAX, None);
        let most = rows.len() + MANY;
        loop {
            let page = match self.api.page(model, Order::NewestFirst, offset, size).await? {
                Answer::Page(page) => page,
                // Whole readings tell of what is broken.
                Answer::Broken(_) => {
                    if size == 1 {
                        offset += 1;
                    }
                    size = (size / 2).max(1);
                    if count.is_none_or(|count| offset < count) && offset < 50 {
                        continue;
                    }
                    return Ok((count.unwrap_or(0), true));
                }
            };
            count = Some(page.count);
            for text in &page.rows {
                let Ok(row) = self.row(model, text) else { continue };
                if row.modified == 0 || row.modified > last {
                    return Ok((page.count, false));
                }
                last = row.modified;
                if row.modified < newest {
                    return Ok((page.count, true));
                }
                let is_known = known.rows.find(&row.id).is_some_and(|at| known.rows.get(at).to_row() == row);
                if !is_known {
                    rows.push(row);
                }
            }
            offset += page.rows.len() as u64;
            if !page.has_next || page.rows.is_empty() {
                return Ok((page.count, true));
            }
            if rows.len() > most {
                return Ok((page.count, false));
            }
            size = self.page_size;
        }
    }
}

/// As [`super::reach`], of Ralph.
pub(super) async fn reach(settings: &settings::Identity) -> Result<Reachable, IdentityError> {
    let ralph = Ralph::new(settings)?;
    let mut objects = BTreeMap::new();
    for model in &ralph.models {
        let mut answer = ralph.api.page(model, Order::Id, 0, 1).await?;
        if let Answer::Broken(_) = answer {
            // The first one is broken; behind the last one there is none.
            answer = ralph.api.page(model, Order::Id, 1 << 40, 1).await?;
        }
        match answer {
            Answer::Page(page) => drop(objects.insert(model.label.to_owned(), page.count)),
            Answer::Broken(why) => return Err(IdentityError::new(why, "see Ralph's own log")),
        }
    }
    Ok(Reachable { place: ralph.api.place().to_owned(), objects })
}
