//! Which objects are asked for, and when: each once at a time, at a bounded rate, those that are known first, and those that the
//! source does not know not at all for a while. It must not know who wishes, nor who is asked.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use crate::settings::Fill;

/// Most objects that are asked for at once.
pub(super) const AT_ONCE: usize = 100;

/// What becomes of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits to be asked for.
    Waits,
    /// It waits already, or is being asked for.
    Shared,
    /// The source did not know it of late.
    Unknown,
    /// Too much waits: it will be missed again.
    Limit,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Gate {
    bucket: Bucket,
    /// Objects that are known, or were requested.
    first: VecDeque<String>,
    /// Objects that may not exist: no more than can be asked for in a second.
    others: VecDeque<String>,
    /// All that waits or is being asked for, and since when.
    taken: HashMap<String, Instant>,
    holds: Holds,
    most_first: usize,
    most_others: usize,
    hold_for: Duration,
    /// So many of the first are asked for one by one: together they failed.
    alone: usize,
}

impl Gate {
    pub(super) fn new(settings: &Fill, now: Instant) -> Self {
        Self {
            bucket: Bucket::new(settings.max_rate, now),
            first: VecDeque::new(),
            others: VecDeque::new(),
            taken: HashMap::new(),
            holds: Holds::new(settings.max_unknown as usize),
            most_first: settings.max_waiting as usize,
            most_others: (settings.max_rate as usize).min(settings.max_waiting as usize),
            hold_for: settings.unknown_for.0,
            alone: 0,
        }
    }

    /// Somebody misses `id`; `is_known` says that there is such an object.
    pub(super) fn miss(&mut self, id: &str, is_known: bool, now: Instant) -> Fate {
        if self.taken.contains_key(id) {
            return Fate::Shared;
        }
        if self.holds.has(id, now) {
            return Fate::Unknown;
        }
        self.put(id, is_known, now)
    }

    /// Somebody asks for `id` in so many words, whatever is known of it.
    pub(super) fn request(&mut self, id: &str, now: Instant) -> Fate {
        if self.taken.contains_key(id) { Fate::Shared } else { self.put(id, true, now) }
    }

    fn put(&mut self, id: &str, is_first: bool, now: Instant) -> Fate {
        let (queue, most) =
            if is_first { (&mut self.first, self.most_first) } else { (&mut self.others, self.most_others) };
        if queue.len() >= most {
            return Fate::Limit;
        }
        queue.push_back(id.to_owned());
        self.taken.insert(id.to_owned(), now);
        Fate::Waits
    }

    /// When something may be asked for; none while nothing waits.
    pub(super) fn ready_at(&self, now: Instant) -> Option<Instant> {
        let is_any = !self.first.is_empty() || !self.others.is_empty();
        is_any.then(|| self.bucket.ready_at(now))
    }

    /// What to ask for now.
    pub(super) fn take(&mut self, now: Instant) -> Vec<String> {
        let most = self.bucket.whole(now).min(if self.alone > 0 { 1 } else { AT_ONCE });
        let mut ids = Vec::new();
        while ids.len() < most {
            let Some(id) = self.first.pop_front().or_else(|| self.others.pop_front()) else { break };
            ids.push(id);
        }
        self.alone = self.alone.saturating_sub(ids.len());
        self.bucket.spend(ids.len());
        ids
    }

    /// These failed together: each is asked for again, alone, so that one does not fail the others.
    pub(super) fn again(&mut self, ids: Vec<String>) {
        self.alone += ids.len();
        ids.into_iter().rev().for_each(|id| self.first.push_front(id));
    }

    /// The source was asked for `id`; since when somebody waited.
    pub(super) fn done(&mut self, id: &str) -> Option<Instant> {
        self.taken.remove(id)
    }

    /// Leaves `id` alone for `fill.unknown_for`, and no longer than `most`.
    pub(super) fn hold(&mut self, id: &str, most: Duration, now: Instant) {
        self.holds.put(id, now + self.hold_for.min(most), now);
    }

    /// Forgets that ids were unknown that `is_known` knows.
    pub(super) fn release(&mut self, is_known: impl Fn(&str) -> bool) {
        self.holds.release(is_known);
    }

    /// Ids that are left alone.
    pub(super) fn held(&mut self, now: Instant) -> usize {
        self.holds.prune(now);
        self.holds.until.len()
    }

    /// Whoever waits is not answered any more; what the source does not know is remembered.
    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.others.clear();
        self.taken.clear();
        self.alone = 0;
    }
}

/// So many a second, and as many at once.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate.max(1));
        Self { rate, left: rate, at: now }
    }

    fn whole(&mut self, now: Instant) -> usize {
        self.left = (self.left + now.saturating_duration_since(self.at).as_secs_f64() * self.rate).min(self.rate);
        self.at = now;
        self.left as usize
    }

    fn spend(&mut self, count: usize) {
        self.left -= count as f64;
    }

    fn ready_at(&self, now: Instant) -> Instant {
        let missing = (1.0 - self.left) / self.rate;
        // A little later rather than a little too early, for nothing.
        if missing <= 0.0 { now } else { self.at + Duration::from_secs_f64(missing) + Duration::from_millis(1) }
    }
}

/// Ids that are left alone, each until a time; the oldest go first.
#[derive(Debug)]
struct Holds {
    until: HashMap<String, Instant>,
    order: VecDeque<String>,
    most: usize,
}

