//! Single faults at a chosen place: each of these went wrong once.

use std::time::{Duration, Instant};

use super::{SERVICE, wait_for_pass_after};
use crate::harness::{Act, Cut, DEADLINE, Ext, Proxy, Redis, Vitals, Watch, Way, always, now, records};

/// Said whenever the sidecar has read back what stands in Redis.
const LEARNT: &str = "learnt what stands in Redis";

#[test]
fn a_flush_while_the_source_fails_is_looked_at_once_and_not_over_and_over() {
    let redis = Redis::start();
    let script = "echo run >> runs\nif [ -e broken ]; then exit 1; fi\ncat objects.ndjson";
    let ext = Ext::brisk(&redis).script("exec", script).set("source.backoff_min", "1s");
    ext.source(&records(100, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, SERVICE, 100);
    sidecar.wait_for_passes(&redis, SERVICE, 1);
    ext.write("broken", "");
    sidecar.wait_until("the failure shows", || redis.descriptor(SERVICE)["status"] == "failing");

    redis.flush();
    sidecar.wait_until("the descriptor is back", || redis.descriptor(SERVICE)["status"] == "failing");
    let log = sidecar.log();
    always("it has looked once more, and no more often", Duration::from_secs(3), || log.matches(LEARNT) <= 2);
    std::fs::remove_file(ext.path("broken")).expect("it was there");
    sidecar.wait_for_objects(&redis, SERVICE, 100);
    sidecar.stop().expect(0);
}

#[test]
fn a_lost_canary_is_looked_at_once_however_long_that_takes() {
    let redis = Redis::start();
    let proxy = Proxy::to(&redis);
    let ext = Ext::at(&proxy.url())
        .user("hwinfo")
        .set("source.interval", "1s")
        .set("writer.lease", "1s")
        .set("redis.timeout", "60s");
    ext.source(&records(20, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, SERVICE, 20);
    sidecar.wait_for_passes(&redis, SERVICE, 1);
    // Somebody else's keys, which a walk has to pass over: it takes longer than a heartbeat.
    redis.cmd::<()>(&["EVAL", "for n = 1, 30000 do redis.call('SET', 'other:' .. n, n) end", "0"]);
    proxy.delay(Duration::from_millis(50));
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:@canary"]);
    let log = sidecar.log();
    sidecar.wait_until("it has looked again", || log.matches(LEARNT) == 2);
    sidecar.wait_for_passes(&redis, SERVICE, 2);
    assert_eq!(log.matches(LEARNT), 2, "{}", sidecar.stderr());
    sidecar.stop().expect(0);
}

#[test]
fn a_freeze_is_told_once_and_what_was_under_way_does_not_fail_what_comes_after() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("redis.timeout", "2s").set("verify.every", "1s");
    ext.source(&records(100, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, SERVICE, 100);
    sidecar.wait_for_passes(&redis, SERVICE, 1);
    let log = sidecar.log();
    redis.pause();
    sidecar.wait_until("it has failed", || log.matches("Redis failed; trying again") == 1);
    redis.resume();
    sidecar.wait_for_passes(&redis, SERVICE, 2);
    let told = ["Redis failed; trying again", "Redis is well again", LEARNT].map(|m| log.matches(m));
    assert_eq!(told, [1, 1, 2], "{}", sidecar.stderr());
    sidecar.stop().expect(0);
}

#[test]
fn whatever_redis_does_the_end_comes_within_the_grace() {
    for early in [true, false] {
        let redis = Redis::start();
        let ext = Ext::brisk(&redis).set("redis.timeout", "300s").set("shutdown.grace", "1s");
        ext.source(&records(10, 1));
        if early {
            redis.pause();
        }
        let mut sidecar = ext.run();
        if early {
            sidecar.wait_until_says("service configured");
        } else {
            sidecar.wait_for_objects(&redis, SERVICE, 10);
            sidecar.wait_for_passes(&redis, SERVICE, 1);
            redis.pause();
            ext.source(&records(10, 2));
        }
        std::thread::sleep(Duration::from_millis(500));
        // The deadline of the harness is far below redis.timeout.
        sidecar.stop().expect(0);
    }
}

#[test]
fn versions_do_not_go_back_when_everything_is_lost_right_after_a_large_pass() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    let mut all = records(20_000, 1);
    ext.once_with(&all).expect(0);
    let before = redis.raw_objects(SERVICE);
    redis.flush();
    all.reverse();
    ext.once_with(&all).expect(0);
    let version = |raw: &str| raw[34..47].parse::<u64>().expect("13 digits");
    for (id, raw) in redis.raw_objects(SERVICE) {
        assert!(version(&raw) > version(&before[&id]), "{id}: {raw} after {}", before[&id]);
    }
}

#[test]
fn memory_is_bounded_while_redis_takes_nothing() {
    let redis = Redis::start();
    let proxy = Proxy::to(&redis);
    // 120 MB, as fast as they are taken.
    let script = "awk 'BEGIN { text = sprintf(\"%04000d\", 0); for (n = 1; n <= 30000; n++) printf \
                  \"{\\\"id\\\":%d,\\\"content\\\":{\\\"text\\\":\\\"%s\\\"}}\\n\", n, text }'";
    let ext = Ext::at(&proxy.url()).script("exec", script).set("redis.timeout", "300s").set("writer.lease", "300s");
    proxy.trap(Way::Up, b"*1\r\n$5\r\nMULTI\r\n", 20_000, Act::Hold);
    let mut sidecar = ext.run();
    proxy.wait_until_held();
    // What is in flight (4 MiB), what waits between source and handler (1 MiB), their buffers, and the process itself.
    always("memory stays bounded", Duration::from_secs(2), || Vitals::of(sidecar.pid()).data_kib < 18 * 1024);
    assert_eq!(redis.count(SERVICE), 0);
    proxy.release();
    sidecar.wait_for_objects(&redis, SERVICE, 30_000);
    assert!(Vitals::of(sidecar.pid()).data_kib < 24 * 1024, "and afterwards too");
    sidecar.stop().expect(0);
}

#[test]
fn late_news_of_a_removal_is_not_taken_for_the_loss_of_what_was_added_since() {
    let redis = Redis::start();
    let proxy = Proxy::to(&redis);
    let ext = Ext::at(&proxy.url()).briskly().set("verify.keyspace_events", true);
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, SERVICE, 10);
    sidecar.wait_for_passes(&redis, SERVICE, 1);
    proxy.trap(Way::Down, b"$3\r\ndel\r\n", 0, Act::Hold);
    ext.source(&records(9, 1));
    proxy.wait_until_held();
    sidecar.wait_for_objects(&redis, SERVICE, 9);
    ext.source(&records(10, 1));
    sidecar.wait_for_objects(&redis, SERVICE, 10);
    sidecar.wait_for_passes(&redis, SERVICE, 1);
    let watch = Watch::start(&redis);
    proxy.release();
    sidecar.wait_for_passes(&redis, SERVICE, 3);
    watch.assert_untouched(&redis, SERVICE);
    sidecar.stop().expect(0);
}

