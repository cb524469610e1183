//! Telemetry: how the process tells what it does. It must not know what is told.

mod budget;
mod logging;
pub mod metrics;
pub mod traces;

pub use budget::Budget;
pub use logging::init;
