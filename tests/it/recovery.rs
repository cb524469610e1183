//! A running sidecar outlives whatever happens to Redis, and recovers by itself.

use crate::harness::{Ext, Redis, Running, Watch, records};

fn steady(redis: &Redis, ext: &Ext) -> Running {
    ext.source(&records(100, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(redis, "hwinfo", 100);
    sidecar.wait_for_passes(redis, "hwinfo", 1);
    sidecar
}

#[test]
fn know9_a_redis_that_comes_later() {
    let mut redis = Redis::start();
    let ext = Ext::brisk(&redis);
    redis.kill();
    ext.source(&records(100, 1));
    let mut sidecar = ext.run();
    sidecar.wait_until_says("hint");
    redis.restart();
    sidecar.wait_for_objects(&redis, "hwinfo", 100);
    sidecar.stop().expect(0);
}

#[test]
fn know9_a_redis_that_is_restarted_empty() {
    let mut redis = Redis::start();
    let ext = Ext::brisk(&redis);
    let mut sidecar = steady(&redis, &ext);
    let before = redis.objects("hwinfo");
    redis.restart();
    sidecar.wait_for_objects(&redis, "hwinfo", 100);
    for (id, envelope) in redis.objects("hwinfo") {
        assert!(envelope.version() > before[&id].version(), "{id}");
    }
    ext.source(&records(99, 2));
    sidecar.wait_until("changes and removals go on", || {
        let there = redis.raw_objects("hwinfo");
        there.len() == 99 && there.values().all(|raw| raw.contains("\"revision\":2"))
    });
    sidecar.stop().expect(0);
}

#[test]
fn know9_a_redis_that_freezes_and_goes_on() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("redis.timeout", "1s");
    let mut sidecar = steady(&redis, &ext);
    let watch = Watch::start(&redis);
    redis.pause();
    ext.source(&records(101, 1));
    std::thread::sleep(std::time::Duration::from_secs(4));
    redis.resume();
    sidecar.wait_for_objects(&redis, "hwinfo", 101);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let set = watch.on_objects(&redis, "hwinfo", &["set"]);
    assert!(set.iter().all(|e| e.key.ends_with(":101")), "the unchanged hundred are not written again: {set:?}");
    assert_eq!(redis.objects("hwinfo").len(), 101);
    sidecar.stop().expect(0);
}

#[test]
fn know9_a_full_redis_that_gets_room() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    let mut sidecar = steady(&redis, &ext);
    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    ext.source(&records(100, 2));
    sidecar.wait_until_says("maxmemory");
    assert!(redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":1")), "nothing was writable");
    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    sidecar.wait_until("the new revision is there", || {
        redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":2"))
    });
    sidecar.stop().expect(0);
}

#[test]
fn know9_a_primary_that_becomes_a_replica_and_back() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    let mut sidecar = steady(&redis, &ext);
    redis.cmd::<()>(&["REPLICAOF", "127.0.0.1", "1"]);
    ext.source(&records(100, 2));
    sidecar.wait_until_says("replica");
    assert!(redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":1")), "it is read-only");
    redis.cmd::<()>(&["REPLICAOF", "NO", "ONE"]);
    sidecar.wait_until("the new revision is there", || {
        redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":2"))
    });
    sidecar.stop().expect(0);
}

#[test]
fn know9_a_password_that_is_put_right() {
    let redis = Redis::with(&["user ext on >old ~* +@all"]);
    let ext = Ext::brisk(&redis).set("redis.username", "ext").unset("redis.password");
    ext.write("password", "new\n");
    let file = ext.path("password").display().to_string();
    let ext = ext.set("redis.password_file", file);
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    sidecar.wait_until_says("redis.password");
    assert_eq!(redis.count("hwinfo"), 0);
    redis.cmd::<()>(&["ACL", "SETUSER", "ext", "resetpass", ">new"]);
    sidecar.wait_for_objects(&redis, "hwinfo", 10);

    ext.write("password", "newer\n");
    redis.cmd::<()>(&["ACL", "SETUSER", "ext", "resetpass", ">newer"]);
    redis.cmd::<i64>(&["CLIENT", "KILL", "USER", "ext"]);
    ext.source(&records(11, 1));
    sidecar.wait_for_objects(&redis, "hwinfo", 11);
    sidecar.stop().expect(0);
}

#[test]
fn connections_that_are_killed_cost_nothing_but_a_new_one() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis);
    let mut sidecar = steady(&redis, &ext);
    let watch = Watch::start(&redis);
    for count in 101..104 {
        redis.cmd::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        ext.source(&records(count, 1));
        sidecar.wait_for_objects(&redis, "hwinfo", count as usize);
    }
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]).len(), 3);
    sidecar.stop().expect(0);
}
