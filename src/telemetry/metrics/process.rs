//! The process itself, as `/proc` tells it; under the names that every Prometheus client uses. It must not know services.

use std::{fs, time::Duration};

use super::{Entry, Kind};

const fn entry(name: &'static str, kind: Kind, help: &'static str) -> Entry {
    Entry { name, kind, label: None, words: &[], help }
}

/// What is told of the process, in the order of [`Process::values`].
pub(super) const PROCESS: [Entry; 4] = [
    entry("process_resident_memory_bytes", Kind::Gauge, "Memory of the process that is in RAM."),
    entry("process_open_fds", Kind::Gauge, "Open file descriptors."),
    entry(
        "process_cpu_seconds_total",
        Kind::Counter,
        "CPU time of the process, user and system, without its children.",
    ),
    entry("process_start_time_seconds", Kind::Gauge, "When the process was started, unix time."),
];

/// What `/proc/self` says now.
#[derive(Debug)]
pub(super) struct Process {
    /// Since when it runs, unix time.
    pub(super) started: Duration,
}

impl Process {
    /// One value for each of [`PROCESS`]; none where `/proc` does not tell.
    pub(super) fn values(&self) -> [Option<f64>; PROCESS.len()] {
        [resident_bytes(), open_fds(), cpu_seconds(), Some(self.started.as_secs_f64())]
    }
}

fn resident_bytes() -> Option<f64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as f64)
}

fn open_fds() -> Option<f64> {
    // Looking at them opens one more.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in brackets, which may hold spaces; 14 and 15 are user and system time in ticks.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_seen() {
        let [rss, fds, cpu, started] = Process { started: Duration::from_secs(7) }.values();
        assert!(rss.is_some_and(|bytes| bytes > 100_000.0), "{rss:?}");
        assert!(fds.is_some_and(|fds| fds >= 3.0), "{fds:?}");
        assert!(cpu.is_some_and(|seconds| seconds >= 0.0), "{cpu:?}");
        assert_eq!(started, Some(7.0));
    }
}
