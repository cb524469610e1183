//! A TCP proxy that makes faults on purpose: cuts, delays, swallows, holds back. What it passes on is the same bytes in
//! the same order; it must not know Redis.

mod passage;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub use self::passage::{Act, Cut, Way};
use self::passage::{Trap, pump, unstalled};
use super::{Redis, eventually};

/// How the proxy behaves now.
#[derive(Debug, Clone)]
struct Rules {
    target: SocketAddr,
    stalled: bool,
    swallowed: Option<Way>,
    delay: Duration,
    rate: Option<u32>,
    /// Connections that were made before this number of cuts end.
    cuts: u64,
    how: Cut,
    stop: bool,
}

#[derive(Debug)]
struct Shared {
    rules: watch::Sender<Rules>,
    trap: Mutex<Option<Trap>>,
    sprung: AtomicU64,
    held: AtomicBool,
    /// Counts releases; who holds waits for the next one.
    releases: watch::Sender<u64>,
}

/// A proxy in front of a server; everything can be switched while connections are open.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy that passes everything on to `server`.
    pub fn to(server: &Redis) -> Self {
        Self::to_port(server.port())
    }

    /// A proxy that passes everything on to whatever listens on `port`.
    pub fn to_port(port: u16) -> Self {
        let rules = Rules {
            target: local(port),
            stalled: false,
            swallowed: None,
            delay: Duration::ZERO,
            rate: None,
            cuts: 0,
            how: Cut::Reset,
            stop: false,
        };
        let shared = Arc::new(Shared {
            rules: watch::Sender::new(rules),
            trap: Mutex::default(),
            sprung: AtomicU64::new(0),
            held: AtomicBool::new(false),
            releases: watch::Sender::new(0),
        });
        let listener = std::net::TcpListener::bind(local(0)).expect("a port for the proxy");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let port = listener.local_addr().expect("its address").port();
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(accept(listener, of_thread));
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://` URL of the proxy.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Sends new connections to `server` and ends those that go elsewhere, as a failover does.
    pub fn redirect(&self, server: &Redis) {
        let target = local(server.port());
        self.change(|rules| {
            (rules.target, rules.how) = (target, Cut::Reset);
            rules.cuts += 1;
        });
    }

    /// Ends all connections; new ones are served.
    pub fn cut(&self, how: Cut) {
        self.change(|rules| {
            rules.cuts += 1;
            rules.how = how;
        });
    }

    /// A partition: nothing comes through either way, connections stay open, nothing is lost.
    pub fn stall(&self) {
        self.change(|rules| rules.stalled = true);
    }

    /// Half-open: whatever goes `way` from now on is lost. A connection that lost something never recovers.
    pub fn swallow(&self, way: Way) {
        self.change(|rules| rules.swallowed = Some(way));
    }

    /// Every step takes this much longer.
    pub fn delay(&self, delay: Duration) {
        self.change(|rules| rules.delay = delay);
    }

    /// At most this many bytes a second on each way of each connection.
    pub fn throttle(&self, bytes_per_second: u32) {
        self.change(|rules| rules.rate = Some(bytes_per_second.max(100)));
    }

    /// Ends stalls, delays, throttling and losses for connections that have lost nothing.
    pub fn heal(&self) {
        self.change(|rules| {
            (rules.stalled, rules.swallowed, rules.delay, rules.rate) = (false, None, Duration::ZERO, None);
        });
    }

    /// Acts once, on the first connection on whose `way` the bytes `at` come by: everything before them and `further`
    /// bytes more are passed on, then it acts. With an empty `at` it is the next byte.
    pub fn trap(&self, way: Way, at: &[u8], further: usize, act: Act) {
        *self.shared.trap.lock().expect("the trap") = Some(Trap { way, at: at.to_vec(), further, act });
    }

    /// How many traps have acted so far.
    pub fn sprung(&self) -> u64 {
        self.shared.sprung.load(Relaxed)
    }

    /// Takes back a trap that has not acted, and lets go what one that acted holds.
    pub fn disarm(&self) {
        *self.shared.trap.lock().expect("the trap") = None;
        self.release();
    }

    /// Waits until a trap holds something back.
    #[track_caller]
    pub fn wait_until_held(&self) {
        eventually("the proxy holds something back", || self.is_held());
    }

    /// Whether a trap holds something back.
    pub fn is_held(&self) -> bool {
        self.shared.held.load(Relaxed)
    }

    /// Passes on what a trap holds back.
    pub fn release(&self) {
        self.shared.releases.send_modify(|count| *count += 1);
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        self.shared.rules.send_modify(change);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|rules| rules.stop = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut rules = shared.rules.subscribe();
    loop {
        tokio::select! {
            _ = rules.wait_for(|rules| rules.stop) => return,
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(connection(client, shared.clone()));
                }
            }
        }
    }
}

async fn connection(mut client: TcpStream, shared: Arc<Shared>) {
    let mut rules = shared.rules.subscribe();
    let born = rules.borrow().cuts;
    unstalled(&mut rules).await;
    let target = rules.borrow().target;
    let Ok(mut server) = TcpStream::connect(target).await else {
        // The client sees what a dead server shows it.
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ended = {
        let ((client_reads, client_writes), (server_reads, server_writes)) = (client.split(), server.split());
        let up = pump(client_reads, server_writes, Way::Up, &shared);
        let down = pump(server_reads, client_writes, Way::Down, &shared);
        tokio::select! {
            both = async { tokio::try_join!(up, down) } => both.map(drop),
            how = cut_after(&mut rules, born) => Err(how),
        }
    };
    match ended {
        Ok(()) => {}
        Err(Cut::Reset) => {
            let _ = (client.set_zero_linger(), server.set_zero_linger());
        }
        Err(Cut::Close) => {
            let _ = (client.shutdown().await, server.shutdown().await);
            // Dropped with unread bytes it would be reset.
            let drain = async { tokio::join!(drain(&mut client), drain(&mut server)) };
            let _ = tokio::time::timeout(Duration::from_secs(1), drain).await;
        }
    }
}

async fn drain(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while let Ok(1..) = stream.read(&mut rest).await {}
}

/// Waits for a cut that ends connections made after `born` cuts.
async fn cut_after(rules: &mut watch::Receiver<Rules>, born: u64) -> Cut {
    rules.wait_for(|rules| rules.cuts > born).await.map_or(Cut::Reset, |rules| rules.how)
}
