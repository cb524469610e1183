//! A failover to a replica that lags: old values, an older canary. What differs is written again, and nothing else.

use std::time::{Duration, Instant};

use super::{
    SERVICE, Stage,
    servers::{promote, replica},
};
use crate::harness::{Figures, Running, Witness, is_soak, now, percentile};

#[test]
fn know7_a_failover_to_a_lagging_replica_is_healed_within_a_cycle_by_what_differs() {
    let mut figures = Figures::begin("failover to a lagging replica", 2, 20);
    let ids = if is_soak() { 20_000 } else { 1_000 };
    let mut stage = Stage::new(&figures, ids, ids / 20);
    let mut sidecar = stage.ext.run();
    sidecar.wait_until("the first objects", || stage.redis.count(SERVICE) as u64 > ids / 2);
    let mut readers = Readers::default();
    let mut healed = 0;
    for round in 0..figures.rounds {
        healed += fail_over(&mut stage, &mut figures, &mut sidecar, &mut readers, round % 2 == 1);
        figures.progress(round);
    }
    assert!(healed > 0, "nothing differed: the replicas did not lag");
    figures.notes.push(format!("{healed} objects differed and were written or removed, no others"));
    let p99 = |micros: &mut Vec<u32>| percentile(micros, 0.99);
    let (quiet, healing) = (p99(&mut readers.quiet), p99(&mut readers.healing));
    figures.notes.push(format!("a reader's GET p99 {quiet:?} before, {healing:?} while it was healed"));
    sidecar.stop().expect(0);
    stage.end(figures);
}

/// How long a reader's answers took, in microseconds.
#[derive(Default)]
struct Readers {
    quiet: Vec<u32>,
    healing: Vec<u32>,
}

/// The primary dies, its replica knows nothing of the last moments. Returns how many objects differed.
fn fail_over(
    stage: &mut Stage,
    figures: &mut Figures,
    sidecar: &mut Running,
    readers: &mut Readers,
    restarted: bool,
) -> u64 {
    let (next, link) = replica(&stage.redis);
    figures.sleep_up_to(300);
    link.stall();
    figures.fault("failover");
    // What the replica will never hear of.
    figures.sleep_up_to(300);
    let walker = stage.walker.clone();
    let still = walker.still();
    stage.wait_for_pass_after(sidecar, &still.since);
    let reader = Witness::start(&next, SERVICE, vec!["1".into(), "2".into()], 1, Duration::from_millis(1));
    std::thread::sleep(Duration::from_millis(300));
    readers.quiet.append(&mut reader.take_micros());
    let (other, gone) = still.walk.differences(&next, SERVICE);
    stage.journal.catch_up(&stage.redis);
    let (written, removed) = stage.journal.counts();

    stage.redis.pause();
    if restarted {
        // Whoever comes after it knows only what the replica knows.
        figures.fault("kill");
        std::mem::replace(sidecar, stage.ext.run()).kill();
    }
    let promoted = Instant::now();
    let since = now();
    promote(stage, next);
    stage.wait_for_pass_after(sidecar, &since);
    figures.recoveries.push(promoted.elapsed());
    readers.healing.append(&mut reader.take_micros());
    stage.check(figures, &still);
    let counts = stage.journal.counts();
    let seed = figures.seed;
    assert_eq!(counts, (written + other, removed + gone), "RALPHEXT_SEED={seed}: written and removed: what differed");
    other + gone
}
