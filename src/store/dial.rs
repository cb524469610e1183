//! From an address to an open stream: names, TCP, sockets, the TLS handshake. Every wait ends by a deadline. It must not
//! know Redis' protocol.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, StreamOwned};

use super::{
    FailureClass, StoreError,
    tls::{self, Tls},
};

/// Name lookups that may be under way at once: those that hang cannot be stopped.
const MAX_LOOKUPS: usize = 32;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Host (without brackets) and port.
    Tcp(String, u16),
    /// Path of a socket.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// An open stream. Reads and writes end by the deadline last set with [`Stream::until`].
pub(super) struct Stream {
    channel: Channel,
    /// What TLS found wrong; the errors of reads and writes do not tell.
    pub(super) fault: Option<rustls::Error>,
}

enum Channel {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Stream {
    /// Connects to `place`, with a TLS handshake where `tls` is given.
    pub(super) fn open(place: &Place, tls: Option<&Tls>, deadline: Instant) -> Result<Self, StoreError> {
        let failed = |e: io::Error| StoreError::from_io(&place.to_string(), &e);
        let (host, socket) = match place {
            Place::Tcp(host, port) => (host.as_str(), Socket::Tcp(tcp(host, *port, deadline).map_err(failed)?)),
            Place::Unix(path) => ("localhost", Socket::Unix(unix(path, deadline).map_err(failed)?)),
        };
        let timed = Timed { socket, deadline, limit: None, reading: Duration::ZERO, writing: Duration::ZERO };
        let channel = match tls {
            None => Channel::Plain(timed),
            Some(tls) => Channel::Tls(Box::new(handshake(place, tls, host, timed)?)),
        };
        Ok(Self { channel, fault: None })
    }

    /// From now on reads and writes end by `deadline`.
    pub(super) fn until(&mut self, deadline: Instant) {
        let timed = self.timed();
        (timed.deadline, timed.limit) = (deadline, None);
    }

    /// From now on reads and writes end within `limit`, counted from when the first of them has to wait.
    pub(super) fn within(&mut self, limit: Duration) {
        self.timed().limit = Some(limit);
    }

    fn timed(&mut self) -> &mut Timed {
        match &mut self.channel {
            Channel::Plain(timed) => timed,
            Channel::Tls(stream) => &mut stream.sock,
        }
    }

    /// The first byte that the server sent and nobody read yet, on a TCP connection without TLS; waits for it.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        let Channel::Plain(timed) = &mut self.channel else { return Ok(None) };
        timed.arm_reading()?;
        let Socket::Tcp(tcp) = &timed.socket else { return Ok(None) };
        let mut first = [0];
        match tcp.peek(&mut first)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(Some(first[0])),
        }
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(e) = &result
            && let Some(fault) = tls::fault(e)
        {
            self.fault = Some(fault.clone());
        }
        result
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.channel {
            Channel::Plain(timed) => timed.read(buf),
            Channel::Tls(stream) => stream.read(buf),
        };
        self.note(result)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = match &mut self.channel {
            Channel::Plain(timed) => timed.write(buf),
            Channel::Tls(stream) => stream.write(buf),
        };
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = match &mut self.channel {
            Channel::Plain(timed) => timed.flush(),
            Channel::Tls(stream) => stream.flush(),
        };
        self.note(result)
    }
}

