//! Thousands of torn, hostile and random values put into the keyspace by hand (how we know 5): never a panic, never a hang;
//! what is the service's own is right again within a cycle, what is not is removed, left alone or told.

mod plants;

use std::collections::{BTreeMap, BTreeSet};

use redis::Connection;
use serde_json::Value;

use self::plants::{Soil, plant};
use crate::harness::{Envelope, Ext, Figures, Redis, Running, Schema, eventually, ndjson, records};

/// The service's objects.
const COUNT: u64 = 60;
/// Plants in one round.
const HANDFUL: u64 = 50;

/// A service with its values as they should be, and another one beside it.
struct Garden {
    redis: Redis,
    ext: Ext,
    connection: Connection,
    soil: Soil,
    others: BTreeMap<String, String>,
}

impl Garden {
    fn new() -> Self {
        let redis = Redis::start();
        let other = Ext::at(&redis.url()).set("service", "other");
        other.once_with(&records(3, 7)).expect(0);
        let others = redis.raw_objects("other");
        let ext = Ext::brisk(&redis)
            .set("writer.lease", "1s")
            .set("verify.every", "1s")
            .set("verify.whole_every", "1s")
            .set("content.ttl", "1h");
        ext.source(&records(COUNT, 1));
        let connection = redis.connect().expect("a connection");
        let soil = Soil { own: Vec::new(), others: others.values().map(|raw| raw.clone().into_bytes()).collect() };
        Self { redis, ext, connection, soil, others }
    }

    /// The values as they stand there now are the sound ones.
    fn learn(&mut self) {
        let values = |id: u64| self.redis.object("hwinfo", &id.to_string()).raw.into_bytes();
        self.soil.own = (1..=COUNT).map(values).collect();
    }

    /// Plants a handful; returns the objects that were touched.
    fn sow(&mut self, figures: &mut Figures) -> BTreeSet<u64> {
        let mut touched = BTreeSet::new();
        for _ in 0..HANDFUL {
            let plant = plant(&mut figures.rng, &self.soil);
            figures.fault(&plant.kind);
            touched.extend(plant.object);
            for command in plant.commands {
                // A command may meet another type that was planted just before: then that stands there.
                let _ = command.query::<redis::Value>(&mut self.connection);
            }
        }
        touched
    }

    /// What is not as it should be.
    fn wrong(&mut self) -> Option<String> {
        for id in 1..=COUNT {
            let key = format!("ralphext:v1:hwinfo:{id}");
            let value: Result<Option<Vec<u8>>, _> = redis::cmd("GET").arg(&key).query(&mut self.connection);
            let Ok(Some(value)) = value else { return Some(format!("{key} holds no string")) };
            let Ok(json) = serde_json::from_slice::<Value>(&value) else { return Some(format!("{key} is no JSON")) };
            let right = &records(COUNT, 1)[id as usize - 1]["content"];
            if json["content"] != *right
                || json["object_id"].as_str() != Some(&key["ralphext:v1:hwinfo:".len()..])
                || json["service"] != "hwinfo"
            {
                return Some(format!("{key} holds {json:.300}"));
            }
            // A flipped byte may be in the name of a field.
            let named = |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
            let before = self.soil.own.get(id as usize - 1).and_then(|raw| serde_json::from_slice::<Value>(raw).ok());
            let fixed = ["schema", "hash", "content_type", "encoding"];
            if before.is_some_and(|before| {
                named(&before) != named(&json) || fixed.iter().any(|field| before[*field] != json[*field])
            }) {
                return Some(format!("{key} holds {json:.300}"));
            }
            for field in ["version", "epoch"] {
                if json[field].as_u64().is_none_or(|number| number >= 1 << 53) {
                    return Some(format!("{key} has the {field} {}", json[field]));
                }
            }
            let left: i64 = redis::cmd("PTTL").arg(&key).query(&mut self.connection).expect("PTTL");
            if !(1..=3_600_000).contains(&left) {
                return Some(format!("{key} has a TTL of {left} ms"));
            }
        }
        None
    }

