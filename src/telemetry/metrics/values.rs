//! What a metric holds: atomics that are moved once a batch or pass. It must not know names or formats.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{Kind, text::Samples};

/// Upper bounds of the buckets of every histogram, in seconds: from one answer of Redis to a pass over a million objects.
pub(super) const BOUNDS: [(f64, &str); 16] = [
    (0.0005, "0.0005"),
    (0.001, "0.001"),
    (0.0025, "0.0025"),
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1.0"),
    (2.5, "2.5"),
    (5.0, "5.0"),
    (10.0, "10.0"),
    (60.0, "60.0"),
    (300.0, "300.0"),
];

/// What an entry of the catalogue can be.
pub(super) trait Family {
    /// Kind of its metrics.
    const KIND: Kind;
    /// A family without any count yet; `words` are the values of its label, where it has one.
    fn build(words: &'static [&'static str]) -> Self;
    /// Tells each of its samples.
    fn tell(&self, samples: &mut Samples<'_>, word: Option<&str>);
    /// Whether anything was ever counted.
    fn is_moved(&self) -> bool;
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Takes over a total that is counted elsewhere and never goes back.
    pub fn follow(&self, total: u64) {
        self.0.fetch_max(total, Relaxed);
    }

    /// What was counted so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Family for Counter {
    const KIND: Kind = Kind::Counter;
    fn build(_: &'static [&'static str]) -> Self {
        Self::default()
    }
    fn tell(&self, samples: &mut Samples<'_>, word: Option<&str>) {
        samples.push("", word, None, self.get());
    }
    fn is_moved(&self) -> bool {
        self.get() > 0
    }
}

/// A number that goes up and down; nothing is told until it is set.
#[derive(Debug)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Takes a value.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// Takes a count.
    pub fn set_count(&self, count: usize) {
        self.set(count as f64);
    }

    /// 1 or 0.
    pub fn set_flag(&self, flag: bool) {
        self.set(f64::from(u8::from(flag)));
    }

    /// A moment in unix ms, told in seconds; not told while there is none.
    pub fn set_moment(&self, unix_ms: Option<u64>) {
        self.set(unix_ms.map_or(f64::NAN, |ms| ms as f64 / 1000.0));
    }

    /// Nothing is known any more.
    pub fn unset(&self) {
        self.set(f64::NAN);
    }

    /// The value, if there is one.
    pub fn get(&self) -> Option<f64> {
        Some(f64::from_bits(self.0.load(Relaxed))).filter(|value| !value.is_nan())
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self(AtomicU64::new(f64::NAN.to_bits()))
    }
}

impl Family for Gauge {
    const KIND: Kind = Kind::Gauge;
    fn build(_: &'static [&'static str]) -> Self {
        Self::default()
    }
    fn tell(&self, samples: &mut Samples<'_>, word: Option<&str>) {
        if let Some(value) = self.get() {
            samples.push("", word, None, value);
        }
    }
    fn is_moved(&self) -> bool {
        self.get().is_some()
    }
}

/// How long something took, sorted into buckets.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One more than there are bounds: what took longer than the last.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_ns: AtomicU64,
}

impl Histogram {
    /// Takes note that something took so long.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let at = BOUNDS.iter().position(|(bound, _)| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[at].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(took.as_nanos() as u64, Relaxed);
    }
}

impl Family for Histogram {
    const KIND: Kind = Kind::Histogram;
    fn build(_: &'static [&'static str]) -> Self {
        Self::default()
    }
    fn tell(&self, samples: &mut Samples<'_>, word: Option<&str>) {
        let mut count = 0;
        let bounds = BOUNDS.iter().map(|(_, le)| *le).chain(["+Inf"]);
        for (bucket, le) in self.buckets.iter().zip(bounds) {
            count += bucket.load(Relaxed);
            samples.push("_bucket", word, Some(le), count);
        }
        samples.push("_sum", word, None, self.sum_ns.load(Relaxed) as f64 / 1e9);
        samples.push("_count", word, None, count);
    }
    fn is_moved(&self) -> bool {
        self.buckets.iter().any(|bucket| bucket.load(Relaxed) > 0)
    }
}

/// One value for each word of a label.
#[derive(Debug)]
pub struct By<T> {
    words: &'static [&'static str],
    /// One for each word; the last one is for words that the catalogue does not name, told only if there were any.
    values: Vec<T>,
}

impl<T> By<T> {
    /// The value for `word`.
    pub fn of(&self, word: &str) -> &T {
        let at = self.words.iter().position(|known| *known == word).unwrap_or(self.words.len());
        // There is one more than there are words.
        &self.values[at]
    }
}

impl<T: Family> Family for By<T> {
    const KIND: Kind = T::KIND;
    fn build(words: &'static [&'static str]) -> Self {
        Self { words, values: (0..=words.len()).map(|_| T::build(&[])).collect() }
    }
    fn tell(&self, samples: &mut Samples<'_>, _: Option<&str>) {
        for (at, value) in self.values.iter().enumerate() {
            let word = self.words.get(at).copied();
            if word.is_some() || value.is_moved() {
                value.tell(samples, Some(word.unwrap_or("other")));
            }
        }
    }
    fn is_moved(&self) -> bool {
        self.values.iter().any(T::is_moved)
    }
}

/// One value for each name that the configuration gives.
#[derive(Debug, Default)]
pub struct Named<T>(Mutex<BTreeMap<String, T>>);

impl<T> Named<T> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is known of any.
    pub fn clear(&self) {
        self.lock().clear();
    }
}

impl Named<Gauge> {
    /// Takes the value of one; without it nothing is told of that one.
    pub fn set(&self, name: &str, value: Option<f64>) {
        let mut all = self.lock();
        match all.get(name) {
            Some(gauge) => gauge.set(value.unwrap_or(f64::NAN)),
            None => all.entry(name.to_owned()).or_default().set(value.unwrap_or(f64::NAN)),
        }
    }
}

impl Family for Named<Gauge> {
    const KIND: Kind = Kind::Gauge;
    fn build(_: &'static [&'static str]) -> Self {
        Self::default()
    }
    fn tell(&self, samples: &mut Samples<'_>, _: Option<&str>) {
        self.lock().iter().for_each(|(name, gauge)| gauge.tell(samples, Some(name)));
    }
    fn is_moved(&self) -> bool {
        self.lock().values().any(Family::is_moved)
    }
}
