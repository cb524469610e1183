//! `[identity]`: the inventory that tells which object a record is about. It must not know how one is read.

use std::{collections::BTreeSet, fmt, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HumanDuration, Secret};

/// How old what is known of Ralph may be where `identity.max_age` is not set.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// The inventory that tells which object a record with `match` in place of `id` is about. Services of one process that
/// have the same `[identity]` share one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// Where the inventory comes from.
    pub kind: IdentityKind,
    /// For `file`: an NDJSON export, one object a line (docs/identity.md has the format). Relative to the configuration
    /// file.
    pub path: Option<PathBuf>,
    /// For `ralph`: address of the REST API, `https://ralph.example.com/api/`.
    pub url: Option<String>,
    /// For `ralph`: the token of a user who may view the models. Better than a token in here is `token_file`.
    pub token: Option<Secret>,
    /// File that holds `token`; read before every refresh, so that a changed one needs no restart. Relative to the
    /// configuration file.
    pub token_file: Option<PathBuf>,
    /// For `ralph`: certificates (PEM) of the authorities that may have signed the server's; no others are trusted then.
    /// Relative to the configuration file. Default: those of the system.
    pub ca: Option<PathBuf>,
    /// The Ralph models that are read, as Django labels: `data_center.DataCenterAsset`, `back_office.BackOfficeAsset`,
    /// `virtual.CloudHost`, `virtual.VirtualServer`, `data_center.Cluster`. With `source.absent = "empty"` these are the
    /// objects that get a card. Default: empty, which means all of them (of a file, whatever it has).
    pub models: Vec<String>,
    /// How often it is looked for changes: the newest of each model (`ralph`), or whether the file is another one.
    pub refresh: HumanDuration,
    /// For `ralph`: how often everything is read again, which alone finds what was deleted. At least `refresh`.
    pub refresh_full: HumanDuration,
    /// When nothing could be confirmed for this long, a record that matches nothing may be about an object that the
    /// inventory does not know yet: such a snapshot removes nothing. Default: 1h for `ralph`, no limit for `file`.
    pub max_age: Option<HumanDuration>,
    /// File in which the inventory is kept, so that a restart knows it at once, also while Ralph is away. Holds host
    /// names, serial numbers and addresses; readable by its owner only. Relative to the configuration file. Default: it
    /// is not kept.
    pub cache: Option<PathBuf>,
    /// For `ralph`: objects asked for at once, 2 to 10000.
    #[schemars(range(min = 2, max = 10000))]
    pub page_size: u32,
    /// For `ralph`: how long one answer may take. Ralph needs seconds for a thousand objects.
    pub timeout: HumanDuration,
    /// Match `web01` with `web01.example.com` too, one way or the other, where only one object can be meant.
    pub short_names: bool,
    /// Objects with one of these states count as if they had left the inventory: nothing is matched with them, and their
    /// content goes. Empty: none does.
    pub decommissioned: Vec<String>,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            kind: IdentityKind::None,
            path: None,
            url: None,
            token: None,
            token_file: None,
            ca: None,
            models: Vec::new(),
            refresh: HumanDuration::from_secs(300),
            refresh_full: HumanDuration::from_secs(3600),
            max_age: None,
            cache: None,
            page_size: 500,
            timeout: HumanDuration::from_secs(60),
            short_names: false,
            decommissioned: vec!["liquidated".to_owned()],
        }
    }
}

impl Identity {
    /// Whether there is an inventory at all.
    pub fn is_on(&self) -> bool {
        self.kind != IdentityKind::None
    }

    /// How long nothing need be confirmed: `max_age`, else an hour for `ralph`; none without limit.
    pub fn max_age(&self) -> Option<Duration> {
        match (self.max_age, self.kind) {
            (Some(age), _) => Some(age.0),
            (None, IdentityKind::Ralph) => Some(MAX_AGE),
            (None, _) => None,
        }
    }

    /// The models that it is limited to, as [`model_name`] spells them; empty: any.
    pub fn model_names(&self) -> BTreeSet<String> {
        self.models.iter().map(|label| model_name(label)).collect()
    }
}

/// A model in the spelling of Ralph's `object_type`: `data_center.DataCenterAsset` is `datacenterasset`.
pub fn model_name(label: &str) -> String {
    label.rsplit('.').next().unwrap_or(label).trim().to_lowercase()
}

/// Where an inventory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum IdentityKind {
    /// There is none: every record has its `id`.
    None,
    /// An NDJSON export.
    File,
    /// Ralph's REST API.
    Ralph,
}

impl fmt::Display for IdentityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::File => "file",
            Self::Ralph => "ralph",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_of_any_age_and_models_have_one_spelling() {
        let mut identity = Identity { kind: IdentityKind::File, ..Identity::default() };
        assert_eq!(identity.max_age(), None);
        identity.kind = IdentityKind::Ralph;
        assert_eq!(identity.max_age(), Some(MAX_AGE));
        identity.models = vec!["data_center.DataCenterAsset".into(), "cluster".into()];
        let names: Vec<_> = identity.model_names().into_iter().collect();
        assert_eq!(names, ["cluster", "datacenterasset"]);
    }
}