/// A socket whose reads and writes end by a deadline, however slowly bytes drip in.
struct Timed {
    socket: Socket,
    deadline: Instant,
    /// Becomes the deadline with the next read or write: most answers are there already, and asking the time costs.
    limit: Option<Duration>,
    /// What the system was told last, as limits of single reads and writes.
    reading: Duration,
    writing: Duration,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Timed {
    fn left(&mut self) -> io::Result<Duration> {
        let now = Instant::now();
        if let Some(limit) = self.limit.take() {
            self.deadline = now + limit;
        }
        let left = self.deadline.saturating_duration_since(now);
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left.max(Duration::from_millis(1))) }
    }

    fn arm_reading(&mut self) -> io::Result<()> {
        let left = self.left()?;
        if is_off(self.reading, left) {
            match &self.socket {
                Socket::Tcp(tcp) => tcp.set_read_timeout(Some(left))?,
                Socket::Unix(unix) => unix.set_read_timeout(Some(left))?,
            }
            self.reading = left;
        }
        Ok(())
    }

    fn arm_writing(&mut self) -> io::Result<()> {
        let left = self.left()?;
        if is_off(self.writing, left) {
            match &self.socket {
                Socket::Tcp(tcp) => tcp.set_write_timeout(Some(left))?,
                Socket::Unix(unix) => unix.set_write_timeout(Some(left))?,
            }
            self.writing = left;
        }
        Ok(())
    }
}

/// Whether the system has to be told of a new limit. Telling it at every read would cost as much as the read, so an
/// eighth more or less is let pass.
fn is_off(told: Duration, left: Duration) -> bool {
    told.abs_diff(left) > left / 8
}

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.arm_reading()?;
        match &mut self.socket {
            Socket::Tcp(tcp) => tcp.read(buf),
            Socket::Unix(unix) => unix.read(buf),
        }
        .map_err(timed_out)
    }
}

impl Write for Timed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.arm_writing()?;
        match &mut self.socket {
            Socket::Tcp(tcp) => tcp.write(buf),
            Socket::Unix(unix) => unix.write(buf),
        }
        .map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One word for a limit that was reached: the system says "would block".
fn timed_out(e: io::Error) -> io::Error {
    if e.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { e }
}

/// The addresses of `host`. The system's lookup knows no time limit, so it is left behind when it takes too long.
pub(super) fn lookup(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if UNDER_WAY.fetch_add(1, Ordering::Relaxed) >= MAX_LOOKUPS {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        return Err(io::Error::new(ErrorKind::TimedOut, "name lookups do not come back"));
    }
    let (tx, rx) = mpsc::sync_channel(1);
    let name = host.to_owned();
    let started = thread::Builder::new().name("lookup".into()).spawn(move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        // Nobody waits any more when it took too long.
        let _ = tx.send(found);
    });
    if let Err(e) = started {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        return Err(e);
    }
    match rx.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Ok(Ok(_)) => Err(io::Error::new(ErrorKind::NotFound, format!("{host} has no address"))),
        Ok(Err(e)) => Err(io::Error::new(ErrorKind::NotFound, format!("cannot look up {host}: {e}"))),
        Err(_) => Err(io::Error::new(ErrorKind::TimedOut, format!("looking up {host} took too long"))),
    }
}

/// Connects to the first address that takes it; each has its share of the time.
fn tcp(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let addresses = lookup(host, port, deadline)?;
    let mut failed = io::Error::from(ErrorKind::TimedOut);
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / (addresses.len() - at) as u32;
        if share.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(e) => failed = e,
        }
    }
    Err(failed)
}

/// Connects to a socket. A server that stands still takes no more connections once its queue is full.
#[cfg(target_os = "linux")]
fn unix(path: &Path, deadline: Instant) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt};
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(left))?;
    connect(&socket, &SocketAddrUnix::new(path)?).map_err(|e| timed_out(e.into()))?;
    Ok(UnixStream::from(socket))
}

#[cfg(not(target_os = "linux"))]
fn unix(path: &Path, _: Instant) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

