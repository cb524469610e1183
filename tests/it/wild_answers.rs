//! A source that suddenly answers with nothing, half, one id twice, garbage, ten times as much, or an empty list (how we
//! know 6): nothing is wrongly deleted, nothing wrongly shown; each is told in one log line, and counted in one metric.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::harness::{Ext, Outcome, Redis, Running, always, eventually, ndjson, record, records};

const COUNT: u64 = 60;

/// What the source says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    /// All, as it should be.
    All,
    /// Nothing at all.
    Nothing,
    /// A complete snapshot of half of them.
    Half,
    /// One id twice, with different content.
    Twice,
    /// A garbled line in the place of a known object.
    Garbled,
    /// Ten times as many.
    Tenfold,
    /// A valid list without objects.
    Empty,
}

use Answer::{All, Empty, Garbled, Half, Nothing, Tenfold, Twice};

impl Answer {
    /// Its records; `empty` is how the source says that there are none.
    fn text(self, empty: &str) -> String {
        let all = records(COUNT, 1);
        match self {
            All => ndjson(&all),
            Nothing => String::new(),
            Half => ndjson(&all[..COUNT as usize / 2]),
            Twice => ndjson(&all) + &ndjson(&[record(5, 9)]),
            Garbled => ndjson(&all).replacen(&ndjson(&[record(5, 1)]), "{\"id\":5,\"content\":{\"hostname\":\n", 1),
            Tenfold => ndjson(&records(COUNT * 10, 1)),
            Empty => empty.to_owned(),
        }
    }

    /// What its one line begins with.
    fn line(self) -> &'static str {
        match self {
            All => "",
            Nothing => "the source failed",
            Half | Empty => "vanished objects were kept",
            Twice | Garbled => "object refused: 5",
            Tenfold => "far more objects than usual",
        }
    }

    /// The metric that counts it, but for the label `service`.
    fn metric(self) -> (&'static str, &'static [(&'static str, &'static str)]) {
        match self {
            All => ("ralphext_passes_total", &[("outcome", "complete")]),
            Nothing => ("ralphext_source_failures_total", &[("kind", "nothing")]),
            Half => ("ralphext_shrink_refusals_total", &[("left", "some")]),
            Empty => ("ralphext_shrink_refusals_total", &[("left", "none")]),
            Twice => ("ralphext_object_faults_total", &[("kind", "duplicate")]),
            Garbled => ("ralphext_object_faults_total", &[("kind", "not_json")]),
            Tenfold => ("ralphext_sudden_growths_total", &[]),
        }
    }
}

/// A kind of source, and how it is made to answer.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Exec,
    File,
    Stream,
}

impl Kind {
    fn ext(self, redis: &Redis) -> Ext {
        let ext = Ext::brisk(redis).set("source.interval", "200ms").set("source.breaker_failures", 1000);
        let ext =
            ext.set("limits.max_failed", "5%").set("source.backoff_min", "100ms").set("source.backoff_max", "200ms");
        match self {
            Self::Exec => ext.script("exec", "cat objects.ndjson"),
            Self::File => ext,
            // A whole snapshot again and again.
            Self::Stream => ext.script(
                "stream",
                "while :; do echo '{\"begin\":true}'; cat objects.ndjson; echo '{\"end\":true}'; sleep 0.2; done",
            ),
        }
    }

    fn empty(self) -> &'static str {
        match self {
            Self::Exec => "{\"end\":true}\n",
            Self::File => "[]",
            Self::Stream => "",
        }
    }

    fn say(self, ext: &Ext, answer: Answer) {
        ext.write("objects.ndjson", &answer.text(self.empty()));
    }
}

/// The log's warnings and errors from byte `from` on, by what they begin with.
fn told(log: &str, from: usize) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for line in log[from..].lines().filter(|line| line.starts_with('{')) {
        let json: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if json["level"] == "WARN" || json["level"] == "ERROR" {
            *told.entry(json["message"].as_str().expect("a message").to_owned()).or_default() += 1;
        }
    }
    told
}

#[track_caller]
fn exactly_one(told: &BTreeMap<String, usize>, answer: Answer, what: &str) {
    assert_eq!(told.values().sum::<usize>(), 1, "{what}, {answer:?} is told in one line: {told:#?}");
    assert!(told.keys().all(|message| message.starts_with(answer.line())), "{what}, {answer:?}: {told:#?}");
}

/// Panics unless all `COUNT` objects are shown, each with the content that the source always had.
#[track_caller]
fn all_are_right(redis: &Redis, what: &str) {
    let objects = redis.objects("hwinfo");
    for id in 1..=COUNT {
        let object = objects.get(&id.to_string()).unwrap_or_else(|| panic!("{what}: {id} was deleted"));
        assert_eq!(*object.content(), record(id, 1)["content"], "{what}: {id}");
    }
}

fn started(redis: &Redis) -> Value {
    redis.descriptor("hwinfo")["last_pass"]["started_at"].clone()
}

/// Waits for `count` passes that began from now on.
#[track_caller]
fn wait_for_passes(sidecar: &mut Running, redis: &Redis, count: usize) {
    // The first may have begun before.
    for _ in 0..=count {
        let before = started(redis);
        sidecar.wait_until("another pass", || started(redis) != before);
    }
}

