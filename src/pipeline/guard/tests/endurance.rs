//! A hundred thousand passes of a source that lies in every way, with restarts, wrong clocks and approvals, against an
//! oracle that knows the true time and remembers everything. What the guard lets go is what its rules allow, and no more.

use std::collections::VecDeque;

use super::*;

const CYCLES: u32 = 100_000;
const SHARE: f64 = 0.2;

/// A service, its source, and the truth.
struct World {
    baseline: Baseline,
    random: fastrand::Rng,
    /// True time, ms.
    time: u64,
    /// When this process began, true time.
    born: u64,
    /// How wrong the writer's wall clock is, ms.
    wrong: i64,
    /// Objects that stand in Redis.
    stands: u64,
    /// What stood, at true times, since the last time when a large shrink was right.
    history: VecDeque<(u64, u64)>,
    /// Snapshots refused since one was believed: true time and objects left.
    refused: VecDeque<(u64, u64)>,
    approvals: Vec<Approval>,
    believed: [u32; 3],
    zeros: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            baseline: Baseline::default(),
            random: fastrand::Rng::with_seed(seed),
            time: 0,
            born: 0,
            wrong: 0,
            stands: 0,
            history: VecDeque::new(),
            refused: VecDeque::new(),
            approvals: Vec::new(),
            believed: [0; 3],
            zeros: 0,
        }
    }

    fn now(&self) -> Now {
        let tick = ((self.time - self.born) / TICK_MS) as Tick + 1;
        Now { unix_ms: (START + self.time).saturating_add_signed(self.wrong), tick }
    }

    fn pass_time(&mut self) {
        self.time += match self.random.u32(0..1000) {
            0..5 => self.random.u64(0..26 * HOUR),
            5..50 => self.random.u64(0..HOUR),
            _ => self.random.u64(1..2 * MINUTE),
        };
    }

    /// A new process; its wall clock is right, or wrong beyond belief. (One that is set forward by less than a month, from
    /// one process to the next, cannot be told from time that passed.)
    fn restart(&mut self) {
        let days = [0, 0, 0, -60, 60, 30_000][self.random.usize(0..6)];
        self.wrong = days * DAY as i64;
        self.born = self.time;
        self.baseline = restarted(&self.baseline, self.now());
    }

    /// An answer of the source: some kind of lie, or the truth.
    fn answer(&mut self, kind: u32) -> Seen {
        let stands = self.stands;
        let few = 1 + stands / 10;
        match kind {
            0 => seen(stands - stands * 19 / 100, stands * 19 / 100),
            1 => seen(0, stands),
            2 => seen(stands - stands / 2, stands / 2),
            3 => Seen { present: stands + few, new: few, vanished: 0 },
            4 => {
                let turned = self.random.u64(0..=stands);
                Seen { present: stands, new: turned, vanished: turned }
            }
            5 if stands < 50_000 => Seen { present: stands * 10, new: stands * 10, vanished: stands },
            6 => seen(stands.min(700), stands - stands.min(700)),
            _ => seen(stands, 0),
        }
    }

    fn cycle(&mut self, answer: Seen) {
        let now = self.now();
        match self.baseline.judge(answer, now, BOUNDS) {
            Ok(believed) => {
                self.check(answer, &believed);
                self.stands = answer.present;
                if believed != Believed::Small {
                    self.history.clear();
                }
                self.refused.clear();
                self.approvals.clear();
            }
            Err(refused) => {
                assert_eq!(refused.vanished, answer.vanished);
                self.refused.push_back((self.time, answer.present));
                // What is new was written, what vanished is kept.
                self.stands += answer.new;
            }
        }
        self.history.push_back((self.time, self.stands));
        while self.history.front().is_some_and(|(at, _)| self.time - at > DAY) {
            self.history.pop_front();
        }
    }

    fn check(&mut self, answer: Seen, believed: &Believed) {
        let Seen { present, vanished, .. } = answer;
        let context = format!("at {} ms: {answer:?}, {} stand, {believed:?}", self.time, self.stands);
        let beyond = |part: u64, whole: u64| whole >= SMALL && part as f64 > whole as f64 * SHARE;
        match believed {
            Believed::Small => {
                self.believed[0] += u32::from(vanished > 0);
                let day = self.history.iter().filter(|(at, _)| self.time - at <= DAY);
                let day = day.map(|(_, count)| *count).max().unwrap_or(0);
                assert!(vanished == 0 || present > 0, "{context}");
                assert!(vanished == 0 || !beyond(day.saturating_sub(present), day), "{context}: the day had {day}");
                assert!(!beyond(vanished, self.stands), "{context}");
            }
            Believed::Confirmed => {
                self.believed[1] += 1;
                assert!(present > 0, "{context}");
                let first = self.refused.front().expect("refused before").0;
                assert!(self.time - first >= HOUR, "{context}: refused for {} ms", self.time - first);
                // The last hour began with the last snapshot that is an hour old.
                let from = self.refused.iter().rposition(|(at, _)| self.time - at >= HOUR).unwrap_or(0);
                let hour = self.refused.range(from..).map(|(_, present)| *present).chain([present]);
                let mut most = 0;
                for present in hour {
                    assert!(present > 0 && !beyond(most - most.min(present), most), "{context}: {:?}", self.refused);
                    most = most.max(present);
                }
            }
            Believed::Approved(approval) => {
                self.believed[2] += 1;
                self.zeros += u32::from(present == 0);
                assert!(self.approvals.contains(approval), "{context}");
                assert!(approval.at <= START + self.time && START + self.time <= approval.until, "{context}");
                let (left, gone) = (approval.present, approval.vanished);
                let room = if left < SMALL { left } else { (left as f64 * SHARE) as u64 };
                assert!(vanished <= gone + room && !beyond(left.saturating_sub(present), left), "{context}");
                assert!(present > 0 || left == 0, "{context}");
            }
        }
    }

    /// An operator, whose clock is right, approves what is refused.
    fn approve(&mut self) {
        if let Some(refusal) = self.baseline.refusal().copied() {
            let approval = Approval::of(&refusal, START + self.time, HOUR, "root@host".to_owned());
            self.approvals.push(approval.clone());
            self.baseline.approve(approval);
        }
    }
}

