//! SIGTERM and SIGINT as a value. It must not know what stops.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::info;

/// A value that turns true at the first SIGTERM or SIGINT. A second one ends the process at once.
///
/// # Errors
/// When the handlers cannot be set up.
pub fn stop_on_signal() -> std::io::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (tx, rx) = watch::channel(false);
    tokio::spawn(async move {
        for again in [false, true] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if again {
                #[expect(clippy::exit, reason = "whoever asks twice wants it to end now, whatever hangs")]
                std::process::exit(130);
            }
            info!(signal = name, "stopping");
            tx.send_replace(true);
        }
    });
    Ok(rx)
}
