//! Telemetry: how the process tells what it does. It must not know what is told.

mod logging;
pub mod metrics;

pub use logging::init;
