//! From what a record knows to the one object that it can be about, or why there is none. It must never guess.

use super::{
    inventory::{Hits, Inventory, MANY},
    key::{Key, Kind, shown},
    query::Query,
};

/// Why a match leads to no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No object has any of the keys.
    Unknown,
    /// Several objects have the same key, or the keys are those of different objects.
    Ambiguous,
    /// The object has left the inventory, or is in a state that counts as that.
    Decommissioned,
    /// There is no inventory yet.
    NoInventory,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Ambiguous, Self::Decommissioned, Self::NoInventory];

    /// The word for it in logs, JSON output and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ambiguous => "ambiguous",
            Self::Decommissioned => "decommissioned",
            Self::NoInventory => "no_inventory",
        }
    }
}

/// A match that leads to no object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// Why.
    pub reason: Reason,
    /// The objects that it may be about.
    pub candidates: Vec<String>,
    /// There are more of them than are named.
    pub more: bool,
    /// The reason in words.
    pub why: String,
}

/// What a match leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// This object.
    Id(&'a str),
    /// None.
    Unmatched(Box<Unmatched>),
}

impl Inventory {
    /// The object that `query` is about.
    ///
    /// The first key that one object alone has decides, unless any other key is that of other objects.
    pub fn resolve(&self, query: &Query) -> Outcome<'_> {
        let hits: Vec<(&Key, Hits)> =
            query.keys.iter().map(|key| (key, self.look(key))).filter(|(_, hits)| !hits.rows.is_empty()).collect();
        let one = hits.iter().find(|(_, hits)| hits.rows.len() == 1 && !hits.more).map(|(_, hits)| hits.rows[0]);
        let Some(one) = one else {
            return match hits.is_empty() {
                true => unmatched(Reason::Unknown, Vec::new(), false, self.unknown(query)),
                false => self.ambiguous(&hits),
            };
        };
        let is_of_others = |(key, hits): &(&Key, Hits)| {
            !(hits.rows.contains(&one) || (hits.more && self.has_key(one, key.kind, &key.value)))
        };
        if hits.iter().any(is_of_others) {
            return self.ambiguous(&hits);
        }
        let row = self.rows.get(one);
        if row.is_live() {
            return Outcome::Id(row.id());
        }
        let what = if row.gone_at() > 0 { "has left the inventory" } else { "is decommissioned" };
        let why = format!("{} is that of {}, which {what}", told(hits[0].0), row.id());
        unmatched(Reason::Decommissioned, vec![row.id().to_owned()], false, why)
    }

    /// The objects that `key` may be that of.
    fn look(&self, key: &Key) -> Hits {
        if !self.short_names || key.kind != Kind::Hostname {
            return self.find(key);
        }
        if !key.has_domain() {
            // `web01` may be any of `web01.a`, `web01.b`, and one that is just called so.
            return self.find(&key.short());
        }
        let exact = self.find(key);
        if !exact.rows.is_empty() {
            return exact;
        }
        // Another domain is another host; one without a domain may be this one.
        self.find(&Key { kind: Kind::Hostname, value: key.short().value })
    }

    fn ambiguous(&self, hits: &[(&Key, Hits)]) -> Outcome<'_> {
        let mut rows: Vec<u32> = hits.iter().flat_map(|(_, hits)| &hits.rows).copied().collect();
        rows.sort_unstable();
        rows.dedup();
        let candidates: Vec<String> = rows.iter().map(|at| self.rows.get(*at).id().to_owned()).collect();
        let whose = |hits: &Hits| {
            let names: Vec<&str> = hits.rows.iter().take(3).map(|at| self.rows.get(*at).id()).collect();
            let rest = hits.rows.len() - names.len();
            match (hits.more, rest) {
                (true, _) => format!("{} and more than {MANY} others", names.join(", ")),
                (false, 0) => names.join(" and "),
                (false, rest) => format!("{} and {rest} more", names.join(", ")),
            }
        };
        let parts: Vec<String> =
            hits.iter().take(4).map(|(key, hits)| format!("{} is that of {}", told(key), whose(hits))).collect();
        let more = hits.iter().any(|(_, hits)| hits.more);
        unmatched(Reason::Ambiguous, candidates, more, parts.join(", "))
    }

    fn unknown(&self, query: &Query) -> String {
        let keys: Vec<String> = query.keys.iter().take(4).map(told).collect();
        format!("no object has {}", keys.join(", or "))
    }
}

fn told(key: &Key) -> String {
    format!("{} {}", key.kind.as_str(), shown(key.kind, &key.value))
}

fn unmatched(reason: Reason, candidates: Vec<String>, more: bool, why: String) -> Outcome<'static> {
    Outcome::Unmatched(Box::new(Unmatched { reason, candidates, more, why }))
}
