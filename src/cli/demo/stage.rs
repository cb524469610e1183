//! The demo's stage: a temporary directory, a private server, the sidecar; all gone when it is dropped. It must not know
//! what is shown on it.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use super::{super::Failure, failed};
use crate::{
    settings::{Redis, RedisUrl},
    store::{Reader, Target},
};

/// Longest wait for anything that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(10);

const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];

/// The examples as they stand in the repository; the server's address comes from the environment.
const FILES: [(&str, &str); 4] = [
    ("facts.sh", include_str!("../../../examples/host-facts/facts.sh")),
    ("hwinfo.toml", include_str!("../../../examples/host-facts/ralphext.toml")),
    ("inventory.toml", include_str!("../../../examples/inventory/ralphext.toml")),
    ("inventory.ndjson", include_str!("../../../examples/inventory/inventory.ndjson")),
];

/// See the module.
pub struct Stage {
    dir: PathBuf,
    stop: watch::Receiver<bool>,
    /// In the order in which they are to be stopped.
    children: Vec<Child>,
    /// The server's name and version.
    pub server: String,
}

impl Stage {
    /// Makes the directory, and starts the server and the sidecar.
    pub fn set_up(stop: watch::Receiver<bool>) -> Result<Self, Failure> {
        let name = format!("ralphext-demo-{}-{:06x}", std::process::id(), fastrand::u32(..1 << 24));
        let dir = std::env::temp_dir().join(name);
        let mut stage = Self { dir, stop, children: Vec::new(), server: String::new() };
        stage.files().map_err(|e| failed(format!("cannot make {}: {e}", stage.dir.display())))?;
        stage.start_server()?;
        stage.start_sidecar()?;
        Ok(stage)
    }

    /// The server's address.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The server's socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("redis.sock")
    }

    /// The file that the service `inventory` watches.
    pub fn inventory(&self) -> PathBuf {
        self.conf().join("inventory.ndjson")
    }

    /// Replaces the inventory by rename, as a careful extension would.
    pub fn write_inventory(&self, lines: &[&str]) -> Result<(), Failure> {
        let next = self.conf().join(".inventory.ndjson.new");
        let text = lines.join("\n") + "\n";
        let written = fs::write(&next, text).and_then(|()| fs::rename(&next, self.inventory()));
        written.map_err(|e| failed(format!("cannot write {}: {e}", self.inventory().display())))
    }

    /// A connection as a reader has it.
    pub fn reader(&self) -> Result<Reader, Failure> {
        let url = RedisUrl::parse(self.url()).map_err(|e| failed(e.to_string()))?;
        let redis = Redis { url, ..Redis::default() };
        Ok(Reader::open(Target::new(&redis)?, &redis.prefix)?)
    }

    /// Asks until there is an answer.
    pub fn wait<T>(&self, what: &str, mut ask: impl FnMut() -> Result<Option<T>, Failure>) -> Result<T, Failure> {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask()? {
                return Ok(answer);
            }
            if *self.stop.borrow() {
                return Err(failed("stopped"));
            }
            if begun.elapsed() > PATIENCE {
                self.show_log();
                return Err(failed(format!("waited {} s in vain: {what}", PATIENCE.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn conf(&self) -> PathBuf {
        self.dir.join("conf.d")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("sidecar.log")
    }

    fn files(&self) -> std::io::Result<()> {
        fs::create_dir(&self.dir)?;
        // The server has no password: nobody else may reach its socket.
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o700))?;
        fs::create_dir(self.conf())?;
        for (name, text) in FILES {
            let path = self.conf().join(name);
            fs::write(&path, text)?;
            if name.ends_with(".sh") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }

    fn start_server(&mut self) -> Result<(), Failure> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let there = |name: &&str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
        let Some(server) = SERVERS.into_iter().find(there) else {
            return Err(failed("neither redis-server nor valkey-server is installed"));
        };
        let mut command = Command::new(server);
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no", "--unixsocket"]);
        command.arg(self.socket()).arg("--dir").arg(&self.dir).stdout(Stdio::null()).stderr(Stdio::null());
        self.spawn(command, server)?;
        let reader = self.wait("the private server answers", || match self.reader() {
            Ok(reader) => Ok(Some(reader)),
            Err(_) => Ok(None),
        });
        drop(reader?);
        self.server = server.to_owned();
        Ok(())
    }

    fn start_sidecar(&mut self) -> Result<(), Failure> {
        let program = std::env::current_exe().map_err(|e| failed(format!("cannot find this program: {e}")))?;
        let log = fs::File::create(self.log()).map_err(|e| failed(format!("cannot write the log: {e}")))?;
        let mut command = Command::new(program);
        command.arg("-c").arg(self.conf()).args(["--log-format", "pretty", "run"]);
        // What is set around it is for another sidecar.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RALPHEXT")) {
            command.env_remove(name);
        }
        command.env("RALPHEXT__REDIS__URL", self.url()).stdout(Stdio::null()).stderr(log);
        self.spawn(command, "the sidecar")
    }

    /// In a process group of its own: Ctrl-C is for the demo, which then stops the others in order.
    fn spawn(&mut self, mut command: Command, what: &str) -> Result<(), Failure> {
        let child = command.stdin(Stdio::null()).process_group(0).spawn();
        self.children.insert(0, child.map_err(|e| failed(format!("cannot start {what}: {e}")))?);
        Ok(())
    }

    fn show_log(&self) {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines[lines.len().saturating_sub(10)..] {
            anstream::eprintln!("sidecar: {line}");
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in &mut self.children {
            end(child);
        }
        remove(&self.dir);
    }
}

/// Asks a child to end; after a while it is ended.
fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::TERM);
    }
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn remove(dir: &Path) {
    if let Err(e) = fs::remove_dir_all(dir)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        anstream::eprintln!("note: {} could not be removed: {e}", dir.display());
    }
}
