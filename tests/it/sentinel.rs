//! Sentinels that are down, frozen, or wrong; a master that is cut off, or gone. Nothing may block for long.

use std::{
    io::{Read, Write},
    net::TcpListener,
    time::{Duration, Instant},
};

use crate::harness::{DEADLINE, Ext, PASSWORD, Redis, Running, Watched, acl, always, records};

/// Far more than the limits add up to, and far less than a client's own patience could.
const BOUND: Duration = Duration::from_secs(20);

/// `once` has to fail with 4 within the bound, saying `words`.
#[track_caller]
fn fails(ext: &Ext, words: &[&str]) {
    ext.source(&records(3, 1));
    let start = Instant::now();
    let outcome = Running::spawn(&mut ext.command(&["once"]), None).finish(BOUND).expect(4);
    assert!(start.elapsed() < BOUND, "{outcome}");
    outcome.says(&["hint"]);
    outcome.says(words);
}

/// Ports on which somebody listens who answers every client with `answer`, or not at all.
fn impostor(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            if let Some(answer) = answer {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(answer.as_bytes());
            }
            held.push(stream);
        }
    });
    address
}

fn with_nodes(nodes: Vec<String>) -> Ext {
    let ext = Ext::at("redis://mymaster/0").user("hwinfo");
    ext.set("redis.sentinel.master", "mymaster").set("redis.sentinel.nodes", nodes)
}

fn nowhere() -> String {
    Redis::nowhere().trim_start_matches("redis://").trim_end_matches("/0").to_owned()
}

#[test]
fn no_sentinel_answers() {
    let nodes = vec![nowhere(), nowhere()];
    fails(
        &with_nodes(nodes.clone()),
        &["mymaster", &nodes[0], &nodes[1], "Connection refused", "redis.sentinel.nodes"],
    );
    let silent = impostor(None);
    fails(
        &with_nodes(vec![silent.clone(), silent.clone() + "/"]),
        &[&silent, "no answer in time", "redis.sentinel.timeout"],
    );
    fails(&with_nodes(vec!["no-such-host.invalid".into()]), &["no-such-host.invalid"]);
}

#[test]
fn sentinels_that_are_none() {
    fails(&with_nodes(vec![impostor(Some("HTTP/1.1 400 Bad Request\r\n\r\n"))]), &["not Redis' protocol", "26379"]);
    fails(&with_nodes(vec![impostor(Some("*2\r\n$0\r\n\r\n$1\r\n0\r\n"))]), &["no server's address"]);
    let redis = Redis::start();
    let server = format!("127.0.0.1:{}", redis.port());
    fails(&with_nodes(vec![server.clone()]), &[&server, "unknown command", "26379"]);
}

#[test]
fn the_server_that_is_named_is_not_there_or_no_master() {
    let named = |port: u16| -> &'static str {
        let text = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.to_string().len());
        Box::leak(text.into_boxed_str())
    };
    let dead: u16 = nowhere().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    fails(
        &with_nodes(vec![impostor(Some(named(dead)))]),
        &["Connection refused", "master mymaster", &dead.to_string()],
    );

    let master = Redis::start();
    let replica = Redis::replica_of(&master);
    [&master, &replica].iter().for_each(|redis| redis.grant(&["hwinfo", "--with", "sentinel"]));
    let ext = with_nodes(vec![impostor(Some(named(replica.port())))]);
    fails(&ext, &["it is a replica", &replica.port().to_string(), "failover"]);
    assert_eq!(master.count("hwinfo"), 0);

    master.pause();
    fails(&with_nodes(vec![impostor(Some(named(master.port())))]), &["no answer in time", &master.port().to_string()]);
    master.resume();

    // One that lies is outvoted, whichever is asked first.
    let lying = impostor(Some(named(replica.port())));
    let honest = [impostor(Some(named(master.port()))), impostor(Some(named(master.port())))];
    let ext = with_nodes([vec![lying.clone()], honest.to_vec()].concat());
    ext.once_with(&records(3, 1)).expect(0).counts(&[("written", 3)]);
    let told = ext.verb(&["check", "--connect"]).expect(0);
    assert!(told.stdout.contains(&format!("sentinel {lying} names 127.0.0.1:{}", replica.port())), "{told}");
    // Without a majority the one that says itself that it is the master is taken.
    with_nodes(vec![lying, honest[0].clone()]).once_with(&records(4, 1)).expect(0).counts(&[("written", 1)]);
}

