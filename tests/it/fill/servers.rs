//! Which servers are listened to, what they need, what is said when they are silent, and who listens.

use serde_json::json;

use super::{REQUESTS, asked, exec, key, miss, server, start};
use crate::harness::{Redis, Watched, eventually};

#[test]
fn what_is_missed_on_a_replica_is_computed() {
    let redis = server();
    let replica = Redis::replica_of(&redis);
    replica.grant(&["hwinfo", "--with", "misses,requests"]);
    replica.cmd::<()>(&["CONFIG", "SET", "notify-keyspace-events", "Km"]);
    let ext = exec(&redis);
    let mut sidecar = start(&redis, &ext, 2);
    assert_eq!(replica.get(&key(7)), None);
    eventually("it is on the replica", || replica.cmd::<u64>(&["STRLEN", &key(7)]) > 0);
    assert_eq!(asked(&ext), ["7"]);
    // The replica goes away: the master is still heard.
    replica.cmd::<()>(&["REPLICAOF", "NO", "ONE"]);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 1.0);
    miss(&redis, "8");
    sidecar.stop().expect(0);

    // One that the master names by no address that is of use is named by hand.
    let mut ext = exec(&redis);
    ext.change("fill.replicas", false);
    ext.change("fill.listen", json!([format!("127.0.0.1:{}", replica.port())]));
    replica.cmd::<()>(&["REPLICAOF", "127.0.0.1", &redis.port().to_string()]);
    replica.wait_until_in_step();
    let sidecar = start(&redis, &ext, 2);
    assert_eq!(replica.get(&key(9)), None);
    eventually("it is there", || redis.get(&key(9)).is_some());
    sidecar.stop().expect(0);
}

#[test]
fn what_cuts_the_subscription_is_told_once_and_it_comes_back() {
    let redis = server();
    let ext = exec(&redis);
    let mut sidecar = start(&redis, &ext, 1);
    redis.cmd::<()>(&["CONFIG", "SET", "notify-keyspace-events", ""]);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "deaf")], |n| n == 1.0);
    redis.cmd::<()>(&["CONFIG", "SET", "notify-keyspace-events", "Km"]);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 1.0);
    miss(&redis, "7");
    redis.cmd::<()>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    eventually("it listens again", || {
        redis.get(&key(8));
        redis.cmd::<u64>(&["STRLEN", &key(8)]) > 0
    });
    let outcome = sidecar.stop().expect(0);
    assert_eq!(outcome.stderr.matches("tells no key-miss events").count(), 1, "{}", outcome.stderr);
}

#[test]
fn a_server_without_the_events_is_found_and_its_configuration_left_alone() {
    let redis = Redis::start();
    redis.grant(&["hwinfo", "--with", "misses"]);
    let ext = exec(&redis);
    let checked = ext.verb(&["check", "--connect"]).expect(0);
    for said in [checked.all(), ext.verb(&["doctor"]).all()] {
        assert!(said.contains("misses") && said.contains("CONFIG SET notify-keyspace-events"), "{said}");
    }
    let mut sidecar = ext.run();
    sidecar.wait_until_says("tells no key-miss events");
    sidecar.stop().expect(0);
    let config: Vec<String> = redis.cmd(&["CONFIG", "GET", "notify-keyspace-events"]);
    assert!(!config[1].contains('m'), "{config:?}");

    let redis = server();
    let ext = exec(&redis);
    let said = ext.verb(&["check", "--connect"]).expect(0).all();
    assert!(!said.contains("fill.misses"), "{said}");
    let said = ext.verb(&["doctor"]).all();
    assert!(said.contains("tells what readers miss"), "{said}");
    let log: Vec<redis::Value> = redis.cmd(&["ACL", "LOG"]);
    let log = format!("{log:?}");
    assert!(!["get", "psubscribe", "role"].iter().any(|word| log.contains(&format!("\"{word}"))), "{log}");
}

#[test]
fn the_user_without_the_rights_is_told_which() {
    let redis = Redis::with(&["notify-keyspace-events Km"]);
    let ext = exec(&redis).set("fill.requests", true);
    let all = ext.verb(&["check", "--connect"]).expect(4).all();
    for right in ["PSUBSCRIBE", "SUBSCRIBE", "BRPOP", "LLEN", "LTRIM", "ROLE"] {
        assert!(all.contains(right), "{right} is not named: {all}");
    }
    let redis = server();
    let ext = exec(&redis).set("fill.requests", true);
    let before: Vec<redis::Value> = redis.cmd(&["ACL", "LOG"]);
    let sidecar = start(&redis, &ext, 2);
    miss(&redis, "7");
    redis.cmd::<()>(&["LPUSH", REQUESTS, "8"]);
    eventually("it is there", || redis.get(&key(8)).is_some());
    sidecar.stop().expect(0);
    let after: Vec<redis::Value> = redis.cmd(&["ACL", "LOG"]);
    assert_eq!(after.len(), before.len(), "{after:?}");
}

#[test]
fn who_stands_by_computes_nothing_until_it_is_the_writer() {
    let redis = server();
    let (first, second) = (exec(&redis), exec(&redis));
    let writer = start(&redis, &first, 1);
    let mut standby = second.run();
    standby.wait_for_metric("ralphext_standby", &[], |n| n == 1.0);
    miss(&redis, "7");
    assert_eq!((asked(&first), asked(&second)), (vec!["7".to_owned()], vec![]));
    writer.kill();
    standby.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 1.0);
    miss(&redis, "8");
    assert_eq!((asked(&first), asked(&second)), (vec!["7".to_owned()], vec!["8".to_owned()]));
    standby.stop().expect(0);
}

#[test]
fn after_a_failover_the_new_master_is_listened_to() {
    let watched = Watched::start(&["notify-keyspace-events Km"], &[], None);
    watched.servers.iter().for_each(|redis| redis.grant(&["hwinfo", "--with", "sentinel,misses"]));
    let ext = exec(&watched.servers[0]);
    let mut ext = ["url", "username", "password"].iter().fold(ext, |ext, name| ext.unset(&format!("redis.{name}")));
    ext = ext.user("hwinfo").set("redis.url", "redis://mymaster/0");
    ext.change("redis.sentinel.master", "mymaster");
    ext.change("redis.sentinel.nodes", watched.nodes());
    let mut sidecar = ext.run();
    let (old, new) = (&watched.servers[0], &watched.servers[1]);
    sidecar.wait_for_passes(old, "hwinfo", 1);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 2.0);
    let filled = |redis: &Redis, id: u64| {
        eventually("it is there", || {
            redis.try_cmd::<Option<String>>(&["GET", &key(id)]).is_ok_and(|raw| raw.is_some())
        });
    };
    filled(new, 7);
    watched.wait_for_replica();
    watched.fail_over(1);
    filled(new, 8);
    sidecar.wait_for_metric("ralphext_fill_servers", &[("state", "heard")], |n| n == 2.0);
    filled(old, 9);
    sidecar.stop().expect(0);
}