    /// Checks all that the contract says, now that all is as it should be.
    #[track_caller]
    fn check(&mut self, seed: u64, touched: &BTreeSet<u64>) {
        for id in 1..=COUNT {
            let raw = self.redis.get(&format!("ralphext:v1:hwinfo:{id}")).expect("looked at before");
            let before = &self.soil.own[id as usize - 1];
            if !touched.contains(&id) {
                assert_eq!(raw.as_bytes(), before, "RALPHEXT_SEED={seed}: {id} was touched by nobody");
            }
            let now = Envelope::check("hwinfo", &id.to_string(), raw, &[]).version();
            let then = serde_json::from_slice::<Value>(before).expect("an envelope")["version"].as_u64();
            // A sound value with the right content that somebody put there is believed by a new process, and after a loss.
            let may_be_old = touched.contains(&id);
            assert!(may_be_old || Some(now) >= then, "RALPHEXT_SEED={seed}: {id} went back from {then:?} to {now}");
        }
        for (id, raw) in &self.others {
            let now = self.redis.get(&format!("ralphext:v1:other:{id}"));
            assert_eq!(now.as_ref(), Some(raw), "RALPHEXT_SEED={seed}: another service was touched");
        }
        let descriptor = self.redis.descriptor("hwinfo");
        Schema::load("service.v1").check("the descriptor", &descriptor);
        assert_eq!(descriptor["status"], "ok", "RALPHEXT_SEED={seed}: {descriptor:#}");
        let fence: u64 = self.redis.get("ralphext:v1:hwinfo:@fence").expect("a fence").parse().expect("an epoch");
        assert!(fence < 1 << 53, "RALPHEXT_SEED={seed}: {fence}");
        self.learn();
    }

    /// What the looking commands say: whatever it is, with a code of theirs, and a hint when it is an error.
    #[track_caller]
    fn look(&self, figures: &mut Figures, words: &[&str]) {
        let outcome = self.ext.verb(words);
        let seed = figures.seed;
        assert!(!outcome.all().contains("panicked"), "RALPHEXT_SEED={seed}: {words:?}: {outcome}");
        assert!((0..=5).contains(&outcome.code), "RALPHEXT_SEED={seed}: {words:?}: {outcome}");
        let is_error = outcome.stderr.lines().any(|line| line.starts_with("error: "));
        assert!(!is_error || outcome.stderr.contains("hint: "), "RALPHEXT_SEED={seed}: {words:?}: {outcome}");
        assert!(outcome.code < 2 || outcome.stderr.contains("hint"), "RALPHEXT_SEED={seed}: {words:?}: {outcome}");
        assert!(!outcome.all().contains('\u{1b}'), "RALPHEXT_SEED={seed}: {words:?} steers the terminal: {outcome}");
        assert!(outcome.all().len() < 1 << 20, "RALPHEXT_SEED={seed}: {words:?}: {} bytes", outcome.all().len());
    }

    #[track_caller]
    fn look_around(&self, figures: &mut Figures) {
        let id = figures.rng.u64(1..=COUNT).to_string();
        for words in [
            &["status"][..],
            &["-o", "json", "status"],
            &["ls"],
            &["ls", "hwinfo"],
            &["get", "hwinfo", &id],
            &["-o", "json", "get", "hwinfo", &id],
            &["explain", "hwinfo", &id],
            &["plan"],
            &["check", "--connect"],
            &["doctor"],
            &["verify"],
        ] {
            self.look(figures, words);
        }
    }
}

