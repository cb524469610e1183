//! Logging to standard error by tracing-subscriber: pretty on a terminal, JSON elsewhere, or as asked for. It must not
//! know who logs.

use std::{io, io::IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::{Log, LogFormat};

/// Sets the process's logging up; a second call changes nothing.
///
/// # Errors
/// When `level` is no filter (`info`, `debug`, `ralphext::sources=debug,info`).
pub fn init(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&log.level).map_err(|e| {
        format!("log.level {:?} is no level: {e}\nhint: write error, warn, info, debug or trace", log.level)
    })?;
    let terminal = io::stderr().is_terminal();
    let pretty = match log.format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let registry = tracing_subscriber::registry().with(filter);
    // An error means that a subscriber is set already: tests, or a second call.
    let _ = if pretty {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        registry.with(fmt::layer().with_writer(io::stderr).with_ansi(colour).with_target(false)).try_init()
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()
    };
    Ok(())
}
