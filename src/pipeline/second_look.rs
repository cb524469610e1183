//! One key against what should stand there: the suspects once more, or everything after a repair. It must not know the
//! source, nor write.

use super::{
    engine::Engine,
    findings::{FindingKind, Findings},
    handle::Now,
    ledger::Ledger,
    survey::{Mark, Survey},
};
use crate::{
    envelope::Head,
    model::{DigestPrefix, Version, write_hex},
    registry::Stamp,
    store::{Found, Held, Look, StoreError},
};

pub(super) const NO_KEY: &str = "the source has it, and there is no key";
pub(super) const GONE: &str = "the source no longer has it";
pub(super) const FOR_EVER: &str = "it would stand for ever";

/// How far the source was heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// It did not fail.
    pub(super) compared: bool,
    /// It told everything.
    pub(super) complete: bool,
    /// What the source's pass writes has a greater version.
    pub(super) before: Version,
}

/// An object that may be wrong, or may have changed since the walk.
#[derive(Debug)]
pub(super) enum Suspect {
    /// It stands in the ledger.
    Slot(u32),
    /// The pass would remove it.
    Removed(String),
}

/// What should stand at a key.
#[derive(Debug)]
pub(super) struct Expected {
    id: String,
    /// A value with this digest.
    digest: Option<DigestPrefix>,
    /// Nothing.
    orphan: bool,
    /// Something stood there when the walk came by.
    stood: bool,
}

enum Outcome {
    Fine,
    /// It was written or removed since the verification began: no finding.
    Changed,
    Wrong(FindingKind, String),
}

impl Engine {
    /// Everything that may be wrong.
    pub(super) fn suspects(&mut self, survey: &Survey, scope: Scope) -> Vec<Suspect> {
        let (ledger, pass) = (&self.handler.ledger, self.handler.pass);
        let is_suspect = |slot: &u32| {
            matches!(survey.mark(*slot), Mark::Invalid | Mark::NoTtl)
                || (scope.compared && ledger.written(*slot).0 > scope.before)
                || (scope.complete && ledger.seen(*slot) != pass)
        };
        let mut suspects: Vec<Suspect> = ledger.iter().filter(is_suspect).map(Suspect::Slot).collect();
        let removed = self.handler.removed.take().unwrap_or_default();
        suspects.extend(removed.into_iter().map(|(_, id)| Suspect::Removed(id)));
        suspects
    }

    pub(super) fn expected(&self, suspect: &Suspect, survey: &Survey, scope: Scope) -> Expected {
        match suspect {
            Suspect::Slot(slot) => Expected {
                stood: survey.mark(*slot) != Mark::Absent,
                ..expected(&self.handler.ledger, *slot, self.handler.pass, scope)
            },
            Suspect::Removed(id) => orphan(id, true),
        }
    }

    /// Looks at suspects once more: what changed meanwhile is no finding, but counted.
    pub(super) async fn look_twice(
        &self,
        mut survey: Survey,
        expected: Vec<Expected>,
        findings: &mut Findings,
        changed: &mut u64,
    ) -> Result<Survey, StoreError> {
        let (survey, expected, outcomes) = self
            .control(move |session| {
                let ids: Vec<String> = expected.iter().map(|e| e.id.clone()).collect();
                let (mut outcomes, start) = (Vec::with_capacity(ids.len()), survey.start);
                let now = super::now();
                session.look(&ids, |at, look| outcomes.push(judge(&mut survey, &expected[at], &look, start, now)))?;
                Ok((survey, expected, outcomes))
            })
            .await?;
        for (expected, outcome) in expected.iter().zip(outcomes) {
            match outcome {
                Outcome::Fine => {}
                Outcome::Changed => *changed += 1,
                Outcome::Wrong(kind, detail) => findings.add(kind, &expected.id, || detail),
            }
        }
        Ok(survey)
    }

    /// Tells the foreign keys that are still there.
    pub(super) async fn look_at_foreign(&self, survey: &Survey, findings: &mut Findings) -> Result<(), StoreError> {
        let keys = survey.foreign().keys.clone();
        if keys.is_empty() {
            return Ok(());
        }
        let asked = keys.clone();
        let there = self.control(move |session| session.are_there(&asked)).await?;
        let gone = there.iter().filter(|there| !**there).count() as u64;
        let left: Vec<Vec<u8>> = keys.into_iter().zip(there).filter_map(|(key, there)| there.then_some(key)).collect();
        findings.add_foreign(&left, survey.foreign().count() - gone);
        Ok(())
    }

