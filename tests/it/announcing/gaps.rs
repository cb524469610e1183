//! What is missing is seen to be missing: trimmed, flushed, deleted; and what is not missing is not taken for it: take-overs.

use super::{CHANGES, Follower, Position, all_words, is_gapless, telling, told};
use crate::harness::{Ext, Redis, Running, eventually, records};

const CANARY: &str = "ralphext:v1:hwinfo:@canary";
const FENCE: &str = "ralphext:v1:hwinfo:@fence";

fn running(redis: &Redis, ext: &Ext) -> Running {
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(redis, "hwinfo", 1);
    sidecar
}

#[test]
fn a_takeover_is_no_gap() {
    let redis = Redis::start();
    let (ext, other) = (telling(&redis, "stream"), telling(&redis, "stream"));
    ext.source(&records(10, 1));
    let follower = Follower::follow(&redis);
    let first = running(&redis, &ext);
    other.source(&records(9, 2));
    let epoch = redis.get(FENCE);
    let mut second = other.run();
    second.wait_until_says("standing by");
    first.kill();
    second.wait_until("the standby has taken over", || redis.get(FENCE) != epoch);
    second.wait_for_passes(&redis, "hwinfo", 1);
    second.stop().expect(0);
    let all = told(&redis);
    is_gapless(&all);
    let words = all_words(&all);
    assert!(words.contains(&"written 1 changed".to_owned()) && words.contains(&"removed 10 vanished".to_owned()));
    eventually("all of it is followed", || follower.events().len() == all.len());
    assert_eq!(follower.counts().0, 0);
}

#[test]
fn a_writer_that_was_taken_over_tells_nothing() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream");
    ext.source(&records(10, 1));
    let mut sidecar = running(&redis, &ext);
    let before = told(&redis).len();
    let epoch: u64 = redis.get(FENCE).expect("a fence").parse().expect("a number");
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@lease", "another", "PX", "600000"]);
    redis.cmd::<()>(&["SET", FENCE, &(epoch + 1_000_000).to_string()]);
    ext.source(&records(10, 2));
    sidecar.wait_until_says("took the lease over");
    sidecar.stop().expect(0);
    assert_eq!(told(&redis).len(), before);
}

#[test]
fn what_was_trimmed_is_a_gap() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream").set("events.max_len", 100);
    ext.once_with(&records(5, 1)).expect(0);
    let before = told(&redis);
    let entries: Vec<(String, Vec<String>)> = redis.cmd(&["XRANGE", CHANGES, "-", "+"]);
    let last = entries.last().expect("entries").0.clone();
    let watched = ext.verb(&["-o", "ndjson", "watch", "hwinfo", "--from", "0-0", "--count", "5"]).expect(0);
    assert_eq!(watched.stdout.matches("\"gap\":true").count(), 1, "nobody knows what was before: {watched}");
    ext.once_with(&records(1000, 2)).expect(0);
    let after = told(&redis);
    assert!(!Position::of(&after[0]).follows(&Position::of(before.last().expect("events"))));
    let watched = ext.verb(&["-o", "ndjson", "watch", "hwinfo", "--from", &last, "--count", "50"]).expect(0);
    assert_eq!(watched.stdout.matches("\"gap\":true").count(), 1, "{watched}");
    assert_eq!(watched.stdout.lines().count(), 50);
    let shown = ext.verb(&["watch", "hwinfo", "--from", &last, "--count", "3"]).expect(0);
    shown.says(&["events are missing here"]);
}

