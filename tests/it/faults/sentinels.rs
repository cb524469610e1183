//! Real failovers: sentinels find a master dead or are told to change it, while the source changes all the time.

use std::time::Instant;

use super::{PAUSE, SERVICE, brisk, check, check_flat, look_at, wait_for_pass_after};
use crate::harness::{Ext, Figures, Journal, Walk, Walker, Watched, Witness};

/// How a master loses its place.
#[derive(Debug, Clone, Copy)]
enum Way {
    Ordered,
    Killed,
    Frozen,
}

#[test]
fn know3_failovers_by_sentinels_at_random_moments_lose_nothing() {
    let mut figures = Figures::begin("failovers by sentinels", 1, 20);
    let mut watched = Watched::start(&[], &[], None);
    let ext = brisk(Ext::watched(&watched));
    let walk = Walk::new(figures.seed, 400, 60);
    let witness = Witness::start(&watched.servers[0], SERVICE, walk.ids(), 50, PAUSE);
    let journal = Journal::new(SERVICE);
    journal.attach(&watched.servers[0]);
    let walker = Walker::start(walk, ext.path("objects.ndjson"), 2..40);
    let mut sidecar = ext.run();
    sidecar.wait_until("the first objects", || watched.servers[0].count(SERVICE) > 0);
    let mut master = 0;
    for round in 0..figures.rounds {
        let next = 1 - master;
        let way = [Way::Killed, Way::Ordered, Way::Frozen][figures.rng.usize(0..3)];
        figures.fault(&format!("{way:?}"));
        figures.sleep_up_to(700);
        depose(&mut watched, master, way);
        let promoted = Instant::now();
        journal.attach(&watched.servers[next]);
        witness.follow(&watched.servers[next]);
        let redis = &watched.servers[next];

        let still = walker.still();
        sidecar.wait_until("the new master holds what the source says", || {
            still.walk.difference(redis, SERVICE).is_none()
        });
        figures.recoveries.push(promoted.elapsed());
        let first = wait_for_pass_after(redis, &mut sidecar, &still.since);
        wait_for_pass_after(redis, &mut sidecar, &first);
        check(&figures, &still, redis, &journal, &witness);
        drop(still);
        look_at(&mut figures, &sidecar);
        figures.progress(round);
        if round + 1 < figures.rounds {
            bring_back(&mut watched, master, way);
        }
        master = next;
    }
    check_flat(&figures);
    sidecar.stop().expect(0);
    (figures.read, figures.written) = (witness.counts().0, journal.counts().0);
    figures.end();
}

/// Lets server `deposed` take part again, as a replica that could be the next master.
fn bring_back(watched: &mut Watched, deposed: usize, way: Way) {
    match way {
        Way::Ordered => {}
        Way::Killed => watched.servers[deposed].restart(),
        Way::Frozen => watched.servers[deposed].resume(),
    }
    watched.servers[deposed].wait_until_in_step();
    watched.wait_for_replica();
}

/// Takes the place away from server `master`, and waits until the other one has it.
fn depose(watched: &mut Watched, master: usize, way: Way) {
    match way {
        Way::Ordered => return watched.fail_over(1 - master),
        Way::Killed => watched.servers[master].kill(),
        Way::Frozen => watched.servers[master].pause(),
    }
    watched.wait_for_master(1 - master);
}
