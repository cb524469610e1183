//! How long a fault test runs, from which seed, and what it has to tell in the end. It must not know what is tested.

#![expect(clippy::print_stderr, reason = "seeds, progress and figures are told while it runs")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::Running;

/// Whether the long forms are to be run (`make soak`).
pub fn is_soak() -> bool {
    std::env::var_os("RALPHEXT_SOAK").is_some()
}

/// How long the longest test lasts: `RALPHEXT_SOAK_MINUTES`, or so many.
pub fn minutes(long: u64) -> u64 {
    number("RALPHEXT_SOAK_MINUTES").unwrap_or(long)
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Memory and descriptors of a process, as the kernel counts them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vitals {
    /// Resident memory in KiB (`VmRSS`).
    pub rss_kib: u64,
    /// The part of it that is data and no code, in KiB (`RssAnon`): the program's own size does not count.
    pub data_kib: u64,
    /// Open file descriptors.
    pub fds: u64,
}

impl Vitals {
    /// Looks at a process that runs.
    pub fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process that runs");
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("its memory");
            line.trim().trim_end_matches(" kB").trim().parse().expect("KiB")
        };
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count() as u64;
        Self { rss_kib: kib("VmRSS:"), data_kib: kib("RssAnon:"), fds }
    }
}

/// The most memory that a process had, looked at every few ms.
pub struct Peak {
    kib: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peak {
    /// Looks at `process` until this is dropped.
    pub fn of(process: &Running) -> Self {
        let (kib, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (pid, into, until) = (process.pid(), kib.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                // It may have ended meanwhile.
                let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
                let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
                into.fetch_max(now.unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Self { kib, stop, thread: Some(thread) }
    }

    /// In KiB, so far.
    pub fn kib(&self) -> u64 {
        self.kib.load(Ordering::Relaxed)
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One test's figures, and the randomness that it can be repeated with.
pub struct Figures {
    name: String,
    /// Whatever is decided by chance is decided by this.
    pub rng: fastrand::Rng,
    /// What `rng` began with.
    pub seed: u64,
    /// How often what is tested is to be done.
    pub rounds: u64,
    /// Faults injected, by kind.
    pub faults: BTreeMap<String, u64>,
    /// From the end of a fault until all was as it should be.
    pub recoveries: Vec<Duration>,
    /// Values read by a witness, values written as a journal saw them.
    pub read: u64,
    /// See `read`.
    pub written: u64,
    /// Memory and descriptors at the beginning (warm) and at the end.
    pub vitals: Vec<Vitals>,
    /// More to be told.
    pub notes: Vec<String>,
    begun: Instant,
    told: Instant,
}

impl Figures {
    /// `short` rounds in `make test`, `long` ones in `make soak`; `RALPHEXT_ROUNDS` and `RALPHEXT_SEED` say otherwise.
    pub fn begin(name: &str, short: u64, long: u64) -> Self {
        let seed = number("RALPHEXT_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
        let rounds = number("RALPHEXT_ROUNDS").unwrap_or(if is_soak() { long } else { short });
        eprintln!("{name}: {rounds} rounds; to repeat it: RALPHEXT_SEED={seed} RALPHEXT_ROUNDS={rounds}");
        Self {
            name: name.to_owned(),
            rng: fastrand::Rng::with_seed(seed),
            seed,
            rounds,
            faults: BTreeMap::new(),
            recoveries: Vec::new(),
            read: 0,
            written: 0,
            vitals: Vec::new(),
            notes: Vec::new(),
            begun: Instant::now(),
            told: Instant::now(),
        }
    }

    /// Counts a fault.
    pub fn fault(&mut self, kind: &str) {
        *self.faults.entry(kind.to_owned()).or_default() += 1;
    }

    /// Shows how far it is, every few seconds.
    pub fn progress(&mut self, round: u64) {
        if self.told.elapsed() > Duration::from_secs(10) {
            self.told = Instant::now();
            eprintln!("{}: {} of {} rounds, {:?}", self.name, round + 1, self.rounds, self.begun.elapsed());
        }
    }

    /// A moment within so many ms.
    pub fn sleep_up_to(&mut self, ms: u64) {
        std::thread::sleep(Duration::from_millis(self.rng.u64(0..=ms)));
    }

    /// Tells the figures: a line of the table in `docs/reliability.md`, added to the file that `RALPHEXT_FIGURES` names.
    pub fn end(mut self) {
        let faults: u64 = self.faults.values().sum();
        let kinds: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        self.recoveries.sort();
        let recovery = match self.recoveries.as_slice() {
            [] => "-".to_owned(),
            all => format!("{} / {}", ms(all[all.len() / 2]), ms(all[all.len() - 1])),
        };
        let both = |of: fn(&Vitals) -> u64| match (self.vitals.first(), self.vitals.last()) {
            (Some(first), Some(last)) => format!("{} / {}", of(first), of(last)),
            _ => "-".to_owned(),
        };
        let mut row = format!(
            // A violation panics before.
            "| {} | {faults} | {} | {} | 0 | {recovery} | {} | {} | {:.0} s |",
            self.name,
            self.read,
            self.written,
            both(|v| v.rss_kib / 1024),
            both(|v| v.fds),
            self.begun.elapsed().as_secs_f64(),
        );
        let mut notes = kinds;
        notes.append(&mut self.notes);
        write!(row, " {} |", notes.join(", ")).expect("a String takes everything");
        eprintln!("{row}");
        if let Some(path) = std::env::var_os("RALPHEXT_FIGURES") {
            let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the file for figures");
            writeln!(file, "{row}").expect("the figures");
        }
    }
}

/// A duration as it stands in the table.
pub fn ms(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}

/// The value that a share of all is not above.
pub fn percentile(micros: &mut [u32], share: f64) -> Duration {
    if micros.is_empty() {
        return Duration::ZERO;
    }
    micros.sort_unstable();
    let at = ((micros.len() - 1) as f64 * share).round() as usize;
    Duration::from_micros(u64::from(micros[at]))
}
