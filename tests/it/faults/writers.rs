//! Several writers, one of which is paused through its lease and goes on in the middle of a batch: it changes nothing.

use std::time::Duration;

use super::{SERVICE, Stage, brisk, servers::EXEC};
use crate::harness::{Act, Ext, Figures, Proxy, Redis, Running, Way, always, eventually, now, records, signal};

const LEASE: &str = "ralphext:v1:hwinfo:@lease";
const FENCE: &str = "ralphext:v1:hwinfo:@fence";

/// The answers to `WATCH`, `GET @fence` and `MULTI` of a batch, and the first `QUEUED`.
fn fence_answered(redis: &Redis) -> Vec<u8> {
    let fence = redis.get(FENCE).expect("a fence");
    format!("+OK\r\n${}\r\n{fence}\r\n+OK\r\n+QUEUED\r\n", fence.len()).into_bytes()
}

/// One of several sidecars of the same service, each with a way to Redis of its own.
struct Writer {
    /// Its configuration is there as long as this is.
    _ext: Ext,
    proxy: Proxy,
    process: Running,
}

impl Writer {
    fn start(stage: &Stage) -> Self {
        let proxy = Proxy::to(&stage.redis);
        let ext = brisk(Ext::at(&proxy.url())).set("source.path", stage.walker.path().display().to_string());
        let process = ext.run();
        Self { _ext: ext, proxy, process }
    }

    /// How often it said that it stands by.
    fn stood_by(&self) -> usize {
        self.process.log().matches("standing by")
    }
}

/// Which of `writers` holds the lease, as its process id in the lease tells.
fn holder(redis: &Redis, writers: &[Writer]) -> Option<usize> {
    let lease = redis.get(LEASE)?;
    let pid: u32 = lease.rsplit('-').nth(1)?.parse().ok()?;
    writers.iter().position(|writer| writer.process.pid() == pid)
}

#[test]
fn know4_a_writer_paused_through_its_lease_writes_nothing_stale_when_it_goes_on() {
    for count in [2, 3] {
        let mut figures = Figures::begin(&format!("a paused writer of {count}"), 3, 50);
        let stage = Stage::new(&figures, 400, 60);
        let mut writers: Vec<Writer> = (0..count).map(|_| Writer::start(&stage)).collect();
        for round in 0..figures.rounds {
            pause_one(&stage, &mut figures, &mut writers);
            figures.progress(round);
        }
        for writer in writers {
            writer.process.stop().expect(0);
        }
        stage.end(figures);
    }
}

/// Where in a batch the holder of the lease is when it is paused.
#[derive(Debug, Clone, Copy)]
enum Place {
    Anywhere,
    BeforeExecArrives,
    BeforeFenceIsAnswered,
}

/// The holder of the lease, stopped by its proxy where `place` says.
fn catch(stage: &Stage, figures: &mut Figures, writers: &[Writer], place: Place) -> usize {
    loop {
        let mut found = None;
        eventually("one of them holds the lease", || {
            found = holder(&stage.redis, writers);
            found.is_some()
        });
        let caught = found.expect("waited for");
        figures.sleep_up_to(300);
        let proxy = &writers[caught].proxy;
        match place {
            Place::Anywhere => return caught,
            Place::BeforeExecArrives => proxy.trap(Way::Up, EXEC, 0, Act::Hold),
            Place::BeforeFenceIsAnswered => proxy.trap(Way::Down, &fence_answered(&stage.redis), 0, Act::Hold),
        }
        // On a slow machine the lease may have moved on meanwhile: then no batch comes by here any more.
        eventually("the proxy holds something back", || {
            proxy.is_held() || holder(&stage.redis, writers).is_some_and(|holder| holder != caught)
        });
        if proxy.is_held() {
            return caught;
        }
        proxy.disarm();
    }
}

fn pause_one(stage: &Stage, figures: &mut Figures, writers: &mut [Writer]) {
    let place = [Place::Anywhere, Place::BeforeExecArrives, Place::BeforeFenceIsAnswered][figures.rng.usize(0..3)];
    figures.fault(&format!("{place:?}"));
    let paused = catch(stage, figures, writers, place);
    let (pid, stood_by) = (writers[paused].process.pid(), writers[paused].stood_by());
    signal(pid, "STOP");
    let since = now();
    eventually("another one has taken over", || holder(&stage.redis, writers).is_some_and(|holder| holder != paused));
    let taken = holder(&stage.redis, writers).unwrap_or(paused);
    stage.wait_for_pass_after(&mut writers[taken].process, &since);

    let first = figures.rng.bool();
    if first {
        writers[paused].proxy.release();
    }
    signal(pid, "CONT");
    if !first {
        figures.sleep_up_to(50);
        writers[paused].proxy.release();
    }
    let log = &writers[paused];
    eventually("the paused one knows that it is no longer the writer", || log.stood_by() > stood_by);
    let still = stage.walker.still();
    let last = holder(&stage.redis, writers).unwrap_or(taken);
    stage.wait_for_pass_after(&mut writers[last].process, &still.since);
    stage.check(figures, &still);
}

/// A writer whose `EXEC` is under way while another one takes over: the server refuses it, whenever it arrives.
#[test]
fn a_writer_stopped_between_get_and_exec_changes_nothing_after_a_takeover() {
    let redis = Redis::start();
    let proxy = Proxy::to(&redis);
    let ext = brisk(Ext::at(&proxy.url())).set("redis.timeout", "60s");
    ext.source(&records(40, 1));
    let mut stopped = ext.run();
    stopped.wait_for_objects(&redis, SERVICE, 40);
    stopped.wait_for_passes(&redis, SERVICE, 1);

    proxy.trap(Way::Up, EXEC, 0, Act::Hold);
    ext.source(&records(39, 2));
    proxy.wait_until_held();
    signal(stopped.pid(), "STOP");

    let other = Ext::new(&redis).set("limits.max_shrink", "100%");
    other.source(&records(30, 3));
    other.verb(&["--output", "json", "once", "--wait"]).expect(0).counts(&[("written", 30), ("removed", 10)]);
    let epoch: u64 = redis.get(FENCE).expect("a fence").parse().expect("a number");
    redis.cmd::<()>(&["SET", LEASE, "another-writer", "PX", "600000"]);
    let before = redis.raw_objects(SERVICE);

    proxy.release();
    eventually("the held EXEC was refused", || redis.calls().get("exec").copied() >= Some(2));
    signal(stopped.pid(), "CONT");
    stopped.wait_until_says("standing by");
    always("nothing changes", Duration::from_secs(1), || redis.raw_objects(SERVICE) == before);
    assert_eq!(redis.get(FENCE).expect("a fence"), epoch.to_string());
}
