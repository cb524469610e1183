//! What the engine keeps under `@baseline`: saved after each pass, and never over an approval that came meanwhile. It must
//! not judge anything.

use tracing::{info, warn};

use super::{
    engine::Engine,
    guard::{Baseline, Believed, Bounds, Seen},
    report::Summary,
};
use crate::store::{SavedBaseline, StoreError};

/// Operators who approve at the same moment; more than that in a row is no race any more.
const TRIES: usize = 20;

impl Engine {
    /// Goes on from what an earlier writer has left in Redis.
    pub(super) fn recall(&mut self, text: Option<Vec<u8>>) {
        if let Some(read) = text.as_deref().and_then(|text| self.read(text)) {
            self.baseline.replace(read);
        }
        self.baseline_in_redis = text;
    }

    /// Asks the guard whether what a complete snapshot did not name may go. The answer is what it refuses.
    pub(super) async fn ask_guard(&mut self, vanished: u64, summary: &mut Summary) -> Result<(), String> {
        if vanished > 0
            && let Err(e) = self.look_for_approval().await
        {
            self.link.failed.get_or_insert(e);
        }
        let bounds = self.bounds();
        let present = self.handler.ledger.len() as u64 - vanished;
        let seen = Seen { present, new: self.handler.counts.new, vanished };
        // What Redis lost is no growth when it comes back.
        let usual = self.baseline.usual().max(seen.stood());
        match self.baseline.judge(seen, super::now(), bounds) {
            Ok(believed) => {
                self.meter_growth(usual, present);
                self.tell(vanished, &believed);
                Ok(())
            }
            Err(refused) => {
                summary.kept = refused.vanished;
                Err(refused.message)
            }
        }
    }

    /// What the settings say to the guard.
    pub(super) fn bounds(&self) -> Bounds {
        let limits = &self.settings.limits;
        Bounds { max_shrink: limits.max_shrink, confirm_ms: limits.shrink_confirm.as_millis() as u64 }
    }

    fn tell(&self, vanished: u64, believed: &Believed) {
        let service = self.service();
        match believed {
            Believed::Small => {}
            Believed::Confirmed => {
                info!(
                    service,
                    vanished, "a refused shrink is believed now: snapshots have confirmed it for long enough"
                );
            }
            Believed::Approved(approval) => {
                info!(service, vanished, by = approval.by, "a refused shrink is believed now: it was approved");
            }
        }
    }

    /// Takes an approval over that came since the last look.
    pub(super) async fn look_for_approval(&mut self) -> Result<(), StoreError> {
        let text = self.control(|session| session.memory()).await?.baseline;
        self.adopt(text);
        Ok(())
    }

    fn adopt(&mut self, text: Option<Vec<u8>>) {
        if text == self.baseline_in_redis {
            return;
        }
        if let Some(found) = text.as_deref().and_then(|text| self.read(text)) {
            self.baseline.adopt_approval(&found);
        }
        self.baseline_in_redis = text;
    }

    fn read(&self, text: &[u8]) -> Option<Baseline> {
        let read = Baseline::read(text, super::now().unix_ms);
        if let Err(e) = &read {
            warn!(service = self.service(), error = %e, "the shrink guard's memory cannot be read; it begins anew");
        }
        read.ok()
    }

    /// Writes the baseline, while the fence is ours. What somebody else wrote since the last look is looked at first.
    pub(super) async fn save_baseline(&mut self) -> Result<(), StoreError> {
        let epoch = self.handler.epoch;
        for _ in 0..TRIES {
            let (text, before) = (self.baseline.to_json(), self.baseline_in_redis.clone());
            let value = text.clone();
            let saved = self.control(move |session| session.set_baseline(epoch, &value, before.as_deref())).await?;
            match saved {
                SavedBaseline::Saved => {
                    self.baseline_in_redis = Some(text.into_bytes());
                    return Ok(());
                }
                // The next batch or heartbeat finds it out, and says so.
                SavedBaseline::Fenced => return Ok(()),
                SavedBaseline::Other(found) => self.adopt(found),
            }
        }
        warn!(
            service = self.service(),
            "the shrink guard's memory was not saved: it is written by others all the time"
        );
        Ok(())
    }
}