#[test]
fn names_and_users() {
    let asker = format!("user {}", acl(&["--sentinel", "--user", "asker"])[0]);
    let narrow = "user narrow on >geheim ~ralphext:v1* +@all -role";
    let mut watched = Watched::start(&[narrow], &[&asker], None);
    let as_narrow = Ext::watched(&watched).set("redis.username", "narrow").set("redis.password", "geheim");
    fails(&as_narrow, &["role", "+role"]);
    let ext = Ext::watched(&watched);
    fails(
        &ext.set("redis.sentinel.master", "yourmaster").set("redis.url", "redis://yourmaster"),
        &["yourmaster", "knows no master"],
    );
    let as_asker = |password: &str| {
        let ext = Ext::watched(&watched).set("redis.sentinel.username", "asker");
        ext.write("asker", password);
        let file = ext.path("asker").display().to_string();
        ext.set("redis.sentinel.password_file", file)
    };
    fails(&as_asker("falsch"), &["WRONGPASS", "redis.sentinel.password"]);
    let ext = as_asker(&format!("{PASSWORD}\n"));
    ext.once_with(&records(3, 1)).expect(0).counts(&[("written", 3)]);
    ext.verb(&["check", "--connect"]).expect(0);

    // One sentinel of three is gone: nobody minds, and the check tells.
    watched.kill_sentinel(0);
    ext.once().expect(0).counts(&[("written", 0)]);
    let told = ext.verb(&["check", "--connect"]).expect(0);
    assert!(told.stdout.contains(&format!("{}: Connection refused", watched.nodes()[0])), "{told}");
    watched.pause_sentinel(1);
    ext.once().expect(0).counts(&[("written", 0)]);
    watched.resume_sentinel(1);
}

