//! A master, its replicas, and three sentinels that watch over them. It must not know what ralphext makes of them.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use redis::RedisResult;
use tempfile::TempDir;

use super::{
    Login, Pki, Redis, WithTls, eventually,
    redis::{free_port, server_binary},
    signal,
};

/// The name under which the sentinels know the master.
pub const MASTER: &str = "mymaster";
/// The user as whom the tests log in, so that the `default` user can be shut out.
const KEEPER: &str = "keeper";

/// Servers and their sentinels; all killed on drop.
pub struct Watched {
    /// The master at the start, then its replicas.
    pub servers: Vec<Redis>,
    sentinels: Vec<Sentinel>,
    has_tls: bool,
}

/// One sentinel.
struct Sentinel {
    dir: TempDir,
    port: u16,
    tls_port: Option<u16>,
    child: Option<Child>,
}

impl Watched {
    /// One master, one replica, three sentinels; `lines` are for the servers, `sentinel_lines` for the sentinels.
    pub fn start(lines: &[&str], sentinel_lines: &[&str], pki: Option<&Pki>) -> Self {
        let keeper = format!("user {KEEPER} on >{KEEPER} ~* &* +@all");
        let login = Login { user: Some(KEEPER.to_owned()), password: Some(KEEPER.to_owned()) };
        let mut lines: Vec<&str> =
            lines.iter().copied().chain([keeper.as_str(), "repl-diskless-sync-delay 0"]).collect();
        if pki.is_some() {
            lines.push("tls-replication yes");
        }
        let tls = pki.map(|pki| WithTls { pki, mutual: false });
        let master = Redis::build(&lines, login.clone(), tls);
        let port = master.tls_port().unwrap_or(master.port());
        let replicaof = format!("replicaof 127.0.0.1 {port}");
        let replica = Redis::build(&[lines.as_slice(), &[&replicaof]].concat(), login, tls);
        replica.wait_until_in_step();
        [&master, &replica].iter().for_each(|redis| redis.grant(&["hwinfo", "--with", "sentinel"]));
        let sentinels = (0..3).map(|_| Sentinel::start(port, sentinel_lines, pki)).collect();
        let watched = Self { servers: vec![master, replica], sentinels, has_tls: pki.is_some() };
        eventually("the sentinels know each other and the replica", || {
            watched
                .sentinels
                .iter()
                .all(|s| s.knows("num-other-sentinels") == Some(2) && s.knows("num-slaves") == Some(1))
        });
        watched
    }

    /// The sentinels' addresses, as `redis.sentinel.nodes` takes them.
    pub fn nodes(&self) -> Vec<String> {
        let port = |s: &Sentinel| if self.has_tls { s.tls_port.expect("it has TLS") } else { s.port };
        self.sentinels.iter().map(|s| format!("127.0.0.1:{}", port(s))).collect()
    }

    /// The same without TLS, on servers that have it.
    pub fn plain_nodes(&self) -> Vec<String> {
        self.sentinels.iter().map(|s| format!("redis://127.0.0.1:{}", s.port)).collect()
    }