impl Holds {
    fn new(most: usize) -> Self {
        Self { until: HashMap::new(), order: VecDeque::new(), most }
    }

    fn has(&self, id: &str, now: Instant) -> bool {
        self.until.get(id).is_some_and(|until| *until > now)
    }

    fn put(&mut self, id: &str, until: Instant, now: Instant) {
        self.prune(now);
        if self.until.insert(id.to_owned(), until).is_none() {
            self.order.push_back(id.to_owned());
        }
        while self.until.len() > self.most {
            self.drop_oldest();
        }
    }

    fn prune(&mut self, now: Instant) {
        while self.order.front().is_some_and(|id| !self.has(id, now)) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(id) = self.order.pop_front() {
            self.until.remove(&id);
        }
    }

    fn release(&mut self, is_known: impl Fn(&str) -> bool) {
        let before = self.until.len();
        self.until.retain(|id, _| !is_known(id));
        if self.until.len() < before {
            let left: HashSet<&str> = self.until.keys().map(String::as_str).collect();
            self.order.retain(|id| left.contains(id.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HumanDuration;

    fn gate(now: Instant) -> Gate {
        let unknown_for = HumanDuration::from_secs(60);
        Gate::new(&Fill { max_rate: 10, max_waiting: 50, max_unknown: 5, unknown_for, ..Fill::default() }, now)
    }

    #[test]
    fn a_thousand_wishes_for_one_object_are_one_question() {
        let now = Instant::now();
        let mut gate = gate(now);
        assert_eq!(gate.miss("1", true, now), Fate::Waits);
        assert!((0..1000).all(|_| gate.miss("1", true, now) == Fate::Shared && gate.request("1", now) == Fate::Shared));
        assert_eq!((gate.take(now), gate.take(now)), (vec!["1".to_owned()], vec![]));
        assert_eq!(gate.miss("1", true, now), Fate::Shared, "it is being asked for");
        assert_eq!(gate.done("1"), Some(now));
        assert_eq!(gate.miss("1", true, now), Fate::Waits);
    }

    #[test]
    fn a_scan_over_unknown_ids_is_asked_for_at_the_rate_and_known_ones_come_first() {
        let begun = Instant::now();
        let mut gate = gate(begun);
        let (mut asked, mut now, mut late) = (0, begun, None);
        for id in 0..100_000 {
            now += Duration::from_micros(100);
            gate.miss(&format!("u{id}"), false, now);
            if id == 50_000 {
                assert_eq!(gate.miss("known", true, now), Fate::Waits);
                late = Some(now);
            }
            if gate.ready_at(now).is_some_and(|at| at <= now) {
                let ids = gate.take(now);
                asked += ids.len();
                if ids.first().is_some_and(|id| id == "known") {
                    assert!(now - late.take().expect("it was missed") < Duration::from_millis(200));
                }
                ids.iter().for_each(|id| assert!(gate.done(id).is_some()));
                ids.iter().for_each(|id| gate.hold(id, Duration::MAX, now));
            }
        }
        assert_eq!(late, None, "the known one was asked for");
        assert!((100..=111).contains(&asked), "{asked} in ten seconds at ten a second");
        assert_eq!(gate.held(now), 5, "and no more than the bound is remembered");
    }

    #[test]
    fn what_is_unknown_is_left_alone_until_its_time_or_until_it_is_known() {
        let now = Instant::now();
        let mut gate = gate(now);
        for id in ["1", "2", "3"] {
            gate.hold(id, if id == "3" { Duration::from_secs(1) } else { Duration::MAX }, now);
        }
        assert_eq!(gate.miss("1", false, now), Fate::Unknown);
        assert_eq!(gate.request("1", now), Fate::Waits, "who asks in so many words is heard");
        gate.release(|id| id == "2");
        assert_eq!(gate.miss("2", true, now), Fate::Waits);
        assert_eq!(gate.miss("3", false, now), Fate::Unknown);
        assert_eq!(gate.miss("3", false, now + Duration::from_secs(2)), Fate::Waits);
        assert_eq!(gate.held(now + Duration::from_secs(61)), 0);
        assert!(gate.holds.order.is_empty());
    }

    #[test]
    fn what_failed_together_is_asked_for_alone() {
        let now = Instant::now();
        let mut gate = gate(now);
        ["1", "2", "3"].iter().for_each(|id| assert_eq!(gate.miss(id, true, now), Fate::Waits));
        let ids = gate.take(now);
        assert_eq!(ids.len(), 3);
        gate.again(ids);
        assert_eq!(gate.miss("2", true, now), Fate::Shared);
        gate.miss("4", true, now);
        let (one, two) = (gate.take(now), gate.take(now));
        assert_eq!((one.as_slice(), two.as_slice()), (&["1".to_owned()][..], &["2".to_owned()][..]));
        gate.take(now);
        assert_eq!(gate.take(now), ["4"]);
    }

    #[test]
    fn the_rate_is_held_and_time_is_not_saved_up() {
        let now = Instant::now();
        let mut gate = gate(now);
        (0..40).for_each(|id| assert_eq!(gate.request(&id.to_string(), now), Fate::Waits));
        assert_eq!(gate.take(now).len(), 10);
        let at = gate.ready_at(now).expect("more waits");
        assert!(at > now + Duration::from_millis(90) && at < now + Duration::from_millis(110));
        assert_eq!(gate.take(at).len(), 1);
        assert_eq!(gate.take(now + Duration::from_secs(100)).len(), 10);
    }
}