#[test]
fn failures_of_redis_that_are_over_do_not_make_a_stream_wait_for_the_next() {
    let redis = Redis::start();
    let proxy = Proxy::to(&redis);
    let script = "echo '{\"begin\":true}'; cat objects.ndjson; echo '{\"end\":true}'; sleep 1000";
    let ext = Ext::at(&proxy.url()).script("stream", script).set("writer.lease", "1s");
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    let begun = Instant::now();
    // Were each wait twice the one before, up to 15 s, they would be well over a minute together.
    for _ in 0..13 {
        let since = now();
        wait_for_pass_after(&redis, &mut sidecar, &since);
        proxy.cut(Cut::Reset);
    }
    assert!(begun.elapsed() < DEADLINE, "it took {:?}", begun.elapsed());
    sidecar.stop().expect(0);
}

#[test]
fn keys_that_are_lost_again_and_again_do_not_make_a_stream_one_that_fails() {
    let redis = Redis::start();
    let script = "echo '{\"begin\":true}'; cat objects.ndjson; echo '{\"end\":true}'; sleep 1000";
    let ext = Ext::brisk(&redis).script("stream", script).set("verify.every", "500ms");
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    for _ in 0..8 {
        sidecar.wait_for_objects(&redis, SERVICE, 10);
        redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:7"]);
    }
    sidecar.wait_for_objects(&redis, SERVICE, 10);
    assert_eq!(sidecar.log().matches("times in a row"), 0, "{}", sidecar.stderr());
    sidecar.stop().expect(0);
}
