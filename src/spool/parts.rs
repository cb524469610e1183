//! What each of several inputs said last of each object. It must not know how parts become content.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
};

use redb::{ReadableTable, StorageError};

use super::{MARKS, PARTS, Spool, SpoolError};
use crate::model::DigestPrefix;

/// Behind every name of an input.
const LAST: &str = "\u{10ffff}";
/// Bytes of a digest's prefix.
const PREFIX: usize = size_of::<DigestPrefix>();

/// What an input has for an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Of the content, so that it need not be read to be compared.
    pub digest: DigestPrefix,
    /// Canonical JSON.
    pub content: Vec<u8>,
}

/// One change: an input has this for an object now, or nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartChange {
    /// The object.
    pub id: String,
    /// None removes it.
    pub part: Option<Part>,
}

impl PartChange {
    /// The object has this.
    pub fn put(id: &str, digest: DigestPrefix, content: &[u8]) -> Self {
        Self { id: id.to_owned(), part: Some(Part { digest, content: content.to_vec() }) }
    }

    /// The object has nothing any more.
    pub fn remove(id: &str) -> Self {
        Self { id: id.to_owned(), part: None }
    }
}

/// An object with the content of each input that has some, in the order of the inputs' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The object.
    pub id: String,
    /// By input: canonical JSON.
    pub parts: Vec<(String, Vec<u8>)>,
}

impl Spool {
    /// Makes `changes` of the parts of `input` durable (`fsync`), in order, together with numbers under names. An object that
    /// has no part any more is remembered as removed.
    ///
    /// # Errors
    /// When the disk fails or is full; then none of them is there.
    pub fn commit_parts(&self, input: &str, changes: &[PartChange], marks: &[(String, u64)]) -> Result<(), SpoolError> {
        let mut value = Vec::new();
        let now = super::now();
        let is_due = self.is_due(now);
        self.write(|tables| {
            for change in changes {
                let key = (change.id.as_str(), input);
                match &change.part {
                    Some(part) => {
                        value.clear();
                        value.extend_from_slice(&part.digest);
                        value.extend_from_slice(&part.content);
                        tables.parts.insert(key, value.as_slice())?;
                        tables.removed.remove(key.0)?;
                    }
                    None => {
                        tables.parts.remove(key)?;
                        if tables.parts.range((key.0, "")..=(key.0, LAST))?.next().is_none() {
                            tables.removed.insert(key.0, now)?;
                        }
                    }
                }
            }
            if is_due {
                self.forget_removed(tables, now)?;
            }
            marks.iter().try_for_each(|(name, mark)| tables.marks.insert(name.as_str(), *mark).map(drop))
        })
    }

    /// Forgets the parts of every input but these, and all numbers that are kept for others (`<input>/...`).
    ///
    /// # Errors
    /// When the disk fails.
    pub fn keep_inputs(&self, inputs: &[&str]) -> Result<(), SpoolError> {
        self.write(|tables| {
            tables.parts.retain(|(_, input), _| inputs.contains(&input))?;
            tables.marks.retain(|name, _| name.split_once('/').is_none_or(|(input, _)| inputs.contains(&input)))
        })
    }

    /// The number under `name`; 0 where there is none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn number(&self, name: &str) -> Result<u64, SpoolError> {
        self.read(MARKS, |marks| Ok(marks.get(name)?.map_or(0, |mark| mark.value())))
    }

    /// The inputs that numbers are kept for, `<input>/...`.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn inputs_with_numbers(&self) -> Result<BTreeSet<String>, SpoolError> {
        self.read(MARKS, |marks| {
            let mut inputs = BTreeSet::new();
            for entry in marks.iter()? {
                inputs.extend(entry?.0.value().split_once('/').map(|(input, _)| input.to_owned()));
            }
            Ok(inputs)
        })
    }

    /// Shows every part by object, input and digest.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn each_part(&self, mut visit: impl FnMut(&str, &str, DigestPrefix)) -> Result<(), SpoolError> {
        self.read(PARTS, |parts| {
            for entry in parts.iter()? {
                let (key, value) = entry?;
                let (id, input) = key.value();
                if let Some((digest, _)) = value.value().split_first_chunk::<PREFIX>() {
                    visit(id, input, *digest);
                }
            }
            Ok(())
        })
    }

    /// The committed parts of these objects, each once, in the order of their ids; also of those that have none.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn objects<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<Vec<Object>, SpoolError> {
        let ids: BTreeMap<&str, ()> = ids.map(|id| (id, ())).collect();
        self.read(PARTS, |parts| {
            let one = |id: &str| -> Result<Object, StorageError> {
                let mut object = Object { id: id.to_owned(), parts: Vec::new() };
                for entry in parts.range((id, "")..=(id, LAST))? {
                    let (key, value) = entry?;
                    object.parts.push((key.value().1.to_owned(), content(value.value())));
                }
                Ok(object)
            };
            ids.keys().map(|id| one(id)).collect()
        })
    }

    /// The objects behind `after` in the order of their ids with all that is committed of them, some more than `bytes` at
    /// the most; empty at the end.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn object_page(&self, after: &str, bytes: usize) -> Result<Vec<Object>, SpoolError> {
        self.read(PARTS, |parts| {
            let (mut page, mut size) = (Vec::<Object>::new(), 0);
            for entry in parts.range((Excluded((after, LAST)), Unbounded))? {
                let (key, value) = entry?;
                let (id, input) = key.value();
                let part = (input.to_owned(), content(value.value()));
                match page.last_mut().filter(|object| object.id == id) {
                    Some(object) => object.parts.push(part),
                    None if size >= bytes => break,
                    None => page.push(Object { id: id.to_owned(), parts: vec![part] }),
                }
                size += value.value().len();
            }
            Ok(page)
        })
    }
}