fn handshake(
    place: &Place,
    tls: &Tls,
    host: &str,
    mut timed: Timed,
) -> Result<StreamOwned<ClientConnection, Timed>, StoreError> {
    let address = place.to_string();
    let mut connection = tls.connection(&address, host)?;
    while connection.is_handshaking() {
        if let Err(e) = connection.complete_io(&mut timed) {
            return Err(match tls::fault(&e) {
                Some(fault) => tls::explain(&address, fault),
                None if e.kind() == ErrorKind::TimedOut => {
                    StoreError::new(FailureClass::TimedOut, &address, "no answer to the TLS handshake in time")
                        .hinting("does it speak TLS (tls-port)? A plain server may wait for more; then write redis://")
                }
                None if e.kind() == ErrorKind::UnexpectedEof || e.kind() == ErrorKind::ConnectionReset => {
                    StoreError::new(FailureClass::Settings, &address, "it closed the connection in the TLS handshake")
                        .hinting("does it speak TLS (tls-port)? For a plain server write redis://")
                }
                None => StoreError::from_io(&address, &e),
            });
        }
    }
    Ok(StreamOwned::new(connection, timed))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, os::unix::net::UnixListener};

    use super::*;
    use crate::settings;

    /// Whoever waits for ever is found by the test's own end; the bound is wide, as machines may be slow.
    fn bounded<T>(limit: Duration, f: impl FnOnce(Instant) -> T) -> T {
        let start = Instant::now();
        let result = f(start + limit);
        assert!(start.elapsed() < limit + Duration::from_secs(20), "{:?}", start.elapsed());
        result
    }

    #[test]
    fn a_server_that_accepts_and_says_nothing_holds_up_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = Place::Tcp("127.0.0.1".into(), listener.local_addr().expect("its address").port());
        let tls = Tls::load(&settings::Tls::default()).expect("the system's certificates");
        let limit = Duration::from_millis(300);
        let failed = bounded(limit, |deadline| Stream::open(&place, Some(&tls), deadline)).err().expect("no handshake");
        assert_eq!(failed.class, FailureClass::TimedOut, "{failed}");
        assert!(failed.to_string().contains("TLS handshake"), "{failed}");
        let read = bounded(limit, |deadline| Stream::open(&place, None, deadline).expect("a stream").read(&mut [0]));
        assert_eq!(read.expect_err("nothing to read").kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_server_that_drips_holds_up_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = Place::Tcp("127.0.0.1".into(), listener.local_addr().expect("its address").port());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let ended = bounded(Duration::from_millis(300), |deadline| {
            let mut stream = Stream::open(&place, None, deadline).expect("a stream");
            io::copy(&mut stream, &mut io::sink())
        });
        assert_eq!(ended.expect_err("it never ends by itself").kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn an_address_that_swallows_everything_holds_up_nobody() {
        use rustix::net::{AddressFamily, Ipv4Addr, SocketAddrV4, SocketType, bind, getsockname, listen, socket};
        // Once the queue of a listener is full, the system drops what comes, as a black hole does.
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a listener");
        bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listen(&listener, 0).expect("it listens");
        let address = SocketAddrV4::try_from(getsockname(&listener).expect("its address")).expect("an IPv4 address");
        let place = Place::Tcp(address.ip().to_string(), address.port());
        let mut held = Vec::new();
        let failed = loop {
            match bounded(Duration::from_millis(300), |deadline| Stream::open(&place, None, deadline)) {
                Ok(stream) => held.push(stream),
                Err(e) => break e,
            }
            assert!(held.len() < 100, "its queue has no end");
        };
        assert_eq!(failed.class, FailureClass::TimedOut, "{failed}");
    }

    #[test]
    fn a_full_queue_holds_up_nobody() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s");
        let _listener = UnixListener::bind(&path).expect("a socket");
        let place = Place::Unix(path);
        let mut held = Vec::new();
        let failed = loop {
            match bounded(Duration::from_millis(200), |deadline| Stream::open(&place, None, deadline)) {
                Ok(stream) => held.push(stream),
                Err(e) => break e,
            }
            assert!(held.len() < 100_000, "its queue has no end");
        };
        assert_eq!(failed.class, FailureClass::TimedOut, "{failed}");
    }

    #[test]
    fn names() {
        let deadline = Instant::now() + Duration::from_secs(20);
        assert_eq!(lookup("::1", 7, deadline).expect("an address")[0].to_string(), "[::1]:7");
        assert!(!lookup("localhost", 7, deadline).expect("an address").is_empty());
        assert!(lookup("no-such-host.invalid", 7, deadline).is_err());
        assert_eq!(Place::Tcp("::1".into(), 7).to_string(), "[::1]:7");
    }
}
