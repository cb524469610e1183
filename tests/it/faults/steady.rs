//! A large service that changes a little all the time: memory and descriptors stay as they are.

use std::time::{Duration, Instant};

use super::{SERVICE, brisk, check_flat, look_at, server};
use crate::harness::{Ext, Figures, Journal, Walk, Witness, is_soak, minutes, now};

/// Passes before memory is looked at for the first time.
const WARM: u64 = 5;

#[test]
fn know9_memory_and_descriptors_stay_flat_while_one_in_a_hundred_changes_each_pass() {
    let mut figures = Figures::begin("steady change", 10, 10);
    let (ids, pace, lasts) = match is_soak() {
        true => (100_000, Duration::from_secs(10), Duration::from_secs(60 * minutes(60))),
        false => (2_000, Duration::from_millis(100), Duration::ZERO),
    };
    let redis = server(&[]);
    let ext = brisk(Ext::at(&redis.url()))
        .set("redis.timeout", "5s")
        .set("verify.every", if is_soak() { "10m" } else { "5s" });
    let mut walk = Walk::new(figures.seed, ids, 0);
    let path = ext.path("objects.ndjson");
    walk.write(&path);
    let mut sidecar = ext.run();
    sidecar.wait_until("all objects are there", || redis.count(SERVICE) as u64 == ids);
    let journal = Journal::new(SERVICE);
    journal.attach(&redis);
    let witness = Witness::start(&redis, SERVICE, walk.ids(), 100, Duration::from_millis(20));

    let (begun, mut passes) = (Instant::now(), 0);
    while passes < figures.rounds || begun.elapsed() < lasts {
        let next = Instant::now() + pace;
        walk.change(ids / 100);
        walk.write(&path);
        // A pass that began before is not one over the whole change.
        let since = now();
        sidecar.wait_until("a pass over the change", || {
            redis.descriptor(SERVICE)["as_of"].as_str().unwrap_or_default() > since.as_str()
        });
        journal.catch_up(&redis);
        passes += 1;
        assert_eq!(journal.counts(), (passes * (ids / 100), 0), "each change is one write");
        figures.fault("pass");
        if passes == WARM || passes > WARM && passes % 10 == 0 {
            look_at(&mut figures, &sidecar);
        }
        figures.progress(passes);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let difference = walk.difference(&redis, SERVICE);
    assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    witness.catch_up();
    assert_eq!((journal.violations(), witness.violations()), (vec![], vec![]));
    check_flat(&figures);
    sidecar.stop().expect(0);
    (figures.read, figures.written) = (witness.counts().0, journal.counts().0);
    figures.end();
}
