//! One way of one connection through the proxy: what is passed on, when, and the traps on it. It must not open or end
//! connections.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{ReadHalf, WriteHalf},
    sync::watch,
};

use super::{Rules, Shared};

/// Bytes passed on in one step.
const CHUNK: usize = 16 * 1024;

/// One of the two ways through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// How a connection ends, for both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At once, as when a host dies and comes back (RST).
    Reset,
    /// In order, as when a process ends (FIN); what was passed on before arrives.
    Close,
}

/// What happens at the place that a trap is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The connection ends.
    Cut(Cut),
    /// The rest waits for [`Proxy::release`].
    Hold,
}

/// Where on which way something happens.
#[derive(Debug)]
pub(super) struct Trap {
    pub(super) way: Way,
    pub(super) at: Vec<u8>,
    pub(super) further: usize,
    pub(super) act: Act,
}

/// Resolves when there is no partition.
pub(super) async fn unstalled(rules: &mut watch::Receiver<Rules>) {
    // The guard that it gives must not be held over an await.
    drop(rules.wait_for(|rules| !rules.stalled).await);
}

/// Passes on until the sender has ended; its end is passed on too.
pub(super) async fn pump(mut from: ReadHalf<'_>, to: WriteHalf<'_>, way: Way, shared: &Shared) -> Result<(), Cut> {
    let mut rules = shared.rules.subscribe();
    let mut buffer = vec![0; CHUNK];
    let mut passage = Passage { to, way, shared, kept: Vec::new(), left: None };
    let mut lost = false;
    loop {
        unstalled(&mut rules).await;
        let rate = rules.borrow().rate;
        let most = rate.map_or(CHUNK, |rate| (rate as usize / 50).clamp(1, CHUNK));
        let count = from.read(&mut buffer[..most]).await.map_err(|_| Cut::Reset)?;
        // A partition that began while this was waited for.
        unstalled(&mut rules).await;
        if count == 0 {
            return passage.end().await.map_err(|_| Cut::Reset);
        }
        let (delay, swallowed) = { (rules.borrow().delay, rules.borrow().swallowed) };
        let slow = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(count as f64 / f64::from(rate)));
        if !(delay + slow).is_zero() {
            tokio::time::sleep(delay + slow).await;
        }
        lost |= swallowed == Some(way);
        if !lost {
            passage.pass(&buffer[..count]).await?;
        }
    }
}

/// One way of one connection, with the traps on it.
struct Passage<'a> {
    to: WriteHalf<'a>,
    way: Way,
    shared: &'a Shared,
    /// The beginning of what a trap waits for, when it came apart.
    kept: Vec<u8>,
    /// Bytes to be passed on before a trap on this way acts.
    left: Option<(usize, Act)>,
}

impl Passage<'_> {
    async fn pass(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        let mut data = std::mem::take(&mut self.kept);
        data.extend_from_slice(bytes);
        if self.left.is_none() {
            self.look(&mut data);
        }
        if let Some((left, act)) = self.left {
            if data.len() < left {
                self.left = Some((left - data.len(), act));
            } else {
                self.left = None;
                let rest = data.split_off(left);
                self.write(&data).await?;
                self.act(act).await?;
                data = rest;
            }
        }
        self.write(&data).await
    }

    /// Looks for the place of a trap; takes what may be its beginning off the end of `data`.
    fn look(&mut self, data: &mut Vec<u8>) {
        let mut trap = self.shared.trap.lock().expect("the trap");
        let Some(set) = trap.take_if(|trap| trap.way == self.way) else { return };
        let found =
            if set.at.is_empty() { Some(0) } else { data.windows(set.at.len()).position(|part| part == set.at) };
        if let Some(at) = found {
            self.left = Some((at + set.further, set.act));
            return;
        }
        let longest = (1..set.at.len()).rev().find(|len| data.ends_with(&set.at[..*len])).unwrap_or(0);
        self.kept = data.split_off(data.len() - longest);
        *trap = Some(set);
    }

    async fn act(&self, act: Act) -> Result<(), Cut> {
        self.shared.sprung.fetch_add(1, Relaxed);
        match act {
            Act::Cut(how) => Err(how),
            Act::Hold => {
                let mut releases = self.shared.releases.subscribe();
                let held = Held::begin(&self.shared.held);
                drop(releases.changed().await);
                drop(held);
                Ok(())
            }
        }
    }

    async fn write(&mut self, data: &[u8]) -> Result<(), Cut> {
        self.to.write_all(data).await.map_err(|_| Cut::Reset)
    }

    async fn end(&mut self) -> io::Result<()> {
        let kept = std::mem::take(&mut self.kept);
        self.to.write_all(&kept).await?;
        self.to.shutdown().await
    }
}

/// Says that something is held back, for as long as it lives: a connection may end meanwhile.
struct Held<'a>(&'a AtomicBool);

impl<'a> Held<'a> {
    fn begin(flag: &'a AtomicBool) -> Self {
        flag.store(true, Relaxed);
        Self(flag)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}
