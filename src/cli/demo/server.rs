//! A private Redis (or Valkey) server: a unix socket in the demo's directory, no TCP port, nothing on disk. It must not know
//! what is stored there.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{DEADLINE, process::Process, scratch::Scratch};
use crate::{
    cli::{Exit, Failure},
    settings::{Redis, RedisUrl},
    store::{Observer, Reader, Target},
};

const SOCKET: &str = "redis.sock";

/// The running server; ended when dropped.
pub struct Server {
    process: Process,
    settings: Redis,
    program: String,
}

impl Server {
    /// Starts `redis-server` or `valkey-server` from `PATH` and waits until it answers.
    pub fn start(scratch: &Scratch) -> Result<Self, Failure> {
        let Some(path) = ["redis-server", "valkey-server"].into_iter().find_map(find) else {
            let hint = "`make setup` installs one; or install your system's package redis or valkey";
            return Err(Failure::new(Exit::Failed, "neither redis-server nor valkey-server is in PATH", hint));
        };
        let program = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let socket = scratch.join(SOCKET);
        let mut command = Command::new(&path);
        command.args(["--port", "0", "--unixsocket"]).arg(&socket).args(["--unixsocketperm", "700"]);
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"]).arg(scratch.path());
        // The server tells of every key that is touched: that is how the demo proves that something was not written.
        command.args(["--notify-keyspace-events", "KEA"]);
        let process = Process::start(&program, &mut command, scratch, "server.log")?;
        let url = RedisUrl::parse(format!("unix://{}", socket.display())).map_err(|e| {
            Failure::new(Exit::Failed, e.to_string(), "set TMPDIR to a directory whose path has no white space")
        })?;
        let mut server = Self { process, settings: Redis { url, ..Redis::default() }, program };
        let begun = Instant::now();
        while let Err(e) = server.reader() {
            server.process.check()?;
            if begun.elapsed() > DEADLINE {
                return Err(e);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    /// `redis-server` or `valkey-server`.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// `unix://...`
    pub fn url(&self) -> &str {
        self.settings.url.expose()
    }

    /// See [`Process::check`].
    pub fn check(&mut self) -> Result<(), Failure> {
        self.process.check()
    }

    /// A new connection to read from.
    pub fn reader(&self) -> Result<Reader, Failure> {
        Ok(Reader::open(self.target()?, &self.settings.prefix)?)
    }

    /// A new connection that hears of every key that is touched.
    pub fn observer(&self) -> Result<Observer, Failure> {
        Ok(Observer::open(self.target()?)?)
    }

    /// Where to connect to.
    pub fn target(&self) -> Result<Target, Failure> {
        Ok(Target::new(&self.settings)?)
    }
}

/// The program in `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let is_program =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(is_program)
}
