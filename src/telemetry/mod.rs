//! Telemetry: how the process tells what it does. It must not know what is told.

mod logging;

pub use logging::init;
