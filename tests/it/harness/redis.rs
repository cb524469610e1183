//! One real Redis (or Valkey) server for one test. It must not know what ralphext writes beyond the key grammar.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use redis::{Connection, FromRedisValue, RedisResult};
use serde_json::Value;
use tempfile::TempDir;

use super::{DEADLINE, Envelope, Pki, signal, users};

/// A private server on an own port and an own unix socket, without persistence, with keyspace events on, and with the
/// users that `ralphext acl` prints; killed on drop.
pub struct Redis {
    dir: TempDir,
    port: u16,
    tls_port: Option<u16>,
    login: Login,
    child: Option<Child>,
}

/// How the tests themselves log in.
#[derive(Debug, Clone, Default)]
pub struct Login {
    pub user: Option<String>,
    pub password: Option<String>,
}

/// TLS beside plain TCP, and whether clients have to show a certificate.
#[derive(Clone, Copy)]
pub struct WithTls<'a> {
    pub pki: &'a Pki,
    pub mutual: bool,
}

impl Redis {
    /// Starts a server with nothing special.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with more lines in its configuration.
    pub fn with(lines: &[&str]) -> Self {
        Self::build(lines, Login::default(), None)
    }

    /// Starts a server that speaks TLS too; see [`has_tls`].
    pub fn with_tls(lines: &[&str], tls: WithTls<'_>) -> Self {
        Self::build(lines, Login::default(), Some(tls))
    }

    /// Starts a server that wants a password.
    pub fn with_password(password: &str) -> Self {
        let login = Login { user: None, password: Some(password.to_owned()) };
        Self::build(&[&format!("requirepass {password}")], login, None)
    }

    /// Starts a replica of `master` and waits until it is in step.
    pub fn replica_of(master: &Self) -> Self {
        let replica = Self::with(&[&format!("replicaof 127.0.0.1 {}", master.port)]);
        replica.wait_until_in_step();
        replica
    }

    /// Waits until a replica has caught up with its master.
    pub fn wait_until_in_step(&self) {
        // A sentinel that turns a server into a replica closes its connections.
        super::eventually("the replica is in step", || {
            self.try_cmd::<String>(&["INFO", "replication"]).is_ok_and(|info| info.contains("master_link_status:up"))
        });
    }

    /// Starts a server on which the tests log in as `login`.
    pub fn build(lines: &[&str], login: Login, tls: Option<WithTls<'_>>) -> Self {
        for _ in 0..10 {
            let dir = tempfile::Builder::new().prefix("redis-").tempdir().expect("a directory for the server");
            let tls_port = tls.map(|_| free_port());
            let mut server = Self { port: free_port(), tls_port, dir, login: login.clone(), child: None };
            let with_tls = tls.zip(tls_port).map(|(tls, port)| tls.pki.lines(port, tls.mutual)).unwrap_or_default();
            let config = format!(
                "port {}\nbind 127.0.0.1\nunixsocket {}\nsave \"\"\nappendonly no\ndir {}\nloglevel notice\n\
                 notify-keyspace-events KEA\n{with_tls}{}\n{}",
                server.port,
                server.socket().display(),
                server.dir.path().display(),
                lines.join("\n"),
                users::usual().iter().map(|user| format!("user {user}\n")).collect::<String>(),
            );
            fs::write(server.dir.path().join("redis.conf"), config).expect("its configuration");
            if server.spawn() {
                return server;
            }
        }
        panic!("no server came up in ten attempts");
    }

