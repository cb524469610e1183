//! The sidecar is killed at random moments: each restart finds in Redis what it needs to know.

use std::time::Instant;

use super::{SERVICE, Stage, brisk};
use crate::harness::{Ext, Figures, Running};

#[test]
fn know2_a_sidecar_killed_at_random_moments_loses_nothing_and_writes_nothing_again() {
    let mut figures = Figures::begin("kill -9 of the sidecar", 5, 200);
    let kind = ["file", "exec", "stream"][figures.rng.usize(0..3)];
    figures.notes.push(format!("source {kind}"));
    let stage = Stage::new(&figures, 400, 60).told_by(kind);
    let mut sidecar = stage.ext.run();
    let mut kills = 0;
    for round in 0.. {
        // In the first moments it waits for the lease and learns, later it is in a pass or between two.
        figures.sleep_up_to(1500);
        sidecar.kill();
        kills += 1;
        figures.fault("kill");
        let killed = Instant::now();
        sidecar = stage.ext.run();
        if figures.rng.u8(..4) == 0 {
            continue;
        }
        let still = stage.walker.still();
        if kind == "stream" {
            // It ends a snapshot that it began before the source stood still.
            sidecar.wait_until("the last snapshot", || still.walk.difference(&stage.redis, SERVICE).is_none());
        }
        stage.wait_for_pass_after(&mut sidecar, &still.since);
        figures.recoveries.push(killed.elapsed());
        stage.check(&figures, &still);
        figures.progress(round);
        if kills >= figures.rounds {
            break;
        }
    }
    sidecar.stop().expect(0);
    stage.end(figures);
}

#[test]
fn know2_once_killed_at_random_moments_loses_nothing_and_writes_nothing_again() {
    let mut figures = Figures::begin("kill -9 of once", 5, 100);
    let stage = Stage::new(&figures, 400, 60);
    // A lease that a killed one left behind has to run out first.
    let ext = brisk(Ext::at(&stage.proxy.url())).set("source.path", stage.walker.path().display().to_string());
    let mut left = figures.rounds;
    while left > 0 {
        let killed = Running::spawn(&mut ext.command(&["once", "--wait"]), None);
        figures.sleep_up_to(1200);
        killed.kill();
        figures.fault("kill");
        left -= 1;
        if !left.is_multiple_of(4) {
            continue;
        }
        let still = stage.walker.still();
        ext.verb(&["once", "--wait"]).expect(0);
        stage.check(&figures, &still);
        figures.progress(figures.rounds - left);
    }
    stage.end(figures);
}
