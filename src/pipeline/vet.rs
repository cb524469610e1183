//! Whether records would be taken, without anything that only a running pass knows: for what is kept while Redis is away. It
//! must not keep or write anything.

use super::{
    intake::{Intake, Taken},
    resolved::empty_of,
    resolver::Resolver,
};
use crate::{
    envelope::{Ignore, Sealer},
    identity::{Handle, Reason},
    model::{DigestPrefix, Encoding, Fault, FaultKind, Refusal},
    render,
    settings::Settings,
    spool::{Change, PartChange},
};

/// What is to be kept of some records, and what is not.
#[derive(Debug, Default)]
pub struct Judged {
    /// By object id: the record, or none where it is removed.
    pub changes: Vec<Change>,
    /// The same for one of several inputs, whose parts are kept in place of records.
    pub parts: Vec<PartChange>,
    /// What would be refused, and why.
    pub refusals: Vec<Refusal>,
    /// There is no inventory yet that could tell which objects all of them are about.
    pub is_unknown: bool,
}

/// See the module.
pub struct Vet {
    /// Of one of several inputs.
    is_input: bool,
    sealer: Sealer,
    intake: Intake,
    inventory: Option<Handle>,
    empty: Option<String>,
    max_content: usize,
    max_binary: usize,
}

/// An object, and its digest and record, if it has one.
type Vetted<'l> = (String, Option<(DigestPrefix, &'l [u8])>);

impl Judged {
    /// How many changes are to be kept.
    pub fn count(&self) -> usize {
        self.changes.len() + self.parts.len()
    }
}

impl Vet {
    /// For the records of the service of `settings`, or of one of its several inputs with that input's settings; resolved by
    /// `inventory`.
    pub fn new(settings: &Settings, is_input: bool, inventory: Option<Handle>) -> Self {
        Self {
            is_input,
            inventory,
            empty: empty_of(settings),
            // What is ignored does not count here.
            sealer: Sealer::new(settings.name(), Ignore::default()),
            intake: Intake::new(settings),
            max_content: settings.limits.max_content.as_usize(),
            max_binary: settings.limits.max_binary.as_usize(),
        }
    }

    /// Judges `records`, one a line.
    pub fn judge(&mut self, records: &[u8]) -> Judged {
        let mut judged = Judged::default();
        let mut resolver =
            self.inventory.as_ref().map(|handle| Resolver::new(handle.view(), self.empty.clone(), false));
        for line in records.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            let mut resolved = Vec::new();
            let line = match resolver.as_mut().map(|resolver| resolver.one(line, &mut resolved)) {
                None => line,
                Some(Ok(())) => resolved.as_slice(),
                Some(Err(unresolved)) => {
                    judged.is_unknown |= unresolved.reason == Some(Reason::NoInventory.as_str());
                    judged.refusals.push(unresolved.refusal);
                    continue;
                }
            };
            match self.one(line) {
                Ok(Some((id, None))) if self.is_input => judged.parts.push(PartChange::remove(&id)),
                Ok(Some((id, Some((digest, _))))) if self.is_input => {
                    judged.parts.push(PartChange::put(&id, digest, self.sealer.content()));
                }
                Ok(Some((id, taken))) => judged.changes.push((id, taken.map(|(_, record)| record.to_vec()))),
                Ok(None) => {}
                Err((object_id, fault)) => {
                    let kind = fault.kind.as_str();
                    judged.refusals.push(Refusal { object_id, kind, reason: fault.reason });
                }
            }
        }
        judged
    }

    fn one<'l>(&mut self, line: &'l [u8]) -> Result<Option<Vetted<'l>>, (Option<String>, Fault)> {
        match self.intake.record(line).map_err(|bad| (bad.id, bad.fault))? {
            Taken::Upsert { id, content, .. } => {
                let checked = if self.is_input { check_part(&content) } else { Ok(()) };
                let taken = checked
                    .and_then(|()| check_size(&content, self.max_content, self.max_binary))
                    .and_then(|()| self.sealer.prepare(&content));
                match taken {
                    Ok(digest) => Ok(Some((id.into_owned(), Some((digest.prefix(), line))))),
                    Err(fault) => Err((Some(id.into_owned()), fault)),
                }
            }
            Taken::Remove { id } => Ok(Some((id.into_owned(), None))),
            Taken::Begin | Taken::End | Taken::Heartbeat => Ok(None),
        }
    }
}

