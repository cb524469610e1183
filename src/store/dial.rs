//! From an address to an open stream: names, TCP, sockets, the TLS handshake. Every wait ends by a deadline. It must not
//! know Redis' protocol.

use std::{
    fmt,
    io::{self, ErrorKind},
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

use super::{
    FailureClass, StoreError,
    stream::{Socket, Stream, Timed, timed_out},
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

/// Connects to `place`, with a TLS handshake where `tls` is given.
pub(super) fn dial(place: &Place, tls: Option<&Tls>, deadline: Instant) -> Result<Stream, StoreError> {
    let failed = |e: io::Error| explain(place, &e);
    let (host, socket) = match place {
        Place::Tcp(host, port) => (host.as_str(), Socket::Tcp(tcp(host, *port, deadline).map_err(failed)?)),
        Place::Unix(path) => ("localhost", Socket::Unix(unix(path, deadline).map_err(failed)?)),
    };
    let timed = Timed::new(socket, deadline);
    match tls {
        None => Ok(Stream::plain(timed)),
        Some(tls) => handshake(place, tls, host, timed).map_err(|e| e.in_layer("tls")),
    }
}

/// Why nothing was reached at `place`: what is not found is a name, or a socket.
fn explain(place: &Place, error: &io::Error) -> StoreError {
    let failed = StoreError::from_io(&place.to_string(), error);
    match (error.kind(), place) {
        (ErrorKind::NotFound, Place::Tcp(..)) => failed.in_layer("dns").hinting(
            "does redis.url name its host, and can this machine look names up (/etc/resolv.conf, search domains)",
        ),
        (ErrorKind::NotFound, Place::Unix(_)) => {
            failed.hinting("is the server running with this `unixsocket`, and is its directory mounted here")
        }
        _ => failed,
    }
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

fn handshake(place: &Place, tls: &Tls, host: &str, mut timed: Timed) -> Result<Stream, StoreError> {
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
    Ok(Stream::tls(connection, timed))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        os::unix::net::UnixListener,
    };

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
        let failed = bounded(limit, |deadline| dial(&place, Some(&tls), deadline)).err().expect("no handshake");
        assert_eq!(failed.class, FailureClass::TimedOut, "{failed}");
        assert!(failed.to_string().contains("TLS handshake"), "{failed}");
        let read = bounded(limit, |deadline| dial(&place, None, deadline).expect("a stream").read(&mut [0]));
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
            let mut stream = dial(&place, None, deadline).expect("a stream");
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
            match bounded(Duration::from_millis(300), |deadline| dial(&place, None, deadline)) {
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
            match bounded(Duration::from_millis(200), |deadline| dial(&place, None, deadline)) {
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
