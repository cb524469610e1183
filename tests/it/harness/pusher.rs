//! An extension that pushes: HTTP/1.1 by hand, so that a request can also be torn. It must not know what an answer means.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::DEADLINE;

trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

/// Where to push to.
#[derive(Debug, Clone)]
pub enum Pusher {
    /// A unix socket.
    Unix(PathBuf),
    /// An address on loopback.
    Tcp(String),
}

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub head: String,
    pub json: Value,
}

impl Answered {
    /// Panics unless the status is this.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.status == status, "{status} was expected: {self:?}");
        self
    }

    /// Panics unless each name of the answer has its count.
    #[track_caller]
    pub fn counts(self, wanted: &[(&str, u64)]) -> Self {
        for (name, count) in wanted {
            assert!(self.json[name].as_u64() == Some(*count), "{name} should be {count}: {self:?}");
        }
        self
    }
}

impl Pusher {
    fn connect(&self) -> io::Result<Box<dyn Wire>> {
        Ok(match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path as &Path)?;
                stream.set_read_timeout(Some(DEADLINE))?;
                stream.set_write_timeout(Some(DEADLINE))?;
                Box::new(stream)
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(DEADLINE))?;
                stream.set_write_timeout(Some(DEADLINE))?;
                Box::new(stream)
            }
        })
    }

    /// Whether somebody listens.
    pub fn is_there(&self) -> bool {
        self.connect().is_ok()
    }

    /// One request with its answer; `headers` are whole lines.
    #[track_caller]
    pub fn ask(&self, request: &str, headers: &[&str], body: &[u8]) -> Answered {
        self.try_ask(request, headers, body).unwrap_or_else(|e| panic!("{request}: {e}"))
    }

    /// As [`Pusher::ask`], where the other side may go away at any moment.
    pub fn try_ask(&self, request: &str, headers: &[&str], body: &[u8]) -> io::Result<Answered> {
        let torn = |answer: &str| io::Error::other(format!("no answer: {answer:?}"));
        let mut wire = self.connect()?;
        let mut text =
            format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        headers.iter().for_each(|line| text.push_str(&format!("{line}\r\n")));
        wire.write_all(format!("{text}\r\n").as_bytes())?;
        // Refused early, it may close before it has read everything.
        let _ = wire.write_all(body);
        let mut answer = Vec::new();
        // Whatever it did after an answer.
        let _ = wire.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| torn(&answer))?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| torn(&answer))?;
        let json = serde_json::from_str(body).map_err(|_| torn(&answer))?;
        Ok(Answered { status, head: head.to_owned(), json })
    }

    /// A connection for many requests.
    pub fn line(&self) -> io::Result<Line> {
        Ok(Line(BufReader::new(self.connect()?)))
    }

    /// `PUT /v1/objects/<id>` of JSON.
    #[track_caller]
    pub fn put(&self, id: &str, content: &Value) -> Answered {
        self.ask(&format!("PUT /v1/objects/{id}"), &["Content-Type: application/json"], content.to_string().as_bytes())
    }

    /// Sends the beginning of a request, and dies.
    pub fn tear(&self, beginning: &[u8]) {
        drop(self.open(beginning));
    }

    /// Sends the beginning of a request; what is returned keeps its connection open.
    pub fn open(&self, beginning: &[u8]) -> OpenSnapshot {
        let mut wire = self.connect().expect("somebody listens");
        // Refused early, it may be closed already.
        let _ = wire.write_all(beginning);
        OpenSnapshot(wire)
    }

    /// Sends a beginning and `part` so many times, stands still for a while, and dies.
    pub fn tear_slowly(&self, beginning: &[u8], part: &[u8], times: usize, still: std::time::Duration) {
        let mut wire = self.connect().expect("somebody listens");
        let _ = wire.write_all(beginning);
        let _ = (0..times).try_for_each(|_| wire.write_all(part));
        std::thread::sleep(still);
    }

    /// A whole snapshot, in chunks as it comes.
    #[track_caller]
    pub fn snapshot(&self, lines: &str) -> Answered {
        self.ask("POST /v1/snapshot", &[], lines.as_bytes())
    }

    /// The beginning of a snapshot, which the sidecar has begun to take; its body stands open.
    pub fn open_snapshot(&self, lines: &str) -> OpenSnapshot {
        let mut wire = self.connect().expect("somebody listens");
        let head =
            "POST /v1/snapshot HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
        wire.write_all(head.as_bytes()).expect("the head");
        let mut go_on = [0; 25];
        wire.read_exact(&mut go_on).expect("an answer");
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        wire.write_all(format!("{:x}\r\n{lines}\r\n", lines.len()).as_bytes()).expect("the beginning");
        OpenSnapshot(wire)
    }
}

/// A connection that is kept for many requests, one after the other.
pub struct Line(BufReader<Box<dyn Wire>>);

impl Line {
    /// `PUT /v1/objects/<id>` of JSON; the answer's status.
    pub fn put(&mut self, id: &str, content: &str) -> io::Result<u16> {
        let text = format!(
            "PUT /v1/objects/{id} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{content}",
            content.len()
        );
        self.0.get_mut().write_all(text.as_bytes())?;
        let (mut status, mut len, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let lower = line.trim_end().to_ascii_lowercase();
            match (lower.strip_prefix("http/1.1 "), lower.strip_prefix("content-length: ")) {
                (Some(rest), _) => status = rest.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0),
                (_, Some(count)) => len = count.parse().unwrap_or(0),
                _ if lower.is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; len];
        self.0.read_exact(&mut body)?;
        Ok(status)
    }
}

/// A request whose body has not ended.
pub struct OpenSnapshot(Box<dyn Wire>);

impl OpenSnapshot {
    /// Ends the body, and reads the answer's status.
    pub fn end(mut self, lines: &str) -> u16 {
        self.0.write_all(format!("{:x}\r\n{lines}\r\n0\r\n\r\n", lines.len()).as_bytes()).expect("the end");
        let mut answer = [0; 12];
        self.0.read_exact(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer[9..12]).parse().expect("a status")
    }
}