/// Whether content is within `limits.max_content`, or `limits.max_binary`.
pub(super) fn check_size(
    content: &crate::model::Content<'_>,
    max_content: usize,
    max_binary: usize,
) -> Result<(), Fault> {
    let len = render::decoded_len(content);
    let (max, key) = match content.content_type.encoding() {
        Encoding::Base64 => (max_binary, "limits.max_binary"),
        _ => (max_content, "limits.max_content"),
    };
    if len <= max {
        return Ok(());
    }
    Err(Fault::new(FaultKind::TooLarge, format!("its content has {len} bytes, more than {key} ({max})")))
}

/// Whether content can be the part of an input, from several of which a JSON object is made.
pub(super) fn check_part(content: &crate::model::Content<'_>) -> Result<(), Fault> {
    if content.content_type.is_json() {
        return Ok(());
    }
    let kind = content.content_type.as_str();
    let reason = format!(
        "its content is {kind}, and a JSON object is made of what several inputs have: it has to be JSON or a card"
    );
    Err(Fault::new(FaultKind::BadType, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_records_are_changes_and_bad_ones_are_told() {
        let mut settings = Settings::for_tests("hwinfo", "redis://localhost");
        settings.limits.max_content = crate::settings::Size(20);
        let mut vet = Vet::new(&settings, false, None);
        let judged = vet.judge(
            b"{\"id\":1,\"content\":{\"a\":1}}\n\n{\"id\":2,\"deleted\":true}\n{\"heartbeat\":true}\n{\"id\":3,\"content\":\"012345678901234567890\"}\nnonsense",
        );
        assert_eq!(
            judged.changes,
            [("1".into(), Some(b"{\"id\":1,\"content\":{\"a\":1}}".to_vec())), ("2".into(), None)]
        );
        let kinds: Vec<_> = judged.refusals.iter().map(|r| (r.object_id.as_deref(), r.kind)).collect();
        assert_eq!(kinds, [(Some("3"), "too_large"), (None, "not_json")]);
    }

    #[test]
    fn parts_of_an_input_are_json_in_canonical_form() {
        let mut settings = Settings::for_tests("hwinfo", "redis://localhost");
        settings.source.inputs.insert("status".to_owned(), crate::settings::Source::default());
        let mut vet = Vet::new(&settings.for_input("status").expect("it is there"), true, None);
        let judged = vet.judge(
            b"{\"id\":1,\"content\":{\"b\": 1.0, \"a\":2}}\n{\"id\":2,\"content\":\"up\"}\n{\"id\":3,\"deleted\":true}\n{\"id\":4,\"content\":\"<p>\",\"content_type\":\"html\"}",
        );
        let parts = judged.parts.iter().map(|change| {
            let content = change.part.as_ref().map(|part| String::from_utf8_lossy(&part.content).into_owned());
            (change.id.as_str(), content)
        });
        let expected = [("1", Some("{\"a\":2,\"b\":1}".to_owned())), ("2", Some("\"up\"".to_owned())), ("3", None)];
        assert_eq!(parts.collect::<Vec<_>>(), expected);
        assert_eq!((judged.count(), judged.changes.len()), (3, 0));
        let refused: Vec<_> = judged.refusals.iter().map(|r| (r.object_id.as_deref(), r.kind)).collect();
        assert_eq!(refused, [(Some("4"), "bad_type")]);
    }
}
