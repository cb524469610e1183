//! Database servers: started as a user without rights, killed, started again. It must not know what is asked of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{DEADLINE, Outcome, Pki, Running, redis::free_port, signal};

/// Who runs the servers where we are root, which they refuse to be.
const NOBODY: &str = "65534";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    MariaDb,
}

/// A server with the database `assets`, the user `reader` with the password `s3cret`, and an administrator on its socket.
pub struct Database {
    engine: Engine,
    dir: TempDir,
    port: u16,
    has_tls: bool,
    child: Option<Child>,
}

impl Database {
    /// Starts one, with TLS if there are certificates.
    pub fn start(engine: Engine, pki: Option<&Pki>) -> Self {
        let dir = tempfile::Builder::new().prefix("db-").tempdir().expect("a directory for the server");
        let mut server = Self { engine, dir, port: free_port(), has_tls: pki.is_some(), child: None };
        if let Some(pki) = pki {
            let pair = pki.server();
            for (from, to) in [(pair.cert, "server.crt"), (pair.key, "server.key"), (pki.ca(), "ca.pem")] {
                fs::copy(from, server.path(to)).expect("a certificate");
            }
            run(Command::new("chmod").arg("600").arg(server.path("server.key")));
        }
        if is_root() {
            run(Command::new("chown").arg("-R").arg(format!("{NOBODY}:{NOBODY}")).arg(server.dir.path()));
        }
        server.install();
        server.spawn();
        let user = match engine {
            Engine::Postgres => {
                "CREATE DATABASE assets TEMPLATE template0 ENCODING 'UTF8'; CREATE ROLE reader LOGIN PASSWORD 's3cret';"
            }
            Engine::MariaDb => {
                "CREATE DATABASE assets CHARACTER SET utf8mb4; CREATE USER reader IDENTIFIED BY 's3cret';
                 GRANT SELECT, EXECUTE ON assets.* TO reader;"
            }
        };
        server.client(None, user);
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The address for `reader`, without a password.
    pub fn url(&self) -> String {
        let scheme = if self.engine == Engine::Postgres { "postgres" } else { "mariadb" };
        format!("{scheme}://reader@127.0.0.1:{}/assets", self.port)
    }

    /// The address over the unix socket.
    pub fn socket_url(&self) -> String {
        let dir = self.dir.path().display();
        match self.engine {
            Engine::Postgres => format!("postgres://reader@/assets?host={dir}&port={}", self.port),
            Engine::MariaDb => format!("mysql://reader@localhost/assets?socket={dir}/my.sock"),
        }
    }

    /// Runs statements in `assets` as the administrator; the answer is what they print.
    #[track_caller]
    pub fn sql(&self, script: &str) -> String {
        self.client(Some("assets"), script).stdout
    }

    #[track_caller]
    fn client(&self, database: Option<&str>, script: &str) -> Outcome {
        let mut client = match self.engine {
            Engine::Postgres => {
                let mut psql = Command::new("psql");
                psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "admin", "-h"]).arg(self.dir.path());
                psql.arg("-p").arg(self.port.to_string()).args(["-d", database.unwrap_or("postgres"), "-f", "-"]);
                psql
            }
            Engine::MariaDb => {
                let mut mariadb = Command::new("mariadb");
                mariadb.args([
                    "--no-defaults",
                    "--user=root",
                    "--batch",
                    "--skip-column-names",
                    "--default-character-set=utf8mb4",
                ]);
                mariadb.arg(format!("--socket={}", self.path("my.sock").display())).args(database);
                mariadb
            }
        };
        Running::spawn(&mut client, Some(script.to_owned())).finish(DEADLINE).expect(0)
    }

    /// Ends it at once, connections and all.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // PostgreSQL's children go with it only if it can tell them to.
        signal(child.id(), if self.engine == Engine::Postgres { "QUIT" } else { "KILL" });
        let _ = child.wait();
    }

    /// Starts it again, on the same port with the same data.
    pub fn restart(&mut self) {
        self.kill();
        let _ = fs::remove_file(self.path("data/postmaster.pid"));
        self.spawn();
    }

    fn install(&self) {
        let data = self.path("data");
        let mut install = match self.engine {
            Engine::Postgres => {
                let mut initdb = as_nobody(&postgres("initdb"));
                initdb.arg("-D").arg(&data).args(["-U", "admin", "-E", "UTF8", "--locale=C", "--no-sync"]);
                initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
                initdb
            }
            Engine::MariaDb => {
                let mut install = as_nobody(Path::new("mariadb-install-db"));
                install.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
                install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
                install
            }
        };
        Running::spawn(install.current_dir(self.dir.path()).env("HOME", self.dir.path()), None)
            .finish(DEADLINE)
            .expect(0);
    }

    fn spawn(&mut self) {
        let (data, dir, port) = (self.path("data"), self.dir.path().display().to_string(), self.port);
        let mut server = match self.engine {
            Engine::Postgres => {
                let mut server = as_nobody(&postgres("postgres"));
                server.arg("-D").arg(&data).args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
                server.args(["-c", &format!("port={port}"), "-c", &format!("unix_socket_directories={dir}")]);
                if self.has_tls {
                    server.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={dir}/server.crt")]);
                    server.args(["-c", &format!("ssl_key_file={dir}/server.key")]);
                }
                server
            }
            Engine::MariaDb => {
                let binary = if Path::new("/usr/sbin/mariadbd").exists() { "/usr/sbin/mariadbd" } else { "mariadbd" };
                let mut server = as_nobody(Path::new(binary));
                server.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
                server.args([
                    format!("--port={port}"),
                    format!("--socket={dir}/my.sock"),
                    format!("--pid-file={dir}/my.pid"),
                ]);
                server.args([
                    "--bind-address=127.0.0.1",
                    "--innodb-flush-log-at-trx-commit=0",
                    "--default-time-zone=+03:00",
                ]);
                if self.has_tls {
                    server.args([format!("--ssl-cert={dir}/server.crt"), format!("--ssl-key={dir}/server.key")]);
                    server.arg(format!("--ssl-ca={dir}/ca.pem"));
                }
                server
            }
        };
        let log = fs::File::create(self.path("server.log")).expect("a log file");
        server.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.child =
            Some(server.current_dir(self.dir.path()).env("HOME", self.dir.path()).spawn().expect("the server starts"));
        let start = Instant::now();
        while !self.answers() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("its status"));
            let log = || fs::read_to_string(self.path("server.log")).unwrap_or_default();
            assert!(ended.is_none() && start.elapsed() < DEADLINE, "no server came up ({ended:?}):\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        let mut ask = match self.engine {
            Engine::Postgres => {
                let mut ask = Command::new("psql");
                ask.args(["-X", "-U", "admin", "-d", "postgres", "-c", "SELECT 1", "-h"]).arg(self.dir.path());
                ask.arg("-p").arg(self.port.to_string());
                ask
            }
            Engine::MariaDb => {
                let mut ask = Command::new("mariadb");
                ask.args(["--no-defaults", "--user=root", "-e", "SELECT 1"]);
                ask.arg(format!("--socket={}", self.path("my.sock").display()));
                ask
            }
        };
        ask.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("our status");
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}

/// The program, run by somebody without rights where we are root.
fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups", "--"]).arg(program);
    command
}

/// PostgreSQL's programs are not in PATH on Debian; the newest version is taken.
fn postgres(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|entry| entry.path().join("bin").join(program)).filter(|path| path.exists()).max();
    found.unwrap_or_else(|| program.into())
}

#[track_caller]
fn run(command: &mut Command) {
    assert!(command.status().expect("it runs").success(), "{command:?}");
}