#[test]
fn lost_data_is_a_gap_whatever_was_lost() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream");
    ext.source(&records(10, 1));
    let mut sidecar = running(&redis, &ext);
    let lose: [(&str, &[&[&str]]); 3] = [
        ("everything", &[&["FLUSHALL"]]),
        ("the canary", &[&["DEL", CANARY]]),
        ("the canary and the stream", &[&["DEL", CANARY, CHANGES]]),
    ];
    for (what, commands) in lose {
        let before = told(&redis);
        let last = Position::of(before.last().expect("events"));
        let epoch = redis.get(FENCE);
        for words in commands {
            redis.cmd::<()>(words);
        }
        sidecar.wait_until("it begins anew", || redis.get(FENCE).is_some_and(|now| Some(now) != epoch));
        sidecar.wait_for_objects(&redis, "hwinfo", 10);
        sidecar.wait_for_passes(&redis, "hwinfo", 1);
        // Something new to be told, if nothing was to be restored.
        ext.source(&records(10, 2 + before.len() as u64));
        sidecar
            .wait_until("it is told", || told(&redis).iter().any(|e| e["reason"] == "changed" && !before.contains(e)));
        let new: Vec<_> = told(&redis).into_iter().filter(|event| !before.contains(event)).collect();
        assert!(!Position::of(&new[0]).follows(&last), "{what}: {} does not follow {last:?}", new[0]);
        is_gapless(&new);
    }
    // The next one begins where this one ended, though it has told nothing since.
    redis.flush();
    let last = Position::of(&telling_last(&redis, &mut sidecar));
    sidecar.kill();
    let mut next = ext.run();
    next.wait_for_passes(&redis, "hwinfo", 1);
    next.stop().expect(0);
    let all = told(&redis);
    assert!(all.iter().any(|event| Position::of(event).follows(&last)), "a restart is no gap");
    is_gapless(&all);
}

/// The last event once all has been restored.
fn telling_last(redis: &Redis, sidecar: &mut Running) -> serde_json::Value {
    sidecar.wait_for_objects(redis, "hwinfo", 10);
    sidecar.wait_for_passes(redis, "hwinfo", 1);
    told(redis).pop().expect("events")
}

#[test]
fn a_failover_to_a_replica_that_was_behind_is_a_gap_for_who_was_ahead_of_it_and_for_nobody_else() {
    let master = Redis::start();
    let replica = Redis::replica_of(&master);
    let (ext, other) = (telling(&master, "stream"), telling(&replica, "stream"));
    ext.once_with(&records(5, 1)).expect(0);
    let before = told(&master);
    eventually("the replica has it", || {
        replica.try_cmd::<u64>(&["XLEN", CHANGES]).is_ok_and(|n| n == before.len() as u64)
    });
    replica.cmd::<()>(&["REPLICAOF", "NO", "ONE"]);
    ext.once_with(&records(5, 2)).expect(0);
    let lost = told(&master);
    is_gapless(&lost);
    other.once_with(&records(5, 2)).expect(0).counts(&[("written", 5)]);
    let after = told(&replica);
    is_gapless(&after);
    assert_eq!(after[..before.len()], before, "who had no more than the replica goes on");
    let first = Position::of(&after[before.len()]);
    for event in &lost[before.len()..] {
        assert!(!first.follows(&Position::of(event)), "{event}");
    }
}

#[test]
fn whatever_stands_in_the_place_of_the_stream_is_replaced_and_told() {
    let redis = Redis::start();
    let ext = telling(&redis, "stream");
    ext.once_with(&records(3, 1)).expect(0);
    let far = "18446744073709551615-5";
    let plants: [&[&str]; 4] = [
        &["SET", CHANGES, "mine"],
        &["SET", CHANGES, ""],
        &["RPUSH", CHANGES, "a"],
        &["XADD", CHANGES, far, "event", "{}"],
    ];
    for (n, plant) in plants.into_iter().enumerate() {
        redis.cmd::<()>(&["DEL", CHANGES]);
        redis.cmd::<redis::Value>(plant);
        let outcome = ext.once_with(&records(3, 2 + n as u64)).expect(0);
        outcome.counts(&[("written", 3)]);
        outcome.says(&["replaced what no writer put there", CHANGES, "hint"]);
        assert_eq!(all_words(&told(&redis)).len(), 5);
    }
    // Under a running sidecar as well: its batch fails, and the next one finds a stream again.
    ext.source(&records(3, 20));
    let mut sidecar = running(&redis, &ext);
    redis.cmd::<()>(&["SET", CHANGES, "mine"]);
    ext.source(&records(3, 21));
    sidecar.wait_until("it is a stream again", || redis.cmd::<String>(&["TYPE", CHANGES]) == "stream");
    ext.source(&records(3, 22));
    sidecar.wait_until("changes go on", || {
        redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":22"))
    });
    sidecar.wait_until("and are told", || all_words(&told(&redis)).iter().any(|w| w == "written 3 changed"));
    sidecar.stop().expect(0);
}
