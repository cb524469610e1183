//! Bounded, whatever comes: memory with a stalled Redis, endless lines, deep nesting; log lines of a source that prints a
//! million bad records, of a chatty command, of a Redis that comes and goes.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::harness::{
    Cut, Ext, Figures, Peak, Proxy, Redis, Running, Vitals, eventually, is_soak, ndjson, record, records,
};

/// What may be in memory beside the ledger: 4 MiB in flight, a few blocks, buffers of sockets and pipes, the allocator's.
const ROOM_KIB: u64 = 40 * 1024;

/// A number of the short form, or of the long one (`make soak`).
fn sized(short: u64, long: u64) -> u64 {
    if is_soak() { long } else { short }
}

/// Prints `count` records of two kilobytes.
fn print_many(count: u64) -> String {
    format!(
        "awk 'BEGIN {{ for (i = 0; i < 2000; i++) s = s \"x\"; \
         for (i = 1; i <= {count}; i++) printf \"{{\\\"id\\\":%d,\\\"content\\\":{{\\\"a\\\":\\\"%s\\\"}}}}\\n\", i, s; }}'"
    )
}

fn levels(log: &str) -> usize {
    log.lines().filter(|line| line.starts_with('{') && !line.contains("\"pass finished\"")).count()
}

/// A server that stalls: it is frozen, or nothing comes through to it any more.
#[derive(Debug)]
enum Stall {
    Frozen,
    FullSocket,
}

#[test]
fn a_stalled_redis_slows_the_source_down_and_memory_stays_bounded() {
    let count = sized(60_000, 200_000);
    let mut figures = Figures::begin("memory with a stalled Redis", 1, 1);
    for stall in [Stall::Frozen, Stall::FullSocket] {
        let redis = Redis::start();
        let proxy = Proxy::to(&redis);
        let ext = Ext::new(&redis).set("redis.url", format!("redis://127.0.0.1:{}/0", proxy.port()));
        let ext = ext.set("redis.timeout", "120s").set("source.interval", "10m").set("source.timeout", "10m");
        let ext = ext.set("writer.lease", "10m").script("exec", &print_many(count));
        let mut sidecar = ext.run();
        sidecar.wait_until("it is under way", || redis.cmd::<u64>(&["DBSIZE"]) > count / 20);
        match stall {
            Stall::Frozen => redis.pause(),
            Stall::FullSocket => proxy.stall(),
        }
        figures.fault(&format!("{stall:?}"));
        let before = Vitals::of(sidecar.pid()).rss_kib;
        let peak = Peak::of(&sidecar);
        std::thread::sleep(Duration::from_secs(sized(3, 10)));
        match stall {
            Stall::Frozen => redis.resume(),
            Stall::FullSocket => proxy.heal(),
        }
        let now = Vitals::of(sidecar.pid());
        figures.vitals = vec![Vitals { rss_kib: before, ..now }, Vitals { rss_kib: peak.kib(), ..now }];
        // The ledger grows for what was taken meanwhile; two kilobytes each would be a hundred times as much.
        let bound = before + ROOM_KIB;
        assert!(peak.kib() < bound, "{stall:?}: {} KiB, not less than {bound} KiB", peak.kib());
        sidecar.wait_until("all is there", || redis.cmd::<u64>(&["DBSIZE"]) > count);
        sidecar.wait_until("the pass is over", || redis.descriptor("hwinfo")["status"] == "ok");
        let bound = before + ROOM_KIB + count * 200 / 1024;
        assert!(peak.kib() < bound, "{stall:?}: {} KiB, not less than {bound} KiB", peak.kib());
        sidecar.stop().expect(0);
    }
    figures.end();
}

