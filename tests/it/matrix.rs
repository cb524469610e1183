//! Every way to a server, under the least-privilege user: write, skip, renew, remove, read back, and with sentinels a
//! failover while it runs. `make test-all` does the same on the newest Valkey.

use std::{collections::BTreeMap, time::Duration};

use crate::harness::{Envelope, Ext, PASSWORD, Pki, Redis, Running, Watch, Watched, WithTls, has_tls, records};

fn as_user(ext: Ext) -> Ext {
    ext.write("password", &format!("{PASSWORD}\n"));
    let file = ext.path("password").display().to_string();
    ext.user("hwinfo").unset("redis.password").set("redis.password_file", file)
}

/// The whole round on one server; the sidecar goes on running.
fn round(ext: &Ext, redis: &Redis) -> Running {
    ext.source(&records(20, 1));
    ext.verb(&["check", "--connect"]).expect(0);
    assert_eq!(redis.keys(), Vec::<String>::new(), "a check leaves nothing behind");
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(redis, "hwinfo", 20);

    // Skip and renew: the sweep extends TTLs, and nobody writes a value.
    let watch = Watch::start(redis);
    ext.source(&records(20, 1));
    sidecar.wait_for_passes(redis, "hwinfo", 2);
    sidecar.wait_until("every key is renewed", || {
        let renewed = watch.on_objects(redis, "hwinfo", &["expire"]);
        (1..=20).all(|id| renewed.iter().any(|e| e.key.ends_with(&format!(":{id}"))))
    });
    watch.assert_untouched(redis, "hwinfo");

    // A change and a removal.
    let before = redis.objects("hwinfo");
    let mut changed = records(19, 1);
    changed[0] = records(1, 2).remove(0);
    ext.source(&changed);
    sidecar.wait_for_objects(redis, "hwinfo", 19);
    sidecar.wait_until("the change is there", || redis.object("hwinfo", "1").raw.contains("\"revision\":2"));
    let after = redis.objects("hwinfo");
    assert!(after["1"].version() > before["1"].version());
    assert_eq!(after["2"], before["2"]);
    read_back(ext, &after);
    sidecar
}

/// What the looking commands say, over the same way.
fn read_back(ext: &Ext, objects: &BTreeMap<String, Envelope>) {
    let got = ext.verb(&["--output", "json", "get", "hwinfo", "1"]).expect(0);
    assert!(got.stdout.contains("\"revision\":2") || got.stdout.contains("\"revision\": 2"), "{got}");
    let listed = ext.verb(&["--output", "json", "ls", "hwinfo"]).expect(0);
    assert!(objects.keys().all(|id| listed.stdout.contains(&format!("\"{id}\""))), "{listed}");
    ext.verb(&["ls"]).expect(0);
    ext.verb(&["explain", "hwinfo", "2"]).expect(0);
    ext.verb(&["status"]).expect(0);
    let plan = ext.verb(&["--output", "json", "plan"]).expect(0);
    plan.counts(&[("written", 0), ("removed", 0)]);
}

fn standalone(redis: &Redis, ext: Ext) {
    let ext = as_user(ext).briskly().set("content.ttl", "60s").set("verify.every", "2s");
    round(&ext, redis).stop().expect(0);
    ext.once().expect(0).counts(&[("written", 0)]);
}

fn watched(pki: Option<&Pki>) {
    let watched = Watched::start(&[], &[], pki);
    let mut ext = as_user(Ext::watched(&watched)).briskly().set("content.ttl", "60s").set("verify.every", "2s");
    if let Some(pki) = pki {
        ext.change("redis.tls.ca", pki.ca().display().to_string());
    }
    let (master, replica) = (&watched.servers[0], &watched.servers[1]);
    let told = ext.verb(&["check", "--connect"]).expect(0);
    assert!(told.stdout.contains("mymaster") && told.stdout.contains(&watched.nodes()[0]), "{told}");
    let mut sidecar = round(&ext, master);

    let before = master.objects("hwinfo");
    watched.fail_over(1);
    ext.source(&records(19, 3));
    sidecar.wait_until("the new master has the change", || {
        let there = replica.raw_objects("hwinfo");
        there.len() == 19 && there.values().all(|raw| raw.contains("\"revision\":3"))
    });
    for (id, envelope) in replica.objects("hwinfo") {
        assert!(envelope.version() > before[&id].version(), "{id} went back");
    }
    sidecar.wait_for_passes(replica, "hwinfo", 1);
    ext.verb(&["status"]).expect(0);
    sidecar.stop().expect(0);
    ext.once().expect(0).counts(&[("written", 0)]);
    for server in [master, replica] {
        assert_eq!(server.cmd::<Vec<redis::Value>>(&["ACL", "LOG"]), [], "nothing was refused");
    }
}

#[test]
fn standalone_over_tcp() {
    let redis = Redis::start();
    standalone(&redis, Ext::new(&redis));
}

#[test]
fn standalone_over_a_socket() {
    let redis = Redis::start();
    standalone(&redis, Ext::at(&redis.unix_url()));
}

#[test]
fn standalone_over_tls_with_a_client_certificate() {
    if !has_tls() {
        return;
    }
    let pki = Pki::new();
    let redis = Redis::with_tls(&[], WithTls { pki: &pki, mutual: true });
    let client = pki.issue("client", &["ralphext"]);
    let ext = Ext::at(&redis.tls_url())
        .set("redis.tls.ca", pki.ca().display().to_string())
        .set("redis.tls.cert", client.cert.display().to_string())
        .set("redis.tls.key", client.key.display().to_string());
    standalone(&redis, ext);
}

#[test]
fn sentinels_over_tcp() {
    watched(None);
}

#[test]
fn sentinels_over_tls() {
    if has_tls() {
        watched(Some(&Pki::new()));
    }
}

#[test]
fn a_password_that_is_rotated_while_it_runs() {
    let redis = Redis::start();
    let ext = as_user(Ext::new(&redis)).briskly();
    ext.source(&records(10, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 10);
    ext.write("password", "neu\n");
    redis.cmd::<()>(&["ACL", "SETUSER", "ralphext-hwinfo", "resetpass", ">neu"]);
    redis.cmd::<i64>(&["CLIENT", "KILL", "USER", "ralphext-hwinfo"]);
    ext.source(&records(11, 1));
    sidecar.wait_for_objects(&redis, "hwinfo", 11);

    // The server first, the file only after a while: what stands between is a failure that ends by itself.
    redis.cmd::<()>(&["ACL", "SETUSER", "ralphext-hwinfo", "resetpass", ">neuer"]);
    redis.cmd::<i64>(&["CLIENT", "KILL", "USER", "ralphext-hwinfo"]);
    sidecar.wait_until_says("WRONGPASS");
    std::thread::sleep(Duration::from_millis(500));
    ext.write("password", "neuer\n");
    ext.source(&records(12, 1));
    sidecar.wait_for_objects(&redis, "hwinfo", 12);
    sidecar.stop().expect(0);
}
