//! Listeners and their connections, all of it bounded. It must not know what is served.

use std::{
    fs::{self, Permissions},
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::{
    pipeline::stopped,
    settings::{Listen, ListenPlace},
};

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long a request's head may take, also the next one's on a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest head of a request in bytes.
const HEAD_MAX: usize = 16 << 10;
/// How long a connection for probes and metrics may live, whatever it does: a reader that stands still must not keep a
/// place for ever.
const LIFETIME: Duration = Duration::from_secs(300);
/// The same for one that pushes, as a whole snapshot may come at the pace of Redis; or that listens to changes.
const LONG_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long an answer under way may take once the connection is to end.
const LAST_ANSWER: Duration = Duration::from_secs(1);

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen} ({key}): {cause}\nhint: {hint}")]
pub struct AdminError {
    listen: String,
    key: &'static str,
    cause: io::Error,
    hint: &'static str,
}

impl AdminError {
    fn new(listen: Listen, cause: io::Error) -> Self {
        let hint = match cause.kind() {
            io::ErrorKind::AddrInUse => {
                "something listens there already, another ralphext perhaps: give this one a port of its own \
                 (admin.listen = \"0.0.0.0:9783\"), any free one (port 0), or none (\"off\")"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose a higher one",
            io::ErrorKind::AddrNotAvailable => "it is no address of this host; 0.0.0.0 stands for all of them",
            _ => "choose another admin.listen, or \"off\"",
        };
        Self { listen: listen.to_string(), key: "admin.listen", cause, hint }
    }

    fn at(listen: &ListenPlace, key: &'static str, cause: io::Error) -> Self {
        let hint = match cause.kind() {
            io::ErrorKind::AddrInUse => {
                "something listens there already, another ralphext perhaps: give each an address of its own"
            }
            io::ErrorKind::NotFound => "its directory has to be there, or be one that this user may make",
            io::ErrorKind::PermissionDenied => "let this user write to its directory, or choose another one",
            _ => "choose another place",
        };
        Self { listen: listen.to_string(), key, cause, hint }
    }
}

/// A socket that is bound and not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: String,
    lifetime: Duration,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    /// With its file, which goes when this does.
    Unix(UnixListener, #[expect(dead_code, reason = "held for its end")] SocketFile),
}

/// The file of a unix socket, gone with it.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Whoever listens there next replaces it.
        let _ = fs::remove_file(&self.0);
    }
}

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    /// Binds the socket for probes and metrics; none where nothing is to be listened on.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(listen: Listen) -> Result<Option<Self>, AdminError> {
        let Listen::At(address) = listen else { return Ok(None) };
        let bound = tcp(address, LIFETIME).await;
        bound.map(Some).map_err(|e| AdminError::new(listen, e))
    }

    /// Binds the socket that a `push` source listens on. A unix socket is for this user and its group (mode 0660).
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind_push(listen: &ListenPlace) -> Result<Self, AdminError> {
        Self::bind_at(listen, "source.listen").await
    }

    /// The same for the page.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind_page(listen: &ListenPlace) -> Result<Self, AdminError> {
        Self::bind_at(listen, "admin.page_listen").await
    }

    async fn bind_at(listen: &ListenPlace, key: &'static str) -> Result<Self, AdminError> {
        let bound = match listen {
            ListenPlace::Tcp(address) => tcp(*address, LONG_LIFETIME).await,
            ListenPlace::Unix(path) => unix(path).await,
        };
        bound.map_err(|e| AdminError::at(listen, key, e))
    }

    /// Where it is bound; with the port that was chosen.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Serves `pages` until `end` turns true; then answers under way have a moment still.
    pub async fn serve(self, pages: Router, mut end: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut told = false;
        loop {
            tokio::select! {
                () = stopped(&mut end) => break,
                Some(_) = connections.join_next() => {}
                accepted = self.accept(&places) => match accepted {
                    Ok((stream, place)) => {
                        told = false;
                        connections.spawn(connection(stream, pages.clone(), end.clone(), place, self.lifetime));
                    }
                    Err(e) => {
                        // No descriptors left, mostly: the next one may find some.
                        if !std::mem::replace(&mut told, true) {
                            warn!(error = %e, address = self.address, "cannot accept connections");
                        }
                        sleep(Duration::from_millis(200)).await;
                    }
                },
            }
        }
        drop(self.socket);
        // Each ends by itself within the time for its last answer; whatever does not is dropped.
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = timeout(LAST_ANSWER * 2, all).await;
    }

    async fn accept(&self, places: &Arc<Semaphore>) -> io::Result<(Box<dyn Stream>, OwnedSemaphorePermit)> {
        // It is never closed.
        let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
        let stream: Box<dyn Stream> = match &self.socket {
            Socket::Tcp(socket) => Box::new(socket.accept().await?.0),
            Socket::Unix(socket, _) => Box::new(socket.accept().await?.0),
        };
        Ok((stream, place))
    }
}

async fn tcp(address: SocketAddr, lifetime: Duration) -> io::Result<Listener> {
    let socket = TcpListener::bind(address).await?;
    let address = socket.local_addr()?.to_string();
    Ok(Listener { socket: Socket::Tcp(socket), address, lifetime })
}

/// Binds a unix socket in place of one that nobody listens on any more.
async fn unix(path: &Path) -> io::Result<Listener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket")),
        Err(_) => {}
    }
    let socket = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    let (address, file) = (format!("unix:{}", path.display()), SocketFile(path.to_owned()));
    Ok(Listener { socket: Socket::Unix(socket, file), address, lifetime: LONG_LIFETIME })
}

async fn connection(
    stream: Box<dyn Stream>,
    pages: Router,
    mut end: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
    lifetime: Duration,
) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        () = stopped(&mut end) => None,
        () = sleep(lifetime) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            timeout(LAST_ANSWER, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(e) = ended {
        debug!(error = %e, "a connection ended early");
    }
}