#[test]
fn a_line_without_an_end_is_not_held() {
    let size = sized(200 << 20, 1 << 30);
    let mut figures = Figures::begin("a line without an end", 1, 1);
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_failed", "100%").set("source.timeout", "10m").script(
        "exec",
        &format!("cat good.ndjson\nhead -c {size} /dev/zero | tr '\\0' x\necho\necho '{{\"id\":2,\"content\":2}}'"),
    );
    ext.write("good.ndjson", &ndjson(&[record(1, 1)]));
    let once = Running::spawn(&mut ext.command(&["--output", "json", "once"]), None);
    let peak = Peak::of(&once);
    let outcome = once.finish(Duration::from_secs(300)).expect(0);
    outcome.counts(&[("written", 2), ("failed", 1)]);
    assert!(peak.kib() < ROOM_KIB, "{} KiB", peak.kib());
    figures.notes.push(format!("a line of {} MiB: {} MiB of memory at most", size >> 20, peak.kib() / 1024));
    drop(peak);

    // A stream whose command goes on for ever, and never ends its line.
    let ext = Ext::brisk(&redis)
        .script("stream", "cat good.ndjson\nwhile :; do head -c 1000000 /dev/zero | tr '\\0' x; done");
    ext.write("good.ndjson", &ndjson(&[record(7, 1)]));
    let mut sidecar = ext.run();
    sidecar.wait_until("what came before is there", || redis.get("ralphext:v1:hwinfo:7").is_some());
    let peak = Peak::of(&sidecar);
    std::thread::sleep(Duration::from_secs(sized(3, 30)));
    assert!(peak.kib() < ROOM_KIB, "{} KiB", peak.kib());
    sidecar.stop().expect(0);
    figures.notes.push(format!("a stream's: {} MiB", peak.kib() / 1024));
    figures.end();
}

#[test]
fn nesting_as_deep_as_it_gets_is_refused() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_content", "32MiB").set("limits.max_failed", "100%");
    let object = |n: usize| "{\"a\":".repeat(n) + "1" + &"}".repeat(n);
    for text in [
        format!("{{\"id\":1,\"content\":{}}}\n{}", deep(100_000), ndjson(&[record(2, 1)])),
        format!("{{\"id\":1,\"content\":{}}}\n{}", object(1_000_000), ndjson(&[record(2, 1)])),
        format!("[{{\"id\":1,\"content\":{}}},{}]", deep(100_000), record(2, 1)),
        format!("[{},{}]", deep(100_000), record(2, 1)),
        format!("{}\n{}", object(100_000), ndjson(&[record(2, 1)])),
        format!("{{\"id\":{},\"content\":1}}\n{}", deep(100_000), ndjson(&[record(2, 1)])),
    ] {
        ext.write("objects.ndjson", &text);
        let outcome = ext.once().expect(0);
        outcome.counts(&[("failed", 1), ("removed", 0)]);
        assert_eq!(redis.objects("hwinfo").len(), 1, "{outcome}");
        assert!(outcome.stderr.len() < 10_000, "{} bytes of log", outcome.stderr.len());
    }
    // One that never closes is one that was cut off.
    ext.write("objects.ndjson", &"[".repeat(100_000));
    ext.once().expect(3);
    // Binary as it may be.
    ext.write("objects.ndjson", &"\u{0}\u{1}\u{7f}".repeat(100_000));
    ext.once().expect(0).counts(&[("removed", 0)]);
}

#[test]
fn ever_so_many_bad_records_are_a_hundred_lines() {
    let count = sized(50_000, 1_000_000);
    let mut figures = Figures::begin("bad records in each of six passes", 1, 1);
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).set("source.timeout", "10m").script(
        "exec",
        &format!("cat good.ndjson\nawk 'BEGIN {{ for (i = 0; i < {count}; i++) print \"nonsense \" i }}'"),
    );
    ext.write("good.ndjson", &ndjson(&[record(1, 1)]));
    let mut sidecar = ext.run();
    let began = Instant::now();
    sidecar.wait_for_objects(&redis, "hwinfo", 1);
    let mut last = redis.descriptor("hwinfo")["last_pass"]["started_at"].clone();
    for _ in 0..5 {
        sidecar.wait_until("another pass", || redis.descriptor("hwinfo")["last_pass"]["started_at"] != last);
        last = redis.descriptor("hwinfo")["last_pass"]["started_at"].clone();
    }
    let rss = Vitals::of(sidecar.pid()).rss_kib;
    assert!(rss < ROOM_KIB, "{rss} KiB");
    let log = sidecar.stop().expect(0).stderr;
    // A hundred at once, then ten a minute.
    let most = 120 + began.elapsed().as_secs() as usize / 6;
    let lines = levels(&log);
    assert!((100..most).contains(&lines), "{lines} lines of log");
    assert_eq!(log.matches("more objects were refused").count(), 1, "the number is told once");
    figures.notes.push(format!("{count} a pass: {lines} lines of log, {} MiB of memory", rss / 1024));
    figures.end();
}