    /// Starts the process; false if it ended at once (its port was taken meanwhile).
    fn spawn(&mut self) -> bool {
        let log = fs::File::create(self.dir.path().join("redis.log")).expect("a log file");
        let mut command = Command::new(server_binary());
        command.arg(self.dir.path().join("redis.conf")).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.child = Some(command.spawn().expect("the server starts"));
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            if self.try_cmd::<String>(&["PING"]).is_ok() {
                return true;
            }
            let child = self.child.as_mut().expect("started above");
            if let Some(status) = child.try_wait().expect("its status") {
                let log = fs::read_to_string(self.dir.path().join("redis.log")).unwrap_or_default();
                assert!(log.contains("in use"), "the server ended with {status}:\n{log}");
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not answer PING");
    }

    /// Adds the users that `ralphext acl` prints for these words; they survive a restart.
    pub fn grant(&self, words: &[&str]) {
        for user in users::acl(words) {
            let mut command = redis::cmd("ACL");
            command.arg("SETUSER").arg(user.split(' ').collect::<Vec<_>>());
            command.query::<()>(&mut self.connect().expect("a connection")).expect("ACL SETUSER");
            let path = self.dir.path().join("redis.conf");
            let config = fs::read_to_string(&path).expect("its configuration");
            let name = format!("user {} ", user.split(' ').next().unwrap_or_default());
            let rest: String = config.lines().filter(|l| !l.starts_with(&name)).map(|l| format!("{l}\n")).collect();
            fs::write(path, format!("{rest}user {user}\n")).expect("its configuration");
        }
    }

    /// `redis://` URL over TCP, without user and password: whoever connects has all rights.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// `rediss://` URL over TLS.
    #[track_caller]
    pub fn tls_url(&self) -> String {
        format!("rediss://127.0.0.1:{}/0", self.tls_port.expect("it was started with TLS"))
    }

    /// The port that it listens on, without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its port with TLS, if it has one.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls_port
    }

    /// `unix://` URL of the socket.
    pub fn unix_url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// A `redis://` URL on which nothing listens.
    pub fn nowhere() -> String {
        format!("redis://127.0.0.1:{}/0", free_port())
    }

    /// Where its unix socket is.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// A fresh connection over the unix socket, with all rights.
    pub fn connect(&self) -> RedisResult<Connection> {
        let user = self.login.user.as_ref().map(|u| format!("&user={u}")).unwrap_or_default();
        let pass = self.login.password.as_ref().map(|p| format!("&pass={p}")).unwrap_or_default();
        redis::Client::open(format!("redis+unix://{}?db=0{user}{pass}", self.socket().display()))?
            .get_connection_with_timeout(Duration::from_secs(10))
    }

