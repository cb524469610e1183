//! A look at whole values, a few at a time, besides the renewals' look at heads. It must not write.

use std::time::Duration;

use tracing::warn;

use super::{engine::Engine, sweep::Sweep};
use crate::{
    envelope::{Ignore, Inspector},
    settings::Settings,
    store::{Held, LONGEST, Session, StoreError},
};

/// Which values are read next, and what they are compared with.
pub(super) struct Whole {
    sweep: Sweep,
    /// None while it is lent to a task.
    inspector: Option<Inspector>,
    /// No value of ours is so long that it is not read.
    none_is_long: bool,
}

impl Whole {
    pub(super) fn new(settings: &Settings, ignore: Ignore) -> Self {
        let inspector = Some(Inspector::new(settings.name(), ignore));
        // A control character of text has six bytes in JSON, three bytes have four in base64.
        let longest = (settings.limits.max_content.bytes() * 6).max(settings.limits.max_binary.bytes() * 2);
        let none_is_long = longest < LONGEST as u64;
        Self { sweep: Sweep::new(settings.verify.whole_every.0), inspector, none_is_long }
    }
}

impl Engine {
    /// Reads the values that are due after `elapsed` more time; those that are not what their hash says are to be healed.
    ///
    /// A value is written and removed in one step, so one that is read meanwhile is sound, be it the old or the new one.
    pub(super) async fn look_at_whole(&mut self, elapsed: Duration) {
        let slots = self.whole.sweep.step(&self.handler.ledger, elapsed);
        let Some(inspector) = self.whole.inspector.take_if(|_| !slots.is_empty()) else { return };
        let ids: Vec<String> = slots.iter().map(|slot| self.handler.ledger.id(*slot).as_ref().to_owned()).collect();
        let (example, none_is_long) = (ids.clone(), self.whole.none_is_long);
        let (inspector, wrong) = self
            .control(move |session| {
                let mut inspector = inspector;
                let wrong = look(session, &ids, &mut inspector, none_is_long);
                Ok((Some(inspector), wrong))
            })
            .await
            .unwrap_or_else(|e| (None, Err(e)));
        self.whole.inspector = inspector.or_else(|| Some(self.inspector()));
        // A failure of Redis is told by whoever writes.
        let wrong = wrong.unwrap_or_default();
        for (at, why) in &wrong {
            if self.lost_lines.take() {
                let (service, object_id) = (self.service(), example[*at].as_str());
                warn!(service, object_id, reason = why, "a value was changed by somebody else: {object_id}");
            }
            self.handler.ledger.set_broken(slots[*at]);
            self.live.metrics.lost.of("overwritten").add(1);
        }
        self.link.booked.lost += wrong.len() as u64;
    }

    fn inspector(&self) -> Inspector {
        // They were read once already.
        Inspector::new(self.settings.name(), Ignore::new(&self.settings.content.ignore).unwrap_or_default())
    }
}

/// Which of the objects have a value that is not theirs, and why. What is not there is the renewals' to find.
fn look(
    session: &mut Session,
    ids: &[String],
    inspector: &mut Inspector,
    none_is_long: bool,
) -> Result<Vec<(usize, String)>, StoreError> {
    let mut wrong = Vec::new();
    session.look(ids, |at, look| {
        let why = match look.held {
            Held::Bytes(value) => inspector.inspect(&ids[at], &value).err().map(|e| e.to_string()),
            Held::NoString => Some("it is no string".to_owned()),
            Held::TooLong => none_is_long.then(|| "it is longer than any value can be".to_owned()),
            Held::Nothing => None,
        };
        wrong.extend(why.map(|why| (at, why)));
    })?;
    Ok(wrong)
}
