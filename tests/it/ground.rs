//! That the harness sees what it claims to see: a check that cannot fail proves nothing.

/// The proxy: passes on, cuts, holds back.
mod proxies;
/// The witness and the journal: they see what is wrong.
mod witnesses;

use std::{panic::catch_unwind, time::Duration};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::{Envelope, Redis, Watch};

fn sealed(content: &str, hash_of: &str) -> String {
    sealed_as(content, hash_of, 1_795_476_802_123, 1_795_476_802_000)
}

fn sealed_as(content: &str, hash_of: &str, version: u64, epoch: u64) -> String {
    let hash: String = Sha256::digest(hash_of).iter().map(|b| format!("{b:02x}")).collect();
    format!(
        r#"{{"schema":"envelope.v1","version":{version},"epoch":{epoch},"changed_at":"2026-11-23T23:33:22.123Z","hash":"{hash}","service":"hwinfo","object_id":"4711","content_type":"application/json","encoding":"json","content":{content}}}"#
    )
}

#[test]
fn an_envelope_is_accepted_only_with_its_own_hash_and_form() {
    let hashed = r#"{"content":{"a":1},"content_type":"application/json","encoding":"json"}"#;
    let check = |raw: String, ignore: &'static [&'static str]| {
        catch_unwind(move || Envelope::check("hwinfo", "4711", raw, ignore)).is_ok()
    };
    assert!(check(sealed(r#"{"a":1}"#, hashed), &[]));
    assert!(check(sealed(r#"{"a":1,"at":7}"#, hashed), &["/at"]));
    assert!(!check(sealed(r#"{"a":1,"at":7}"#, hashed), &[]), "a wrong hash");
    assert!(!check(sealed(r#"{"a": 1}"#, hashed), &[]), "content that is not canonical");
    assert!(!check(sealed(r#"{"a":1}"#, hashed).replace("4711", "4712"), &[]), "another object's value");
    assert!(!check(sealed(r#"{"a":1}"#, hashed).replace("envelope.v1", "envelope.v2"), &[]), "another schema");
}

#[test]
fn a_watch_sees_writes_to_objects_and_only_those() {
    let redis = Redis::start();
    let watch = Watch::start(&redis);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:@lease", "x"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo", "x"]);
    redis.cmd::<()>(&["SET", "ralphext:v1:other:1", "x"]);
    watch.assert_untouched(&redis, "hwinfo");
    redis.cmd::<()>(&["SET", "ralphext:v1:hwinfo:1", "x", "PX", "50"]);
    assert_eq!(watch.on_objects(&redis, "hwinfo", &["set"]).len(), 1);
    crate::harness::eventually("the expiry is seen", || watch.on_objects(&redis, "hwinfo", &["expired"]).len() == 1);
}

#[test]
fn a_server_can_be_paused_killed_and_started_again() {
    let mut redis = Redis::start();
    redis.cmd::<()>(&["SET", "a", "1"]);
    let mut connection = redis.connect().expect("a connection");
    connection.set_read_timeout(Some(Duration::from_millis(200))).expect("a time-out");
    redis.pause();
    assert!(redis::cmd("PING").query::<String>(&mut connection).is_err());
    redis.resume();
    assert_eq!(redis.get("a").as_deref(), Some("1"));
    redis.kill();
    assert!(redis.connect().is_err());
    redis.restart();
    assert_eq!(redis.get("a"), None);
}

#[test]
fn servers_take_passwords_and_masters() {
    let redis = Redis::with_password("geheim");
    redis.cmd::<()>(&["SET", "a", "1"]);
    let stranger = redis::Client::open(redis.url()).expect("a URL").get_connection();
    let refused = stranger.and_then(|mut c| redis::cmd("GET").arg("a").query::<String>(&mut c));
    assert!(refused.expect_err("no password was given").to_string().contains("NOAUTH"));

    let master = Redis::start();
    let replica = Redis::replica_of(&master);
    let refused = replica.try_cmd::<()>(&["SET", "a", "1"]).expect_err("it is read-only");
    assert_eq!(refused.code(), Some("READONLY"));
    assert_eq!(json!(replica.calls())["set"].as_u64(), None);
}