    /// Walks over everything again, and compares it with what the ledger knows.
    pub(super) async fn look_at_all(
        &mut self,
        mut survey: Survey,
        scope: Scope,
        mut findings: Findings,
    ) -> Result<Findings, StoreError> {
        let handler = self.take_handler();
        survey.begin_again();
        let (handler, findings, walked) = self
            .control(move |session| {
                let (ledger, pass) = (&handler.ledger, handler.pass);
                let mut seen = vec![false; ledger.slots() as usize];
                let mut now = super::now();
                let walked = session.walk(|one| match one {
                    Found::Foreign(key) => survey.add_foreign(key),
                    Found::Object(id, look) if look.held != Held::Nothing => {
                        survey.count(&mut now);
                        let should = match ledger.find(id) {
                            // SCAN may name a key twice.
                            Some(slot) if std::mem::replace(&mut seen[slot as usize], true) => return,
                            Some(slot) => expected(ledger, slot, pass, scope),
                            None => orphan(id, scope.complete),
                        };
                        if let Outcome::Wrong(kind, detail) = judge(&mut survey, &should, &look, Version(u64::MAX), now)
                        {
                            findings.add(kind, id, || detail);
                        }
                    }
                    Found::Object(..) => {}
                });
                for slot in ledger.iter().filter(|slot| !seen[*slot as usize]) {
                    let should = expected(ledger, slot, pass, scope);
                    if should.digest.is_some() {
                        findings.add(FindingKind::Missing, &should.id, || NO_KEY.to_owned());
                    }
                }
                findings.add_foreign(&survey.foreign().keys, survey.foreign().count());
                Ok((handler, findings, walked))
            })
            .await?;
        self.handler = handler;
        walked.map(|()| findings)
    }
}

/// What should stand at the key of the object in `slot`, after snapshot `pass`.
fn expected(ledger: &Ledger, slot: u32, pass: u32, scope: Scope) -> Expected {
    let is_named = ledger.seen(slot) == pass;
    // What the source has in a bad form is named, and yet nobody knows what should stand there.
    let has_content = scope.compared && is_named && !ledger.is_broken(slot);
    Expected {
        id: ledger.id(slot).as_ref().to_owned(),
        digest: has_content.then(|| ledger.written(slot).1),
        orphan: scope.complete && !is_named,
        stood: false,
    }
}

/// What the source does not name; an orphan, if it told everything.
fn orphan(id: &str, orphan: bool) -> Expected {
    Expected { id: id.to_owned(), digest: None, orphan, stood: false }
}

/// One key; what has a greater version than `start` was written since the verification began.
fn judge(survey: &mut Survey, expected: &Expected, look: &Look, start: Version, now: Now) -> Outcome {
    let head = match survey.judge(&expected.id, look, now) {
        None if expected.stood => return Outcome::Changed,
        None if expected.digest.is_some() => return Outcome::Wrong(FindingKind::Missing, NO_KEY.to_owned()),
        None => return Outcome::Fine,
        Some(Err(reason)) => return Outcome::Wrong(FindingKind::Invalid, reason),
        Some(Ok(head)) => head,
    };
    let differs = expected.digest.filter(|digest| *digest != head.digest.prefix());
    if (differs.is_some() || expected.orphan) && head.version > start {
        return Outcome::Changed;
    }
    if expected.orphan {
        return Outcome::Wrong(FindingKind::Orphaned, format!("{GONE}; written {}", Stamp(head.changed_at)));
    }
    if look.pttl == -1 {
        return Outcome::Wrong(FindingKind::NoTtl, FOR_EVER.to_owned());
    }
    match differs {
        Some(digest) => Outcome::Wrong(FindingKind::Different, difference(&head, &digest)),
        None => Outcome::Fine,
    }
}

fn difference(head: &Head, digest: &DigestPrefix) -> String {
    let hex = |bytes: &[u8]| {
        let mut out = [0; 12];
        write_hex(&bytes[..6], &mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    let (stored, source) = (hex(&head.digest.prefix()), hex(digest));
    format!("hash {stored}.. of {}, the source's content has {source}..", Stamp(head.changed_at))
}