/// Each answer in a sidecar of its own, since what comes again within a minute is told as such.
fn live_through(kind: Kind, answers: &[Answer]) {
    for answer in answers {
        hear(kind, *answer);
    }
}

fn hear(kind: Kind, answer: Answer) {
    let what = format!("{kind:?}, `run`");
    let redis = Redis::start();
    let ext = kind.ext(&redis);
    kind.say(&ext, All);
    let mut sidecar = ext.run();
    sidecar.wait_for_objects(&redis, "hwinfo", COUNT as usize);
    wait_for_passes(&mut sidecar, &redis, 1);
    let (metric, labels) = answer.metric();
    let before = sidecar.scrape().of("hwinfo", metric, labels).unwrap_or(0.0);
    let from = sidecar.stderr().len();
    kind.say(&ext, answer);
    sidecar.wait_until_says_from(from, answer.line());
    wait_for_passes(&mut sidecar, &redis, 5);
    all_are_right(&redis, &what);
    exactly_one(&told(&sidecar.stderr(), from), answer, &what);
    let more = sidecar.scrape().of("hwinfo", metric, labels).unwrap_or(0.0) - before;
    assert!(more >= 1.0, "{what}: {metric} counts {answer:?}");
    assert!(answer != Tenfold || more == 1.0, "{what}: {metric} counts each growth once: {more}");

    let from = sidecar.stderr().len();
    kind.say(&ext, All);
    if answer == Tenfold {
        // The way back is a shrink: kept, told once, approved.
        sidecar.wait_until_says_from(from, "vanished objects were kept");
        wait_for_passes(&mut sidecar, &redis, 3);
        exactly_one(&told(&sidecar.stderr(), from), Half, &what);
        assert_eq!(redis.count("hwinfo") as u64, COUNT * 10, "{what}");
        ext.verb(&["approve-shrink", "hwinfo", "--yes"]).expect(0);
    }
    sidecar.wait_for_objects(&redis, "hwinfo", COUNT as usize);
    sidecar.wait_until("all is well again", || redis.descriptor("hwinfo")["status"] == "ok");
    wait_for_passes(&mut sidecar, &redis, 1);
    all_are_right(&redis, &what);
    let log = sidecar.stop().expect(0).stderr;
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn know6_wild_answers_of_a_command_are_told_once_and_harm_nothing() {
    live_through(Kind::Exec, &[Nothing, Half, Twice, Garbled, Empty, Tenfold]);
}

#[test]
fn know6_wild_answers_of_a_file_are_told_once_and_harm_nothing() {
    live_through(Kind::File, &[Nothing, Half, Twice, Garbled, Empty, Tenfold]);
}

#[test]
fn know6_wild_answers_of_a_stream_are_told_once_and_harm_nothing() {
    live_through(Kind::Stream, &[Half, Twice, Garbled, Empty, Tenfold]);
}

#[test]
fn know6_wild_answers_between_runs_of_once_are_told_once_and_harm_nothing() {
    for kind in [Kind::Exec, Kind::File] {
        let redis = Redis::start();
        let ext = kind.ext(&redis);
        let once = |answer: Answer| -> Outcome {
            kind.say(&ext, answer);
            ext.once()
        };
        once(All).expect(0).counts(&[("written", COUNT)]);
        for (answer, code) in [(Nothing, 3), (Half, 3), (Twice, 0), (Garbled, 0), (Empty, 3), (Tenfold, 0)] {
            let what = format!("{kind:?}, `once`");
            let outcome = once(answer).expect(code);
            outcome.counts(&[("removed", 0)]);
            exactly_one(&told(&outcome.stderr, 0), answer, &what);
            all_are_right(&redis, &what);
            if answer == Tenfold {
                once(All).expect(3).counts(&[("removed", 0), ("kept", COUNT * 9)]);
                ext.verb(&["approve-shrink", "hwinfo", "--yes"]).expect(0);
            }
            let removed = if answer == Tenfold { COUNT * 9 } else { 0 };
            once(All).expect(0).counts(&[("written", 0), ("removed", removed)]);
        }
    }
}

#[test]
fn know6_an_empty_list_for_as_long_as_an_hour_is_never_believed() {
    for kind in [Kind::Exec, Kind::File, Kind::Stream] {
        let redis = Redis::start();
        // An hour, in a second.
        let ext = kind.ext(&redis).set("limits.shrink_confirm", "1s").set("limits.max_shrink", "100%");
        kind.say(&ext, All);
        let mut sidecar = ext.run();
        sidecar.wait_for_objects(&redis, "hwinfo", COUNT as usize);
        let from = sidecar.stderr().len();
        kind.say(&ext, Empty);
        sidecar.wait_until_says_from(from, Empty.line());
        eventually("the descriptor says so", || redis.descriptor("hwinfo")["status"] == "failing");
        always(&format!("{kind:?}: all are kept, and that is told"), Duration::from_secs(4), || {
            redis.count("hwinfo") as u64 == COUNT && redis.descriptor("hwinfo")["status"] == "failing"
        });
        exactly_one(&told(&sidecar.stderr(), from), Empty, &format!("{kind:?}"));
        kind.say(&ext, All);
        eventually("it is well again", || redis.descriptor("hwinfo")["status"] == "ok");
        all_are_right(&redis, &format!("{kind:?}"));
        sidecar.stop().expect(0);
    }
}
