//! What a verification finds: kinds, counts, and some of each for telling. It must not know how it is found.

use serde::Serialize;

/// Findings that are kept of each kind, and told in all.
const KEPT: usize = 1000;

/// What may be wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The source has the object, Redis has no value.
    Missing,
    /// A sound value, with other content than the source's.
    Different,
    /// Not an envelope of the published schema, of this service and object, with the hash of its content.
    Invalid,
    /// A value that would stand for ever.
    NoTtl,
    /// A value whose object the source no longer has.
    Orphaned,
    /// A key below the service's prefix that is neither an object's nor one of the contract's.
    Foreign,
}

impl FindingKind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::Missing, Self::Different, Self::Invalid, Self::NoTtl, Self::Orphaned, Self::Foreign];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Different => "different",
            Self::Invalid => "invalid",
            Self::NoTtl => "no TTL",
            Self::Orphaned => "orphaned",
            Self::Foreign => "foreign",
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The object; none for a foreign key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// The key.
    pub key: String,
    /// How it shows.
    pub detail: String,
    /// After a repair: whether it is still so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<bool>,
}

/// How many of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FindingCounts {
    /// See [`FindingKind::Missing`].
    pub missing: u64,
    /// See [`FindingKind::Different`].
    pub different: u64,
    /// See [`FindingKind::Invalid`].
    pub invalid: u64,
    /// See [`FindingKind::NoTtl`].
    pub no_ttl: u64,
    /// See [`FindingKind::Orphaned`].
    pub orphaned: u64,
    /// See [`FindingKind::Foreign`].
    pub foreign: u64,
}

impl FindingCounts {
    /// How many there are of `kind`.
    pub fn of(&self, kind: FindingKind) -> u64 {
        match kind {
            FindingKind::Missing => self.missing,
            FindingKind::Different => self.different,
            FindingKind::Invalid => self.invalid,
            FindingKind::NoTtl => self.no_ttl,
            FindingKind::Orphaned => self.orphaned,
            FindingKind::Foreign => self.foreign,
        }
    }

    fn of_mut(&mut self, kind: FindingKind) -> &mut u64 {
        match kind {
            FindingKind::Missing => &mut self.missing,
            FindingKind::Different => &mut self.different,
            FindingKind::Invalid => &mut self.invalid,
            FindingKind::NoTtl => &mut self.no_ttl,
            FindingKind::Orphaned => &mut self.orphaned,
            FindingKind::Foreign => &mut self.foreign,
        }
    }

    /// How many there are of all kinds.
    pub fn total(&self) -> u64 {
        FindingKind::ALL.iter().map(|kind| self.of(*kind)).sum()
    }
}

/// Findings as they come.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) counts: FindingCounts,
    kept: [Vec<Finding>; FindingKind::ALL.len()],
    prefix: String,
}

impl Findings {
    /// For keys that begin with `prefix`.
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..Self::default() }
    }

    /// One more.
    pub(super) fn add(&mut self, kind: FindingKind, id: &str, detail: impl FnOnce() -> String) {
        *self.counts.of_mut(kind) += 1;
        let kept = &mut self.kept[kind as usize];
        if kept.len() < KEPT {
            let key = format!("{}{id}", self.prefix);
            kept.push(Finding { kind, object_id: Some(id.to_owned()), key, detail: detail(), left: None });
        }
    }

    /// `count` foreign keys, some of which are `keys`.
    pub(super) fn add_foreign(&mut self, keys: &[Vec<u8>], count: u64) {
        self.counts.foreign += count;
        let found = keys.iter().map(|key| Finding {
            kind: FindingKind::Foreign,
            object_id: None,
            key: String::from_utf8_lossy(key).chars().take(300).collect(),
            detail: "no object id, and no key of ours: left alone".to_owned(),
            left: None,
        });
        self.kept[FindingKind::Foreign as usize].extend(found);
    }

    /// At most [`KEPT`] in all, by kind; many of one kind leave room for the others.
    pub(super) fn told(self) -> Vec<Finding> {
        let mut kept = self.kept.map(Vec::into_iter);
        let mut told = Vec::new();
        loop {
            let before = told.len();
            told.extend(kept.iter_mut().filter_map(Iterator::next));
            if told.len() == before || told.len() >= KEPT {
                break;
            }
        }
        told.truncate(KEPT);
        // Stable: within a kind the order is that of the walk.
        told.sort_by_key(|finding| finding.kind);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_of_one_kind_leave_room_for_the_others() {
        let mut findings = Findings::new("p:");
        for id in 0..100_000 {
            findings.add(FindingKind::Missing, &id.to_string(), String::new);
        }
        for id in 0..7 {
            findings.add(FindingKind::Orphaned, &id.to_string(), || "why".to_owned());
        }
        findings.add_foreign(&[b"p:x:\xff".to_vec()], 3);
        assert_eq!((findings.counts.total(), findings.counts.missing), (100_010, 100_000));
        let told = findings.told();
        assert_eq!(told.len(), KEPT);
        let of = |kind| told.iter().filter(|f| f.kind == kind).count();
        assert_eq!([FindingKind::Missing, FindingKind::Orphaned, FindingKind::Foreign].map(of), [KEPT - 8, 7, 1]);
        assert_eq!((told[1].key.as_str(), told[1].object_id.as_deref()), ("p:1", Some("1")));
        assert_eq!(told.last().unwrap().key, "p:x:\u{fffd}");
    }
}