#[test]
fn a_chatty_command_has_a_budget_of_lines_over_all_its_runs() {
    let redis = Redis::start();
    let ext = Ext::brisk(&redis).script(
        "exec",
        "cat good.ndjson\nawk 'BEGIN { for (i = 0; i < 20000; i++) print \"warning: number \" i > \"/dev/stderr\" }'",
    );
    ext.write("good.ndjson", &ndjson(&[record(1, 1)]));
    let began = Instant::now();
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 6);
    let log = sidecar.stop().expect(0).stderr;
    let lines = log.matches("warning: number").count();
    let most = 200 + 2 * (began.elapsed().as_secs() as usize + 1);
    assert!((100..=most).contains(&lines), "{lines} lines of log, not at most {most}");
    let told = log.matches("left out lines of standard error").count();
    assert!((1..=2).contains(&told), "told {told} times");
}

#[test]
fn a_redis_that_comes_and_goes_is_told_as_such() {
    let redis = Redis::start();
    let proxy = Proxy::to(&redis);
    let ext = Ext::brisk(&redis).set("redis.url", format!("redis://127.0.0.1:{}/0", proxy.port()));
    let ext = ext.set("source.interval", "100ms");
    ext.source(&records(20, 1));
    let mut sidecar = ext.run();
    sidecar.wait_for_passes(&redis, "hwinfo", 1);
    let from = sidecar.stderr().len();
    for _ in 0..sized(8, 60) {
        let before = redis.descriptor("hwinfo")["heartbeat_at"].clone();
        proxy.cut(Cut::Reset);
        sidecar.wait_until("it is back", || redis.descriptor("hwinfo")["heartbeat_at"] != before);
    }
    let log = sidecar.stderr()[from..].to_owned();
    assert!(levels(&log) < 20, "{} lines:\n{log}", levels(&log));
    assert_eq!(log.matches("Redis fails now and then").count(), 1, "{log}");
    eventually("all is there still", || redis.count("hwinfo") == 20);
    sidecar.stop().expect(0);
}

#[test]
fn very_many_objects_that_vanish_at_once_and_very_many_files_take_no_more_memory_than_their_ledger() {
    let count = sized(30_000, 200_000);
    let mut figures = Figures::begin("very many objects that vanish, very many files", 1, 1);
    let redis = Redis::start();
    let ext = Ext::new(&redis).set("limits.max_shrink", "100%").set("source.timeout", "10m");
    let mut ext = ext.script("exec", &print_many(count));
    ext.once().expect(0).counts(&[("written", count)]);
    ext.rescript(&print_many(1));
    let once = Running::spawn(&mut ext.command(&["--output", "json", "once"]), None);
    let peak = Peak::of(&once);
    once.finish(Duration::from_secs(300)).expect(0).counts(&[("removed", count - 1)]);
    let bound = ROOM_KIB + count * 200 / 1024;
    assert!(peak.kib() < bound, "{} KiB, not less than {bound} KiB", peak.kib());
    figures.notes.push(format!("{} vanished: {} MiB at most", count - 1, peak.kib() / 1024));
    drop(peak);

    let redis = Redis::start();
    let ext = Ext::new(&redis);
    let ext = ext.set("source.path", "many");
    fs::create_dir(ext.path("many")).expect("a directory");
    for id in 0..count {
        fs::write(ext.path("many").join(format!("{id}.json")), format!("{{\"a\":{id}}}")).expect("a file");
    }
    let once = Running::spawn(&mut ext.command(&["--output", "json", "once"]), None);
    let peak = Peak::of(&once);
    once.finish(Duration::from_secs(300)).expect(0).counts(&[("written", count)]);
    let bound = ROOM_KIB + count * 400 / 1024;
    assert!(peak.kib() < bound, "{} KiB, not less than {bound} KiB", peak.kib());
    figures.notes.push(format!("{count} files: {} MiB at most", peak.kib() / 1024));
    figures.end();
}
