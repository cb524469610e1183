//! Whether records would be taken, without anything that only a running pass knows: for what is kept while Redis is away. It
//! must not keep or write anything.

use super::intake::{Intake, Taken};
use crate::{
    envelope::{Ignore, Sealer},
    model::{Encoding, Fault, FaultKind, Refusal},
    render,
    settings::Settings,
    spool::Change,
};

/// What is to be kept of some records, and what is not.
#[derive(Debug, Default)]
pub struct Judged {
    /// By object id: the record, or none where it is removed.
    pub changes: Vec<Change>,
    /// What would be refused, and why.
    pub refusals: Vec<Refusal>,
}

/// See the module.
pub struct Vet {
    sealer: Sealer,
    intake: Intake,
    max_content: usize,
    max_binary: usize,
}

impl Vet {
    /// For the records of the service of `settings`.
    pub fn new(settings: &Settings) -> Self {
        Self {
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
        for line in records.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            match self.one(line) {
                Ok(Some(change)) => judged.changes.push(change),
                Ok(None) => {}
                Err((object_id, fault)) => {
                    let kind = fault.kind.as_str();
                    judged.refusals.push(Refusal { object_id, kind, reason: fault.reason });
                }
            }
        }
        judged
    }

    fn one(&mut self, line: &[u8]) -> Result<Option<Change>, (Option<String>, Fault)> {
        match self.intake.record(line).map_err(|bad| (bad.id, bad.fault))? {
            Taken::Upsert { id, content, .. } => {
                let taken = check_size(&content, self.max_content, self.max_binary)
                    .and_then(|()| self.sealer.prepare(&content));
                match taken {
                    Ok(_) => Ok(Some((id.into_owned(), Some(line.to_vec())))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_records_are_changes_and_bad_ones_are_told() {
        let mut settings = Settings::for_tests("hwinfo", "redis://localhost");
        settings.limits.max_content = crate::settings::Size(20);
        let mut vet = Vet::new(&settings);
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
}
