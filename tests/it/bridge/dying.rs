//! Bridges, commands and servers that die in the middle: no job is lost, and none is stuck.

use std::time::{Duration, Instant};

use super::stage::{How, QUEUE, Stage, call};
use crate::harness::{Running, eventually, signal};

#[test]
fn a_killed_bridge_loses_no_job() {
    let stage = Stage::new("touch \"began-$JOB_ID\"; [ -e go ] || sleep 600; echo done");
    let mut first = stage.start();
    stage.enqueue("old", How::Old, &call("{}"), &[]);
    stage.enqueue("new", How::Newer, &call("{}"), &[]);
    stage.enqueue("waiting", How::Newer, &call("{}"), &[]);
    first.wait_until("both run", || ["old", "new"].iter().all(|id| stage.ext.path(&format!("began-{id}")).exists()));
    first.kill();
    assert_eq!(stage.registry("wip").len(), 2);
    stage.ext.write("go", "");
    let mut second = stage.start();
    for id in ["old", "new", "waiting"] {
        stage.wait(&mut second, id, "finished");
    }
    assert!(stage.is_empty());
    second.wait_until("the dead one is forgotten", || stage.redis.cmd::<u64>(&["SCARD", "rq:workers"]) == 1);
    second.stop().expect(0);
}

#[test]
fn an_id_that_was_taken_and_not_begun_is_found() {
    let stage = Stage::new("cat");
    stage.enqueue("taken", How::Newer, &call("{}"), &[]);
    let (queue, intermediate) = (format!("rq:queue:{QUEUE}"), format!("rq:queue:{QUEUE}:intermediate"));
    stage.redis.cmd::<()>(&["LMOVE", &queue, &intermediate, "LEFT", "RIGHT"]);
    // One whose job has gone, too.
    stage.redis.cmd::<()>(&["RPUSH", &intermediate, "nobody"]);
    let mut bridge = stage.start();
    stage.wait(&mut bridge, "taken", "finished");
    bridge.wait_until("nothing is left", || stage.is_empty());
    bridge.stop().expect(0);
}

#[test]
fn a_job_that_kills_its_bridge_fails_in_the_end() {
    // It kills the process that leads the bridge.
    let stage = Stage::new("kill -9 $PPID; sleep 600").set("bridge.attempts", 2);
    stage.enqueue("poison", How::Newer, &call("{}"), &[]);
    let start = Instant::now();
    while stage.status("poison") != "failed" {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", stage.status("poison"));
        let mut bridge = stage.start();
        while bridge.is_running() && stage.status("poison") != "failed" {
            std::thread::sleep(Duration::from_millis(20));
        }
        bridge.kill();
    }
    let why = stage.exc_info("poison");
    assert!(why.starts_with("AbandonedJobError: ") && why.contains("begun 2 times"), "{why}");
    assert!(stage.is_empty() && stage.registry("failed") == ["poison"]);
}

#[test]
fn jobs_of_another_ones_dead_worker_fail_as_rq_fails_them() {
    let stage = Stage::new("cat");
    for (id, score) in [("dead", "1"), ("alive", "99999999999")] {
        stage.enqueue(id, How::Old, &call("{}"), &[("status", "started")]);
        stage.redis.cmd::<()>(&["LREM", &format!("rq:queue:{QUEUE}"), "0", id]);
        stage.redis.cmd::<()>(&["ZADD", &format!("rq:wip:{QUEUE}"), score, id]);
    }
    let mut bridge = stage.start();
    stage.wait(&mut bridge, "dead", "failed");
    assert!(stage.exc_info("dead").contains("AbandonedJobError"));
    assert_eq!((stage.status("alive").as_str(), stage.registry("wip")), ("started", vec!["alive".to_owned()]));
    bridge.stop().expect(0);
}

#[test]
fn a_bridge_that_was_taken_for_dead_drops_what_another_one_took_over() {
    let stage = Stage::new("echo $$ >>runs; touch began; while [ ! -e go ]; do sleep 0.05; done; echo done");
    let mut first = stage.start();
    stage.enqueue("one", How::Newer, &call("{}"), &[]);
    first.wait_until("it runs", || stage.ext.path("began").exists());
    signal(first.pid(), "STOP");
    let mut second = stage.start();
    let runs = || std::fs::read_to_string(stage.ext.path("runs")).unwrap_or_default().lines().count();
    second.wait_until("the second one runs it", || runs() == 2);
    signal(first.pid(), "CONT");
    first.wait_until_says("job one ended: dropped");
    stage.ext.write("go", "");
    stage.wait(&mut second, "one", "finished");
    assert_eq!(stage.redis.cmd::<u64>(&["XLEN", "rq:results:one"]), 1);
    assert!(stage.is_empty());
    first.stop().expect(0);
    second.stop().expect(0);
}

#[test]
fn a_result_is_told_when_redis_is_there_again() {
    let mut stage = Stage::new("touch began; while [ ! -e go ]; do sleep 0.05; done; echo done");
    let mut bridge = stage.start();
    stage.enqueue("one", How::Newer, &call("{}"), &[]);
    bridge.wait_until("it runs", || stage.ext.path("began").exists());
    stage.redis.cmd::<()>(&["SAVE"]);
    stage.redis.kill();
    stage.ext.write("go", "");
    bridge.wait_until_says("the end of job one cannot be told");
    stage.redis.restart_as_saved();
    stage.wait(&mut bridge, "one", "finished");
    stage.enqueue("two", How::Old, &call("{}"), &[]);
    stage.wait(&mut bridge, "two", "finished");
    assert!(stage.is_empty());
    bridge.stop().expect(0);
}

#[test]
fn many_jobs_over_many_kills() {
    let stage = Stage::new("cat").set("bridge.concurrency", 8).set("bridge.attempts", 100);
    let count = 300;
    for n in 0..count {
        let how = if n % 2 == 0 { How::Old } else { How::Newer };
        let pickle: &[u8] = b"(Vinkpy_jinja.pdf\nN)}t.";
        stage.enqueue_data(&format!("job-{n}"), how, pickle, &[]);
    }
    let finished = || (0..count).filter(|n| stage.status(&format!("job-{n}")) == "finished").count();
    for _ in 0..5 {
        let before = finished();
        let mut bridge: Running = stage.start();
        bridge.wait_until("some more are done", || finished() >= (before + 20).min(count));
        bridge.kill();
    }
    let mut bridge = stage.start();
    eventually("all are done", || finished() == count);
    bridge.wait_until("nothing is left under way", || stage.is_empty());
    bridge.stop().expect(0);
}
