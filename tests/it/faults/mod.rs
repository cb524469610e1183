//! Faults by the dozen in `make test`, by the hundred in `make soak`: nothing lost, nothing stale, nothing written twice.
//! Figures of the last run are in `docs/reliability.md`.

/// Single faults at a chosen place.
mod edges;
/// A lagging replica becomes the primary (how we know 7).
mod failover;
/// Change events, as who follows them sees them (how issue E knows 6).
mod followers;
/// Torn, hostile and random values put into the keyspace by hand (how we know 5).
mod hostile;
/// The sidecar is killed (how we know 2).
mod kills;
/// Fifty connections push at once.
mod load;
/// What was answered to a push is not lost.
mod pushes;
/// Sentinels make another server the master (how we know 3, with real failovers).
mod sentinels;
/// Redis dies, freezes, is flushed, fails over or is cut off (how we know 3).
mod servers;
/// An hour of steady change (how we know 9).
mod steady;
/// Several writers, one of them paused (how we know 4).
mod writers;

use std::{sync::Arc, time::Duration};

use crate::harness::{Ext, Figures, Journal, Proxy, Redis, Running, Still, Vitals, Walk, Walker, Witness};

const SERVICE: &str = "hwinfo";
/// Between two steps of the reader: it shall look often, and leave the two cores to the others too.
const PAUSE: Duration = Duration::from_millis(2);

/// A service whose source changes all the time, with a proxy before its Redis, and everything that looks at it.
struct Stage {
    walker: Arc<Walker>,
    ext: Ext,
    proxy: Proxy,
    witness: Witness,
    journal: Journal,
    redis: Redis,
}

/// Passes, heartbeats and time limits as short as they may be, so that many faults fit into a minute.
fn brisk(ext: Ext) -> Ext {
    ext.user(SERVICE)
        .set("source.interval", "500ms")
        .set("writer.lease", "1s")
        .set("writer.heartbeat", "500ms")
        .set("redis.timeout", "700ms")
        .set("redis.connect_timeout", "700ms")
        .set("redis.batch_commands", 20)
        .set("verify.every", "5s")
        // A walk may take away half of the objects; the guard has tests of its own.
        .set("limits.max_shrink", "100%")
}

/// A stream over the source file: whole snapshots, and a sign of life between them. Files that replace each other take turns with two
/// inode numbers, so the time has to be exact.
const TELL: &str = r#"
before=
while :; do
  now=$(stat -c '%i %.9Y %s' objects.ndjson)
  if [ "$now" = "$before" ]; then
    echo '{"heartbeat":true}'
  else
    before=$now
    echo '{"begin":true}'; cat objects.ndjson; echo '{"end":true}'
  fi
  sleep 0.1
done"#;

/// A server that starts replicating at once.
fn server(lines: &[&str]) -> Redis {
    let mut all = vec!["repl-diskless-sync-delay 0", "repl-timeout 60"];
    all.extend(lines);
    let redis = Redis::with(&all);
    redis.grant(&[SERVICE, "--with", "keyspace-events"]);
    redis
}

impl Stage {
    /// `ids` objects, up to `burst` of them touched by each step of the source, a step every few ms.
    fn new(figures: &Figures, ids: u64, burst: u64) -> Self {
        let redis = server(&[]);
        let proxy = Proxy::to(&redis);
        let ext = brisk(Ext::at(&proxy.url()));
        let walk = Walk::new(figures.seed, ids, burst);
        let witness = Witness::start(&redis, SERVICE, walk.ids(), 50, PAUSE);
        let journal = Journal::new(SERVICE);
        journal.attach(&redis);
        let walker = Arc::new(Walker::start(walk, ext.path("objects.ndjson"), 2..40));
        Self { walker, ext, proxy, witness, journal, redis }
    }

    /// The same source told in another way: `file` as it is, an `exec`, or a `stream` that tells all of it after each change.
    fn told_by(mut self, kind: &str) -> Self {
        let script = match kind {
            "exec" => "cat objects.ndjson",
            "stream" => TELL,
            _ => return self,
        };
        self.ext = self.ext.script(kind, script);
        self
    }

    /// Waits until a pass that began after `since` has been confirmed, as the descriptor tells; returns when it began.
    #[track_caller]
    fn wait_for_pass_after(&self, sidecar: &mut Running, since: &str) -> String {
        wait_for_pass_after(&self.redis, sidecar, since)
    }

    /// Panics unless `redis` holds exactly what the source says, and nobody has seen anything wrong.
    #[track_caller]
    fn check(&self, figures: &Figures, still: &Still<'_>) {
        check(figures, still, &self.redis, &self.journal, &self.witness);
    }

    /// Takes what was counted into the figures, and tells them.
    fn end(self, mut figures: Figures) {
        figures.read = self.witness.counts().0;
        figures.written = self.journal.counts().0;
        figures.end();
    }
}

/// See [`Stage::wait_for_pass_after`].
#[track_caller]
fn wait_for_pass_after(redis: &Redis, sidecar: &mut Running, since: &str) -> String {
    let mut begun = String::new();
    sidecar.wait_until("a pass over the still source", || {
        begun = redis.descriptor(SERVICE)["as_of"].as_str().unwrap_or_default().to_owned();
        begun.as_str() > since
    });
    begun
}

/// See [`Stage::check`].
#[track_caller]
fn check(figures: &Figures, still: &Still<'_>, redis: &Redis, journal: &Journal, witness: &Witness) {
    let seed = figures.seed;
    let difference = still.walk.difference(redis, SERVICE);
    assert!(difference.is_none(), "RALPHEXT_SEED={seed}: {}", difference.unwrap_or_default());
    journal.catch_up(redis);
    witness.catch_up();
    for (who, violations) in [("the server", journal.violations()), ("a reader", witness.violations())] {
        assert!(violations.is_empty(), "RALPHEXT_SEED={seed}: seen by {who}: {violations:#?}");
    }
}

/// Looks at the sidecar's memory and descriptors, and that it never panicked.
#[track_caller]
fn look_at(figures: &mut Figures, sidecar: &Running) {
    figures.vitals.push(Vitals::of(sidecar.pid()));
    let log = sidecar.stderr();
    assert!(!log.contains("panicked"), "RALPHEXT_SEED={}: {log}", figures.seed);
}

/// Panics if memory or descriptors grew from the first look (warm) to the last.
#[track_caller]
fn check_flat(figures: &Figures) {
    let (Some(first), Some(last)) = (figures.vitals.first(), figures.vitals.last()) else { return };
    // What the allocator and the threads that come and go keep; a leak of a KiB a round is more.
    let most = first.rss_kib + first.rss_kib / 5 + 6 * 1024;
    assert!(last.rss_kib <= most, "memory grew from {} KiB to {} KiB", first.rss_kib, last.rss_kib);
    assert!(last.fds <= first.fds + 8, "descriptors grew from {} to {}", first.fds, last.fds);
}