fn content(value: &[u8]) -> Vec<u8> {
    value.get(PREFIX..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::ServiceName;

    fn spool(folder: &std::path::Path) -> Spool {
        Spool::open(folder, &ServiceName::new("hwinfo").expect("a name"), Duration::from_secs(60)).expect("it opens")
    }

    fn put(id: &str, content: &str) -> PartChange {
        let part = Part { digest: [content.len() as u8; 16], content: content.as_bytes().to_vec() };
        PartChange { id: id.to_owned(), part: Some(part) }
    }

    fn object(id: &str, parts: &[(&str, &str)]) -> Object {
        let parts = parts.iter().map(|(input, content)| ((*input).to_owned(), content.as_bytes().to_vec())).collect();
        Object { id: id.to_owned(), parts }
    }

    #[test]
    fn objects_have_their_parts_in_the_order_of_the_inputs_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = spool(folder.path());
        kept.commit_parts("status", &[put("1", "\"s1\""), put("10", "9")], &[("status/as_of".into(), 7)])
            .expect("kept");
        kept.commit_parts("facts", &[put("1", "{}"), put("2", "[]")], &[]).expect("kept");
        drop(kept);
        let kept = spool(folder.path());
        let all = [
            object("1", &[("facts", "{}"), ("status", "\"s1\"")]),
            object("10", &[("status", "9")]),
            object("2", &[("facts", "[]")]),
        ];
        assert_eq!(kept.object_page("", 1 << 20).expect("a page"), all);
        assert_eq!(kept.object_page("", 1).expect("a page"), all[..1]);
        assert_eq!(kept.object_page("1", 1).expect("a page"), all[1..2]);
        assert_eq!(kept.object_page("2", 1).expect("a page"), []);
        let some = kept.objects(["2", "none", "2"].into_iter()).expect("they are read");
        assert_eq!(some, [all[2].clone(), object("none", &[])]);
        let mut seen = Vec::new();
        kept.each_part(|id, input, digest| seen.push(format!("{id} {input} {}", digest[0]))).expect("they are read");
        assert_eq!(seen, ["1 facts 2", "1 status 4", "10 status 1", "2 facts 2"]);
        assert_eq!(kept.number("status/as_of").expect("it is read"), 7);
    }

    #[test]
    fn inputs_that_are_gone_leave_nothing_and_the_others_everything() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = spool(folder.path());
        kept.commit_parts("facts", &[put("1", "{}"), put("2", "[]")], &[("facts/whole".into(), 1)]).expect("kept");
        kept.commit_parts("status", &[put("1", "1")], &[("status/whole".into(), 1)]).expect("kept");
        kept.keep_inputs(&["status", "new"]).expect("they are forgotten");
        assert_eq!(kept.object_page("", 1 << 20).expect("a page"), [object("1", &[("status", "1")])]);
        assert_eq!(kept.inputs_with_numbers().expect("they are read"), BTreeSet::from(["status".to_owned()]));
        let marks = ["facts/whole", "status/whole"].map(|name| kept.number(name).expect("it is read"));
        assert_eq!(marks, [0, 1]);
        let gone = PartChange { id: "1".to_owned(), part: None };
        kept.commit_parts("status", &[gone], &[]).expect("kept");
        assert_eq!(kept.object_page("", 1 << 20).expect("a page"), []);
        assert_eq!(kept.removed("", 10).expect("they are read"), ["1"], "2 went with its input, not by a word");
        kept.commit_parts("new", &[put("1", "1")], &[]).expect("kept");
        assert!(kept.removed("", 10).expect("they are read").is_empty());
    }
}