#[test]
fn a_hundred_thousand_passes_of_every_kind_of_lie() {
    for seed in 1..=3 {
        let mut world = World::new(seed);
        world.cycle(Seen { present: 1000, new: 1000, vanished: 0 });
        let mut kind = 0;
        for _ in 0..CYCLES {
            world.pass_time();
            match world.random.u32(0..100) {
                0..15 => world.restart(),
                15..17 => world.wrong = world.random.i64(-400..400) * DAY as i64,
                17..20 => world.approve(),
                _ => {}
            }
            // Some lies are told once, others for hours.
            if world.random.u32(0..20) == 0 {
                kind = world.random.u32(0..10);
            }
            let once = if world.random.u32(0..4) == 0 { world.random.u32(0..10) } else { kind };
            let kind = if world.stands == 0 {
                3
            } else if world.stands > 500_000 {
                6
            } else {
                once
            };
            let answer = world.answer(kind);
            world.cycle(answer);
        }
        let [small, confirmed, approved] = world.believed;
        assert!(
            small > 100 && confirmed > 20 && approved > 20 && world.zeros > 0,
            "seed {seed} tried too little: {:?}",
            world.believed
        );
    }
}

#[test]
fn a_fifth_less_at_every_pass_with_zeros_between_and_restarts() {
    let mut world = World::new(7);
    world.cycle(Seen { present: 1_000_000, new: 1_000_000, vanished: 0 });
    for pass in 0..CYCLES {
        world.time += MINUTE;
        if pass % 7 == 0 {
            world.born = world.time;
            world.baseline = restarted(&world.baseline, world.now());
        }
        let answer = world.answer(u32::from(pass % 2 == 1));
        world.cycle(answer);
    }
    // A fall by a fifth a day, and no faster: 69 days of it, and never to nothing.
    assert!(world.stands > 0 && world.believed[1..] == [0, 0], "{} {:?}", world.stands, world.believed);
    let days = f64::from(CYCLES) * MINUTE as f64 / DAY as f64;
    assert!(world.believed[0] as f64 <= days * 2.0, "{} shrinks in {days} days", world.believed[0]);
}
