//! etcd: one member or a cluster, with TLS or without, killed and started again. It must not know what is kept there.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{DEADLINE, Outcome, Pki, Running, redis::free_port};

/// A cluster; its members end with it.
pub struct Etcd {
    dir: TempDir,
    members: Vec<Member>,
    scheme: &'static str,
    flags: Vec<String>,
    control: Vec<String>,
}

struct Member {
    client: u16,
    peer: u16,
    child: Option<Child>,
}

impl Etcd {
    /// One member.
    pub fn start() -> Self {
        Self::cluster(1, None)
    }

    /// `count` members; with certificates, only clients who show one of theirs are let in.
    pub fn cluster(count: usize, pki: Option<&Pki>) -> Self {
        let dir = tempfile::Builder::new().prefix("etcd-").tempdir().expect("a directory for etcd");
        let member = |_| Member { client: free_port(), peer: free_port(), child: None };
        let (mut flags, mut control) = (Vec::new(), Vec::new());
        if let Some(pki) = pki {
            let (server, client) = (pki.server(), pki.issue("etcdctl", &["etcdctl"]));
            let ca = pki.ca().display().to_string();
            let flag = |name: &str, path: &std::path::Path| format!("--{name}={}", path.display());
            flags.extend([
                flag("cert-file", &server.cert),
                flag("key-file", &server.key),
                format!("--trusted-ca-file={ca}"),
            ]);
            flags.push("--client-cert-auth".to_owned());
            control.extend([flag("cert", &client.cert), flag("key", &client.key), format!("--cacert={ca}")]);
        }
        let scheme = if pki.is_some() { "https" } else { "http" };
        let mut etcd = Self { dir, members: (0..count).map(member).collect(), scheme, flags, control };
        (0..count).for_each(|at| etcd.spawn(at));
        etcd.wait();
        etcd
    }

    /// Its endpoints, as a flag has them.
    pub fn endpoints(&self) -> String {
        let all: Vec<String> = self.members.iter().map(|member| self.url(member)).collect();
        all.join(",")
    }

    fn url(&self, member: &Member) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, member.client)
    }

    /// Starts a member (again).
    pub fn spawn(&mut self, at: usize) {
        let peers: Vec<String> =
            self.members.iter().enumerate().map(|(n, m)| format!("m{n}=http://127.0.0.1:{}", m.peer)).collect();
        let (client, peer) = (self.url(&self.members[at]), format!("http://127.0.0.1:{}", self.members[at].peer));
        let child = Command::new("etcd")
            .args(["--name", &format!("m{at}")])
            .arg("--data-dir")
            .arg(self.dir.path().join(format!("m{at}")))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &peers.join(","), "--initial-cluster-state", "new"])
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .args(&self.flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd starts; scripts/setup.sh --all installs it");
        self.members[at].child = Some(child);
    }

    /// Kills a member at once.
    pub fn kill(&mut self, at: usize) {
        if let Some(mut child) = self.members[at].child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until the cluster answers.
    pub fn wait(&self) {
        let begun = Instant::now();
        while self.tried(&["get", "nothing"]).code != 0 {
            assert!(begun.elapsed() < Duration::from_secs(30), "etcd does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Which member leads.
    pub fn leader(&self) -> usize {
        let told = self.ctl(&["endpoint", "status", "-w", "json"]).json();
        let leads = |one: &serde_json::Value| one["Status"]["leader"] == one["Status"]["header"]["member_id"];
        let one = told.as_array().expect("a list").iter().find(|one| leads(one)).expect("a leader").clone();
        let endpoint = one["Endpoint"].as_str().expect("its endpoint").to_owned();
        self.members.iter().position(|member| self.url(member) == endpoint).expect("one of them")
    }

    /// Runs `etcdctl`.
    #[track_caller]
    pub fn ctl(&self, words: &[&str]) -> Outcome {
        self.tried(words).expect(0)
    }

    fn tried(&self, words: &[&str]) -> Outcome {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.endpoints()]).args(&self.control).args(words);
        Running::spawn(&mut command, None).finish(DEADLINE)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        (0..self.members.len()).for_each(|at| self.kill(at));
    }
}