/// A sidecar that has written 20 objects to the first master.
fn steady(watched: &Watched, ext: &Ext) -> Running {
    ext.source(&records(20, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&watched.servers[0], "hwinfo", 20);
    sidecar.wait_for_passes(&watched.servers[0], "hwinfo", 1);
    sidecar
}

#[track_caller]
fn wait_for_revision(sidecar: &mut Running, redis: &Redis, revision: u64) {
    sidecar.wait_until(&format!("revision {revision} is there"), || {
        let there = redis.raw_objects("hwinfo");
        there.len() == 20 && there.values().all(|raw| raw.contains(&format!("\"revision\":{revision}")))
    });
}

#[test]
fn a_master_that_dies() {
    let mut watched = Watched::start(&[], &[], None);
    let ext = Ext::watched(&watched).briskly();
    let mut sidecar = steady(&watched, &ext);
    let before = watched.servers[0].objects("hwinfo");
    watched.servers[0].kill();
    ext.source(&records(20, 2));
    watched.wait_for_master(1);
    wait_for_revision(&mut sidecar, &watched.servers[1], 2);
    for (id, envelope) in watched.servers[1].objects("hwinfo") {
        assert!(envelope.version() > before[&id].version(), "{id} went back");
    }
    sidecar.stop().expect(0);
}

#[test]
fn a_master_that_freezes_and_goes_on() {
    let watched = Watched::start(&[], &[], None);
    let ext = Ext::watched(&watched).briskly().set("redis.timeout", "1s");
    let mut sidecar = steady(&watched, &ext);
    watched.servers[0].pause();
    ext.source(&records(20, 2));
    watched.wait_for_master(1);
    wait_for_revision(&mut sidecar, &watched.servers[1], 2);
    watched.servers[0].resume();
    // What waited in its queues is undone when it follows the new master.
    watched.servers[0].wait_until_in_step();
    ext.source(&records(20, 3));
    wait_for_revision(&mut sidecar, &watched.servers[1], 3);
    wait_for_revision(&mut sidecar, &watched.servers[0], 3);
    assert_eq!(watched.servers[0].objects("hwinfo"), watched.servers[1].objects("hwinfo"));
    sidecar.stop().expect(0);
}

#[test]
fn a_master_that_is_cut_off_and_still_reachable_for_us() {
    let watched = Watched::start(&[], &[], None);
    let ext = Ext::watched(&watched).briskly();
    let mut sidecar = steady(&watched, &ext);
    watched.cut_off_master();
    watched.wait_for_master(1);
    assert!(watched.servers[0].cmd::<String>(&["INFO", "replication"]).contains("role:master"), "it lives on, apart");
    // Nothing is written, so only the sentinels can tell.
    sidecar.wait_until_says("failed over");
    ext.source(&records(20, 2));
    wait_for_revision(&mut sidecar, &watched.servers[1], 2);
    let old = watched.servers[0].raw_objects("hwinfo");
    assert!(old.values().all(|raw| raw.contains("\"revision\":1")), "the old master is left alone");
    sidecar.stop().expect(0);
}

#[test]
fn sentinels_that_are_gone_while_it_runs() {
    let mut watched = Watched::start(&[], &[], None);
    let ext = Ext::watched(&watched).briskly();
    let mut sidecar = steady(&watched, &ext);
    (0..3).for_each(|index| watched.pause_sentinel(index));
    sidecar.wait_until_says("a failover would not be noticed");
    ext.source(&records(20, 2));
    wait_for_revision(&mut sidecar, &watched.servers[0], 2);
    let lease = "ralphext:v1:hwinfo:@lease";
    always("the lease is held", Duration::from_secs(5), || watched.servers[0].get(lease).is_some());
    (0..3).for_each(|index| watched.kill_sentinel(index));
    ext.source(&records(20, 3));
    wait_for_revision(&mut sidecar, &watched.servers[0], 3);
    // The connections too are gone, and nobody says where the master is: told, and over when one does.
    watched.servers[0].cmd::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    ext.source(&records(20, 4));
    sidecar.wait_until_says("no sentinel names it");
    (0..3).for_each(|index| watched.restart_sentinel(index));
    wait_for_revision(&mut sidecar, &watched.servers[0], 4);
    let told = sidecar.stderr().matches("a failover would not be noticed").count();
    assert!(told <= 2, "told {told} times");
    sidecar.stop().expect(0);
}

#[test]
fn a_standby_follows_the_failover() {
    let watched = Watched::start(&[], &[], None);
    let ext = Ext::watched(&watched).briskly();
    let first = steady(&watched, &ext);
    let standby = ext.run();
    let mut standby = standby;
    standby.wait_until_says("standing by");
    watched.fail_over(1);
    first.kill();
    ext.source(&records(20, 2));
    wait_for_revision(&mut standby, &watched.servers[1], 2);
    standby.stop().expect(0);
}

#[test]
fn looking_does_not_wait_for_long() {
    let watched = Watched::start(&[], &[], None);
    let ext = Ext::watched(&watched);
    ext.once_with(&records(3, 1)).expect(0);
    (0..3).for_each(|index| watched.pause_sentinel(index));
    for verb in [vec!["status"], vec!["ls"], vec!["get", "hwinfo", "1"], vec!["check", "--connect"]] {
        let outcome = Running::spawn(&mut ext.command(&verb), None).finish(BOUND).expect(4);
        outcome.says(&["redis.sentinel.timeout"]);
    }
    (0..3).for_each(|index| watched.resume_sentinel(index));
    assert!(BOUND < DEADLINE);
    ext.verb(&["get", "hwinfo", "1"]).expect(0);
}