#[test]
fn know5_whatever_is_planted_under_a_running_sidecar_is_mended_or_told() {
    let mut figures = Figures::begin("values planted under `run`", 5, 110);
    let mut garden = Garden::new();
    let mut sidecar = garden.ext.run();
    sidecar.wait_for_objects(&garden.redis, "hwinfo", COUNT as usize);
    sidecar.wait_for_passes(&garden.redis, "hwinfo", 1);
    garden.learn();
    for round in 0..figures.rounds {
        let touched = garden.sow(&mut figures);
        if round % 4 == 0 {
            garden.look_around(&mut figures);
        }
        let sown = std::time::Instant::now();
        wait_until_right(&mut sidecar, &mut garden, figures.seed);
        figures.recoveries.push(sown.elapsed());
        garden.check(figures.seed, &touched);
        figures.progress(round);
    }
    let log = sidecar.stop().expect(0).stderr;
    assert!(!log.contains("panicked"), "RALPHEXT_SEED={}: {log}", figures.seed);
    let lines = log.lines().filter(|line| !line.contains("pass finished")).count() as u64;
    // A few for each kind of plant, whatever their number.
    assert!(lines < 100 + 20 * figures.rounds, "RALPHEXT_SEED={}: {lines} lines of log", figures.seed);
    figures.notes.push(format!("{lines} lines of log without `pass finished`"));
    figures.end();
}

fn wait_until_right(sidecar: &mut Running, garden: &mut Garden, seed: u64) {
    let mut wrong = Some(String::new());
    let what = format!("RALPHEXT_SEED={seed}: the service's own values are right again");
    let start = std::time::Instant::now();
    sidecar.wait_until(&what, || {
        wrong = garden.wrong();
        if start.elapsed() > crate::harness::DEADLINE * 9 / 10 {
            assert!(wrong.is_none(), "{what}: {wrong:?}");
        }
        let mut status = || {
            let text: redis::RedisResult<Option<Vec<u8>>> =
                redis::cmd("GET").arg("ralphext:v1:hwinfo").query(&mut garden.connection);
            let json = text.ok().flatten().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
            json.is_some_and(|json| json["status"] == "ok" && json["counts"]["objects"] == COUNT)
        };
        wrong.is_none() && status()
    });
}

#[test]
fn know5_whatever_is_planted_between_two_runs_of_once_is_mended_or_told() {
    let mut figures = Figures::begin("values planted between runs of `once`", 4, 110);
    let mut garden = Garden::new();
    garden.ext.once().expect(0);
    garden.learn();
    for round in 0..figures.rounds {
        let touched = garden.sow(&mut figures);
        if round % 4 == 0 {
            garden.look_around(&mut figures);
        }
        let seed = figures.seed;
        // Content behind an intact head: `once` compares heads, `verify` looks at all of it.
        for words in [&["once"][..], &["verify", "--repair"]] {
            eventually(&format!("RALPHEXT_SEED={seed}: {words:?} is not kept out by a planted lease"), || {
                let outcome = garden.ext.verb(words);
                assert!(!outcome.all().contains("panicked"), "RALPHEXT_SEED={seed}: {outcome}");
                assert!(outcome.code <= 1 || outcome.stderr.contains("hint"), "RALPHEXT_SEED={seed}: {outcome}");
                // 1: there are keys that are no objects, which it leaves alone.
                outcome.code == 0 || words[0] == "verify" && outcome.code == 1
            });
        }
        let wrong = garden.wrong();
        assert!(wrong.is_none(), "RALPHEXT_SEED={seed}: {}", wrong.unwrap_or_default());
        garden.check(seed, &touched);
        figures.progress(round);
    }
    figures.end();
}

#[test]
fn know5_a_source_of_the_planted_objects_is_believed() {
    // What is planted in the place of an object that the source has from then on is replaced, not taken for its value.
    let mut garden = Garden::new();
    garden.ext.once().expect(0);
    garden.learn();
    for id in COUNT + 1..=COUNT + 3 {
        redis::cmd("RPUSH")
            .arg(format!("ralphext:v1:hwinfo:{id}"))
            .arg("x")
            .exec(&mut garden.connection)
            .expect("RPUSH");
    }
    garden.ext.write("objects.ndjson", &ndjson(&records(COUNT + 3, 1)));
    garden.ext.once().expect(0).counts(&[("written", 3), ("removed", 0)]);
    assert_eq!(garden.redis.objects("hwinfo").len() as u64, COUNT + 3);
}
