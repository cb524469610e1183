//! Probes: alive while the process answers, ready while it works or stands by, whatever its source and Redis do.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
};

use crate::harness::{DEADLINE, Ext, Redis, Running, eventually, get, records, talk};

const LEASE: &str = "ralphext:v1:hwinfo:@lease";

#[track_caller]
fn well(sidecar: &mut Running) {
    for path in ["/livez", "/readyz"] {
        let answer = sidecar.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
}

#[test]
fn a_failing_source_touches_neither_probe_and_is_told() {
    let redis = Redis::start();
    let mut ext = Ext::brisk(&redis).script("exec", "cat facts.ndjson");
    ext.write("facts.ndjson", &crate::harness::ndjson(&records(3, 1)));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let service = sidecar.ready("hwinfo");
    assert_eq!((&service["state"], &service["last_error"]), (&"writer".into(), &serde_json::Value::Null), "{service}");
    assert_eq!(service["epoch"], redis.descriptor("hwinfo")["writer"]["epoch"]);
    assert!(service["last_success_age_seconds"].as_f64().is_some_and(|age| age < 60.0), "{service}");

    ext.rescript("echo password=geheim >&2; exit 7");
    sidecar.wait_until("the failure is in the descriptor", || {
        redis.descriptor("hwinfo")["last_error"].to_string().contains("exit status 7")
    });
    well(&mut sidecar);
    let service = sidecar.ready("hwinfo");
    assert!(service["last_error"].as_str().is_some_and(|e| e.contains("exit status 7")), "{service}");
    assert!(!service.to_string().contains("geheim"), "what a command says is not for everybody: {service}");
    assert_eq!(service["state"], "writer");

    ext.rescript("cat facts.ndjson");
    let port = sidecar.port();
    sidecar.wait_until("it is well again", || {
        get(port, "/readyz", "").json()["services"]["hwinfo"]["last_error"].is_null()
    });
    sidecar.stop().expect(0);
}

#[test]
fn a_redis_that_is_away_touches_neither_probe_at_the_start_or_later() {
    let mut redis = Redis::start();
    let ext = Ext::brisk(&redis);
    ext.source(&records(3, 1));
    redis.kill();
    let mut sidecar = ext.run();
    let port = sidecar.port();
    let state = || get(port, "/readyz", "").json()["services"]["hwinfo"].clone();
    sidecar.wait_until("its cause is told", || state()["last_error"].to_string().contains("Redis at"));
    well(&mut sidecar);
    assert_eq!(state()["state"], "connecting");
    assert!(state()["last_success_at"].is_null(), "{}", state());

    redis.restart();
    sidecar.wait_until("it writes", || state()["state"] == "writer");
    sidecar.wait_for_objects(&redis, "hwinfo", 3);
    redis.kill();
    sidecar.wait_until("it cannot write any more", || state()["state"] == "connecting");
    well(&mut sidecar);
    assert_eq!(sidecar.scrape().value("ralphext_lease_held", &[]), 0.0);
    sidecar.stop().expect(0);
}

#[test]
fn a_standby_is_ready_says_so_and_takes_over_at_once() {
    let redis = Redis::start();
    // A lease that nobody would wait for: only looking again soon finds it handed back.
    let ext = Ext::brisk(&redis).set("writer.lease", "1h");
    ext.source(&records(3, 1));
    let mut first = ext.run();
    first.wait_for_passes(&redis, "hwinfo", 1);
    let holder = redis.get(LEASE).expect("a lease");

    let other = Ext::brisk(&redis).set("writer.lease", "1h");
    other.source(&records(3, 2));
    let mut second = other.run();
    let port = second.port();
    second.wait_until("it stands by", || get(port, "/readyz", "").json()["services"]["hwinfo"]["state"] == "standby");
    well(&mut second);
    let service = second.ready("hwinfo");
    assert_eq!(service["holder"], holder.as_str(), "{service}");
    assert!(service["since"].is_string() && service["last_error"].is_null(), "{service}");
    let scrape = second.scrape();
    assert_eq!(scrape.value("ralphext_standby", &[]), 1.0);
    assert_eq!(scrape.value("ralphext_lease_held", &[]), 0.0);
    assert_eq!(scrape.of("hwinfo", "ralphext_content_stale", &[]), None, "the writer judges that");
    assert_eq!(first.scrape().value("ralphext_lease_held", &[]), 1.0);

    let at = format!("admin.listen=127.0.0.1:{port}");
    let status = other.verb(&["--set", &at, "status"]).expect(0);
    let said = format!("this host's sidecar stands by behind {holder}");
    assert!(status.stdout.contains(&said) && status.stdout.contains("well"), "{status}");
    let json = other.verb(&["--set", &at, "-o", "json", "status"]).expect(0).json();
    assert_eq!((&json["sidecar"]["state"], &json["sidecar"]["holder"]), (&"standby".into(), &holder.into()), "{json}");

    first.stop().expect(0);
    second
        .wait_until("it is the writer", || get(port, "/readyz", "").json()["services"]["hwinfo"]["state"] == "writer");
    second.wait_until("its content is there", || {
        redis.raw_objects("hwinfo").values().all(|raw| raw.contains("\"revision\":2"))
    });
    let scrape = second.scrape();
    assert_eq!(scrape.value("ralphext_standby", &[]), 0.0);
    assert_eq!(scrape.value("ralphext_lease_held", &[]), 1.0);
    second.stop().expect(0);
}

#[test]
fn status_is_silent_about_a_sidecar_that_is_not_there() {
    let redis = Redis::start();
    let ext = Ext::new(&redis);
    ext.once_with(&records(1, 1)).expect(0);
    // Something listens, and it is none of ours.
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stranger = format!("admin.listen={}", stranger.local_addr().expect("bound"));
    for listen in [stranger.as_str(), "admin.listen=off", "admin.listen=127.0.0.1:0"] {
        let status = ext.verb(&["--set", listen, "status"]).expect(0);
        assert!(!status.all().contains("sidecar"), "{listen}: {status}");
        assert!(ext.verb(&["--set", listen, "-o", "json", "status"]).expect(0).json()["sidecar"].is_null());
    }
}

#[test]
fn a_port_in_use_is_told_before_anything_starts() {
    let redis = Redis::start();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let ext = Ext::new(&redis).script("exec", "touch ran").set("admin.listen", address.as_str());
    let outcome = ext.verb(&["run"]).expect(2);
    outcome.says(&[&address, "admin.listen", "in use", "hint: ", "another ralphext"]);
    assert_eq!(redis.keys(), Vec::<String>::new());
    assert!(!ext.path("ran").exists(), "the source was not run: {outcome}");

    // What ends by itself listens nowhere, and looking does not either.
    let ext = Ext::new(&redis).set("admin.listen", address.as_str());
    ext.once_with(&records(1, 1)).expect(0);
    ext.verb(&["check"]).expect(0);

    let ext = Ext::brisk(&redis).set("admin.listen", "off");
    ext.source(&records(2, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 2);
    let sockets = std::fs::read_dir(format!("/proc/{}/fd", sidecar.pid())).expect("/proc").count();
    assert!(sockets > 0);
    sidecar.stop().expect(0);
}

#[test]
fn wrong_addresses_are_refused_with_what_to_write() {
    let ext = Ext::at(&Redis::nowhere()).env("RALPHEXT__ADMIN__LISTEN", "");
    for (listen, hint) in [("9782", "0.0.0.0:9782"), ("localhost:1", "127.0.0.1:1"), ("0.0.0.0", "off")] {
        ext.verb(&["--set", &format!("admin.listen={listen}"), "check"]).expect(2).says(&["admin.listen", hint]);
    }
    ext.verb(&["--set", "admin.port=9782", "check"]).expect(2).says(&["admin.listen"]);
    ext.write("d/a.toml", "service = \"a\"\nsource.kind = \"stdin\"\nadmin.listen = \"127.0.0.1:1\"\n");
    ext.write("d/b.toml", "service = \"b\"\nsource.kind = \"stdin\"\nadmin.listen = \"127.0.0.1:2\"\n");
    let outcome = Running::spawn(&mut ext.bare(&["-c", "d", "check"]), None).finish(DEADLINE).expect(2);
    outcome.says(&["admin", "differs between", "b.toml"]);
}

#[test]
fn only_what_is_there_is_served_and_only_to_read() {
    let ext = Ext::at(&Redis::nowhere());
    let mut sidecar = ext.run();
    let port = sidecar.port();
    let say = |request: &str| talk(port, request).expect("an answer");
    assert_eq!(sidecar.get("/").status, 404);
    assert!(sidecar.get("/nothing").body.contains("/metrics"), "it says what there is");
    assert_eq!(say("POST /readyz HTTP/1.0\r\nHost: h\r\nContent-Length: 0\r\n\r\n").status, 405);
    let head = say("HEAD /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(say("nonsense\r\n\r\n").status, 400);
    let large = format!("GET /livez HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    // The connection may be cut before all of it was read.
    assert!(talk(port, &large).map_or(true, |answer| answer.status == 431), "a head has its bounds");
    assert_eq!(sidecar.get("/livez").status, 200);

    let plain = get(port, "/metrics", "Accept: text/plain");
    assert_eq!(plain.head["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let open = get(port, "/metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert_eq!(open.head["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.body.ends_with("# EOF\n") && !plain.body.contains("# EOF"));
    sidecar.stop().expect(0);
}

#[test]
fn nothing_secret_is_served() {
    let redis = Redis::with_password("s3cret-right");
    let url = redis.url().replace("redis://", "redis://:s3cret-wrong@");
    let ext = Ext::at(&url);
    let mut sidecar = ext.run();
    let port = sidecar.port();
    sidecar.wait_until("Redis refuses it", || {
        !get(port, "/readyz", "").json()["services"]["hwinfo"]["last_error"].is_null()
    });
    for path in ["/livez", "/readyz", "/metrics", "/"] {
        let answer = sidecar.get(path);
        assert!(!answer.body.contains("s3cret") && !format!("{:?}", answer.head).contains("s3cret"), "{answer:?}");
    }
    assert!(sidecar.scrape().value("ralphext_redis_failures_total", &[("class", "credentials")]) >= 1.0);
    sidecar.stop().expect(0);
}

#[test]
fn idle_connections_keep_nobody_out_and_hold_up_no_end() {
    let ext = Ext::at(&Redis::nowhere());
    let mut sidecar = ext.run();
    let port = sidecar.port();
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    // More than there are places: some say nothing, some begin and never end.
    let mut idle: Vec<_> = (0..100).map(|_| connect()).collect();
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(b"GET /livez HT").expect("a beginning");
    }
    eventually("it answers all the same", || get(port, "/livez", "").status == 200);
    let more: Vec<_> = (0..10).map(|_| connect()).collect();
    sidecar.stop().expect(0);
    drop((idle, more));
}
