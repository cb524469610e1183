//! Processes of the binary under test: their output, their end, their signals. It must not know configuration.

use std::{
    fmt,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{DEADLINE, Redis};

/// Sends a signal by name (`TERM`, `STOP`, ...).
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().expect("sh");
    assert!(sent.success(), "kill -{name} {pid}");
}

/// How a process ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}\n--- stdout\n{}\n--- stderr\n{}", self.code, tail(&self.stdout), tail(&self.stderr))
    }
}

impl Outcome {
    /// Panics unless the exit code is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert!(self.code == code, "exit code {code} was expected: {self}");
        self
    }

    /// The JSON document that is all of standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.stdout.trim()).unwrap_or_else(|e| panic!("no JSON on standard output: {e}: {self}"))
    }

    /// A count of the summary.
    #[track_caller]
    pub fn n(&self, name: &str) -> u64 {
        self.json()[name].as_u64().unwrap_or_else(|| panic!("the summary has no count {name:?}: {self}"))
    }

    /// Panics unless each name of the summary has its count.
    #[track_caller]
    pub fn counts(&self, wanted: &[(&str, u64)]) {
        for (name, count) in wanted {
            assert!(self.n(name) == *count, "{name} should be {count}: {self}");
        }
    }

    /// Panics unless standard error contains each of `words`.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "standard error does not say {word:?}: {self}");
        }
    }

    /// Standard output and error together.
    pub fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(6000);
    &text[(from..).find(|i| text.is_char_boundary(*i)).unwrap_or(0)..]
}

/// What a process has printed so far.
type Bytes = Arc<Mutex<Vec<u8>>>;

/// What a process says on standard error.
pub struct Log(Bytes);

impl Log {
    /// How often `words` stand in it so far.
    pub fn matches(&self, words: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().expect("stderr")).matches(words).count()
    }
}

/// A process that runs; killed on drop.
pub struct Running {
    child: Child,
    stdout: Bytes,
    stderr: Bytes,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts `command`; `input` is its standard input, empty if none.
    pub fn spawn(command: &mut Command, input: Option<String>) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
        let mut stdin = child.stdin.take().expect("piped");
        std::thread::spawn(move || {
            let _ = stdin.write_all(input.unwrap_or_default().as_bytes());
        });
        let (stdout, stderr) = (Bytes::default(), Bytes::default());
        let readers = vec![
            collect(child.stdout.take().expect("piped"), stdout.clone()),
            collect(child.stderr.take().expect("piped"), stderr.clone()),
        ];
        Self { child, stdout, stderr, readers }
    }

    /// Whether it runs still.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Open sockets, listening ones included.
    pub fn sockets(&self) -> usize {
        let links = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("its descriptors");
        let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
        targets.filter(|target| target.to_str().is_some_and(|text| text.starts_with("socket:"))).count()
    }

    /// Standard error, to be looked at while something is waited for.
    pub fn log(&self) -> Log {
        Log(self.stderr.clone())
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().expect("stderr")).into_owned()
    }

    /// Waits until `reached`; panics with the log if it never is, or if the process ends before.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut reached: impl FnMut() -> bool) {
        let start = Instant::now();
        while !reached() {
            if let Some(status) = self.child.try_wait().expect("its status") {
                panic!("ended with {status} while waiting: {what}\n--- stderr\n{}", tail(&self.stderr()));
            }
            if start.elapsed() > DEADLINE {
                panic!("waited {DEADLINE:?} in vain: {what}\n--- stderr\n{}", tail(&self.stderr()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until standard error contains `word`.
    #[track_caller]
    pub fn wait_until_says(&mut self, word: &str) {
        let log = self.stderr.clone();
        self.wait_until(&format!("standard error says {word:?}"), || {
            String::from_utf8_lossy(&log.lock().expect("stderr")).contains(word)
        });
    }

    /// Waits until standard error contains `word` from byte `from` on.
    #[track_caller]
    pub fn wait_until_says_from(&mut self, from: usize, word: &str) {
        let log = self.stderr.clone();
        self.wait_until(&format!("standard error says {word:?}"), || {
            String::from_utf8_lossy(&log.lock().expect("stderr")[from..]).contains(word)
        });
    }

    /// Waits until a service has `count` objects.
    #[track_caller]
    pub fn wait_for_objects(&mut self, redis: &Redis, service: &str, count: usize) {
        self.wait_until(&format!("{service} has {count} objects"), || redis.count(service) == count);
    }

    /// Waits until the service's source was confirmed `count` more times, as its descriptor tells.
    #[track_caller]
    pub fn wait_for_passes(&mut self, redis: &Redis, service: &str, count: usize) {
        for _ in 0..count {
            let before = redis.descriptor(service)["as_of"].clone();
            self.wait_until("the descriptor's as_of moves on", || {
                let now = redis.descriptor(service)["as_of"].clone();
                !now.is_null() && now != before
            });
        }
    }

    /// Waits for its end within `limit`; kills it and panics after that.
    #[track_caller]
    pub fn finish(mut self, limit: Duration) -> Outcome {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                break status;
            }
            if start.elapsed() > limit {
                panic!("still running after {limit:?}\n--- stderr\n{}", tail(&self.stderr()));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let stdout = String::from_utf8_lossy(&self.stdout.lock().expect("stdout")).into_owned();
        Outcome { code: status.code().unwrap_or(-1), stdout, stderr: self.stderr() }
    }

    /// Sends SIGTERM and waits for the end.
    #[track_caller]
    pub fn stop(self) -> Outcome {
        signal(self.pid(), "TERM");
        self.finish(DEADLINE)
    }

    /// Ends it as a crash would (SIGKILL).
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut from: impl Read + Send + 'static, into: Bytes) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            into.lock().expect("output").extend_from_slice(&buffer[..count]);
        }
    })
}
