//! Redis dies, freezes, is emptied, fails over, or is cut off: the sidecar outlives it, and brings back what is lost.

use std::time::{Duration, Instant};

use super::{SERVICE, Stage, check_flat, look_at, server};
use crate::harness::{Act, Cut, Figures, Proxy, Redis, Running, Way, eventually};

/// What can happen to Redis, or on the way there.
#[derive(Debug, Clone, Copy)]
enum Fault {
    RestartedEmpty,
    RestartedOld,
    Frozen,
    Flushed,
    FailedOver,
    FailedOverLagging,
    Partitioned,
    Reset,
    Closed,
    CutInBatch,
    AnswerLost,
    RequestsLost,
    AnswersLost,
    Slow,
    Throttled,
}

use Fault::{
    AnswerLost, AnswersLost, Closed, CutInBatch, FailedOver, FailedOverLagging, Flushed, Frozen, Partitioned,
    RequestsLost, Reset, RestartedEmpty, RestartedOld, Slow, Throttled,
};

const ALL: [Fault; 15] = [
    RestartedEmpty,
    CutInBatch,
    Frozen,
    Flushed,
    FailedOverLagging,
    AnswerLost,
    Partitioned,
    FailedOver,
    Reset,
    RequestsLost,
    Closed,
    RestartedOld,
    AnswersLost,
    Slow,
    Throttled,
];

/// Rounds before memory is looked at for the first time.
const WARM: u64 = 15;

#[test]
fn know3_a_redis_that_fails_in_any_way_at_random_moments_is_made_whole_again() {
    let mut figures = Figures::begin("faults of Redis and of the network", 15, 210);
    let kind = ["file", "exec", "stream"][figures.rng.usize(0..3)];
    let events = figures.rng.bool();
    figures.notes.push(format!("source {kind}, keyspace events {}", if events { "on" } else { "off" }));
    let mut stage = Stage::new(&figures, 400, 60).told_by(kind);
    stage.ext.change("verify.keyspace_events", events);
    let mut sidecar = stage.ext.run();
    sidecar.wait_until("the first objects", || stage.redis.count(SERVICE) > 0);
    let mut order = Vec::new();
    for round in 0..figures.rounds {
        if order.is_empty() {
            // All of them, each time in an order of its own.
            order = ALL.to_vec();
            figures.rng.shuffle(&mut order);
        }
        let fault = order.pop().expect("filled above");
        inject(&mut stage, &mut figures, fault);
        recover(&stage, &mut figures, &mut sidecar, round);
    }
    look_at(&mut figures, &sidecar);
    check_flat(&figures);
    sidecar.stop().expect(0);
    stage.end(figures);
}

/// One fault at a random moment, of random length; when this returns it is over.
fn inject(stage: &mut Stage, figures: &mut Figures, fault: Fault) {
    figures.fault(&format!("{fault:?}"));
    let replica = match fault {
        FailedOver | FailedOverLagging => Some(replica(&stage.redis)),
        _ => None,
    };
    figures.sleep_up_to(700);
    match fault {
        RestartedEmpty => {
            stage.redis.kill();
            figures.sleep_up_to(500);
            stage.redis.restart();
            stage.journal.attach(&stage.redis);
        }
        RestartedOld => {
            stage.redis.cmd::<()>(&["SAVE"]);
            figures.sleep_up_to(700);
            stage.redis.kill();
            stage.witness.follow(&stage.redis);
            stage.redis.restart_as_saved();
            stage.journal.attach(&stage.redis);
        }
        Frozen => {
            stage.redis.pause();
            figures.sleep_up_to(2500);
            stage.redis.resume();
        }
        Flushed => stage.redis.flush(),
        FailedOver | FailedOverLagging => {
            let (replica, link) = replica.expect("made above");
            fail_over(stage, figures, replica, &link, matches!(fault, FailedOverLagging));
        }
        Partitioned => {
            stage.proxy.stall();
            figures.sleep_up_to(2500);
            stage.proxy.heal();
        }
        Reset => stage.proxy.cut(Cut::Reset),
        Closed => stage.proxy.cut(Cut::Close),
        CutInBatch => {
            let further = figures.rng.usize(0..4000);
            spring(stage, Way::Up, b"*1\r\n$5\r\nMULTI\r\n", further, Act::Cut(Cut::Reset));
        }
        AnswerLost => spring(stage, Way::Up, EXEC, EXEC.len(), Act::Cut(Cut::Close)),
        RequestsLost | AnswersLost => {
            stage.proxy.swallow(if matches!(fault, RequestsLost) { Way::Up } else { Way::Down });
            figures.sleep_up_to(2500);
            stage.proxy.heal();
        }
        Slow => {
            stage.proxy.delay(Duration::from_millis(figures.rng.u64(10..200)));
            figures.sleep_up_to(2500);
            stage.proxy.heal();
        }
        Throttled => {
            stage.proxy.throttle(figures.rng.u32(1_000..50_000));
            figures.sleep_up_to(2500);
            stage.proxy.heal();
        }
    }
}

pub(super) const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// Sets a trap and waits until it has acted; the source changes all the time, so a batch comes by soon.
fn spring(stage: &Stage, way: Way, at: &[u8], further: usize, act: Act) {
    let before = stage.proxy.sprung();
    stage.proxy.trap(way, at, further, act);
    eventually("a batch runs into the trap", || stage.proxy.sprung() > before);
}

/// A replica in step, and the proxy that it replicates through.
pub(super) fn replica(of: &Redis) -> (Redis, Proxy) {
    let (link, replica) = (Proxy::to(of), server(&[]));
    // Not in its configuration: once promoted it stays a primary when it is restarted.
    replica.cmd::<()>(&["REPLICAOF", "127.0.0.1", &link.port().to_string()]);
    eventually("the replica is in step", || {
        replica.cmd::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    });
    (replica, link)
}

/// The primary dies and `replica` takes its place; `lagging` without what was written in the last moments.
fn fail_over(stage: &mut Stage, figures: &mut Figures, replica: Redis, link: &Proxy, lagging: bool) {
    if lagging {
        link.stall();
        figures.sleep_up_to(700);
    }
    // Nothing more is written to the old one, as after its death.
    stage.redis.pause();
    promote(stage, replica);
}

/// Makes `replica` the primary that everybody turns to; the old one dies.
pub(super) fn promote(stage: &mut Stage, replica: Redis) {
    replica.cmd::<()>(&["REPLICAOF", "NO", "ONE"]);
    stage.journal.attach(&replica);
    stage.witness.follow(&replica);
    stage.proxy.redirect(&replica);
    stage.redis = replica;
}

/// Waits until Redis holds what the source says, and checks that it stays so and that nothing wrong was seen.
fn recover(stage: &Stage, figures: &mut Figures, sidecar: &mut Running, round: u64) {
    let still = stage.walker.still();
    let ended = Instant::now();
    sidecar.wait_until("Redis holds what the source says", || still.walk.difference(&stage.redis, SERVICE).is_none());
    figures.recoveries.push(ended.elapsed());
    // The first pass may have begun before the loss was noticed.
    let first = stage.wait_for_pass_after(sidecar, &still.since);
    stage.wait_for_pass_after(sidecar, &first);
    stage.check(figures, &still);
    figures.progress(round);
    if round == WARM || round % 10 == 9 && round > WARM {
        look_at(figures, sidecar);
    }
}