    /// Runs one command on a fresh connection.
    pub fn try_cmd<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query(&mut self.connect()?)
    }

    /// Runs one command that must go well.
    #[track_caller]
    pub fn cmd<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_cmd(words).unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    /// The value of a string key.
    pub fn get(&self, key: &str) -> Option<String> {
        self.cmd(&["GET", key])
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.cmd(&["KEYS", "*"]);
        keys.sort();
        keys
    }

    /// Removes everything.
    pub fn flush(&self) {
        self.cmd::<()>(&["FLUSHALL"]);
    }

    /// Ends the server as a crash would: nothing is kept.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again, empty, on the same port and socket.
    pub fn restart(&mut self) {
        // A replica has kept what it was sent at the beginning.
        let _ = fs::remove_file(self.dir.path().join("dump.rdb"));
        self.restart_as_saved();
    }

    /// Starts it again with what it saved last (`SAVE`), on the same port and socket.
    pub fn restart_as_saved(&mut self) {
        self.kill();
        assert!(self.spawn(), "port {} was taken meanwhile", self.port);
    }

    /// Freezes the process: connections stay open, nothing answers.
    pub fn pause(&self) {
        signal(self.child.as_ref().expect("it runs").id(), "STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        signal(self.child.as_ref().expect("it runs").id(), "CONT");
    }

    /// The raw values of all objects of a service, by object id.
    pub fn raw_objects(&self, service: &str) -> BTreeMap<String, String> {
        let prefix = format!("ralphext:v1:{service}:");
        let keys: Vec<String> = self.keys().into_iter().filter(|k| is_object_of(k, &prefix)).collect();
        let mut found = BTreeMap::new();
        let mut connection = self.connect().expect("a connection");
        for chunk in keys.chunks(1000) {
            let values: Vec<Option<String>> = redis::cmd("MGET").arg(chunk).query(&mut connection).expect("MGET");
            let both = chunk.iter().zip(values).filter_map(|(k, v)| Some((k[prefix.len()..].to_owned(), v?)));
            found.extend(both);
        }
        found
    }

    /// All objects of a service by id, each checked against the contract.
    pub fn objects(&self, service: &str) -> BTreeMap<String, Envelope> {
        self.objects_ignoring(service, &[])
    }

    /// As [`Redis::objects`], for a service with `content.ignore`.
    pub fn objects_ignoring(&self, service: &str, ignore: &[&str]) -> BTreeMap<String, Envelope> {
        let raw = self.raw_objects(service);
        raw.into_iter().map(|(id, raw)| (id.clone(), Envelope::check(service, &id, raw, ignore))).collect()
    }

    /// One object, checked against the contract.
    #[track_caller]
    pub fn object(&self, service: &str, id: &str) -> Envelope {
        let raw =
            self.get(&format!("ralphext:v1:{service}:{id}")).unwrap_or_else(|| panic!("{service}:{id} is missing"));
        Envelope::check(service, id, raw, &[])
    }

    /// How many objects of a service there are.
    pub fn count(&self, service: &str) -> usize {
        let prefix = format!("ralphext:v1:{service}:");
        self.keys().iter().filter(|k| is_object_of(k, &prefix)).count()
    }

    /// The service's descriptor, or null.
    pub fn descriptor(&self, service: &str) -> Value {
        let text = self.get(&format!("ralphext:v1:{service}"));
        text.map_or(Value::Null, |t| serde_json::from_str(&t).expect("the descriptor is JSON"))
    }

    /// Everything there is, as bytes (`DUMP`), to see that nothing was touched.
    pub fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        self.keys().into_iter().map(|k| (k.clone(), self.cmd::<Vec<u8>>(&["DUMP", &k]))).collect()
    }

    /// How often each command was called since the last `CONFIG RESETSTAT`.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let info: String = self.cmd(&["INFO", "commandstats"]);
        let line = |l: &str| {
            let (name, rest) = l.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        };
        info.lines().filter_map(line).filter(|(_, calls)| *calls > 0).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether `key` is an object's key below `prefix`, not one of the service's own (`@lease` and the like).
pub fn is_object_of(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix).is_some_and(|id| !id.starts_with('@'))
}

/// The server under test: the one that `RALPHEXT_TEST_SERVER` names (`make test-all` runs everything on Valkey too).
pub fn server_binary() -> String {
    if let Ok(path) = std::env::var("RALPHEXT_TEST_SERVER") {
        return path;
    }
    let there = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
    };
    let found = ["redis-server", "valkey-server"].into_iter().find(|name| there(name));
    found
        .map(str::to_owned)
        .unwrap_or_else(|| panic!("neither redis-server nor valkey-server is on the PATH\nhint: run `make setup`"))
}

/// Whether the server under test was built with TLS; tests that need it are skipped with a word otherwise.
#[expect(clippy::print_stderr, reason = "whoever reads the test's output is to know what was not tried")]
pub fn has_tls() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| {
        // Without a certificate it ends at once either way, and says what it lacks.
        let port = free_port().to_string();
        let output = Command::new(server_binary()).args(["--port", "0", "--tls-port", &port]).output();
        let output = output.expect("the server starts");
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let has = !["Bad directive", "finding TLS support"].iter().any(|lack| told.contains(lack));
        if !has {
            eprintln!("skipped: {} was built without TLS", server_binary());
        }
        has
    })
}

/// A port below the range from which outgoing connections take theirs, so that a restart finds it free again.
pub fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
