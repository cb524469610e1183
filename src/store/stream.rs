//! A byte stream whose reads and writes end by a deadline, plain or through TLS. It must not know how it was opened, nor
//! Redis' protocol.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use rustls::{ClientConnection, StreamOwned};

use super::tls;

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
    pub(super) fn plain(timed: Timed) -> Self {
        Self { channel: Channel::Plain(timed), fault: None }
    }

    /// Through TLS, after the handshake.
    pub(super) fn tls(connection: ClientConnection, timed: Timed) -> Self {
        Self { channel: Channel::Tls(Box::new(StreamOwned::new(connection, timed))), fault: None }
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
pub(super) struct Timed {
    socket: Socket,
    deadline: Instant,
    /// Becomes the deadline with the next read or write: most answers are there already, and asking the time costs.
    limit: Option<Duration>,
    /// What the system was told last, as limits of single reads and writes.
    reading: Duration,
    writing: Duration,
}

pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Timed {
    pub(super) fn new(socket: Socket, deadline: Instant) -> Self {
        Self { socket, deadline, limit: None, reading: Duration::ZERO, writing: Duration::ZERO }
    }

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
pub(super) fn timed_out(e: io::Error) -> io::Error {
    if e.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { e }
}
