//! TLS: whom it trusts, who it is, what it says when that does not work, and certificates that change while it runs.

use std::{fs, path::Path, time::Duration};

use crate::harness::{Ext, Pair, Pki, Redis, Running, Watched, WithTls, has_tls, records};

/// A server with TLS, or none where the server was built without.
fn server(pki: &Pki, mutual: bool) -> Option<Redis> {
    has_tls().then(|| Redis::with_tls(&[], WithTls { pki, mutual }))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn with_ca(url: &str, pki: &Pki) -> Ext {
    Ext::at(url).user("hwinfo").set("redis.tls.ca", shown(&pki.ca()))
}

fn with_client(ext: Ext, pair: &Pair) -> Ext {
    ext.set("redis.tls.cert", shown(&pair.cert)).set("redis.tls.key", shown(&pair.key))
}

#[track_caller]
fn fails(ext: &Ext, words: &[&str]) {
    ext.source(&records(3, 1));
    let outcome = Running::spawn(&mut ext.command(&["once"]), None).finish(Duration::from_secs(20)).expect(4);
    outcome.says(&["hint"]);
    outcome.says(words);
}

#[track_caller]
fn works(ext: &Ext) {
    ext.once_with(&records(3, 1)).expect(0);
}

#[test]
fn whom_it_trusts() {
    let pki = Pki::new();
    let Some(redis) = server(&pki, false) else { return };
    works(&with_ca(&redis.tls_url(), &pki));
    works(&with_ca(&redis.tls_url().replace("127.0.0.1", "localhost"), &pki));
    let other = Pki::new();
    fails(&with_ca(&redis.tls_url(), &other), &["not signed by an authority", "redis.tls.ca"]);
    fails(&Ext::at(&redis.tls_url()).env("SSL_CERT_FILE", &shown(&other.ca())), &["not signed by an authority"]);
    works(&Ext::at(&redis.tls_url()).user("hwinfo").env("SSL_CERT_FILE", &shown(&pki.ca())));
    // Bundles hold several.
    let ext = with_ca(&redis.tls_url(), &pki);
    let both = [other.ca(), pki.ca()].map(|ca| fs::read_to_string(ca).expect("a file")).concat();
    ext.write("bundle.pem", &both);
    works(&ext.set("redis.tls.ca", "bundle.pem"));
}

#[test]
fn the_name_in_the_certificate() {
    let pki = Pki::new();
    pki.issue("server", &["redis.example.com"]);
    let Some(redis) = server(&pki, false) else { return };
    let ext = with_ca(&redis.tls_url(), &pki);
    fails(&ext, &["its certificate is for redis.example.com, not for 127.0.0.1", "redis.tls.server_name"]);
    works(&ext.set("redis.tls.server_name", "redis.example.com"));
    fails(&with_ca(&redis.tls_url(), &pki).set("redis.tls.server_name", "example.com"), &["not for example.com"]);
}

#[test]
fn a_certificate_that_expired() {
    let pki = Pki::new();
    pki.issue_expired("server", &["127.0.0.1"]);
    let Some(redis) = server(&pki, false) else { return };
    fails(&with_ca(&redis.tls_url(), &pki), &["its certificate expired", "ago", "clock"]);
}

#[test]
fn files_that_are_missing_or_something_else() {
    let pki = Pki::new();
    let url = Redis::nowhere().replace("redis://", "rediss://");
    fails(&Ext::at(&url).set("redis.tls.ca", "/no/such/ca.pem"), &["redis.tls.ca /no/such/ca.pem", "No such file"]);
    let ext = Ext::at(&url);
    ext.write("text", "no certificate\n");
    fails(&ext.set("redis.tls.ca", "text"), &["redis.tls.ca", "holds no PEM certificate", "BEGIN CERTIFICATE"]);

    let (one, other) = (pki.issue("one", &["a"]), pki.issue("other", &["a"]));
    let mixed = Pair { cert: one.cert.clone(), key: other.key };
    fails(&with_client(with_ca(&url, &pki), &mixed), &["redis.tls.key", "it is not the key of redis.tls.cert"]);
    let swapped = Pair { cert: one.key.clone(), key: one.cert.clone() };
    fails(&with_client(with_ca(&url, &pki), &swapped), &["redis.tls.cert", "holds no PEM certificate"]);
    let no_key = Pair { cert: one.cert.clone(), key: one.cert.clone() };
    fails(&with_client(with_ca(&url, &pki), &no_key), &["redis.tls.key", "holds no PEM private key"]);
    let ext = with_client(with_ca(&url, &pki), &one);
    ext.write("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    fails(&ext.set("redis.tls.key", "locked"), &["the key is encrypted", "openssl pkey"]);
}

#[test]
fn a_server_that_wants_to_know_who_we_are() {
    let pki = Pki::new();
    let Some(redis) = server(&pki, true) else { return };
    fails(&with_ca(&redis.tls_url(), &pki), &["client certificate", "redis.tls.cert"]);
    works(&with_client(with_ca(&redis.tls_url(), &pki), &pki.issue("client", &["ralphext"])));
    let strangers = Pki::new();
    let stranger = strangers.issue("client", &["ralphext"]);
    fails(&with_client(with_ca(&redis.tls_url(), &pki), &stranger), &["does not accept the client certificate"]);
    let expired = pki.issue_expired("old", &["ralphext"]);
    fails(&with_client(with_ca(&redis.tls_url(), &pki), &expired), &["does not accept the client certificate"]);
}

#[test]
fn tls_on_a_plain_port_and_the_reverse() {
    let pki = Pki::new();
    let Some(redis) = server(&pki, false) else { return };
    let plain = redis.url().replace("redis://", "rediss://");
    fails(&with_ca(&plain, &pki), &["TLS", "redis://"]);
    let crossed = redis.tls_url().replace("rediss://", "redis://");
    fails(&Ext::at(&crossed), &["rediss://"]);
    fails(&Ext::at(&crossed).set("redis.password", "geheim"), &["rediss://"]);
}

#[test]
fn sentinels_have_certificates_of_their_own() {
    if !has_tls() {
        return;
    }
    let pki = Pki::new();
    pki.issue("server", &["127.0.0.1", "redis.example.com"]);
    let watched = Watched::start(&[], &[], Some(&pki));
    let with_ca = || Ext::watched(&watched).set("redis.tls.ca", shown(&pki.ca()));
    let master = watched.servers[0].tls_port().expect("it has TLS");
    works(&with_ca().set("redis.tls.server_name", "redis.example.com"));
    let ext = with_ca().set("redis.tls.server_name", "example.com");
    fails(&ext, &["not for example.com", &format!("127.0.0.1:{master} (master mymaster)")]);
    let other = Pki::new();
    let ext = Ext::watched(&watched).set("redis.tls.ca", shown(&other.ca()));
    fails(&ext, &["no sentinel names it", "not signed by an authority"]);
    // TLS to the servers and none to the sentinels, and the reverse, which ends at servers that are named by their TLS ports.
    works(&with_ca().set("redis.sentinel.nodes", watched.plain_nodes()));
    let secure: Vec<String> = watched.nodes().iter().map(|node| format!("rediss://{node}")).collect();
    let ext = with_ca().set("redis.url", "redis://mymaster/0").set("redis.sentinel.nodes", secure);
    fails(&ext, &[&format!("127.0.0.1:{master} (master mymaster)"), "rediss://"]);
}

#[test]
fn certificates_that_are_renewed_while_it_runs() {
    let pki = Pki::new();
    let Some(redis) = server(&pki, true) else { return };
    let old = pki.issue("client", &["ralphext"]);
    let ext = with_client(with_ca(&redis.tls_url(), &pki), &old).briskly();
    ext.write("ca.pem", &fs::read_to_string(pki.ca()).expect("a file"));
    let ext = ext.set("redis.tls.ca", "ca.pem");
    ext.source(&records(5, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", 5);

    // Another authority, for both sides: the server loads its part, the files of ours change under it.
    let next = Pki::new();
    let ours = next.issue("client", &["ralphext"]);
    let set = |name: &str, path: &Path| redis.cmd::<()>(&["CONFIG", "SET", name, &shown(path)]);
    redis.cmd::<()>(&[
        "CONFIG",
        "SET",
        "tls-ca-cert-file",
        &shown(&next.ca()),
        "tls-cert-file",
        &shown(&next.server().cert),
        "tls-key-file",
        &shown(&next.server().key),
    ]);
    set("tls-auth-clients", Path::new("yes"));
    redis.cmd::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    sidecar.wait_until_says("not signed by an authority");
    ext.write("ca.pem", &fs::read_to_string(next.ca()).expect("a file"));
    for (from, to) in [(&ours.cert, &old.cert), (&ours.key, &old.key)] {
        fs::copy(from, to).expect("copied");
    }
    ext.source(&records(6, 1));
    sidecar.wait_for_objects(&redis, "hwinfo", 6);
    sidecar.stop().expect(0);
}
