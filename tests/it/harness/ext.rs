//! One extension: a directory with its configuration, its source, and the binary run on it. It must not know what
//! a test expects.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{DEADLINE, Outcome, PASSWORD, Redis, Running, Watched, ndjson, sentinel::MASTER, user_of};

/// A configuration and a place for its source; by default the service `hwinfo` on the file `objects.ndjson`.
pub struct Ext {
    dir: TempDir,
    settings: BTreeMap<String, Value>,
    env: BTreeMap<String, String>,
    flags: Vec<String>,
}

impl Ext {
    /// The service `hwinfo` on `redis`, as its least-privileged user.
    pub fn new(redis: &Redis) -> Self {
        Self::of(redis, "hwinfo")
    }

    /// A service on `redis`, as its least-privileged user.
    pub fn of(redis: &Redis, service: &str) -> Self {
        Self::at(&redis.url()).set("service", service).user(service)
    }

    /// Connects as the least-privileged user of a service.
    pub fn user(self, service: &str) -> Self {
        self.set("redis.username", user_of(service)).set("redis.password", PASSWORD)
    }

    /// The service `hwinfo` on the Redis at `url`, as whoever the address names: with all rights if nobody;
    /// probes and metrics are on any free port ([`Running::port`]).
    pub fn at(url: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("ext-").tempdir().expect("a directory for the extension");
        let ext = Self { dir, settings: BTreeMap::new(), env: BTreeMap::new(), flags: Vec::new() };
        let path = ext.path("objects.ndjson").display().to_string();
        ext.set("service", "hwinfo").set("redis.url", url).set("source.kind", "file").set("source.path", path)
    }

    /// The service `hwinfo` on the master that sentinels name, as its least-privileged user.
    pub fn watched(watched: &Watched) -> Self {
        let ext = Self::at(&format!("{}://{MASTER}/0", watched.scheme()));
        ext.user("hwinfo").set("redis.sentinel.master", MASTER).set("redis.sentinel.nodes", watched.nodes())
    }

    /// Passes and heartbeats of a second and a lease of three, for tests of `run`.
    pub fn briskly(self) -> Self {
        self.set("source.interval", "1s").set("writer.heartbeat", "1s").set("writer.lease", "3s")
    }

    /// As [`Ext::new`], with passes and heartbeats of a second and a lease of three, for tests of `run`.
    pub fn brisk(redis: &Redis) -> Self {
        Self::new(redis).briskly()
    }

    /// Sets one configuration key (dotted) to a string, number, boolean or list.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.change(key, value);
        self
    }

    /// As [`Ext::set`], later on.
    pub fn change(&mut self, key: &str, value: impl Into<Value>) {
        self.settings.insert(key.to_owned(), value.into());
    }

    /// Takes one configuration key out.
    pub fn unset(mut self, key: &str) -> Self {
        self.settings.remove(key);
        self
    }

    /// Adds an environment variable for the binary.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a flag before the verb.
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// The source is `sh` running this script, as `exec` or `stream`.
    pub fn script(mut self, kind: &str, script: &str) -> Self {
        self.rescript(script);
        let path = self.path("source.sh").display().to_string();
        self.settings.remove("source.path");
        self.set("source.kind", kind).set("source.command", json!(["/bin/sh", path]))
    }

    /// Replaces the script.
    pub fn rescript(&mut self, script: &str) {
        let dir = self.dir.path().display();
        self.write("source.sh", &format!("set -eu\ncd {dir}\n{script}\n"));
    }

    /// A path in the extension's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file at once (beside, then renamed), as extensions should.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("its directory");
        let beside = self.dir.path().join(".beside");
        fs::write(&beside, text).expect("the text");
        fs::rename(&beside, &path).expect("its place");
    }

    /// Writes the source file as NDJSON.
    pub fn source(&self, records: &[Value]) {
        self.write("objects.ndjson", &ndjson(records));
    }

    /// Where the configuration file stands, written if it is not as it should be.
    pub fn config(&self) -> PathBuf {
        let text: String = self.settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let path = self.path("ralphext.toml");
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            fs::write(&path, text).expect("the configuration");
        }
        path
    }

    /// The binary with this configuration and `words` after the flags.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.bare(&[]);
        command.arg("--config").arg(self.config()).args(&self.flags).args(words);
        command
    }

    /// The binary in this directory with `words` and no configuration.
    pub fn bare(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(words).current_dir(self.dir.path()).env_clear();
        if !self.settings.contains_key("admin.listen") {
            // Whatever the configuration, no two tests want the same port.
            command.env("RALPHEXT__ADMIN__LISTEN", "127.0.0.1:0");
        }
        command.envs(&self.env);
        for name in ["PATH", "HOME", "LANG", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs one verb to its end.
    #[track_caller]
    pub fn verb(&self, words: &[&str]) -> Outcome {
        Running::spawn(&mut self.command(words), None).finish(DEADLINE)
    }

    /// Runs one verb with `input` on its standard input.
    #[track_caller]
    pub fn pipe(&self, words: &[&str], input: &str) -> Outcome {
        Running::spawn(&mut self.command(words), Some(input.to_owned())).finish(DEADLINE)
    }

    /// `once` with a JSON summary.
    #[track_caller]
    pub fn once(&self) -> Outcome {
        self.verb(&["--output", "json", "once"])
    }

    /// Writes the records and runs `once`.
    #[track_caller]
    pub fn once_with(&self, records: &[Value]) -> Outcome {
        self.source(records);
        self.once()
    }

    /// Starts the sidecar.
    pub fn run(&self) -> Running {
        Running::spawn(&mut self.command(&["run"]), None)
    }
}

/// The binary under test: the one cargo built, or the one `RALPHEXT_BIN` names (a release build, say).
pub fn binary() -> PathBuf {
    std::env::var_os("RALPHEXT_BIN").map_or_else(|| Path::new(env!("CARGO_BIN_EXE_ralphext")).into(), PathBuf::from)
}
