//! The listener and its connections, all of it bounded. It must not know what is served.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::{pipeline::stopped, settings::Listen};

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long a request's head may take, also the next one's on a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest head of a request in bytes. There are no bodies.
const HEAD_MAX: usize = 16 << 10;
/// How long a connection may live, whatever it does: a reader that stands still must not keep a place for ever.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long an answer under way may take once the connection is to end.
const LAST_ANSWER: Duration = Duration::from_secs(1);

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen} (admin.listen): {cause}\nhint: {hint}")]
pub struct AdminError {
    listen: Listen,
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
        Self { listen, cause, hint }
    }
}

/// A socket that is bound and not served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds the socket; none where nothing is to be listened on.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(listen: Listen) -> Result<Option<Self>, AdminError> {
        let Listen::At(address) = listen else { return Ok(None) };
        let bound = async {
            let socket = TcpListener::bind(address).await?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address })
        };
        bound.await.map(Some).map_err(|e| AdminError::new(listen, e))
    }

    /// Where it is bound; with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
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
                        connections.spawn(connection(stream, pages.clone(), end.clone(), place));
                    }
                    Err(e) => {
                        // No descriptors left, mostly: the next one may find some.
                        if !std::mem::replace(&mut told, true) {
                            warn!(error = %e, "cannot accept connections for probes and metrics");
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

    async fn accept(&self, places: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
        // It is never closed.
        let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (stream, _) = self.socket.accept().await?;
        Ok((stream, place))
    }
}

async fn connection(stream: TcpStream, pages: Router, mut end: watch::Receiver<bool>, _place: OwnedSemaphorePermit) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        () = stopped(&mut end) => None,
        () = sleep(LIFETIME) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            timeout(LAST_ANSWER, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(e) = ended {
        debug!(error = %e, "a connection for probes or metrics ended early");
    }
}
