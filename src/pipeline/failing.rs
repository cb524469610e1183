//! Records that could not be rendered, by their bytes: the same bytes fail again in the same way, so that a template without end
//! costs its time once, not with every pass. It must not know templates.

use std::collections::HashMap;

use super::record::BadRecord;
use crate::model::{Fault, FaultKind};

/// Most records that are remembered; beyond them rendering is tried again.
const MOST: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub struct Failing {
    known: HashMap<u64, (Option<String>, Fault)>,
}

impl Failing {
    /// What became of the record with this raw hash, and whose it is.
    pub fn get(&self, raw: u64) -> Option<(Option<String>, Fault)> {
        if self.known.is_empty() { None } else { self.known.get(&raw).cloned() }
    }

    /// Remembers a record that could not be rendered; anything else may be another time.
    pub fn keep(&mut self, raw: u64, bad: &BadRecord) {
        if bad.fault.kind != FaultKind::Render {
            return;
        }
        if self.known.len() >= MOST {
            // What is long gone makes room for what fails now.
            self.known.clear();
        }
        self.known.insert(raw, (bad.id.clone(), bad.fault.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(kind: FaultKind) -> BadRecord {
        BadRecord { id: Some("1".into()), fault: Fault::new(kind, "x") }
    }

    #[test]
    fn only_what_cannot_be_rendered_is_remembered_and_not_without_bound() {
        let mut failing = Failing::default();
        failing.keep(1, &bad(FaultKind::NoRoom));
        assert_eq!(failing.get(1), None);
        for raw in 0..3 * MOST as u64 {
            failing.keep(raw, &bad(FaultKind::Render));
            assert!(failing.known.len() <= MOST);
        }
        assert_eq!(failing.get(3 * MOST as u64 - 1).map(|(id, _)| id), Some(Some("1".to_owned())));
    }
}
