//! What every test stands on: real servers, the built binary, and an independent eye on the contract. It must not
//! use the product's own library: what the tests know about Redis, they know from the contract.

mod contract;
mod database;
mod etcd;
mod ext;
mod figures;
mod http;
mod journal;
mod monitor;
mod pki;
mod process;
mod proxy;
mod pusher;
mod ralph;
mod redis;
mod sentinel;
mod users;
mod walk;
mod watch;
mod web;
mod witness;
pub mod xss;
pub mod yaml;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use self::{
    contract::{Envelope, Schema, repository},
    database::{Database, Engine},
    etcd::Etcd,
    ext::{Ext, binary},
    figures::{Figures, Peak, Vitals, is_soak, minutes, percentile},
    http::{Answer, Scrape, get, talk},
    journal::Journal,
    monitor::Monitor,
    pki::{Pair, Pki},
    process::{Outcome, Running, signal},
    proxy::{Act, Cut, Proxy, Way},
    pusher::{Answered, Line, Pusher},
    ralph::{Ralph, TOKEN as RALPH_TOKEN},
    redis::{Login, Redis, WithTls, free_port, has_tls},
    sentinel::Watched,
    users::{PASSWORD, acl, user_of},
    walk::{Still, Walk, Walker, now},
    watch::Watch,
    web::{Asked, Body, Reply, Web},
    witness::Witness,
};

/// How long anything may take before a test gives up: generous, since it is no statement about speed.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Polls `reached` until it is true, or panics with `what` after [`DEADLINE`].
#[track_caller]
pub fn eventually(what: &str, mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Checks that `holds` stays true for `time`, looking every 50 ms.
#[track_caller]
pub fn always(what: &str, time: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < time {
        assert!(holds(), "no longer true after {:?}: {what}", start.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One record as an extension would print it: a host's facts of revision `rev`.
pub fn record(id: u64, rev: u64) -> Value {
    json!({"id": id, "content": {
        "hostname": format!("host-{id:05}.dc1.example.net"),
        "cpu": {"model": "Xeon E5-2690", "cores": 8 + id % 3 * 8, "load": 0.25},
        "memory_mb": 65_536,
        "disks": [{"slot": 0, "size_gb": 480, "wear": 1.5}, {"slot": 1, "size_gb": 480, "wear": null}],
        "note": "zażółć \"gęślą\" jaźń",
        "revision": rev,
    }})
}

/// Records `1..=count`, all of revision `rev`.
pub fn records(count: u64, rev: u64) -> Vec<Value> {
    (1..=count).map(|id| record(id, rev)).collect()
}

/// The records as NDJSON.
pub fn ndjson(records: &[Value]) -> String {
    records.iter().map(|r| format!("{r}\n")).collect()
}
