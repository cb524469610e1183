//! That the proxy does what it is told, and nothing else, to plain connections.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::harness::{Act, Cut, Proxy, Way, eventually};

/// A server that sends back what it gets, and remembers it for each connection.
struct Echo {
    port: u16,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let all = heard.clone();
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let Ok(mut stream) = stream else { return };
                all.lock().expect("heard").push(Vec::new());
                let all = all.clone();
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        all.lock().expect("heard")[at].extend_from_slice(&buffer[..count]);
                        if stream.write_all(&buffer[..count]).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, heard }
    }

    /// How many connections there were.
    fn connections(&self) -> usize {
        self.heard.lock().expect("heard").len()
    }

    /// What came over the connection `at`, once it is `count` bytes.
    fn heard(&self, at: usize, count: usize) -> Vec<u8> {
        let now = || self.heard.lock().expect("heard").get(at).cloned().unwrap_or_default();
        eventually("the server hears so much", || now().len() >= count);
        // What should not come would come now.
        std::thread::sleep(Duration::from_millis(100));
        now()
    }
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).expect("the proxy listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    stream
}

fn says(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).expect("it is taken");
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).expect("it comes back");
    assert_eq!(back, text);
}

fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a time limit");
    let read = stream.read(&mut [0; 16]);
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    read.is_err_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn every_byte_comes_through_as_it_is() {
    let server = Echo::start();
    let proxy = Proxy::to_port(server.port);
    let mut rng = fastrand::Rng::with_seed(7);
    let bytes: Vec<u8> = (0..200_000).map(|_| rng.u8(..)).collect();
    for rule in 0..3 {
        match rule {
            1 => proxy.throttle(2_000_000),
            2 => {
                proxy.heal();
                proxy.delay(Duration::from_millis(2));
                // One that never comes by: all is searched for it.
                proxy.trap(Way::Up, b"no such bytes", 0, Act::Hold);
            }
            _ => {}
        }
        let mut stream = connect(&proxy);
        let (mut sends, all) = (stream.try_clone().expect("a second handle"), bytes.clone());
        let sender = std::thread::spawn(move || sends.write_all(&all));
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).expect("it comes back");
        assert!(back == bytes, "rule {rule}");
        sender.join().expect("the sender").expect("all is sent");
    }
}

#[test]
fn ends_are_told_as_they_are() {
    let server = Echo::start();
    let proxy = Proxy::to_port(server.port);
    for how in [Cut::Reset, Cut::Close] {
        let at = server.connections();
        let mut stream = connect(&proxy);
        says(&mut stream, b"hello");
        proxy.cut(how);
        match (how, stream.read(&mut [0; 16])) {
            (Cut::Close, Ok(0)) => {}
            (Cut::Reset, Err(e)) if e.kind() == ErrorKind::ConnectionReset => {}
            (how, other) => panic!("{how:?} gave {other:?}"),
        }
        assert_eq!(server.heard(at, 5), b"hello");
    }
    let stream = connect(&proxy);
    drop(stream);
    says(&mut connect(&proxy), b"still there");

    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let closed = Proxy::to_port(nobody);
    assert!(connect(&closed).read(&mut [0; 16]).is_err(), "nobody listens there");
}

#[test]
fn a_partition_loses_nothing_and_a_half_open_connection_never_recovers() {
    let server = Echo::start();
    let proxy = Proxy::to_port(server.port);
    let mut stream = connect(&proxy);
    says(&mut stream, b"before");
    proxy.stall();
    stream.write_all(b"meanwhile").expect("the kernel takes it");
    assert!(is_silent(&mut stream));
    assert_eq!(server.heard(0, 0), b"before");
    proxy.heal();
    let mut back = [0; 9];
    stream.read_exact(&mut back).expect("it comes back");
    assert_eq!((&back, server.heard(0, 15)), (b"meanwhile", b"beforemeanwhile".to_vec()));

    for way in [Way::Up, Way::Down] {
        let at = server.connections();
        let mut stream = connect(&proxy);
        says(&mut stream, b"before");
        proxy.swallow(way);
        stream.write_all(b"lost").expect("the kernel takes it");
        assert!(is_silent(&mut stream));
        proxy.heal();
        stream.write_all(b"after").expect("the kernel takes it");
        assert!(is_silent(&mut stream), "{way:?}: what follows lost bytes would be garbage");
        let heard = server.heard(at, 6);
        assert_eq!(heard, if way == Way::Up { b"before".to_vec() } else { b"beforelostafter".to_vec() });
        says(&mut connect(&proxy), b"a new one");
    }
}

#[test]
fn a_trap_acts_at_its_place_to_the_byte() {
    let server = Echo::start();
    let proxy = Proxy::to_port(server.port);
    let mut stream = connect(&proxy);
    says(&mut stream, b"before");
    proxy.trap(Way::Up, b"EXEC", 0, Act::Hold);
    for piece in [&b"MULTI EXE"[..], b"CUTE E", b"X", b"EC and the rest"] {
        stream.write_all(piece).expect("it is taken");
        std::thread::sleep(Duration::from_millis(50));
    }
    proxy.wait_until_held();
    assert_eq!(server.heard(0, 0), b"beforeMULTI ");
    proxy.release();
    assert_eq!(server.heard(0, 37), b"beforeMULTI EXECUTE EXEC and the rest");
    assert!(!proxy.is_held());
    assert_eq!(proxy.sprung(), 1);

    for further in [0, 3, 9] {
        let at = server.connections();
        let mut stream = connect(&proxy);
        says(&mut stream, b"before");
        proxy.trap(Way::Up, b"MULTI", further, Act::Cut(Cut::Close));
        stream.write_all(b"MULTI and more").expect("it is taken");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the end");
        assert_eq!(server.heard(at, 6 + further), b"beforeMULTI and more"[..6 + further]);
    }
    let mut stream = connect(&proxy);
    proxy.trap(Way::Down, b"", 2, Act::Hold);
    stream.write_all(b"hello").expect("it is taken");
    proxy.wait_until_held();
    let mut back = [0; 2];
    stream.read_exact(&mut back).expect("it comes back");
    assert!(back == *b"he" && is_silent(&mut stream));
    proxy.cut(Cut::Reset);
    eventually("what is cut is not held", || !proxy.is_held());
}
