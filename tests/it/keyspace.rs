//! With keyspace events allowed, what happens to a key is healed at once, not by its next renewal.

use crate::harness::{Ext, Redis, Watch, records};

/// Renewals come once an hour, so nothing here is their doing.
fn listening(redis: &Redis) -> Ext {
    redis.grant(&["hwinfo", "--with", "keyspace-events"]);
    Ext::brisk(redis).set("verify.keyspace_events", true).set("verify.every", "1h")
}

#[test]
fn what_is_deleted_overwritten_renamed_or_expired_by_hand_comes_back_at_once() {
    let redis = Redis::start();
    let ext = listening(&redis);
    ext.source(&records(50, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 50);
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    let before = redis.objects("hwinfo");
    let watch = Watch::start(&redis);
    let key = |id: u64| format!("ralphext:v1:hwinfo:{id}");
    redis.cmd::<()>(&["DEL", &key(7)]);
    redis.cmd::<()>(&["SET", &key(8), "not ours"]);
    redis.cmd::<()>(&["SET", &key(9), &before["10"].raw]);
    redis.cmd::<()>(&["RENAME", &key(11), "elsewhere"]);
    redis.cmd::<()>(&["PEXPIRE", &key(12), "1"]);
    redis.cmd::<()>(&["APPEND", &key(13), "x"]);
    let hurt = ["7", "8", "9", "11", "12", "13"];
    sidecar.wait_until("all are as they were", || {
        let now = redis.raw_objects("hwinfo");
        hurt.iter().all(|id| {
            let hash = before[*id].json["hash"].as_str().expect("a hash");
            now.get(*id).is_some_and(|raw| raw.contains(hash) && raw.ends_with('}'))
        })
    });
    for (id, envelope) in redis.objects("hwinfo") {
        assert_eq!(envelope.content(), before[&id].content());
        let healed = hurt.contains(&id.as_str());
        assert_eq!(envelope.version() > before[&id].version(), healed, "{id}: only what was hurt is written");
    }
    let set = watch.on_objects(&redis, "hwinfo", &["set"]);
    assert_eq!(set.len(), 2 + hurt.len(), "two by hand, six by the sidecar: {set:?}");
    sidecar.stop().expect(0);
}

#[test]
fn what_is_evicted_comes_back_at_once() {
    let redis = Redis::start();
    let ext = listening(&redis);
    ext.source(&records(3000, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 3000);
    sidecar.wait_for_passes(&redis, "hwinfo", 2);
    let used: String = redis.cmd(&["INFO", "memory"]);
    let used = used.lines().find_map(|l| l.strip_prefix("used_memory:")).expect("used_memory");
    let used: u64 = used.trim().parse().expect("a number");
    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory-policy", "volatile-random"]);
    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory", &(used - 200_000).to_string()]);
    let evicted = || {
        let stats: String = redis.cmd(&["INFO", "stats"]);
        stats.lines().find_map(|l| l.strip_prefix("evicted_keys:")).expect("evicted_keys").trim() != "0"
    };
    sidecar.wait_until("some keys are evicted", evicted);
    redis.cmd::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    sidecar.wait_for_objects(&redis, "hwinfo", 3000);
    sidecar.stop().expect(0);
}

#[test]
fn its_own_writes_and_renewals_are_no_news() {
    let redis = Redis::start();
    let mut ext = listening(&redis);
    ext.change("verify.every", "1s");
    ext.source(&records(200, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 200);
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let watch = Watch::start(&redis);
    ext.source(&records(200, 2));
    sidecar.wait_until("all are changed", || {
        redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":2"))
    });
    sidecar.wait_for_passes(&redis, "hwinfo", 3);
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]).len(), 200, "each value is written once");
    assert!(!sidecar.stop().expect(0).stderr.contains("missing or overwritten"));
}

#[test]
fn a_server_that_tells_nothing_is_told_of_and_renewals_still_heal() {
    let redis = Redis::with(&["notify-keyspace-events \"\""]);
    let mut ext = listening(&redis);
    ext.change("verify.every", "1s");
    ext.source(&records(20, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 20);
    sidecar.wait_until_says("notify-keyspace-events");
    redis.cmd::<()>(&["DEL", "ralphext:v1:hwinfo:7"]);
    sidecar.wait_for_objects(&redis, "hwinfo", 20);
    let said = sidecar.stop().expect(0).stderr;
    assert_eq!(said.matches("no keyspace events arrive").count(), 1, "told once: {said}");
    let config: Vec<String> = redis.cmd(&["CONFIG", "GET", "notify-keyspace-events"]);
    assert_eq!(config[1], "", "the server's configuration is its operator's");
}