    /// The scheme of addresses: `redis`, or `rediss` with TLS.
    pub fn scheme(&self) -> &'static str {
        if self.has_tls { "rediss" } else { "redis" }
    }

    /// Which of the servers each sentinel that runs and answers names.
    pub fn named(&self) -> Vec<usize> {
        self.sentinels.iter().filter_map(|s| s.named().ok()).map(|port| self.index(port)).collect()
    }

    fn index(&self, port: u16) -> usize {
        let is = |r: &Redis| r.port() == port || r.tls_port() == Some(port);
        self.servers.iter().position(is).unwrap_or_else(|| panic!("no server of ours has port {port}"))
    }

    /// Waits until all sentinels name server `index`, and it says so itself.
    #[track_caller]
    pub fn wait_for_master(&self, index: usize) {
        eventually("all sentinels name the new master", || {
            let named = self.named();
            named.len() == self.sentinels.len() && named.iter().all(|n| *n == index)
        });
        eventually("it is the master", || {
            self.servers[index].try_cmd::<String>(&["INFO", "replication"]).is_ok_and(|i| i.contains("role:master"))
        });
    }

    /// Waits until all sentinels know of a replica that could take the master's place.
    #[track_caller]
    pub fn wait_for_replica(&self) {
        eventually("the sentinels see a replica that is fit", || {
            self.sentinels.iter().all(|s| s.has_fit_replica().unwrap_or(false))
        });
    }

    /// Lets the sentinels make the replica the master, as an operator does; waits until it is.
    #[track_caller]
    pub fn fail_over(&self, to: usize) {
        eventually("a sentinel takes the order", || {
            self.sentinels[0].cmd::<()>(&["SENTINEL", "FAILOVER", MASTER]).is_ok()
        });
        self.wait_for_master(to);
    }

    /// Cuts the first master off from sentinels and replica, while other users reach it as before.
    pub fn cut_off_master(&self) {
        let master = &self.servers[0];
        master.cmd::<()>(&["ACL", "SETUSER", "default", "off"]);
        master.cmd::<i64>(&["CLIENT", "KILL", "USER", "default"]);
        // The replica's own link on the master's side is no normal client.
        master.try_cmd::<i64>(&["CLIENT", "KILL", "TYPE", "replica"]).ok();
    }

    /// Freezes sentinel `index`.
    pub fn pause_sentinel(&self, index: usize) {
        signal(self.sentinels[index].child.as_ref().expect("it runs").id(), "STOP");
    }

    /// Lets it go on.
    pub fn resume_sentinel(&self, index: usize) {
        signal(self.sentinels[index].child.as_ref().expect("it runs").id(), "CONT");
    }

    /// Ends sentinel `index`.
    pub fn kill_sentinel(&mut self, index: usize) {
        self.sentinels[index].kill();
    }

    /// Starts it again, with what it knew.
    pub fn restart_sentinel(&mut self, index: usize) {
        self.sentinels[index].spawn();
    }
}

impl Sentinel {
    fn start(master: u16, lines: &[&str], pki: Option<&Pki>) -> Self {
        let dir = tempfile::Builder::new().prefix("sentinel-").tempdir().expect("a directory for the sentinel");
        let (port, tls_port) = (free_port(), pki.map(|_| free_port()));
        let tls = pki.zip(tls_port).map(|(pki, port)| pki.lines(port, false) + "tls-replication yes\n");
        let config = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n{}sentinel monitor {MASTER} 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds {MASTER} 1000\nsentinel failover-timeout {MASTER} 5000\n{}\n",
            dir.path().display(),
            tls.unwrap_or_default(),
            lines.join("\n"),
        );
        fs::write(dir.path().join("sentinel.conf"), config).expect("its configuration");
        let mut sentinel = Self { dir, port, tls_port, child: None };
        sentinel.spawn();
        sentinel
    }

    fn spawn(&mut self) {
        let log = fs::File::create(self.dir.path().join("sentinel.log")).expect("a log file");
        let mut command = Command::new(server_binary());
        command.arg(self.dir.path().join("sentinel.conf")).arg("--sentinel").stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.child = Some(command.spawn().expect("the sentinel starts"));
        eventually("the sentinel answers", || self.cmd::<String>(&["PING"]).is_ok());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn cmd<T: redis::FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_secs(2)))?;
        command.query(&mut connection)
    }

    /// A number of `SENTINEL MASTER`.
    fn knows(&self, name: &str) -> Option<u64> {
        let told: Vec<String> = self.cmd(&["SENTINEL", "MASTER", MASTER]).ok()?;
        told.chunks_exact(2).find(|pair| pair[0] == name)?[1].parse().ok()
    }

    fn has_fit_replica(&self) -> RedisResult<bool> {
        let replicas: Vec<Vec<String>> = self.cmd(&["SENTINEL", "REPLICAS", MASTER])?;
        let is =
            |replica: &[String], name: &str, value: &str| replica.chunks_exact(2).any(|pair| pair == [name, value]);
        Ok(replicas.iter().any(|r| is(r, "flags", "slave") && is(r, "master-link-status", "ok")))
    }

    fn named(&self) -> RedisResult<u16> {
        let (_, port): (String, u16) = self.cmd(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER])?;
        Ok(port)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.kill();
    }
}
