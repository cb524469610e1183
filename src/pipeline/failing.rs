//! What could not be taken and would fail again in the same way: records that could not be rendered, by their bytes, so that a
//! template without end costs its time once, not with every pass; and objects whose content was refused, by their id, so that a
//! source that says "the same as before" does not hide the fault. It must not know templates, nor sources.

use std::collections::HashMap;

use super::record::BadRecord;
use crate::model::{Document, Fault, FaultKind, Place};

/// Most that are remembered of each kind; beyond them rendering is tried again.
const MOST: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub struct Failing {
    known: HashMap<u64, (Option<String>, Fault)>,
    objects: HashMap<String, (Place, Fault)>,
    /// In this pass something was refused that is not remembered: the next one has to be told all of it again.
    pub unsure: bool,
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

    /// Remembers what became of an object's document.
    pub fn document(&mut self, document: &Document, id: &str, fault: Option<&Fault>) {
        let Some(fault) = fault else {
            self.objects.remove(id);
            return;
        };
        // Where there was no room, there may be some the next time.
        if fault.kind == FaultKind::NoRoom || self.objects.len() >= MOST {
            self.unsure = true;
            return;
        }
        self.objects.insert(id.to_owned(), (document.place.clone(), fault.clone()));
    }

    /// Why the content that the object has at its source was refused.
    pub fn object(&self, id: &str) -> Option<(Place, Fault)> {
        self.objects.get(id).cloned()
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

    #[test]
    fn a_refused_object_is_remembered_until_it_is_taken_and_what_is_not_remembered_is_told() {
        let place = Place { origin: "x".into(), line: 0 };
        let document =
            Document { id: "1".into(), content_type: crate::model::ContentType::JSON, data: Vec::new(), place };
        let (bad, full) = (Fault::new(FaultKind::BadType, "x"), Fault::new(FaultKind::NoRoom, "x"));
        let mut failing = Failing::default();
        failing.document(&document, "1", Some(&bad));
        assert_eq!(failing.object("1").map(|(_, fault)| fault.kind), Some(FaultKind::BadType));
        failing.document(&document, "1", None);
        assert!(failing.object("1").is_none() && !failing.unsure);
        failing.document(&document, "2", Some(&full));
        assert!(failing.object("2").is_none() && std::mem::take(&mut failing.unsure));
        for id in 0..MOST + 9 {
            failing.document(&document, &id.to_string(), Some(&bad));
        }
        assert!(failing.objects.len() == MOST && failing.unsure);
    }
}
