//! A real HTTP server that answers as a test says, on any port, plain or with TLS: also halves, lies, and nothing at all. It
//! must not know what is tested.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use super::{DEADLINE, Pki};

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub head: BTreeMap<String, String>,
    /// Its body, where its length is told.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of a header; empty without it.
    pub fn header(&self, name: &str) -> &str {
        self.head.get(name).map_or("", String::as_str)
    }

    /// The number in a parameter of the query; 0 without it.
    pub fn number(&self, name: &str) -> usize {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// One answer.
pub struct Reply {
    status: u16,
    head: Vec<(String, String)>,
    body: Body,
}

/// How a body is sent.
pub enum Body {
    /// As it should be.
    Whole(Vec<u8>),
    /// The head says that it is longer by so many bytes.
    Cut(Vec<u8>, usize),
    /// Chunked, and without its end.
    Chunked(Vec<u8>),
    /// This, again and again, until nobody takes it any more.
    Endless(Vec<u8>),
    /// The first part, a pause, and the second one.
    Paused(Vec<u8>, Duration, Vec<u8>),
    /// This, and then nothing, with the connection open.
    Stalled(Vec<u8>),
    /// Not even a head: the connection is closed.
    None,
}

impl Reply {
    /// 200 with a JSON body.
    pub fn json(text: impl Into<String>) -> Self {
        Self::of(200, "application/json", Body::Whole(text.into().into_bytes()))
    }

    /// With this status, type and body.
    pub fn of(status: u16, content_type: &str, body: Body) -> Self {
        Self { status, head: vec![("Content-Type".into(), content_type.into())], body }
    }

    /// A status and a few words.
    pub fn status(status: u16) -> Self {
        Self::of(status, "text/plain", Body::Whole(b"see the status".to_vec()))
    }

    /// With one header more.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.head.push((name.into(), value.into()));
        self
    }
}

type Handler = dyn Fn(&Asked) -> Reply + Send + Sync;

/// See the module.
pub struct Web {
    port: u16,
    seen: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    scheme: &'static str,
}

impl Web {
    /// Answers every request as `handler` says.
    pub fn start(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::bind(Arc::new(handler), None)
    }

    /// The same with TLS and the certificate that `pki` gave the server; `mutual`: clients have to show one, too.
    pub fn tls(pki: &Pki, mutual: bool, handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::bind(Arc::new(handler), Some(Arc::new(server_config(pki, mutual))))
    }

    fn bind(handler: Arc<Handler>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (seen, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (log, ended) = (seen.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let (handler, log, ended, tls) = (handler.clone(), log.clone(), ended.clone(), tls.clone());
                thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(DEADLINE));
                    let _ = stream.set_nodelay(true);
                    // Who breaks off is what some tests are about.
                    let _ = match tls {
                        None => serve(stream, &*handler, &log, &ended),
                        Some(config) => match ServerConnection::new(config) {
                            Ok(connection) => serve(StreamOwned::new(connection, stream), &*handler, &log, &ended),
                            Err(e) => Err(std::io::Error::other(e)),
                        },
                    };
                });
            }
        });
        Self { port, seen, stop, scheme }
    }

    /// The address of `path` on it.
    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Asked> {
        self.seen.lock().expect("the log").clone()
    }

    /// The paths that were asked for so far.
    pub fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|asked| asked.path).collect()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener up.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// One request, one answer, one connection.
fn serve(
    stream: impl Read + Write,
    handler: &Handler,
    log: &Mutex<Vec<Asked>>,
    ended: &AtomicBool,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut head = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        head.insert(name.to_lowercase(), value.to_owned());
    }
    let length = head.get("content-length").and_then(|text: &String| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked = Asked { path, head, body };
    log.lock().expect("the log").push(asked.clone());
    let reply = handler(&asked);
    send(reader.get_mut(), reply, ended)
}

fn send(out: &mut impl Write, reply: Reply, ended: &AtomicBool) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {} Status\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.head {
        write!(text, "{name}: {value}\r\n").expect("a text");
    }
    let empty = reply.status == 304 || reply.status == 204;
    match &reply.body {
        Body::None => return Ok(()),
        Body::Whole(body) if !empty => write!(text, "Content-Length: {}\r\n", body.len()),
        Body::Cut(body, more) => write!(text, "Content-Length: {}\r\n", body.len() + more),
        Body::Paused(first, _, second) => write!(text, "Content-Length: {}\r\n", first.len() + second.len()),
        Body::Chunked(_) => write!(text, "Transfer-Encoding: chunked\r\n"),
        Body::Stalled(_) => write!(text, "Content-Length: 1000000\r\n"),
        _ => Ok(()),
    }
    .expect("a text");
    out.write_all(format!("{text}\r\n").as_bytes())?;
    match reply.body {
        Body::Whole(body) if !empty => out.write_all(&body)?,
        Body::Cut(body, _) => out.write_all(&body)?,
        Body::Chunked(body) => {
            out.write_all(format!("{:x}\r\n", body.len()).as_bytes())?;
            out.write_all(&body)?;
            out.write_all(b"\r\n")?;
        }
        Body::Endless(body) => {
            while !ended.load(Ordering::Relaxed) {
                out.write_all(&body)?;
            }
        }
        Body::Paused(first, pause, second) => {
            out.write_all(&first)?;
            out.flush()?;
            thread::sleep(pause);
            out.write_all(&second)?;
        }
        Body::Stalled(body) => {
            out.write_all(&body)?;
            out.flush()?;
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
            }
        }
        _ => {}
    }
    out.flush()
}

fn server_config(pki: &Pki, mutual: bool) -> ServerConfig {
    let certificates = |path| -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(path).expect("a file").map(|c| c.expect("a certificate")).collect()
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let builder = if mutual {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(pki.ca()));
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let pair = pki.server();
    let key = PrivateKeyDer::from_pem_file(pair.key).expect("a key");
    builder.with_single_cert(certificates(pair.cert), key).expect("a pair")
}
