//! The pipeline: from what a source hands over to keys in Redis. It must not know the command line, nor read settings
//! from anywhere.
//!
//! `Fetched -> identity -> parse -> render -> seal -> decide -> batch -> receipt`: one record's journey is in `handle`, one
//! pass in `pass`, the life of a service in `run`.

mod announcing;
mod asked;
mod backoff;
mod each;
mod engine;
mod failing;
mod faults;
mod fill;
mod findings;
mod guard;
mod handle;
mod heed;
mod ids;
mod inquiry;
mod intake;
mod learn;
mod ledger;
mod link;
mod lint;
mod live;
mod mapped;
mod memory;
mod merge;
mod meter;
mod noted;
mod pass;
mod plan;
mod preview;
mod profile;
mod pulse;
mod rebuild;
mod record;
mod recovery;
mod removing;
mod repeat;
mod report;
mod resolved;
mod resolver;
mod run;
mod schedule;
mod second_look;
mod spooling;
mod stream;
mod survey;
mod sweep;
mod tell;
mod told;
mod totals;
mod traced;
mod unmatched;
mod verify;
mod vet;
mod volume;
mod whole;
mod writing;

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

pub use engine::{Engine, EngineError, Kind, Opened};
pub use findings::{Finding, FindingCounts, FindingKind};
pub use guard::{Approval, Baseline, Refusal};
pub use handle::{Handler, Now};
pub use inquiry::{
    Change, Decision, Filter, Inquiries, KnownObject, ObjectRow, ObjectState, RefreshOutcome, Refreshed, Slice,
};
pub use ledger::Ledger;
pub use lint::{Linted, Problem, lint, lint_mapped};
pub use live::{Live, Role, State};
pub use mapped::mapped;
pub use merge::{Board, Merging, Named, merged};
pub use pass::Progress;
pub use plan::{Output, Plan, Planned};
pub use preview::{Preview, Shown, preview, preview_one, preview_sample};
pub use profile::profile;
pub use record::{BadRecord, Lead, Record, fast_id, lead, parse, record_schema};
pub use report::{Outcome, PassReport, Summary};
pub use resolved::resolved;
pub use run::run;
pub use spooling::SharedSpool;
pub use survey::Verifying;
pub use unmatched::unmatched_now;
pub use verify::{Repaired, Verification, WriterSeen};
pub use vet::{Judged, Vet};

use tokio::sync::watch;

/// Wall clock and process clock.
fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed().as_millis();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Ticks begin at 1, so that 0 stays "expired".
    Now { unix_ms: wall.as_millis() as u64, tick: (since / u128::from(ledger::TICK_MS)) as u32 + 1 }
}

/// Waits until `stop` turns true, or nobody can turn it true any more.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The guard that it gives must not be held over an await.
    drop(stop.wait_for(|stop| *stop).await);
}
