//! The shrink guard for one of several inputs: its memory stands beside the service's own, and so does an approval. It must not
//! know what becomes of the parts.

use tracing::info;

use crate::{
    model::Vanishing,
    pipeline::{
        engine::{Engine, Kind},
        guard::{Believed, Seen},
        now,
    },
};

impl Engine {
    /// Answers whether an input may shrink.
    pub(in crate::pipeline) async fn judge_input(&mut self, asked: Vanishing) {
        let Vanishing { input, present, new, vanished, reply } = asked;
        if vanished > 0
            && let Err(e) = self.look_for_approval().await
        {
            self.link.failed.get_or_insert(e);
            // Dropped, the question is answered too.
            return;
        }
        let bounds = self.bounds();
        let configured = &self.settings.source.inputs;
        self.baseline.inputs.retain(|name, _| configured.contains_key(name));
        let memory = self.baseline.inputs.entry(input.to_string()).or_default();
        let judged = memory.judge(Seen { present, new, vanished }, now(), bounds);
        let service = self.settings.name().as_str();
        let answer = match judged {
            Ok(Believed::Small) => Ok(()),
            Ok(Believed::Confirmed) => {
                let input = &*input;
                info!(
                    service,
                    input, vanished, "a refused shrink is believed now: snapshots have confirmed it for long enough"
                );
                Ok(())
            }
            Ok(Believed::Approved(approval)) => {
                let input = &*input;
                info!(service, input, vanished, by = approval.by, "a refused shrink is believed now: it was approved");
                Ok(())
            }
            Err(refused) => Err(refused.message),
        };
        if self.kind != Kind::Plan
            && let Err(e) = self.save_baseline().await
        {
            self.link.failed.get_or_insert(e);
        }
        reply(answer);
    }
}
