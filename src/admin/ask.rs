//! Asks a running process what its services are doing. It must not fail: who does not answer has nothing to say.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use super::Readiness;
use crate::settings::Listen;

/// Longest answer that is read.
const ANSWER_MAX: u64 = 4 << 20;

/// What the process that listens on `listen` of this host says within `limit`; none if there is none, or something else.
pub fn ask(listen: Listen, limit: Duration) -> Option<Readiness> {
    let Listen::At(address) = listen else { return None };
    let address = reachable(address)?;
    let deadline = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_write_timeout(Some(limit)).ok()?;
    // 1.0, so that the answer ends with the connection.
    stream.write_all(format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).ok()?;
    let (mut answer, mut part) = (Vec::new(), [0; 8192]);
    loop {
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut part).ok()? {
            0 => break,
            read => answer.extend_from_slice(&part[..read]),
        }
        if answer.len() as u64 > ANSWER_MAX {
            return None;
        }
    }
    let text = String::from_utf8(answer).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}

/// The address to connect to for one that was listened on; none while the port is not known.
fn reachable(listen: SocketAddr) -> Option<SocketAddr> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (listen.port() != 0).then(|| SocketAddr::new(ip, listen.port()))
}

#[cfg(test)]
mod tests {
    use std::{io::BufRead, net::TcpListener, thread};

    use super::*;

    fn answer(text: &'static [u8]) -> Option<Readiness> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let head = std::io::BufReader::new(&stream).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            (&stream).write_all(text).unwrap();
        });
        let asked = ask(Listen::At(address), Duration::from_secs(30));
        server.join().unwrap();
        asked
    }

    #[test]
    fn only_what_is_meant_is_understood() {
        let sound = b"HTTP/1.0 200 OK\r\n\r\n{\"ready\":true,\"reasons\":[],\"version\":\"1\",\"services\":{}}";
        assert!(answer(sound).is_some_and(|readiness| readiness.ready));
        assert_eq!(answer(b"HTTP/1.0 200 OK\r\n\r\n<html>"), None);
        assert_eq!(answer(b"\xff\xfe"), None);
        assert_eq!(answer(b""), None);
        assert_eq!(ask(Listen::Off, Duration::from_secs(1)), None);
        assert_eq!(ask("127.0.0.1:0".parse().unwrap(), Duration::from_secs(1)), None);
    }

    #[test]
    fn a_listener_that_says_nothing_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(ask(Listen::At(listener.local_addr().unwrap()), Duration::from_millis(100)), None);
    }
}
